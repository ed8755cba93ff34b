//! Counters that say "something of this feature changed": replicas poll them instead of the tables.

use diesel::prelude::*;

use super::Store;
use super::schema::counters;
use crate::oauth::reject::Fault;

/// Name of the counter of [`Counters::clients`].
pub(super) const CLIENTS: &str = "clients";
/// Name of the counter of [`Counters::users`].
pub(super) const USERS: &str = "users";
/// Name of the counter of [`Counters::keys`].
pub(super) const KEYS: &str = "keys";
/// Name of the counter of [`Counters::tokens`].
pub(super) const TOKENS: &str = "tokens";
/// Name of a counter that means nothing.
const PROBE: &str = "probe";

/// One number for each feature that replicas keep in memory. Equal numbers = nothing was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes to clients; times of last use do not count.
    pub clients: i64,
    /// Writes to users.
    pub users: i64,
    /// Writes to signing keys.
    pub keys: i64,
    /// Revocations of tokens; new tokens and times of last use do not count.
    pub tokens: i64,
}

/// Moves a counter. But for revocations, it is the first statement of a transaction, because its row lock also makes the
/// writers of one feature wait for each other: they neither deadlock nor pass a check together.
macro_rules! bump {
    ($connection:expr, $name:expr) => {
        ::diesel::update($crate::store::schema::counters::table.find($name))
            .set($crate::store::schema::counters::value.eq($crate::store::schema::counters::value + 1))
            .execute($connection)
    };
}
pub(super) use bump;

impl Store {
    /// One cheap read.
    pub async fn counters(&self) -> Result<Counters, Fault> {
        let rows: Vec<(String, i64)> =
            read!(self, |c| counters::table.select((counters::name, counters::value)).load(c))?;
        let of = |name: &str| rows.iter().find(|(n, _)| n == name).map_or(0, |(_, value)| *value);
        Ok(Counters { clients: of(CLIENTS), users: of(USERS), keys: of(KEYS), tokens: of(TOKENS) })
    }
}

impl Store {
    /// Writes something that nobody reads: fails as any write would, on a full disk for example.
    pub async fn takes_writes(&self) -> Result<(), Fault> {
        commit!(self, |c| bump!(c, PROBE))?;
        Ok(())
    }
}
