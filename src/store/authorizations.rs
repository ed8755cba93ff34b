//! Authorization requests that wait for a user: made before anybody signed in, so their number is
//! bounded, and bound to the browser that began them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::Store;
use super::schema::authorizations;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// A pending authorization request.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = authorizations, treat_none_as_default_value = false)]
pub struct AuthorizationRow {
    /// Of the transaction's secret.
    pub hash: SecretHash,
    /// Of the secret in the cookie of the browser that began it.
    pub browser_hash: SecretHash,
    /// The client, so that it can be removed with it.
    pub client_id: String,
    /// The checked request, JSON.
    pub request: String,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
    /// When it was answered.
    pub done_at: Option<i64>,
}

/// How many live rows there probably are: counting them for each request would make a flood of
/// requests dearer than it need be.
#[derive(Default)]
pub(super) struct Estimate(Mutex<Option<(Instant, i64)>>);

/// How long a count is good for, as long as it is below the cap.
const GOOD_FOR: Duration = Duration::from_secs(1);

impl Store {
    /// Writes a request, unless `cap` of them are live already; false = refused.
    pub async fn insert_authorization(
        &self,
        row: AuthorizationRow,
        cap: i64,
        now: i64,
    ) -> Result<bool, Fault> {
        if !self.has_room(cap, now).await? {
            return Ok(false);
        }
        commit!(self, |c| diesel::insert_into(authorizations::table).values(&row).execute(c))?;
        Ok(true)
    }

    /// A request, answered or not; the caller looks whether it has expired.
    pub async fn authorization(&self, hash: SecretHash) -> Result<Option<AuthorizationRow>, Fault> {
        Ok(read!(self, |c| {
            authorizations::table.find(hash).select(AuthorizationRow::as_select()).get_result(c).optional()
        })?)
    }

    /// Replaces what is kept of a request that is not answered; false = it is, or has expired.
    pub async fn update_authorization(
        &self,
        hash: SecretHash,
        request: String,
        now: i64,
    ) -> Result<bool, Fault> {
        let rows = commit!(self, |c| {
            diesel::update(authorizations::table.find(hash))
                .filter(authorizations::done_at.is_null())
                .filter(authorizations::expires_at.gt(now))
                .set(authorizations::request.eq(&request))
                .execute(c)
        })?;
        Ok(rows == 1)
    }

    /// Marks a request as answered; true for exactly one caller.
    pub async fn finish_authorization(&self, hash: SecretHash, now: i64) -> Result<bool, Fault> {
        let rows = commit!(self, |c| {
            diesel::update(authorizations::table.find(hash))
                .filter(authorizations::done_at.is_null())
                .filter(authorizations::expires_at.gt(now))
                .set(authorizations::done_at.eq(now))
                .execute(c)
        })?;
        Ok(rows == 1)
    }

    /// Counts when the last count is old or says that it is full, so a false refusal does not last.
    async fn has_room(&self, cap: i64, now: i64) -> Result<bool, Fault> {
        let estimate = &self.inner.live_authorizations;
        if estimate.one_more(cap) {
            return Ok(true);
        }
        let live: i64 = scan!(self, |c| {
            authorizations::table
                .filter(authorizations::expires_at.gt(now))
                .filter(authorizations::done_at.is_null())
                .count()
                .get_result(c)
        })?;
        estimate.set(live);
        Ok(estimate.one_more(cap))
    }
}

impl Estimate {
    /// Takes a place, if a fresh count says that there is one.
    fn one_more(&self, cap: i64) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.as_mut() {
            Some((counted, live)) if counted.elapsed() < GOOD_FOR && *live < cap => {
                *live += 1;
                true
            }
            _ => false,
        }
    }

    fn set(&self, live: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), live));
    }
}
