//! Removes what has expired, in small transactions that let others in between.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::Store;
use crate::oauth::reject::Fault;

/// How many rows went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Authorization codes.
    pub codes: usize,
    /// Access tokens.
    pub tokens: usize,
    /// Uses of assertions.
    pub assertions: usize,
    /// Browser sessions.
    pub sessions: usize,
    /// Pending authorization requests.
    pub authorizations: usize,
    /// Links that set a password.
    pub setup_links: usize,
    /// Counters of failed sign-ins.
    pub sign_in_failures: usize,
}

/// What proves a use or a revocation stays this long after its time, in milliseconds: a clock that is set
/// back must not make an old code or assertion good again.
const KEPT: i64 = 24 * 60 * 60 * 1_000;

impl Store {
    /// Deletes all that has expired, at most `batch` rows in each transaction. The caller sees to it that
    /// `now` is no clock gone wrong.
    pub async fn cleanup(&self, now: i64, batch: u32) -> Result<Cleaned, Fault> {
        let kept = now.saturating_sub(KEPT);
        Ok(Cleaned {
            codes: self.delete_expired(EXPIRED_CODES, kept, batch).await?,
            tokens: self.delete_expired(EXPIRED_TOKENS, kept, batch).await?,
            assertions: self.delete_expired(EXPIRED_ASSERTIONS, kept, batch).await?,
            sessions: self.delete_expired(EXPIRED_SESSIONS, now, batch).await?,
            authorizations: self.delete_expired(EXPIRED_AUTHORIZATIONS, now, batch).await?,
            setup_links: self.delete_expired(EXPIRED_SETUP_LINKS, now, batch).await?,
            sign_in_failures: self.delete_expired(EXPIRED_SIGN_IN_FAILURES, now, batch).await?,
        })
    }

    /// Deletes grants' entries of the audit log from before a time; what administrators did stays.
    pub async fn cleanup_grants(&self, before: i64, batch: u32) -> Result<usize, Fault> {
        self.delete_expired(OLD_GRANTS, before, batch).await
    }

    async fn delete_expired(&self, statement: &'static str, before: i64, batch: u32) -> Result<usize, Fault> {
        let batch = batch.max(1);
        let mut all = 0;
        loop {
            let rows = commit!(self, |c| {
                diesel::sql_query(statement)
                    .bind::<BigInt, _>(before)
                    .bind::<BigInt, _>(i64::from(batch))
                    .execute(c)
            })?;
            all += rows;
            if rows < batch as usize {
                return Ok(all);
            }
            // Others' writes come first.
            tokio::task::yield_now().await;
        }
    }
}

// `$1` is a parameter of both databases. The order keeps to the index, and keeps replicas that clean up
// at once from waiting for each other in a circle.
const EXPIRED_CODES: &str = "DELETE FROM authorization_codes WHERE hash IN \
     (SELECT hash FROM authorization_codes WHERE expires_at <= $1 ORDER BY expires_at, hash LIMIT $2)";
const EXPIRED_TOKENS: &str = "DELETE FROM access_tokens WHERE jti IN \
     (SELECT jti FROM access_tokens WHERE expires_at <= $1 ORDER BY expires_at, jti LIMIT $2)";
const EXPIRED_ASSERTIONS: &str = "DELETE FROM assertions WHERE (issuer, replay_key) IN \
     (SELECT issuer, replay_key FROM assertions WHERE expires_at <= $1 \
     ORDER BY expires_at, issuer, replay_key LIMIT $2)";
const EXPIRED_SESSIONS: &str = "DELETE FROM sessions WHERE hash IN \
     (SELECT hash FROM sessions WHERE expires_at <= $1 ORDER BY expires_at, hash LIMIT $2)";
const EXPIRED_SETUP_LINKS: &str = "DELETE FROM setup_links WHERE hash IN \
     (SELECT hash FROM setup_links WHERE expires_at <= $1 ORDER BY expires_at, hash LIMIT $2)";
const EXPIRED_SIGN_IN_FAILURES: &str = "DELETE FROM sign_in_failures WHERE hash IN \
     (SELECT hash FROM sign_in_failures WHERE expires_at <= $1 ORDER BY expires_at, hash LIMIT $2)";
const EXPIRED_AUTHORIZATIONS: &str = "DELETE FROM authorizations WHERE hash IN \
     (SELECT hash FROM authorizations WHERE expires_at <= $1 ORDER BY expires_at, hash LIMIT $2)";
const OLD_GRANTS: &str = "DELETE FROM audit WHERE id IN \
     (SELECT id FROM audit WHERE at <= $1 AND kind <> 'admin' ORDER BY at, id LIMIT $2)";
