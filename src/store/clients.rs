//! Clients: one row for each, whether a file or the database describes it.

use diesel::prelude::*;

use super::Store;
use super::counters::{CLIENTS, bump};
use super::schema::{access_tokens, authorization_codes, authorizations, clients, consents};
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;

/// `origin` of a client whose document is a file of the policy folder.
pub const ORIGIN_FILE: &str = "file";
/// `origin` of a client whose document is in its row.
pub const ORIGIN_DATABASE: &str = "database";

/// A client's row.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub struct ClientRow {
    /// The id of the management API.
    pub document_id: String,
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// [`ORIGIN_DATABASE`] or [`ORIGIN_FILE`].
    pub origin: String,
    /// The document, JSON; none where a file is the document.
    pub document: Option<String>,
    /// `USER`, `BACK_OFFICE` or `FILE`.
    pub created_type: String,
    /// An administrator's switch, beside what the document says.
    pub active: bool,
    /// The name that people see.
    pub name: String,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub client_type: String,
    /// The owning user.
    pub owner: Option<String>,
    /// Of the secret in force.
    pub secret_hash: Option<SecretHash>,
    /// Of the secret before it.
    pub old_secret_hash: Option<SecretHash>,
    /// Until when the secret before it is accepted, too.
    pub old_secret_until: Option<i64>,
    /// Public keys, JSON (a JWKS).
    pub jwks: Option<String>,
    /// What the maker wants to keep with it, JSON.
    pub meta: Option<String>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub updated_at: i64,
    /// A few seconds late.
    pub last_used_at: Option<i64>,
}

/// What changes; what is none stays. The inner option of a nullable column empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = clients)]
#[allow(clippy::option_option)]
pub struct ClientChange {
    /// The document, JSON.
    pub document: Option<Option<String>>,
    /// An administrator's switch.
    pub active: Option<bool>,
    /// The name that people see.
    pub name: Option<String>,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub client_type: Option<String>,
    /// The owning user.
    pub owner: Option<Option<String>>,
    /// Of the secret in force. To rotate it, use [`Store::rotate_secret`].
    pub secret_hash: Option<Option<SecretHash>>,
    /// Of the secret before it.
    pub old_secret_hash: Option<Option<SecretHash>>,
    /// Until when the secret before it is accepted.
    pub old_secret_until: Option<Option<i64>>,
    /// Public keys, JSON.
    pub jwks: Option<Option<String>>,
    /// What the maker wants to keep with it, JSON.
    pub meta: Option<Option<String>>,
    /// The time of the change; always given.
    pub updated_at: i64,
}

/// Tokens removed in one transaction; few in tests, so that they see more than one.
const PART: usize = if cfg!(test) { 2 } else { 2_000 };

impl Store {
    /// The client with this client id.
    pub async fn client(&self, client_id: &str) -> Result<Option<ClientRow>, Fault> {
        if client_id.contains('\0') {
            return Ok(None);
        }
        let id = client_id.to_owned();
        Ok(read!(self, |c| {
            clients::table
                .filter(clients::client_id.eq(&id))
                .select(ClientRow::as_select())
                .get_result(c)
                .optional()
        })?)
    }

    /// The client with this document id.
    pub async fn client_by_document(&self, document_id: &str) -> Result<Option<ClientRow>, Fault> {
        if document_id.contains('\0') {
            return Ok(None);
        }
        let id = document_id.to_owned();
        Ok(read!(self, |c| clients::table.find(&id).select(ClientRow::as_select()).get_result(c).optional())?)
    }

    /// Writes a client; false = its client id is taken.
    pub async fn insert_client(&self, client: ClientRow) -> Result<bool, Fault> {
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let rows = diesel::insert_into(clients::table)
                .values(&client)
                .on_conflict(clients::client_id)
                .do_nothing()
                .execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Changes a client; false = there is none.
    pub async fn update_client(&self, document_id: &str, change: ClientChange) -> Result<bool, Fault> {
        let id = document_id.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let rows = diesel::update(clients::table.find(&id)).set(&change).execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Gives a client its first keys; false = it has some already.
    pub async fn set_first_keys(&self, document_id: &str, jwks: String, now: i64) -> Result<bool, Fault> {
        let id = document_id.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let rows = diesel::update(clients::table.find(&id))
                .filter(clients::jwks.is_null())
                .set((clients::jwks.eq(&jwks), clients::updated_at.eq(now)))
                .execute(c)?;
            Ok(rows == 1)
        })?)
    }

    /// Puts a new secret in force. With `old_until` the one before it is accepted until then, without
    /// it ends now; whatever was before that ends in either case. False = there is no such client.
    pub async fn rotate_secret(
        &self,
        document_id: &str,
        secret: SecretHash,
        old_until: Option<i64>,
        now: i64,
    ) -> Result<bool, Fault> {
        let id = document_id.to_owned();
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let row = clients::table.find(&id);
            let rows = match old_until {
                // The right side is the row as it was: the secret of now becomes the old one.
                Some(until) => diesel::update(row)
                    .set((
                        clients::old_secret_hash.eq(clients::secret_hash),
                        clients::old_secret_until.eq(until),
                        clients::secret_hash.eq(secret),
                        clients::updated_at.eq(now),
                    ))
                    .execute(c)?,
                None => diesel::update(row)
                    .set((
                        clients::old_secret_hash.eq(None::<SecretHash>),
                        clients::old_secret_until.eq(None::<i64>),
                        clients::secret_hash.eq(secret),
                        clients::updated_at.eq(now),
                    ))
                    .execute(c)?,
            };
            Ok(rows == 1)
        })?)
    }

    /// Removes a client with its tokens, codes, consents and pending authorizations; false = there is
    /// none. It is switched off first, so nothing new comes while many tokens are being removed.
    pub async fn delete_client(&self, document_id: &str, now: i64) -> Result<bool, Fault> {
        let Some(client) = self.client_by_document(document_id).await? else { return Ok(false) };
        let off = ClientChange { active: Some(false), updated_at: now, ..ClientChange::default() };
        self.update_client(document_id, off).await?;
        while self.remove_tokens(client.client_id.clone()).await? == PART {}
        let (document, id) = (document_id.to_owned(), client.client_id);
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let rows = diesel::delete(clients::table.find(&document)).execute(c)?;
            diesel::delete(authorizations::table.filter(authorizations::client_id.eq(&id))).execute(c)?;
            diesel::delete(consents::table.filter(consents::client_id.eq(&id))).execute(c)?;
            diesel::delete(authorization_codes::table.filter(authorization_codes::client_id.eq(&id)))
                .execute(c)?;
            diesel::delete(access_tokens::table.filter(access_tokens::client_id.eq(&id))).execute(c)?;
            Ok(rows == 1)
        })?)
    }

    async fn remove_tokens(&self, client_id: String) -> Result<usize, Fault> {
        Ok(commit!(self, |c| {
            let some: Vec<String> = access_tokens::table
                .filter(access_tokens::client_id.eq(&client_id))
                .select(access_tokens::jti)
                .limit(PART as i64)
                .load(c)?;
            diesel::delete(access_tokens::table.filter(access_tokens::jti.eq_any(&some))).execute(c)
        })?)
    }
}
