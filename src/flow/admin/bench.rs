//! The test bench: a question to the policies in force, and the answer with the policies that decided. Nothing is
//! issued, changed or remembered.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::{facts, reason};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{
    Actor, AdminQuestion, AdminResource, Decision, GrantQuestion, PolicyInfo, Snapshot, TokenFacts,
    UseQuestion, admin,
};

/// A question as somebody puts it.
#[derive(Clone, Debug, Default)]
pub struct BenchQuestion {
    /// The client: who asks for a token, or whose token it is.
    pub client: Option<String>,
    /// The user behind it, by id or name.
    pub user: Option<String>,
    /// Grant type of a grant question.
    pub grant: Option<GrantType>,
    /// The scope of a grant question, or the action of any other.
    pub scope: Option<String>,
    /// What a token carries, for use and administration; none = exactly the action.
    pub token: Option<Vec<String>>,
    /// The client that an administration question is about; none = the server.
    pub about: Option<String>,
    /// The caller's address; none = the one that asks now.
    pub ip: Option<IpAddr>,
    /// The moment in milliseconds; none = now.
    pub at: Option<i64>,
}

/// The answer.
#[derive(Debug)]
pub struct BenchAnswer {
    /// What was asked, in Cedar's words.
    pub question: String,
    /// Yes or no.
    pub decision: Decision,
    /// A sentence.
    pub reason: String,
    /// The deciding policies with their text and place.
    pub policies: Vec<PolicyInfo>,
}

/// Asks.
///
/// # Errors
/// [`Reject::Field`] for a question that cannot be put, missing permission, or a fault.
pub async fn answer(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    question: BenchQuestion,
) -> Result<BenchAnswer, Stop> {
    let snapshot = super::policies::snapshot(app, ask, caller)?;
    let at = Ask {
        now_ms: question.at.unwrap_or(ask.now_ms),
        ip: question.ip.unwrap_or(ask.ip),
        request_id: Arc::clone(&ask.request_id),
    };
    let client = client_of(app, &snapshot, question.client.as_deref(), "client").await?;
    let user = match &question.user {
        None => None,
        Some(text) => Some(app.user_named(text).await?.ok_or_else(|| field("user", "is no user"))?),
    };
    let about = client_of(app, &snapshot, question.about.as_deref(), "about").await?;
    let known = Parts { client: client.as_deref(), user: user.as_deref(), about: about.as_deref() };
    let (text, decision) = match question.grant {
        Some(grant) => grant_question(app, &at, &snapshot, &known, grant, question.scope.as_deref())?,
        None => other_question(&at, &snapshot, &known, &question)?,
    };
    let own: Vec<PolicyInfo> =
        client.as_ref().map(|state| snapshot.client_policies(&state.client)).unwrap_or_default();
    let policies = decision.policies.iter();
    let policies = policies
        .filter_map(|id| own.iter().find(|policy| policy.id == *id).cloned().or_else(|| snapshot.policy(id)))
        .collect();
    Ok(BenchAnswer { question: text, reason: reason(&decision), decision, policies })
}

struct Parts<'a> {
    client: Option<&'a ClientState>,
    user: Option<&'a User>,
    about: Option<&'a ClientState>,
}

async fn client_of(
    app: &App,
    snapshot: &Arc<Snapshot>,
    text: Option<&str>,
    name: &'static str,
) -> Result<Option<Arc<ClientState>>, Stop> {
    let Some(text) = text else { return Ok(None) };
    let id = ClientId::parse(text).ok_or_else(|| field(name, "is no client id"))?;
    let found = app.client(snapshot, &id).await?;
    Ok(Some(found.ok_or_else(|| field(name, "is no client"))?))
}

fn grant_question(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    known: &Parts<'_>,
    grant: GrantType,
    scope: Option<&str>,
) -> Result<(String, Decision), Stop> {
    let client = known.client.ok_or_else(|| field("client", "is needed for a grant"))?;
    let scope = scope.map(parsed).transpose()?;
    let facts = facts(app, ask, client, grant, scope.as_slice());
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant,
        user: known.user,
        facts: &facts,
    };
    let resource =
        scope.as_ref().map_or_else(|| "Server::\"self\"".to_owned(), |s| format!("Scope::\"{s}\""));
    let text = format!("Client::\"{}\" by {} on {resource}", client.client.id, grant.name());
    let decision = match scope {
        None => snapshot.decide_start(&question),
        Some(scope) => snapshot.decide_scopes(&question, &[scope]).pop().map(|(_, d)| d).unwrap_or_default(),
    };
    Ok((text, decision))
}

fn other_question(
    ask: &Ask,
    snapshot: &Snapshot,
    known: &Parts<'_>,
    question: &BenchQuestion,
) -> Result<(String, Decision), Stop> {
    let scope = parsed(question.scope.as_deref().ok_or_else(|| field("scope", "names the action"))?)?;
    let token = match &question.token {
        Some(list) => list.iter().map(|text| parsed(text)).collect::<Result<Vec<_>, _>>()?,
        None => vec![scope.clone()],
    };
    let principal = match (known.user, known.client) {
        (Some(user), _) => format!("User::\"{}\"", user.username),
        (None, Some(client)) => format!("Client::\"{}\"", client.client.id),
        (None, None) => return Err(field("client", "or a user is needed").into()),
    };
    let text = |resource: String| format!("{principal} does Action::\"{scope}\" on {resource}");
    let Some(action) = admin::ALL.iter().find(|known| **known == scope.as_str()) else {
        let client = known.client.ok_or_else(|| field("client", "of the token is needed"))?;
        let grant = if known.user.is_some() { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
        let decision = snapshot.decide_use(&UseQuestion {
            user: known.user,
            client: &client.client,
            active: client.active,
            action: &scope,
            token: TokenFacts { scopes: &token, grant, age_s: 0 },
            now_ms: ask.now_ms,
            ip: ask.ip,
            http: None,
            stated: Default::default(),
        });
        return Ok((text(format!("ContentType::\"{}\"", scope.content_type())), decision));
    };
    let (actor, resource) = match (known.user, known.client, known.about) {
        (Some(user), _, about) => (Actor::User(user), about),
        (None, Some(client), about) => (Actor::Client(&client.client, client.active), about),
        (None, None, _) => return Err(field("client", "or a user is needed").into()),
    };
    let about = resource
        .map_or_else(|| "Server::\"self\"".to_owned(), |state| format!("Client::\"{}\"", state.client.id));
    // A user without a client has a session of our own pages, not a token.
    let token = (known.client.is_some() || question.token.is_some()).then_some(token.as_slice());
    let question = AdminQuestion {
        actor,
        token,
        action,
        resource: resource.map_or(AdminResource::Server, |state| AdminResource::Client(&state.client)),
        now_ms: ask.now_ms,
        ip: ask.ip,
    };
    let decision = match snapshot.administer(&question) {
        Ok(permit) => {
            Decision { allowed: true, policies: permit.get().policies.clone(), ..Decision::default() }
        }
        Err(decision) => decision,
    };
    Ok((text(about), decision))
}

fn parsed(text: &str) -> Result<Scope, Reject> {
    Scope::parse(text).map_err(|error| field("scope", &error.to_string()))
}

fn field(name: &'static str, why: &str) -> Reject {
    Reject::Field(name, why.to_owned())
}
