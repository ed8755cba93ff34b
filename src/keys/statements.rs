//! Signed statements about tokens, for those who verify offline or keep what they were told.

use serde_json::{Value, json};

use super::{Alg, KeyRing};
use crate::oauth::reject::Fault;
use crate::policy::permit::{Administer, Permit, Tell};

const INTROSPECTION: &str = "token-introspection+jwt";
const REVOKED: &str = "revoked-tokens+jwt";

impl KeyRing {
    /// Whether others can verify what is signed: not with a shared secret.
    pub fn is_public(&self) -> bool {
        self.alg() != Alg::HS256
    }

    /// Signs an introspection answer for the caller whom the permit names (RFC 9701 §5).
    ///
    /// There is neither `sub` nor `exp` at the top, so that nobody takes it for an access token.
    ///
    /// # Errors
    /// [`Fault::Keys`] if no key is active, others could not verify it, or signing fails.
    pub fn sign_introspection(
        &self,
        permit: &Permit<Tell>,
        issuer: &str,
        answer: &Value,
        now_ms: i64,
    ) -> Result<String, Fault> {
        let body = json!({
            "iss": issuer,
            "aud": permit.get().client.as_str(),
            "iat": now_ms.div_euclid(1_000),
            "token_introspection": answer,
        });
        self.statement(INTROSPECTION, &body, now_ms)
    }

    /// Signs the list of revoked tokens.
    ///
    /// # Errors
    /// The same.
    pub fn sign_revoked(&self, _: &Permit<Administer>, body: &Value, now_ms: i64) -> Result<String, Fault> {
        self.statement(REVOKED, body, now_ms)
    }

    fn statement(&self, typ: &str, body: &Value, now_ms: i64) -> Result<String, Fault> {
        if !self.is_public() {
            return Err(Fault::Keys("a statement that nobody could verify".to_owned()));
        }
        Ok(self.sign(typ, body, now_ms)?.0)
    }
}
