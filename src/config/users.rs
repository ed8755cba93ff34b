//! Settings of local users and of their sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// Local users.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    /// Life of the token that `/auth/local` answers.
    pub token_ttl: Seconds,
    /// Memory of one password hash, in KiB (argon2id).
    pub argon2_kib: u32,
    /// Passes of one password hash.
    pub argon2_passes: u32,
    /// Most password hashes at one time.
    pub concurrent_hashes: usize,
    /// Roles of the administrator that the first start makes.
    pub first_admin_roles: Vec<String>,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            token_ttl: Seconds(3_600),
            argon2_kib: 19_456,
            argon2_passes: 2,
            concurrent_hashes: 2,
            first_admin_roles: vec!["administrator".to_owned()],
        }
    }
}

/// Browser sessions.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// Ends after so long without use.
    pub idle: Seconds,
    /// Ends after so long in any case.
    pub absolute: Seconds,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle: Seconds(3_600), absolute: Seconds(43_200) }
    }
}
