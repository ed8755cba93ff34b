//! The consent page, and the question which account it is.

use serde::Serialize;

use super::View;

/// The consent page.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentPage {
    /// The form's token.
    pub csrf: String,
    /// The pending request.
    pub request: String,
    /// Who asks.
    pub client: Asker,
    /// Who is signed in.
    pub username: String,
    /// What is asked for, by content type.
    pub groups: Vec<ScopeGroup>,
    /// Whether anything can be agreed to at all.
    pub anything_permitted: bool,
    /// Whether something was agreed to before, so that what is new stands out.
    pub granted_before: bool,
}

/// The client that asks, as people know it.
#[derive(Clone, Debug, Serialize)]
pub struct Asker {
    /// The name that it gave itself.
    pub name: String,
    /// Its identifier.
    pub id: String,
    /// Whose it is, where that user still exists.
    pub owner: Option<String>,
    /// Where the answer goes: scheme, host and port, or the scheme alone.
    pub target: String,
    /// Whether that is a program on the user's own machine.
    pub local: bool,
}

/// The scopes of a content type.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeGroup {
    /// The catalog's title.
    pub title: String,
    /// Its scopes.
    pub scopes: Vec<ScopeLine>,
}

/// A scope on the consent page.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeLine {
    /// Its name.
    pub name: String,
    /// The catalog's title.
    pub title: String,
    /// Whether it can be ticked.
    pub permitted: bool,
    /// Why not: the end of the key of a text, `consent.why.` before it.
    pub why: Option<&'static str>,
    /// Why not, by policy and place, for somebody who may read policies.
    pub told: Option<String>,
    /// Whether it was granted before.
    pub granted: bool,
    /// Whether the catalog marks it.
    pub sensitive: bool,
}

/// The question whether the account that is signed in is the one that is meant.
#[derive(Clone, Debug, Serialize)]
pub struct AccountPage {
    /// The form's token.
    pub csrf: String,
    /// The pending request.
    pub request: String,
    /// Who asks.
    pub client_name: String,
    /// Who is signed in.
    pub username: String,
    /// Their address.
    pub email: String,
}

impl ConsentPage {
    /// A page with something in every part, to try templates out.
    pub(super) fn sample() -> Self {
        let line = |name: &str, permitted: bool, granted: bool| ScopeLine {
            name: name.to_owned(),
            title: name.to_owned(),
            permitted,
            why: (!permitted).then_some("client"),
            told: (!permitted).then(|| "x".to_owned()),
            granted,
            sensitive: granted,
        };
        let scopes = vec![line("a", true, true), line("b", true, false), line("c", false, false)];
        Self {
            csrf: "x".to_owned(),
            request: "x".to_owned(),
            client: Asker {
                name: "x".to_owned(),
                id: "x".to_owned(),
                owner: Some("x".to_owned()),
                target: "x".to_owned(),
                local: true,
            },
            username: "x".to_owned(),
            groups: vec![ScopeGroup { title: "x".to_owned(), scopes }],
            anything_permitted: false,
            granted_before: true,
        }
    }
}

impl AccountPage {
    /// A page to try templates out.
    pub(super) fn sample() -> Self {
        let text = || "x".to_owned();
        Self { csrf: text(), request: text(), client_name: text(), username: text(), email: text() }
    }
}

impl View for ConsentPage {
    const TEMPLATE: &'static str = "consent.html";
}

impl View for AccountPage {
    const TEMPLATE: &'static str = "choose_account.html";
}
