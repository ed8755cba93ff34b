//! What a person asks becomes a question of the policy engine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Answer, TokenView, places};
use crate::app::App;
use crate::flow::Ask;
use crate::flow::live::issued_row;
use crate::oauth::client::{Client, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::request_path::RequestPath;
use crate::oauth::scope::{self, Scope};
use crate::oauth::user::User;
use crate::policy::question::{Owned, OwnedActor, OwnedAdmin, OwnedGrant, OwnedUse};
use crate::policy::{ClientDocument, GrantFacts, HttpFacts, Mode, Snapshot, admin};
use crate::store::TokenRow;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// May this client have this scope.
    Grant {
        /// The client.
        client: String,
        /// The scope; none = may it start the grant at all.
        scope: Option<String>,
        /// The grant; none = the client's own.
        grant: Option<GrantType>,
        /// For whom.
        user: Option<String>,
        /// From where; none = from this machine.
        ip: Option<IpAddr>,
    },
    /// May this user, or this client's machine token, do this.
    Action {
        /// The client whose token it is.
        client: Option<String>,
        /// Who.
        user: Option<String>,
        /// What.
        action: String,
        /// The client that an administrative action is about.
        about: Option<String>,
        /// From where; none = from this machine.
        ip: Option<IpAddr>,
    },
    /// May this token make this request.
    Route {
        /// In upper case.
        method: String,
        /// Without query.
        path: String,
        /// The host that it is served on; empty = any.
        host: String,
        /// The token.
        token: TokenName,
    },
    /// What about this token or request.
    Id {
        /// The `jti` of a token, or the `x-request-id` of an answer.
        id: String,
    },
}

/// A token, by itself or by its id.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenName {
    /// The text that a client sends.
    Text(String),
    /// Its id.
    Jti(String),
}

impl TokenName {
    /// Whether a text is a token or the id of one.
    pub fn parse(text: &str) -> Self {
        if text.contains('.') { Self::Text(text.to_owned()) } else { Self::Jti(text.to_owned()) }
    }
}

impl std::fmt::Debug for TokenName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Jti(jti) => write!(f, "Jti({jti:?})"),
        }
    }
}

/// What a query does not say is ordinary: now, from this machine, PKCE with S256, a sign-in of this minute.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Now, in milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// Life of an access token where the client's document has none, in seconds.
    pub ttl_s: u64,
    /// The audience of access tokens.
    pub audience: String,
}

impl Circumstances {
    /// Those of this server at a moment.
    pub fn of(app: &App, now_ms: i64) -> Self {
        Self { now_ms, ttl_s: app.config.tokens.access_ttl.0, audience: app.audience().to_owned() }
    }
}

/// The question of a query about a grant or an action, with a remark about what was assumed.
///
/// # Errors
/// [`Reject::Field`] for what cannot be asked.
pub fn question(
    snapshot: &Snapshot,
    query: &Query,
    client: Option<(&Client, bool)>,
    user: Option<&User>,
    around: &Circumstances,
) -> Result<(Owned, Option<String>), Stop> {
    match query {
        Query::Grant { scope, grant, ip, .. } => {
            let (client, active) = client.ok_or(Reject::NotFound("client"))?;
            let scope = scope.as_deref().map(parsed).transpose()?;
            let grant = grant.unwrap_or_else(|| usual(client, user.is_some()));
            let facts = ordinary_facts(client, grant, scope.as_slice(), ip.unwrap_or(HERE), around);
            let whom = match (user, grant) {
                (None, GrantType::AuthorizationCode) => {
                    Some("without a user: what roles permit is left out; name one with a user".to_owned())
                }
                _ => None,
            };
            let user = user.filter(|_| grant != GrantType::ClientCredentials).cloned();
            let own =
                OwnedGrant { recheck: false, client: client.clone(), active, grant, user, facts, scope };
            Ok((Owned::Grant(own), whom))
        }
        Query::Action { action, ip, about, .. } => {
            let scope = parsed(action)?;
            let ip = ip.unwrap_or(HERE);
            if let Some(action) = admin::ALL.iter().copied().find(|known| *known == action) {
                let actor = match (user, client) {
                    (Some(user), _) => OwnedActor::User(user.clone()),
                    (None, Some((client, active))) => OwnedActor::Client(Box::new(client.clone()), active),
                    (None, None) => return Err(Reject::Field("user", "is needed".to_owned()).into()),
                };
                let remark = about.as_ref().map(|_| "asked about the server as a whole".to_owned());
                let own = OwnedAdmin { actor, token: None, action, about: None, now_ms: around.now_ms, ip };
                return Ok((Owned::Admin(own), remark));
            }
            let (client, active, remark) = match client {
                Some((client, active)) => (client.clone(), active, None),
                None if user.is_some() => {
                    let any = anybody(snapshot, &scope).ok_or(Reject::NotFound("client"))?;
                    (any, true, Some("with a token of no particular client".to_owned()))
                }
                None => return Err(Reject::Field("user", "or a client is needed".to_owned()).into()),
            };
            let own = OwnedUse {
                user: user.cloned(),
                grant: usual(&client, user.is_some()),
                client,
                active,
                scopes: vec![scope.clone()],
                action: scope,
                age_s: 0,
                now_ms: around.now_ms,
                ip,
                http: None,
                stated: Default::default(),
            };
            Ok((Owned::Use(own), remark))
        }
        _ => Err(Reject::Field("query", "is none about a client or an action".to_owned()).into()),
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn parsed(text: &str) -> Result<Scope, Stop> {
    Scope::parse(text)
        .map_err(|_| Reject::Field("scope", "is one scope such as api::form.form.find".to_owned()).into())
}

/// The grant that a client would use.
fn usual(client: &Client, user: bool) -> GrantType {
    let order = match user {
        true => [GrantType::AuthorizationCode, GrantType::JwtBearer, GrantType::ClientCredentials],
        false => [GrantType::JwtBearer, GrantType::ClientCredentials, GrantType::AuthorizationCode],
    };
    order.into_iter().find(|grant| client.grants.contains(grant)).unwrap_or(GrantType::AuthorizationCode)
}

/// The circumstances of a request that is in order: what the client's own settings and ours make of it.
pub fn ordinary_facts(
    client: &Client,
    grant: GrantType,
    scopes: &[Scope],
    ip: IpAddr,
    around: &Circumstances,
) -> GrantFacts {
    let ttl_s = client.access_token_ttl.unwrap_or(around.ttl_s);
    let mut facts =
        GrantFacts { audience: vec![around.audience.clone()], ..GrantFacts::new(around.now_ms, ip, ttl_s) };
    match grant {
        GrantType::AuthorizationCode => {
            let uri = client.redirect_uris.first().map(|(uri, _)| uri);
            facts.pkce = Some(Method::S256);
            facts.redirect_host = uri.map(|uri| uri.host());
            facts.redirect_loopback = uri.is_some_and(|uri| uri.is_loopback());
            facts.auth_age_s = Some(30);
            facts.consented = Some(scopes.to_vec());
        }
        GrantType::JwtBearer => {
            facts.alg = Some("RS256".to_owned());
            facts.assertion_ttl_s = Some(120);
        }
        GrantType::ClientCredentials => {}
    }
    facts
}

/// A client of which nothing is known but that it may have the scope.
fn anybody(snapshot: &Snapshot, scope: &Scope) -> Option<Client> {
    let mut document = ClientDocument::new(ClientType::Confidential);
    document.scopes = vec![scope.to_string()];
    snapshot.parse_client(&ClientId::parse("any")?, &document, Mode::Stored).ok()
}

/// A token's view, and the question of each of its scopes: the circumstances of its issue, the entities of now.
pub(super) async fn token(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    row: &TokenRow,
) -> Result<(TokenView, Vec<Owned>), Stop> {
    let unreadable = |what: &str| Fault::Inconsistent(format!("{what} of token {}", row.jti));
    let facts: GrantFacts = serde_json::from_str(&row.facts).map_err(|_| unreadable("facts"))?;
    let scopes = scope::parse_list(&row.scopes).map_err(|_| unreadable("scopes"))?;
    let grant = GrantType::parse(&row.grant_type).ok_or_else(|| unreadable("grant type"))?;
    let client = match ClientId::parse(&row.client_id) {
        Some(id) => app.client(snapshot, &id).await?,
        None => None,
    };
    let user = match &row.user_id {
        Some(id) => app.user(id).await?.map(|state| state.user),
        None => None,
    };
    let gone = row.user_id.is_some() && user.is_none();
    let view = TokenView {
        jti: row.jti.clone(),
        client: row.client_id.clone(),
        user: user.as_ref().map(|user| user.username.clone()).or_else(|| row.user_id.clone()),
        scopes: scopes.iter().map(Scope::to_string).collect(),
        state: match () {
            () if row.revoked_at.is_some() => "revoked",
            () if row.expires_at <= ask.now_ms => "expired",
            () if client.is_none() => "its client is gone",
            () if gone => "its user is gone",
            () if !app.key_ring().publishes(&row.kid, ask.now_ms) => "its signing key is gone",
            () => "active",
        }
        .to_owned(),
        revision: row.revision.clone(),
        places: places(snapshot, row.policies.split(' ')),
    };
    let Some(client) = client.filter(|_| !gone) else { return Ok((view, Vec::new())) };
    let question = |scope: Scope| {
        Owned::Grant(OwnedGrant {
            recheck: true,
            client: client.client.as_ref().clone(),
            active: client.active,
            grant,
            user: user.as_deref().cloned(),
            facts: facts.clone(),
            scope: Some(scope),
        })
    };
    Ok((view, scopes.into_iter().map(question).collect()))
}

/// Explains a request with a token: what the token still carries, then the use.
pub(super) async fn of_route(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    (method, path, host): (&str, &str, &str),
    token_name: &TokenName,
) -> Result<Answer, Stop> {
    let read = RequestPath::parse(path)
        .ok_or_else(|| Reject::Field("request", "has no path that can be told".to_owned()))?;
    let found = snapshot.catalog().routes().find(host, method, &read);
    let found = found.ok_or(Reject::NotFound("route of the catalog that fits this request"))?;
    let row = match token_name {
        TokenName::Text(text) => issued_row(app, text).await?,
        TokenName::Jti(jti) => app.store.token(jti).await?,
    };
    let row = row.ok_or(Reject::NotFound("token"))?;
    let (view, questions) = token(app, ask, snapshot, &row).await?;
    let mut carried = Vec::new();
    let mut now = Vec::new();
    for question in &questions {
        let Owned::Grant(own) = question else { continue };
        let Some(scope) = &own.scope else { continue };
        if snapshot.decide(&question.asked()).allowed {
            carried.push(scope.clone());
        } else if scope == found.action {
            now.push(snapshot.explain(&question.asked()));
        }
    }
    if let Some(Owned::Grant(own)) = questions.into_iter().next() {
        let age_s = u64::try_from((ask.now_ms - row.created_at) / 1_000).unwrap_or(0);
        let usage = Owned::Use(OwnedUse {
            user: own.user,
            client: own.client,
            active: own.active,
            action: found.action.clone(),
            scopes: carried,
            grant: own.grant,
            age_s,
            now_ms: ask.now_ms,
            ip: own.facts.ip,
            http: Some(HttpFacts {
                method: method.to_owned(),
                path: path.to_owned(),
                params: found.params.clone(),
                headers: Vec::new(),
            }),
            stated: Default::default(),
        });
        now.push(snapshot.explain(&usage.asked()));
    }
    let route = format!("{} {}", found.route.method, found.route.path);
    let about = match found.public {
        true => format!("{route} performs {}, which is public: no token is needed", found.action),
        false => format!("{route} performs {}", found.action),
    };
    Ok(Answer { about: Some(about), token: Some(view), recorded: Vec::new(), now })
}
