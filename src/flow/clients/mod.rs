//! Clients: made, read, changed, deactivated, given new credentials, deleted.

mod credentials;
mod input;

use std::sync::Arc;

use super::Ask;
use super::caller::{self, Caller};
use crate::app::clients::{ClientState, client_state};
use crate::app::{App, clock, jobs};
use crate::config::AdminWrites;
use crate::oauth::client::ClientId;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::policy::write::{self, WriteError};
use crate::policy::{AdminResource, Mode, Reload, Snapshot, admin};
use crate::store::{ClientChange, ClientFilter, ClientRow, ClientSort, Listed, ORIGIN_DATABASE, Page};

pub use credentials::{Credentials, regenerate_keypair, rotate_secret};
pub use input::ClientInput;

/// Lists clients.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn list(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    mut filter: ClientFilter,
    sort: ClientSort,
    page: Page,
) -> Result<Listed<Arc<ClientState>>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::CLIENT_READ, AdminResource::Server)?;
    // Rows of files that are gone are kept for their history, but the clients are unknown.
    filter.files = Some(snapshot.clients().map(|client| client.id.as_str().to_owned()).collect());
    let listed = app.store.list_clients(filter, sort, page).await?;
    let mut rows = Vec::with_capacity(listed.rows.len());
    for row in listed.rows {
        let Some(id) = ClientId::parse(&row.client_id) else { continue };
        if let Some(state) = client_state(&snapshot, &id, row, 0)? {
            rows.push(Arc::new(state));
        }
    }
    Ok(Listed { rows, total: listed.total })
}

/// Reads one client, by document id or by client id.
///
/// # Errors
/// Missing permission, also where there is no such client; [`Reject::NotFound`]; or a fault.
pub async fn read(app: &App, ask: &Ask, caller: &Caller, name: &str) -> Result<Arc<ClientState>, Stop> {
    let snapshot = app.policies.current();
    let (state, _) = permitted(app, ask, &snapshot, caller, admin::CLIENT_READ, name).await?;
    Ok(state)
}

/// Finds the client and asks the policy. Who may not ask learns nothing about what there is.
pub(super) async fn permitted(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    caller: &Caller,
    action: &'static str,
    name: &str,
) -> Result<(Arc<ClientState>, crate::policy::permit::Permit<crate::policy::permit::Administer>), Stop> {
    match find(app, snapshot, name).await? {
        Some(state) => {
            let resource = AdminResource::Client(&state.client);
            let permit = caller::permitted(app, ask, snapshot, caller, action, resource)?;
            Ok((state, permit))
        }
        None => {
            caller::permitted(app, ask, snapshot, caller, action, AdminResource::Server)?;
            Err(Reject::NotFound("client").into())
        }
    }
}

async fn find(app: &App, snapshot: &Arc<Snapshot>, name: &str) -> Result<Option<Arc<ClientState>>, Stop> {
    if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(None);
    }
    let row = match app.store.client_by_document(name).await? {
        Some(row) => row,
        None => match app.store.client(name).await? {
            Some(row) => row,
            None => return Ok(None),
        },
    };
    let Some(id) = ClientId::parse(&row.client_id) else { return Ok(None) };
    Ok(client_state(snapshot, &id, row, 0)?.map(Arc::new))
}

/// Makes a client; answers it with the credentials that are shown this once.
///
/// # Errors
/// [`Reject::Field`] for a value that cannot be, [`Reject::Conflict`] where clients are files only,
/// missing permission, or a fault.
pub async fn create(
    app: &Arc<App>,
    ask: &Ask,
    caller: &Caller,
    input: ClientInput,
) -> Result<(Arc<ClientState>, Credentials), Stop> {
    let snapshot = app.policies.current();
    let permit = caller::permitted(app, ask, &snapshot, caller, admin::CLIENT_CREATE, AdminResource::Server)?;
    if app.config.policies.admin_writes == AdminWrites::Off {
        return Err(Reject::Conflict("clients are files here; add one to policies/clients".into()).into());
    }
    let id = ClientId::parse(&clock::new_client_id()?)
        .ok_or_else(|| Fault::Keys("made an unusable client id".to_owned()))?;
    let document = input.document(app).await?;
    let client = snapshot.parse_client(&id, &document, Mode::Strict).map_err(input::problems)?;
    input::check_held_scopes(app, ask, &snapshot, caller, &client.scopes, &[])?;
    let (credentials, keys) = credentials::for_new(app, &client, &input).await?;
    let row = ClientRow {
        document_id: clock::new_id()?,
        client_id: id.as_str().to_owned(),
        origin: ORIGIN_DATABASE.to_owned(),
        document: Some(serde_json::to_string(&document).unwrap_or_default()),
        created_type: "BACK_OFFICE".to_owned(),
        active: true,
        name: client.name.clone(),
        client_type: crate::app::clients::type_name(client.kind).to_owned(),
        owner: document.owner.clone(),
        secret_hash: credentials.secret_hash(),
        old_secret_hash: None,
        old_secret_until: None,
        jwks: keys.map(|keys| keys.to_jwks().to_string()),
        meta: input.meta.as_ref().map(ToString::to_string),
        created_at: ask.now_ms,
        updated_at: ask.now_ms,
        last_used_at: None,
    };
    match app.config.policies.admin_writes {
        AdminWrites::Files => create_file(app, &id, &document, row, ask).await?,
        _ => {
            if !app.store.insert_client(row).await? {
                return Err(Reject::Conflict("the client id is taken".into()).into());
            }
        }
    }
    app.freshness.clients_changed();
    let state = find(app, &app.policies.current(), id.as_str()).await?.ok_or(Reject::NotFound("client"))?;
    let detail = serde_json::json!({ "after": document });
    caller::audit(app, ask, caller, &permit, id.as_str(), detail).await?;
    Ok((state, credentials))
}

/// The client's document becomes a file of the policy folder; what is secret stays in its row.
async fn create_file(
    app: &Arc<App>,
    id: &ClientId,
    document: &crate::policy::ClientDocument,
    row: ClientRow,
    ask: &Ask,
) -> Result<(), Stop> {
    put_in_force(app, id, Some(document.clone()), None).await?;
    let stored = app.store.client(id.as_str()).await?.ok_or(Reject::NotFound("client"))?;
    let change = ClientChange {
        secret_hash: Some(row.secret_hash),
        jwks: Some(row.jwks),
        meta: Some(row.meta),
        updated_at: ask.now_ms,
        ..ClientChange::default()
    };
    app.store.update_client(&stored.document_id, change).await?;
    Ok(())
}

/// Writes or removes a client's file and waits until the set with it is in force here.
async fn put_in_force(
    app: &Arc<App>,
    id: &ClientId,
    document: Option<crate::policy::ClientDocument>,
    before: Option<crate::policy::ClientDocument>,
) -> Result<(), Stop> {
    let git = &app.config.policies.source.git;
    if git.path.is_some() || git.url.is_some() {
        // The folder of the settings is not what is in force: a file there would change nothing.
        return Err(Reject::Conflict(
            format!("policies come from a git repository; edit clients/{id}.yaml there").into(),
        )
        .into());
    }
    let write = |document: Option<crate::policy::ClientDocument>| {
        let (worker, id) = (Arc::clone(app), id.clone());
        tokio::task::spawn_blocking(move || match document {
            Some(document) => write::write_client(&worker.config.policies.path, &id, &document),
            None => write::remove_client(&worker.config.policies.path, &id),
        })
    };
    let failed = |_| Fault::Policy("writing a client's file failed".to_owned());
    write(document).await.map_err(failed)?.map_err(unwritten)?;
    if matches!(jobs::reload(app).await, Reload::Kept) {
        write(before).await.map_err(failed)?.map_err(unwritten)?;
        return Err(Reject::Conflict("the policy folder holds an error; see /readyz".into()).into());
    }
    Ok(())
}

/// Changes a client.
///
/// # Errors
/// [`Reject::Conflict`] naming the file where git manages it, [`Reject::Field`], missing permission, or a fault.
pub async fn update(
    app: &Arc<App>,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    input: ClientInput,
) -> Result<Arc<ClientState>, Stop> {
    let snapshot = app.policies.current();
    let (state, permit) = permitted(app, ask, &snapshot, caller, admin::CLIENT_UPDATE, name).await?;
    let before = document_of(&snapshot, &state)?;
    let mut change = ClientChange { active: input.active, updated_at: ask.now_ms, ..ClientChange::default() };
    if !input.only_activity() {
        let managed_here = !state.is_file() || before.managed_by.is_some();
        if !managed_here {
            return Err(git_manages(&snapshot, &state));
        }
        let document = input.changed(app, before.clone()).await?;
        let mut checked = document.clone();
        if state.is_file() && checked.public_keys == before.public_keys {
            // Files of keys are read with the folder; here they are what they were.
            checked.public_keys.clear();
        }
        let client =
            snapshot.parse_client(&state.client.id, &checked, Mode::Strict).map_err(input::problems)?;
        input::check_held_scopes(app, ask, &snapshot, caller, &client.scopes, &state.client.scopes)?;
        change.name = Some(client.name.clone());
        change.owner = Some(document.owner.clone());
        change.meta = input.meta.as_ref().map(|meta| Some(meta.to_string()));
        change.jwks = credentials::registered_keys(&input)?.map(|keys| Some(keys.to_jwks().to_string()));
        if state.is_file() {
            let id = &state.client.id;
            put_in_force(app, id, Some(document), Some(before.clone())).await?;
        } else {
            change.document = Some(Some(serde_json::to_string(&document).unwrap_or_default()));
        }
    }
    app.store.update_client(&state.row.document_id, change).await?;
    app.freshness.clients_changed();
    let now = app.policies.current();
    let after = find(app, &now, &state.row.client_id).await?.ok_or(Reject::NotFound("client"))?;
    let detail = serde_json::json!({
        "before": before, "after": document_of(&now, &after)?,
        "activeBefore": state.row.active, "activeAfter": after.row.active,
    });
    caller::audit(app, ask, caller, &permit, &state.row.client_id, detail).await?;
    Ok(after)
}

/// Deletes a client with its codes, consents and tokens.
///
/// # Errors
/// [`Reject::Conflict`] for a client of the folder that git manages, missing permission, or a fault.
pub async fn delete(app: &Arc<App>, ask: &Ask, caller: &Caller, name: &str) -> Result<(), Stop> {
    let snapshot = app.policies.current();
    let (state, permit) = permitted(app, ask, &snapshot, caller, admin::CLIENT_DELETE, name).await?;
    let before = document_of(&snapshot, &state)?;
    if state.is_file() {
        if before.managed_by.is_none() {
            return Err(git_manages(&snapshot, &state));
        }
        put_in_force(app, &state.client.id, None, Some(before.clone())).await?;
    }
    app.store.delete_client(&state.row.document_id, ask.now_ms).await?;
    app.freshness.clients_changed();
    let detail = serde_json::json!({ "before": before });
    caller::audit(app, ask, caller, &permit, &state.row.client_id, detail).await?;
    Ok(())
}

fn document_of(snapshot: &Snapshot, state: &ClientState) -> Result<crate::policy::ClientDocument, Stop> {
    match &state.row.document {
        Some(text) => serde_json::from_str(text)
            .map_err(|e| Fault::Inconsistent(format!("document of client {}: {e}", state.client.id)).into()),
        None => snapshot
            .client_document(&state.client.id)
            .map(|(document, _)| document.clone())
            .ok_or_else(|| Reject::NotFound("client").into()),
    }
}

/// Theirs where a person manages the file; ours where it cannot be written.
pub(super) fn unwritten(error: WriteError) -> Stop {
    match error {
        WriteError::NotManaged(_) | WriteError::Missing(_) | WriteError::Form(_) => {
            Reject::Conflict(error.to_string().into()).into()
        }
        WriteError::Io { .. } => Fault::Unavailable(error.to_string()).into(),
    }
}

fn git_manages(snapshot: &Snapshot, state: &ClientState) -> Stop {
    let file =
        snapshot.client_document(&state.client.id).map_or_else(String::new, |(_, file)| file.to_owned());
    Reject::Conflict(format!("git manages this client; edit {file}").into()).into()
}
