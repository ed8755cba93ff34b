//! What a proof may take for granted. The solver thinks of every request that the schema allows, also of those
//! that the server never puts; each of these is told to it as a forbid that stands on both sides.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cedar_policy::{Policy, PolicyId};

use super::environment::Environment;
use crate::oauth::client::{ActFor, AssertionStyle, Client, ClientType, PkceRule};
use crate::policy::catalog::{Catalog, ContentType};
use crate::policy::compile::quoted;

/// The assumptions of every proof, in words.
pub(super) const ASSUMED: [&str; 5] = [
    "requests and entities conform to the schema; scopes (and which are sensitive), content types and actions are those of the catalog",
    "it is between 2020 and 2100; lifetimes and ages are not negative, and a token's life is positive",
    "a public client has only the code grant, and a client that a document declares is what the document says",
    "a policy that fails to evaluate denies, as in the server; what only the old set has is asked whether it can fail",
    "the solver and Cedar's symbolic compiler are right; every counterexample is replayed with Cedar itself",
];

/// The assumptions that matter to one kind of request.
pub(super) fn policies<'p>(
    environment: &Environment,
    catalog: &Catalog,
    clients: &[&Client],
    stated: impl Iterator<Item = &'p Policy>,
) -> Vec<Policy> {
    let mut texts: Vec<String> = vec![
        "forbid (principal, action, resource) when { context.now < datetime(\"2020-01-01\") || \
         context.now > datetime(\"2100-01-01\") };"
            .to_owned(),
    ];
    if environment.is_in("grant") {
        texts.push(
            "forbid (principal, action, resource) when { context.ttl <= duration(\"0s\") };".to_owned(),
        );
        for (action, field) in
            [("grant:authorization_code", "auth_age"), ("grant:jwt_bearer", "assertion_ttl")]
        {
            if environment.is_in(action) {
                texts.push(format!(
                    "forbid (principal, action, resource) when {{ context has {field} && context.{field} < duration(\"0s\") }};"
                ));
            }
        }
        if !environment.is_in("grant:authorization_code") {
            texts.push(
                "forbid (principal is Client, action, resource) when { principal.kind == ClientKind::\"public\" };"
                    .to_owned(),
            );
        }
    }
    if environment.resource == "Scope" {
        // Membership matters only where somebody asks for it, and costs the solver much.
        let stated: Vec<&Policy> = stated.collect();
        let named = stated.iter().flat_map(|one| one.entity_literals());
        let types: BTreeSet<String> = named
            .filter(|uid| uid.type_name().basename() == "ContentType")
            .map(|uid| uid.id().unescaped().to_owned())
            .collect();
        texts.extend(catalog_of_scopes(catalog, &types));
        if stated.iter().any(|one| one.to_string().contains("sensitive")) {
            texts.push(sensitive(catalog));
        }
    }
    if environment.resource == "ContentType"
        && let Some((content_type, _)) = environment.action.id().unescaped().rsplit_once('.')
    {
        texts.push(format!(
            "forbid (principal, action, resource) unless {{ resource == ContentType::{} }};",
            quoted(content_type)
        ));
    }
    if environment.principal == "Client" {
        let groups: BTreeSet<&str> =
            clients.iter().flat_map(|client| &client.groups).map(String::as_str).collect();
        texts.extend(clients.iter().map(|client| facts(client, &groups)));
    }
    parsed("assumed", &texts)
}

/// A scope is one of the catalog's, and in its content type.
fn catalog_of_scopes(catalog: &Catalog, types: &BTreeSet<String>) -> Vec<String> {
    let list = |scopes: &mut dyn Iterator<Item = &str>| {
        let all: Vec<String> = scopes.map(|scope| format!("Scope::{}", quoted(scope))).collect();
        format!("[{}]", all.join(", "))
    };
    let mut texts = vec![format!(
        "forbid (principal, action, resource) unless {{ {}.contains(resource) }};",
        list(&mut catalog.actions().map(|action| action.scope.as_str()))
    )];
    let asked = |kind: &&ContentType| types.contains(&kind.name) && !kind.actions.is_empty();
    for kind in catalog.content_types().filter(asked) {
        let members = list(&mut kind.actions.iter().map(|scope| scope.as_str()));
        let name = quoted(&kind.name);
        // Said both ways: it is in the type if and only if the catalog says so.
        texts.push(format!(
            "forbid (principal, action, resource) when {{ resource in ContentType::{name} && !{members}.contains(resource) }};"
        ));
        texts.push(format!(
            "forbid (principal, action, resource) when {{ {members}.contains(resource) && !(resource in ContentType::{name}) }};"
        ));
    }
    texts
}

/// A scope is sensitive if and only if the catalog says so.
fn sensitive(catalog: &Catalog) -> String {
    let marked = catalog.actions().filter(|action| action.sensitive);
    let marked: Vec<String> =
        marked.map(|action| format!("Scope::{}", quoted(action.scope.as_str()))).collect();
    let is = match marked.is_empty() {
        true => "false".to_owned(),
        false => format!("[{}].contains(resource)", marked.join(", ")),
    };
    format!("forbid (principal, action, resource) unless {{ resource.sensitive == {is} }};")
}

/// A client of a document has what the document says.
fn facts(client: &Client, groups: &BTreeSet<&str>) -> String {
    let kind = if client.kind == ClientType::Public { "public" } else { "confidential" };
    let mut all = vec![format!("principal.kind == ClientKind::\"{kind}\"")];
    let set = |field: &str, items: Vec<String>| match items.is_empty() {
        true => format!("principal.{field}.isEmpty()"),
        false => format!("principal.{field} == [{}]", items.join(", ")),
    };
    let grants = client.grants.iter().map(|grant| format!("Action::{}", quoted(grant.action()))).collect();
    all.push(set("grants", grants));
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for who in &client.act_for {
        match who {
            ActFor::Role(role) => roles.push(format!("Role::{}", quoted(role))),
            ActFor::User(user) => users.push(quoted(user)),
        }
    }
    all.push(set("act_for_roles", roles));
    all.push(set("act_for_users", users));
    let flag = |name: &str, value: bool| format!("{}principal.{name}", if value { "" } else { "!" });
    all.push(flag("pkce_required", client.pkce != PkceRule::Optional));
    all.push(flag("pkce_plain", client.pkce == PkceRule::Plain));
    all.push(flag("owner_style", client.assertion_style == AssertionStyle::Owner));
    all.push(match client.access_token_ttl {
        Some(ttl) => format!("principal has max_ttl && principal.max_ttl == duration(\"{ttl}s\")"),
        None => "!(principal has max_ttl)".to_owned(),
    });
    all.push(match &client.owner {
        Some(owner) => format!("principal has owner && principal.owner == {}", quoted(owner)),
        None => "!(principal has owner)".to_owned(),
    });
    for group in groups {
        let is = client.groups.iter().any(|one| one == group);
        all.push(format!("{}(principal in ClientGroup::{})", if is { "" } else { "!" }, quoted(group)));
    }
    let mut text = String::new();
    let _ = write!(
        text,
        "forbid (principal == Client::{}, action, resource) unless {{ {} }};",
        quoted(client.id.as_str()),
        all.join(" && ")
    );
    text
}

/// Nobody but these clients asks.
pub(super) fn only(clients: &[&Client]) -> Vec<Policy> {
    let names: Vec<String> =
        clients.iter().map(|client| format!("Client::{}", quoted(client.id.as_str()))).collect();
    let text = format!(
        "forbid (principal, action, resource) unless {{ [{}].contains(principal) }};",
        names.join(", ")
    );
    parsed("only", &[text])
}

/// Texts of ours as policies, named by their number.
pub(super) fn parsed(name: &str, texts: &[String]) -> Vec<Policy> {
    let named = texts.iter().enumerate().filter_map(|(number, text)| {
        Policy::parse(Some(PolicyId::new(format!("{name}.{number}"))), text).ok()
    });
    named.collect()
}
