//! Users, as far as a decision needs them.

use std::sync::Arc;

/// The facts about a user that policies may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The document id: what `sub` of a token names.
    pub id: Arc<str>,
    /// The unique sign-in name.
    pub username: String,
    /// The address, canonical (lower case).
    pub email: String,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// A blocked user can do nothing.
    pub blocked: bool,
    /// Whether the address was confirmed.
    pub confirmed: bool,
}
