//! Who and what a record names, without what could be a secret.

use serde::{Deserialize, Serialize};

use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// The user as the decision saw them. The address is left out; no rule should need it in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The document id.
    pub id: String,
    /// The sign-in name.
    pub name: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// May do nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// The address was confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// What a policy may know about a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// What it carries.
    pub scopes: Vec<Scope>,
    /// How it was obtained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantType>,
    /// Seconds since it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
}

impl UserRecord {
    pub(super) fn of(user: &User) -> Self {
        Self {
            id: user.id.as_ref().to_owned(),
            name: user.username.clone(),
            roles: user.roles.clone(),
            blocked: user.blocked,
            confirmed: user.confirmed,
        }
    }
}
