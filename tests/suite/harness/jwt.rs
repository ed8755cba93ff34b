//! JWTs by hand: honest ones, and every kind of dishonest one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::keys::Key;

/// Signs a header and claims exactly as they are given.
pub fn sign(header: &Value, claims: &str, key: &Key, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(key.private.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(key.private.as_bytes()),
        _ => EncodingKey::from_rsa_pem(key.private.as_bytes()),
    }
    .expect("a fixture key");
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).expect("signs");
    format!("{message}.{signature}")
}

/// Signs with HMAC-SHA-256 and any bytes as the key: the RS256-to-HS256 confusion (attack row G5).
pub fn sign_hmac(header: &Value, claims: &str, secret: &[u8]) -> String {
    let message = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signs");
    format!("{message}.{signature}")
}

/// No signature at all, with whatever `alg` says.
pub fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.{}.", encode(&header.to_string()), encode(claims))
}

/// The algorithm's own type for its name.
pub fn algorithm(name: &str) -> Algorithm {
    name.parse().unwrap_or_else(|_| panic!("no algorithm {name}"))
}

/// The header of a JWT, unverified.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a JWT, unverified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A token whose last signature character differs in its last bit pattern (attack row I6).
pub fn flip_last(token: &str) -> String {
    let last = token.chars().last().expect("not empty");
    let other = if last == 'A' { 'B' } else { 'A' };
    format!("{}{other}", &token[..token.len() - last.len_utf8()])
}

/// A token with other claims and the old signature.
pub fn with_claims(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(token);
    change(&mut claims);
    let mut parts = token.split('.');
    let (head, _, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    format!("{head}.{}.{signature}", encode(&claims.to_string()))
}

/// Base64url without padding.
pub fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A header of only `alg`.
pub fn header_of(algorithm: &str) -> Value {
    json!({ "alg": algorithm })
}

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap_or_else(|| panic!("no JWT: {token}"));
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|e| panic!("no base64url ({e}): {token}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("no JSON ({e}): {token}"))
}
