//! A signer of assertions: right by default, wrong in exactly the way that a test wants.

use serde_json::{Map, Value, json};

use super::keys::{self, Key};
use super::{jwt, now_s, unique};

/// An assertion in the making (RFC 7523 §3).
#[derive(Clone)]
pub struct Assertion {
    header: Value,
    claims: Map<String, Value>,
    key: Key,
}

impl Assertion {
    /// `iss` and `sub` = the client, `aud` = the given one, five minutes less ten seconds, a fresh `jti`.
    pub fn new(client_id: &str, audience: &str) -> Self {
        let now = now_s();
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": now,
            "exp": now + 240,
            "jti": unique("jti"),
        });
        let Value::Object(claims) = claims else { unreachable!("written as an object") };
        Self { header: json!({ "alg": keys::CLIENT.alg, "typ": "JWT" }), claims, key: keys::CLIENT }
    }

    /// Another value for a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Another value for a header parameter.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// Signed by another key, with that key's algorithm.
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self.header["alg"] = key.alg.into();
        self
    }

    /// Signed with another algorithm of the same key.
    pub fn alg(mut self, name: &str) -> Self {
        self.header["alg"] = name.into();
        self
    }

    /// The `jti`.
    pub fn jti(&self) -> &str {
        self.claims["jti"].as_str().expect("a text")
    }

    /// The claims as JSON text.
    pub fn claims_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The header.
    pub fn header_value(&self) -> &Value {
        &self.header
    }

    /// Signs with the key by the header's algorithm.
    pub fn sign(&self) -> String {
        let name = self.header["alg"].as_str().expect("an algorithm's name");
        jwt::sign(&self.header, &self.claims_text(), &self.key, jwt::algorithm(name))
    }

    /// Signs with the key's own algorithm, whatever the header says.
    pub fn sign_as_key(&self) -> String {
        jwt::sign(&self.header, &self.claims_text(), &self.key, jwt::algorithm(self.key.alg))
    }

    /// Signs a claims text as it stands, for JSON that no serializer writes.
    pub fn sign_text(&self, claims: &str) -> String {
        jwt::sign(&self.header, claims, &self.key, jwt::algorithm(self.key.alg))
    }
}
