//! Assertions that were used: each is good once (RFC 7523 §3, rule 7).

use diesel::prelude::*;

use super::Store;
use super::schema::assertions;
use crate::oauth::reject::Fault;

/// One use of an assertion.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = assertions)]
pub struct AssertionUse {
    /// Its `iss`; two issuers may use the same `jti`.
    pub issuer: String,
    /// Its `jti`, or the hash of the whole.
    pub replay_key: String,
    /// When it expires, skew included.
    pub expires_at: i64,
}

/// Records a use inside a transaction; evaluates to 1 if it is the first.
macro_rules! record {
    ($connection:expr, $usage:expr) => {
        ::diesel::insert_into($crate::store::schema::assertions::table)
            .values($usage)
            .on_conflict_do_nothing()
            .execute($connection)
    };
}
pub(super) use record;

impl Store {
    /// Records a use; false = it was used before.
    pub async fn record_assertion(&self, usage: AssertionUse) -> Result<bool, Fault> {
        Ok(commit!(self, |c| Ok(record!(c, &usage)? == 1))?)
    }
}
