//! What a client may get: every scope that could be asked for, with the decision and its reason.

use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::flow::clients::permitted;
use crate::flow::explain::{Circumstances, ordinary_facts};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::explain::{Depth, Explanation};
use crate::policy::{Asked, Decision, GrantQuestion, PolicyInfo, Snapshot, admin};
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
    /// Yes or no.
    pub allowed: bool,
    /// Why, in a sentence.
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
    /// Whether the grant may start at all, and why.
    pub start: Explanation,
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
    let around = Circumstances::of(app, ask.now_ms);
    let facts = ordinary_facts(&client.client, grant, &asked, ask.ip, &around);
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant,
        user: user.as_deref(),
        facts: &facts,
    };
    let start = snapshot.decide_start(&question);
    let start = snapshot.explain_decided(&Asked::Grant(question, None), &start, Depth::Reason);
    let own = snapshot.client_policies(&client.client);
    let decided = snapshot.decide_scopes(&question, &asked);
    let scopes = decided.into_iter().map(|(scope, decision)| {
        let sources = sources(&snapshot, &own, &decision);
        let told = match decision.allowed {
            true => None,
            false => Some(snapshot.explain_decided(
                &Asked::Grant(question, Some(&scope)),
                &decision,
                Depth::Reason,
            )),
        };
        let reason = match told {
            Some(told) => told.reason(),
            None => format!("permitted by {}", decision.policies.join(", ")),
        };
        one(&snapshot, &client, scope, decision.allowed, reason, sources)
    });
    let scopes = scopes.collect();
    Ok(EffectiveAccess { client, grant, user, start, scopes })
}

fn one(
    snapshot: &Snapshot,
    client: &ClientState,
    scope: Scope,
    allowed: bool,
    reason: String,
    sources: Vec<String>,
) -> Access {
    let catalog = snapshot.catalog();
    let title = catalog.action(&scope).map_or_else(|| scope.as_str().to_owned(), |known| known.title.clone());
    let group = catalog
        .content_type(scope.content_type())
        .map_or_else(|| scope.content_type().to_owned(), |kind| kind.title.clone());
    Access { title, group, listed: client.client.lists(&scope), allowed, reason, sources, scope }
}

/// Where the deciding policies stand.
fn sources(snapshot: &Snapshot, own: &[PolicyInfo], decision: &Decision) -> Vec<String> {
    let source = |id: &String| {
        let policy = own.iter().find(|policy| policy.id == *id).cloned().or_else(|| snapshot.policy(id));
        policy.map_or_else(|| id.clone(), |policy| policy.source)
    };
    decision.policies.iter().map(source).collect()
}
