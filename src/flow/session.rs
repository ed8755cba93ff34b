//! Browser sessions: opaque, hashed, bounded by idleness and by age.

use super::Ask;
use super::activity::{self, Did};
use super::consent::SignedIn;
use crate::app::{App, clock};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::{Kind, Secret, SecretHash};
use crate::policy::permit::{Permit, SignIn};
use crate::store::SessionRow;

/// Longest user agent that is kept, in characters.
const MAX_AGENT: usize = 200;

/// Begins a session for a user who just signed in; always a new one (attack row T1).
///
/// # Errors
/// A fault.
pub async fn begin(
    app: &App,
    ask: &Ask,
    permit: &Permit<SignIn>,
    signed_in: &SignedIn,
    agent: &str,
) -> Result<Secret, Fault> {
    let secret = clock::new_secret(Kind::Session)?;
    let row = SessionRow {
        hash: secret.hash(),
        id: clock::new_id()?,
        user_id: permit.get().user.as_ref().to_owned(),
        created_at: ask.now_ms,
        last_seen_at: ask.now_ms,
        expires_at: ask.now_ms + app.config.sessions.absolute.millis(),
        auth_time: signed_in.auth_time_ms,
        ip: ask.ip.to_string(),
        agent: agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect(),
    };
    app.store.insert_session(row).await?;
    Ok(secret)
}

/// A session that is good.
#[derive(Clone, Debug)]
pub struct Current {
    /// Whose it is.
    pub signed_in: SignedIn,
    /// The id that pages may show.
    pub id: String,
    /// Of the cookie's value.
    pub hash: SecretHash,
}

/// The session of a cookie, while it and its user are good (attack row T12).
///
/// # Errors
/// A fault.
pub async fn current(app: &App, ask: &Ask, cookie: Option<&str>) -> Result<Option<Current>, Stop> {
    let Some(cookie) = cookie else { return Ok(None) };
    let hash = SecretHash::of(cookie);
    let Some(row) = app.store.session(hash).await? else { return Ok(None) };
    let idle_since = ask.now_ms - row.last_seen_at;
    if row.expires_at <= ask.now_ms || idle_since > app.config.sessions.idle.millis() {
        return Ok(None);
    }
    let Some(state) = app.user(&row.user_id).await? else { return Ok(None) };
    if state.user.blocked || row.created_at < state.tokens_valid_from {
        return Ok(None);
    }
    app.last_used.session(hash, ask.now_ms);
    let signed_in = SignedIn { user: state.user, auth_time_ms: row.auth_time };
    Ok(Some(Current { signed_in, id: row.id, hash }))
}

/// Signs out: ends the session of the browser that asks.
///
/// # Errors
/// A fault.
pub async fn sign_out(app: &App, ask: &Ask, current: &Current) -> Result<(), Fault> {
    app.store.end_session(current.hash).await?;
    activity::note(app, ask, &current.signed_in.user.id, Did::SignedOut);
    Ok(())
}

/// Ends the session of a cookie.
///
/// # Errors
/// A fault.
pub async fn end(app: &App, cookie: Option<&str>) -> Result<(), Fault> {
    if let Some(cookie) = cookie {
        app.store.end_session(SecretHash::of(cookie)).await?;
    }
    Ok(())
}

/// The sessions of a user that are good, the latest first.
///
/// # Errors
/// A fault.
pub async fn of_user(app: &App, ask: &Ask, user: &str) -> Result<Vec<SessionRow>, Fault> {
    let idle = app.config.sessions.idle.millis();
    let mut rows = app.store.sessions_of_user(user, ask.now_ms).await?;
    rows.retain(|row| ask.now_ms - row.last_seen_at <= idle);
    Ok(rows)
}

/// Ends a session of the user, by the id that pages show.
///
/// # Errors
/// [`Reject::NotFound`] for another's session as for none (attack row AA2), or a fault.
pub async fn end_one(app: &App, user: &str, id: &str) -> Result<(), Stop> {
    if !id.contains('\0') && app.store.end_session_of_user(user, id).await? {
        return Ok(());
    }
    Err(Reject::NotFound("session").into())
}

/// The same, by the user.
///
/// # Errors
/// As [`end_one`].
pub async fn end_own(app: &App, ask: &Ask, user: &str, id: &str) -> Result<(), Stop> {
    end_one(app, user, id).await?;
    activity::note(app, ask, user, Did::EndedSessions);
    Ok(())
}

/// Ends the user's sessions but for one, by the user; says how many.
///
/// # Errors
/// A fault.
pub async fn end_others(
    app: &App,
    ask: &Ask,
    user: &str,
    except: Option<SecretHash>,
) -> Result<usize, Fault> {
    let ended = app.store.end_sessions_of_user(user, except).await?;
    if ended > 0 {
        activity::note(app, ask, user, Did::EndedSessions);
    }
    Ok(ended)
}
