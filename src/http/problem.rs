//! Refusals and faults become answers here, and only here.
//!
//! An endpoint's `?` turns a `Reject`, `Fault` or [`Stop`] into [`OAuthError`], [`BearerError`] or
//! [`ManagementError`]; each is a [`Problem`] to the framework. The guard renders it, because it knows the
//! request: whether the `Authorization` header was used, and below which mount the path lies.

use std::fmt;
use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::oauth::error_code;
use crate::oauth::reject::{Fault, Reject, Stop, Wire};

/// How a problem is told to the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// By the path: [`Dialect::Envelope`] below a management path, [`Dialect::OAuth`] elsewhere.
    #[default]
    ByPath,
    /// RFC 6749 §5.2.
    OAuth,
    /// RFC 6750 §3; the URL of RFC 9728 §5.1 if there is one.
    Bearer(Option<Arc<str>>),
    /// The management API's `{"data":null,"error":{…}}`.
    Envelope,
}

/// A request that ends without success, on its way to the wire.
#[derive(Clone, Debug)]
pub struct Problem {
    cause: Cause,
    dialect: Dialect,
}

#[derive(Clone, Debug)]
enum Cause {
    Stop(Stop),
    /// Refused before any endpoint: no such path, wrong method, too large.
    Framework(Wire),
}

/// What the renderer must know of the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The path belongs to the management API.
    pub management: bool,
    /// The server's own address, for `error_uri`; none = no such member.
    pub issuer: Option<&'a str>,
    /// The request's id, for `error_uri`.
    pub request_id: Option<&'a str>,
}

impl Problem {
    /// A problem of the protocol's own endpoints.
    pub fn oauth(stop: impl Into<Stop>) -> Self {
        Self { cause: Cause::Stop(stop.into()), dialect: Dialect::OAuth }
    }

    /// A problem of an endpoint that takes bearer tokens.
    pub fn bearer(stop: impl Into<Stop>, resource_metadata: Option<Arc<str>>) -> Self {
        Self { cause: Cause::Stop(stop.into()), dialect: Dialect::Bearer(resource_metadata) }
    }

    /// A problem of the management API.
    pub fn envelope(stop: impl Into<Stop>) -> Self {
        Self { cause: Cause::Stop(stop.into()), dialect: Dialect::Envelope }
    }

    /// A refusal of the framework's or the guard's.
    pub(super) fn framework(status: StatusCode, description: &'static str) -> Self {
        let error = match status {
            StatusCode::NOT_FOUND => "not_found",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request",
        };
        let wire = Wire { error: error.into(), status: status.as_u16(), description: description.into() };
        Self { cause: Cause::Framework(wire), dialect: Dialect::ByPath }
    }

    /// The refusal inside, if it is one.
    pub fn reject(&self) -> Option<&Reject> {
        match &self.cause {
            Cause::Stop(Stop::Reject(reject)) => Some(reject),
            _ => None,
        }
    }

    /// The fault inside, if it is one.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.cause {
            Cause::Stop(Stop::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    /// The wire's view: a fault shows nothing of its inside.
    pub fn wire(&self) -> Wire {
        match &self.cause {
            Cause::Framework(wire) => wire.clone(),
            Cause::Stop(Stop::Reject(reject)) => reject.wire(),
            Cause::Stop(Stop::Fault(fault)) => {
                let error = match fault {
                    Fault::Unavailable(_) => "temporarily_unavailable",
                    _ => "server_error",
                };
                let description = "the server cannot answer this now; the log has the reason";
                Wire { error: error.into(), status: 503, description: description.into() }
            }
        }
    }

    /// Any error of the framework as a problem of ours: nothing leaves as plain text.
    pub fn from_error(error: &poem::Error) -> Self {
        use poem_openapi::error::{
            ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError,
        };
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(bad) = error.downcast_ref::<ParseParamError>() {
            return Reject::Invalid(bad.name, "not a value that it can have".into()).into();
        }
        if error.is::<ParsePathError>() {
            return Self::framework(StatusCode::NOT_FOUND, "no such path");
        }
        if let Some(bad) = error.downcast_ref::<ParseRequestPayloadError>() {
            return Reject::Field("body", brief(&bad.reason)).into();
        }
        if error.is::<ContentTypeError>() {
            return Reject::Malformed("the body is not of a content type that this path takes").into();
        }
        let (status, description) = match error.status() {
            StatusCode::NOT_FOUND => (StatusCode::NOT_FOUND, "no such path"),
            StatusCode::METHOD_NOT_ALLOWED => {
                (StatusCode::METHOD_NOT_ALLOWED, "the method is not allowed here; see Allow")
            }
            StatusCode::UNAUTHORIZED => return Reject::TokenMissing.into(),
            StatusCode::PAYLOAD_TOO_LARGE => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (StatusCode::BAD_REQUEST, "unsupported media type"),
            status if status.is_client_error() => (status, "the request cannot be read"),
            _ => return Fault::Inconsistent(format!("an endpoint failed: {error}")).into(),
        };
        Self::framework(status, description)
    }

    /// The answer. A fault is logged here, with the request's id from the span around it.
    pub fn respond(&self, asked: Asked<'_>) -> Response {
        if let Some(fault) = self.fault() {
            tracing::error!(event = "fault", fault = %fault, "a request failed through our fault");
        }
        let wire = self.wire();
        let status = StatusCode::from_u16(wire.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let envelope = match self.dialect {
            Dialect::Envelope => true,
            Dialect::ByPath => asked.management,
            Dialect::OAuth | Dialect::Bearer(_) => false,
        };
        let body = if envelope { self.envelope_body(&wire, asked) } else { oauth_body(&wire, asked) };
        let mut response = Response::builder()
            .status(status)
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::PRAGMA, "no-cache")
            .body(body.to_string());
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let challenge = self.challenge(&wire, envelope).and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// The body of [`Self::respond`] in the dialects of protocol endpoints.
    pub(super) fn oauth_text(&self, asked: Asked<'_>) -> String {
        oauth_body(&self.wire(), asked).to_string()
    }

    /// Seconds for `Retry-After`.
    fn retry_after(&self) -> Option<u64> {
        match &self.cause {
            Cause::Stop(Stop::Reject(Reject::TooMany(seconds))) => Some((*seconds).max(1)),
            Cause::Stop(Stop::Fault(Fault::Unavailable(_))) => Some(1),
            Cause::Stop(Stop::Fault(_)) => Some(5),
            Cause::Framework(wire) if wire.status == 503 => Some(5),
            _ => None,
        }
    }

    /// `WWW-Authenticate`: Basic for a client that tried it (F1), Bearer for everybody else (S2).
    fn challenge(&self, wire: &Wire, envelope: bool) -> Option<String> {
        let reject = self.reject()?;
        if matches!(reject, Reject::Client(_)) && !envelope {
            // RFC 9110 §15.5.2: every 401 names a way to authenticate.
            return Some("Basic realm=\"grantwood\", charset=\"UTF-8\"".to_owned());
        }
        let about_a_token =
            matches!(reject, Reject::TokenMissing | Reject::TokenInvalid | Reject::InsufficientScope(_));
        let bad_bearer = matches!(self.dialect, Dialect::Bearer(_))
            && (wire.error == "invalid_request" || matches!(reject, Reject::UseDenied { .. }));
        if !about_a_token && !bad_bearer {
            return None;
        }
        let mut text = "Bearer realm=\"grantwood\"".to_owned();
        if !matches!(reject, Reject::TokenMissing) {
            text.push_str(&format!(", error=\"{}\", error_description=\"{}\"", wire.error, wire.description));
        }
        if let Reject::InsufficientScope(scope) = reject {
            text.push_str(&format!(", scope=\"{}\"", quotable(scope)));
        }
        if let Dialect::Bearer(Some(url)) = &self.dialect {
            text.push_str(&format!(", resource_metadata=\"{}\"", quotable(url)));
        }
        Some(text)
    }

    fn envelope_body(&self, wire: &Wire, asked: Asked<'_>) -> Value {
        let mut details = json!({ "error": wire.error, "message": wire.description });
        match self.reject() {
            Some(Reject::Field(name, _) | Reject::Invalid(name, _) | Reject::Missing(name)) => {
                details["field"] = json!(name);
            }
            Some(Reject::Forbidden { action, policies, .. }) => {
                details["permission"] = json!(action);
                details["policies"] = json!(policies);
                // The page decides for itself who may read it.
                if let (Some(issuer), Some(id)) = (asked.issuer, asked.request_id) {
                    details["explanation"] = json!(format!("{issuer}/admin/decisions/{id}"));
                }
            }
            _ => {}
        }
        let name = error_name(wire.status, self.reject());
        json!({
            "data": null,
            "error": { "status": wire.status, "name": name, "message": wire.description, "details": details },
        })
    }
}

/// The page behind `error_uri` explains the code and repeats the request's id; nothing of a policy is in either.
fn oauth_body(wire: &Wire, asked: Asked<'_>) -> Value {
    let mut body = json!({ "error": wire.error, "error_description": wire.description });
    if let Some(issuer) = asked.issuer {
        body["error_uri"] = json!(format!("{issuer}{}", error_code::path(&wire.error, asked.request_id)));
    }
    body
}

/// The names that the plugin's users know.
fn error_name(status: u16, reject: Option<&Reject>) -> &'static str {
    match status {
        400 => match reject {
            Some(Reject::Field(..) | Reject::Invalid(..) | Reject::Missing(_)) => "ValidationError",
            _ => "BadRequestError",
        },
        401 => "UnauthorizedError",
        403 => "ForbiddenError",
        404 => "NotFoundError",
        405 => "MethodNotAllowedError",
        409 => "ConflictError",
        413 => "PayloadTooLargeError",
        429 => "RateLimitError",
        503 => "ServiceUnavailableError",
        status if status >= 500 => "InternalServerError",
        _ => "BadRequestError",
    }
}

/// Keeps a text within a quoted string of a header.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

/// A parser's complaint, short enough to be said.
fn brief(reason: &str) -> String {
    reason.chars().take(200).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wire().error)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.wire().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.respond(Asked::default())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(Asked::default())
    }
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Self {
        Self { cause: Cause::Stop(stop), dialect: Dialect::ByPath }
    }
}

impl From<Reject> for Problem {
    fn from(reject: Reject) -> Self {
        Stop::from(reject).into()
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Stop::from(fault).into()
    }
}

/// An error of the protocol's endpoints: token, introspect, revoke.
#[derive(Clone, Debug)]
pub struct OAuthError(pub Stop);

/// An error of endpoints that take bearer tokens and speak no envelope.
#[derive(Clone, Debug)]
pub struct BearerError(pub Stop);

/// An error of the management API.
#[derive(Clone, Debug)]
pub struct ManagementError(pub Stop);

macro_rules! speaks {
    ($name:ident, $problem:expr) => {
        impl<T: Into<Stop>> From<T> for $name {
            fn from(stop: T) -> Self {
                Self(stop.into())
            }
        }

        impl From<$name> for poem::Error {
            fn from(error: $name) -> Self {
                let say: fn(Stop) -> Problem = $problem;
                say(error.0).into()
            }
        }
    };
}

speaks!(OAuthError, |stop| Problem::oauth(stop));
speaks!(BearerError, |stop| Problem::bearer(stop, None));
speaks!(ManagementError, |stop| Problem::envelope(stop));
