//! Whether a token lives, and what it still carries: the row is the truth, the policy of now decides.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Ask;
use crate::app::App;
use crate::app::clients::ClientState;
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
    pub row: TokenRow,
    /// What it still carries: its own scopes that the policy permits now. Never empty.
    pub scopes: Arc<[Scope]>,
    /// Its client.
    pub client: Arc<ClientState>,
    /// The user behind it.
    pub user: Option<Arc<User>>,
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
    match issued_row(app, token).await? {
        None => Ok(None),
        Some(row) => revived(app, ask, snapshot, row).await,
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
    let known = key.as_ref().and_then(|key| app.still_permitted.get(&row.jti).filter(|(at, _)| at == key));
    let scopes = match known {
        Some((_, scopes)) => scopes,
        None => {
            let user = user.as_ref().map(|state| state.user.as_ref());
            let scopes: Arc<[Scope]> = permitted_now(app, ask, snapshot, &client, user, &row)?.into();
            if let Some(key) = key {
                app.still_permitted.insert(row.jti.clone(), (key, Arc::clone(&scopes)));
            }
            scopes
        }
    };
    if scopes.is_empty() {
        return Ok(None);
    }
    Ok(Some(LiveToken { row, scopes, client, user: user.map(|state| state.user) }))
}

/// Puts the grant question again: the circumstances of the issue, the entities and policies of now.
fn permitted_now(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    client: &ClientState,
    user: Option<&User>,
    row: &TokenRow,
) -> Result<Vec<Scope>, Fault> {
    let unreadable = |what: &str| Fault::Inconsistent(format!("{what} of token {}", row.jti));
    let facts: GrantFacts = serde_json::from_str(&row.facts).map_err(|_| unreadable("facts"))?;
    let scopes = scope::parse_list(&row.scopes).map_err(|_| unreadable("scopes"))?;
    let grant = GrantType::parse(&row.grant_type).ok_or_else(|| unreadable("grant type"))?;
    let question =
        GrantQuestion { client: &client.client, active: client.active, grant, user, facts: &facts };
    let started = std::time::Instant::now();
    let decided = snapshot.decide_scopes(&question, &scopes);
    let trace = Trace { request_id: &ask.request_id, jti: Some(&row.jti), took: started.elapsed() };
    for (scope, decision) in &decided {
        app.decisions.record(snapshot, &Asked::Recheck(question, Some(scope)), decision, trace);
    }
    Ok(decided.into_iter().filter(|(_, decision)| decision.allowed).map(|(scope, _)| scope).collect())
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
