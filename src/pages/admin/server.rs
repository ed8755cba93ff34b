//! View models of the pages about the server itself.

use serde::Serialize;

use super::{ExplainedView, FieldError, ProblemLine, ScopeGroup, shows};
use crate::pages::shell::Shell;

shows! {
    OverviewPage: "overview.html";
    RefusedPage: "refused.html";
    GlobalScopesPage: "scopes.html";
    KeysPage: "keys.html";
    SettingsPage: "settings.html";
}

/// The first page.
#[derive(Clone, Debug, Serialize)]
pub struct OverviewPage {
    /// The frame.
    pub shell: Shell,
    /// Figures.
    pub stats: Vec<Stat>,
    /// Why the folder's content is not in force.
    pub problems: Vec<ProblemLine>,
    /// What to do next.
    pub steps: Vec<Step>,
    /// Whether there is a step left.
    pub steps_left: bool,
}

/// A figure.
#[derive(Clone, Debug, Serialize)]
pub struct Stat {
    /// What it is.
    pub label: &'static str,
    /// The figure.
    pub value: String,
    /// What to know about it.
    pub note: String,
    /// Where more is shown.
    pub href: String,
}

/// A step towards a server that is in use.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What to do.
    pub text: String,
    /// Where.
    pub href: String,
    /// Whether it is done.
    pub done: bool,
}

/// A page that was refused, or that does not exist.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedPage {
    /// The frame.
    pub shell: Shell,
    /// What happened.
    pub title: String,
    /// A sentence.
    pub message: String,
    /// The missing permission.
    pub permission: Option<String>,
    /// The policies that denied; none = no policy permits it.
    pub policies: Vec<String>,
    /// The request's id, for whoever reads the log.
    pub request_id: String,
    /// Why, for somebody who may read policies.
    pub told: Option<ExplainedView>,
    /// The page of what was recorded.
    pub decision: String,
    /// Where to go on.
    pub back: String,
}

/// The ceiling.
#[derive(Clone, Debug, Serialize)]
pub struct GlobalScopesPage {
    /// The frame.
    pub shell: Shell,
    /// Scopes by content type.
    pub groups: Vec<ScopeGroup>,
    /// Words in a scope's name or title.
    pub search: String,
    /// How many are ticked.
    pub selected: usize,
    /// The file that holds them.
    pub file: String,
    /// Whether they can be changed here.
    pub editable: bool,
    /// Whether this person may change them.
    pub may_update: bool,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// The signing keys.
#[derive(Clone, Debug, Serialize)]
pub struct KeysPage {
    /// The frame.
    pub shell: Shell,
    /// Keys.
    pub lines: Vec<KeyLine>,
    /// The configured algorithm.
    pub alg: String,
    /// How long a new key is published before it signs, in seconds.
    pub overlap: u64,
    /// Whether this person may rotate.
    pub may_rotate: bool,
    /// Why rotation is not possible here.
    pub no_rotation: String,
    /// The public keys' address.
    pub jwks: String,
}

/// A signing key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyLine {
    /// RFC 7517 §4.5.
    pub kid: String,
    /// RFC 7518 §3.1.
    pub alg: String,
    /// `next`, `active`, `verifying` or `retired`.
    pub state: &'static str,
    /// Whether it is in the JWKS.
    pub published: bool,
    /// Milliseconds; none = the operator brought it without a date.
    pub created: Option<i64>,
    /// From when on it signs.
    pub active_from: Option<i64>,
    /// Until when it verifies.
    pub verifies_until: Option<i64>,
}

/// The settings in force.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsPage {
    /// The frame.
    pub shell: Shell,
    /// Words in a setting's name.
    pub search: String,
    /// Settings.
    pub lines: Vec<SettingLine>,
    /// The server's version.
    pub version: &'static str,
    /// The database.
    pub backend: &'static str,
}

/// A setting.
#[derive(Clone, Debug, Serialize)]
pub struct SettingLine {
    /// Its dotted name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it came from.
    pub origin: String,
    /// Whether it differs from the default.
    pub set: bool,
}
