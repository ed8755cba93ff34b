//! Roles as administrators see them: documents of the policy folder, with the number of their users.

use super::Ask;
use super::caller::{self, Caller};
use crate::app::App;
use crate::oauth::reject::Stop;
use crate::policy::{AdminResource, admin};
use crate::store::{Page, UserFilter, UserSort};

/// A role.
#[derive(Clone, Debug)]
pub struct RoleEntry {
    /// The name of its document.
    pub name: String,
    /// What people see.
    pub title: String,
    /// What it permits, wildcards resolved.
    pub actions: Vec<String>,
    /// The file that declares it.
    pub file: String,
    /// How many users have it.
    pub users: i64,
}

/// All roles of the folder.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn list(app: &App, ask: &Ask, caller: &Caller) -> Result<Vec<RoleEntry>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::USER_READ, AdminResource::Server)?;
    let folder = app.config.policies.path.display();
    let mut roles = Vec::new();
    for (name, title, actions) in snapshot.roles() {
        let filter = UserFilter { role: Some(name.to_owned()), ..UserFilter::default() };
        let found = app.store.list_users(filter, UserSort::default(), Page::first(1)).await?;
        roles.push(RoleEntry {
            name: name.to_owned(),
            title: title.to_owned(),
            actions: actions.iter().map(|action| action.as_str().to_owned()).collect(),
            file: format!("{folder}/roles/{name}.yaml"),
            users: found.total,
        });
    }
    Ok(roles)
}
