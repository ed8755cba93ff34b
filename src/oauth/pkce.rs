//! Proof Key for Code Exchange (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// `code_challenge_method` (RFC 7636 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// The challenge is the SHA-256 of the verifier.
    S256,
    /// The challenge is the verifier itself: only for clients whose document allows it.
    #[serde(rename = "plain")]
    Plain,
}

impl Method {
    /// The name on the wire. Names are case-sensitive.
    pub fn name(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }

    /// Reads `code_challenge_method`; absent means `plain` (RFC 7636 §4.3).
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            Some("S256") => Some(Self::S256),
            Some("plain") | None => Some(Self::Plain),
            Some(_) => None,
        }
    }
}

/// A well-formed challenge with its method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    /// How the challenge was made.
    pub method: Method,
    /// The challenge as the client sent it.
    pub value: String,
}

impl CodeChallenge {
    /// Checks the syntax of RFC 7636 §4.2: an S256 challenge is 43 base64url characters
    /// of 32 bytes, a plain one is a verifier.
    pub fn parse(value: &str, method: Method) -> Option<Self> {
        let fits = match method {
            Method::S256 => value.len() == 43 && URL_SAFE_NO_PAD.decode(value).is_ok_and(|b| b.len() == 32),
            Method::Plain => is_verifier(value),
        };
        fits.then(|| Self { method, value: value.to_owned() })
    }

    /// Whether the verifier belongs to this challenge (RFC 7636 §4.6), in constant time.
    pub fn matches(&self, verifier: &CodeVerifier) -> bool {
        let expected = match self.method {
            Method::S256 => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.0.as_bytes())),
            Method::Plain => verifier.0.clone(),
        };
        expected.as_bytes().ct_eq(self.value.as_bytes()).into()
    }
}

/// A well-formed `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Clone)]
pub struct CodeVerifier(String);

impl CodeVerifier {
    /// Checks the syntax.
    pub fn parse(text: &str) -> Option<Self> {
        is_verifier(text).then(|| Self(text.to_owned()))
    }
}

fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7636_appendix_b() {
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let challenge =
            CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Method::S256).unwrap();
        assert!(challenge.matches(&verifier));
    }

    #[test]
    fn d4_the_challenge_is_not_its_own_verifier() {
        let text = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let challenge = CodeChallenge::parse(text, Method::S256).unwrap();
        assert!(!challenge.matches(&CodeVerifier::parse(text).unwrap()));
    }

    #[test]
    fn d6_syntax_of_verifier_and_challenge() {
        let (short, long) = ("a".repeat(42), "a".repeat(129));
        for bad in [short.as_str(), long.as_str(), &"a+".repeat(30), &"a=".repeat(30), &"é".repeat(43)] {
            assert!(CodeVerifier::parse(bad).is_none(), "{bad}");
        }
        assert!(CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", Method::S256).is_none());
        assert!(CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw", Method::S256).is_none());
        assert_eq!(Method::parse(Some("s256")), None);
        assert_eq!(Method::parse(None), Some(Method::Plain));
    }
}
