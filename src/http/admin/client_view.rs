//! What all pages of a client show: its head, its form, the scopes that it may choose.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Admin;
use crate::app::clients::ClientState;
use crate::flow::clients;
use crate::oauth::client::{ActFor, AssertionStyle, Client, ClientAuth, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Stop;
use crate::oauth::scope::Scope;
use crate::pages::admin::{ChoiceLine, ClientForm, ClientHead, ScopeChoice, ScopeGroup};
use crate::pages::shell::Link;
use crate::policy::admin;

/// Finds a client that this person may read.
pub async fn state(admin: &Admin<'_>, name: &str) -> Result<Arc<ClientState>, Stop> {
    clients::read(admin.app, admin.ask(), &admin.caller, name).await
}

/// The head of a client's pages.
pub fn head(admin: &Admin<'_>, state: &ClientState, current: &str) -> ClientHead {
    let base = format!("/admin/clients/{}", state.row.document_id);
    let public = state.client.kind == ClientType::Public;
    let parts = [
        ("Settings", "", true),
        ("Scopes", "/scopes", true),
        ("Credentials", "/credentials", true),
        ("Tokens", "/tokens", admin.may(admin::TOKEN_READ)),
        ("Effective access", "/access", true),
        ("Activity", "/activity", admin.may(admin::AUDIT_READ)),
    ];
    let tabs = parts.iter().filter(|(_, _, seen)| *seen).map(|(label, part, _)| Link {
        label: (*label).to_owned(),
        href: format!("{base}{part}"),
        current: *part == current,
    });
    let document = admin.snapshot.client_document(&state.client.id);
    let by_git = state.is_file() && document.is_none_or(|(document, _)| document.managed_by.is_none());
    let file = document.map_or_else(String::new, |(_, file)| file.to_owned());
    ClientHead {
        name: state.client.name.clone(),
        client_id: state.client.id.as_str().to_owned(),
        kind: if public { "public" } else { "confidential" }.to_owned(),
        status: if state.active { "Active" } else { "Inactive" },
        file: by_git.then_some(file),
        tabs: tabs.collect(),
        may_update: admin.may_to(admin::CLIENT_UPDATE, state),
        may_rotate: admin.may_to(admin::CLIENT_ROTATE_SECRET, state),
        may_keys: admin.may_to(admin::CLIENT_ROTATE_KEYS, state),
        may_delete: !by_git && admin.may_to(admin::CLIENT_DELETE, state),
        on: state.row.active,
        base,
    }
}

/// The grant types, with the registered ones ticked.
pub fn grants(ticked: impl Fn(GrantType) -> bool) -> Vec<ChoiceLine> {
    GrantType::ALL
        .into_iter()
        .map(|grant| ChoiceLine {
            value: grant.name().to_owned(),
            label: grant_label(grant).to_owned(),
            hint: match grant {
                GrantType::AuthorizationCode => "For users in a browser.",
                GrantType::JwtBearer => "For assertions that the client signs.",
                GrantType::ClientCredentials => "Deprecated; JWT bearer is better.",
            }
            .to_owned(),
            checked: ticked(grant),
        })
        .collect()
}

/// A short name of a grant type.
pub fn grant_label(grant: GrantType) -> &'static str {
    match grant {
        GrantType::AuthorizationCode => "Authorization code",
        GrantType::JwtBearer => "JWT bearer",
        GrantType::ClientCredentials => "Client credentials",
    }
}

/// A client's settings as a form shows them.
pub fn form_of(client: &Client, owner: String) -> ClientForm {
    let uris: Vec<&str> = client.redirect_uris.iter().map(|(uri, _)| uri.as_str()).collect();
    let act_for: Vec<String> = client
        .act_for
        .iter()
        .map(|who| match who {
            ActFor::Role(name) => format!("role:{name}"),
            ActFor::User(name) => format!("user:{name}"),
        })
        .collect();
    ClientForm {
        name: client.name.clone(),
        kind: String::new(),
        owner,
        redirect_uris: uris.join("\n"),
        grants: grants(|grant| client.grants.contains(&grant)),
        auth: auth_name(client.auth).to_owned(),
        pkce: match client.pkce {
            PkceRule::S256 => "S256",
            PkceRule::Plain => "plain",
            PkceRule::Optional => "optional",
        }
        .to_owned(),
        assertion_style: match client.assertion_style {
            AssertionStyle::Rfc7523 => "rfc7523",
            AssertionStyle::Owner => "owner",
        }
        .to_owned(),
        require_secret: client.require_secret,
        access_token_ttl: client.access_token_ttl.map_or_else(String::new, |ttl| ttl.to_string()),
        groups: client.groups.join(" "),
        act_for: act_for.join("\n"),
        errors: Vec::new(),
    }
}

/// How a client authenticates, as documents say it.
pub fn auth_name(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::Secret => "client_secret",
        ClientAuth::Key => "private_key_jwt",
        ClientAuth::None => "none",
    }
}

/// The catalog as something to choose from: what the ceiling does not have, or the person does not hold, is shown
/// with the reason (attack row AA4).
pub fn scope_groups(admin: &Admin<'_>, ticked: &BTreeSet<Scope>) -> Vec<ScopeGroup> {
    let snapshot = &admin.snapshot;
    let (catalog, global) = (snapshot.catalog(), snapshot.global());
    let mut groups = Vec::new();
    for kind in catalog.content_types() {
        let mut group =
            ScopeGroup { name: kind.name.clone(), title: kind.title.clone(), ..ScopeGroup::default() };
        for action in kind.actions.iter().filter_map(|scope| catalog.action(scope)) {
            let checked = ticked.contains(&action.scope);
            let known = admin::ALL.iter().find(|known| **known == action.scope.as_str());
            let note = match known {
                _ if global.scopes.binary_search(&action.scope).is_err() => match checked {
                    true => {
                        "listed, but outside the global scopes, so denied; saving takes it out".to_owned()
                    }
                    false => format!("outside the global scopes of {}", global.file.display()),
                },
                Some(permission) if !checked && !admin.may(permission) => {
                    "you do not hold this permission yourself".to_owned()
                }
                _ => String::new(),
            };
            let choice = ScopeChoice {
                clients: None,
                name: action.scope.as_str().to_owned(),
                title: action.title.clone(),
                checked,
                sensitive: action.sensitive,
                note: note.clone(),
                href: String::new(),
            };
            if note.is_empty() { group.scopes.push(choice) } else { group.refused.push(choice) }
        }
        groups.push(group);
    }
    groups
}
