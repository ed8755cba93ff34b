//! The policy set for people: its documents, its policies, what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, PolicyInfo, Snapshot, Status, admin};

/// A document of the policy folder, or of the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The path under the configured folder, or the name of the server's own part.
    pub file: String,
    /// `kernel`, `global`, `client`, `role`, `rules`, `catalog` or `tests`.
    pub kind: &'static str,
    /// How many policies come of it.
    pub policies: usize,
    /// How many warnings name it.
    pub warnings: usize,
}

/// The set in force.
#[derive(Debug)]
pub struct PolicySet {
    /// What the engine is doing.
    pub status: Status,
    /// Documents by file.
    pub documents: Vec<Document>,
}

/// Asks for the permission to read policies, and takes the set.
///
/// # Errors
/// Missing permission.
pub fn snapshot(app: &App, ask: &Ask, caller: &Caller) -> Result<Arc<Snapshot>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::POLICY_READ, AdminResource::Server)?;
    Ok(snapshot)
}

/// The set's documents.
///
/// # Errors
/// Missing permission.
pub fn documents(app: &App, ask: &Ask, caller: &Caller) -> Result<PolicySet, Stop> {
    let snapshot = snapshot(app, ask, caller)?;
    let mut found: BTreeMap<String, Document> = BTreeMap::new();
    for policy in snapshot.policies() {
        let file = file_of(&policy).to_owned();
        let document = found.entry(file.clone()).or_insert_with(|| Document {
            kind: kind_of(&policy.id),
            file,
            policies: 0,
            warnings: 0,
        });
        document.policies += 1;
    }
    for (file, kind) in snapshot.other_files() {
        found.entry(file.clone()).or_insert(Document { file, kind, policies: 0, warnings: 0 });
    }
    let status = app.policies.status();
    for warning in &status.warnings {
        if let Some(document) = found.get_mut(&warning.file) {
            document.warnings += 1;
        }
    }
    Ok(PolicySet { status, documents: found.into_values().collect() })
}

/// The policies of one document.
///
/// # Errors
/// [`Reject::NotFound`], or missing permission.
pub fn of_document(app: &App, ask: &Ask, caller: &Caller, file: &str) -> Result<Vec<PolicyInfo>, Stop> {
    let snapshot = snapshot(app, ask, caller)?;
    let found: Vec<PolicyInfo> = snapshot.policies().filter(|policy| file_of(policy) == file).collect();
    let known = !found.is_empty() || snapshot.other_files().iter().any(|(other, _)| other == file);
    if known { Ok(found) } else { Err(Reject::NotFound("document").into()) }
}

/// A policy's source without the line.
pub fn file_of(policy: &PolicyInfo) -> &str {
    file_of_source(&policy.source)
}

/// A place without its line.
pub fn file_of_source(source: &str) -> &str {
    match source.rsplit_once(':') {
        Some((file, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => file,
        _ => source,
    }
}

fn kind_of(id: &str) -> &'static str {
    match id.split('.').next() {
        Some("kernel") => "kernel",
        Some("base") => "base",
        Some("global") => "global",
        Some("client") => "client",
        Some("role") => "role",
        _ => "rules",
    }
}
