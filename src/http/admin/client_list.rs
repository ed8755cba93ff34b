//! The list of clients, and what its forms ask while somebody types.

use poem::http::{StatusCode, header};
use poem::{Request, Response};
use serde_json::json;

use super::context::Admin;
use super::links::Links;
use crate::flow::admin::clients::{self, ClientLine as Line, ClientPage};
use crate::http::listing::ListQuery;
use crate::http::pairs::Pairs;
use crate::oauth::client::ClientType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::pages::admin::{ClientLine, ClientListFilter, ClientsPage};
use crate::pages::components::Column;
use crate::pages::shell::Link;
use crate::policy::admin;
use crate::store::{ClientColumn, ClientFilter, ClientSort, ORIGIN_DATABASE, ORIGIN_FILE};

/// The list.
pub async fn list(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let (page, sort) = (query.page()?, query.sort(ClientSort::parse)?);
    let links = Links::of(request);
    let filter = ClientListFilter {
        search: query.search()?.unwrap_or_default(),
        kind: one_of(&mut query, "clientType", &["CONFIDENTIAL", "PUBLIC"])?,
        active: one_of(&mut query, "active", &["true", "false"])?,
        origin: one_of(&mut query, "origin", &[ORIGIN_DATABASE, ORIGIN_FILE])?,
        owner: query.take(&["owner"]).unwrap_or_default(),
        scope: query.take(&["scope"]).unwrap_or_default(),
        any: false,
    };
    let scope = given(&filter.scope)
        .map(|text| Scope::parse(&text).map_err(|e| Reject::Field("scope", e.to_string())))
        .transpose()?;
    let wanted = ClientFilter {
        search: given(&filter.search),
        kind: given(&filter.kind),
        active: given(&filter.active).map(|text| text == "true"),
        owner: given(&filter.owner),
        origin: given(&filter.origin),
        ..ClientFilter::default()
    };
    let any = wanted != ClientFilter::default() || scope.is_some();
    let (app, ask) = (admin.app, admin.ask());
    let found = clients::list(app, ask, &admin.caller, wanted, scope.as_ref(), sort, page).await?;
    let tokens = admin.may(admin::TOKEN_READ);
    let lines = found.lines.iter().map(|line| shown(admin, &found, line, tokens)).collect();
    let view = ClientsPage {
        shell: admin.shell(),
        filter: ClientListFilter { any, ..filter },
        columns: columns(&links, sort),
        lines,
        pager: links.numbered(page, found.total),
        may_create: admin.may(admin::CLIENT_CREATE),
    };
    admin.show(&view)
}

fn columns(links: &Links, sort: ClientSort) -> Vec<Column> {
    let column = |label, name, by| links.column(label, name, by, sort);
    vec![
        column("Name", "name", ClientColumn::Name),
        column("Client ID", "clientId", ClientColumn::ClientId),
        column("Type", "clientType", ClientColumn::Kind),
        Column::plain("Owner"),
        Column { numeric: true, ..Column::plain("Scopes") },
        column("Status", "active", ClientColumn::Active),
        column("Last used", "lastUsedAt", ClientColumn::LastUsed),
        column("Created", "createdAt", ClientColumn::Created),
        column("Updated", "updatedAt", ClientColumn::Updated),
    ]
}

fn shown(admin: &Admin<'_>, found: &ClientPage, line: &Line, tokens: bool) -> ClientLine {
    let row = &line.row;
    let href = format!("/admin/clients/{}", row.document_id);
    let owner = row.owner.as_deref();
    // A document may name its owner by id or by name; a client without one is a client like any other.
    let known = owner.and_then(|owner| found.owners.get(owner));
    let word = if row.active { "deactivate" } else { "activate" };
    let toggle = admin.may(admin::CLIENT_UPDATE).then(|| Link {
        label: if row.active { "Deactivate" } else { "Activate" }.to_owned(),
        href: format!("{href}/{word}"),
        current: false,
    });
    ClientLine {
        id: row.document_id.clone(),
        name: row.name.clone(),
        client_id: row.client_id.clone(),
        kind: row.client_type.to_lowercase(),
        created_by: match row.created_type.as_str() {
            "USER" => "User".to_owned(),
            "FILE" => "Policy folder".to_owned(),
            _ => "Administration".to_owned(),
        },
        owner_gone: owner.is_none() || (known.is_none() && row.origin == ORIGIN_DATABASE),
        owner: match (owner, known) {
            (None, _) => "none".to_owned(),
            (Some(_), Some(name)) => name.clone(),
            (Some(id), None) if row.origin == ORIGIN_DATABASE => format!("deleted user {id}"),
            (Some(name), None) => name.to_owned(),
        },
        scopes: line.scopes,
        status: if line.active { "Active" } else { "Inactive" },
        last_used: row.last_used_at,
        created: row.created_at,
        updated: row.updated_at,
        tokens: tokens.then(|| format!("{href}/tokens")),
        toggle,
        href,
    }
}

/// Judges a redirect URI while somebody types: `{valid, message}`.
pub async fn judge(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    if !admin.may(admin::CLIENT_CREATE) {
        crate::flow::caller::permitted(
            admin.app,
            admin.ask(),
            &admin.snapshot,
            &admin.caller,
            admin::CLIENT_READ,
            crate::policy::AdminResource::Server,
        )?;
    }
    let mut query = Pairs::from_query(request)?;
    let value = query.take("value").unwrap_or_default();
    let kind = match query.take("type").as_deref() {
        Some("public") => ClientType::Public,
        _ => ClientType::Confidential,
    };
    let (valid, message) = match clients::judge_redirect_uri(&value, kind) {
        Ok(note) => (true, note.to_owned()),
        Err(why) => (false, why),
    };
    Ok(json_of(&json!({ "valid": valid, "message": message })))
}

/// Proposes users while somebody types: `[{value, label}]`.
pub async fn suggest(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = Pairs::from_query(request)?;
    let typed = query.take("q").unwrap_or_default();
    let users = clients::owners(admin.app, admin.ask(), &admin.caller, &typed).await?;
    let found: Vec<_> = users
        .iter()
        .map(|user| json!({ "value": user.username, "label": format!("{} <{}>", user.username, user.email) }))
        .collect();
    Ok(json_of(&json!(found)))
}

fn json_of(body: &serde_json::Value) -> Response {
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .body(body.to_string())
}

/// A text that is not empty.
pub(super) fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A parameter with few values; empty where it is absent.
pub(super) fn one_of(query: &mut ListQuery, name: &'static str, known: &[&str]) -> Result<String, Reject> {
    match query.take(&[name]) {
        None => Ok(String::new()),
        Some(text) if known.contains(&text.as_str()) => Ok(text),
        Some(_) => Err(Reject::Field(name, format!("is one of {}", known.join(", ")))),
    }
}
