//! View models of the audit log.

use serde::Serialize;

use super::{Choice, shows};
use crate::pages::components::Pager;
use crate::pages::shell::Shell;

shows! {
    AuditPage: "audit.html";
    AuditDetail: "audit_entry.html";
}

/// The audit log.
#[derive(Clone, Debug, Serialize)]
pub struct AuditPage {
    /// The frame.
    pub shell: Shell,
    /// Actor: a user's name or id, a client id.
    pub actor: String,
    /// Action.
    pub action: String,
    /// Actions to choose from.
    pub actions: Vec<Choice>,
    /// What it was done to.
    pub target: String,
    /// `allow`, `deny` or all.
    pub decision: String,
    /// `admin`, `grant`, `sign-in` or `all`.
    pub kind: String,
    /// From this day on, UTC.
    pub since: String,
    /// Up to this day, UTC.
    pub until: String,
    /// Whether anything is narrowed.
    pub any: bool,
    /// Entries.
    pub lines: Vec<AuditLine>,
    /// The way on.
    pub pager: Pager,
    /// The same entries as JSON lines.
    pub jsonl: String,
    /// The same entries as CSV.
    pub csv: String,
}

/// An entry.
#[derive(Clone, Debug, Serialize)]
pub struct AuditLine {
    /// Its page.
    pub href: String,
    /// Milliseconds.
    pub at: i64,
    /// The actor's name, or the id where there is none.
    pub actor: String,
    /// `user`, `client`, `operator` or `system`.
    pub actor_kind: String,
    /// The Cedar action.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// `allow` or `deny`.
    pub decision: String,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// Where from.
    pub ip: String,
}

/// One entry with all that it holds.
#[derive(Clone, Debug, Serialize)]
pub struct AuditDetail {
    /// The frame.
    pub shell: Shell,
    /// The entry.
    pub line: AuditLine,
    /// The actor's id.
    pub actor_id: String,
    /// The policy set that decided.
    pub revision: String,
    /// The request's id, as in the log.
    pub request_id: String,
    /// The page that explains the decision, for somebody who may read policies.
    pub explained: Option<String>,
    /// More, JSON for people.
    pub detail: String,
}
