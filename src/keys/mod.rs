//! Signing keys: made, read, published, rotated, and the only place where a token is signed.
//!
//! Every signing function takes a `Permit`, which only the policy engine can make. Private keys leave
//! this folder only as the PEM in [`KeyMaterial`], for the store, and in [`ClientKeypair`], which is
//! shown once; no `Debug` prints them (attack row K6).

mod generate;
mod provider;
mod ring;
mod statements;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::oauth::jwk::{KeyAlg, PublicKeys};
use crate::oauth::secret::SecretHash;

pub use generate::{client_keypair, client_keypair_of, generate, import_pem};
pub use ring::{HS256_MIN_SECRET, KeyFacts, KeyRing, KeyState};

/// An algorithm that this server signs with (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every library reads.
    #[default]
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// HMAC with SHA-256 and a configured secret: only who has the secret can verify.
    HS256,
}

impl Alg {
    /// Every algorithm, the default first.
    pub const ALL: [Alg; 4] = [Self::RS256, Self::ES256, Self::EdDSA, Self::HS256];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
            Self::HS256 => Algorithm::HS256,
        }
    }

    /// As an algorithm of public keys; HMAC has none.
    fn public(self) -> Option<KeyAlg> {
        match self {
            Self::RS256 => Some(KeyAlg::Rs256),
            Self::ES256 => Some(KeyAlg::Es256),
            Self::EdDSA => Some(KeyAlg::EdDsa),
            Self::HS256 => None,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Alg {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|alg| alg.name() == text);
        known.ok_or("the algorithm is RS256, ES256, EdDSA or HS256")
    }
}

/// One signing key as the store keeps it. Times in milliseconds.
#[derive(Clone, PartialEq)]
pub struct KeyMaterial {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The one algorithm that it signs with; never HS256.
    pub alg: Alg,
    /// PKCS#8. Empty = destroyed: the key still verifies, but signs no more.
    pub private_pem: String,
    /// What is published: `kty`, the numbers, `kid`, `use`, `alg`.
    pub public_jwk: Value,
    /// When it was made.
    pub created_at: i64,
    /// From when on it may sign; published before, so that every verifier knows it by then (attack row K5).
    pub active_from: i64,
    /// From when on it neither signs nor is published.
    pub retired_at: Option<i64>,
}

/// What an access token says besides what its permit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// `iss`.
    pub issuer: String,
    /// `jti`.
    pub jti: String,
    /// `iat`, in milliseconds; the token carries whole seconds.
    pub issued_at_ms: i64,
    /// `auth_time`, in milliseconds.
    pub auth_time_ms: Option<i64>,
}

/// A signed access token, to be handed out once.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedToken {
    /// The JWT.
    pub token: String,
    /// Its SHA-256, which is what may be stored.
    pub hash: SecretHash,
    /// The key that signed it.
    pub kid: String,
}

/// What the user token of `/auth/local` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserClaims {
    /// The user's id (`sub`).
    pub user: String,
    /// When it was issued, in milliseconds, which the token carries as `issued_ms` beside `iat`.
    pub issued_at_ms: i64,
    /// When it ends, in milliseconds; the token carries whole seconds.
    pub expires_at_ms: i64,
    /// The session (`jti`).
    pub session: String,
    /// The server (`iss`).
    pub issuer: String,
}

/// A key pair made for a client: shown once, never kept.
#[derive(Clone)]
pub struct ClientKeypair {
    /// PKCS#8.
    pub private_pem: String,
    /// SPKI.
    pub public_pem: String,
    /// The public key, as it is registered.
    pub keys: PublicKeys,
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaterial")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("private_pem", &"***")
            .field("created_at", &self.created_at)
            .field("active_from", &self.active_from)
            .field("retired_at", &self.retired_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedToken").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientKeypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeypair").field("keys", &self.keys).finish_non_exhaustive()
    }
}
