//! Lists of clients, and the rows of clients that files describe.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::Store;
use super::clients::{ClientRow, ORIGIN_DATABASE, ORIGIN_FILE};
use super::counters::{CLIENTS, bump};
use super::listing::{Listed, Page, Sort, containing, lower, ordered};
use super::schema::clients;
use crate::oauth::reject::Fault;

/// Which clients. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Words in the name, the client id or the owner.
    pub search: Option<String>,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub kind: Option<String>,
    /// Switched on or off.
    pub active: Option<bool>,
    /// The owning user.
    pub owner: Option<String>,
    /// One of these owners: a user stands as id or as name.
    pub owners: Option<Vec<String>>,
    /// [`ORIGIN_DATABASE`] or [`ORIGIN_FILE`].
    pub origin: Option<String>,
    /// One of these client ids.
    pub ids: Option<Vec<String>>,
    /// Of the clients of files, only these: rows of files that are gone stay, but name no client.
    pub files: Option<Vec<String>>,
    /// Whose document in the database lists one of these, or whose document is a file. Which file lists them,
    /// [`ClientFilter::files`] says.
    pub listing: Option<Vec<String>>,
}

/// A column that clients can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientColumn {
    /// `createdAt`
    Created,
    /// `updatedAt`
    Updated,
    /// `lastUsedAt`
    LastUsed,
    /// `name`
    Name,
    /// `clientId`
    ClientId,
    /// `clientType`
    Kind,
    /// `active`
    Active,
}

/// An order of clients.
pub type ClientSort = Sort<ClientColumn>;

impl ClientSort {
    /// Reads `name`, `createdAt:desc` and so on.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, |name| match name {
            "createdAt" => Some(ClientColumn::Created),
            "updatedAt" => Some(ClientColumn::Updated),
            "lastUsedAt" => Some(ClientColumn::LastUsed),
            "name" => Some(ClientColumn::Name),
            "clientId" => Some(ClientColumn::ClientId),
            "clientType" => Some(ClientColumn::Kind),
            "active" => Some(ClientColumn::Active),
            _ => None,
        })
    }
}

impl Default for ClientSort {
    fn default() -> Self {
        Self { by: ClientColumn::Created, descending: true }
    }
}

/// A client that a file of the policy folder describes, as far as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileClient {
    /// The id of the row, if there is none yet.
    pub document_id: String,
    /// The name of the file.
    pub client_id: String,
    /// The name that people see.
    pub name: String,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub client_type: String,
    /// The owning user.
    pub owner: Option<String>,
}

/// What became of the clients of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileClients {
    /// Rows that were made.
    pub added: usize,
    /// Rows whose name, type or owner was brought up to date.
    pub refreshed: usize,
    /// Client ids that a client of the database has already: a mistake to report.
    pub taken: Vec<String>,
}

/// The list of scopes of a client.
#[derive(QueryableByName)]
struct ScopeList {
    #[diesel(sql_type = Nullable<Text>)]
    scopes: Option<String>,
}

// The two databases read JSON by different words.
const SCOPES_SQLITE: &str = "SELECT json_extract(document, '$.scopes') AS scopes \
     FROM clients WHERE origin = 'database' AND document IS NOT NULL";
const SCOPES_POSTGRES: &str = "SELECT document::jsonb ->> 'scopes' AS scopes \
     FROM clients WHERE origin = 'database' AND document IS NOT NULL";

/// What lists show of a client's document.
type Shown = (String, String, Option<String>, String);

/// The boxed query of a filter.
macro_rules! matching {
    ($filter:expr) => {{
        let filter = $filter;
        let mut query = clients::table.into_boxed();
        if let Some(kind) = &filter.kind {
            query = query.filter(clients::client_type.eq(kind));
        }
        if let Some(active) = filter.active {
            query = query.filter(clients::active.eq(active));
        }
        if let Some(owner) = &filter.owner {
            query = query.filter(clients::owner.eq(owner));
        }
        if let Some(owners) = &filter.owners {
            query = query.filter(clients::owner.eq_any(owners));
        }
        if let Some(origin) = &filter.origin {
            query = query.filter(clients::origin.eq(origin));
        }
        if let Some(ids) = &filter.ids {
            query = query.filter(clients::client_id.eq_any(ids));
        }
        if let Some(files) = &filter.files {
            query = query.filter(clients::origin.eq(ORIGIN_DATABASE).or(clients::client_id.eq_any(files)));
        }
        if let Some(entries) = &filter.listing {
            // Names without quotes or backslashes in a JSON array: a quoted one is in it or not. Three
            // entries can permit one scope: itself, its content type's wildcard, and `admin:*`.
            let [one, two, three] = [0, 1, 2]
                .map(|at| entries.get(at).or(entries.first()).map_or_else(String::new, Clone::clone));
            let quoted = |entry: String| containing(&format!("\"{entry}\""));
            query = query.filter(
                clients::origin
                    .eq(ORIGIN_FILE)
                    .nullable()
                    .or(clients::document.like(quoted(one)).escape('\\'))
                    .or(clients::document.like(quoted(two)).escape('\\'))
                    .or(clients::document.like(quoted(three)).escape('\\')),
            );
        }
        if let Some(words) = &filter.search {
            let pattern = containing(words);
            query = query.filter(
                lower(clients::name.nullable())
                    .like(lower(pattern.clone()))
                    .escape('\\')
                    .or(lower(clients::client_id.nullable()).like(lower(pattern.clone())).escape('\\'))
                    .or(lower(clients::owner).like(lower(pattern)).escape('\\')),
            );
        }
        query
    }};
}

impl Store {
    /// A page of clients.
    pub async fn list_clients(
        &self,
        filter: ClientFilter,
        sort: ClientSort,
        page: Page,
    ) -> Result<Listed<ClientRow>, Fault> {
        Ok(scan!(self, |c| {
            let total = matching!(&filter).count().get_result(c)?;
            let query = matching!(&filter);
            let query = match sort.by {
                ClientColumn::Created => ordered!(query, sort.descending, clients::created_at),
                ClientColumn::Updated => ordered!(query, sort.descending, clients::updated_at),
                ClientColumn::LastUsed => ordered!(query, sort.descending, clients::last_used_at),
                ClientColumn::Name => ordered!(query, sort.descending, lower(clients::name.nullable())),
                ClientColumn::ClientId => ordered!(query, sort.descending, clients::client_id),
                ClientColumn::Kind => ordered!(query, sort.descending, clients::client_type),
                ClientColumn::Active => ordered!(query, sort.descending, clients::active),
            };
            // Ids first: a deep page would otherwise carry whole rows through the sort, keys and all.
            let ids: Vec<String> = query
                .then_order_by(clients::document_id.asc())
                .limit(page.limit())
                .offset(page.offset())
                .select(clients::document_id)
                .load(c)?;
            let found: Vec<ClientRow> = clients::table
                .filter(clients::document_id.eq_any(&ids))
                .select(ClientRow::as_select())
                .load(c)?;
            let mut found: HashMap<String, ClientRow> =
                found.into_iter().map(|row| (row.document_id.clone(), row)).collect();
            let rows = ids.iter().filter_map(|id| found.remove(id)).collect();
            Ok(Listed { rows, total })
        })?)
    }

    /// The lists of scopes of the database's clients as JSON, one a client.
    pub async fn scope_lists(&self) -> Result<Vec<String>, Fault> {
        let statement = if self.backend() == "postgres" { SCOPES_POSTGRES } else { SCOPES_SQLITE };
        let rows: Vec<ScopeList> = scan!(self, |c| diesel::sql_query(statement).load(c))?;
        Ok(rows.into_iter().filter_map(|row| row.scopes).collect())
    }

    /// How many clients the filter finds.
    pub async fn count_clients(&self, filter: ClientFilter) -> Result<i64, Fault> {
        Ok(scan!(self, |c| matching!(&filter).count().get_result(c))?)
    }

    /// All clients whose document is in the database, in the order of their ids: what a replica loads.
    pub async fn database_clients(&self) -> Result<Vec<ClientRow>, Fault> {
        Ok(scan!(self, |c| {
            clients::table
                .filter(clients::origin.eq(ORIGIN_DATABASE))
                .order(clients::client_id.asc())
                .select(ClientRow::as_select())
                .load(c)
        })?)
    }

    /// Those of the client ids that clients of the database have.
    pub async fn database_ids(&self, among: Vec<String>) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        for part in among.chunks(500) {
            let part = part.to_vec();
            let some: Vec<String> = scan!(self, |c| {
                clients::table
                    .filter(clients::origin.eq(ORIGIN_DATABASE))
                    .filter(clients::client_id.eq_any(&part))
                    .select(clients::client_id)
                    .load(c)
            })?;
            found.extend(some);
        }
        Ok(found)
    }

    /// Gives each client of a file its row, and brings what lists show up to date. Writes only what
    /// differs, so it may be called after every reload.
    pub async fn ensure_file_clients(&self, files: Vec<FileClient>, now: i64) -> Result<FileClients, Fault> {
        let rows: Vec<(String, Shown)> = scan!(self, |c| {
            clients::table
                .select((
                    clients::client_id,
                    (clients::name, clients::client_type, clients::owner, clients::origin),
                ))
                .load(c)
        })?;
        let rows: HashMap<String, Shown> = rows.into_iter().collect();
        let mut result = FileClients::default();
        let mut missing = Vec::new();
        let mut stale = Vec::new();
        for file in files {
            match rows.get(&file.client_id) {
                None => missing.push(row_of(file, now)),
                Some((_, _, _, origin)) if origin != ORIGIN_FILE => result.taken.push(file.client_id),
                Some((name, kind, owner, _))
                    if (name, kind, owner) == (&file.name, &file.client_type, &file.owner) => {}
                Some(_) => stale.push(file),
            }
        }
        if missing.is_empty() && stale.is_empty() {
            return Ok(result);
        }
        let (added, refreshed) = self.write_file_clients(missing, stale, now).await?;
        Ok(FileClients { added, refreshed, ..result })
    }

    async fn write_file_clients(
        &self,
        missing: Vec<ClientRow>,
        stale: Vec<FileClient>,
        now: i64,
    ) -> Result<(usize, usize), Fault> {
        Ok(commit!(self, |c| {
            bump!(c, CLIENTS)?;
            let (mut added, mut refreshed) = (0, 0);
            for row in &missing {
                // Another replica may have been quicker.
                added += diesel::insert_into(clients::table)
                    .values(row)
                    .on_conflict(clients::client_id)
                    .do_nothing()
                    .execute(c)?;
            }
            for file in &stale {
                refreshed += diesel::update(clients::table)
                    .filter(clients::client_id.eq(&file.client_id))
                    .filter(clients::origin.eq(ORIGIN_FILE))
                    .set((
                        clients::name.eq(&file.name),
                        clients::client_type.eq(&file.client_type),
                        clients::owner.eq(&file.owner),
                        clients::updated_at.eq(now),
                    ))
                    .execute(c)?;
            }
            Ok((added, refreshed))
        })?)
    }
}

fn row_of(file: FileClient, now: i64) -> ClientRow {
    ClientRow {
        document_id: file.document_id,
        client_id: file.client_id,
        origin: ORIGIN_FILE.to_owned(),
        document: None,
        created_type: "FILE".to_owned(),
        active: true,
        name: file.name,
        client_type: file.client_type,
        owner: file.owner,
        secret_hash: None,
        old_secret_hash: None,
        old_secret_until: None,
        jwks: None,
        meta: None,
        created_at: now,
        updated_at: now,
        last_used_at: None,
    }
}
