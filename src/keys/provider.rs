//! What jsonwebtoken signs with: aws-lc, but an RSA key is read once and not at every signature.
//!
//! As shipped, jsonwebtoken parses and checks the private key for each token, which takes almost twice
//! as long as the signature itself. Here parsed keys stay in memory under the SHA-256 of their DER.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};

/// More signing keys than this are never in use at once; the bound keeps tests and rotations from piling up.
const MAX_KEYS: usize = 64;

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(|| CryptoProvider { signer_factory: signer, ..aws_lc::DEFAULT_PROVIDER.clone() });

static KEYS: LazyLock<RwLock<HashMap<Vec<u8>, Arc<RsaKeyPair>>>> = LazyLock::new(RwLock::default);

/// Makes this provider the process's. May be called often and from any thread.
///
/// Answers false if something else settled the provider first: tokens are right all the same, only slower.
pub(super) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| PROVIDER.install_default().is_ok())
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm == Algorithm::RS256 && key.family() == AlgorithmFamily::Rsa {
        return Ok(Box::new(Rs256(parsed(key.as_bytes())?)));
    }
    (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key)
}

fn parsed(der: &[u8]) -> Result<Arc<RsaKeyPair>, Error> {
    let name = digest(&SHA256, der).as_ref().to_vec();
    if let Some(known) = KEYS.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return Ok(Arc::clone(known));
    }
    let pair = RsaKeyPair::from_der(der).map_err(|e| ErrorKind::InvalidRsaKey(e.to_string()))?;
    let pair = Arc::new(pair);
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    if keys.len() >= MAX_KEYS {
        keys.clear();
    }
    keys.insert(name, Arc::clone(&pair));
    Ok(pair)
}

struct Rs256(Arc<RsaKeyPair>);

impl Signer<Vec<u8>> for Rs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(signature::Error::from_source)?;
        Ok(signature)
    }
}

impl JwtSigner for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_once() {
        let pem = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/rsa-b.pem"));
        let key = EncodingKey::from_rsa_pem(pem).unwrap();
        let first = parsed(key.as_bytes()).unwrap();
        assert!(Arc::ptr_eq(&first, &parsed(key.as_bytes()).unwrap()));
        assert!(parsed(b"no key").is_err());
        let hmac = EncodingKey::from_secret(key.as_bytes());
        assert!(signer(&Algorithm::RS256, &hmac).is_err(), "a secret is no RSA key");
    }
}
