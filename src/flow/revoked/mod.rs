//! The list of tokens that ended before their time, for resource servers that verify tokens offline: signed,
//! cacheable, whole or since a cursor.
//!
//! What it covers: tokens that were revoked one by one (by their client, by an administrator, with a consent, with
//! a client or a user that was deleted, by a second use of a code), clients that are disabled or whose document is
//! gone, users who are blocked, and tokens from which the policies of now took scopes (`lost.rs`).

mod lost;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Ask;
use super::caller::{self, Credential};
use crate::app::App;
use crate::oauth::client::ClientId;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::secret::SecretHash;
use crate::policy::{AdminResource, Snapshot, admin};
use crate::store::{ClientMark, RevokedAfter};

/// Most tokens of one answer.
const PAGE: usize = 10_000;

/// A revocation is found although its transaction ended so much later than it began, on a replica whose clock
/// stands behind: each delta tells the last minute once more.
const LOOK_BACK_MS: i64 = 60_000;

/// The list.
#[derive(Clone, Debug)]
pub struct RevokedList {
    /// The signed list.
    pub jwt: Arc<str>,
    /// Names exactly this text.
    pub etag: String,
    /// How long it may still be kept, in seconds.
    pub max_age: u64,
}

/// Answers with the list since a cursor of a former one, or the whole of it.
///
/// # Errors
/// Missing permission, a cursor that is none, or a fault.
pub async fn list(
    app: &App,
    ask: &Ask,
    credential: Credential,
    since: Option<&str>,
) -> Result<RevokedList, Stop> {
    let snapshot = app.policies.current();
    // 1. Who may read it is the policy's answer.
    let caller = caller::shown(app, ask, &snapshot, credential).await?.caller;
    let permit =
        caller::permitted(app, ask, &snapshot, &caller, admin::TOKEN_REVOKED, AdminResource::Server)?;
    let after = match since {
        None => RevokedAfter::default(),
        Some(text) => cursor(text).ok_or(Reject::Invalid("since", "is the cursor of a list".into()))?,
    };
    // 2. One list serves everybody until it is too old; what is left of its time goes to the reader.
    let max_age = app.config.tokens.revoked_max_age.0;
    let key = since.unwrap_or_default().to_owned();
    let max_age_ms = i64::try_from(max_age.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let kept = app.revoked_lists.get(&key).filter(|(made, _)| (0..max_age_ms).contains(&(ask.now_ms - made)));
    let (made, jwt) = match kept {
        Some(kept) => kept,
        None => {
            let body = body(app, ask, &snapshot, after).await?;
            let jwt: Arc<str> = app.key_ring().sign_revoked(&permit, &body, ask.now_ms)?.into();
            app.revoked_lists.insert(key, (ask.now_ms, Arc::clone(&jwt)));
            (ask.now_ms, jwt)
        }
    };
    let left = u64::try_from((max_age_ms - (ask.now_ms - made)) / 1_000).unwrap_or(0);
    let etag = format!("\"{}\"", short(&SecretHash::of(&jwt)));
    Ok(RevokedList { jwt, etag, max_age: left })
}

async fn body(app: &App, ask: &Ask, snapshot: &Arc<Snapshot>, after: RevokedAfter) -> Result<Value, Stop> {
    let lost = lost::lost(app, ask, snapshot).await?;
    let mut rows = app.store.revoked_after(after, ask.now_ms, PAGE + 1).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let cursor = match rows.last().filter(|_| more) {
        Some(last) => format!("{}.{}", last.revoked_at.unwrap_or_default(), last.jti),
        None => format!("{}.", ask.now_ms.saturating_sub(LOOK_BACK_MS)),
    };
    // Rounded up: a token is named until it has expired for every reader.
    let exp = |expires_at: i64| expires_at.div_euclid(1_000) + 1;
    let revoked: Vec<Value> =
        rows.iter().map(|row| json!({ "jti": row.jti, "exp": exp(row.expires_at) })).collect();
    let losers: Vec<Value> = lost
        .tokens
        .iter()
        .filter(|token| token.expires_at > ask.now_ms)
        .map(|token| json!({ "jti": token.jti, "exp": exp(token.expires_at), "scope": token.scope }))
        .collect();
    let made_s = ask.now_ms.div_euclid(1_000);
    let max_age = i64::try_from(app.config.tokens.revoked_max_age.0).unwrap_or(i64::MAX);
    Ok(json!({
        "iss": app.public.issuer(),
        "iat": made_s,
        "exp": made_s.saturating_add(max_age),
        "cursor": cursor,
        "more": more,
        "revoked": revoked,
        "clients": dead_clients(snapshot, app.store.client_marks().await?),
        "users": app.store.blocked_users().await?,
        "lost": losers,
        "lost_complete": lost.complete,
        "policy_revision": snapshot.revision().as_ref(),
    }))
}

/// Clients all of whose tokens are dead now.
fn dead_clients(snapshot: &Snapshot, marks: Vec<ClientMark>) -> BTreeSet<String> {
    let off_in_folder = |id: &str| {
        let document = ClientId::parse(id).and_then(|id| snapshot.client(&id).cloned());
        document.is_none_or(|client| !client.active)
    };
    let dead =
        marks.into_iter().filter(|mark| !mark.active || (mark.is_file() && off_in_folder(&mark.client_id)));
    dead.map(|mark| mark.client_id).collect()
}

/// `<milliseconds>.<jti>`; readers hand it back as it is.
fn cursor(text: &str) -> Option<RevokedAfter> {
    let (at, jti) = text.split_once('.')?;
    let plain = at.len() <= 15 && at.bytes().all(|b| b.is_ascii_digit()) && jti.len() <= 64;
    let at = at.parse().ok().filter(|_| plain)?;
    let fits = jti.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    fits.then(|| RevokedAfter { at, jti: jti.to_owned() })
}

fn short(hash: &SecretHash) -> String {
    hash.0[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}
