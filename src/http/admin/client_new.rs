//! A new client: what it is, whose it is, where its answers go, what it may be granted.

use std::collections::BTreeSet;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::client_fields::{self, Sent, words};
use super::client_keys::carry;
use super::client_view::scope_groups;
use super::context::Admin;
use crate::flow::caller;
use crate::flow::clients::{self, ClientInput};
use crate::http::page;
use crate::http::pairs::Pairs;
use crate::oauth::client::{ClientAuth, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::pages::admin::{ClientForm, KindCard, NewClientPage, OwnerProposal};
use crate::policy::{AdminResource, admin};

/// The empty form.
pub async fn page(admin: &Admin<'_>, _request: &Request) -> Result<Response, Stop> {
    permitted(admin)?;
    let form = ClientForm {
        kind: "confidential".to_owned(),
        owner: admin.page.signed_in().user.username.clone(),
        ..ClientForm::default()
    };
    admin.show(&view(admin, form, None, &[]))
}

/// The form that was sent.
pub async fn create(admin: &Admin<'_>, _request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    permitted(admin)?;
    let sent = client_fields::read(&mut form);
    if sent.searching {
        let proposals = client_fields::proposals(admin, &sent.form.owner).await?;
        let view = view(admin, sent.form, Some(proposals), &sent.scopes);
        return Ok(page::html(StatusCode::OK, admin.pages.render(&view)?));
    }
    let made = match input(&sent) {
        Ok(input) => clients::create(admin.app, admin.ask(), &admin.caller, input).await,
        Err(reject) => Err(reject.into()),
    };
    match made {
        Ok((state, credentials)) => carry(admin, &state, &credentials).await,
        Err(Stop::Reject(reject)) if !matches!(reject, Reject::NotFound(_)) => {
            let errors = client_fields::errors(&reject);
            let view = view(admin, ClientForm { errors, ..sent.form }, None, &sent.scopes);
            admin.show_refused(&view, &reject)
        }
        Err(stop) => Err(stop),
    }
}

fn permitted(admin: &Admin<'_>) -> Result<(), Stop> {
    let server = AdminResource::Server;
    caller::permitted(admin.app, admin.ask(), &admin.snapshot, &admin.caller, admin::CLIENT_CREATE, server)?;
    Ok(())
}

fn view(
    admin: &Admin<'_>,
    form: ClientForm,
    proposals: Option<Vec<OwnerProposal>>,
    ticked: &[String],
) -> NewClientPage {
    let ticked: BTreeSet<Scope> = ticked.iter().filter_map(|name| Scope::parse(name).ok()).collect();
    NewClientPage {
        shell: admin.shell(),
        form,
        kinds: KindCard::all(),
        proposals,
        groups: scope_groups(admin, &ticked),
    }
}

fn input(sent: &Sent) -> Result<ClientInput, Reject> {
    let (kind, auth, grants) = match sent.form.kind.as_str() {
        "confidential" => (
            ClientType::Confidential,
            ClientAuth::Secret,
            vec![GrantType::AuthorizationCode, GrantType::JwtBearer],
        ),
        "public" => (ClientType::Public, ClientAuth::None, vec![GrantType::AuthorizationCode]),
        "service" => (ClientType::Confidential, ClientAuth::Key, vec![GrantType::JwtBearer]),
        _ => {
            return Err(Reject::Field("clientType", "is none of those that can be chosen".to_owned()));
        }
    };
    let owner = sent.form.owner.trim();
    Ok(ClientInput {
        name: Some(sent.form.name.clone()),
        client_type: Some(kind),
        scopes: Some(sent.scopes.clone()),
        redirect_uris: Some(words(&sent.form.redirect_uris)),
        grant_types: Some(grants),
        user: (!owner.is_empty()).then(|| owner.to_owned()),
        auth: Some(auth),
        ..ClientInput::default()
    })
}
