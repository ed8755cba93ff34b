//! Settings of the decision log and of the audit log.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// The decision log: one JSON object a line.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decisions {
    /// Whether decisions go to standard output.
    pub stdout: bool,
    /// A file that they go to; rotated by size.
    pub file: Option<PathBuf>,
    /// Size at which the file is rotated, in MiB.
    pub rotate_mb: u64,
    /// Rotated files that are kept.
    pub keep: u32,
    /// Of the re-checks and uses that were allowed, the decisions of one request in so many are logged.
    pub sample_allows: u32,
    /// Request headers whose values may stand in the log, in lower case.
    pub headers: Vec<String>,
    /// Properties stated to the decision API whose values may stand in the log.
    pub properties: Vec<String>,
}

impl Default for Decisions {
    fn default() -> Self {
        let (headers, properties) = (Vec::new(), Vec::new());
        Self { stdout: false, file: None, rotate_mb: 64, keep: 10, sample_allows: 1, headers, properties }
    }
}

/// The audit log in the database.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether each token request that the policy decided gets an entry.
    pub grants: bool,
    /// How long entries of grants are kept; what administrators did stays.
    pub keep_grants: Seconds,
    /// Whether a grant fails when its entry cannot be written.
    pub required: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self { grants: true, keep_grants: Seconds(90 * 86_400), required: false }
    }
}
