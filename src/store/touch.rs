//! Times of last use. The callers collect them and write them every few seconds, so a request never
//! waits for one.

use super::Store;
use super::schema::{consents, sessions};
use super::statement::statement;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;
use diesel::prelude::*;

/// Rows of one transaction.
const PART: usize = 256;

/// Writes pairs of key and time, in the order of the keys, so that replicas which write the same rows
/// wait for each other and do not deadlock. A time never goes back.
macro_rules! touch {
    ($store:expr, $uses:expr, $statement:ident) => {{
        let mut uses = $uses;
        uses.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        uses.dedup_by(|later, first| later.0 == first.0);
        for part in uses.chunks(PART) {
            let part = part.to_vec();
            commit!($store, |c| {
                for (key, at) in &part {
                    $statement { key: key.clone(), at: *at }.execute(c)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }};
}

statement! {
    /// A use of a token.
    TouchToken { key: String, at: i64 }
    "UPDATE access_tokens SET used_at = " at as BigInt,
    " WHERE jti = " key as Text,
    " AND coalesce(used_at, 0) < " at as BigInt,
}

statement! {
    /// A use of a client.
    TouchClient { key: String, at: i64 }
    "UPDATE clients SET last_used_at = " at as BigInt,
    " WHERE client_id = " key as Text,
    " AND coalesce(last_used_at, 0) < " at as BigInt,
}

impl Store {
    /// Writes when tokens were last used, by `jti`.
    pub async fn touch_tokens(&self, uses: Vec<(String, i64)>) -> Result<(), Fault> {
        touch!(self, uses, TouchToken)
    }

    /// Writes when clients were last used, by client id. Does not move the counter.
    pub async fn touch_clients(&self, uses: Vec<(String, i64)>) -> Result<(), Fault> {
        touch!(self, uses, TouchClient)
    }

    /// Writes when consents were last relied on, by user and client.
    pub async fn touch_consents(&self, uses: Vec<((String, String), i64)>) -> Result<(), Fault> {
        let mut uses = uses;
        uses.sort_unstable();
        for part in uses.chunks(PART) {
            let part = part.to_vec();
            commit!(self, |c| {
                for ((user, client), at) in &part {
                    diesel::update(consents::table)
                        .filter(consents::user_id.eq(user).and(consents::client_id.eq(client)))
                        .filter(consents::last_used_at.is_null().or(consents::last_used_at.lt(*at)))
                        .set(consents::last_used_at.eq(*at))
                        .execute(c)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes when sessions were last seen.
    pub async fn touch_sessions(&self, uses: Vec<(SecretHash, i64)>) -> Result<(), Fault> {
        let mut uses = uses;
        uses.sort_unstable_by_key(|(hash, _)| hash.0);
        for part in uses.chunks(PART) {
            let part = part.to_vec();
            commit!(self, |c| {
                for (hash, at) in &part {
                    diesel::update(sessions::table.find(hash))
                        .filter(sessions::last_seen_at.lt(*at))
                        .set(sessions::last_seen_at.eq(*at))
                        .execute(c)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
