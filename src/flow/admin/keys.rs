//! Signing keys as administrators see them.

use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::keys::KeyFacts;
use crate::oauth::reject::Stop;
use crate::policy::{AdminResource, admin};

/// Every key, the newest first.
///
/// # Errors
/// Missing permission.
pub fn list(app: &App, ask: &Ask, caller: &Caller) -> Result<Vec<KeyFacts>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::KEY_READ, AdminResource::Server)?;
    Ok(app.key_ring().described(ask.now_ms))
}
