//! Users as decisions see them, remembered while they are unchanged.

use std::sync::Arc;

use super::App;
use crate::oauth::reject::Fault;
use crate::oauth::user::User;
use crate::store::UserRow;

/// A user with what sign-in needs beside the facts for policies.
#[derive(Clone, Debug)]
pub struct UserState {
    /// The facts for policies.
    pub user: Arc<User>,
    /// User tokens issued before this time are dead, in milliseconds.
    pub tokens_valid_from: i64,
    generation: u64,
}

impl UserState {
    /// A row, read after that generation was; none = it may not be remembered.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the row's roles cannot be read.
    pub fn of(row: UserRow, generation: Option<u64>) -> Result<Self, Fault> {
        Ok(Self {
            tokens_valid_from: row.tokens_valid_from,
            user: Arc::new(user_of(row)?),
            generation: generation.unwrap_or(0),
        })
    }

    /// The generation that it was read in.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it may be remembered.
    pub fn is_fresh(&self) -> bool {
        self.generation != 0
    }
}

impl App {
    /// The user of that document id, as of now.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer: never "unknown".
    pub async fn user(&self, id: &str) -> Result<Option<UserState>, Fault> {
        let generation = self.freshness.users(&self.clock);
        if let Some(generation) = generation
            && let Some(state) = self.user_cache.get(id)
            && state.generation == generation
        {
            return Ok(Some(state));
        }
        let Some(row) = self.store.user(id).await? else { return Ok(None) };
        let state = UserState::of(row, generation)?;
        if generation.is_some() {
            self.user_cache.insert(id.into(), state.clone());
        }
        Ok(Some(state))
    }
}

/// The facts of a row that policies may read.
///
/// # Errors
/// [`Fault::Inconsistent`] if the row's roles cannot be read.
pub fn user_of(row: UserRow) -> Result<User, Fault> {
    let roles = serde_json::from_str(&row.roles)
        .map_err(|_| Fault::Inconsistent(format!("roles of user {}", row.id)))?;
    Ok(User {
        id: row.id.into(),
        username: row.username,
        email: row.email,
        roles,
        blocked: row.blocked,
        confirmed: row.confirmed,
    })
}

/// The one spelling under which a name or address is looked up: trimmed and lower case (attack row T6).
pub fn canonical(identifier: &str) -> String {
    identifier.trim().to_lowercase()
}
