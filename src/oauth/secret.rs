//! Opaque secrets: codes, client secrets, sessions. Only their SHA-256 is ever stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What an opaque secret is for. The tag keeps one kind from passing as another (attack row E9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Authorization code.
    Code,
    /// Client secret.
    ClientSecret,
    /// Browser session.
    Session,
    /// A pending authorization request of a browser.
    Transaction,
    /// A link by which a user sets a password.
    Link,
}

impl Kind {
    fn tag(self) -> &'static str {
        match self {
            Self::Code => "gwc_",
            Self::ClientSecret => "gws_",
            Self::Session => "gwb_",
            Self::Transaction => "gwt_",
            Self::Link => "gwl_",
        }
    }
}

/// 256 random bits in base64url behind a tag. Shown once, kept as [`SecretHash`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The SHA-256 of a secret: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl Secret {
    /// Makes a secret of 32 random bytes.
    pub fn from_random(kind: Kind, bytes: [u8; 32]) -> Self {
        Self(format!("{}{}", kind.tag(), URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl SecretHash {
    /// The hash of a presented text, whatever it is.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Compares with a stored hash in constant time.
    pub fn matches(&self, stored: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), stored).into()
    }
}

/// The token of a form, made of the secret of the cookie that it is bound to. Whoever sees it in a page learns
/// nothing of the cookie, and whoever has no cookie cannot make it (attack row T2).
pub fn form_token(cookie: &str) -> String {
    let mut digest = Sha256::new_with_prefix(b"grantwood form\0");
    digest.update(cookie.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(***)")
    }
}
