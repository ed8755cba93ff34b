//! The test bench: a question to the policies in force, and the answer with the policies that decided. Nothing is
//! issued, changed or remembered.

use std::net::IpAddr;
use std::sync::Arc;

use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::flow::explain::{Circumstances, ordinary_facts};
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::explain::Explanation;
use crate::policy::{
    Actor, AdminQuestion, AdminResource, Asked, GrantQuestion, Snapshot, TokenFacts, UseQuestion, admin,
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

/// Asks.
///
/// # Errors
/// [`Reject::Field`] for a question that cannot be put, missing permission, or a fault.
pub async fn answer(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    question: BenchQuestion,
) -> Result<Explanation, Stop> {
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
    match question.grant {
        Some(grant) => {
            let client = known.client.ok_or_else(|| field("client", "is needed for a grant"))?;
            let scope = question.scope.as_deref().map(parsed).transpose()?;
            let around = Circumstances::of(app, at.now_ms);
            let facts = ordinary_facts(&client.client, grant, scope.as_slice(), at.ip, &around);
            let asked = GrantQuestion {
                client: &client.client,
                active: client.active,
                grant,
                user: known.user,
                facts: &facts,
            };
            Ok(snapshot.explain(&Asked::Grant(asked, scope.as_ref())))
        }
        None => other_question(&at, &snapshot, &known, &question),
    }
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

fn other_question(
    ask: &Ask,
    snapshot: &Snapshot,
    known: &Parts<'_>,
    question: &BenchQuestion,
) -> Result<Explanation, Stop> {
    let scope = parsed(question.scope.as_deref().ok_or_else(|| field("scope", "names the action"))?)?;
    let token = match &question.token {
        Some(list) => list.iter().map(|text| parsed(text)).collect::<Result<Vec<_>, _>>()?,
        None => vec![scope.clone()],
    };
    let Some(action) = admin::ALL.iter().find(|known| **known == scope.as_str()) else {
        let client = known.client.ok_or_else(|| field("client", "of the token is needed"))?;
        let grant = if known.user.is_some() { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
        return Ok(snapshot.explain(&Asked::Use(UseQuestion {
            user: known.user,
            client: &client.client,
            active: client.active,
            action: &scope,
            token: TokenFacts { scopes: &token, grant, age_s: 0 },
            now_ms: ask.now_ms,
            ip: ask.ip,
            http: None,
            stated: Default::default(),
        })));
    };
    let actor = match (known.user, known.client) {
        (Some(user), _) => Actor::User(user),
        (None, Some(client)) => Actor::Client(&client.client, client.active),
        (None, None) => return Err(field("client", "or a user is needed").into()),
    };
    // A user without a client has a session of our own pages, not a token.
    let token = (known.client.is_some() || question.token.is_some()).then_some(token.as_slice());
    let resource = known.about.map_or(AdminResource::Server, |state| AdminResource::Client(&state.client));
    let asked = AdminQuestion { actor, token, action, resource, now_ms: ask.now_ms, ip: ask.ip };
    Ok(snapshot.explain(&Asked::Admin(asked)))
}

fn parsed(text: &str) -> Result<Scope, Reject> {
    Scope::parse(text).map_err(|error| field("scope", &error.to_string()))
}

fn field(name: &'static str, why: &str) -> Reject {
    Reject::Field(name, why.to_owned())
}
