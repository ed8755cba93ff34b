//! View models of the tokens' pages.

use serde::Serialize;

use super::{Choice, PolicyLine, shows};
use crate::pages::components::{Column, Pager};
use crate::pages::shell::Shell;

shows! {
    TokensPage: "tokens.html";
    TokenPage: "token.html";
}

/// The list of tokens.
#[derive(Clone, Debug, Serialize)]
pub struct TokensPage {
    /// The frame.
    pub shell: Shell,
    /// The heading: of the filter, not of the first row.
    pub title: String,
    /// Where filters and forms of the list lead.
    pub action: String,
    /// What is looked for.
    pub filter: TokenFilterForm,
    /// Headings.
    pub columns: Vec<Column>,
    /// Rows.
    pub lines: Vec<TokenLine>,
    /// The way on.
    pub pager: Pager,
    /// Whether this person may revoke.
    pub may_revoke: bool,
    /// Whether the latest tokens were looked through without filling the page.
    pub window_ended: bool,
    /// Where the form comes back to.
    pub here: String,
}

/// What the list of tokens is narrowed to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TokenFilterForm {
    /// A jti, a client or a user, exactly.
    pub search: String,
    /// A client id.
    pub client: String,
    /// A user's id or name.
    pub user: String,
    /// `Active`, `Expired`, `Revoked` or all.
    pub status: String,
    /// A grant type or all.
    pub grant: String,
    /// Grant types to choose from.
    pub grants: Vec<Choice>,
    /// Whether anything is narrowed.
    pub any: bool,
}

/// A token in the list.
#[derive(Clone, Debug, Serialize)]
pub struct TokenLine {
    /// RFC 9068 §2.2.
    pub jti: String,
    /// Its page.
    pub href: String,
    /// The client's name, or its id where it is gone.
    pub client_name: String,
    /// The client's id.
    pub client_id: String,
    /// The client's page.
    pub client_href: String,
    /// The user's name, their id where they are gone; empty = a machine token.
    pub user: String,
    /// What it was issued with.
    pub scopes: Vec<String>,
    /// A short name of the grant.
    pub grant: String,
    /// `Active`, `Expired` or `Revoked`.
    pub status: &'static str,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds.
    pub expires: i64,
    /// Milliseconds.
    pub used: Option<i64>,
    /// Whether it can still be revoked.
    pub revocable: bool,
}

/// A token.
#[derive(Clone, Debug, Serialize)]
pub struct TokenPage {
    /// The frame.
    pub shell: Shell,
    /// The line of the list.
    pub line: TokenLine,
    /// When it was revoked, in milliseconds.
    pub revoked: Option<i64>,
    /// Its header.
    pub header: String,
    /// Its claims.
    pub claims: String,
    /// What it carries now.
    pub carries_now: Vec<String>,
    /// What the decision was made on.
    pub facts: String,
    /// The set that decided.
    pub revision: String,
    /// Whether that set is in force.
    pub same_revision: bool,
    /// The policies that decided.
    pub policies: Vec<PolicyLine>,
    /// The page that says why, for somebody who may read policies.
    pub explained: Option<String>,
    /// Whether this person may revoke.
    pub may_revoke: bool,
}
