//! Whom a question is about, as of now: a user, a client, or what a token stands for.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Ask, Asker, Circumstances, Subject, Who};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::live::{self, LiveToken};
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::reject::Fault;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{
    Decision, EvaluationSubject, GrantFacts, GrantQuestion, HttpFacts, Properties, Snapshot, TokenFacts,
    UseQuestion,
};

/// Life of the token that a question without one assumes, in seconds.
const ASSUMED_TTL_S: u64 = 60;

/// A subject that exists.
pub struct Known {
    user: Option<Arc<User>>,
    client: Arc<ClientState>,
    by: By,
    now_ms: i64,
    ip: IpAddr,
    http: Option<HttpFacts>,
    properties: Option<Properties>,
}

/// What the subject acts by.
enum By {
    /// The user alone, whoever asks.
    Self_,
    /// A client, within what it could be granted now.
    Client,
    /// A live token, within what it still carries.
    Token(Box<LiveToken>),
}

/// Finds the subject; an inner error says what there is not.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn known(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    asker: &Asker,
    subject: &Subject,
    context: &Circumstances,
) -> Result<Result<Known, &'static str>, Fault> {
    let (user, client) = match named(app, snapshot, &subject.who).await? {
        Ok(pair) => pair,
        Err(what) => return Ok(Err(what)),
    };
    let by = match &context.token {
        None => None,
        Some(token) => match token_of(app, ask, snapshot, token, user.as_deref(), client.as_deref()).await? {
            Some(live) => Some(By::Token(Box::new(live))),
            None => return Ok(Err("live token of this subject")),
        },
    };
    let through = match (&by, &client, &context.client) {
        (Some(By::Token(live)), _, _) => Some(Arc::clone(&live.client)),
        (_, Some(client), _) => Some(Arc::clone(client)),
        (_, None, Some(id)) => match client_named(app, snapshot, id).await? {
            Some(client) => Some(client),
            None => return Ok(Err("client")),
        },
        (_, None, None) => None,
    };
    let by = by.unwrap_or(if through.is_some() { By::Client } else { By::Self_ });
    let believed = asker.asserts.then_some(context);
    Ok(Ok(Known {
        user,
        client: through.unwrap_or_else(|| Arc::clone(&asker.client)),
        by,
        now_ms: believed.and_then(|context| context.time_ms).unwrap_or(ask.now_ms),
        ip: believed.and_then(|context| context.ip).unwrap_or(ask.ip),
        http: believed.and_then(|context| context.http.clone()),
        properties: asker.asserts.then(|| subject.properties.clone()),
    }))
}

type Pair = (Option<Arc<User>>, Option<Arc<ClientState>>);

async fn named(app: &App, snapshot: &Arc<Snapshot>, who: &Who) -> Result<Result<Pair, &'static str>, Fault> {
    let (kind, id) = match who {
        Who::User(user) => return Ok(Ok((Some(Arc::clone(user)), None))),
        Who::Client(client) => return Ok(Ok((None, Some(Arc::clone(client))))),
        Who::Named { kind, id } => (kind, id),
    };
    Ok(match kind.as_str() {
        "user" => app.user_named(id).await?.map(|user| (Some(user), None)).ok_or("subject"),
        "client" => {
            client_named(app, snapshot, id).await?.map(|client| (None, Some(client))).ok_or("subject")
        }
        _ => Err("subject type"),
    })
}

async fn client_named(
    app: &App,
    snapshot: &Arc<Snapshot>,
    id: &str,
) -> Result<Option<Arc<ClientState>>, Fault> {
    match ClientId::parse(id) {
        None => Ok(None),
        Some(id) => app.client(snapshot, &id).await,
    }
}

/// The live token, if it is the subject's: a user's own, or a machine token of the client.
async fn token_of(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    token: &str,
    user: Option<&User>,
    client: Option<&ClientState>,
) -> Result<Option<LiveToken>, Fault> {
    let found = if token.contains('.') {
        live::live(app, ask, snapshot, token).await?
    } else {
        match app.store.token(token).await? {
            None => None,
            Some(row) => live::revived(app, ask, snapshot, row).await?,
        }
    };
    Ok(found.filter(|live| match (&live.user, user, client) {
        (Some(of), Some(user), _) => of.id == user.id,
        (None, None, Some(client)) => live.client.client.id == client.client.id,
        _ => false,
    }))
}

impl Known {
    /// The subject in the policy's words.
    pub fn words(&self) -> EvaluationSubject<'_> {
        let token = match &self.by {
            By::Token(live) => Some(TokenFacts {
                scopes: &live.scopes,
                grant: GrantType::parse(&live.row.grant_type).unwrap_or(GrantType::AuthorizationCode),
                age_s: u64::try_from((self.now_ms - live.row.created_at) / 1_000).unwrap_or(0),
            }),
            By::Self_ | By::Client => None,
        };
        EvaluationSubject {
            user: self.user.as_deref(),
            client: &self.client.client,
            active: self.client.active,
            token,
            now_ms: self.now_ms,
            ip: self.ip,
            http: self.http.as_ref(),
            properties: self.properties.as_ref(),
        }
    }

    /// A question about the subject, for the decision log; `assumed` is what it carries where there is no token.
    pub fn question<'a>(&'a self, action: &'a Scope, assumed: &'a [Scope]) -> UseQuestion<'a> {
        let words = self.words();
        let grant = if self.user.is_some() { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
        UseQuestion {
            user: words.user,
            client: words.client,
            active: words.active,
            action,
            token: words.token.unwrap_or(TokenFacts { scopes: assumed, grant, age_s: 0 }),
            now_ms: words.now_ms,
            ip: words.ip,
            http: words.http,
        }
    }

    /// The token's id, where the subject acts by one.
    pub fn jti(&self) -> Option<&str> {
        match &self.by {
            By::Token(live) => Some(&live.row.jti),
            By::Self_ | By::Client => None,
        }
    }

    /// Whether the client could be granted the action now, where the subject acts by one; else the refusal.
    pub fn granted(&self, snapshot: &Snapshot, action: &Scope) -> Result<(), Decision> {
        if !matches!(self.by, By::Client) {
            return Ok(());
        }
        let client = &self.client.client;
        let mut refused = Decision::default();
        for grant in &client.grants {
            let fits = match grant {
                GrantType::AuthorizationCode => self.user.is_some(),
                GrantType::JwtBearer => true,
                GrantType::ClientCredentials => self.user.is_none(),
            };
            if !fits {
                continue;
            }
            let facts = self.assumed(*grant, action);
            let user = self.user.as_deref();
            let question =
                GrantQuestion { client, active: self.client.active, grant: *grant, user, facts: &facts };
            let start = snapshot.decide_start(&question);
            let decision = match start.allowed {
                false => start,
                true => snapshot
                    .decide_scopes(&question, std::slice::from_ref(action))
                    .pop()
                    .map_or_else(Decision::default, |(_, decision)| decision),
            };
            if decision.allowed {
                return Ok(());
            }
            refused = decision;
        }
        Err(refused)
    }

    /// An ordinary grant, in which the user agrees to the action.
    fn assumed(&self, grant: GrantType, action: &Scope) -> GrantFacts {
        let mut facts = GrantFacts::new(self.now_ms, self.ip, ASSUMED_TTL_S);
        match grant {
            GrantType::AuthorizationCode => {
                let uri = self.client.client.redirect_uris.first().map(|(uri, _)| uri);
                facts.pkce = Some(Method::S256);
                facts.redirect_host = uri.map(|uri| uri.host());
                facts.redirect_loopback = uri.is_some_and(|uri| uri.is_loopback());
                facts.auth_age_s = Some(0);
                facts.consented = Some(vec![action.clone()]);
            }
            GrantType::JwtBearer => {
                facts.alg = Some("RS256".to_owned());
                facts.assertion_ttl_s = Some(ASSUMED_TTL_S);
            }
            GrantType::ClientCredentials => {}
        }
        facts
    }
}
