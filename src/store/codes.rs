//! Authorization codes: good once (RFC 6749 §4.1.2).

use diesel::prelude::*;

use super::Store;
use super::schema::{access_tokens, authorization_codes, consents};
use super::statement::statement;
use super::tokens::{NewToken, insert_token, revoke_where};
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// An authorization code.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = authorization_codes, treat_none_as_default_value = false)]
pub struct CodeRow {
    /// Of the code; the code itself is not kept.
    pub hash: SecretHash,
    /// Whom it was issued to.
    pub client_id: String,
    /// Who agreed.
    pub user_id: String,
    /// What was agreed to, separated by spaces.
    pub scopes: String,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// Whether the request named it, so that the token request must too (RFC 6749 §4.1.3).
    pub redirect_explicit: bool,
    /// RFC 7636 §4.2.
    pub code_challenge: Option<String>,
    /// RFC 7636 §4.3.
    pub challenge_method: Option<String>,
    /// What the decision was made on, JSON.
    pub facts: String,
    /// When the user signed in.
    pub auth_time: Option<i64>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub expires_at: i64,
    /// When it was redeemed or burnt.
    pub used_at: Option<i64>,
    /// The token that it was redeemed for.
    pub token_jti: Option<String>,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It was good; the token is written.
    Now,
    /// It was used before, or is past its time. What it had produced is revoked, and that is
    /// committed although the caller is refused.
    Before {
        /// Tokens that were live until now.
        revoked: usize,
    },
}

statement! {
    /// Marks a code as used for a token, if it is not and has not expired; changes one row or none.
    Spend { hash: SecretHash, now: i64, jti: String }
    "UPDATE authorization_codes SET used_at = " now as BigInt,
    ", token_jti = " jti as Text,
    " WHERE hash = " hash as Binary,
    " AND used_at IS NULL AND expires_at > " now as BigInt,
}

/// Revokes the token that a code was redeemed for (RFC 6749 §4.1.2); evaluates to the number of tokens that were live.
macro_rules! revoke_of_code {
    ($connection:expr, $hash:expr, $now:expr) => {{
        let jti: Option<Option<String>> = authorization_codes::table
            .find($hash)
            .select(authorization_codes::token_jti)
            .get_result($connection)
            .optional()?;
        match jti.flatten() {
            Some(jti) => revoke_where!($connection, $now, access_tokens::jti.eq(&jti)),
            None => Ok(0),
        }
    }};
}

impl Store {
    /// A code, used or not, with the scopes that its user agrees to for its client now.
    pub async fn presented_code(&self, hash: SecretHash) -> Result<Option<(CodeRow, Option<String>)>, Fault> {
        Ok(read!(self, |c| {
            let agreed = consents::user_id
                .eq(authorization_codes::user_id)
                .and(consents::client_id.eq(authorization_codes::client_id));
            authorization_codes::table
                .find(hash)
                .left_join(consents::table.on(agreed))
                .select((CodeRow::as_select(), consents::scopes.nullable()))
                .get_result(c)
                .optional()
        })?)
    }

    /// Takes a code and writes its token; the second time, revokes what the first time produced.
    pub async fn redeem(&self, hash: SecretHash, now: i64, token: NewToken) -> Result<Redeemed, Fault> {
        // The link between the two is not left to the caller.
        let token = NewToken { code_hash: Some(hash), ..token };
        let redeemed = commit!(self, |c| {
            if (Spend { hash, now, jti: token.jti.clone() }).execute(c)? == 1 {
                insert_token!(c, &token)?;
                return Ok(Redeemed::Now);
            }
            let revoked = revoke_of_code!(c, hash, now)?;
            Ok(Redeemed::Before { revoked })
        });
        if !matches!(redeemed, Ok(Redeemed::Now)) {
            self.tokens_changed();
        }
        Ok(redeemed?)
    }

    /// Takes a code without a token; false = it was used or had expired.
    pub async fn burn_code(&self, hash: SecretHash, now: i64) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            let burnt = diesel::update(authorization_codes::table.find(hash))
                .filter(authorization_codes::used_at.is_null())
                .filter(authorization_codes::expires_at.gt(now))
                .set(authorization_codes::used_at.eq(now))
                .execute(c)?;
            Ok(burnt == 1)
        })?)
    }

    /// Revokes the token that was redeemed for a code (RFC 6749 §4.1.2); says how many were live.
    pub async fn revoke_by_code(&self, hash: SecretHash, now: i64) -> Result<usize, Fault> {
        let revoked = commit!(self, |c| revoke_of_code!(c, hash, now));
        self.tokens_changed();
        Ok(revoked?)
    }
}
