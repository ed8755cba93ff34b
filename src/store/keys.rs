//! Signing keys: one row for each, replicas share them.

use std::fmt;

use diesel::prelude::*;

use super::Store;
use super::counters::{KEYS, bump};
use super::schema::signing_keys;
use crate::oauth::reject::Fault;

/// A signing key. Debug does not print the private part.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, treat_none_as_default_value = false)]
pub struct KeyRow {
    /// RFC 7517 §4.5.
    pub kid: String,
    /// RFC 7518 §3.1.
    pub alg: String,
    /// PKCS#8, PEM.
    pub private_pem: String,
    /// A JWK, JSON.
    pub public_jwk: String,
    /// Milliseconds.
    pub created_at: i64,
    /// From when it signs: published before, so that everybody has it.
    pub active_from: i64,
    /// From when it is neither used nor published.
    pub retired_at: Option<i64>,
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRow")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("active_from", &self.active_from)
            .field("retired_at", &self.retired_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// All keys, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, Fault> {
        Ok(scan!(self, |c| {
            signing_keys::table
                .order((signing_keys::created_at.asc(), signing_keys::kid.asc()))
                .select(KeyRow::as_select())
                .load(c)
        })?)
    }

    /// Writes a key; false = its `kid` is there already.
    pub async fn insert_key(&self, key: KeyRow) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            bump!(c, KEYS)?;
            let rows =
                diesel::insert_into(signing_keys::table).values(&key).on_conflict_do_nothing().execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Writes the first key of its algorithm; false = there is one that is not retired. Replicas may
    /// call it at once: the others read the winner's key.
    pub async fn insert_first_key(&self, key: KeyRow) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            bump!(c, KEYS)?;
            let there = signing_keys::table
                .filter(signing_keys::alg.eq(&key.alg))
                .filter(signing_keys::retired_at.is_null())
                .count()
                .get_result::<i64>(c)?;
            if there > 0 {
                return Ok(false);
            }
            let rows =
                diesel::insert_into(signing_keys::table).values(&key).on_conflict_do_nothing().execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Retires a key from a given time on; false = there is none, or it is retired.
    pub async fn retire_key(&self, kid: &str, at: i64) -> Result<bool, Fault> {
        let kid = kid.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, KEYS)?;
            let rows = diesel::update(signing_keys::table.find(&kid))
                .filter(signing_keys::retired_at.is_null())
                .set(signing_keys::retired_at.eq(at))
                .execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Removes a key; false = there is none.
    pub async fn delete_key(&self, kid: &str) -> Result<bool, Fault> {
        let kid = kid.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, KEYS)?;
            Ok(diesel::delete(signing_keys::table.find(&kid)).execute(c)? == 1)
        })?)
    }
}
