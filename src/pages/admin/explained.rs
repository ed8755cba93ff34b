//! View models of explanations: on the page of one decision, on the test bench, and below a refusal.

use serde::Serialize;

use super::{PolicyLine, shows};
use crate::pages::shell::Shell;

shows! {
    DecisionPage: "decision.html";
}

/// Why a request, or a token, was decided as it was.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionPage {
    /// The frame.
    pub shell: Shell,
    /// The id of a request or of a token.
    pub id: String,
    /// A remark about what is told.
    pub about: Option<String>,
    /// The page of the token, if it is one.
    pub token: Option<String>,
    /// What was decided then.
    pub recorded: Vec<RecordedLine>,
    /// What is decided now.
    pub now: Vec<ExplainedView>,
}

/// A decision of the past.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedLine {
    /// RFC 3339.
    pub time: String,
    /// `Allow` or `Deny`.
    pub decision: &'static str,
    /// Cedar's action.
    pub action: String,
    /// Cedar's resource.
    pub resource: String,
    /// Policies with file and line.
    pub places: Vec<String>,
    /// The error code; empty = none.
    pub error: String,
    /// The policy set.
    pub revision: String,
}

/// An answer with its reasons.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedView {
    /// Yes or no.
    pub allowed: bool,
    /// The error code; empty = none.
    pub error: String,
    /// One sentence.
    pub summary: String,
    /// A shorter one.
    pub reason: String,
    /// The question in Cedar's words.
    pub question: String,
    /// Policies that could not be evaluated.
    pub errors: Vec<String>,
    /// The policies that decided.
    pub policies: Vec<PolicyLine>,
    /// Forbids that applied, with what made them apply.
    pub forbids: Vec<NearLine>,
    /// Permits that come nearest, with what they lack.
    pub nearest: Vec<NearLine>,
    /// What would allow it, all of it together.
    pub changes: Vec<ChangeLine>,
    /// Instead of one of them.
    pub alternatives: Vec<ChangeLine>,
    /// Whether that was applied in memory and the answer was yes then.
    pub verified: bool,
    /// The policy set that answered.
    pub revision: String,
}

/// A policy that counts.
#[derive(Clone, Debug, Serialize)]
pub struct NearLine {
    /// File and line, or the policy's id where it has none.
    pub place: String,
    /// Its page; empty = none.
    pub href: String,
    /// In words.
    pub says: String,
    /// The conditions that count.
    pub conditions: Vec<ConditionLine>,
}

/// A condition with what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionLine {
    /// As it is written.
    pub text: String,
    /// `true`, `false`, or an error.
    pub result: String,
    /// `name = value`.
    pub values: Vec<String>,
    /// File and line; empty = not of a file of rules.
    pub place: String,
}

/// A change.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeLine {
    /// What to do.
    pub text: String,
    /// The page of the document; empty = none.
    pub href: String,
}
