//! Tokens of another application's users. Such an application signs with its private key, or with a secret that it
//! shares with this server; which of the two is settled by the settings and never by a token (RFC 8725 §3.1).

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::claims::Claims;
use super::compact::Compact;
use super::{AssertionError, Expectation, signed_by};
use crate::oauth::jwk::{KeyAlg, PublicKeys};

/// Fewest bytes of a shared secret: as many as the hash has (RFC 7518 §3.2).
pub const SHORTEST_SECRET: usize = 32;

/// A secret that another application signs with too. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SharedSecret(DecodingKey);

/// Why bytes are no shared secret. The texts repeat nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short.
    #[error("holds less than 32 bytes; HS256 needs as many as its hash has (RFC 7518 §3.2)")]
    Short,
    /// A public key is known to everybody, so whoever has it could sign as this application.
    #[error("holds a key or a certificate, not a secret; public keys belong in keys_file")]
    Key,
}

impl SharedSecret {
    /// Takes the bytes of a file without the end of its last line.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        let secret = &bytes[..end];
        if secret.len() < SHORTEST_SECRET {
            return Err(SecretError::Short);
        }
        let text = String::from_utf8_lossy(secret);
        let armoured = text.contains("-----BEGIN") || text.trim_start().starts_with("ssh-");
        let json = serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object());
        if armoured || json || PublicKeys::parse(&text).is_ok() {
            return Err(SecretError::Key);
        }
        Ok(Self(DecodingKey::from_secret(secret)))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(***)")
    }
}

/// What an application's tokens are verified with: one kind or the other.
#[derive(Clone, Debug)]
pub enum UserKeys {
    /// Its public keys, and the algorithms that count.
    Public(PublicKeys, Vec<KeyAlg>),
    /// The secret; the algorithm is HS256.
    Shared(SharedSecret),
}

/// A well-formed token whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedUserToken {
    compact: Compact,
    claims: Claims,
}

/// A token that the application signed, for this server, for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedUserToken {
    /// What the claim says that names the user.
    pub named: String,
    /// When it was issued, as far as it says so, in milliseconds.
    pub issued_ms: i64,
}

impl UnverifiedUserToken {
    /// Reads a compact JWS strictly. A `typ` other than `JWT` is another kind of token.
    ///
    /// # Errors
    /// [`AssertionError`]; nothing was verified yet.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        let compact = Compact::parse(text)?;
        match compact.header.get("typ") {
            None => {}
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
            Some(_) => return Err(AssertionError::Typ),
        }
        let claims = Claims::read_of_user(&compact.claims)?;
        Ok(Self { compact, claims })
    }

    /// Who it says signed it. Good for finding the issuer whose keys will decide, and for nothing else.
    pub fn unverified_issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// Checks algorithm and signature, then time and audience, and reads the claim that names the user: a text, or a
    /// whole number.
    ///
    /// # Errors
    /// [`AssertionError`].
    pub fn verify(
        self,
        keys: &UserKeys,
        expect: &Expectation<'_>,
        claim: &str,
    ) -> Result<VerifiedUserToken, AssertionError> {
        let alg = self.compact.alg().ok_or(AssertionError::Alg)?;
        match keys {
            UserKeys::Shared(secret) => {
                if alg != "HS256" {
                    return Err(AssertionError::AlgMismatch);
                }
                if !self.compact.signature_holds(Algorithm::HS256, &secret.0) {
                    return Err(AssertionError::Signature);
                }
            }
            UserKeys::Public(keys, counted) => {
                // HMAC is not among the algorithms of public keys, so no public key is ever a secret.
                let alg = KeyAlg::parse(alg).filter(|alg| counted.contains(alg));
                signed_by(&self.compact, alg.ok_or(AssertionError::AlgMismatch)?, self.compact.kid()?, keys)?;
            }
        }
        self.claims.check_time(expect)?;
        self.claims.check_audience(expect)?;
        let named = match self.compact.claims.get(claim) {
            Some(Value::String(name)) => name.clone(),
            Some(Value::Number(number)) => number.as_u64().map(|id| id.to_string()).unwrap_or_default(),
            _ => String::new(),
        };
        if !(1..=255).contains(&named.len()) {
            return Err(AssertionError::Claim("user"));
        }
        let life_ms =
            i64::try_from(self.claims.ttl_s(expect.now_ms)).unwrap_or(i64::MAX).saturating_mul(1_000);
        Ok(VerifiedUserToken {
            named,
            issued_ms: self.claims.expires_ms.saturating_sub(life_ms).min(expect.now_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g05_a_public_key_is_no_secret() {
        let pem = include_bytes!("../../../tests/fixtures/keys/rsa-client.pub.pem");
        assert_eq!(SharedSecret::new(pem).err(), Some(SecretError::Key));
        let keys = PublicKeys::parse(&String::from_utf8_lossy(pem)).unwrap();
        let jwks = keys.to_jwks().to_string();
        assert_eq!(SharedSecret::new(jwks.as_bytes()).err(), Some(SecretError::Key));
        let jwk = keys.iter().next().unwrap().to_jwk().to_string();
        assert_eq!(SharedSecret::new(jwk.as_bytes()).err(), Some(SecretError::Key));
    }

    #[test]
    fn a_secret_has_32_bytes_and_shows_none() {
        assert_eq!(SharedSecret::new(&[b'a'; 31]).err(), Some(SecretError::Short));
        assert_eq!(SharedSecret::new(&[&[b'a'; 31][..], b"\n\n"].concat()).err(), Some(SecretError::Short));
        let secret = SharedSecret::new(&[b'a'; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret(***)");
    }
}
