//! Lists and counts of access tokens.

use diesel::prelude::*;

use super::Store;
use super::listing::{Listed, Page, Sort, containing, lower, ordered};
use super::schema::access_tokens;
use super::tokens::TokenRow;
use crate::oauth::reject::Fault;

/// What a token is at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStatus {
    /// Neither revoked nor expired.
    Active,
    /// Past its time and never revoked.
    Expired,
    /// Revoked, whatever its time.
    Revoked,
}

impl TokenStatus {
    /// Reads `active`, `expired` or `revoked`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "expired" => Some(Self::Expired),
            "revoked" => Some(Self::Revoked),
            _ => None,
        }
    }

    /// The name that [`TokenStatus::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl TokenRow {
    /// What the token is at this time.
    pub fn status(&self, now: i64) -> TokenStatus {
        match self.revoked_at {
            Some(_) => TokenStatus::Revoked,
            None if self.expires_at <= now => TokenStatus::Expired,
            None => TokenStatus::Active,
        }
    }
}

/// Which tokens. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFilter {
    /// Of this client.
    pub client: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// In this state at [`TokenFilter::now`].
    pub status: Option<TokenStatus>,
    /// Obtained by this grant type (its name on the wire).
    pub grant: Option<String>,
    /// Words in the jti, the ids of client or user, or the scopes.
    pub search: Option<String>,
    /// The time that states are told at.
    pub now: i64,
}

/// A column that tokens can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenColumn {
    /// `createdAt`
    Created,
    /// `expiresAt`
    Expires,
    /// `usedAt`
    Used,
    /// `revokedAt`
    Revoked,
    /// `client`
    Client,
    /// `user`
    User,
    /// `grantType`
    Grant,
}

/// An order of tokens.
pub type TokenSort = Sort<TokenColumn>;

impl TokenSort {
    /// Reads `createdAt`, `createdAt:desc` and so on.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, |name| match name {
            "createdAt" => Some(TokenColumn::Created),
            "expiresAt" => Some(TokenColumn::Expires),
            "usedAt" => Some(TokenColumn::Used),
            "revokedAt" => Some(TokenColumn::Revoked),
            "client" => Some(TokenColumn::Client),
            "user" => Some(TokenColumn::User),
            "grantType" => Some(TokenColumn::Grant),
            _ => None,
        })
    }
}

impl Default for TokenSort {
    fn default() -> Self {
        Self { by: TokenColumn::Created, descending: true }
    }
}

/// The boxed query of a filter.
macro_rules! matching {
    ($filter:expr) => {{
        use access_tokens as t;
        let filter = $filter;
        let mut query = t::table.into_boxed();
        if let Some(client) = &filter.client {
            query = query.filter(t::client_id.eq(client));
        }
        if let Some(user) = &filter.user {
            query = query.filter(t::user_id.eq(user));
        }
        if let Some(grant) = &filter.grant {
            query = query.filter(t::grant_type.eq(grant));
        }
        query = match filter.status {
            None => query,
            Some(TokenStatus::Revoked) => query.filter(t::revoked_at.is_not_null()),
            Some(TokenStatus::Active) => {
                query.filter(t::revoked_at.is_null()).filter(t::expires_at.gt(filter.now))
            }
            Some(TokenStatus::Expired) => {
                query.filter(t::revoked_at.is_null()).filter(t::expires_at.le(filter.now))
            }
        };
        if let Some(words) = &filter.search {
            let pattern = containing(words);
            query = query.filter(
                lower(t::jti.nullable())
                    .like(lower(pattern.clone()))
                    .escape('\\')
                    .or(lower(t::client_id.nullable()).like(lower(pattern.clone())).escape('\\'))
                    .or(lower(t::user_id).like(lower(pattern.clone())).escape('\\'))
                    .or(lower(t::scopes.nullable()).like(lower(pattern)).escape('\\')),
            );
        }
        query
    }};
}

impl Store {
    /// A page of tokens.
    pub async fn list_tokens(
        &self,
        filter: TokenFilter,
        sort: TokenSort,
        page: Page,
    ) -> Result<Listed<TokenRow>, Fault> {
        use access_tokens as t;
        Ok(scan!(self, |c| {
            let total = matching!(&filter).count().get_result(c)?;
            let query = matching!(&filter);
            let query = match sort.by {
                TokenColumn::Created => ordered!(query, sort.descending, t::created_at),
                TokenColumn::Expires => ordered!(query, sort.descending, t::expires_at),
                TokenColumn::Used => ordered!(query, sort.descending, t::used_at),
                TokenColumn::Revoked => ordered!(query, sort.descending, t::revoked_at),
                TokenColumn::Client => ordered!(query, sort.descending, t::client_id),
                TokenColumn::User => ordered!(query, sort.descending, t::user_id),
                TokenColumn::Grant => ordered!(query, sort.descending, t::grant_type),
            };
            let rows = query
                .then_order_by(t::jti.asc())
                .limit(page.limit())
                .offset(page.offset())
                .select(TokenRow::as_select())
                .load(c)?;
            Ok(Listed { rows, total })
        })?)
    }

    /// Tokens that are neither revoked nor expired, in the order of their ids, after one of them.
    pub async fn live_tokens_after(&self, jti: &str, now: i64, limit: u32) -> Result<Vec<TokenRow>, Fault> {
        use access_tokens as t;
        let jti = jti.to_owned();
        Ok(scan!(self, |c| {
            t::table
                .filter(t::jti.gt(&jti))
                .filter(t::revoked_at.is_null())
                .filter(t::expires_at.gt(now))
                .order(t::jti.asc())
                .limit(i64::from(limit))
                .select(TokenRow::as_select())
                .load(c)
        })?)
    }

    /// How many tokens the filter finds.
    pub async fn count_tokens(&self, filter: TokenFilter) -> Result<i64, Fault> {
        Ok(scan!(self, |c| matching!(&filter).count().get_result(c))?)
    }

    /// How many tokens are neither revoked nor expired.
    pub async fn count_live_tokens(&self, now: i64) -> Result<i64, Fault> {
        let filter = TokenFilter { status: Some(TokenStatus::Active), now, ..TokenFilter::default() };
        self.count_tokens(filter).await
    }
}
