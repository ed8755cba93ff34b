//! The policy set: read anew when an administrator asks.

use std::sync::Arc;

use super::Ask;
use super::caller::{self, Caller};
use crate::app::{App, jobs};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, Reload, Status, admin};

/// Reads the policy folder anew; answers what is in force then.
///
/// # Errors
/// [`Reject::Conflict`] with the first problem where the folder is held back, missing permission, or a fault.
pub async fn reload(app: &Arc<App>, ask: &Ask, caller: &Caller) -> Result<Status, Stop> {
    let snapshot = app.policies.current();
    let permit = caller::permitted(app, ask, &snapshot, caller, admin::POLICY_RELOAD, AdminResource::Server)?;
    let done = jobs::reload(app).await;
    let status = app.policies.status();
    caller::audit(app, ask, caller, &permit, &status.revision, serde_json::json!({})).await?;
    if done == Reload::Kept {
        let first =
            status.held_back.first().map(|held| format!("{}:{} {}", held.file, held.line, held.message));
        return Err(Reject::Conflict(first.unwrap_or_default().into()).into());
    }
    Ok(status)
}
