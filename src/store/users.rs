//! Users, their passwords and roles.

use std::fmt;

use diesel::prelude::*;

use super::Store;
use super::counters::{USERS, bump};
use super::failure::Failure;
use super::schema::{access_tokens, authorization_codes, consents, counters, sessions, setup_links, users};
use super::tokens::revoke_where;
use crate::oauth::reject::Fault;

/// A user's row. Debug does not print the password's hash.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct UserRow {
    /// The document id: `sub` of tokens.
    pub id: String,
    /// As the user wrote it.
    pub username: String,
    /// The canonical form, by which it is unique and found.
    pub username_key: String,
    /// The canonical form.
    pub email: String,
    /// argon2id, in its text form.
    pub password_hash: String,
    /// A JSON array of role names.
    pub roles: String,
    /// A blocked user can do nothing.
    pub blocked: bool,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub updated_at: i64,
    /// User tokens that were issued before are dead.
    pub tokens_valid_from: i64,
}

impl fmt::Debug for UserRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRow")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("roles", &self.roles)
            .field("blocked", &self.blocked)
            .finish_non_exhaustive()
    }
}

/// What changes; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = users)]
pub struct UserChange {
    /// As the user wrote it; comes with `username_key`.
    pub username: Option<String>,
    /// The canonical form of `username`.
    pub username_key: Option<String>,
    /// The canonical form.
    pub email: Option<String>,
    /// A JSON array of role names.
    pub roles: Option<String>,
    /// A blocked user can do nothing.
    pub blocked: Option<bool>,
    /// Whether the address was confirmed.
    pub confirmed: Option<bool>,
    /// User tokens that were issued before are dead.
    pub tokens_valid_from: Option<i64>,
    /// The time of the change; always given.
    pub updated_at: i64,
}

/// What became of a change that may collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is done.
    Done,
    /// There is no such row.
    Absent,
    /// Another user has the name or the address.
    Taken,
    /// Users changed since the caller looked at them; nothing was written.
    Stale,
}

/// How many users sign in by one of two names; evaluates to the number.
macro_rules! signing_in_by {
    ($connection:expr, $key:expr, $email:expr) => {
        users::table
            .filter(users::username_key.eq_any([$key, $email]).or(users::email.eq_any([$key, $email])))
            .count()
            .get_result::<i64>($connection)
    };
}

/// Whether users changed since the counter had the value `seen`. Takes the counter's row first, so that no other
/// writer of users comes between this look and the write.
macro_rules! is_stale {
    ($connection:expr, $seen:expr) => {
        match $seen {
            None => false,
            Some(seen) => {
                let held = diesel::update(counters::table.find(USERS))
                    .filter(counters::value.eq(seen))
                    .set(counters::value.eq(seen))
                    .execute($connection)?;
                held != 1
            }
        }
    };
}

impl Store {
    /// The user with this document id.
    pub async fn user(&self, id: &str) -> Result<Option<UserRow>, Fault> {
        if id.contains('\0') {
            return Ok(None);
        }
        let id = id.to_owned();
        Ok(read!(self, |c| users::table.find(&id).select(UserRow::as_select()).get_result(c).optional())?)
    }

    /// The user with this name or address, in canonical form.
    pub async fn user_by_identifier(&self, identifier: &str) -> Result<Option<UserRow>, Fault> {
        if identifier.contains('\0') {
            return Ok(None);
        }
        let key = identifier.to_owned();
        Ok(read!(self, |c| {
            users::table
                .filter(users::username_key.eq(&key).or(users::email.eq(&key)))
                .select(UserRow::as_select())
                .get_result(c)
                .optional()
        })?)
    }

    /// Writes a user; false = somebody signs in by that name or address already.
    pub async fn insert_user(&self, user: UserRow) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            // From here on no other user can be written, so the look and the insert are one.
            bump!(c, USERS)?;
            if signing_in_by!(c, &user.username_key, &user.email)? > 0 {
                return Ok(false);
            }
            let rows = diesel::insert_into(users::table).values(&user).on_conflict_do_nothing().execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Writes the first user of all; false = there are users. Replicas may call it at once.
    pub async fn insert_first_user(&self, user: UserRow) -> Result<bool, Fault> {
        if self.count_users().await? > 0 {
            return Ok(false);
        }
        Ok(commit!(self, |c| {
            bump!(c, USERS)?;
            if users::table.count().get_result::<i64>(c)? > 0 {
                return Ok(false);
            }
            let rows = diesel::insert_into(users::table).values(&user).on_conflict_do_nothing().execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Changes a user. A new `tokens_valid_from` ends the user's sessions too. With `seen`, the number that the
    /// counter of users had when the caller looked, nothing is written if any user changed since.
    pub async fn update_user(
        &self,
        id: &str,
        change: UserChange,
        seen: Option<i64>,
    ) -> Result<Written, Fault> {
        let id = id.to_owned();
        let outcome = commit!(self, |c| {
            if is_stale!(c, seen) {
                return Ok(Written::Stale);
            }
            bump!(c, USERS)?;
            // One user's name must not be another's address.
            for name in change.username_key.iter().chain(&change.email) {
                let others = users::table
                    .filter(users::id.ne(&id))
                    .filter(users::username_key.eq(name).or(users::email.eq(name)))
                    .count()
                    .get_result::<i64>(c)?;
                if others > 0 {
                    return Ok(Written::Taken);
                }
            }
            let rows = diesel::update(users::table.find(&id)).set(&change).execute(c)?;
            if change.tokens_valid_from.is_some() {
                diesel::delete(sessions::table.filter(sessions::user_id.eq(&id))).execute(c)?;
            }
            Ok(if rows == 1 { Written::Done } else { Written::Absent })
        });
        match outcome {
            Err(Failure::Taken) => Ok(Written::Taken),
            outcome => Ok(outcome?),
        }
    }

    /// Changes a password and ends what the old one opened: user tokens, sessions and open codes.
    /// False = there is no such user.
    pub async fn set_password(&self, id: &str, password_hash: String, now: i64) -> Result<bool, Fault> {
        let id = id.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, USERS)?;
            let rows = diesel::update(users::table.find(&id))
                .set((
                    users::password_hash.eq(&password_hash),
                    users::tokens_valid_from.eq(now),
                    users::updated_at.eq(now),
                ))
                .execute(c)?;
            diesel::delete(sessions::table.filter(sessions::user_id.eq(&id))).execute(c)?;
            diesel::delete(authorization_codes::table)
                .filter(authorization_codes::user_id.eq(&id))
                .filter(authorization_codes::used_at.is_null())
                .execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Removes a user with sessions, consents and open codes, and revokes their tokens. `seen` as in
    /// [`Store::update_user`].
    pub async fn delete_user(&self, id: &str, now: i64, seen: Option<i64>) -> Result<Written, Fault> {
        let id = id.to_owned();
        let deleted = commit!(self, |c| {
            if is_stale!(c, seen) {
                return Ok(Written::Stale);
            }
            bump!(c, USERS)?;
            diesel::delete(setup_links::table.filter(setup_links::user_id.eq(&id))).execute(c)?;
            diesel::delete(sessions::table.filter(sessions::user_id.eq(&id))).execute(c)?;
            diesel::delete(consents::table.filter(consents::user_id.eq(&id))).execute(c)?;
            diesel::delete(authorization_codes::table.filter(authorization_codes::user_id.eq(&id)))
                .filter(authorization_codes::used_at.is_null())
                .execute(c)?;
            revoke_where!(c, now, access_tokens::user_id.eq(&id))?;
            let rows = diesel::delete(users::table.find(&id)).execute(c)?;
            Ok(if rows == 1 { Written::Done } else { Written::Absent })
        });
        self.tokens_changed();
        Ok(deleted?)
    }

    /// How many users there are.
    pub async fn count_users(&self) -> Result<i64, Fault> {
        Ok(scan!(self, |c| users::table.count().get_result(c))?)
    }
}
