//! View models of the policies' pages.

use serde::Serialize;

use super::{Choice, ExplainedView, FieldError, shows};
use crate::pages::components::{Column, Pager};
use crate::pages::shell::Shell;

shows! {
    PoliciesPage: "policies.html";
    DocumentPage: "policy_document.html";
    BenchPage: "bench.html";
    ReloadsPage: "reloads.html";
    ReloadPage: "reload.html";
}

/// The policy set.
#[derive(Clone, Debug, Serialize)]
pub struct PoliciesPage {
    /// The frame.
    pub shell: Shell,
    /// The digest of its content.
    pub revision: String,
    /// The git commit, where there is one.
    pub commit: Option<String>,
    /// What it says, and whose it is.
    pub commit_note: String,
    /// Milliseconds.
    pub loaded: i64,
    /// Milliseconds.
    pub attempted: i64,
    /// How many policies it has.
    pub policies: usize,
    /// How many scopes the ceiling has.
    pub scopes: usize,
    /// Reloads that changed the set.
    pub reloads_ok: u64,
    /// Reloads that failed.
    pub reloads_failed: u64,
    /// Why the folder's content is not in force.
    pub problems: Vec<ProblemLine>,
    /// What somebody should look at.
    pub warnings: Vec<ProblemLine>,
    /// Words in the file's name.
    pub search: String,
    /// The kind that is shown, or all.
    pub kind: String,
    /// Headings.
    pub columns: Vec<Column>,
    /// Documents.
    pub documents: Vec<DocumentLine>,
    /// The way on.
    pub pager: Pager,
    /// Whether this person may reload.
    pub may_reload: bool,
}

/// A finding about a file.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemLine {
    /// File, line and column.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line of the file.
    pub snippet: Option<String>,
}

/// A document.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentLine {
    /// The path under the folder.
    pub file: String,
    /// Its page.
    pub href: String,
    /// What it is.
    pub kind: &'static str,
    /// How many policies come of it.
    pub policies: usize,
    /// How many warnings name it.
    pub warnings: usize,
}

/// A document's policies.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentPage {
    /// The frame.
    pub shell: Shell,
    /// The path under the folder.
    pub file: String,
    /// Its policies.
    pub policies: Vec<PolicyLine>,
}

/// A policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyLine {
    /// Its id.
    pub id: String,
    /// `permit` or `forbid`; empty = the set has no such policy any more.
    pub effect: &'static str,
    /// File and line.
    pub source: String,
    /// The document's page.
    pub href: String,
    /// The Cedar text.
    pub text: String,
    /// Key and value.
    pub annotations: Vec<(String, String)>,
}

/// The test bench.
#[derive(Clone, Debug, Serialize)]
pub struct BenchPage {
    /// The frame.
    pub shell: Shell,
    /// The question.
    pub form: BenchForm,
    /// Grants to ask about.
    pub grants: Vec<Choice>,
    /// The answer, once something was asked.
    pub answer: Option<ExplainedView>,
    /// What is wrong with the question.
    pub errors: Vec<FieldError>,
}

/// A question as it was typed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BenchForm {
    /// `grant`, `use` or `admin`.
    pub kind: String,
    /// A client id.
    pub client: String,
    /// A user's name or id.
    pub user: String,
    /// A grant type.
    pub grant: String,
    /// A scope or an action.
    pub action: String,
    /// What the token carries, with spaces between.
    pub token: String,
    /// The client that the question is about.
    pub about: String,
    /// An address.
    pub ip: String,
    /// A moment, RFC 3339.
    pub at: String,
}

/// The history of the policy set.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadsPage {
    /// The frame.
    pub shell: Shell,
    /// Attempts, the latest first.
    pub lines: Vec<ReloadLine>,
    /// The way on.
    pub pager: Pager,
}

/// One attempt to load a set.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadLine {
    /// Its page.
    pub href: String,
    /// Milliseconds.
    pub at: i64,
    /// `started`, `loaded` or `failed`.
    pub outcome: String,
    /// The revision that was tried.
    pub revision: String,
    /// The git commit; empty = none.
    pub commit: String,
    /// Its author and the first line of its message.
    pub about: String,
    /// The replica.
    pub instance: String,
    /// Why it was not loaded.
    pub error: String,
}

/// An attempt with all that is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadPage {
    /// The frame.
    pub shell: Shell,
    /// The attempt.
    pub line: ReloadLine,
    /// The revision before.
    pub previous: String,
    /// Documents and policies that differ, JSON for people.
    pub changes: String,
    /// The lines that differ.
    pub diff: String,
}
