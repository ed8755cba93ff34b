//! The registry of clients: documents of the folder and of the database, with the facts of their rows.
//!
//! An entry is cached only while the policy set, the clients' counter and the poll of that counter are
//! all current, so that a change here or on another replica is effective within a second.

use std::sync::Arc;

use super::App;
use crate::oauth::client::{Client, ClientId};
use crate::oauth::jwk::PublicKeys;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;
use crate::policy::{ClientDocument, ParseMode, Snapshot};
use crate::store::ClientRow;

/// A client as a request meets it.
#[derive(Debug)]
pub struct ClientState {
    /// What its document says.
    pub client: Arc<Client>,
    /// What its row says.
    pub row: ClientRow,
    /// Keys of the document and of the row.
    pub keys: PublicKeys,
    /// Document and row both say active.
    pub active: bool,
    /// The generation that it was read in; 0 = not to be remembered.
    pub generation: u64,
}

impl ClientState {
    /// Whether the client's document lies in the policy folder.
    pub fn is_file(&self) -> bool {
        self.row.origin == crate::store::ORIGIN_FILE
    }

    /// Whether a presented secret is the client's, or its former one within the grace time.
    /// Compares all that there is, in constant time.
    pub fn secret_matches(&self, presented: &str, now_ms: i64) -> bool {
        let hash = SecretHash::of(presented);
        let current = self.row.secret_hash.is_some_and(|stored| hash.matches(&stored.0));
        let former = self.row.old_secret_hash.is_some_and(|stored| hash.matches(&stored.0));
        current | (former & self.row.old_secret_until.is_some_and(|until| now_ms < until))
    }
}

impl App {
    /// The client of that id, as of now.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer: never "unknown".
    pub async fn client(
        &self,
        snapshot: &Arc<Snapshot>,
        id: &ClientId,
    ) -> Result<Option<Arc<ClientState>>, Fault> {
        let generation = self.freshness.clients(&self.clock);
        if let Some(generation) = generation
            && let Some((revision, state)) = self.client_cache.get(id)
            && state.generation == generation
            && Arc::ptr_eq(&revision, snapshot.revision())
        {
            return Ok(Some(state));
        }
        let Some(row) = self.store.client(id.as_str()).await? else { return Ok(None) };
        let Some(state) = client_state(snapshot, id, row, generation.unwrap_or(0))? else { return Ok(None) };
        let state = Arc::new(state);
        if generation.is_some() {
            self.client_cache.insert(id.clone(), (Arc::clone(snapshot.revision()), Arc::clone(&state)));
        }
        Ok(Some(state))
    }

    /// Inserts rows for the clients of the folder that have none yet.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer.
    pub async fn ensure_file_clients(&self, snapshot: &Snapshot) -> Result<(), Fault> {
        let mut clients = Vec::new();
        for client in snapshot.clients() {
            clients.push(crate::store::FileClient {
                document_id: super::clock::new_id()?,
                client_id: client.id.as_str().to_owned(),
                name: client.name.clone(),
                client_type: type_name(client.kind).to_owned(),
                owner: client.owner.clone(),
            });
        }
        self.store.ensure_file_clients(clients, self.clock.now_ms()).await?;
        self.freshness.clients_changed();
        Ok(())
    }
}

/// Joins a row with its document; nothing if the document is gone.
///
/// # Errors
/// [`Fault::Inconsistent`] if the row's own document cannot be read.
pub fn client_state(
    snapshot: &Snapshot,
    id: &ClientId,
    row: ClientRow,
    generation: u64,
) -> Result<Option<ClientState>, Fault> {
    let client = match &row.document {
        None => match snapshot.client(id) {
            // The file is gone: the client is unknown, its tokens inactive.
            None => return Ok(None),
            Some(client) => Arc::clone(client),
        },
        Some(text) => {
            let document: ClientDocument = serde_json::from_str(text)
                .map_err(|e| Fault::Inconsistent(format!("document of client {id}: {e}")))?;
            Arc::new(
                snapshot
                    .parse_client(id, &document, ParseMode::Stored)
                    .map_err(|e| Fault::Inconsistent(format!("document of client {id}: {e:?}")))?,
            )
        }
    };
    let keys = match &row.jwks {
        None => client.keys.clone(),
        Some(text) => client.keys.merged(
            &PublicKeys::parse(text).map_err(|e| Fault::Inconsistent(format!("keys of client {id}: {e}")))?,
        ),
    };
    let active = client.active && row.active;
    Ok(Some(ClientState { client, row, keys, active, generation }))
}

/// The plugin's word for a client type.
pub fn type_name(kind: crate::oauth::client::ClientType) -> &'static str {
    match kind {
        crate::oauth::client::ClientType::Confidential => "CONFIDENTIAL",
        crate::oauth::client::ClientType::Public => "PUBLIC",
    }
}
