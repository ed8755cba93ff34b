//! Who calls a management or account endpoint, and whether the policy lets them.

use std::sync::Arc;

use super::Ask;
use super::authenticate::{self, Basic, ClientCredentials};
use super::consent::SignedIn;
use super::live::{LiveToken, live};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::app::clock;
use crate::app::live::Kind;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::permit::{Administer, Permit};
use crate::policy::{Actor, AdminQuestion, AdminResource, Asked, Decision, Holds, Snapshot, Trace, admin};
use crate::store::{AuditRow, KIND_ADMIN};
use crate::telemetry::Event;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    who: Who,
    /// What the access token carries; none = the user's own token of `/auth/local`, or a session.
    scopes: Option<Arc<[Scope]>>,
    /// The access token's id.
    jti: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
enum Who {
    User(Arc<User>),
    Client(Arc<ClientState>),
    Operator(String),
}

impl Caller {
    /// A user who signed in with this server itself.
    pub fn signed_in(user: Arc<User>) -> Self {
        Self { who: Who::User(user), scopes: None, jti: None }
    }

    /// Who runs the command line on the server's own machine.
    pub fn operator(name: &str) -> Self {
        Self { who: Who::Operator(format!("local:{name}")), scopes: None, jti: None }
    }

    /// A client that showed its secret, with the scopes that stand for it.
    pub fn client(client: Arc<ClientState>, scopes: Arc<[Scope]>) -> Self {
        Self { who: Who::Client(client), scopes: Some(scopes), jti: None }
    }

    /// The user, if it is one.
    pub fn user(&self) -> Option<&Arc<User>> {
        match &self.who {
            Who::User(user) => Some(user),
            Who::Client(_) | Who::Operator(_) => None,
        }
    }

    /// The name for logs: a user id or a client id.
    pub fn name(&self) -> &str {
        match &self.who {
            Who::User(user) => &user.id,
            Who::Client(client) => client.client.id.as_str(),
            Who::Operator(name) => name,
        }
    }

    /// Whether the access token carries that action.
    pub fn carries(&self, action: &str) -> bool {
        self.scopes.as_deref().is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == action))
    }

    fn kind(&self) -> &'static str {
        match &self.who {
            Who::User(_) => "user",
            Who::Client(_) => "client",
            Who::Operator(_) => "operator",
        }
    }

    /// The question whether they may do this, to this.
    pub fn question<'a>(
        &'a self,
        ask: &Ask,
        action: &'static str,
        resource: AdminResource<'a>,
    ) -> AdminQuestion<'a> {
        AdminQuestion {
            actor: self.actor(),
            token: self.scopes.as_deref(),
            action,
            resource,
            now_ms: ask.now_ms,
            ip: ask.ip,
        }
    }

    /// Whether what is not administration is the caller's to give: a role's of theirs, a scope of their token;
    /// the operator holds the database anyway.
    pub fn holds(&self, snapshot: &Snapshot, action: &Scope) -> bool {
        let carried = self.scopes.as_deref().is_none_or(|scopes| scopes.contains(action));
        carried
            && match &self.who {
                Who::Operator(_) => true,
                Who::Client(client) => client.client.lists(action),
                Who::User(user) => snapshot
                    .roles()
                    .filter(|(name, _, _)| user.roles.iter().any(|role| role == name))
                    .any(|(_, _, actions)| actions.contains(action)),
            }
    }

    fn actor(&self) -> Actor<'_> {
        match &self.who {
            Who::User(user) => Actor::User(user),
            Who::Client(client) => Actor::Client(&client.client, client.active),
            Who::Operator(name) => Actor::Operator(name),
        }
    }
}

/// The caller that a bearer token stands for: a user token of `/auth/local`, or an access token.
/// Neither passes as the other (design §6).
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], or a fault.
pub async fn bearer(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    token: Option<&str>,
) -> Result<Caller, Stop> {
    let token = token.ok_or(Reject::TokenMissing)?;
    if let Some(signed_in) = user_of_token(app, ask, token).await? {
        return Ok(Caller::signed_in(signed_in.user));
    }
    Ok(access_token(app, ask, snapshot, token).await?.0)
}

/// How somebody shows who they are.
#[derive(Clone, Debug)]
pub enum Credential {
    /// No `Authorization` header.
    Absent,
    /// One that is neither.
    Unreadable,
    /// A client's id and secret.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

/// Who showed a credential.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The caller.
    pub caller: Caller,
    /// Their client; none = a user with their own token of `/auth/local`.
    pub client: Option<Arc<ClientState>>,
    /// Where decisions about them may be remembered.
    pub kind: Option<Arc<Kind>>,
}

/// The caller behind a credential: a client by its secret, or whomever a bearer token stands for. For endpoints of
/// resource servers, which have a secret for introspection anyway.
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], [`Reject::Client`], or a fault.
pub async fn shown(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credential: Credential,
) -> Result<Shown, Stop> {
    let (id, secret) = match credential {
        Credential::Absent => return Err(Reject::TokenMissing.into()),
        Credential::Unreadable => return Err(Reject::TokenInvalid.into()),
        // An access token first: it is the ordinary case, and one look into memory.
        Credential::Bearer(token) => {
            return match access_token(app, ask, snapshot, &token).await {
                Ok((caller, live)) => Ok(Shown { caller, client: Some(live.client), kind: live.kind }),
                Err(Stop::Reject(Reject::TokenInvalid)) => {
                    let signed_in = user_of_token(app, ask, &token).await?.ok_or(Reject::TokenInvalid)?;
                    Ok(Shown { caller: Caller::signed_in(signed_in.user), client: None, kind: None })
                }
                Err(stop) => Err(stop),
            };
        }
        Credential::Basic(id, secret) => (id, secret),
    };
    let credentials = ClientCredentials { basic: Basic::Given(id, secret), ..Default::default() };
    let client = authenticate::confidential(app, ask, snapshot, &credentials).await?;
    let kind = app.live_key(snapshot, &client, None).map(|key| {
        let name = format_args!("secret {}", client.client.id);
        app.kind_without_token(name, key, || stands_for(snapshot, &client))
    });
    let scopes = kind.as_ref().map_or_else(|| stands_for(snapshot, &client), |kind| Arc::clone(&kind.scopes));
    Ok(Shown { caller: Caller::client(Arc::clone(&client), scopes), client: Some(client), kind })
}

/// A secret carries what a token of the client could, of what resource servers need: its own scopes below the ceiling.
fn stands_for(snapshot: &Snapshot, client: &ClientState) -> Arc<[Scope]> {
    let ceiling = &snapshot.global().scopes;
    let carried = |scope: &&Scope| {
        admin::RESOURCE_SERVERS.contains(&scope.as_str()) && ceiling.binary_search(scope).is_ok()
    };
    client.client.scopes.iter().filter(carried).cloned().collect()
}

/// The caller that an access token stands for, and the token.
///
/// # Errors
/// [`Reject::TokenInvalid`], or a fault.
pub async fn access_token(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    token: &str,
) -> Result<(Caller, LiveToken), Stop> {
    let found = live(app, ask, snapshot, token).await?.ok_or(Reject::TokenInvalid)?;
    app.last_used.token(&found.row.jti, ask.now_ms);
    let jti = Some(Arc::from(found.row.jti.as_str()));
    let who = match &found.user {
        Some(user) => Who::User(Arc::clone(user)),
        None => Who::Client(Arc::clone(&found.client)),
    };
    Ok((Caller { who, scopes: Some(Arc::clone(&found.scopes)), jti }, found))
}

/// The signed-in user behind a token of `/auth/local`; an access token will not do, or an application
/// could agree to its own requests.
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], or a fault.
pub async fn user_token(app: &App, ask: &Ask, token: Option<&str>) -> Result<SignedIn, Stop> {
    let token = token.ok_or(Reject::TokenMissing)?;
    Ok(user_of_token(app, ask, token).await?.ok_or(Reject::TokenInvalid)?)
}

async fn user_of_token(app: &App, ask: &Ask, token: &str) -> Result<Option<SignedIn>, Stop> {
    let claims = app.key_ring().verify_user_token(token, app.public.issuer(), ask.now_ms);
    let Some(claims) = claims else { return Ok(None) };
    let Some(state) = app.user(&claims.user).await? else { return Ok(None) };
    // Ends with blocking and with a change of password (design §6).
    if state.user.blocked || claims.issued_at_ms < state.tokens_valid_from {
        return Ok(None);
    }
    Ok(Some(SignedIn { user: state.user, auth_time_ms: claims.issued_at_ms }))
}

/// [`permitted`] on the server as a whole, answered from memory where nothing that the answer depends on has changed.
///
/// # Errors
/// As [`permitted`].
pub fn permitted_as(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    caller: &Caller,
    kind: Option<&Kind>,
    action: &'static str,
) -> Result<(), Stop> {
    let question = caller.question(ask, action, AdminResource::Server);
    let started = std::time::Instant::now();
    let scope = Scope::parse(action).ok();
    let memory = kind.zip(scope.as_ref()).map(|(kind, scope)| (&kind.administers, scope));
    let known = memory.and_then(|(memory, scope)| memory.decision(scope, Holds::Unstated));
    let decision = known.unwrap_or_else(|| {
        let (decision, holds) = snapshot.decide_admin_told(&question);
        let decision = Arc::new(decision);
        if let Some((memory, scope)) = memory {
            memory.remember(scope, holds, &decision);
        }
        decision
    });
    let trace = Trace { request_id: &ask.request_id, jti: caller.jti.as_deref(), took: started.elapsed() };
    app.decisions.record(snapshot, &Asked::Admin(question), &decision, trace);
    match decision.allowed {
        true => Ok(()),
        false => Err(refused(caller, action, AdminResource::Server, &decision)),
    }
}

/// Asks the policy whether the caller may do this, to this.
///
/// # Errors
/// [`Reject::Forbidden`], naming the missing permission, or [`Reject::InsufficientScope`].
pub fn permitted(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    caller: &Caller,
    action: &'static str,
    resource: AdminResource<'_>,
) -> Result<Permit<Administer>, Stop> {
    let question = caller.question(ask, action, resource);
    let started = std::time::Instant::now();
    let result = snapshot.administer(&question);
    let decision = match &result {
        Ok(permit) => permit.get().decision(),
        Err(decision) => decision.clone(),
    };
    let trace = Trace { request_id: &ask.request_id, jti: caller.jti.as_deref(), took: started.elapsed() };
    app.decisions.record(snapshot, &Asked::Admin(question), &decision, trace);
    result.map_err(|decision| refused(caller, action, resource, &decision))
}

fn refused(caller: &Caller, action: &'static str, resource: AdminResource<'_>, decision: &Decision) -> Stop {
    let reject = match decision.error.as_deref() {
        Some("insufficient_scope") => Reject::InsufficientScope(action.to_owned()),
        _ => Reject::Forbidden {
            action,
            about: match resource {
                AdminResource::Server => None,
                AdminResource::Client(client) => Some(client.id.clone()),
            },
            policies: decision.policies.clone(),
        },
    };
    Event::AdminRefused { actor: caller.name(), action, reject: &reject }.emit();
    reject.into()
}

/// Whether [`permitted`] would say yes: for buttons, which are no attempts and leave no event.
pub fn may(
    ask: &Ask,
    snapshot: &Snapshot,
    caller: &Caller,
    action: &'static str,
    resource: AdminResource<'_>,
) -> bool {
    let question = AdminQuestion {
        actor: caller.actor(),
        token: caller.scopes.as_deref(),
        action,
        resource,
        now_ms: ask.now_ms,
        ip: ask.ip,
    };
    snapshot.administer(&question).is_ok()
}

/// Writes an administrative change into the audit log: who, what, by which policy. No secrets.
///
/// # Errors
/// A fault, if the entry cannot be written.
pub async fn audit(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    permit: &Permit<Administer>,
    target: &str,
    detail: serde_json::Value,
) -> Result<(), Stop> {
    audit_all(app, ask, caller, permit, &[target], detail).await
}

/// The same for several things that were changed at once.
///
/// # Errors
/// A fault, if the entries cannot be written.
pub async fn audit_all(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    permit: &Permit<Administer>,
    targets: &[&str],
    detail: serde_json::Value,
) -> Result<(), Stop> {
    let permitted = permit.get();
    let mut rows = Vec::with_capacity(targets.len());
    for target in targets {
        Event::AdminChanged { actor: caller.name(), action: permitted.action, target }.emit();
        rows.push(AuditRow {
            id: clock::new_id()?,
            at: ask.now_ms,
            actor: caller.name().to_owned(),
            actor_kind: caller.kind().to_owned(),
            action: permitted.action.to_owned(),
            target: (*target).to_owned(),
            decision: "allow".to_owned(),
            policies: permitted.policies.join(" "),
            revision: permitted.revision.as_ref().to_owned(),
            request_id: ask.request_id.as_ref().to_owned(),
            ip: ask.ip.to_string(),
            detail: detail.to_string(),
            kind: KIND_ADMIN.to_owned(),
            jti: None,
        });
    }
    app.store.insert_audits(rows).await?;
    Ok(())
}
