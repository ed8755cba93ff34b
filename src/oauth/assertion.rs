//! JWT assertions of clients: grants and client authentication (RFC 7521, RFC 7523).
//!
//! `UnverifiedAssertion` carries its danger in its name: what it says is a claim of whoever sent it.
//! Only `verify`, with the keys of the one client in question, turns it into a `VerifiedAssertion`.
//!
//! Clocks: a sender's clock may run ahead by `Expectation::skew_s` (`iat`, `nbf` in the future), but an
//! assertion may be used only [`EXPIRY_LEEWAY_S`] seconds after its `exp`: a late replay gains nothing
//! from a generous skew (attack rows G2, G11).

mod claims;
pub mod compact;
#[cfg(test)]
mod tests;
pub mod user;

use super::jwk::{KeyAlg, PublicKey, PublicKeys};
use claims::Claims;
use compact::Compact;

/// How many seconds after `exp` an assertion is still good, if the skew allows that much.
pub const EXPIRY_LEEWAY_S: u64 = 10;

/// What the server demands of an assertion, besides a signature.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The time, in milliseconds.
    pub now_ms: i64,
    /// The longest life, in seconds: of `exp - iat`, and of `exp` from now (plus the skew).
    pub max_ttl_s: u64,
    /// How far `iat` and `nbf` may lie ahead of our clock, in seconds.
    pub skew_s: u64,
    /// The audiences that name this server; compared byte by byte.
    pub audiences: &'a [&'a str],
    /// Whether `aud` may be an array. Client authentication wants one string (attack row D9).
    pub allow_audience_array: bool,
    /// Whether `jti` must be there.
    pub require_jti: bool,
}

/// A well-formed assertion whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedAssertion {
    compact: Compact,
    alg: KeyAlg,
    kid: Option<String>,
    client_authentication: bool,
    claims: Claims,
}

/// An assertion that the client's key signed, for this server, for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `jti`.
    pub jti: Option<String>,
    /// `exp`, in milliseconds.
    pub expires_ms: i64,
    /// Its life in whole seconds: `exp - iat`, or what is left of it where there is no `iat`.
    pub ttl_s: u64,
    /// The `scope` claim as it stands.
    pub scope: Option<String>,
    /// The algorithm, as RFC 7518 §3.1 names it.
    pub alg: &'static str,
    /// What must be unique per issuer: `jti`, else the SHA-256 of the signed text in hex.
    pub replay_key: String,
    /// Whether `typ` said that it is made for client authentication; then it is no grant (attack row G12).
    pub client_authentication: bool,
}

/// Why an assertion is refused. The texts keep to the characters of `error_description`
/// (RFC 6749 §5.2) and repeat nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// `iss`, or `sub` in the plugin's shape, names no client that may use this grant.
    #[error("the issuer of the assertion is not a client that may use it")]
    UnknownIssuer,
    /// Made for client authentication (attack row G12).
    #[error("a client authentication assertion is no authorization grant")]
    WrongUse,
    /// Used before (RFC 7523 §3, attack row G9).
    #[error("the assertion was used before")]
    Replayed,
    /// More than 16 kB.
    #[error("the assertion is longer than 16 kB")]
    TooLong,
    /// Not three non-empty parts.
    #[error("the assertion is not a compact JWS of three parts")]
    Segments,
    /// A part is not canonical base64url without padding.
    #[error("a part of the assertion is not canonical base64url")]
    Encoding,
    /// Header or claims are not a JSON object.
    #[error("header or claims of the assertion are not a JSON object")]
    Json,
    /// A member stands twice.
    #[error("a member of the assertion is repeated")]
    Duplicate,
    /// Nested too deeply.
    #[error("the assertion is nested too deeply")]
    TooDeep,
    /// A header member that changes how the rest is read, or brings a key along.
    #[error("header member {0} is not accepted")]
    Header(&'static str),
    /// `typ` names something else.
    #[error("typ of the assertion must be JWT")]
    Typ,
    /// `alg` is absent or not one of ours.
    #[error("alg of the assertion must be RS256, PS256, ES256 or EdDSA")]
    Alg,
    /// `kid` is not a short string.
    #[error("kid of the assertion is not acceptable")]
    Kid,
    /// A required claim is absent.
    #[error("claim {0} is missing")]
    Missing(&'static str),
    /// A claim has a type or value that it cannot have.
    #[error("claim {0} has a wrong type or value")]
    Claim(&'static str),
    /// No key of the client has this `kid`.
    #[error("the client has no key with this kid")]
    UnknownKid,
    /// The client's key is pinned to another algorithm, or it has no key for this one.
    #[error("alg differs from the algorithm of the key")]
    AlgMismatch,
    /// No key of the client made this signature.
    #[error("the signature of the assertion is not valid")]
    Signature,
    /// `exp` is past.
    #[error("the assertion has expired")]
    Expired,
    /// `nbf` is ahead.
    #[error("the assertion is not valid yet")]
    NotYet,
    /// `iat` is ahead.
    #[error("the assertion was issued in the future")]
    IssuedAhead,
    /// `exp` is not after `iat`.
    #[error("exp of the assertion is not after iat")]
    Backwards,
    /// It lives longer than allowed.
    #[error("the assertion lives longer than the server allows")]
    TooLongLived,
    /// `aud` does not name this server.
    #[error("aud of the assertion does not name this server")]
    Audience,
    /// `aud` must be one string here.
    #[error("aud of the assertion must be a single string")]
    AudienceArray,
}

impl UnverifiedAssertion {
    /// Reads a compact JWS (RFC 7515 §7.1) strictly: form, header and the types of all claims.
    ///
    /// # Errors
    /// [`AssertionError`]; nothing was verified yet.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        let compact = Compact::parse(text)?;
        let alg = compact.alg().and_then(KeyAlg::parse).ok_or(AssertionError::Alg)?;
        let client_authentication = match compact.header.get("typ") {
            None => false,
            Some(serde_json::Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => false,
            Some(serde_json::Value::String(typ)) if typ.eq_ignore_ascii_case("client-authentication+jwt") => {
                true
            }
            Some(_) => return Err(AssertionError::Typ),
        };
        let kid = compact.kid()?.map(str::to_owned);
        let claims = Claims::read(&compact.claims)?;
        Ok(Self { compact, alg, kid, client_authentication, claims })
    }

    /// Who it says signed it. Good for finding the client whose keys will decide, and for nothing else.
    pub fn unverified_issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// Whom it says it is about. Good for finding the client whose keys will decide, and for nothing else.
    pub fn unverified_subject(&self) -> &str {
        &self.claims.subject
    }

    /// A further claim that is a text. Good for nothing before [`Self::verify`] has succeeded.
    pub fn unverified_claim(&self, name: &str) -> Option<&str> {
        self.compact.claims.get(name)?.as_str()
    }

    /// Checks the signature against the keys of the one client, then every claim (RFC 7523 §3).
    ///
    /// # Errors
    /// [`AssertionError`].
    pub fn verify(
        self,
        keys: &PublicKeys,
        expect: &Expectation<'_>,
    ) -> Result<VerifiedAssertion, AssertionError> {
        signed_by(&self.compact, self.alg, self.kid.as_deref(), keys)?;
        self.claims.check_time(expect)?;
        self.claims.check_audience(expect)?;
        if expect.require_jti && self.claims.jti.is_none() {
            return Err(AssertionError::Missing("jti"));
        }
        // A second signature over the same text is the same assertion: ECDSA signatures can be
        // altered without the key, so the signature stays out of the replay key.
        let replay_key = self.claims.jti.clone().unwrap_or_else(|| self.compact.digest());
        Ok(VerifiedAssertion {
            expires_ms: self.claims.expires_ms,
            ttl_s: self.claims.ttl_s(expect.now_ms),
            issuer: self.claims.issuer,
            subject: self.claims.subject,
            jti: self.claims.jti,
            scope: self.claims.scope,
            alg: self.alg.name(),
            replay_key,
            client_authentication: self.client_authentication,
        })
    }
}

/// `kid` chooses among this client's keys and nowhere else; the key's pinned algorithm is the only
/// one that counts (RFC 8725 §3.1; attack rows G5, G6).
fn signed_by(
    compact: &Compact,
    alg: KeyAlg,
    kid: Option<&str>,
    keys: &PublicKeys,
) -> Result<(), AssertionError> {
    let candidates: Vec<&PublicKey> = match kid {
        Some(kid) => vec![keys.get(kid).ok_or(AssertionError::UnknownKid)?],
        None => keys.iter().collect(),
    };
    let mut tried = false;
    for key in candidates.into_iter().filter(|key| key.alg == alg) {
        if compact.signature_holds(key.alg.algorithm(), key.decoding()) {
            return Ok(());
        }
        tried = true;
    }
    Err(if tried { AssertionError::Signature } else { AssertionError::AlgMismatch })
}

impl VerifiedAssertion {
    /// Until when the replay key must be remembered, in milliseconds: one minute after `exp`, which covers
    /// the leeway and replicas whose clocks differ (attack row G11).
    pub fn remember_until_ms(&self) -> i64 {
        self.expires_ms.saturating_add(60_000)
    }
}
