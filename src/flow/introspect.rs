//! Token introspection (RFC 7662): what the token carries now, for callers that it concerns.

use super::Ask;
use super::authenticate::{self, ClientCredentials};
use super::live::{LiveToken, live};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope;
use crate::policy::Permit;
use crate::policy::permit::Tell;

/// The answer about an active token (RFC 7662 §2.2).
#[derive(Clone, Debug)]
pub struct Active {
    /// What it still carries.
    pub scope: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The user's sign-in name, if there is a user.
    pub username: Option<String>,
    /// Expiry, in seconds since the epoch.
    pub exp: i64,
    /// Issue, in seconds since the epoch.
    pub iat: i64,
    /// The user's id, or the client's for a machine token.
    pub sub: String,
    /// Its audience.
    pub aud: Vec<String>,
    /// The issuer.
    pub iss: String,
    /// Its id.
    pub jti: String,
}

/// Answers an introspection request; nothing = `{"active":false}`, whatever the reason (RFC 7662 §2.2).
///
/// # Errors
/// The caller's refusal, or a fault.
pub async fn introspect(
    app: &App,
    ask: &Ask,
    credentials: &ClientCredentials,
    token: Option<&str>,
) -> Result<Option<Active>, Stop> {
    Ok(introspect_told(app, ask, credentials, token).await?.1)
}

/// The same, with who asked: for an answer that is signed for exactly this caller.
///
/// # Errors
/// The caller's refusal, or a fault.
pub async fn introspect_told(
    app: &App,
    ask: &Ask,
    credentials: &ClientCredentials,
    token: Option<&str>,
) -> Result<(Option<Permit<Tell>>, Option<Active>), Stop> {
    let snapshot = app.policies.current();
    let caller = authenticate::confidential(app, ask, &snapshot, credentials).await?;
    let token = token.ok_or(Reject::Missing("token"))?;
    app.decisions.writable()?;
    let found = live(app, ask, &snapshot, token).await?;
    let answer = match found {
        Some(found) if may_see(&caller, &found) => {
            app.last_used.token(&found.row.jti, ask.now_ms);
            Some(describe(app, found)?)
        }
        _ => None,
    };
    app.metrics.introspected(answer.is_some());
    Ok((snapshot.tell(&caller.client, caller.active), answer))
}

/// A client sees its own tokens and those whose audience it is (design §6, attack row D6).
fn may_see(caller: &ClientState, found: &LiveToken) -> bool {
    let me = caller.client.id.as_str();
    found.row.client_id == me || audience(found).iter().any(|audience| audience == me)
}

fn audience(found: &LiveToken) -> Vec<String> {
    serde_json::from_str(&found.row.audience).unwrap_or_default()
}

fn describe(app: &App, found: LiveToken) -> Result<Active, Stop> {
    let aud = audience(&found);
    let sub = found.row.user_id.clone().unwrap_or_else(|| found.row.client_id.clone());
    Ok(Active {
        scope: scope::join(found.scopes.iter()),
        username: found.user.as_ref().map(|user| user.username.clone()),
        exp: found.row.expires_at / 1_000,
        iat: found.row.created_at / 1_000,
        sub,
        aud,
        iss: app.public.issuer().to_owned(),
        client_id: found.row.client_id.clone(),
        jti: found.row.jti.clone(),
    })
}
