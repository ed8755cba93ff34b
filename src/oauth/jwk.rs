//! Public keys of clients: each pinned to one algorithm when it is registered.

pub mod json;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many keys one text may register.
pub const MAX_KEYS: usize = 20;
/// How long a text with keys may be, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// The public keys that a client registered, in the order in which they were written.
///
/// Cloning is cheap. `Debug` shows key ids only.
#[derive(Clone, Default)]
pub struct PublicKeys(Arc<[PublicKey]>);

/// One public key, ready to verify, and the only algorithm that it may verify (RFC 8725 §3.1).
#[derive(Clone)]
pub struct PublicKey {
    /// The key's name: as registered, else its RFC 7638 thumbprint.
    pub kid: String,
    /// The one algorithm that it verifies.
    pub alg: KeyAlg,
    params: Params,
    decoding: DecodingKey,
}

/// An algorithm with which a client may sign. No symmetric one is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// The numbers of a public key: big-endian bytes without leading zeros for RSA, fixed lengths for the others.
#[derive(Clone, PartialEq, Eq)]
pub enum Params {
    /// Modulus and exponent.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// A point on P-256.
    P256 {
        /// 32 bytes.
        x: Vec<u8>,
        /// 32 bytes.
        y: Vec<u8>,
    },
    /// An Ed25519 public key of 32 bytes.
    Ed25519 {
        /// 32 bytes.
        x: Vec<u8>,
    },
}

/// Why a key cannot be registered. The texts repeat nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// More than 64 kB.
    #[error("more than 64 kB of keys")]
    TooLong,
    /// Neither PEM nor a JSON object.
    #[error("neither PEM (BEGIN PUBLIC KEY) nor a JWK or JWKS in JSON")]
    Unreadable,
    /// No key in it.
    #[error("no key in the text")]
    None,
    /// More than twenty.
    #[error("more than 20 keys")]
    TooMany,
    /// Private parts are in it: it has to be replaced, for it was shown.
    #[error("this is a private key; register the public key and replace this one, since it was sent")]
    Private,
    /// A symmetric key.
    #[error("symmetric keys cannot be registered")]
    Symmetric,
    /// A PEM block of another kind, or text around the blocks.
    #[error("only PEM blocks BEGIN PUBLIC KEY (SPKI) are read; openssl pkey -pubout writes them")]
    PemKind,
    /// The block's DER is broken.
    #[error("the PEM block holds no valid public key")]
    Der,
    /// The JSON is broken, too deep, or repeats a member.
    #[error("the JSON is malformed, nested too deeply, or repeats a member")]
    Json,
    /// A member is absent, of the wrong type, or not canonical base64url.
    #[error("member {0} of the JWK is absent or malformed")]
    Member(&'static str),
    /// A key type that is not RSA, EC or OKP.
    #[error("the key type is not RSA, EC P-256 or Ed25519")]
    Type,
    /// Another curve.
    #[error("the curve is not P-256 or Ed25519")]
    Curve,
    /// Less than 2048 bits.
    #[error("RSA keys need at least 2048 bits")]
    RsaTooShort,
    /// More than 8192 bits.
    #[error("RSA keys have at most 8192 bits")]
    RsaTooLong,
    /// An even modulus, or an exponent outside 65537 to 2^33, or an even one.
    #[error("the RSA modulus or exponent is not acceptable (the exponent is 65537 or a little more)")]
    RsaNumbers,
    /// Not on the curve, or a point of small order.
    #[error("the point is not a valid public key on its curve")]
    Point,
    /// `use` or `key_ops` is not for signatures.
    #[error("use must be sig and key_ops must contain verify")]
    Use,
    /// `alg` does not fit the key or is not one of ours.
    #[error("alg must be RS256 or PS256 (RSA), ES256 (P-256) or EdDSA (Ed25519)")]
    Alg,
    /// `kid` is empty, longer than 255 bytes or not printable ASCII.
    #[error("kid must be 1 to 255 printable ASCII characters")]
    Kid,
    /// Two keys with one `kid`.
    #[error("two keys have the same kid")]
    DuplicateKid,
}

impl PublicKeys {
    /// Reads SPKI PEM (one block or several), a JWK, or a JWKS.
    ///
    /// References to keys elsewhere (`x5u`, `jku`) are ignored and never fetched (attack row G7).
    ///
    /// # Errors
    /// [`KeyError`]: one bad key refuses the whole text (attack rows G16, Q2).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys = read::keys(text)?;
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].iter().any(|earlier| earlier.kid == key.kid) {
                return Err(KeyError::DuplicateKid);
            }
        }
        Ok(Self(keys.into()))
    }

    /// Both sets in one. Where both have a `kid`, the key of `self` stands.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        let added = other.iter().filter(|key| self.get(&key.kid).is_none());
        Self(self.iter().chain(added).cloned().collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, PublicKey> {
        self.0.iter()
    }

    /// The key of that name.
    pub fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// The set as a JWKS (RFC 7517 §5): public parts, `kid`, `use`, `alg`.
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }
}

impl PublicKey {
    /// Checks the numbers and pins the algorithm; `kid` none = the thumbprint.
    ///
    /// # Errors
    /// [`KeyError`] if the numbers are no acceptable key, or the algorithm is not one of the key's type.
    pub fn new(params: Params, alg: Option<KeyAlg>, kid: Option<String>) -> Result<Self, KeyError> {
        read::check(&params)?;
        let alg = alg.unwrap_or(params.default_alg());
        if !params.can(alg) {
            return Err(KeyError::Alg);
        }
        let kid = kid.unwrap_or_else(|| params.thumbprint());
        let decoding = params.decoding_key();
        Ok(Self { kid, alg, params, decoding })
    }

    /// The numbers.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The public JWK with `kid`, `use` and `alg`.
    pub fn to_jwk(&self) -> Value {
        let mut jwk = self.params.to_jwk();
        jwk["kid"] = self.kid.as_str().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.alg.name().into();
        jwk
    }

    /// The key as the verifier wants it.
    pub(crate) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl KeyAlg {
    /// The name on the wire (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads the exact name; `none`, HMAC and every other spelling are not among them (attack row G5).
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa].into_iter().find(|alg| alg.name() == name)
    }

    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

impl Params {
    /// The RFC 7638 thumbprint with SHA-256, in base64url.
    pub fn thumbprint(&self) -> String {
        // The members in lexicographic order, no white space (RFC 7638 §3); RFC 8037 §2 adds OKP.
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n)),
            Self::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, b64(x), b64(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x)),
        };
        b64(&Sha256::digest(canonical.as_bytes()))
    }

    /// The required members of the JWK alone.
    pub fn to_jwk(&self) -> Value {
        match self {
            Self::Rsa { n, e } => json!({ "kty": "RSA", "n": b64(n), "e": b64(e) }),
            Self::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) }),
            Self::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(x) }),
        }
    }

    fn default_alg(&self) -> KeyAlg {
        match self {
            Self::Rsa { .. } => KeyAlg::Rs256,
            Self::P256 { .. } => KeyAlg::Es256,
            Self::Ed25519 { .. } => KeyAlg::EdDsa,
        }
    }

    fn can(&self, alg: KeyAlg) -> bool {
        match self {
            Self::Rsa { .. } => matches!(alg, KeyAlg::Rs256 | KeyAlg::Ps256),
            Self::P256 { .. } => alg == KeyAlg::Es256,
            Self::Ed25519 { .. } => alg == KeyAlg::EdDsa,
        }
    }

    fn decoding_key(&self) -> DecodingKey {
        match self {
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Self::P256 { x, y } => DecodingKey::from_ec_der(&read::uncompressed(x, y)),
            Self::Ed25519 { x } => DecodingKey::from_ed_der(x),
        }
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.kid, self.alg.name())
    }
}
