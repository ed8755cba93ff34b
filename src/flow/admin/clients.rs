//! Clients for administrators' lists: a row that cannot be read is shown as such, never the end of the page.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::user_names;
use crate::app::App;
use crate::app::clients::client_state;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::client::{ClientId, ClientType};
use crate::oauth::redirect_uri::RedirectUri;
use crate::oauth::reject::Stop;
use crate::oauth::scope::Scope;
use crate::policy::{AdminResource, Snapshot, admin};
use crate::store::{ClientFilter, ClientRow, ClientSort, Page, UserFilter, UserRow, UserSort};

/// Most owners that a search proposes.
const PROPOSALS: u32 = 10;

/// A client in a list.
#[derive(Debug)]
pub struct ClientLine {
    /// Its row.
    pub row: ClientRow,
    /// How many scopes its document lists; none = the document cannot be read.
    pub scopes: Option<usize>,
    /// Document and row both say active.
    pub active: bool,
}

/// A page of clients.
#[derive(Debug)]
pub struct ClientPage {
    /// The lines.
    pub lines: Vec<ClientLine>,
    /// How many match.
    pub total: i64,
    /// Names of owners by id; an owner who is gone is absent.
    pub owners: HashMap<String, String>,
}

/// Lists clients, also those that use a scope.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn list(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    mut filter: ClientFilter,
    scope: Option<&Scope>,
    sort: ClientSort,
    page: Page,
) -> Result<ClientPage, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::CLIENT_READ, AdminResource::Server)?;
    if let Some(owner) = filter.owner.take() {
        let mut owners = vec![owner.clone()];
        if let Some(user) = app.user_named(&owner).await? {
            owners.extend([user.id.as_ref().to_owned(), user.username.clone()]);
        }
        filter.owners = Some(owners);
    }
    let files = snapshot.clients().filter(|client| scope.is_none_or(|scope| client.lists(scope)));
    filter.files = Some(files.map(|client| client.id.as_str().to_owned()).collect());
    filter.listing = scope.map(entries);
    let listed = app.store.list_clients(filter, sort, page).await?;
    let lines: Vec<ClientLine> = listed.rows.into_iter().map(|row| line(&snapshot, row)).collect();
    let owners = user_names(app, lines.iter().filter_map(|line| line.row.owner.as_deref())).await?;
    Ok(ClientPage { lines, total: listed.total, owners })
}

/// The entries of a document's list that stand for a scope.
fn entries(scope: &Scope) -> Vec<String> {
    let kind = scope.content_type();
    let all = scope.as_str().starts_with("admin:").then(|| "admin:*".to_owned());
    [scope.as_str().to_owned(), format!("{kind}.*")].into_iter().chain(all).collect()
}

/// How many clients list each scope of the catalog; the list of clients by scope finds as many.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn by_scope(app: &App, ask: &Ask, caller: &Caller) -> Result<BTreeMap<String, i64>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::CLIENT_READ, AdminResource::Server)?;
    let scopes = || snapshot.catalog().actions().map(|action| &action.scope);
    let mut counts: HashMap<String, (Vec<String>, i64)> =
        scopes().flat_map(entries).map(|entry| (entry.clone(), (wider(&entry), 0))).collect();
    for json in app.store.scope_lists().await? {
        let mut list: Vec<&str> = serde_json::from_str(&json).unwrap_or_default();
        list.sort_unstable();
        list.dedup();
        for entry in &list {
            let Some((wider, count)) = counts.get_mut(*entry) else { continue };
            // What a wider entry of the same list covers is counted there.
            if !wider.iter().any(|wide| list.binary_search(&wide.as_str()).is_ok()) {
                *count += 1;
            }
        }
    }
    for scope in snapshot.clients().flat_map(|client| client.scopes.iter()) {
        if let Some((_, count)) = counts.get_mut(scope.as_str()) {
            *count += 1;
        }
    }
    let count = |scope: &Scope| {
        entries(scope).iter().filter_map(|entry| counts.get(entry)).map(|(_, count)| count).sum::<i64>()
    };
    Ok(scopes().map(|scope| (scope.as_str().to_owned(), count(scope))).collect())
}

/// The entries that stand for all that this one stands for, and more.
fn wider(entry: &str) -> Vec<String> {
    match (Scope::parse(entry), entry.starts_with("admin:") && entry != "admin:*") {
        (Ok(scope), _) if !entry.ends_with('*') => entries(&scope).split_off(1),
        (_, true) => vec!["admin:*".to_owned()],
        _ => Vec::new(),
    }
}

fn line(snapshot: &Snapshot, row: ClientRow) -> ClientLine {
    let state = ClientId::parse(&row.client_id)
        .and_then(|id| client_state(snapshot, &id, row.clone(), 0).ok().flatten());
    ClientLine {
        active: state.as_ref().is_some_and(|state| state.active),
        scopes: state.map(|state| state.client.scopes.len()),
        row,
    }
}

/// Users whose name or address holds what was typed, for the choice of an owner.
///
/// # Errors
/// Missing permission (to make or change clients, or to read users), or a fault.
pub async fn owners(app: &App, ask: &Ask, caller: &Caller, typed: &str) -> Result<Vec<UserRow>, Stop> {
    let snapshot = app.policies.current();
    let server = AdminResource::Server;
    let may = |action| caller::may(ask, &snapshot, caller, action, server);
    if !may(admin::CLIENT_CREATE) && !may(admin::CLIENT_UPDATE) {
        caller::permitted(app, ask, &snapshot, caller, admin::USER_READ, server)?;
    }
    let typed = typed.trim();
    if typed.is_empty() || typed.chars().count() > 200 {
        return Ok(Vec::new());
    }
    let filter = UserFilter { search: Some(typed.to_owned()), ..UserFilter::default() };
    let sort = UserSort::parse("username").unwrap_or_default();
    Ok(app.store.list_users(filter, sort, Page::first(PROPOSALS)).await?.rows)
}

/// Whether a redirect URI could be registered, and what to know about it.
///
/// # Errors
/// Why it could not.
pub fn judge_redirect_uri(text: &str, kind: ClientType) -> Result<&'static str, String> {
    let uri = RedirectUri::parse(text.trim()).map_err(|error| error.to_string())?;
    Ok(match (uri.is_loopback(), kind) {
        (true, ClientType::Public) => "A loopback address: any port of it will match.",
        (true, ClientType::Confidential) => "A loopback address: the port must match exactly.",
        (false, _) if !uri.as_str().starts_with("https:") && !uri.as_str().starts_with("http:") => {
            "A private-use scheme: for installed applications."
        }
        (false, _) => "Compared to the byte with what a request names.",
    })
}

/// The name of a client's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody.
    None,
    /// A user.
    User(Arc<crate::oauth::user::User>),
    /// The document names somebody who is no user any more.
    Gone(String),
}

/// Who owns a client.
///
/// # Errors
/// A fault.
pub async fn owner(app: &App, named: Option<&str>) -> Result<Owner, Stop> {
    match named {
        None => Ok(Owner::None),
        Some(text) => Ok(match app.user_named(text).await? {
            Some(user) => Owner::User(user),
            None => Owner::Gone(text.to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_entries() {
        assert_eq!(wider("api::form.form.find"), ["api::form.form.*"]);
        assert_eq!(wider("admin:client.read"), ["admin:client.*", "admin:*"]);
        assert_eq!(wider("admin:client.*"), ["admin:*"]);
        assert!(wider("admin:*").is_empty() && wider("api::form.form.*").is_empty());
    }
}
