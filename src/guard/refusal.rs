//! Why a request is not let through, and how that is told (RFC 6750 §3).

use poem::Response;
use poem::http::{StatusCode, header};

/// A reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No bearer token: no error code, as RFC 6750 §3.1 asks.
    Missing,
    /// The `Authorization` header stands twice or cannot be read.
    Request,
    /// The token is not good; the text says why.
    Token(&'static str),
    /// The token does not carry this scope.
    Scope(String),
    /// The issuer cannot be asked, so nothing can be said about the token.
    Unavailable,
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, "invalid_token", "a bearer token is required"),
            Self::Request => {
                (StatusCode::BAD_REQUEST, "invalid_request", "the Authorization header cannot be read")
            }
            Self::Token(why) => (StatusCode::UNAUTHORIZED, "invalid_token", why),
            Self::Scope(_) => {
                (StatusCode::FORBIDDEN, "insufficient_scope", "the token does not carry the scope")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "the issuer does not answer")
            }
        }
    }

    /// The answer.
    pub(super) fn response(&self, resource_metadata: Option<&str>) -> Response {
        let (status, error, description) = self.parts();
        let body = serde_json::json!({ "error": error, "error_description": description });
        let mut response = Response::builder()
            .status(status)
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "no-store");
        if status != StatusCode::SERVICE_UNAVAILABLE {
            let mut challenge = "Bearer".to_owned();
            let mut add = |name: &str, value: &str| {
                let value: String =
                    value.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
                let comma = if challenge == "Bearer" { "" } else { "," };
                challenge.push_str(&format!("{comma} {name}=\"{value}\""));
            };
            if *self != Self::Missing {
                add("error", error);
                add("error_description", description);
            }
            if let Self::Scope(scope) = self {
                add("scope", scope);
            }
            if let Some(url) = resource_metadata {
                add("resource_metadata", url);
            }
            response = response.header(header::WWW_AUTHENTICATE, challenge);
        }
        response.body(body.to_string())
    }
}
