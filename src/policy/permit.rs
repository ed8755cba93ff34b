//! Permits: proof, in the type, that the policy engine said yes.

use std::sync::Arc;

use super::question::Decision;
use crate::oauth::client::ClientId;
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// A permission that only the policy engine can make: its field is private to this folder.
///
/// Whatever signs or changes something takes one, so that what the policy did not allow does not compile.
#[derive(Debug)]
pub struct Permit<T> {
    what: T,
}

impl<T> Permit<T> {
    pub(in crate::policy) fn new(what: T) -> Self {
        Self { what }
    }

    /// A permit out of nothing, for the unit tests of those who take one.
    #[cfg(test)]
    pub(crate) fn for_test(what: T) -> Self {
        Self::new(what)
    }

    /// What is permitted.
    pub fn get(&self) -> &T {
        &self.what
    }
}

/// An access token that may be signed, exactly as it stands here.
#[derive(Clone, Debug)]
pub struct IssueToken {
    /// The client that gets it.
    pub client: ClientId,
    /// The user behind it; none = a machine token.
    pub user: Option<Arc<str>>,
    /// What it carries: what was permitted, never more.
    pub scopes: Vec<Scope>,
    /// How it was obtained.
    pub grant: GrantType,
    /// Its life in seconds.
    pub ttl_s: u64,
    /// Its audience.
    pub audience: Vec<String>,
    /// The digest of the policy set that decided.
    pub revision: Arc<str>,
    /// Ids of the policies that decided, sorted.
    pub policies: Vec<String>,
}

/// A user who may sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The user's document id.
    pub user: Arc<str>,
    /// Ids of the policies that decided, sorted.
    pub policies: Vec<String>,
}

/// An authorization code that may be issued: the user agreed and the policy permits.
#[derive(Clone, Debug)]
pub struct IssueCode {
    /// The client that gets it.
    pub client: ClientId,
    /// The user who agreed.
    pub user: Arc<str>,
    /// The scopes that the token may get.
    pub scopes: Vec<Scope>,
}

/// What a token carries may be told to this client.
#[derive(Clone, Debug)]
pub struct Tell {
    /// Who asked.
    pub client: ClientId,
}

/// An administrative action that may be carried out.
#[derive(Clone, Debug)]
pub struct Administer {
    /// The Cedar action.
    pub action: &'static str,
    /// Ids of the policies that decided, sorted.
    pub policies: Vec<String>,
    /// The digest of the policy set that decided.
    pub revision: Arc<str>,
}

impl SignIn {
    /// The decision behind it.
    pub fn decision(&self) -> Decision {
        Decision { allowed: true, policies: self.policies.clone(), ..Decision::default() }
    }
}

impl Administer {
    /// The decision behind it.
    pub fn decision(&self) -> Decision {
        Decision { allowed: true, policies: self.policies.clone(), ..Decision::default() }
    }
}
