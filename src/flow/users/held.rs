//! Nobody gives what they do not hold, touches who holds more, or takes the last administrator away
//! (attack row AA4). No role has a name here: the policy is asked, and what a role permits is its document's.

use crate::app::App;
use crate::app::users::user_of;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{Actor, AdminQuestion, AdminResource, Snapshot, admin};
use crate::store::{Page, UserFilter, UserRow, UserSort};

/// Users that are looked at, at most, in the search for somebody who may administer.
const MOST_PAGES: u32 = 20;

/// Refuses roles that permit what the caller may not do.
pub(super) fn check_roles(app: &App, ask: &Ask, caller: &Caller, roles: &[String]) -> Result<(), Stop> {
    let snapshot = app.policies.current();
    for (_, _, actions) in snapshot.roles().filter(|(name, _, _)| roles.iter().any(|role| role == name)) {
        for action in actions {
            check_held(app, ask, &snapshot, caller, action)?;
        }
    }
    Ok(())
}

/// Refuses a change of somebody who may do more than the caller.
pub(super) fn check_target(app: &App, ask: &Ask, caller: &Caller, target: &UserRow) -> Result<(), Stop> {
    check_roles(app, ask, caller, &user_of(target.clone())?.roles)
}

fn check_held(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    caller: &Caller,
    action: &Scope,
) -> Result<(), Stop> {
    if let Some(administrative) = admin::ALL.iter().find(|name| **name == action.as_str()) {
        caller::permitted(app, ask, snapshot, caller, administrative, AdminResource::Server)?;
        return Ok(());
    }
    if caller.holds(snapshot, action) {
        return Ok(());
    }
    Err(Reject::Conflict(format!("a role permits {action}, which you do not hold").into()).into())
}

/// Refuses a change after which nobody could administer users. `after` is none where the user is deleted.
pub(super) async fn keep_an_administrator(
    app: &App,
    ask: &Ask,
    before: &UserRow,
    after: Option<&UserRow>,
) -> Result<(), Stop> {
    let snapshot = app.policies.current();
    let may = |row: &UserRow| Ok::<bool, Stop>(administers(ask, &snapshot, &user_of(row.clone())?));
    if !may(before)? {
        return Ok(());
    }
    if let Some(after) = after
        && may(after)?
    {
        return Ok(());
    }
    if another(app, ask, &snapshot, &before.id).await? {
        return Ok(());
    }
    Err(Reject::Conflict("nobody would be left who may administer users".into()).into())
}

fn administers(ask: &Ask, snapshot: &Snapshot, user: &User) -> bool {
    let question = AdminQuestion {
        actor: Actor::User(user),
        token: None,
        action: admin::USER_UPDATE,
        resource: AdminResource::Server,
        now_ms: ask.now_ms,
        ip: ask.ip,
    };
    !user.blocked && snapshot.administer(&question).is_ok()
}

/// Whether another user may administer: first among those with a role whose document says so, then among
/// all. Who is not found among the first thousands is not counted: a doubt keeps the administrator.
async fn another(app: &App, ask: &Ask, snapshot: &Snapshot, but: &str) -> Result<bool, Stop> {
    let roles: Vec<Option<String>> = snapshot
        .roles()
        .filter(|(_, _, actions)| actions.iter().any(|action| action.as_str() == admin::USER_UPDATE))
        .map(|(name, _, _)| Some(name.to_owned()))
        .collect();
    for role in roles.into_iter().chain([None]) {
        for page in 1..=MOST_PAGES {
            let filter = UserFilter { role: role.clone(), blocked: Some(false), ..UserFilter::default() };
            let page = Page { page, size: 100 };
            let found = app.store.list_users(filter, UserSort::default(), page).await?;
            let last = found.rows.len() < 100;
            for row in found.rows.into_iter().filter(|row| row.id != but) {
                if administers(ask, snapshot, &user_of(row)?) {
                    return Ok(true);
                }
            }
            if last {
                break;
            }
        }
    }
    Ok(false)
}
