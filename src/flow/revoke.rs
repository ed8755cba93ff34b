//! Token revocation (RFC 7009).

use super::Ask;
use super::authenticate::{self, ClientCredentials};
use super::live;
use crate::app::App;
use crate::oauth::client::ClientType;
use crate::oauth::reject::{Reject, Stop};
use crate::telemetry::Event;

/// Revokes a token of the caller's own; an unknown one is a success as well (RFC 7009 §2.2).
///
/// # Errors
/// The caller's refusal; `invalid_request` for another client's token (attack row D3); a fault,
/// in which case the token is still active and the caller is told so.
pub async fn revoke(
    app: &App,
    ask: &Ask,
    credentials: &ClientCredentials,
    token: Option<&str>,
) -> Result<(), Stop> {
    let snapshot = app.policies.current();
    let caller = authenticate::client(app, ask, &snapshot, credentials).await?;
    let token = token.ok_or(Reject::Missing("token"))?;
    let Some(row) = live::issued_row(app, token).await? else { return Ok(()) };
    if row.client_id != caller.client.id.as_str() {
        return match caller.client.kind {
            ClientType::Public => Ok(()),
            ClientType::Confidential => {
                Err(Reject::Invalid("token", "was issued to another client".into()).into())
            }
        };
    }
    app.store.revoke(&row.jti, ask.now_ms).await?;
    Event::TokenRevoked { jti: &row.jti, client: &row.client_id, by: "client" }.emit();
    Ok(())
}
