//! Tokens as pages show them: a bounded walk along one index, whatever the filter finds.

use diesel::prelude::*;

use super::Store;
use super::position::{Counted, Position, Scanned, Stretch, WINDOW, beyond, edge, in_order, within};
use super::schema::access_tokens;
use super::token_list::{TokenFilter, TokenStatus};
use super::tokens::TokenRow;
use crate::oauth::reject::Fault;

/// What tokens are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenClock {
    /// When they were issued.
    #[default]
    Created,
    /// When they end.
    Expires,
}

/// The tokens that one index leads to; the rest of the filter is looked at row by row.
macro_rules! along {
    ($filter:expr, $clock:expr) => {{
        use access_tokens as t;
        let filter = $filter;
        let mut query = t::table.into_boxed();
        if $clock == TokenClock::Created {
            match (&filter.user, &filter.client, filter.status) {
                (Some(user), _, _) => query = query.filter(t::user_id.eq(user)),
                (None, Some(client), _) => query = query.filter(t::client_id.eq(client)),
                (None, None, Some(TokenStatus::Revoked)) => {
                    query = query.filter(t::revoked_at.is_not_null());
                }
                _ => {}
            }
        }
        query
    }};
}

/// The rest of the filter. The joined empty text keeps the database from another index, along which the
/// walk would have no bound.
macro_rules! looked_at {
    ($query:expr, $filter:expr) => {{
        use access_tokens as t;
        let filter = $filter;
        let mut query = $query;
        if let Some(client) = &filter.client {
            query = query.filter(t::client_id.concat("").eq(client));
        }
        if let Some(user) = &filter.user {
            query = query.filter(t::user_id.concat("").eq(user));
        }
        if let Some(grant) = &filter.grant {
            query = query.filter(t::grant_type.eq(grant));
        }
        match filter.status {
            None => query,
            Some(TokenStatus::Revoked) => query.filter(t::revoked_at.is_not_null()),
            Some(TokenStatus::Active) => {
                query.filter(t::revoked_at.is_null()).filter(t::expires_at.gt(filter.now))
            }
            Some(TokenStatus::Expired) => {
                query.filter(t::revoked_at.is_null()).filter(t::expires_at.le(filter.now))
            }
        }
    }};
}

/// One walk over a column.
macro_rules! walk {
    ($c:expr, $filter:expr, $clock:expr, $at:expr, $descending:expr, $stretch:expr) => {{
        use access_tokens as t;
        let stretch = $stretch;
        // Backwards the walk runs against the list's own order.
        let down = $descending != stretch.back;
        let reach = beyond!(along!($filter, $clock), &stretch.from, down, stretch.back, $at, t::jti);
        let edge = edge!($c, reach, down, $at);
        let query = beyond!(along!($filter, $clock), &stretch.from, down, stretch.back, $at, t::jti);
        let query = looked_at!(within!(query, edge, down, $at), $filter);
        let rows: Vec<TokenRow> = in_order!(query, down, stretch.back, $at, t::jti)
            .limit(stretch.limit())
            .select(TokenRow::as_select())
            .load($c)?;
        (rows, edge)
    }};
}

impl Store {
    /// A part of the tokens. [`TokenFilter::search`] is not looked at: what people type is resolved to a
    /// client, a user or one token before.
    pub async fn scan_tokens(
        &self,
        filter: TokenFilter,
        clock: TokenClock,
        descending: bool,
        stretch: Stretch,
    ) -> Result<Scanned<TokenRow>, Fault> {
        let asked = stretch.clone();
        let (rows, edge) = scan!(self, |c| {
            Ok(match clock {
                TokenClock::Created => walk!(c, &filter, clock, t::created_at, descending, &stretch),
                TokenClock::Expires => walk!(c, &filter, clock, t::expires_at, descending, &stretch),
            })
        })?;
        Ok(asked.part(rows, edge, |row| Position {
            at: if clock == TokenClock::Created { row.created_at } else { row.expires_at },
            id: Some(row.jti.clone()),
        }))
    }

    /// How many tokens the filter finds among the latest [`WINDOW`] that its index leads to.
    pub async fn count_tokens_nearby(&self, filter: TokenFilter) -> Result<Counted, Fault> {
        use access_tokens as t;
        Ok(scan!(self, |c| {
            let edge = edge!(c, along!(&filter, TokenClock::Created), true, t::created_at);
            let near = within!(along!(&filter, TokenClock::Created), edge, true, t::created_at);
            let found: i64 = looked_at!(near, &filter).count().get_result(c)?;
            Ok(Counted { found: found.min(WINDOW), or_more: edge.is_some() })
        })?)
    }

    /// The token with this document id.
    pub async fn token_by_document(&self, document_id: &str) -> Result<Option<TokenRow>, Fault> {
        if document_id.contains('\0') {
            return Ok(None);
        }
        let id = document_id.to_owned();
        Ok(read!(self, |c| {
            access_tokens::table
                .filter(access_tokens::document_id.eq(&id))
                .select(TokenRow::as_select())
                .get_result(c)
                .optional()
        })?)
    }
}
