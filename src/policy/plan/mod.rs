//! What a change of the policy set changes: who gains what, who loses what, and which lines say so.
//!
//! Exact where it can be listed: a client, a scope and a grant are put to both sets while the circumstances (time,
//! address, sign-in, consent …) are open. What holds whatever they are is *always*, what holds in none is *never*,
//! the rest is *conditional*, with the conditions. Two sets that answer alike, open conditions included, are no
//! change; any difference is shown, also where it cannot be said which way it goes.

mod clients;
mod lines;
mod partial;
mod render;
mod roles;
mod settings;
mod side;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;

use super::diagnostics::LoadFailed;
use super::load::{self, Options};
use super::snapshot::Snapshot;
use super::source::Tree;
use super::validate::Cache;
use crate::oauth::scope::Scope;
use side::{Side, Texts};

pub use render::{markdown, text};

/// A set that was loaded to be looked at, with the text of its files.
pub struct Loaded {
    /// The set.
    pub snapshot: Snapshot,
    /// Where it stands.
    pub tree: Tree,
    files: BTreeMap<String, String>,
}

impl Loaded {
    /// Loads a set.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(options: &Options) -> Result<Self, LoadFailed> {
        let (folder, revision) = load::read(options);
        let failures = Arc::new(AtomicU64::new(0));
        let snapshot =
            load::load(options, &folder, &revision, &mut Cache::default(), &failures).map_err(LoadFailed)?;
        let files = folder.sources.into_iter().map(|source| (source.relative, source.text)).collect();
        Ok(Self { snapshot, tree: options.tree.clone(), files })
    }

    /// A file's text, by its path in the policy folder.
    pub fn file(&self, relative: &str) -> Option<&str> {
        self.files.get(relative).map(String::as_str)
    }

    /// Every file: its path in the policy folder, and its text.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// How far something may be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Whatever the circumstances, no.
    #[default]
    Never,
    /// It depends on the circumstances.
    Conditional,
    /// Whatever the circumstances, as far as rules go; the protocol's own conditions (PKCE, consent …) remain.
    Always,
}

/// How far something may be had, and under which conditions of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Access {
    /// How far.
    pub level: Level,
    /// `if …` and `not if …`, each with the policy that says it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// More is possible than before.
    Gains,
    /// It was and is possible under conditions, and these are others now. It may be more.
    Changes,
    /// Less is possible than before.
    Loses,
}

/// A line that is responsible.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cause {
    /// `policies/clients/reporting.yaml:12`.
    pub place: String,
    /// `+` or `-`, and what stands there.
    pub text: String,
}

/// What a client gains, loses, or has under other conditions.
#[derive(Clone, Debug, Serialize)]
pub struct ClientRow {
    /// Which way.
    pub change: Change,
    /// The client.
    pub client: String,
    /// The scopes.
    pub scopes: Vec<Scope>,
    /// By which grants.
    pub grants: Vec<&'static str>,
    /// In the old set.
    pub before: Access,
    /// In the new set.
    pub after: Access,
    /// The lines that are responsible.
    pub because: Vec<Cause>,
}

/// What users with a role gain, lose, or have under other conditions.
#[derive(Clone, Debug, Serialize)]
pub struct RoleRow {
    /// Which way.
    pub change: Change,
    /// The role.
    pub role: String,
    /// The actions.
    pub actions: Vec<Scope>,
    /// In the old set.
    pub before: Access,
    /// In the new set.
    pub after: Access,
    /// The lines that are responsible.
    pub because: Vec<Cause>,
}

/// A setting of a client or of the catalog that is another now.
#[derive(Clone, Debug, Serialize)]
pub struct SettingRow {
    /// `client reporting`, `catalog api::form.form.find`.
    pub of: String,
    /// Which one, such as `redirect_uris`.
    pub field: String,
    /// Its value before; none = there was none.
    pub before: Option<String>,
    /// Its value now; none = there is none.
    pub after: Option<String>,
    /// Where it stands.
    pub place: String,
}

/// A rule that was added, removed or changed.
#[derive(Clone, Debug, Serialize)]
pub struct RuleRow {
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Its id.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Where it stands.
    pub place: String,
    /// Whether this can permit more than before: a new permit, a forbid that is gone, or either with other words.
    pub may_widen: bool,
}

/// One of the two sets.
#[derive(Clone, Debug, Serialize)]
pub struct Set {
    /// A path, or a commit and its folder.
    pub name: String,
    /// The digest of its content.
    pub revision: String,
    /// Its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// How much it is: client × scope × grant and role × action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Clients that appear below.
    pub clients: usize,
    /// Combinations that are gained.
    pub gains: usize,
    /// Combinations that are lost.
    pub loses: usize,
    /// Combinations whose conditions are others.
    pub changes: usize,
}

/// The difference of two sets.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The old set.
    pub old: Set,
    /// The new set.
    pub new: Set,
    /// How much it is.
    pub totals: Totals,
    /// Client × scope × grant.
    pub clients: Vec<ClientRow>,
    /// Role × action.
    pub roles: Vec<RoleRow>,
    /// Rules that are others. What they do to clients and roles stands above, as far as it can be listed.
    pub rules: Vec<RuleRow>,
    /// Settings that are others.
    pub settings: Vec<SettingRow>,
    /// What happens to live tokens, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
}

/// What happens to live tokens.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Live {
    /// Tokens that were asked about.
    pub asked: usize,
    /// Tokens that lose a scope.
    pub lose: usize,
    /// Of these, the tokens that lose all of them.
    pub end: usize,
    /// Tokens that carry again what the old set took from them.
    pub regain: usize,
    /// Users behind tokens that lose something, by name; at most a hundred.
    pub users: Vec<String>,
    /// How many users that are.
    pub user_count: usize,
    /// Lost scopes: client, scope, number of tokens.
    pub scopes: Vec<(String, String, usize)>,
    /// What was not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

impl Plan {
    /// Whether the two sets permit the same to everybody and say the same about every client.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.roles.is_empty() && self.rules.is_empty() && self.settings.is_empty()
    }

    /// Whether anybody may gain something. What cannot be told counts as a gain.
    pub fn may_gain(&self) -> bool {
        let gains = |change: Change| change != Change::Loses;
        self.clients.iter().any(|row| gains(row.change))
            || self.roles.iter().any(|row| gains(row.change))
            || self.rules.iter().any(|row| row.may_widen)
    }
}

/// Compares two sets.
pub fn plan(old: &Loaded, new: &Loaded) -> Plan {
    let mut texts = Texts::default();
    let (mut before, mut after) = (Side::new(old), Side::new(new));
    let differ = clients::Differences::of(&before, &after);
    let clients = clients::rows(&mut before, &mut after, &differ, &mut texts);
    let roles = roles::rows(&before, &after, &differ, &mut texts);
    let mut totals = Totals::default();
    let mut count = |change: Change, number: usize| match change {
        Change::Gains => totals.gains += number,
        Change::Loses => totals.loses += number,
        Change::Changes => totals.changes += number,
    };
    clients.iter().for_each(|row| count(row.change, row.scopes.len() * row.grants.len()));
    roles.iter().for_each(|row| count(row.change, row.actions.len()));
    let mut names: Vec<&str> = clients.iter().map(|row| row.client.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    totals.clients = names.len();
    Plan {
        old: set(old),
        new: set(new),
        totals,
        rules: settings::rules(&before, &after, &differ),
        settings: settings::rows(&before, &after),
        clients,
        roles,
        live: None,
    }
}

fn set(loaded: &Loaded) -> Set {
    Set {
        name: loaded.tree.title(),
        revision: loaded.snapshot.revision().to_string(),
        commit: loaded.snapshot.commit().map(ToOwned::to_owned),
    }
}

/// A policy's text less the line that says where it stands.
pub(super) fn unplaced(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("@source(")).map(|line| line.to_owned() + "\n").collect()
}
