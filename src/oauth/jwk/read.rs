//! Reading public keys: SPKI PEM, JWK and JWKS, and what their numbers must be.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs8::der::{Decode as _, asn1::ObjectIdentifier};
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use serde_json::{Map, Value};

use super::{KeyAlg, KeyError, MAX_KEYS, MAX_TEXT, Params, PublicKey, json};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Members that only private or symmetric JWKs have (RFC 7518 §6).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Every key of a text.
pub(super) fn keys(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    if text.len() > MAX_TEXT {
        return Err(KeyError::TooLong);
    }
    match text.trim() {
        pem if pem.starts_with("-----BEGIN ") => from_pem(pem),
        json if json.starts_with('{') => from_json(json),
        "" => Err(KeyError::None),
        _ => Err(KeyError::Unreadable),
    }
}

fn from_pem(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyError::Private);
    }
    let mut keys = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let body = rest.strip_prefix("-----BEGIN PUBLIC KEY-----").ok_or(KeyError::PemKind)?;
        let (body, after) = body.split_once("-----END PUBLIC KEY-----").ok_or(KeyError::PemKind)?;
        if keys.len() == MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let compact: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(compact).map_err(|_| KeyError::Der)?;
        keys.push(PublicKey::new(from_spki(&der)?, None, None)?);
        rest = after.trim_start();
    }
    Ok(keys)
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 5480 §2, RFC 8410 §4).
pub(super) fn from_spki(der: &[u8]) -> Result<Params, KeyError> {
    let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::Der)?;
    let bits = spki.subject_public_key.as_bytes().ok_or(KeyError::Der)?;
    let kind = spki.algorithm.oid;
    if kind == RSA {
        let key = RsaPublicKeyRef::from_der(bits).map_err(|_| KeyError::Der)?;
        let (n, e) = (key.modulus.as_bytes().to_vec(), key.public_exponent.as_bytes().to_vec());
        Ok(Params::Rsa { n, e })
    } else if kind == EC {
        if spki.algorithm.parameters_oid().map_err(|_| KeyError::Curve)? != P256 {
            return Err(KeyError::Curve);
        }
        // Compressed points are valid DER, but nothing that we know of writes them.
        match bits {
            [0x04, point @ ..] if point.len() == 64 => {
                Ok(Params::P256 { x: point[..32].to_vec(), y: point[32..].to_vec() })
            }
            _ => Err(KeyError::Point),
        }
    } else if kind == ED25519 {
        if spki.algorithm.parameters.is_some() {
            return Err(KeyError::Der);
        }
        Ok(Params::Ed25519 { x: bits.to_vec() })
    } else {
        Err(KeyError::Type)
    }
}

fn from_json(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let document = json::object(text.as_bytes()).map_err(|_| KeyError::Json)?;
    let Some(list) = document.get("keys") else {
        return Ok(vec![from_jwk(&document)?]);
    };
    // A text that is a key and a set at once is read differently by different readers.
    if document.contains_key("kty") {
        return Err(KeyError::Json);
    }
    let list = list.as_array().ok_or(KeyError::Member("keys"))?;
    match list.len() {
        0 => return Err(KeyError::None),
        n if n > MAX_KEYS => return Err(KeyError::TooMany),
        _ => {}
    }
    list.iter().map(|key| from_jwk(key.as_object().ok_or(KeyError::Member("keys"))?)).collect()
}

fn from_jwk(jwk: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    let kind = text_member(jwk, "kty")?.ok_or(KeyError::Member("kty"))?;
    if kind == "oct" {
        return Err(KeyError::Symmetric);
    }
    if SECRET_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
        return Err(KeyError::Private);
    }
    let params = match kind {
        "RSA" => Params::Rsa { n: number(jwk, "n")?, e: number(jwk, "e")? },
        "EC" => {
            curve(jwk, "P-256")?;
            Params::P256 { x: bytes(jwk, "x")?, y: bytes(jwk, "y")? }
        }
        "OKP" => {
            curve(jwk, "Ed25519")?;
            Params::Ed25519 { x: bytes(jwk, "x")? }
        }
        _ => return Err(KeyError::Type),
    };
    purpose(jwk)?;
    let alg = match text_member(jwk, "alg")? {
        None => None,
        Some(name) => Some(KeyAlg::parse(name).ok_or(KeyError::Alg)?),
    };
    let kid = match text_member(jwk, "kid").map_err(|_| KeyError::Kid)? {
        None => None,
        Some(kid) if is_kid(kid) => Some(kid.to_owned()),
        Some(_) => return Err(KeyError::Kid),
    };
    PublicKey::new(params, alg, kid)
}

fn is_kid(kid: &str) -> bool {
    (1..=255).contains(&kid.len()) && kid.bytes().all(|b| matches!(b, 0x20..=0x7e))
}

/// `use` and `key_ops` must leave room for verifying signatures (RFC 7517 §4.2, §4.3).
fn purpose(jwk: &Map<String, Value>) -> Result<(), KeyError> {
    if text_member(jwk, "use").map_err(|_| KeyError::Use)?.is_some_and(|for_what| for_what != "sig") {
        return Err(KeyError::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err(KeyError::Use),
    }
}

fn curve(jwk: &Map<String, Value>, only: &str) -> Result<(), KeyError> {
    match text_member(jwk, "crv")? {
        Some(crv) if crv == only => Ok(()),
        Some(_) => Err(KeyError::Curve),
        None => Err(KeyError::Member("crv")),
    }
}

fn text_member<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::Member(name)),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let text = text_member(jwk, name)?.ok_or(KeyError::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Member(name))
}

/// A big-endian number. Some libraries write a zero octet in front, which RFC 7518 §6.3.1.1 warns of:
/// it is dropped, so that one key has one thumbprint.
fn number(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let bytes = bytes(jwk, name)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(bytes[zeros..].to_vec())
}

/// Whether the numbers are a key that we are willing to trust signatures of.
pub(super) fn check(params: &Params) -> Result<(), KeyError> {
    match params {
        Params::Rsa { n, e } => check_rsa(n, e),
        Params::P256 { x, y } => {
            if x.len() != 32 || y.len() != 32 {
                return Err(KeyError::Point);
            }
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed(x, y))
                .map(drop)
                .map_err(|_| KeyError::Point)
        }
        Params::Ed25519 { x } => check_ed25519(x),
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(first), Some(last)) = (n.first(), n.last()) else { return Err(KeyError::RsaTooShort) };
    let bits = n.len() * 8 - first.leading_zeros() as usize;
    if bits < 2048 {
        return Err(KeyError::RsaTooShort);
    }
    if bits > 8192 {
        return Err(KeyError::RsaTooLong);
    }
    // FIPS 186-5 §A.1.1 wants an exponent above 2^16; aws-lc reads at most 33 bits.
    if e.len() > 5 {
        return Err(KeyError::RsaNumbers);
    }
    let exponent = e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let sane = (65_537..1 << 33).contains(&exponent) && exponent % 2 == 1 && last % 2 == 1;
    if sane { Ok(()) } else { Err(KeyError::RsaNumbers) }
}

/// The points of small order, as y coordinates: with such a "key" anybody can write valid signatures.
pub(super) const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    edge(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // p - 1, p, p + 1: the last two are other spellings of 0 and 1.
    edge(0xec, 0xff, 0x7f),
    edge(0xed, 0xff, 0x7f),
    edge(0xee, 0xff, 0x7f),
];

const fn edge(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

fn check_ed25519(x: &[u8]) -> Result<(), KeyError> {
    let mut y: [u8; 32] = x.try_into().map_err(|_| KeyError::Point)?;
    // The top bit is the sign of the other coordinate.
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        return Err(KeyError::Point);
    }
    Ok(())
}

/// A point as SEC 1 §2.3.3 writes it without compression.
pub(super) fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[0x04], x, y].concat()
}
