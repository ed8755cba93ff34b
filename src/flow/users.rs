//! Local users: made, listed, blocked, given a new password.

use super::Ask;
use crate::app::passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::app::users::canonical;
use crate::app::{App, clock};
use crate::oauth::client::is_name;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::store::{Listed, Page, UserChange, UserFilter, UserRow, UserSort};

/// What a new user needs.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// Sign-in name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// Password; none = one is made.
    pub password: Option<String>,
}

/// Makes a user; answers the row and the password if it was made here.
///
/// # Errors
/// [`Reject::Field`] for a value that cannot be, [`Reject::Conflict`] for a name that is taken, or a fault.
pub async fn create(app: &App, new: NewUser) -> Result<(UserRow, Option<String>), Stop> {
    let username = checked_username(&new.username)?;
    let email = checked_email(&new.email)?;
    check_roles(app, &new.roles)?;
    let made = if new.password.is_none() { Some(clock::new_password()?) } else { None };
    let password = new.password.as_deref().or(made.as_deref()).unwrap_or_default();
    check_password(password)?;
    let now_ms = app.clock.now_ms();
    let row = UserRow {
        id: clock::new_id()?,
        username_key: canonical(&username),
        username,
        email,
        password_hash: app.passwords.hash(password).await?,
        roles: serde_json::to_string(&new.roles).unwrap_or_default(),
        blocked: false,
        confirmed: true,
        created_at: now_ms,
        updated_at: now_ms,
        tokens_valid_from: 0,
    };
    if !app.store.insert_user(row.clone()).await? {
        return Err(Reject::Conflict("user name or e-mail address is taken".into()).into());
    }
    app.freshness.users_changed();
    Ok((row, made))
}

/// Lists users.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn list(app: &App, search: Option<String>, page: Page) -> Result<Listed<UserRow>, Fault> {
    app.store.list_users(UserFilter { search, ..UserFilter::default() }, UserSort::default(), page).await
}

/// Blocks or unblocks a user: sign-in and tokens end at once.
///
/// # Errors
/// [`Reject::NotFound`], or a fault.
pub async fn set_blocked(app: &App, ask: &Ask, name: &str, blocked: bool) -> Result<UserRow, Stop> {
    let row = named(app, name).await?;
    let change = UserChange { blocked: Some(blocked), updated_at: ask.now_ms, ..UserChange::default() };
    app.store.update_user(&row.id, change).await?;
    app.freshness.users_changed();
    Ok(row)
}

/// Sets a new password: sessions and user tokens end at once. Answers it if it was made here.
///
/// # Errors
/// [`Reject::NotFound`], [`Reject::Field`], or a fault.
pub async fn reset_password(
    app: &App,
    ask: &Ask,
    name: &str,
    password: Option<String>,
) -> Result<Option<String>, Stop> {
    let row = named(app, name).await?;
    let made = if password.is_none() { Some(clock::new_password()?) } else { None };
    let text = password.as_deref().or(made.as_deref()).unwrap_or_default();
    check_password(text)?;
    let hash = app.passwords.hash(text).await?;
    app.store.set_password(&row.id, hash, ask.now_ms).await?;
    app.freshness.users_changed();
    Ok(made)
}

/// Deletes a user: sessions, consents and tokens end at once.
///
/// # Errors
/// [`Reject::NotFound`], or a fault.
pub async fn delete(app: &App, ask: &Ask, name: &str) -> Result<UserRow, Stop> {
    let row = named(app, name).await?;
    app.store.delete_user(&row.id, ask.now_ms).await?;
    app.freshness.users_changed();
    Ok(row)
}

/// The row of a user by id or sign-in name.
///
/// # Errors
/// [`Reject::NotFound`], or a fault.
pub async fn named(app: &App, name: &str) -> Result<UserRow, Stop> {
    if let Some(row) = app.store.user(name).await? {
        return Ok(row);
    }
    Ok(app.store.user_by_identifier(&canonical(name)).await?.ok_or(Reject::NotFound("user"))?)
}

fn checked_username(text: &str) -> Result<String, Reject> {
    // A name that looks like a document id could pass for another user, as an owner for example.
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && uuid::Uuid::parse_str(text).is_err();
    if fits {
        Ok(text.to_owned())
    } else {
        Err(field("username", "is 1 to 64 of A-Z a-z 0-9 . _ - and no UUID"))
    }
}

fn checked_email(text: &str) -> Result<String, Reject> {
    let text = canonical(text);
    let fits = text.len() <= 254
        && text.bytes().all(|b| (0x21..0x7f).contains(&b))
        && matches!(text.split('@').collect::<Vec<_>>().as_slice(), [name, host] if !name.is_empty() && !host.is_empty());
    if fits { Ok(text) } else { Err(field("email", "is an address such as ann@example.org")) }
}

fn check_roles(app: &App, roles: &[String]) -> Result<(), Reject> {
    let snapshot = app.policies.current();
    for role in roles {
        if !is_name(role) || !snapshot.roles().any(|(known, _, _)| known == role) {
            return Err(field("roles", "names a role that has no document in policies/roles"));
        }
    }
    Ok(())
}

fn check_password(text: &str) -> Result<(), Reject> {
    if text.chars().count() < MIN_PASSWORD_CHARS || text.len() > MAX_PASSWORD_BYTES {
        return Err(field("password", "has 8 characters or more, and 1024 bytes at most"));
    }
    Ok(())
}

fn field(name: &'static str, why: &str) -> Reject {
    Reject::Field(name, why.to_owned())
}
