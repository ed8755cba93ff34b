//! What a signed-in user does with their own account. Whatever would let somebody else in needs the password once
//! more, and ends the other sessions (attack row T9).

use std::collections::HashMap;

use super::Ask;
use super::activity::{self, Did};
use super::consent::{self, SignedIn};
use super::users::{self, check_password};
use super::{session, sign_in};
use crate::app::App;
use crate::oauth::client::ClientId;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::secret::Secret;
use crate::store::{Page, Written};

/// Applications of one user that are shown at most.
const MOST: u32 = 500;

/// An application that the user agreed to.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its `client_id`.
    pub client_id: String,
    /// Its name; none = the client is gone.
    pub name: Option<String>,
    /// What the user agreed to, with the catalog's titles.
    pub scopes: Vec<(Scope, String)>,
    /// The first time, in milliseconds.
    pub first_ms: i64,
    /// When a token of it for this user was last issued or used; a few seconds late.
    pub last_ms: Option<i64>,
}

/// Sets a new password. Ends all sessions and user tokens; answers the session that takes their place here.
///
/// # Errors
/// [`Reject::SignIn`] if the current password is wrong, [`Reject::TooMany`], [`Reject::Field`], or a fault.
pub async fn change_password(
    app: &App,
    ask: &Ask,
    who: &SignedIn,
    current: &str,
    new: &str,
    agent: &str,
) -> Result<Secret, Stop> {
    sign_in::confirm(app, ask, &who.user, current).await?;
    check_password(new)?;
    if new == current {
        return Err(Reject::Field("password", "is the one that you have".to_owned()).into());
    }
    let hash = app.passwords.hash(new).await?;
    app.store.set_password(&who.user.id, hash, ask.now_ms).await?;
    activity::note(app, ask, &who.user.id, Did::ChangedPassword);
    app.freshness.users_changed();
    begin_anew(app, ask, who, agent).await
}

/// Changes the user's own name and address. A new address ends the other sessions, and is not confirmed.
///
/// # Errors
/// As [`change_password`]; [`Reject::Conflict`] for a name or address that is taken.
pub async fn change_profile(
    app: &App,
    ask: &Ask,
    who: &SignedIn,
    current: &str,
    input: users::UserInput,
    agent: &str,
) -> Result<Secret, Stop> {
    sign_in::confirm(app, ask, &who.user, current).await?;
    let new_address =
        input.email.as_deref().is_some_and(|email| crate::app::users::canonical(email) != who.user.email);
    // Of the input only what is the user's own to change (attack row AA3).
    let own = users::UserInput {
        username: input.username,
        email: input.email,
        confirmed: new_address.then_some(false),
        ..users::UserInput::default()
    };
    let mut change = users::change(app, ask, own)?;
    change.tokens_valid_from = Some(ask.now_ms);
    match app.store.update_user(&who.user.id, change, None).await? {
        Written::Done => {}
        Written::Taken => {
            return Err(Reject::Conflict("user name or e-mail address is taken".into()).into());
        }
        Written::Absent | Written::Stale => return Err(Reject::NotFound("user").into()),
    }
    activity::note(app, ask, &who.user.id, Did::ChangedProfile);
    app.freshness.users_changed();
    begin_anew(app, ask, who, agent).await
}

/// A session in the place of those that just ended (attack row T1).
async fn begin_anew(app: &App, ask: &Ask, who: &SignedIn, agent: &str) -> Result<Secret, Stop> {
    let state = app.user(&who.user.id).await?.ok_or(Reject::NotFound("user"))?;
    let (permit, signed_in) = sign_in::admitted(app, ask, state.user.as_ref().clone())?;
    Ok(session::begin(app, ask, &permit, &signed_in, agent).await?)
}

/// The applications that the user agreed to, the latest first.
///
/// # Errors
/// A fault.
pub async fn applications(app: &App, user: &str) -> Result<Vec<Application>, Fault> {
    let snapshot = app.policies.current();
    let listed = consent::list(app, user, Page { page: 1, size: MOST }).await?;
    let used: HashMap<String, i64> = app.store.last_uses_of_user(user).await?.into_iter().collect();
    let mut found = Vec::with_capacity(listed.rows.len());
    for row in listed.rows {
        let client = match ClientId::parse(&row.client_id) {
            Some(id) => app.client(&snapshot, &id).await?,
            None => None,
        };
        let title = |scope: Scope| {
            let action = snapshot.catalog().action(&scope);
            let title = action.map_or_else(|| scope.as_str().to_owned(), |action| action.title.clone());
            (scope, title)
        };
        found.push(Application {
            name: client.map(|client| client.client.name.clone()),
            scopes: consent::scopes_of(&row).into_iter().map(title).collect(),
            first_ms: row.created_at,
            last_ms: row.last_used_at.max(used.get(&row.client_id).copied()),
            client_id: row.client_id,
        });
    }
    Ok(found)
}

/// Withdraws what the user agreed to for one application: its tokens end at once.
///
/// # Errors
/// As [`consent::withdraw`].
pub async fn withdraw(app: &App, ask: &Ask, who: &SignedIn, name: &str) -> Result<(), Stop> {
    let client = consent::withdraw(app, ask, &who.user, name).await?;
    activity::note(app, ask, &who.user.id, Did::Revoked(&client));
    Ok(())
}

/// Withdraws everything that the user ever agreed to; says from how many applications.
///
/// # Errors
/// A fault.
pub async fn withdraw_all(app: &App, ask: &Ask, who: &SignedIn) -> Result<usize, Stop> {
    let mut ended = 0;
    loop {
        let listed = consent::list(app, &who.user.id, Page { page: 1, size: 100 }).await?;
        if listed.rows.is_empty() {
            return Ok(ended);
        }
        for row in listed.rows {
            match withdraw(app, ask, who, &row.client_id).await {
                Ok(()) => ended += 1,
                // Somebody else did, in another window.
                Err(Stop::Reject(Reject::NotFound(_))) => {}
                Err(stop) => return Err(stop),
            }
        }
    }
}
