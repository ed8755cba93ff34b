//! Grant types: the ways to obtain a token.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A grant type that this server knows. Discovery, the schema and the token endpoint follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum GrantType {
    /// RFC 6749 §4.1, with PKCE (RFC 7636).
    #[serde(rename = "code", alias = "authorization_code")]
    AuthorizationCode,
    /// RFC 7523 §2.1.
    #[serde(rename = "jwt-bearer", alias = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
    /// RFC 6749 §4.4. Deprecated: off unless a client's document turns it on.
    #[serde(rename = "client-credentials", alias = "client_credentials")]
    ClientCredentials,
}

impl GrantType {
    /// Every grant type, in the order of discovery.
    pub const ALL: [GrantType; 3] = [Self::AuthorizationCode, Self::JwtBearer, Self::ClientCredentials];

    /// The name on the wire (`grant_type`).
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// The short name that client documents use.
    pub fn short(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "code",
            Self::JwtBearer => "jwt-bearer",
            Self::ClientCredentials => "client-credentials",
        }
    }

    /// The id of the Cedar action that a grant question asks about.
    pub fn action(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "grant:authorization_code",
            Self::JwtBearer => "grant:jwt_bearer",
            Self::ClientCredentials => "grant:client_credentials",
        }
    }

    /// Reads a name of the wire or of a document.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|g| g.name() == text || g.short() == text)
    }
}
