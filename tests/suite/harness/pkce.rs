//! Proof keys (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::unique;

/// A verifier and its challenge.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// `code_verifier`.
    pub verifier: String,
    /// `code_challenge`.
    pub challenge: String,
    /// `code_challenge_method`.
    pub method: &'static str,
}

impl Pkce {
    /// A fresh pair with S256.
    pub fn s256() -> Self {
        let verifier = format!("{:-<50}", unique("verifier"));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Self { verifier, challenge, method: "S256" }
    }

    /// A fresh pair with plain.
    pub fn plain() -> Self {
        let verifier = format!("{:-<50}", unique("verifier"));
        Self { challenge: verifier.clone(), verifier, method: "plain" }
    }
}

#[test]
fn d_rfc7636_appendix_b_vector() {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
