//! Credentials on their way to the one page that shows them: sealed by the caller, taken once.

use diesel::prelude::*;

use super::Store;
use super::schema::shown_once;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

impl Store {
    /// Keeps sealed bytes for one reading; drops what nobody came for.
    pub async fn keep_once(
        &self,
        hash: SecretHash,
        user_id: &str,
        sealed: Vec<u8>,
        expires_at: i64,
        now: i64,
    ) -> Result<(), Fault> {
        let user = user_id.to_owned();
        commit!(self, |c| {
            diesel::delete(shown_once::table.filter(shown_once::expires_at.le(now))).execute(c)?;
            diesel::insert_into(shown_once::table)
                .values((
                    shown_once::hash.eq(hash),
                    shown_once::user_id.eq(&user),
                    shown_once::sealed.eq(&sealed),
                    shown_once::expires_at.eq(expires_at),
                ))
                .execute(c)
        })?;
        Ok(())
    }

    /// Takes the bytes; nothing for another user, after their time, or the second time.
    pub async fn take_once(
        &self,
        hash: SecretHash,
        user_id: &str,
        now: i64,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let user = user_id.to_owned();
        Ok(commit!(self, |c| {
            let mine = shown_once::table
                .find(hash)
                .filter(shown_once::user_id.eq(&user))
                .filter(shown_once::expires_at.gt(now));
            let sealed: Option<Vec<u8>> = mine.select(shown_once::sealed).get_result(c).optional()?;
            // Two readers may both have seen it; the row count says whose it is.
            let gone = diesel::delete(shown_once::table.find(hash)).execute(c)?;
            Ok(sealed.filter(|_| gone == 1))
        })?)
    }
}
