//! Forward-auth: may the request that a proxy holds pass? What is enforced is the token's own scopes, as far as
//! the policies still permit them, and the use question with the request as its context (design §4).
//!
//! Whatever is in doubt is refused: an unknown host, a path with two spellings, a request that no route of the
//! catalog performs, a token that is not live, a policy that fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Ask;
use super::live::{LiveToken, live};
use super::usage::{self, Remembered};
use crate::app::App;
use crate::oauth::grant::GrantType;
use crate::oauth::host::RequestHost;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::request_path::RequestPath;
use crate::oauth::scope;
use crate::policy::routes::METHODS;
use crate::policy::{Decision, Found, Holds, HttpFacts, Snapshot, TokenFacts, UseQuestion};
use crate::telemetry::Event;

/// The hosts that are protected: a host in its one spelling, and the identifier of its resource (RFC 9728 §1.2).
#[derive(Clone, Debug, Default)]
pub struct Hosts(BTreeMap<RequestHost, String>);

/// The request that the proxy holds.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Which host it names.
    pub host: &'a RequestHost,
    /// Its method, as it came.
    pub method: &'a str,
    /// Its path, as it came, without query.
    pub path: &'a str,
    /// The headers that rules may read, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its bearer token; an error = there is a header that is none.
    pub token: Result<Option<&'a str>, Reject>,
}

/// Who calls, for the application behind the proxy. All of it is empty where a public route needs nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The token's client.
    pub client: String,
    /// The user behind the token; empty = a machine.
    pub user: String,
    /// What the token carries now, separated by spaces.
    pub scopes: String,
    /// The token's `jti`.
    pub token: String,
}

impl Hosts {
    /// Reads the setting: `api.example.com` is served by https, or the origin is written whole.
    ///
    /// # Errors
    /// The entry that is neither a host nor an origin.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, String> {
        let mut hosts = BTreeMap::new();
        for entry in entries {
            let entry = entry.as_ref();
            let (scheme, name) = match entry.split_once("://") {
                Some((scheme @ ("http" | "https"), name)) => (scheme, name),
                Some(_) => return Err(format!("{entry:?} is no origin of http or https")),
                None => ("https", entry),
            };
            let host = RequestHost::parse(name, Some(scheme)).ok_or_else(|| {
                format!("{entry:?} is no host such as api.example.com or http://127.0.0.1:8088")
            })?;
            let resource = format!("{scheme}://{}", host.as_str());
            hosts.insert(host, resource);
        }
        Ok(Self(hosts))
    }

    /// All of their resources.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// The resource that a host serves, if it is one of those protected.
    pub fn resource(&self, host: &RequestHost) -> Option<&str> {
        self.0.get(host).map(String::as_str)
    }
}

/// Decides about a request.
///
/// # Errors
/// The refusal, or a fault of ours: neither lets the request pass.
pub async fn judge(app: &App, ask: &Ask, hosts: &Hosts, call: Call<'_>) -> Result<Identity, Stop> {
    // 1. The request is one that everybody reads in the same way, on a host that is ours to protect.
    if hosts.resource(call.host).is_none() {
        return Err(Reject::NotHere("the host is not protected by this server").into());
    }
    let path = RequestPath::parse(call.path)
        .ok_or(Reject::Malformed("the path has more than one spelling, or none; it is not normalised"))?;
    if !METHODS.contains(&call.method) {
        return Err(Reject::Malformed("the method is not one that a route may have").into());
    }
    app.decisions.writable()?;
    // 2. Which action does it perform?
    let snapshot = app.policies.current();
    let found = snapshot.catalog().routes().find(call.host.as_str(), call.method, &path);
    // 3. Who calls? A token that came must be good, on a public route too.
    let token = call.token?;
    let Some(token) = token else {
        return match found {
            Some(found) if found.public => Ok(Identity::default()),
            _ => Err(Reject::TokenMissing.into()),
        };
    };
    let live = live(app, ask, &snapshot, token).await?.ok_or(Reject::TokenInvalid)?;
    let Some(found) = found else {
        refused(&live, "none", ask, "no_route");
        return Err(Reject::NotHere("no route of the catalog performs this request").into());
    };
    // 4. The token carries the action, and the policies permit this use of it now.
    if !found.public {
        if !live.scopes.contains(found.action) {
            refused(&live, found.action.as_str(), ask, "insufficient_scope");
            return Err(Reject::InsufficientScope(found.action.to_string()).into());
        }
        let http = || HttpFacts {
            method: call.method.to_owned(),
            path: path.as_str().to_owned(),
            params: found.params.clone(),
            headers: call.headers,
        };
        let decision = used(app, ask, &snapshot, &live, &found, http)?;
        if !decision.allowed {
            return Err(denied(&live, &found, ask, &decision));
        }
    }
    app.last_used.token(&live.row.jti, ask.now_ms);
    Ok(Identity {
        client: live.row.client_id.clone(),
        user: live.row.user_id.clone().unwrap_or_default(),
        scopes: scope::join(live.scopes.iter()),
        token: live.row.jti.clone(),
    })
}

/// Puts the use question, or answers it from memory where nothing that it depends on has changed.
fn used(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    live: &LiveToken,
    found: &Found<'_>,
    http: impl FnOnce() -> HttpFacts,
) -> Result<Arc<Decision>, Stop> {
    let remembered = Remembered { kind: live.kind.as_ref(), needed: Holds::Unstated };
    if let Some(decision) = remembered.allowed(app, ask, found.action) {
        return Ok(decision);
    }
    let http = http();
    let grant = GrantType::parse(&live.row.grant_type)
        .ok_or_else(|| Fault::Inconsistent(format!("grant type of token {}", live.row.jti)))?;
    let age_ms = ask.now_ms.saturating_sub(live.row.created_at);
    let question = UseQuestion {
        user: live.user.as_deref(),
        client: &live.client.client,
        active: live.client.active,
        action: found.action,
        token: TokenFacts { scopes: &live.scopes, grant, age_s: u64::try_from(age_ms / 1_000).unwrap_or(0) },
        now_ms: ask.now_ms,
        ip: ask.ip,
        http: Some(&http),
        stated: Default::default(),
    };
    let traced = (&question, Some(live.row.jti.as_str()));
    Ok(usage::decided(app, ask, snapshot, remembered, traced, || snapshot.decide_use_told(&question)))
}

fn denied(live: &LiveToken, found: &Found<'_>, ask: &Ask, decision: &Decision) -> Stop {
    let action = found.action.as_str();
    // A policy that failed says nothing about the caller.
    if let Some(why) = decision.errors.first() {
        refused(live, action, ask, "policy_error");
        return Fault::Policy(why.clone()).into();
    }
    let code = decision.error.as_deref().unwrap_or("access_denied");
    refused(live, action, ask, code);
    match code {
        "invalid_token" => Reject::TokenInvalid.into(),
        "insufficient_scope" => Reject::InsufficientScope(action.to_owned()).into(),
        _ => Reject::UseDenied { action: action.to_owned(), policies: decision.policies.clone() }.into(),
    }
}

fn refused(live: &LiveToken, action: &str, ask: &Ask, error: &str) {
    Event::AccessRefused {
        client: &live.row.client_id,
        user: live.row.user_id.as_deref(),
        jti: &live.row.jti,
        action,
        error,
        ip: ask.ip,
    }
    .emit();
}

/// The metadata of a protected resource (RFC 9728 §2): who issues its tokens, and what they may carry.
pub fn resource_metadata(app: &App, host: &RequestHost, resource: &str) -> serde_json::Value {
    let snapshot = app.policies.current();
    let catalog = snapshot.catalog();
    let ceiling = &snapshot.global().scopes;
    let scopes: Vec<&str> = catalog
        .actions()
        .filter(|action| !action.public && ceiling.binary_search(&action.scope).is_ok())
        .filter(|action| {
            action.routes.iter().any(|route| route.hosts.is_empty() || route.hosts.contains(host.as_str()))
        })
        .map(|action| action.scope.as_str())
        .collect();
    serde_json::json!({
        "resource": resource,
        "authorization_servers": [app.public.issuer()],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
    })
}
