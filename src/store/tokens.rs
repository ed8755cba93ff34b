//! Access tokens: one row for each, found by its `jti`.

use diesel::prelude::*;

use super::Store;
use super::assertions::{AssertionUse, record};
use super::schema::access_tokens;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// A token that was signed and is about to be handed out.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = access_tokens, treat_none_as_default_value = false)]
pub struct NewToken {
    /// RFC 9068 §2.2.
    pub jti: String,
    /// The id that the management API shows.
    pub document_id: String,
    /// Of the whole token, so that a forged one with a known `jti` is told apart.
    pub token_hash: SecretHash,
    /// The key that signed it.
    pub kid: String,
    /// Who got it.
    pub client_id: String,
    /// The user behind it; none = a machine token.
    pub user_id: Option<String>,
    /// What it carries, separated by spaces.
    pub scopes: String,
    /// How it was obtained: the name on the wire.
    pub grant_type: String,
    /// A JSON array.
    pub audience: String,
    /// What the grant decision was made on, JSON.
    pub facts: String,
    /// The policy revision that decided.
    pub revision: String,
    /// Ids of the policies that decided.
    pub policies: String,
    /// The code that it was redeemed for.
    pub code_hash: Option<SecretHash>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
}

/// A token that was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = access_tokens)]
pub struct TokenRow {
    /// RFC 9068 §2.2.
    pub jti: String,
    /// The id that the management API shows.
    pub document_id: String,
    /// Of the whole token.
    pub token_hash: SecretHash,
    /// The key that signed it.
    pub kid: String,
    /// Who got it.
    pub client_id: String,
    /// The user behind it; none = a machine token.
    pub user_id: Option<String>,
    /// What it carries, separated by spaces.
    pub scopes: String,
    /// How it was obtained: the name on the wire.
    pub grant_type: String,
    /// A JSON array.
    pub audience: String,
    /// What the grant decision was made on, JSON.
    pub facts: String,
    /// The policy revision that decided.
    pub revision: String,
    /// Ids of the policies that decided.
    pub policies: String,
    /// The code that it was redeemed for.
    pub code_hash: Option<SecretHash>,
    /// Milliseconds.
    pub created_at: i64,
    /// When it was last seen, a few seconds late.
    pub used_at: Option<i64>,
    /// Milliseconds.
    pub expires_at: i64,
    /// When it was revoked for the first time.
    pub revoked_at: Option<i64>,
}

/// Whether a token was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The assertion was new; the token is there.
    Now,
    /// The assertion was used before; nothing was written.
    Replayed,
}

/// Inserts a token inside a transaction.
macro_rules! insert_token {
    ($connection:expr, $token:expr) => {
        ::diesel::insert_into($crate::store::schema::access_tokens::table).values($token).execute($connection)
    };
}
pub(super) use insert_token;

/// Revokes the tokens that a predicate finds, inside a transaction, as its last statement but for deletes of
/// rows that no token hangs on; evaluates to their number. Whoever commits it calls `tokens_changed` after.
macro_rules! revoke_where {
    ($connection:expr, $now:expr, $predicate:expr) => {{
        let revoked = ::diesel::update(
            $crate::store::schema::access_tokens::table
                .filter($predicate)
                .filter($crate::store::schema::access_tokens::revoked_at.is_null()),
        )
        .set($crate::store::schema::access_tokens::revoked_at.eq($now))
        .execute($connection);
        match revoked {
            Ok(0) | Err(_) => revoked,
            Ok(rows) => {
                $crate::store::counters::bump!($connection, $crate::store::counters::TOKENS).map(|_| rows)
            }
        }
    }};
}
pub(super) use revoke_where;

/// Tokens revoked in one transaction; few in tests, so that they see more than one.
const PART: usize = if cfg!(test) { 2 } else { 2_000 };

/// Revokes all tokens with a value in a column, in transactions that let others in between: a client may
/// have a million.
macro_rules! revoke_in_parts {
    ($store:expr, $now:expr, $column:expr, $value:expr) => {{
        let mut revoked = 0;
        loop {
            let value = $value.to_owned();
            let rows = commit!($store, |c| {
                let some: Vec<String> = access_tokens::table
                    .filter($column.eq(&value))
                    .filter(access_tokens::revoked_at.is_null())
                    .select(access_tokens::jti)
                    .limit(PART as i64)
                    .load(c)?;
                revoke_where!(c, $now, access_tokens::jti.eq_any(&some)).map(|_| some.len())
            });
            $store.tokens_changed();
            let rows = rows?;
            revoked += rows;
            if rows < PART {
                return Ok(revoked);
            }
        }
    }};
}

impl Store {
    /// Writes a token.
    pub async fn insert_token(&self, token: NewToken) -> Result<(), Fault> {
        commit!(self, |c| insert_token!(c, &token))?;
        Ok(())
    }

    /// Writes a token if its assertion is used for the first time, both in one transaction.
    pub async fn insert_token_with_assertion(
        &self,
        token: NewToken,
        usage: AssertionUse,
    ) -> Result<Inserted, Fault> {
        Ok(commit!(self, |c| {
            if record!(c, &usage)? == 0 {
                return Ok(Inserted::Replayed);
            }
            insert_token!(c, &token).map(|_| Inserted::Now)
        })?)
    }

    /// The hottest query of the server.
    ///
    /// Here and in the other reads by key stands `get_result`, not `first`: SQLite compiles a statement with
    /// `LIMIT ?` anew for each new binding, which costs more than the read.
    pub async fn token(&self, jti: &str) -> Result<Option<TokenRow>, Fault> {
        if jti.contains('\0') {
            return Ok(None);
        }
        let jti = jti.to_owned();
        Ok(read!(self, |c| {
            access_tokens::table.find(&jti).select(TokenRow::as_select()).get_result(c).optional()
        })?)
    }

    /// Revokes one token; false = there is none. The first time of revocation stays.
    pub async fn revoke(&self, jti: &str, now: i64) -> Result<bool, Fault> {
        let jti = jti.to_owned();
        let revoked = commit!(self, |c| {
            if revoke_where!(c, now, access_tokens::jti.eq(&jti))? > 0 {
                return Ok(true);
            }
            diesel::select(diesel::dsl::exists(access_tokens::table.find(&jti))).get_result(c)
        });
        self.tokens_changed();
        Ok(revoked?)
    }

    /// Revokes many tokens; says how many were not revoked before.
    pub async fn revoke_many(&self, mut jtis: Vec<String>, now: i64) -> Result<usize, Fault> {
        let mut revoked = 0;
        jtis.sort_unstable();
        for part in jtis.chunks(500) {
            let part = part.to_vec();
            let rows = commit!(self, |c| revoke_where!(c, now, access_tokens::jti.eq_any(&part)));
            self.tokens_changed();
            revoked += rows?;
        }
        Ok(revoked)
    }

    /// Revokes all tokens of a client.
    pub async fn revoke_of_client(&self, client_id: &str, now: i64) -> Result<usize, Fault> {
        revoke_in_parts!(self, now, access_tokens::client_id, client_id)
    }

    /// Revokes all tokens of a user.
    pub async fn revoke_of_user(&self, user_id: &str, now: i64) -> Result<usize, Fault> {
        revoke_in_parts!(self, now, access_tokens::user_id, user_id)
    }

    /// Revokes the tokens that a user gave to one client.
    pub async fn revoke_of(&self, user_id: &str, client_id: &str, now: i64) -> Result<usize, Fault> {
        let (user, client) = (user_id.to_owned(), client_id.to_owned());
        let revoked = commit!(self, |c| {
            revoke_where!(c, now, access_tokens::user_id.eq(&user).and(access_tokens::client_id.eq(&client)))
        });
        self.tokens_changed();
        Ok(revoked?)
    }
}
