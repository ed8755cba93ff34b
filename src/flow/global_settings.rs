//! The ceiling, written through the API where its document says so (design §3).

use std::sync::Arc;

use super::Ask;
use super::caller::{self, Caller};
use super::clients::unwritten;
use super::scopes::{GLOBAL_ID, GlobalSettings, describe};
use crate::app::{App, jobs};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::policy::write::write_global;
use crate::policy::{AdminResource, Reload, admin};

/// Replaces the global scopes; answers when the new set is in force here.
///
/// # Errors
/// [`Reject::Conflict`] naming the file where git manages it, [`Reject::Field`] for a name that the
/// catalog does not know, missing permission, or a fault.
pub async fn update(
    app: &Arc<App>,
    ask: &Ask,
    caller: &Caller,
    document_id: &str,
    scopes: Vec<String>,
) -> Result<GlobalSettings, Stop> {
    let snapshot = app.policies.current();
    let permit =
        caller::permitted(app, ask, &snapshot, caller, admin::SETTINGS_UPDATE, AdminResource::Server)?;
    if document_id != GLOBAL_ID {
        return Err(Reject::NotFound("document").into());
    }
    if !snapshot.global().managed_by_admin {
        let file = snapshot.global().file.display().to_string();
        return Err(Reject::Conflict(format!("git manages the global scopes; edit {file}").into()).into());
    }
    let unknown = scopes.iter().find(|name| snapshot.catalog().expand(name).is_err());
    if let Some(name) = unknown {
        return Err(Reject::Field("scopes", format!("unknown scope {name}")).into());
    }
    let before = snapshot.global().entries.clone();
    let worker = Arc::clone(app);
    let entries = scopes.clone();
    tokio::task::spawn_blocking(move || write_global(&worker.config.policies.path, &entries))
        .await
        .map_err(|_| Fault::Policy("writing global.yaml failed".to_owned()))?
        .map_err(unwritten)?;
    if matches!(jobs::reload(app).await, Reload::Kept) {
        let entries = before.clone();
        let worker = Arc::clone(app);
        // The set as a whole was refused: the file goes back to what is in force. Where it cannot, that is the answer.
        tokio::task::spawn_blocking(move || write_global(&worker.config.policies.path, &entries))
            .await
            .map_err(|_| Fault::Policy("writing global.yaml failed".to_owned()))?
            .map_err(unwritten)?;
        return Err(Reject::Conflict("the policy folder holds an error; see /readyz".into()).into());
    }
    let detail = serde_json::json!({ "before": before, "after": scopes });
    caller::audit(app, ask, caller, &permit, "global.yaml", detail).await?;
    Ok(describe(&app.policies.current()))
}
