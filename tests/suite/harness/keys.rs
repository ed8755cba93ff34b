//! The fixture keys: made once, kept in the repository, used by nobody else.

/// A key pair of the fixtures.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// PKCS#8 PEM.
    pub private: &'static str,
    /// SPKI PEM.
    pub public: &'static str,
    /// The algorithm that it signs with unless a test says otherwise.
    pub alg: &'static str,
}

macro_rules! key {
    ($file:literal, $alg:literal) => {
        Key {
            private: include_str!(concat!("../../fixtures/keys/", $file, ".pem")),
            public: include_str!(concat!("../../fixtures/keys/", $file, ".pub.pem")),
            alg: $alg,
        }
    };
}

/// What the server signs with.
pub const SERVER: Key = key!("rsa-server", "RS256");
/// What clients register unless a test says otherwise.
pub const CLIENT: Key = key!("rsa-client", "RS256");
/// A second honest client's.
pub const OTHER: Key = key!("rsa-other", "RS256");
/// Registered by nobody.
pub const ATTACKER: Key = key!("rsa-attacker", "RS256");
/// On P-256.
pub const EC: Key = key!("ec-client", "ES256");
/// Ed25519.
pub const ED: Key = key!("ed-client", "EdDSA");
/// 1024 bits: to be refused.
pub const WEAK_PUBLIC: &str = include_str!("../../fixtures/keys/rsa-weak.pub.pem");
