//! Whom a question is about, as of now: a user, a client, or what a token stands for.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Ask, Asker, Circumstances, Subject, Who};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::app::live::Kind;
use crate::app::users::UserState;
use crate::flow::live::{self, LiveToken};
use crate::flow::usage::Remembered;
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::reject::Fault;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{
    Decision, EvaluationSubject, GrantFacts, GrantQuestion, Holds, HttpFacts, Properties, Snapshot, Stated,
    TokenFacts, UseQuestion,
};

/// Life of the token that a question without one assumes, in seconds.
const ASSUMED_TTL_S: u64 = 60;

/// A subject that exists.
pub struct Known {
    acting: Acting,
    now_ms: i64,
    ip: IpAddr,
    http: Option<HttpFacts>,
    properties: Option<Properties>,
}

/// Who acts, by what, and where decisions about that are remembered.
struct Acting {
    user: Option<Arc<User>>,
    client: Arc<ClientState>,
    by: By,
    kind: Option<Arc<Kind>>,
}

/// Whom a name stands for.
enum Named {
    User(UserState),
    Client(Arc<ClientState>),
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
    let named = match named(app, snapshot, &subject.who).await? {
        Ok(named) => named,
        Err(what) => return Ok(Err(what)),
    };
    let acting = match (&context.token, named, &context.client) {
        (Some(token), named, _) => match token_of(app, ask, snapshot, token, &named).await? {
            Some(live) => Acting::by_token(live),
            None => return Ok(Err("live token of this subject")),
        },
        (None, Named::Client(client), _) => Acting::through(app, snapshot, None, client),
        (None, Named::User(user), Some(id)) => match client_named(app, snapshot, id).await? {
            Some(client) => Acting::through(app, snapshot, Some(user), client),
            None => return Ok(Err("client")),
        },
        (None, Named::User(user), None) => Acting::alone(app, snapshot, user, &asker.client),
    };
    let believed = asker.asserts.then_some(context);
    Ok(Ok(Known {
        acting,
        now_ms: believed.and_then(|context| context.time_ms).unwrap_or(ask.now_ms),
        ip: believed.and_then(|context| context.ip).unwrap_or(ask.ip),
        http: believed.and_then(|context| context.http.clone()),
        properties: asker.asserts.then(|| subject.properties.clone()),
    }))
}

async fn named(app: &App, snapshot: &Arc<Snapshot>, who: &Who) -> Result<Result<Named, &'static str>, Fault> {
    let (kind, id) = match who {
        Who::User(user) => return Ok(Ok(Named::User(user.clone()))),
        Who::Client(client) => return Ok(Ok(Named::Client(Arc::clone(client)))),
        Who::Named { kind, id } => (kind, id),
    };
    Ok(match kind.as_str() {
        "user" => app.user_state_named(id).await?.map(Named::User).ok_or("subject"),
        "client" => client_named(app, snapshot, id).await?.map(Named::Client).ok_or("subject"),
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
    subject: &Named,
) -> Result<Option<LiveToken>, Fault> {
    let found = if token.contains('.') {
        live::live(app, ask, snapshot, token).await?
    } else {
        match app.store.token(token).await? {
            None => None,
            Some(row) => live::revived(app, ask, snapshot, row).await?,
        }
    };
    Ok(found.filter(|live| match (&live.user, subject) {
        (Some(of), Named::User(state)) => of.id == state.user.id,
        (None, Named::Client(client)) => live.client.client.id == client.client.id,
        _ => false,
    }))
}

impl Acting {
    /// User and client are the token's own, so that what is remembered of it was decided about them.
    fn by_token(live: LiveToken) -> Self {
        Self {
            user: live.user.clone(),
            client: Arc::clone(&live.client),
            kind: live.kind.clone(),
            by: By::Token(Box::new(live)),
        }
    }

    fn through(app: &App, snapshot: &Snapshot, user: Option<UserState>, client: Arc<ClientState>) -> Self {
        let kind = kind(app, snapshot, "through", user.as_ref(), &client);
        Self { user: user.map(|state| state.user), client, by: By::Client, kind }
    }

    fn alone(app: &App, snapshot: &Snapshot, user: UserState, asker: &Arc<ClientState>) -> Self {
        let kind = kind(app, snapshot, "asked-by", Some(&user), asker);
        Self { user: Some(user.user), client: Arc::clone(asker), by: By::Self_, kind }
    }
}

/// Where decisions about a subject without a token are remembered; they do not depend on who else asks.
fn kind(
    app: &App,
    snapshot: &Snapshot,
    how: &str,
    user: Option<&UserState>,
    client: &ClientState,
) -> Option<Arc<Kind>> {
    let key = app.live_key(snapshot, client, user)?;
    let id = user.map_or("", |state| &state.user.id);
    let name = format_args!("{how} {} {id}", client.client.id);
    Some(app.kind_without_token(name, key, || Arc::from([])))
}

impl Known {
    /// The subject in the policy's words.
    pub fn words(&self) -> EvaluationSubject<'_> {
        let token = match &self.acting.by {
            By::Token(live) => Some(TokenFacts {
                scopes: &live.scopes,
                grant: GrantType::parse(&live.row.grant_type).unwrap_or(GrantType::AuthorizationCode),
                age_s: u64::try_from((self.now_ms - live.row.created_at) / 1_000).unwrap_or(0),
            }),
            By::Self_ | By::Client => None,
        };
        EvaluationSubject {
            user: self.acting.user.as_deref(),
            client: &self.acting.client.client,
            active: self.acting.client.active,
            token,
            now_ms: self.now_ms,
            ip: self.ip,
            http: self.http.as_ref(),
            properties: self.properties.as_ref(),
        }
    }

    /// A question about the subject, for the decision log; `assumed` is what it carries where there is no token.
    pub fn question<'a>(
        &'a self,
        action: &'a Scope,
        assumed: &'a [Scope],
        stated: Stated<'a>,
        http: Option<&'a HttpFacts>,
    ) -> UseQuestion<'a> {
        let words = self.words();
        let grant =
            if self.acting.user.is_some() { GrantType::AuthorizationCode } else { GrantType::JwtBearer };
        UseQuestion {
            user: words.user,
            client: words.client,
            active: words.active,
            action,
            token: words.token.unwrap_or(TokenFacts { scopes: assumed, grant, age_s: 0 }),
            now_ms: words.now_ms,
            ip: words.ip,
            http: http.or(words.http),
            stated: Stated { subject: words.properties, ..stated },
        }
    }

    /// The token's id, where the subject acts by one.
    pub fn jti(&self) -> Option<&str> {
        match &self.acting.by {
            By::Token(live) => Some(&live.row.jti),
            By::Self_ | By::Client => None,
        }
    }

    /// Where decisions about it are remembered. Its questions state something of their own each.
    pub fn remembered(&self) -> Remembered<'_> {
        Remembered { kind: self.acting.kind.as_ref(), needed: Holds::Stated }
    }

    /// Whether the client could be granted the action now, where the subject acts by one; else the refusal. Says as
    /// well whether another time and address would give the same answer.
    pub fn granted(&self, snapshot: &Snapshot, action: &Scope) -> (Result<(), Decision>, bool) {
        if !matches!(self.acting.by, By::Client) {
            return (Ok(()), true);
        }
        let client = &self.acting.client.client;
        let user = self.acting.user.as_deref();
        let (mut refused, mut steady) = (Decision::default(), true);
        for grant in &client.grants {
            let fits = match grant {
                GrantType::AuthorizationCode => user.is_some(),
                GrantType::JwtBearer => true,
                GrantType::ClientCredentials => user.is_none(),
            };
            if !fits {
                continue;
            }
            let facts = self.assumed(*grant, action);
            let active = self.acting.client.active;
            let question = GrantQuestion { client, active, grant: *grant, user, facts: &facts };
            let (decision, same) = snapshot.decide_grant_told(&question, action);
            steady &= same;
            if decision.allowed {
                return (Ok(()), steady);
            }
            refused = decision;
        }
        (Err(refused), steady)
    }

    /// An ordinary grant, in which the user agrees to the action.
    fn assumed(&self, grant: GrantType, action: &Scope) -> GrantFacts {
        let mut facts = GrantFacts::new(self.now_ms, self.ip, ASSUMED_TTL_S);
        match grant {
            GrantType::AuthorizationCode => {
                let uri = self.acting.client.client.redirect_uris.first().map(|(uri, _)| uri);
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
