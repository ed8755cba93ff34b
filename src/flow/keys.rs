//! Signing keys as clients and administrators see them.

use super::Ask;
use super::caller::{self, Caller};
use crate::app::App;
use crate::oauth::reject::Stop;
use crate::policy::{AdminResource, admin};

/// The public keys (RFC 7517 §5). A symmetric key is never among them (attack row K3).
pub fn jwks(app: &App) -> serde_json::Value {
    app.key_ring().jwks(app.clock.now_ms())
}

/// Makes a new signing key: published at once, in use after the overlap. Answers its `kid`.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn rotate(app: &App, ask: &Ask, caller: &Caller) -> Result<String, Stop> {
    let snapshot = app.policies.current();
    let permit = caller::permitted(app, ask, &snapshot, caller, admin::KEY_ROTATE, AdminResource::Server)?;
    let kid = app.rotate_keys(app.config.keys.overlap.millis()).await?;
    caller::audit(app, ask, caller, &permit, &kid, serde_json::json!({})).await?;
    Ok(kid)
}
