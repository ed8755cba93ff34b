//! What a good access token says (RFC 9068 §2.2), and the checks that make it good (RFC 9068 §4).

use std::sync::Arc;

use poem::{FromRequest, Request, RequestBody};
use serde_json::{Map, Value};

use super::keys::Keys;
use super::refusal::Refusal;
use crate::oauth::assertion::compact::{Compact, MAX_TEXT};

/// The claims of a verified access token; an argument of handlers behind a guard.
#[derive(Clone, Debug)]
pub struct Claims(Arc<Map<String, Value>>);

impl Claims {
    /// The claims of an answer of the issuer's.
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// The user's id, or the client's for a machine token.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// The client that the token was issued to.
    pub fn client_id(&self) -> &str {
        self.text("client_id").unwrap_or_default()
    }

    /// The token's id.
    pub fn jti(&self) -> Option<&str> {
        self.text("jti")
    }

    /// What the token carries.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether the token carries a scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|carried| carried == scope)
    }

    /// The same claims with what the token still carries.
    pub(super) fn with_scope(&self, scope: &str) -> Self {
        let mut claims = self.0.as_ref().clone();
        claims.insert("scope".to_owned(), scope.into());
        Self::new(claims)
    }

    /// Any claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn seconds(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Issuer, audience and times.
    pub(super) fn hold(
        &self,
        issuer: &str,
        audience: &str,
        now_ms: i64,
        leeway_ms: i64,
    ) -> Result<(), Refusal> {
        if self.text("iss") != Some(issuer) {
            return Err(Refusal::Token("the token is of another issuer"));
        }
        let meant = match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        };
        if !meant {
            return Err(Refusal::Token("the token is for another audience"));
        }
        let (now, leeway) = (now_ms as f64 / 1e3, leeway_ms as f64 / 1e3);
        match self.seconds("exp") {
            Some(end) if now < end + leeway => {}
            _ => return Err(Refusal::Token("the token has expired")),
        }
        let begun = |name: &str| match self.0.get(name) {
            None => true,
            Some(value) => value.as_f64().is_some_and(|start| start <= now + leeway),
        };
        if !begun("nbf") || !begun("iat") {
            return Err(Refusal::Token("the token is not valid yet"));
        }
        if self.subject().is_empty() || self.client_id().is_empty() {
            return Err(Refusal::Token("the token names no subject or no client"));
        }
        Ok(())
    }
}

impl<'a> FromRequest<'a> for Claims {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let claims = request.data::<Self>().cloned();
        // A handler that wants claims and has no guard before it must not run.
        claims.ok_or_else(|| poem::Error::from_status(poem::http::StatusCode::UNAUTHORIZED))
    }
}

/// The claims of a token whose type, key, algorithm and signature are right.
pub(super) async fn verified(token: &str, keys: &Keys, now_ms: i64) -> Result<Claims, Refusal> {
    signed(token, "at+jwt", MAX_TEXT, keys, now_ms).await.map(Claims::new)
}

/// What a JWT of that type says, if a key of the issuer's signed it.
pub(super) async fn signed(
    text: &str,
    wanted: &str,
    longest: usize,
    keys: &Keys,
    now_ms: i64,
) -> Result<Map<String, Value>, Refusal> {
    let compact =
        Compact::parse_up_to(text, longest).map_err(|_| Refusal::Token("the token cannot be read"))?;
    let typ = compact.header.get("typ").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != wanted {
        return Err(Refusal::Token("the token is no access token"));
    }
    let kid = compact.kid().ok().flatten().ok_or(Refusal::Token("the token names no key"))?;
    let key = keys.get(kid, now_ms).await?.ok_or(Refusal::Token("the token's key is unknown"))?;
    // The algorithm is the key's, whatever the token says (RFC 8725 §3.1).
    if compact.alg() != Some(key.alg.name()) {
        return Err(Refusal::Token("the token's algorithm is not its key's"));
    }
    if !compact.signature_holds(key.alg.algorithm(), key.decoding()) {
        return Err(Refusal::Token("the token's signature is wrong"));
    }
    Ok(compact.claims)
}
