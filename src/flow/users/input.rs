//! What a user may look like.

use super::UserInput;
use crate::app::App;
use crate::app::passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::app::users::canonical;
use crate::flow::Ask;
use crate::oauth::client::is_name;
use crate::oauth::reject::Reject;
use crate::store::UserChange;

/// Most roles of one user.
const MOST_ROLES: usize = 100;

/// The change of a row that an input asks for.
///
/// # Errors
/// [`Reject::Field`] for a value that cannot be.
pub fn change(app: &App, ask: &Ask, input: UserInput) -> Result<UserChange, Reject> {
    let username = input.username.as_deref().map(checked_username).transpose()?;
    let email = input.email.as_deref().map(checked_email).transpose()?;
    let roles = input.roles.map(|roles| checked_roles(app, roles)).transpose()?;
    Ok(UserChange {
        username_key: username.as_deref().map(canonical),
        username,
        email,
        roles: roles.map(|roles| serde_json::to_string(&roles).unwrap_or_default()),
        blocked: input.blocked,
        confirmed: input.confirmed,
        tokens_valid_from: None,
        updated_at: ask.now_ms,
    })
}

pub(super) fn checked_username(text: &str) -> Result<String, Reject> {
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

pub(super) fn checked_email(text: &str) -> Result<String, Reject> {
    let text = canonical(text);
    let fits = text.len() <= 254
        && text.bytes().all(|b| (0x21..0x7f).contains(&b))
        && matches!(text.split('@').collect::<Vec<_>>().as_slice(), [name, host] if !name.is_empty() && !host.is_empty());
    if fits { Ok(text) } else { Err(field("email", "is an address such as ann@example.org")) }
}

/// Known roles, sorted, none twice.
pub(super) fn checked_roles(app: &App, mut roles: Vec<String>) -> Result<Vec<String>, Reject> {
    let snapshot = app.policies.current();
    if roles.len() > MOST_ROLES {
        return Err(field("roles", "has at most 100 names"));
    }
    for role in &roles {
        if !is_name(role) || !snapshot.roles().any(|(known, _, _)| known == role) {
            return Err(field("roles", "names a role that has no document in policies/roles"));
        }
    }
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// Whether a text may become a password. It is used byte by byte as it was typed, without normalisation.
///
/// # Errors
/// [`Reject::Field`].
pub fn check_password(text: &str) -> Result<(), Reject> {
    if text.chars().count() < MIN_PASSWORD_CHARS || text.len() > MAX_PASSWORD_BYTES {
        return Err(field("password", "has 8 characters or more, and 1024 bytes at most"));
    }
    Ok(())
}

fn field(name: &'static str, why: &str) -> Reject {
    Reject::Field(name, why.to_owned())
}
