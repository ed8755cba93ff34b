//! Tokens that ended before their time, in the order in which they did: what the list of revoked tokens is
//! made from, and what tells whether a remembered token may still be believed.

use std::sync::atomic::Ordering;

use diesel::prelude::*;

use super::Store;
use super::clients::ORIGIN_FILE;
use super::schema::{access_tokens, clients, users};
use crate::oauth::reject::Fault;

/// A token that was revoked and has not expired yet.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = access_tokens)]
pub struct RevokedRow {
    /// Its id.
    pub jti: String,
    /// When it was revoked, in milliseconds.
    pub revoked_at: Option<i64>,
    /// When it would have expired, in milliseconds.
    pub expires_at: i64,
}

/// What a client's row says about its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = clients)]
pub struct ClientMark {
    /// Its id.
    pub client_id: String,
    /// Whether the row is switched on.
    pub active: bool,
    origin: String,
}

impl ClientMark {
    /// Whether the client's document lies in the policy folder.
    pub fn is_file(&self) -> bool {
        self.origin == ORIGIN_FILE
    }
}

/// Where a page of the list begins: behind this token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokedAfter {
    /// When it was revoked, in milliseconds.
    pub at: i64,
    /// Its id; empty = before the first of that time.
    pub jti: String,
}

impl Store {
    /// A number that differs as soon as this process may have revoked a token.
    pub fn token_generation(&self) -> u64 {
        self.inner.revocations.load(Ordering::Acquire)
    }

    /// A transaction that may have revoked a token has ended, well or not.
    pub(super) fn tokens_changed(&self) {
        self.inner.revocations.fetch_add(1, Ordering::AcqRel);
    }

    /// Revoked tokens that have not expired, in the order of their revocation.
    pub async fn revoked_after(
        &self,
        after: RevokedAfter,
        now: i64,
        limit: usize,
    ) -> Result<Vec<RevokedRow>, Fault> {
        use access_tokens as t;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(scan!(self, |c| {
            t::table
                .filter(t::revoked_at.ge(after.at))
                .filter(t::revoked_at.gt(after.at).or(t::jti.gt(&after.jti)))
                .filter(t::expires_at.gt(now))
                .order((t::revoked_at.asc(), t::jti.asc()))
                .limit(limit)
                .select(RevokedRow::as_select())
                .load(c)
        })?)
    }

    /// Clients whose tokens may all be dead: disabled rows, and those whose document lies in the folder.
    pub async fn client_marks(&self) -> Result<Vec<ClientMark>, Fault> {
        Ok(scan!(self, |c| {
            clients::table
                .filter(clients::active.eq(false).or(clients::origin.eq(ORIGIN_FILE)))
                .select(ClientMark::as_select())
                .load(c)
        })?)
    }

    /// Ids of the users who are blocked.
    pub async fn blocked_users(&self) -> Result<Vec<String>, Fault> {
        Ok(scan!(self, |c| {
            users::table.filter(users::blocked.eq(true)).order(users::id.asc()).select(users::id).load(c)
        })?)
    }
}
