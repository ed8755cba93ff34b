//! Browser sessions.

use diesel::prelude::*;

use super::Store;
use super::schema::sessions;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// A session. It is good until it expires or its row is gone.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// Of the cookie's value.
    pub hash: SecretHash,
    /// The id that pages may show.
    pub id: String,
    /// Who signed in.
    pub user_id: String,
    /// Milliseconds.
    pub created_at: i64,
    /// A few seconds late.
    pub last_seen_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
    /// When the user proved who they are.
    pub auth_time: i64,
    /// Where from.
    pub ip: String,
    /// With what program.
    pub agent: String,
}

impl Store {
    /// Writes a session.
    pub async fn insert_session(&self, session: SessionRow) -> Result<(), Fault> {
        commit!(self, |c| diesel::insert_into(sessions::table).values(&session).execute(c))?;
        Ok(())
    }

    /// A session; the caller looks whether it has expired.
    pub async fn session(&self, hash: SecretHash) -> Result<Option<SessionRow>, Fault> {
        Ok(read!(self, |c| sessions::table
            .find(hash)
            .select(SessionRow::as_select())
            .get_result(c)
            .optional())?)
    }

    /// Ends a session; false = there is none.
    pub async fn end_session(&self, hash: SecretHash) -> Result<bool, Fault> {
        Ok(commit!(self, |c| diesel::delete(sessions::table.find(hash)).execute(c))? == 1)
    }

    /// Ends a session of the user by the id that pages show; false = they have none with it.
    pub async fn end_session_of_user(&self, user_id: &str, id: &str) -> Result<bool, Fault> {
        let (user, id) = (user_id.to_owned(), id.to_owned());
        let ended = commit!(self, |c| {
            diesel::delete(sessions::table)
                .filter(sessions::user_id.eq(&user))
                .filter(sessions::id.eq(&id))
                .execute(c)
        })?;
        Ok(ended == 1)
    }

    /// Ends the user's sessions, but for one; says how many.
    pub async fn end_sessions_of_user(
        &self,
        user_id: &str,
        except: Option<SecretHash>,
    ) -> Result<usize, Fault> {
        let user = user_id.to_owned();
        Ok(commit!(self, |c| {
            let of_user = diesel::delete(sessions::table).filter(sessions::user_id.eq(&user));
            match except {
                Some(hash) => of_user.filter(sessions::hash.ne(hash)).execute(c),
                None => of_user.execute(c),
            }
        })?)
    }

    /// The user's sessions that have not expired, the latest first.
    pub async fn sessions_of_user(&self, user_id: &str, now: i64) -> Result<Vec<SessionRow>, Fault> {
        let user = user_id.to_owned();
        Ok(scan!(self, |c| {
            sessions::table
                .filter(sessions::user_id.eq(&user))
                .filter(sessions::expires_at.gt(now))
                .order((sessions::last_seen_at.desc(), sessions::id.asc()))
                .limit(1_000)
                .select(SessionRow::as_select())
                .load(c)
        })?)
    }
}
