//! Local users: made, listed, changed, blocked, given a new password, deleted.

mod held;
mod input;
mod setup;

use serde_json::{Value, json};

use super::Ask;
use super::caller::{self, Caller};
use super::session;
use crate::app::users::{canonical, user_of};
use crate::app::{App, clock};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::policy::permit::{Administer, Permit};
use crate::policy::{AdminResource, admin};
use crate::store::{Listed, Page, SessionRow, UserChange, UserFilter, UserRow, UserSort, Written};

pub use input::{change, check_password};
pub use setup::{link_of, set_by_link};

/// How often a change is tried again because another user changed meanwhile.
const TRIES: usize = 5;

/// How a user gets a password.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// This one.
    Given(String),
    /// One is made and shown this once.
    #[default]
    Made,
    /// The user sets it by a link that works once.
    Link,
}

/// What was made for a user and is shown this once.
#[derive(Clone, Default)]
pub struct Shown {
    /// A password.
    pub password: Option<String>,
    /// The address of the page that sets one.
    pub setup_url: Option<String>,
}

/// What a new user needs.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// Sign-in name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// How the user gets a password.
    pub credential: Credential,
}

/// What changes; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct UserInput {
    /// Sign-in name.
    pub username: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Names of role documents.
    pub roles: Option<Vec<String>>,
    /// Whether the user can do nothing.
    pub blocked: Option<bool>,
    /// Whether the address was confirmed.
    pub confirmed: Option<bool>,
}

/// Lists users.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn list(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    filter: UserFilter,
    sort: UserSort,
    page: Page,
) -> Result<Listed<UserRow>, Stop> {
    permitted(app, ask, caller, admin::USER_READ)?;
    Ok(app.store.list_users(filter, sort, page).await?)
}

/// Reads one user, by document id, sign-in name or address.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`], or a fault.
pub async fn read(app: &App, ask: &Ask, caller: &Caller, name: &str) -> Result<UserRow, Stop> {
    permitted(app, ask, caller, admin::USER_READ)?;
    named(app, name).await
}

/// Makes a user; answers the row and what is shown this once.
///
/// # Errors
/// [`Reject::Field`] for a value that cannot be, [`Reject::Conflict`] for a name that is taken, missing
/// permission (also for a role that holds more than the caller does, attack row AA4), or a fault.
pub async fn create(app: &App, ask: &Ask, caller: &Caller, new: NewUser) -> Result<(UserRow, Shown), Stop> {
    let permit = permitted(app, ask, caller, admin::USER_CREATE)?;
    let username = input::checked_username(&new.username)?;
    let email = input::checked_email(&new.email)?;
    let roles = input::checked_roles(app, new.roles)?;
    held::check_roles(app, ask, caller, &roles)?;
    let (password, mut shown) = made(&new.credential)?;
    let row = UserRow {
        id: clock::new_id()?,
        username_key: canonical(&username),
        username,
        email,
        password_hash: app.passwords.hash(&password).await?,
        roles: serde_json::to_string(&roles).unwrap_or_default(),
        blocked: false,
        confirmed: new.confirmed,
        created_at: ask.now_ms,
        updated_at: ask.now_ms,
        tokens_valid_from: 0,
    };
    if !app.store.insert_user(row.clone()).await? {
        return Err(Reject::Conflict("user name or e-mail address is taken".into()).into());
    }
    app.freshness.users_changed();
    shown.setup_url = setup::link_if(app, ask, &new.credential, &row.id).await?;
    caller::audit(app, ask, caller, &permit, &row.id, json!({ "after": seen(&row) })).await?;
    Ok((row, shown))
}

/// Changes a user. A change of address, roles or blocking ends sessions and user tokens.
///
/// # Errors
/// As [`create`]; [`Reject::Conflict`] also where nobody would be left who may administer users, or for
/// one's own roles.
pub async fn update(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    input: UserInput,
) -> Result<UserRow, Stop> {
    let permit = permitted(app, ask, caller, admin::USER_UPDATE)?;
    let change = input::change(app, ask, input)?;
    for _ in 0..TRIES {
        let users_seen = app.store.counters().await?.users;
        let before = named(app, name).await?;
        held::check_target(app, ask, caller, &before)?;
        let after = changed(&before, &change);
        if after.roles != before.roles {
            if caller.user().is_some_and(|user| *user.id == *before.id) {
                return Err(Reject::Conflict("nobody changes their own roles".into()).into());
            }
            held::check_roles(app, ask, caller, &user_of(after.clone())?.roles)?;
        }
        held::keep_an_administrator(app, ask, &before, Some(&after)).await?;
        let ends =
            after.email != before.email || after.roles != before.roles || after.blocked != before.blocked;
        let change = UserChange { tokens_valid_from: ends.then_some(ask.now_ms), ..change.clone() };
        match app.store.update_user(&before.id, change, Some(users_seen)).await? {
            Written::Done => {
                app.freshness.users_changed();
                let detail = json!({ "before": seen(&before), "after": seen(&after) });
                caller::audit(app, ask, caller, &permit, &before.id, detail).await?;
                return Ok(after);
            }
            Written::Absent => return Err(Reject::NotFound("user").into()),
            Written::Taken => {
                return Err(Reject::Conflict("user name or e-mail address is taken".into()).into());
            }
            Written::Stale => {}
        }
    }
    Err(busy())
}

/// Blocks or unblocks a user.
///
/// # Errors
/// As [`update`].
pub async fn set_blocked(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    blocked: bool,
) -> Result<UserRow, Stop> {
    update(app, ask, caller, name, UserInput { blocked: Some(blocked), ..UserInput::default() }).await
}

/// Sets a new password, or makes a link that does: sessions and user tokens end at once.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`], [`Reject::Field`], or a fault.
pub async fn reset_password(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    credential: Credential,
) -> Result<(UserRow, Shown), Stop> {
    let permit = permitted(app, ask, caller, admin::USER_UPDATE)?;
    let row = named(app, name).await?;
    held::check_target(app, ask, caller, &row)?;
    let (password, mut shown) = made(&credential)?;
    let hash = app.passwords.hash(&password).await?;
    app.store.set_password(&row.id, hash, ask.now_ms).await?;
    app.freshness.users_changed();
    shown.setup_url = setup::link_if(app, ask, &credential, &row.id).await?;
    caller::audit(app, ask, caller, &permit, &row.id, json!({ "password": "reset" })).await?;
    Ok((row, shown))
}

/// Deletes a user: sessions, consents and tokens end at once.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`], [`Reject::Conflict`] where nobody would be left who may
/// administer users, or a fault.
pub async fn delete(app: &App, ask: &Ask, caller: &Caller, name: &str) -> Result<UserRow, Stop> {
    let permit = permitted(app, ask, caller, admin::USER_DELETE)?;
    for _ in 0..TRIES {
        let users_seen = app.store.counters().await?.users;
        let row = named(app, name).await?;
        held::check_target(app, ask, caller, &row)?;
        held::keep_an_administrator(app, ask, &row, None).await?;
        match app.store.delete_user(&row.id, ask.now_ms, Some(users_seen)).await? {
            Written::Stale => {}
            Written::Done | Written::Taken => {
                app.freshness.users_changed();
                caller::audit(app, ask, caller, &permit, &row.id, json!({ "before": seen(&row) })).await?;
                return Ok(row);
            }
            Written::Absent => return Err(Reject::NotFound("user").into()),
        }
    }
    Err(busy())
}

/// The sessions of a user.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`], or a fault.
pub async fn sessions(app: &App, ask: &Ask, caller: &Caller, name: &str) -> Result<Vec<SessionRow>, Stop> {
    permitted(app, ask, caller, admin::SESSION_READ)?;
    let row = named(app, name).await?;
    Ok(session::of_user(app, ask, &row.id).await?)
}

/// Ends one session of a user; without an id all of them, and their user tokens.
///
/// # Errors
/// Missing permission, [`Reject::NotFound`], or a fault.
pub async fn end_sessions(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    id: Option<&str>,
) -> Result<(), Stop> {
    let permit = permitted(app, ask, caller, admin::SESSION_END)?;
    let row = named(app, name).await?;
    held::check_target(app, ask, caller, &row)?;
    match id {
        Some(id) => session::end_one(app, &row.id, id).await?,
        None => {
            let change = UserChange {
                tokens_valid_from: Some(ask.now_ms),
                updated_at: ask.now_ms,
                ..UserChange::default()
            };
            app.store.update_user(&row.id, change, None).await?;
            app.freshness.users_changed();
        }
    }
    caller::audit(app, ask, caller, &permit, &row.id, json!({ "session": id })).await
}

/// The row of a user by id, sign-in name or address.
///
/// # Errors
/// [`Reject::NotFound`], or a fault.
pub async fn named(app: &App, name: &str) -> Result<UserRow, Stop> {
    if name.is_empty() || name.len() > 255 {
        return Err(Reject::NotFound("user").into());
    }
    if let Some(row) = app.store.user(name).await? {
        return Ok(row);
    }
    Ok(app.store.user_by_identifier(&canonical(name)).await?.ok_or(Reject::NotFound("user"))?)
}

fn permitted(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    action: &'static str,
) -> Result<Permit<Administer>, Stop> {
    caller::permitted(app, ask, &app.policies.current(), caller, action, AdminResource::Server)
}

/// The password to be hashed, and what of it is shown.
fn made(credential: &Credential) -> Result<(String, Shown), Stop> {
    match credential {
        Credential::Given(password) => {
            check_password(password)?;
            Ok((password.clone(), Shown::default()))
        }
        Credential::Made => {
            let password = clock::new_password()?;
            Ok((password.clone(), Shown { password: Some(password), setup_url: None }))
        }
        // Nobody knows this one; the link replaces it.
        Credential::Link => Ok((clock::new_password()?, Shown::default())),
    }
}

fn changed(before: &UserRow, change: &UserChange) -> UserRow {
    let mut after = before.clone();
    if let (Some(username), Some(key)) = (&change.username, &change.username_key) {
        after.username.clone_from(username);
        after.username_key.clone_from(key);
    }
    if let Some(email) = &change.email {
        after.email.clone_from(email);
    }
    if let Some(roles) = &change.roles {
        after.roles.clone_from(roles);
    }
    after.blocked = change.blocked.unwrap_or(after.blocked);
    after.confirmed = change.confirmed.unwrap_or(after.confirmed);
    after.updated_at = change.updated_at;
    after
}

/// A row as the audit log keeps it: without the password's hash.
fn seen(row: &UserRow) -> Value {
    let roles: Value = serde_json::from_str(&row.roles).unwrap_or_default();
    json!({
        "username": row.username, "email": row.email, "roles": roles,
        "blocked": row.blocked, "confirmed": row.confirmed,
    })
}

fn busy() -> Stop {
    Fault::Unavailable("users change too often just now".to_owned()).into()
}
