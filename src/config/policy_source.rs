//! Settings of a git repository that policies come from.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// Where policies come from instead of a folder.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySource {
    /// A git repository: the server follows one of its refs, and loads the tree of a commit.
    pub git: GitSource,
}

/// A ref of a git repository. Neither `url` nor `path` = policies come from the folder.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GitSource {
    /// A remote repository: `https://…`, `ssh://…`, `git@host:path` or `file://…`.
    pub url: Option<String>,
    /// A repository on this machine.
    pub path: Option<PathBuf>,
    /// Branch, tag or full name of a ref.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The policy folder in the repository.
    pub subfolder: PathBuf,
    /// Between two looks at a remote; a repository on this machine is looked at twice a second.
    pub poll: Seconds,
    /// How long a fetch may take.
    pub timeout: Seconds,
    /// Which commits are accepted.
    pub signed: Signed,
}

impl Default for GitSource {
    fn default() -> Self {
        Self {
            url: None,
            path: None,
            reference: "main".to_owned(),
            subfolder: PathBuf::from("policies"),
            poll: Seconds(30),
            timeout: Seconds(30),
            signed: Signed::default(),
        }
    }
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("GitSource")
            .field("url", &self.url.as_ref().map(|_| "***"))
            .field("path", &self.path)
            .field("ref", &self.reference)
            .finish_non_exhaustive()
    }
}

/// Which commits are accepted.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Signed {
    /// Only commits with a good SSH signature.
    pub require: bool,
    /// Whose signatures are good: a file as `ssh-keygen(1)` describes it under ALLOWED SIGNERS.
    pub allowed_signers: Option<PathBuf>,
}
