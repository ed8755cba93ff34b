//! What jsonwebtoken signs with: aws-lc, but a private key is read once and not at every signature.
//!
//! As shipped, jsonwebtoken parses and checks the private key for each token, which takes almost twice as long as an
//! RSA signature and half as long as one of P-256. Here parsed keys stay in memory under the SHA-256 of their DER.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};

/// More signing keys than this are never in use at once; the bound keeps tests and rotations from piling up.
const MAX_KEYS: usize = 64;

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(|| CryptoProvider { signer_factory: signer, ..aws_lc::DEFAULT_PROVIDER.clone() });

static KEYS: LazyLock<RwLock<HashMap<Vec<u8>, Arc<Pair>>>> = LazyLock::new(RwLock::default);

/// A private key that is ready to sign.
enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// Makes this provider the process's. May be called often and from any thread.
///
/// Answers false if something else settled the provider first: tokens are right all the same, only slower.
pub(super) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| PROVIDER.install_default().is_ok())
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let ours = matches!(
        (algorithm, key.family()),
        (Algorithm::RS256, AlgorithmFamily::Rsa) | (Algorithm::ES256, AlgorithmFamily::Ec)
    );
    match ours {
        true => Ok(Box::new(Ready(*algorithm, parsed(*algorithm, key.as_bytes())?))),
        false => (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key),
    }
}

fn parsed(algorithm: Algorithm, der: &[u8]) -> Result<Arc<Pair>, Error> {
    let name = digest(&SHA256, der).as_ref().to_vec();
    if let Some(known) = KEYS.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return Ok(Arc::clone(known));
    }
    let pair = match algorithm {
        Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map(Pair::P256)
            .map_err(|_| ErrorKind::InvalidEcdsaKey)?,
        _ => RsaKeyPair::from_der(der).map(Pair::Rsa).map_err(|e| ErrorKind::InvalidRsaKey(e.to_string()))?,
    };
    let pair = Arc::new(pair);
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    if keys.len() >= MAX_KEYS {
        keys.clear();
    }
    keys.insert(name, Arc::clone(&pair));
    Ok(pair)
}

struct Ready(Algorithm, Arc<Pair>);

impl Signer<Vec<u8>> for Ready {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let random = SystemRandom::new();
        match &*self.1 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(signature::Error::from_source)?;
                Ok(signature)
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, message).map_err(signature::Error::from_source)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl JwtSigner for Ready {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_once() {
        let pem = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys/rsa-b.pem"));
        let key = EncodingKey::from_rsa_pem(pem).unwrap();
        let first = parsed(Algorithm::RS256, key.as_bytes()).unwrap();
        assert!(Arc::ptr_eq(&first, &parsed(Algorithm::RS256, key.as_bytes()).unwrap()));
        for algorithm in [Algorithm::RS256, Algorithm::ES256] {
            assert!(parsed(algorithm, b"no key").is_err());
        }
        let hmac = EncodingKey::from_secret(key.as_bytes());
        assert!(signer(&Algorithm::RS256, &hmac).is_err(), "a secret is no RSA key");
    }
}
