//! Clients: who asks for tokens.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grant::GrantType;
use super::jwk::PublicKeys;
use super::redirect_uri::{RedirectTarget, RedirectUri};
use super::scope::Scope;

/// A client identifier: `[A-Za-z0-9_-]{1,64}`, which is also the name of its document's file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Checks the syntax.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(Arc::from(text)))
    }

    /// The identifier as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text may name a document (a client, a role, a group): `[A-Za-z0-9_-]{1,64}`.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Client type (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// Can keep a credential.
    Confidential,
    /// Cannot: browser and native applications.
    Public,
}

/// How a client authenticates; pinned per client (attack row F6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ClientAuth {
    /// `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1).
    #[serde(rename = "client_secret")]
    Secret,
    /// `private_key_jwt` (RFC 7523 §2.2).
    #[serde(rename = "private_key_jwt")]
    Key,
    /// Public clients do not authenticate.
    #[serde(rename = "none")]
    None,
}

/// What PKCE a client must use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum PkceRule {
    /// S256 only.
    #[default]
    S256,
    /// S256 and plain.
    #[serde(rename = "plain")]
    Plain,
    /// S256 if it wants to; confidential clients only.
    #[serde(rename = "optional")]
    Optional,
}

/// Which shape a client's grant assertions have (design §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AssertionStyle {
    /// `iss` = client id, `sub` = client id or a user (RFC 7523 §3).
    #[default]
    Rfc7523,
    /// The plugin's: `iss` = owner's user id, `sub` = client id.
    Owner,
}

/// A user or role whom a client's assertions may name as `sub`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ActFor {
    /// `role:<name>`: every user with that role.
    Role(String),
    /// `user:<username or id>`: one user.
    User(String),
}

/// Where a redirect URI comes from, as the plugin tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum UriOrigin {
    /// Written by whoever made the client.
    User,
    /// Added by `clients.default_redirect_uri`.
    System,
}

/// One client as the policy folder or the database describes it: parsed, valid, and the same form for both.
#[derive(Clone, Debug)]
pub struct Client {
    /// The identifier.
    pub id: ClientId,
    /// The name that people see.
    pub name: String,
    /// Confidential or public.
    pub kind: ClientType,
    /// What its document says; the row's own flag is beside it.
    pub active: bool,
    /// The owning user's name or id; informational except in assertion style `owner`.
    pub owner: Option<String>,
    /// Grant types that it registered.
    pub grants: BTreeSet<GrantType>,
    /// Its one way to authenticate.
    pub auth: ClientAuth,
    /// PKCE.
    pub pkce: PkceRule,
    /// The shape of its grant assertions.
    pub assertion_style: AssertionStyle,
    /// Whether a jwt-bearer grant needs the secret as well.
    pub require_secret: bool,
    /// Users whom its assertions may name.
    pub act_for: Vec<ActFor>,
    /// Cedar groups that it is in.
    pub groups: Vec<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<(RedirectUri, UriOrigin)>,
    /// Keys that its document registers.
    pub keys: PublicKeys,
    /// Life of its access tokens in seconds, where it differs from the server's.
    pub access_token_ttl: Option<u64>,
    /// What it may be granted: wildcards resolved, sorted, no repeats.
    pub scopes: Arc<[Scope]>,
}

impl Client {
    /// The target of an answer, if the requested URI is a registered one (attack rows C1-C4).
    pub fn redirect_target(&self, requested: &str) -> Option<RedirectTarget> {
        self.redirect_uris
            .iter()
            .any(|(uri, _)| uri.matches(requested, self.kind))
            .then(|| RedirectTarget::new(requested))
    }

    /// The only registered URI, for a request that names none (RFC 6749 §3.1.2.3).
    pub fn sole_redirect(&self) -> Option<RedirectTarget> {
        match self.redirect_uris.as_slice() {
            [(only, _)] => Some(RedirectTarget::new(only.as_str())),
            _ => None,
        }
    }

    /// Whether the client may be granted the scope by its own document.
    pub fn lists(&self, scope: &Scope) -> bool {
        self.scopes.binary_search(scope).is_ok()
    }
}

impl ActFor {
    /// Reads `role:<name>` or `user:<name>`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("role", name) if is_name(name) => Some(Self::Role(name.to_owned())),
            ("user", name) if !name.is_empty() && name.len() <= 255 => Some(Self::User(name.to_owned())),
            _ => None,
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a client id is 1 to 64 of A-Z a-z 0-9 _ -")
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
