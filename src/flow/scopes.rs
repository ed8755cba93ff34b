//! The catalog as the API shows it: scopes grouped by content type.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Ask;
use super::caller::{self, Caller};
use crate::app::App;
use crate::oauth::reject::Stop;
use crate::policy::{AdminResource, admin};

/// One scope of the catalog.
#[derive(Clone, Debug)]
pub struct ScopeEntry {
    /// Its name.
    pub name: String,
    /// The action's own name.
    pub action: String,
    /// What people read.
    pub title: String,
    /// Whether the catalog marks it.
    pub sensitive: bool,
    /// Whether the global scopes hold it.
    pub global: bool,
}

/// All scopes of the catalog by content type.
///
/// # Errors
/// Missing permission, or a fault.
pub fn list(app: &App, ask: &Ask, caller: &Caller) -> Result<BTreeMap<String, Vec<ScopeEntry>>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::SCOPE_READ, AdminResource::Server)?;
    let global = snapshot.global();
    let mut groups: BTreeMap<String, Vec<ScopeEntry>> = BTreeMap::new();
    for content_type in snapshot.catalog().content_types() {
        let actions = content_type.actions.iter().filter_map(|scope| snapshot.catalog().action(scope));
        let entries = actions.map(|action| ScopeEntry {
            name: action.scope.as_str().to_owned(),
            action: action.name.clone(),
            title: action.title.clone(),
            sensitive: action.sensitive,
            global: global.scopes.binary_search(&action.scope).is_ok(),
        });
        groups.entry(content_type.name.clone()).or_default().extend(entries);
    }
    Ok(groups)
}

/// The global scopes as the API shows them.
#[derive(Clone, Debug)]
pub struct GlobalSettings {
    /// A fixed id: there is one such document.
    pub document_id: &'static str,
    /// Wildcards resolved.
    pub scopes: Vec<String>,
    /// `admin` or `git`.
    pub managed_by: &'static str,
    /// The file that holds them.
    pub file: String,
}

/// The id of the one document of global settings.
pub const GLOBAL_ID: &str = "global";

/// Reads the global scopes.
///
/// # Errors
/// Missing permission, or a fault.
pub fn global(app: &App, ask: &Ask, caller: &Caller) -> Result<GlobalSettings, Stop> {
    let snapshot: Arc<_> = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::SETTINGS_READ, AdminResource::Server)?;
    Ok(describe(&snapshot))
}

pub(super) fn describe(snapshot: &crate::policy::Snapshot) -> GlobalSettings {
    let global = snapshot.global();
    GlobalSettings {
        document_id: GLOBAL_ID,
        scopes: global.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        managed_by: if global.managed_by_admin { "admin" } else { "git" },
        file: global.file.display().to_string(),
    }
}
