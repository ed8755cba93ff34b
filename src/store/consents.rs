//! What users agreed to. Agreeing adds, only withdrawal takes away.

use std::collections::BTreeSet;

use diesel::dsl::max;
use diesel::prelude::*;

use super::Store;
use super::codes::CodeRow;
use super::listing::{Listed, Page};
use super::schema::{access_tokens, authorization_codes, consents};
use super::tokens::revoke_where;
use crate::oauth::reject::Fault;

/// What one user agreed to for one client.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
pub struct ConsentRow {
    /// The id that the account page uses.
    pub document_id: String,
    /// The user.
    pub user_id: String,
    /// The client.
    pub client_id: String,
    /// Separated by spaces, sorted.
    pub scopes: String,
    /// The first time.
    pub created_at: i64,
    /// The last time.
    pub updated_at: i64,
    /// When it was last relied on, a few seconds late.
    pub last_used_at: Option<i64>,
}

/// A user's agreement, to be added to what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConsent {
    /// The id of the row, if this is the first agreement of the two.
    pub document_id: String,
    /// The user.
    pub user_id: String,
    /// The client.
    pub client_id: String,
    /// What was ticked.
    pub scopes: Vec<String>,
}

/// Which consent of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentKey {
    /// The one for this client id.
    Client(String),
    /// The one with this document id.
    Document(String),
}

/// What a withdrawal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The client that lost it.
    pub client_id: String,
    /// Tokens that were not revoked before.
    pub tokens: usize,
    /// Codes that were not redeemed yet.
    pub codes: usize,
}

impl Store {
    /// What the user agreed to for the client.
    pub async fn consent(&self, user_id: &str, client_id: &str) -> Result<Option<ConsentRow>, Fault> {
        if client_id.contains('\0') {
            return Ok(None);
        }
        let (user, client) = (user_id.to_owned(), client_id.to_owned());
        Ok(read!(self, |c| {
            consents::table
                .filter(consents::user_id.eq(&user))
                .filter(consents::client_id.eq(&client))
                .select(ConsentRow::as_select())
                .get_result(c)
                .optional()
        })?)
    }

    /// Adds scopes to what the user agreed to for the client, and writes the code that this was for: both or none.
    pub async fn agree(&self, consent: NewConsent, code: CodeRow, now: i64) -> Result<ConsentRow, Fault> {
        let row = ConsentRow {
            document_id: consent.document_id,
            user_id: consent.user_id,
            client_id: consent.client_id,
            scopes: union("", &consent.scopes),
            created_at: now,
            updated_at: now,
            last_used_at: None,
        };
        Ok(commit!(self, |c| {
            diesel::insert_into(authorization_codes::table).values(&code).execute(c)?;
            let of_both = consents::user_id
                .eq(row.user_id.as_str())
                .and(consents::client_id.eq(row.client_id.as_str()));
            // The update holds the row, so that two agreements at once are both remembered.
            if diesel::update(consents::table.filter(of_both)).set(consents::updated_at.eq(now)).execute(c)?
                == 0
            {
                let inserted = diesel::insert_into(consents::table)
                    .values(&row)
                    .on_conflict((consents::user_id, consents::client_id))
                    .do_nothing()
                    .execute(c)?;
                if inserted == 1 {
                    return Ok(row.clone());
                }
                diesel::update(consents::table.filter(of_both))
                    .set(consents::updated_at.eq(now))
                    .execute(c)?;
            }
            let mut merged: ConsentRow =
                consents::table.filter(of_both).select(ConsentRow::as_select()).get_result(c)?;
            let scopes = union(&merged.scopes, &consent.scopes);
            if scopes != merged.scopes {
                merged.scopes = scopes;
                let grown = consents::scopes.eq(&merged.scopes);
                diesel::update(consents::table.filter(of_both)).set(grown).execute(c)?;
            }
            Ok(merged)
        })?)
    }

    /// Writes the code of a user who agreed before; false = nothing was written, because the user does not agree to all
    /// of its scopes (any more).
    pub async fn rely(&self, code: CodeRow) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            let agreed: Option<String> = consents::table
                .filter(consents::user_id.eq(&code.user_id))
                .filter(consents::client_id.eq(&code.client_id))
                .select(consents::scopes)
                .get_result(c)
                .optional()?;
            if !agreed.is_some_and(|agreed| covers(&agreed, &code.scopes)) {
                return Ok(false);
            }
            diesel::insert_into(authorization_codes::table).values(&code).execute(c)?;
            Ok(true)
        })?)
    }

    /// The user's consents, the latest first.
    pub async fn consents_of_user(&self, user_id: &str, page: Page) -> Result<Listed<ConsentRow>, Fault> {
        let user = user_id.to_owned();
        Ok(scan!(self, |c| {
            let total = consents::table.filter(consents::user_id.eq(&user)).count().get_result(c)?;
            let rows = consents::table
                .filter(consents::user_id.eq(&user))
                .order((consents::updated_at.desc(), consents::document_id.asc()))
                .limit(page.limit())
                .offset(page.offset())
                .select(ConsentRow::as_select())
                .load(c)?;
            Ok(Listed { rows, total })
        })?)
    }

    /// When a token for the user was last used or issued, by client.
    pub async fn last_uses_of_user(&self, user_id: &str) -> Result<Vec<(String, i64)>, Fault> {
        let user = user_id.to_owned();
        let rows: Vec<(String, Option<i64>, Option<i64>)> = scan!(self, |c| {
            access_tokens::table
                .filter(access_tokens::user_id.eq(&user))
                .group_by(access_tokens::client_id)
                .select((
                    access_tokens::client_id,
                    max(access_tokens::used_at),
                    max(access_tokens::created_at),
                ))
                .load(c)
        })?;
        Ok(rows.into_iter().filter_map(|(client, used, issued)| Some((client, used.max(issued)?))).collect())
    }

    /// Forgets a consent and ends what came of it: tokens are revoked, open codes removed.
    pub async fn withdraw(
        &self,
        user_id: &str,
        key: ConsentKey,
        now: i64,
    ) -> Result<Option<Withdrawn>, Fault> {
        let user = user_id.to_owned();
        let withdrawn = commit!(self, |c| {
            let of_user = consents::table.filter(consents::user_id.eq(&user)).select(consents::client_id);
            let client: Option<String> = match &key {
                ConsentKey::Client(id) => {
                    of_user.filter(consents::client_id.eq(id)).get_result(c).optional()?
                }
                ConsentKey::Document(id) => {
                    of_user.filter(consents::document_id.eq(id)).get_result(c).optional()?
                }
            };
            let Some(client_id) = client else { return Ok(None) };
            diesel::delete(consents::table)
                .filter(consents::user_id.eq(&user))
                .filter(consents::client_id.eq(&client_id))
                .execute(c)?;
            // Codes before tokens: a code that is being redeemed holds its row, so its token is there
            // to be revoked once the delete has passed it.
            let codes = diesel::delete(authorization_codes::table)
                .filter(authorization_codes::user_id.eq(&user))
                .filter(authorization_codes::client_id.eq(&client_id))
                .filter(authorization_codes::used_at.is_null())
                .execute(c)?;
            let pair = access_tokens::user_id.eq(&user).and(access_tokens::client_id.eq(&client_id));
            let tokens = revoke_where!(c, now, pair)?;
            Ok(Some(Withdrawn { client_id, tokens, codes }))
        });
        self.tokens_changed();
        Ok(withdrawn?)
    }
}

/// Whether what was agreed to has all of these; both are separated by spaces.
pub fn covers(agreed: &str, scopes: &str) -> bool {
    let agreed: BTreeSet<&str> = agreed.split_ascii_whitespace().collect();
    scopes.split_ascii_whitespace().all(|scope| agreed.contains(scope))
}

fn union(scopes: &str, more: &[String]) -> String {
    let all: BTreeSet<&str> =
        scopes.split_ascii_whitespace().chain(more.iter().map(String::as_str)).collect();
    all.into_iter().collect::<Vec<_>>().join(" ")
}
