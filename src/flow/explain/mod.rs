//! Why something was allowed or refused: for a question that a person types, a token, a request, or a request id.

mod query;
mod recorded;
mod words;

use std::sync::Arc;

use serde::Serialize;

use super::Ask;
use super::caller::{self, Caller};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::oauth::client::{Client, ClientId};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::user::User;
use crate::policy::explain::Explanation;
use crate::policy::record::Verdict;
use crate::policy::{AdminResource, Asked, Record, Snapshot, admin};
pub use query::{Circumstances, Query, TokenName, ordinary_facts, question};
pub use recorded::{again as records_again, of_request, records_of};

/// What is answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// What the query was understood as, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The token that is spoken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenView>,
    /// What was decided at the time, as recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<Recorded>,
    /// What is decided now, and why.
    pub now: Vec<Explanation>,
}

/// A decision of the past.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// When, in UTC.
    pub time: String,
    /// The answer.
    pub decision: Verdict,
    /// Cedar's action.
    pub action: String,
    /// Cedar's resource.
    pub resource: String,
    /// Ids of the policies that decided.
    pub policies: Vec<String>,
    /// The same with file and line, where the policy still stands.
    pub places: Vec<String>,
    /// The OAuth error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The policy set that decided.
    pub revision: String,
    /// The request's id.
    pub request_id: String,
}

/// A token and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// Its id.
    pub jti: String,
    /// Its client.
    pub client: String,
    /// The user behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it carried when it was issued.
    pub scopes: Vec<String>,
    /// `active`, `expired`, `revoked`, or why it is dead otherwise.
    pub state: String,
    /// The policy set that allowed it.
    pub revision: String,
    /// The policies that allowed it, with file and line where they still stand.
    pub places: Vec<String>,
}

/// Whether somebody may be told of policies. It is asked quietly: nobody tried to read them.
pub fn may_read(app: &App, ask: &Ask, caller: &Caller) -> bool {
    caller::may(ask, &app.policies.current(), caller, admin::POLICY_READ, AdminResource::Server)
}

/// Why a page or call of administration was refused, for somebody who may read policies; nothing for others, whom
/// the missing permission and the request's id must do.
///
/// # Errors
/// A fault.
pub async fn refusal(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    action: &'static str,
    about: Option<&ClientId>,
) -> Result<Option<Explanation>, Fault> {
    if !may_read(app, ask, caller) {
        return Ok(None);
    }
    let snapshot = app.policies.current();
    let client = match about {
        Some(id) => match app.client(&snapshot, id).await? {
            Some(state) => Some(state),
            // Deleted meanwhile: there is no such question any more.
            None => return Ok(None),
        },
        None => None,
    };
    let resource =
        client.as_ref().map_or(AdminResource::Server, |state| AdminResource::Client(&state.client));
    Ok(Some(snapshot.explain(&Asked::Admin(caller.question(ask, action, resource)))))
}

/// Answers a query of somebody who may read policies. Who may not is told so before what is wrong with the query.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`] for what is unknown, [`Reject::Field`], or a fault.
pub async fn answer(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    query: Result<Query, Stop>,
) -> Result<Answer, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::POLICY_READ, AdminResource::Server)?;
    let query = &query?;
    match query {
        Query::Id { id } => match app.store.token(id).await? {
            Some(_) => of_token(app, ask, &snapshot, id).await,
            None => of_request(app, &snapshot, id).await,
        },
        Query::Route { method, path, host, token } => {
            query::of_route(app, ask, &snapshot, (method.as_str(), path.as_str(), host.as_str()), token).await
        }
        Query::Grant { client, user, .. } => {
            let client = known_client(app, &snapshot, client).await?;
            let user = known_user(app, user.as_deref()).await?;
            asked(app, ask, &snapshot, query, Some(client.as_ref()), user)
        }
        Query::Action { client, user, .. } => {
            let client = match client {
                Some(client) => Some(known_client(app, &snapshot, client).await?),
                None => None,
            };
            let user = known_user(app, user.as_deref()).await?;
            asked(app, ask, &snapshot, query, client.as_deref(), user)
        }
    }
}

fn asked(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    query: &Query,
    client: Option<&ClientState>,
    user: Option<Arc<User>>,
) -> Result<Answer, Stop> {
    let around = Circumstances::of(app, ask.now_ms);
    let found = client.map(|state| (state.client.as_ref(), state.active));
    let (owned, about) = question(snapshot, query, found, user.as_deref(), &around)?;
    Ok(Answer { about, now: vec![snapshot.explain(&owned.asked())], ..Answer::default() })
}

/// Explains a token: how it came to be, and what is decided about each of its scopes now.
async fn of_token(app: &App, ask: &Ask, snapshot: &Arc<Snapshot>, jti: &str) -> Result<Answer, Stop> {
    let row = app.store.token(jti).await?.ok_or(Reject::NotFound("token"))?;
    let (view, questions) = query::token(app, ask, snapshot, &row).await?;
    let recorded = match app.store.audit_of_token(jti).await? {
        Some(entry) => records_of(&entry).iter().map(|record| told(snapshot, record)).collect(),
        None => Vec::new(),
    };
    let now = questions.iter().map(|question| snapshot.explain(&question.asked())).collect();
    Ok(Answer { about: None, token: Some(view), recorded, now })
}

/// A record as it is told.
fn told(snapshot: &Snapshot, record: &Record) -> Recorded {
    Recorded {
        time: record.time.clone(),
        decision: record.decision,
        action: record.action.clone(),
        resource: record.resource.clone(),
        policies: record.policies.clone(),
        places: places(snapshot, record.policies.iter().map(String::as_str)),
        error: record.error.clone(),
        revision: record.revision.clone(),
        request_id: record.request_id.clone(),
    }
}

/// Policies by id with file and line, as they stand now.
fn places<'a>(snapshot: &Snapshot, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    ids.filter(|id| !id.is_empty())
        .map(|id| match snapshot.policy_source(id) {
            Some(source) => format!("{id} {source}"),
            None => id.to_owned(),
        })
        .collect()
}

async fn known_client(app: &App, snapshot: &Arc<Snapshot>, id: &str) -> Result<Arc<ClientState>, Stop> {
    let id = ClientId::parse(id).ok_or(Reject::NotFound("client"))?;
    Ok(app.client(snapshot, &id).await?.ok_or(Reject::NotFound("client"))?)
}

async fn known_user(app: &App, name: Option<&str>) -> Result<Option<Arc<User>>, Stop> {
    match name {
        None => Ok(None),
        Some(name) => Ok(Some(app.user_named(name).await?.ok_or(Reject::NotFound("user"))?)),
    }
}

/// The clients that records speak of, as they are now.
async fn clients_of(app: &App, snapshot: &Arc<Snapshot>, records: &[Record]) -> Result<Vec<Client>, Fault> {
    let about = |record: &Record| {
        let about = record.resource.strip_prefix("Client::\"").and_then(|rest| rest.strip_suffix('"'));
        record.client.iter().cloned().chain(about.map(ToOwned::to_owned)).collect::<Vec<String>>()
    };
    let mut ids: Vec<String> = records.iter().flat_map(about).collect();
    ids.sort();
    ids.dedup();
    let mut clients = Vec::new();
    for id in ids.iter().filter_map(|id| ClientId::parse(id)) {
        if let Some(state) = app.client(snapshot, &id).await? {
            clients.push(state.client.as_ref().clone());
        }
    }
    Ok(clients)
}
