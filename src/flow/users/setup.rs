//! One-time links by which a user sets a password: random, kept as a hash, good for a day.

use super::{Credential, check_password};
use crate::app::{App, clock};
use crate::flow::Ask;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::secret::{Kind, SecretHash};
use crate::store::{SetupLinkRow, UserRow};

/// How long a link works, in milliseconds.
const WORKS_MS: i64 = 24 * 60 * 60 * 1_000;

/// The address of a new link, where one was asked for.
pub(super) async fn link_if(
    app: &App,
    ask: &Ask,
    credential: &Credential,
    user: &str,
) -> Result<Option<String>, Stop> {
    if !matches!(credential, Credential::Link) {
        return Ok(None);
    }
    let secret = clock::new_secret(Kind::Link)?;
    let link = SetupLinkRow {
        hash: secret.hash(),
        user_id: user.to_owned(),
        created_at: ask.now_ms,
        expires_at: ask.now_ms + WORKS_MS,
    };
    app.store.insert_setup_link(link).await?;
    Ok(Some(app.public.join(&format!("/set-password?link={}", secret.reveal()))))
}

/// Whose password a link sets.
///
/// # Errors
/// [`Reject::NotFound`] for a link that does not work (any more), or a fault.
pub async fn link_of(app: &App, ask: &Ask, link: &str) -> Result<UserRow, Stop> {
    let gone = || Reject::NotFound("link; ask for a new one");
    let row = app.store.setup_link(SecretHash::of(link), ask.now_ms).await?.ok_or_else(gone)?;
    Ok(app.store.user(&row.user_id).await?.ok_or_else(gone)?)
}

/// Sets the password that a link is for, once.
///
/// # Errors
/// As [`link_of`], or [`Reject::Field`] for a password that cannot be one.
pub async fn set_by_link(app: &App, ask: &Ask, link: &str, password: &str) -> Result<(), Stop> {
    link_of(app, ask, link).await?;
    check_password(password)?;
    let hash = app.passwords.hash(password).await?;
    let set = app.store.use_setup_link(SecretHash::of(link), hash, ask.now_ms).await?;
    app.freshness.users_changed();
    set.map(|_| ()).ok_or_else(|| Reject::NotFound("link; ask for a new one").into())
}
