//! The audit log: who did what, when, and which policies let them.

use std::collections::HashMap;

use super::{user_id_of, user_names};
use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, admin};
use crate::store::{AuditFilter, AuditRow, Counted, Scanned, Stretch};

/// Entries as a page shows them.
#[derive(Debug)]
pub struct AuditPage {
    /// The rows.
    pub part: Scanned<AuditRow>,
    /// How many match.
    pub counted: Counted,
    /// Names of the rows' actors by id, where they are users who still exist.
    pub actors: HashMap<String, String>,
}

/// Finds entries, the latest first. The actor may be given by name.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn find(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    mut filter: AuditFilter,
    stretch: Stretch,
) -> Result<AuditPage, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::AUDIT_READ, AdminResource::Server)?;
    if let Some(actor) = &filter.actor {
        filter.actor = Some(user_id_of(app, actor).await?);
    }
    let counted = app.store.count_audit_nearby(filter.clone()).await?;
    let part = app.store.scan_audit(filter, stretch).await?;
    let users = part.rows.iter().filter(|row| row.actor_kind == "user");
    let actors = user_names(app, users.map(|row| row.actor.as_str())).await?;
    Ok(AuditPage { part, counted, actors })
}

/// The next entries of an export; the caller goes on while there is an `after`.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn export(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    mut filter: AuditFilter,
    stretch: Stretch,
) -> Result<Scanned<AuditRow>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::AUDIT_READ, AdminResource::Server)?;
    if let Some(actor) = &filter.actor {
        filter.actor = Some(user_id_of(app, actor).await?);
    }
    Ok(app.store.scan_audit(filter, stretch).await?)
}

/// One entry.
///
/// # Errors
/// [`Reject::NotFound`], missing permission, or a fault.
pub async fn entry(app: &App, ask: &Ask, caller: &Caller, id: &str) -> Result<AuditRow, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::AUDIT_READ, AdminResource::Server)?;
    Ok(app.store.audit_entry(id).await?.ok_or(Reject::NotFound("entry"))?)
}
