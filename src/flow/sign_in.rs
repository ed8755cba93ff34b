//! Sign-in with a password: one answer for all failures, counted before they are checked.

use super::Ask;
use super::activity::{self, Did};
use super::consent::SignedIn;
use crate::app::passwords::MAX_PASSWORD_BYTES;
use crate::app::users::{canonical, user_of};
use crate::app::{App, clock};
use crate::keys::UserClaims;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::user::User;
use crate::policy::permit::{Permit, SignIn};
use crate::policy::{Asked, SignInQuestion, Trace};
use crate::store::UserRow;
use crate::telemetry::Event;

/// A signed-in user with the token that proves it.
pub struct UserToken {
    /// The token, for the consent and management API.
    pub jwt: String,
    /// The user.
    pub signed_in: SignedIn,
}

/// Checks identifier and password and answers a user token.
///
/// # Errors
/// [`Reject::SignIn`] whatever the reason (attack row T5), [`Reject::TooMany`], or a fault.
pub async fn local(app: &App, ask: &Ask, identifier: &str, password: &str) -> Result<UserToken, Stop> {
    let (signed_in, permit) = password_sign_in(app, ask, identifier, password).await?;
    let claims = UserClaims {
        user: signed_in.user.id.as_ref().to_owned(),
        issued_at_ms: ask.now_ms,
        expires_at_ms: ask.now_ms + app.config.users.token_ttl.millis(),
        session: clock::new_id()?,
        issuer: app.public.issuer().to_owned(),
    };
    let jwt = app.key_ring().sign_user_token(&permit, claims, ask.now_ms)?;
    Ok(UserToken { jwt, signed_in })
}

/// Checks identifier and password, and asks the policy whether the user may sign in.
///
/// # Errors
/// As [`local`].
pub async fn password_sign_in(
    app: &App,
    ask: &Ask,
    identifier: &str,
    password: &str,
) -> Result<(SignedIn, Permit<SignIn>), Stop> {
    let result = check(app, ask, identifier, password).await;
    match &result {
        Ok((signed_in, _)) => {
            app.metrics.login("succeeded");
            Event::LoginSucceeded { user: &signed_in.user.id, ip: ask.ip }.emit();
        }
        Err(Stop::Reject(Reject::TooMany(_))) => {
            app.metrics.login("limited");
            Event::LoginLimited { ip: ask.ip }.emit();
        }
        Err(Stop::Reject(_)) => {
            app.metrics.login("failed");
            Event::LoginFailed { user: None, ip: ask.ip }.emit();
        }
        Err(Stop::Fault(_)) => app.metrics.login("fault"),
    }
    result
}

async fn check(
    app: &App,
    ask: &Ask,
    identifier: &str,
    password: &str,
) -> Result<(SignedIn, Permit<SignIn>), Stop> {
    if password.len() > MAX_PASSWORD_BYTES || identifier.len() > 255 {
        return Err(Reject::SignIn.into());
    }
    let name = canonical(identifier);
    let row = app.store.user_by_identifier(&name).await?;
    let user = verified(app, ask, name, row, password).await?;
    let id = std::sync::Arc::clone(&user.id);
    let (permit, user) = admitted(app, ask, user).inspect_err(|_| {
        activity::note(app, ask, &id, Did::FailedToSignIn);
    })?;
    app.sign_in_limits.succeeded(&app.store, &user.user.id, ask.ip).await?;
    activity::note(app, ask, &user.user.id, Did::SignedIn);
    Ok((user, permit))
}

/// Asks a signed-in user for the password once more. Wrong ones count as failed sign-ins.
///
/// # Errors
/// As [`local`].
pub async fn confirm(app: &App, ask: &Ask, user: &User, password: &str) -> Result<(), Stop> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Reject::SignIn.into());
    }
    let row = app.store.user(&user.id).await?;
    let user = verified(app, ask, user.id.as_ref().to_owned(), row, password).await?;
    app.sign_in_limits.succeeded(&app.store, &user.id, ask.ip).await?;
    Ok(())
}

/// Asks the policy whether a user whose identity is proven may sign in.
///
/// # Errors
/// [`Reject::SignIn`].
pub fn admitted(app: &App, ask: &Ask, user: User) -> Result<(Permit<SignIn>, SignedIn), Stop> {
    let snapshot = app.policies.current();
    let started = std::time::Instant::now();
    let permit = snapshot.sign_in(&user, ask.ip, ask.now_ms);
    let decision = match &permit {
        Ok(permit) => permit.get().decision(),
        Err(decision) => decision.clone(),
    };
    let trace = Trace { request_id: &ask.request_id, jti: None, took: started.elapsed() };
    let question = SignInQuestion { user: &user, ip: ask.ip, now_ms: ask.now_ms };
    app.decisions.record(&snapshot, &Asked::SignIn(question), &decision, trace);
    let permit = permit.map_err(|_| Reject::SignIn)?;
    Ok((permit, SignedIn { user: user.into(), auth_time_ms: ask.now_ms }))
}

/// Looks at the password, and takes a place for it first.
async fn verified(
    app: &App,
    ask: &Ask,
    name: String,
    row: Option<UserRow>,
    password: &str,
) -> Result<User, Stop> {
    // Name and address of one user share a counter (attack row T6).
    let account = row.as_ref().map_or(name, |row| row.id.clone());
    let now = (ask.now_ms, app.clock.steady_ms());
    app.sign_in_limits.begin(&app.store, &account, ask.ip, now).await?;
    let right = app.passwords.verify(password, row.as_ref().map(|row| row.password_hash.as_str())).await;
    if right.is_err() {
        // A password that was not looked at was not wrong.
        app.sign_in_limits.succeeded(&app.store, &account, ask.ip).await?;
    }
    let right = right?;
    match row {
        Some(row) if right => Ok(user_of(row)?),
        Some(row) => {
            activity::note(app, ask, &row.id, Did::FailedToSignIn);
            Err(Reject::SignIn.into())
        }
        None => Err(Reject::SignIn.into()),
    }
}
