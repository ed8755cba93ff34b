//! A guard for Rust APIs: poem middleware that lets a request through only with a good access token.
//!
//! It verifies access tokens of this server (RFC 9068) against its public keys, which it keeps for as long as their
//! answer permits, or asks introspection (RFC 7662). Handlers get the verified [`Claims`]; everybody else gets 401
//! or 403 with the challenge of RFC 6750 §3. See `config/examples/rust`.
//!
//! ```no_run
//! use grantwood::guard::{Claims, Guard};
//! use poem::{EndpointExt, Route, get, handler};
//!
//! #[handler]
//! fn list(claims: Claims) -> String {
//!     format!("forms of {}", claims.subject())
//! }
//!
//! # fn main() -> Result<(), grantwood::guard::SetupError> {
//! let guard = Guard::keys("https://auth.example.com", "https://api.example.com")?;
//! let routes = Route::new().at("/api/forms", get(list).with(guard.scope("api::form.form.find")));
//! # drop(routes);
//! # Ok(())
//! # }
//! ```
//!
//! An issuer with https is believed by the system's certificates (`SSL_CERT_FILE` names others). Verification offline knows nothing of revocation until the token expires:
//! keep lifetimes short, follow the issuer's list of revoked tokens ([`Guard::following_revocations`]), or ask
//! introspection.

mod claims;
pub(crate) mod fetch;
mod introspection;
mod keys;
mod refusal;
mod revoked;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use poem::http::header;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use url::Url;

pub use claims::Claims;
pub use fetch::{Answer, Fetch, FetchError, Http};
pub use refusal::Refusal;

use introspection::Introspection;
use keys::Keys;
use revoked::Revoked;

/// Clock skew that is forgiven unless it is set otherwise.
const LEEWAY: Duration = Duration::from_secs(30);

/// Why a guard cannot be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SetupError {
    /// The issuer or an endpoint is no URL of http or https.
    #[error("{0} is no URL of http or https")]
    Url(String),
    /// The audience is empty: any token of the issuer would do.
    #[error("an audience is needed")]
    Audience,
}

/// What stands before an endpoint. Cloning is cheap; clones share keys and answers.
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
    scopes: Arc<[String]>,
    leeway: Duration,
    resource_metadata: Option<Arc<str>>,
    revoked: Option<Arc<Revoked>>,
}

struct Shared {
    issuer: String,
    audience: String,
    way: Way,
}

enum Way {
    Keys(Keys),
    Introspection(Introspection),
}

impl Guard {
    /// Verifies against the issuer's public keys at `<issuer>/oauth2/jwks`.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn keys(issuer: &str, audience: &str) -> Result<Self, SetupError> {
        Self::keys_at(
            issuer,
            audience,
            &format!("{}/oauth2/jwks", issuer.trim_end_matches('/')),
            Arc::new(Http),
        )
    }

    /// Verifies against the keys of another address, read by a client of your own.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn keys_at(
        issuer: &str,
        audience: &str,
        jwks: &str,
        client: Arc<dyn Fetch>,
    ) -> Result<Self, SetupError> {
        Self::new(issuer, audience, Way::Keys(Keys::new(address(jwks)?, client)))
    }

    /// Asks `<issuer>/oauth2/introspect` as a client with a secret. The server answers about tokens whose audience
    /// that client is. Answers are kept for `keep`, at most a second; zero asks each time.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn introspection(
        issuer: &str,
        audience: &str,
        client_id: &str,
        client_secret: &str,
        keep: Duration,
    ) -> Result<Self, SetupError> {
        let url = address(&format!("{}/oauth2/introspect", issuer.trim_end_matches('/')))?;
        let way = Introspection::new(url, client_id, client_secret, keep, Arc::new(Http));
        Self::new(issuer, audience, Way::Introspection(way))
    }

    fn new(issuer: &str, audience: &str, way: Way) -> Result<Self, SetupError> {
        address(issuer)?;
        if audience.is_empty() {
            return Err(SetupError::Audience);
        }
        let shared = Shared { issuer: issuer.to_owned(), audience: audience.to_owned(), way };
        let (shared, scopes) = (Arc::new(shared), Arc::new([]));
        Ok(Self { shared, scopes, leeway: LEEWAY, resource_metadata: None, revoked: None })
    }

    /// Follows `<issuer>/oauth2/revoked-tokens` as a client with a secret and the scope `admin:token.revoked`, so that
    /// verification by keys is at most `every` and the server's `tokens.revoked_max_age` behind. While no list comes,
    /// the last one stands for three times `every`; then, and before the first, every token is answered with 503.
    /// Introspection is never behind: a guard that asks there stays as it is.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn following_revocations(
        self,
        client_id: &str,
        client_secret: &str,
        every: Duration,
    ) -> Result<Self, SetupError> {
        let Way::Keys(keys) = &self.shared.way else { return Ok(self) };
        let issuer = &self.shared.issuer;
        let url = address(&format!("{}/oauth2/revoked-tokens", issuer.trim_end_matches('/')))?;
        let revoked = Revoked::new(url, issuer, (client_id, client_secret), every, keys.client());
        Ok(Self { revoked: Some(Arc::new(revoked)), ..self })
    }

    /// Demands one more scope.
    #[must_use]
    pub fn scope(&self, scope: &str) -> Self {
        let scopes = self.scopes.iter().cloned().chain([scope.to_owned()]).collect();
        Self { scopes, ..self.clone() }
    }

    /// Another clock skew that is forgiven.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// The URL of the API's protected resource metadata, for challenges (RFC 9728 §5.1).
    #[must_use]
    pub fn resource_metadata(self, url: &str) -> Self {
        Self { resource_metadata: Some(url.into()), ..self }
    }

    /// Checks a token and all that this guard demands.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn check(&self, token: &str) -> Result<Claims, Refusal> {
        self.check_at(token, now_ms()).await
    }

    async fn check_at(&self, token: &str, now_ms: i64) -> Result<Claims, Refusal> {
        let mut claims = match &self.shared.way {
            Way::Keys(keys) => claims::verified(token, keys, now_ms).await?,
            Way::Introspection(introspection) => introspection.claims(token, now_ms).await?,
        };
        let leeway_ms = i64::try_from(self.leeway.as_millis()).unwrap_or(i64::MAX);
        claims.hold(&self.shared.issuer, &self.shared.audience, now_ms, leeway_ms)?;
        if let (Some(revoked), Way::Keys(keys)) = (&self.revoked, &self.shared.way) {
            claims = revoked.check(claims, keys, now_ms).await?;
        }
        match self.scopes.iter().find(|scope| !claims.has_scope(scope)) {
            Some(missing) => Err(Refusal::Scope(missing.clone())),
            None => Ok(claims),
        }
    }

    async fn admit(&self, request: &Request) -> Result<Claims, Refusal> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
        let value = match (headers.next(), headers.next()) {
            (None, _) => return Err(Refusal::Missing),
            (Some(value), None) => value.to_str().map_err(|_| Refusal::Request)?,
            (Some(_), Some(_)) => return Err(Refusal::Request),
        };
        let token = value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        self.check(token.ok_or(Refusal::Missing)?).await
    }
}

impl<E: Endpoint> Middleware<E> for Guard {
    type Output = Guarded<E>;

    fn transform(&self, endpoint: E) -> Guarded<E> {
        Guarded { guard: self.clone(), endpoint }
    }
}

/// An endpoint behind a guard.
pub struct Guarded<E> {
    guard: Guard,
    endpoint: E,
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        match self.guard.admit(&request).await {
            Err(refusal) => Ok(refusal.response(self.guard.resource_metadata.as_deref())),
            Ok(claims) => {
                request.set_data(claims);
                self.endpoint.call(request).await.map(IntoResponse::into_response)
            }
        }
    }
}

fn address(text: &str) -> Result<Url, SetupError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| SetupError::Url(text.to_owned()))
}

/// Milliseconds since 1970. A guard lives in other programs, so this is the one place that it asks.
#[allow(clippy::disallowed_methods)]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
