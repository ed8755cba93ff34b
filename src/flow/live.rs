//! Whether a token lives, and what it still carries: the row is the truth, the policy of now decides.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Ask;
use crate::app::clients::ClientState;
use crate::app::live::{Kind, KnownToken};
use crate::app::users::UserState;
use crate::app::{App, LiveKey};
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Fault;
use crate::oauth::scope::{self, Scope};
use crate::oauth::secret::SecretHash;
use crate::oauth::user::User;
use crate::policy::{Asked, GrantFacts, GrantQuestion, Snapshot, Trace};
use crate::store::TokenRow;

/// Longest access token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 16_384;

/// A token that lives.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// Its row.
    pub row: Arc<TokenRow>,
    /// What it still carries: its own scopes that the policy permits now. Never empty.
    pub scopes: Arc<[Scope]>,
    /// Its client.
    pub client: Arc<ClientState>,
    /// The user behind it.
    pub user: Option<Arc<User>>,
    /// Where decisions about its use may be remembered; none = nothing may.
    pub kind: Option<Arc<Kind>>,
}

/// Looks a presented token up; nothing if it is no live access token of ours, whatever else it is.
///
/// The text must be the one that was signed, to the byte: its SHA-256 stands on the row, which
/// proves more than its signature would.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn live(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    token: &str,
) -> Result<Option<LiveToken>, Fault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Ok(None);
    }
    let hash = SecretHash::of(token);
    if let Some(known) = app.known_token(snapshot, &hash) {
        let lives = known.row.expires_at > ask.now_ms && app.key_ring().publishes(&known.row.kid, ask.now_ms);
        return Ok(lives.then(|| LiveToken::from(&*known)));
    }
    // Before the row is read, so that a revocation in between is not missed.
    let revocations = app.revocations();
    let Some(row) = issued_row(app, token).await? else { return Ok(None) };
    let Some((live, user)) = weighed(app, ask, snapshot, row).await? else { return Ok(None) };
    if let (Some(kind), Some(revocations)) = (&live.kind, revocations) {
        let (row, kind, client) = (Arc::clone(&live.row), Arc::clone(kind), Arc::clone(&live.client));
        app.remember_token(hash, Arc::new(KnownToken::new(row, kind, client, user, revocations)));
    }
    Ok(Some(live))
}

impl From<&KnownToken> for LiveToken {
    fn from(known: &KnownToken) -> Self {
        Self {
            row: Arc::clone(&known.row),
            scopes: Arc::clone(&known.kind.scopes),
            client: Arc::clone(&known.client),
            user: known.user.as_ref().map(|state| Arc::clone(&state.user)),
            kind: Some(Arc::clone(&known.kind)),
        }
    }
}

/// The row of a presented token, dead or alive.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn issued_row(app: &App, token: &str) -> Result<Option<TokenRow>, Fault> {
    let Some(jti) = claimed_jti(token) else { return Ok(None) };
    let row = app.store.token(&jti).await?;
    Ok(row.filter(|row| SecretHash::of(token).matches(&row.token_hash.0)))
}

/// The same for a row that was found otherwise.
///
/// # Errors
/// [`Fault`] if the database does not answer or a row of ours cannot be read.
pub async fn revived(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    row: TokenRow,
) -> Result<Option<LiveToken>, Fault> {
    Ok(weighed(app, ask, snapshot, row).await?.map(|(live, ..)| live))
}

type Weighed = (LiveToken, Option<UserState>);

async fn weighed(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    row: TokenRow,
) -> Result<Option<Weighed>, Fault> {
    let dead = row.revoked_at.is_some() || row.expires_at <= ask.now_ms;
    if dead || !app.key_ring().publishes(&row.kid, ask.now_ms) {
        return Ok(None);
    }
    let Some(id) = ClientId::parse(&row.client_id) else { return Ok(None) };
    let Some(client) = app.client(snapshot, &id).await?.filter(|client| client.active) else {
        return Ok(None);
    };
    let user = match &row.user_id {
        None => None,
        Some(id) => match app.user(id).await? {
            Some(state) if !state.user.blocked => Some(state),
            _ => return Ok(None),
        },
    };
    let key = app.live_key(snapshot, &client, user.as_ref());
    let (scopes, kind) = still_carried(app, ask, snapshot, &client, user.as_ref(), &row, key)?;
    if scopes.is_empty() {
        return Ok(None);
    }
    let live = LiveToken {
        row: Arc::new(row),
        scopes,
        client,
        user: user.as_ref().map(|state| Arc::clone(&state.user)),
        kind,
    };
    Ok(Some((live, user)))
}

/// The scopes that stand, and the tokens that no policy tells apart from this one.
type Carried = (Arc<[Scope]>, Option<Arc<Kind>>);

/// What a token still carries: from memory where nothing that it depends on has changed, decided otherwise.
fn still_carried(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    client: &ClientState,
    user: Option<&UserState>,
    row: &TokenRow,
    key: Option<LiveKey>,
) -> Result<Carried, Fault> {
    let unreadable = |what: &str| Fault::Inconsistent(format!("{what} of token {}", row.jti));
    let facts: GrantFacts = serde_json::from_str(&row.facts).map_err(|_| unreadable("facts"))?;
    let grant = GrantType::parse(&row.grant_type).ok_or_else(|| unreadable("grant type"))?;
    let shared = shared_name(row, &facts);
    let known = key.as_ref().and_then(|key| app.kind(&shared, key).or_else(|| app.kind(&row.jti, key)));
    if let Some(kind) = known {
        return Ok((Arc::clone(&kind.scopes), Some(kind)));
    }
    let scopes = scope::parse_list(&row.scopes).map_err(|_| unreadable("scopes"))?;
    let user = user.map(|state| state.user.as_ref());
    let question =
        GrantQuestion { client: &client.client, active: client.active, grant, user, facts: &facts };
    let (scopes, steady) = permitted_now(app, ask, snapshot, &question, &scopes, &row.jti);
    let scopes: Arc<[Scope]> = scopes.into();
    let kind = key.map(|key| {
        let kind = Arc::new(Kind::new(Arc::clone(&scopes), key));
        app.remember_kind(if steady { shared } else { row.jti.clone() }, Arc::clone(&kind));
        kind
    });
    Ok((scopes, kind))
}

/// What no policy tells apart that reads neither time, address nor age of the sign-in has one name. A `jti` has no blanks.
fn shared_name(row: &TokenRow, facts: &GrantFacts) -> String {
    let facts = serde_json::to_string(&facts.timeless()).unwrap_or_default();
    let user = row.user_id.as_deref().unwrap_or_default();
    format!("{} {user} {} {} {facts}", row.client_id, row.grant_type, row.scopes)
}

/// Puts the grant question again: the circumstances of the issue, the entities and policies of now. Says as well
/// whether the answer would be the same for another time and address.
fn permitted_now(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    question: &GrantQuestion<'_>,
    scopes: &[Scope],
    jti: &str,
) -> (Vec<Scope>, bool) {
    let started = std::time::Instant::now();
    let (decided, steady) = snapshot.decide_scopes_told(question, scopes);
    let trace = Trace { request_id: &ask.request_id, jti: Some(jti), took: started.elapsed() };
    for (scope, decision) in &decided {
        app.decisions.record(snapshot, &Asked::Recheck(*question, Some(scope)), decision, trace);
    }
    let allowed = decided.into_iter().filter(|(_, decision)| decision.allowed);
    (allowed.map(|(scope, _)| scope).collect(), steady)
}

/// The `jti` that a text claims, if it looks like a JWT at all.
fn claimed_jti(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claims {
        jti: String,
    }
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    (claims.jti.len() <= 64 && claims.jti.bytes().all(|b| b.is_ascii_graphic())).then_some(claims.jti)
}
