//! One-time links by which a user sets a password.

use diesel::prelude::*;

use super::Store;
use super::counters::{USERS, bump};
use super::schema::{authorization_codes, sessions, setup_links, users};
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// A link that was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = setup_links)]
pub struct SetupLinkRow {
    /// Of the secret in the link.
    pub hash: SecretHash,
    /// Whose password it sets.
    pub user_id: String,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
}

impl Store {
    /// Keeps a link; earlier ones of the user stop working.
    pub async fn insert_setup_link(&self, link: SetupLinkRow) -> Result<(), Fault> {
        commit!(self, |c| {
            diesel::delete(setup_links::table.filter(setup_links::user_id.eq(&link.user_id))).execute(c)?;
            diesel::insert_into(setup_links::table).values(&link).execute(c)
        })?;
        Ok(())
    }

    /// A link that still works.
    pub async fn setup_link(&self, hash: SecretHash, now: i64) -> Result<Option<SetupLinkRow>, Fault> {
        Ok(read!(self, |c| {
            setup_links::table
                .find(hash)
                .filter(setup_links::expires_at.gt(now))
                .select(SetupLinkRow::as_select())
                .get_result(c)
                .optional()
        })?)
    }

    /// Sets the password of the link's user, once: the link is used up in the same transaction. Ends what the
    /// former password opened. None = the link does not work.
    pub async fn use_setup_link(
        &self,
        hash: SecretHash,
        password_hash: String,
        now: i64,
    ) -> Result<Option<String>, Fault> {
        Ok(commit!(self, |c| {
            bump!(c, USERS)?;
            let live = setup_links::table.find(hash).filter(setup_links::expires_at.gt(now));
            let user: Option<String> = live.select(setup_links::user_id).get_result(c).optional()?;
            let Some(user) = user else { return Ok(None) };
            // The row count says who was first.
            if diesel::delete(setup_links::table.find(hash)).execute(c)? != 1 {
                return Ok(None);
            }
            diesel::delete(setup_links::table.filter(setup_links::user_id.eq(&user))).execute(c)?;
            diesel::delete(sessions::table.filter(sessions::user_id.eq(&user))).execute(c)?;
            diesel::delete(authorization_codes::table)
                .filter(authorization_codes::user_id.eq(&user))
                .filter(authorization_codes::used_at.is_null())
                .execute(c)?;
            let rows = diesel::update(users::table.find(&user))
                .set((
                    users::password_hash.eq(&password_hash),
                    users::tokens_valid_from.eq(now),
                    users::updated_at.eq(now),
                ))
                .execute(c)?;
            Ok((rows == 1).then_some(user))
        })?)
    }
}
