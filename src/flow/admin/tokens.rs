//! Tokens for administrators: found by what people know of them, shown with their decision, revoked in numbers.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{user_id_of, user_names};
use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::flow::live::revived;
use crate::oauth::client::ClientId;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, PolicyInfo, Snapshot, admin};
use crate::store::{Counted, Scanned, Stretch, TokenClock, TokenFilter, TokenRow};

/// Most tokens that are revoked by one request.
pub const MOST_AT_ONCE: usize = 100;

/// Which tokens, in which order.
#[derive(Clone, Debug)]
pub struct TokenQuery {
    /// Client and user as people write them; `search` is a jti, a document id, a client or a user, exactly.
    pub filter: TokenFilter,
    /// What they are ordered by.
    pub clock: TokenClock,
    /// Latest first.
    pub descending: bool,
    /// Which part.
    pub stretch: Stretch,
}

/// Tokens as a page shows them.
#[derive(Debug)]
pub struct TokenPage {
    /// The rows.
    pub part: Scanned<TokenRow>,
    /// How many match.
    pub counted: Counted,
    /// Names of the rows' users by id.
    pub users: HashMap<String, String>,
    /// Names of the rows' clients by client id.
    pub clients: HashMap<String, String>,
}

/// A token with what decided about it.
#[derive(Debug)]
pub struct TokenDetail {
    /// Its row.
    pub row: TokenRow,
    /// Header and claims as they were signed; the token itself is not kept.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// What it carries now; empty = introspection says inactive.
    pub carries_now: Vec<String>,
    /// The policies that decided at its issue, as they stand now; none = the set has no such policy any more.
    pub policies: Vec<(String, Option<PolicyInfo>)>,
    /// Whether the set that decided is the one in force.
    pub same_revision: bool,
    /// The user's name.
    pub user: Option<String>,
    /// The client's name.
    pub client: Option<String>,
}

/// Finds tokens.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn find(app: &App, ask: &Ask, caller: &Caller, query: TokenQuery) -> Result<TokenPage, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::TOKEN_READ, AdminResource::Server)?;
    let mut filter = query.filter;
    if let Some(user) = &filter.user {
        filter.user = Some(user_id_of(app, user).await?);
    }
    let (part, counted) = match resolve(app, &mut filter).await? {
        Some(rows) => {
            let found = rows.len() as i64;
            let part = Scanned { rows, before: None, after: None, window_ended: false };
            (part, Counted { found, or_more: false })
        }
        None => {
            let counted = app.store.count_tokens_nearby(filter.clone()).await?;
            let scan = app.store.scan_tokens(filter, query.clock, query.descending, query.stretch);
            (scan.await?, counted)
        }
    };
    let users = user_names(app, part.rows.iter().filter_map(|row| row.user_id.as_deref())).await?;
    let mut clients = HashMap::new();
    for row in &part.rows {
        if !clients.contains_key(&row.client_id)
            && let Some(client) = app.store.client(&row.client_id).await?
        {
            clients.insert(row.client_id.clone(), client.name);
        }
    }
    Ok(TokenPage { part, counted, users, clients })
}

/// Turns what was typed into a client or a user to filter by, or into the rows themselves.
async fn resolve(app: &App, filter: &mut TokenFilter) -> Result<Option<Vec<TokenRow>>, Stop> {
    let Some(text) = filter.search.take() else { return Ok(None) };
    let text = text.trim();
    let one = match app.store.token(text).await? {
        None => app.store.token_by_document(text).await?,
        found => found,
    };
    if let Some(row) = one {
        let fits = filter.client.as_ref().is_none_or(|client| *client == row.client_id)
            && filter.user.as_ref().is_none_or(|user| row.user_id.as_ref() == Some(user))
            && filter.grant.as_ref().is_none_or(|grant| *grant == row.grant_type)
            && filter.status.is_none_or(|status| row.status(filter.now) == status);
        return Ok(Some(if fits { vec![row] } else { Vec::new() }));
    }
    if filter.client.is_none()
        && let Some(client) = app.store.client(text).await?
    {
        filter.client = Some(client.client_id);
        return Ok(None);
    }
    if filter.user.is_none()
        && let Some(user) = app.user_named(text).await?
    {
        filter.user = Some(user.id.as_ref().to_owned());
        return Ok(None);
    }
    Ok(Some(Vec::new()))
}

/// Shows one token, by its `jti` or its document id.
///
/// # Errors
/// [`Reject::NotFound`], missing permission, or a fault.
pub async fn detail(app: &App, ask: &Ask, caller: &Caller, name: &str) -> Result<TokenDetail, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::TOKEN_READ, AdminResource::Server)?;
    let row = match app.store.token(name).await? {
        None => app.store.token_by_document(name).await?,
        found => found,
    };
    let row = row.ok_or(Reject::NotFound("token"))?;
    let live = revived(app, ask, &snapshot, row.clone()).await?;
    let carries_now = live
        .map_or_else(Vec::new, |live| live.scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
    let user = match &row.user_id {
        Some(id) => app.user(id).await?.map(|state| state.user.username.clone()),
        None => None,
    };
    let client = app.store.client(&row.client_id).await?.map(|client| client.name);
    let policies = deciding(app, &snapshot, &row).await?;
    let (header, claims) = said(app, &row);
    let same_revision = row.revision == **snapshot.revision();
    Ok(TokenDetail { header, claims, carries_now, policies, same_revision, user, client, row })
}

async fn deciding(
    app: &App,
    snapshot: &Arc<Snapshot>,
    row: &TokenRow,
) -> Result<Vec<(String, Option<PolicyInfo>)>, Stop> {
    let own = match ClientId::parse(&row.client_id) {
        Some(id) => match app.client(snapshot, &id).await? {
            Some(state) => snapshot.client_policies(&state.client),
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    let ids = row.policies.split_whitespace();
    Ok(ids
        .map(|id| {
            let found = own.iter().find(|policy| policy.id == id).cloned().or_else(|| snapshot.policy(id));
            (id.to_owned(), found)
        })
        .collect())
}

/// Header and claims of RFC 9068 §2, put together again from the row.
fn said(app: &App, row: &TokenRow) -> (Value, Value) {
    let ring = app.key_ring();
    let alg = ring.described(0).into_iter().find(|key| key.kid == row.kid).map(|key| key.alg.name());
    let header = json!({ "typ": "at+jwt", "alg": alg, "kid": row.kid });
    let audience: Value = serde_json::from_str(&row.audience).unwrap_or(Value::Null);
    let audience = match audience.as_array().map(Vec::as_slice) {
        Some([one]) => one.clone(),
        _ => audience,
    };
    let claims = json!({
        "iss": app.public.issuer(),
        "sub": row.user_id.as_ref().unwrap_or(&row.client_id),
        "aud": audience,
        "client_id": row.client_id,
        "iat": row.created_at.div_euclid(1_000),
        "exp": row.expires_at.div_euclid(1_000),
        "jti": row.jti,
        "scope": row.scopes,
    });
    (header, claims)
}

/// Revokes several tokens; says how many were not revoked before.
///
/// # Errors
/// [`Reject::Field`] for none, too many or impossible ids; missing permission; or a fault.
pub async fn revoke_many(app: &App, ask: &Ask, caller: &Caller, jtis: Vec<String>) -> Result<usize, Stop> {
    let snapshot = app.policies.current();
    let permit = caller::permitted(app, ask, &snapshot, caller, admin::TOKEN_REVOKE, AdminResource::Server)?;
    if jtis.is_empty() || jtis.len() > MOST_AT_ONCE {
        return Err(Reject::Field("jtis", format!("names 1 to {MOST_AT_ONCE} tokens")).into());
    }
    let possible = |jti: &String| jti.len() <= 64 && jti.bytes().all(|b| b.is_ascii_graphic());
    if !jtis.iter().all(possible) {
        return Err(Reject::Field("jtis", "holds the ids of tokens".to_owned()).into());
    }
    let revoked = app.store.revoke_many(jtis.clone(), ask.now_ms).await?;
    let targets: Vec<&str> = jtis.iter().map(String::as_str).collect();
    let detail = json!({ "revoked": true, "together": jtis.len() });
    caller::audit_all(app, ask, caller, &permit, &targets, detail).await?;
    Ok(revoked)
}
