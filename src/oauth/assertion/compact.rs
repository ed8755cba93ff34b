//! The compact serialisation of a JWS (RFC 7515 §7.1), read so that one text has one meaning.
//!
//! Both clients' assertions and our own user tokens come in through here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::AssertionError;
use crate::oauth::jwk::json::{self, JsonError};

/// The longest text that is looked at, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// Header members that are refused: they bring a key along, point at one, or change how the rest is
/// read (RFC 7515 §4.1, RFC 7797 §3, RFC 7516 §4.1; attack row G7).
const REFUSED: [&str; 10] = ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc", "epk", "p2c"];

/// A JWS in three parts, decoded; its signature is not checked.
pub struct Compact {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

impl Compact {
    /// Takes a text apart.
    ///
    /// # Errors
    /// [`AssertionError`] for anything but three non-empty parts of canonical base64url, of which the
    /// first two are JSON objects without repeated members.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        if text.len() > MAX_TEXT {
            return Err(AssertionError::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AssertionError::Segments);
        };
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(AssertionError::Segments);
        }
        let signed = text[..header.len() + 1 + claims.len()].to_owned();
        let (header, claims) = (object(header)?, object(claims)?);
        let signature = decode(signature)?;
        if let Some(name) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
            return Err(AssertionError::Header(name));
        }
        Ok(Self { header, claims, signed, signature })
    }

    /// `alg`, if it is a text.
    pub fn alg(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    /// `kid`. It is only ever compared with names of known keys (attack row G6).
    ///
    /// # Errors
    /// [`AssertionError::Kid`] if it is not a text of 1 to 255 bytes.
    pub fn kid(&self) -> Result<Option<&str>, AssertionError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) if (1..=255).contains(&kid.len()) => Ok(Some(kid)),
            Some(_) => Err(AssertionError::Kid),
        }
    }

    /// Whether this key made the signature with this algorithm.
    ///
    /// The algorithm is the key's, never the header's; the caller has compared the two.
    pub fn signature_holds(&self, alg: Algorithm, key: &DecodingKey) -> bool {
        // Named rather than taken from the process's default, so that verifying something first cannot
        // settle the default before the signing keys install theirs.
        (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&alg, key)
            .is_ok_and(|verifier| verifier.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }

    /// The SHA-256 of what is signed, in hex.
    pub fn digest(&self) -> String {
        use fmt::Write as _;
        Sha256::digest(self.signed.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, AssertionError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| AssertionError::Encoding)
}

fn object(part: &str) -> Result<Map<String, Value>, AssertionError> {
    json::object(&decode(part)?).map_err(|error| match error {
        JsonError::Syntax | JsonError::NotAnObject => AssertionError::Json,
        JsonError::Duplicate => AssertionError::Duplicate,
        JsonError::TooDeep => AssertionError::TooDeep,
    })
}

/// A signed token is a credential: `Debug` shows no part of it.
impl fmt::Debug for Compact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compact(***)")
    }
}
