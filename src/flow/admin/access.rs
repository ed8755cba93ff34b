//! What a client may get: every scope that could be asked for, with the decision and its reason.

use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::flow::clients::permitted;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{Decision, GrantFacts, GrantQuestion, PolicyInfo, Snapshot, admin};
use std::sync::Arc;

/// The question that the page asks.
#[derive(Clone, Debug, Default)]
pub struct AccessQuery {
    /// By which grant; none = the first that the client registered.
    pub grant: Option<GrantType>,
    /// For which user, by id or name; none = the client itself.
    pub user: Option<String>,
}

/// One scope and what becomes of it.
#[derive(Clone, Debug)]
pub struct Access {
    /// The scope.
    pub scope: Scope,
    /// The catalog's title.
    pub title: String,
    /// The content type's title.
    pub group: String,
    /// Whether the client's document lists it.
    pub listed: bool,
    /// Yes or no, and why.
    pub decision: Decision,
    /// A sentence.
    pub reason: String,
    /// Where the deciding policies stand.
    pub sources: Vec<String>,
}

/// What a client may get by one grant.
#[derive(Debug)]
pub struct EffectiveAccess {
    /// The client.
    pub client: Arc<ClientState>,
    /// The grant that was asked about.
    pub grant: GrantType,
    /// The user that was asked about.
    pub user: Option<Arc<User>>,
    /// Whether the grant may start at all.
    pub start: Decision,
    /// Why not.
    pub start_reason: String,
    /// Every scope of the ceiling and of the client's document.
    pub scopes: Vec<Access>,
}

/// Asks the policy for each scope, as a request of now that is in order otherwise.
///
/// # Errors
/// [`Reject::Field`] for an unknown user, missing permission, or a fault.
pub async fn effective(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    query: AccessQuery,
) -> Result<EffectiveAccess, Stop> {
    let snapshot = app.policies.current();
    let (client, _) = permitted(app, ask, &snapshot, caller, admin::CLIENT_READ, name).await?;
    let registered = client.client.grants.iter().next().copied();
    let grant = query.grant.or(registered).unwrap_or(GrantType::AuthorizationCode);
    let user = match &query.user {
        None => None,
        Some(text) => {
            let found = app.user_named(text).await?;
            Some(found.ok_or_else(|| Reject::Field("user", "is no user".to_owned()))?)
        }
    };
    let mut asked: Vec<Scope> = snapshot.global().scopes.clone();
    asked.extend(client.client.scopes.iter().cloned());
    asked.sort();
    asked.dedup();
    let facts = facts(app, ask, &client, grant, &asked);
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant,
        user: user.as_deref(),
        facts: &facts,
    };
    let start = snapshot.decide_start(&question);
    let start_reason = reason(&start);
    let own = snapshot.client_policies(&client.client);
    let decided = snapshot.decide_scopes(&question, &asked);
    let scopes = decided.into_iter().map(|(scope, decision)| one(&snapshot, &client, &own, scope, decision));
    let scopes = scopes.collect();
    Ok(EffectiveAccess { client, grant, user, start, start_reason, scopes })
}

fn one(
    snapshot: &Snapshot,
    client: &ClientState,
    own: &[PolicyInfo],
    scope: Scope,
    decision: Decision,
) -> Access {
    let catalog = snapshot.catalog();
    let title = catalog.action(&scope).map_or_else(|| scope.as_str().to_owned(), |known| known.title.clone());
    let group = catalog
        .content_type(scope.content_type())
        .map_or_else(|| scope.content_type().to_owned(), |kind| kind.title.clone());
    let source = |id: &String| {
        let policy = own.iter().find(|policy| policy.id == *id).cloned().or_else(|| snapshot.policy(id));
        policy.map_or_else(|| id.clone(), |policy| policy.source)
    };
    Access {
        title,
        group,
        listed: client.client.lists(&scope),
        reason: reason(&decision),
        sources: decision.policies.iter().map(source).collect(),
        scope,
        decision,
    }
}

/// A decision in a sentence.
pub fn reason(decision: &Decision) -> String {
    if let Some(error) = decision.errors.first() {
        return format!("a policy could not be evaluated, so the answer is no: {error}");
    }
    let policies = decision.policies.join(", ");
    match (decision.allowed, decision.policies.is_empty()) {
        (true, _) => format!("permitted by {policies}"),
        (false, true) => "no policy permits it".to_owned(),
        (false, false) => format!("forbidden by {policies}"),
    }
}

/// The circumstances of a request that is in order: what the client's own settings and ours make of it.
pub(super) fn facts(
    app: &App,
    ask: &Ask,
    client: &ClientState,
    grant: GrantType,
    scopes: &[Scope],
) -> GrantFacts {
    let ttl_s = client.client.access_token_ttl.unwrap_or(app.config.tokens.access_ttl.0);
    let mut facts = GrantFacts {
        audience: vec![app.audience().to_owned()],
        ..GrantFacts::new(ask.now_ms, ask.ip, ttl_s)
    };
    match grant {
        GrantType::AuthorizationCode => {
            let redirect = client.client.redirect_uris.first();
            facts.pkce = Some(Method::S256);
            facts.redirect_host = redirect.map(|(uri, _)| uri.host());
            facts.redirect_loopback = redirect.is_some_and(|(uri, _)| uri.is_loopback());
            facts.auth_age_s = Some(0);
            facts.consented = Some(scopes.to_vec());
        }
        GrantType::JwtBearer => {
            facts.alg = Some("RS256".to_owned());
            facts.assertion_ttl_s = Some(60);
        }
        GrantType::ClientCredentials => {}
    }
    facts
}
