//! Failed sign-ins, counted where all replicas see them: one statement takes a place or finds that there is none.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::Store;
use super::schema::sign_in_failures;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// What is counted, and how many failures it may have within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The hash of its name.
    pub hash: SecretHash,
    /// Most failures.
    pub most: u32,
}

// Decision and count are one statement: two that come at once wait for each other at the row, and the second one sees
// what the first one made of it. A window that ends later than any could is a clock gone wrong, and begins anew.
const TAKE: &str = "INSERT INTO sign_in_failures (hash, failures, expires_at) VALUES ($1, 1, $2 + $3) \
     ON CONFLICT (hash) DO UPDATE SET \
     failures = CASE WHEN sign_in_failures.expires_at <= $2 OR sign_in_failures.expires_at > $2 + 2 * $3 \
         THEN 1 ELSE sign_in_failures.failures + 1 END, \
     expires_at = CASE WHEN sign_in_failures.expires_at <= $2 OR sign_in_failures.expires_at > $2 + 2 * $3 \
         THEN $2 + $3 ELSE sign_in_failures.expires_at END \
     WHERE sign_in_failures.expires_at <= $2 OR sign_in_failures.expires_at > $2 + 2 * $3 \
         OR sign_in_failures.failures < $4";

impl Store {
    /// Takes a place in each, in this order, until one has none left: then the end of that one's window, in
    /// milliseconds. A place that was taken before stays taken.
    pub async fn take_sign_in_places(
        &self,
        places: Vec<Place>,
        window_ms: i64,
        now: i64,
    ) -> Result<Option<i64>, Fault> {
        Ok(commit!(self, |c| {
            for place in &places {
                let taken = diesel::sql_query(TAKE)
                    .bind::<Binary, _>(place.hash)
                    .bind::<BigInt, _>(now)
                    .bind::<BigInt, _>(window_ms)
                    .bind::<BigInt, _>(i64::from(place.most))
                    .execute(c)?;
                if taken == 0 {
                    let end: Option<i64> = sign_in_failures::table
                        .find(place.hash)
                        .select(sign_in_failures::expires_at)
                        .get_result(c)
                        .optional()?;
                    return Ok(Some(end.unwrap_or(now)));
                }
            }
            Ok(None)
        })?)
    }

    /// Gives places back: the attempt succeeded.
    pub async fn give_back_sign_in_places(&self, hashes: Vec<SecretHash>) -> Result<(), Fault> {
        Ok(commit!(self, |c| {
            for hash in &hashes {
                diesel::update(sign_in_failures::table.find(*hash))
                    .filter(sign_in_failures::failures.gt(0))
                    .set(sign_in_failures::failures.eq(sign_in_failures::failures - 1))
                    .execute(c)?;
            }
            Ok(())
        })?)
    }
}
