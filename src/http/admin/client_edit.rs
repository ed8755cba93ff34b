//! A client's settings and scopes, and its switch.

use std::collections::BTreeSet;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::client_fields::{self, Sent};
use super::client_view::{form_of, head, scope_groups, state};
use super::context::{Admin, back_to, id};
use crate::app::clients::ClientState;
use crate::flow::admin::clients::{Owner, owner};
use crate::flow::caller;
use crate::flow::clients::{self, ClientInput};
use crate::http::page;
use crate::http::pairs::Pairs;
use crate::oauth::client::ClientType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::pages::admin::{Choice, ClientForm, EditClientPage, OwnerProposal, ScopesPage};
use crate::policy::{AdminResource, admin};

/// The settings.
pub async fn page(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let (name, _) = named_owner(admin, &state).await?;
    let view = view(admin, &state, form_of(&state.client, name), None).await?;
    admin.show(&view)
}

/// The owner's name for the form, and what is to be said about an owner who is gone.
async fn named_owner(admin: &Admin<'_>, state: &ClientState) -> Result<(String, String), Stop> {
    Ok(match owner(admin.app, state.client.owner.as_deref()).await? {
        Owner::None => (String::new(), String::new()),
        Owner::User(user) => (user.username.clone(), String::new()),
        Owner::Gone(name) => {
            let note = format!("The owner {name} is no user any more; name another one, or leave it empty.");
            (String::new(), note)
        }
    })
}

async fn view(
    admin: &Admin<'_>,
    state: &ClientState,
    form: ClientForm,
    proposals: Option<Vec<OwnerProposal>>,
) -> Result<EditClientPage, Stop> {
    let (_, owner_note) = named_owner(admin, state).await?;
    let auths = match state.client.kind {
        ClientType::Public => vec![Choice::new("none", "Nothing: a public client")],
        ClientType::Confidential => vec![
            Choice::new("client_secret", "Client secret"),
            Choice::new("private_key_jwt", "Private key (RFC 7523)"),
        ],
    };
    Ok(EditClientPage {
        shell: admin.shell(),
        head: head(admin, state, ""),
        form,
        owner_note,
        proposals,
        auths,
        created: state.row.created_at,
        updated: state.row.updated_at,
        last_used: state.row.last_used_at,
        document_id: state.row.document_id.clone(),
    })
}

/// The settings that were sent.
pub async fn save(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    // Who may not change it is told so, whatever is wrong with the form.
    let resource = AdminResource::Client(&state.client);
    let (ask, snapshot) = (admin.ask(), &admin.snapshot);
    caller::permitted(admin.app, ask, snapshot, &admin.caller, admin::CLIENT_UPDATE, resource)?;
    let sent = client_fields::read(&mut form);
    if sent.searching {
        let proposals = client_fields::proposals(admin, &sent.form.owner).await?;
        let view = view(admin, &state, sent.form, Some(proposals)).await?;
        return Ok(page::html(StatusCode::OK, admin.pages.render(&view)?));
    }
    let document = &state.row.document_id;
    let saved = match client_fields::settings(&sent.form) {
        Ok(input) => clients::update(admin.app, admin.ask(), &admin.caller, document, input).await,
        Err(reject) => Err(reject.into()),
    };
    match saved {
        Ok(state) => Ok(back_to(&format!("/admin/clients/{}", state.row.document_id), "saved")),
        Err(Stop::Reject(reject @ (Reject::Field(..) | Reject::Invalid(..)))) => {
            let Sent { form, .. } = sent;
            let form = ClientForm { errors: client_fields::errors(&reject), ..form };
            admin.show_refused(&view(admin, &state, form, None).await?, &reject)
        }
        Err(stop) => Err(stop),
    }
}

/// The scopes.
pub async fn scopes_page(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    admin.show(&scopes_view(admin, &state, None, state.client.scopes.iter().cloned().collect()))
}

fn scopes_view(
    admin: &Admin<'_>,
    state: &ClientState,
    reject: Option<&Reject>,
    ticked: BTreeSet<Scope>,
) -> ScopesPage {
    ScopesPage {
        shell: admin.shell(),
        head: head(admin, state, "/scopes"),
        groups: scope_groups(admin, &ticked),
        selected: ticked.len(),
        errors: reject.map(client_fields::errors).unwrap_or_default(),
    }
}

/// The scopes that were sent.
pub async fn save_scopes(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let scopes = form.take_all("scope");
    let input = ClientInput { scopes: Some(scopes.clone()), ..ClientInput::default() };
    let document = &state.row.document_id;
    match clients::update(admin.app, admin.ask(), &admin.caller, document, input).await {
        Ok(_) => Ok(back_to(&format!("/admin/clients/{document}/scopes"), "saved")),
        Err(Stop::Reject(reject @ Reject::Field(..))) => {
            let ticked = scopes.iter().filter_map(|name| Scope::parse(name).ok()).collect();
            admin.show_refused(&scopes_view(admin, &state, Some(&reject), ticked), &reject)
        }
        Err(stop) => Err(stop),
    }
}

/// Switches a client on.
pub async fn activate(admin: &Admin<'_>, request: &Request, _form: Pairs) -> Result<Response, Stop> {
    switch(admin, request, true).await
}

/// Switches a client off: its tokens are inactive at once.
pub async fn deactivate(admin: &Admin<'_>, request: &Request, _form: Pairs) -> Result<Response, Stop> {
    switch(admin, request, false).await
}

async fn switch(admin: &Admin<'_>, request: &Request, on: bool) -> Result<Response, Stop> {
    let input = ClientInput { active: Some(on), ..ClientInput::default() };
    let state = clients::update(admin.app, admin.ask(), &admin.caller, &id(request)?, input).await?;
    let word = if on { "activated" } else { "deactivated" };
    Ok(back_to(&format!("/admin/clients/{}", state.row.document_id), word))
}
