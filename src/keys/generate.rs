//! Making and reading private keys. All of it is slow: callers use a blocking thread.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{Algorithm, EncodingKey};
use rand::rngs::SysRng;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding, SecretDocument,
};

use super::{Alg, ClientKeypair, KeyMaterial};
use crate::oauth::jwk::{Params, PublicKey, PublicKeys};
use crate::oauth::reject::Fault;

/// Makes a signing key. `rsa_bits` (2048 to 8192) counts for RS256 alone; times in milliseconds.
///
/// # Errors
/// [`Fault::Keys`] for HS256, which has a configured secret and no key, for a size out of range, or if the
/// system's randomness fails.
pub fn generate(alg: Alg, rsa_bits: usize, now_ms: i64, active_from: i64) -> Result<KeyMaterial, Fault> {
    let pem = match alg {
        Alg::RS256 => pkcs8_of_rsa(&new_rsa(rsa_bits)?)?,
        Alg::ES256 => {
            let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            to_pem(der.map_err(failed)?.as_ref())?
        }
        Alg::EdDSA => {
            // Version 1 of PKCS#8, since common tools cannot read version 2.
            let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
            to_pem(der.map_err(failed)?.as_ref())?
        }
        Alg::HS256 => return Err(fault("HS256 signs with the configured secret and has no key")),
    };
    material(pem, alg, now_ms, active_from)
}

/// Reads a private key from a file's text: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC). Active at once.
///
/// # Errors
/// [`Fault::Keys`] if it is encrypted, not a private key, of another type than `alg` needs, or too weak.
pub fn import_pem(pem: &str, alg: Alg, now_ms: i64) -> Result<KeyMaterial, Fault> {
    let (label, document) = private_block(pem)?;
    let der = document.as_bytes();
    let wrong = |_| fault(format!("the PEM does not hold a private key for {alg}"));
    let pem = match alg {
        Alg::RS256 => {
            let key = match label {
                "RSA PRIVATE KEY" => rsa::PrivateKey::from_pkcs1_der(der).map_err(|_| wrong(()))?,
                _ => rsa::PrivateKey::from_pkcs8_der(der).map_err(|_| wrong(()))?,
            };
            pkcs8_of_rsa(&key)?
        }
        Alg::ES256 => {
            let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
            to_pem(key.map_err(|_| wrong(()))?.to_pkcs8v1().map_err(failed)?.as_ref())?
        }
        Alg::EdDSA => {
            let key = Ed25519KeyPair::from_pkcs8(der).map_err(|_| wrong(()))?;
            to_pem(key.to_pkcs8v1().map_err(failed)?.as_ref())?
        }
        Alg::HS256 => return Err(fault("HS256 signs with the configured secret and has no key file")),
    };
    material(pem, alg, now_ms, now_ms)
}

/// Makes an RSA key pair for a client.
///
/// # Errors
/// [`Fault::Keys`] for a size outside 2048 to 8192, or if the system's randomness fails.
pub fn client_keypair(rsa_bits: usize) -> Result<ClientKeypair, Fault> {
    client_pair(&new_rsa(rsa_bits)?)
}

/// The pair whose private part is an RSA key in PKCS#8, as [`client_keypair`] makes it.
///
/// # Errors
/// [`Fault::Keys`] if the text is none.
pub fn client_keypair_of(private_pem: &str) -> Result<ClientKeypair, Fault> {
    let (_, document) = private_block(private_pem)?;
    let key = rsa::PrivateKey::from_pkcs8_der(document.as_bytes());
    client_pair(&key.map_err(|_| fault("the PEM does not hold a private RSA key"))?)
}

fn client_pair(key: &rsa::PrivateKey) -> Result<ClientKeypair, Fault> {
    let public_pem = key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(failed)?;
    let keys = PublicKeys::parse(&public_pem).map_err(failed)?;
    Ok(ClientKeypair { private_pem: pkcs8_of_rsa(key)?, public_pem, keys })
}

/// A private key ready to sign, and its public numbers.
pub(super) fn read(pem: &str, alg: Alg) -> Result<(EncodingKey, Params), Fault> {
    let utils = &aws_lc::DEFAULT_PROVIDER.key_utils;
    match alg {
        Alg::RS256 => {
            let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(unreadable)?;
            let (n, e) = (utils.rsa_pub_components_from_private_key)(key.as_bytes()).map_err(unreadable)?;
            Ok((key, Params::Rsa { n, e }))
        }
        Alg::ES256 => {
            let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(unreadable)?;
            let (_, x, y) = (utils.ec_pub_components_from_private_key)(key.as_bytes(), Algorithm::ES256)
                .map_err(unreadable)?;
            Ok((key, Params::P256 { x, y }))
        }
        Alg::EdDSA => {
            let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(unreadable)?;
            let x = (utils.ed_pub_components_from_private_key)(key.as_bytes(), &EllipticCurve::Ed25519)
                .map_err(unreadable)?;
            Ok((key, Params::Ed25519 { x }))
        }
        Alg::HS256 => Err(fault("HS256 has no private key")),
    }
}

fn material(private_pem: String, alg: Alg, created_at: i64, active_from: i64) -> Result<KeyMaterial, Fault> {
    let (_, params) = read(&private_pem, alg)?;
    let key = PublicKey::new(params, alg.public(), None).map_err(failed)?;
    let public_jwk = key.to_jwk();
    Ok(KeyMaterial { kid: key.kid, alg, private_pem, public_jwk, created_at, active_from, retired_at: None })
}

fn new_rsa(bits: usize) -> Result<rsa::PrivateKey, Fault> {
    if !(2048..=8192).contains(&bits) {
        return Err(fault("an RSA key has 2048 to 8192 bits"));
    }
    rsa::PrivateKey::new(&mut SysRng, bits).map_err(failed)
}

fn pkcs8_of_rsa(key: &rsa::PrivateKey) -> Result<String, Fault> {
    Ok(key.to_pkcs8_pem(LineEnding::LF).map_err(failed)?.to_string())
}

fn to_pem(der: &[u8]) -> Result<String, Fault> {
    let document = SecretDocument::try_from(der).map_err(failed)?;
    Ok(document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(failed)?.to_string())
}

/// The first block with a private key: files of EC keys often begin with their parameters.
fn private_block(pem: &str) -> Result<(&str, SecretDocument), Fault> {
    if pem.contains("ENCRYPTED") {
        return Err(fault(
            "the private key is encrypted; decrypt it, and protect the file by its mode (0600)",
        ));
    }
    for (at, _) in pem.match_indices("-----BEGIN ") {
        let label = pem[at..].strip_prefix("-----BEGIN ").and_then(|rest| rest.split("-----").next());
        let end = label.and_then(|label| {
            let closing = format!("-----END {label}-----");
            Some(at + pem[at..].find(&closing)? + closing.len())
        });
        if let (Some(label), Some(end)) = (label, end)
            && label.ends_with("PRIVATE KEY")
        {
            let (label, document) =
                SecretDocument::from_pem(&pem[at..end]).map_err(|_| fault("the PEM block is damaged"))?;
            return Ok((label, document));
        }
    }
    Err(fault("no PEM block with a private key"))
}

fn fault(text: impl Into<String>) -> Fault {
    Fault::Keys(text.into())
}

/// An error of a library whose text is about the operation and never about the key's bytes.
fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::Keys(error.to_string())
}

fn unreadable(_: jsonwebtoken::errors::Error) -> Fault {
    fault("a private key cannot be read or does not fit its algorithm")
}
