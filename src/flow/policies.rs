//! The policy set: read anew when an administrator asks.

use std::sync::Arc;

use super::Ask;
use super::caller::{self, Caller};
use crate::app::{App, jobs};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, Reload, Status, admin};
use crate::store::{Listed, Page, ReloadRow};

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

/// The history of the policy set.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn reloads(app: &App, ask: &Ask, caller: &Caller, page: Page) -> Result<Listed<ReloadRow>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::POLICY_READ, AdminResource::Server)?;
    Ok(app.store.list_reloads(page).await?)
}

/// One attempt of the history.
///
/// # Errors
/// [`Reject::NotFound`], missing permission, or a fault.
pub async fn attempt(app: &App, ask: &Ask, caller: &Caller, id: &str) -> Result<ReloadRow, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::POLICY_READ, AdminResource::Server)?;
    Ok(app.store.reload(id).await?.ok_or(Reject::NotFound("reload"))?)
}
