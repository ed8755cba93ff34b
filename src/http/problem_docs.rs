//! How problems stand in the OpenAPI document: one place for the schemas, examples and statuses of errors.

use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiResponse, Object};

use super::problem::{BearerError, ManagementError, OAuthError};

/// The body of an error of the protocol's endpoints (RFC 6749 §5.2).
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct OAuthErrorBody {
    /// The error code, from a closed list.
    pub error: String,
    /// What was wrong, for a person.
    pub error_description: String,
    /// A page that explains the code to whoever writes the client.
    #[oai(skip_serializing_if_is_none)]
    pub error_uri: Option<String>,
}

impl Example for OAuthErrorBody {
    fn example() -> Self {
        Self {
            error: "invalid_grant".to_owned(),
            error_description: "the authorization code has expired".to_owned(),
            error_uri: Some("https://auth.example.com/docs/errors#invalid_grant".to_owned()),
        }
    }
}

/// The body of an error of the management API; `data` is always null.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct ErrorEnvelope {
    /// Always null.
    #[oai(skip_serializing_if_is_none = false)]
    pub data: Option<serde_json::Value>,
    /// The error.
    pub error: ErrorItem,
}

/// The error of an envelope.
#[derive(Clone, Debug, Object)]
pub struct ErrorItem {
    /// The HTTP status once more.
    pub status: u16,
    /// `BadRequestError`, `ValidationError`, `UnauthorizedError`, `ForbiddenError`, `NotFoundError`,
    /// `ConflictError`, `RateLimitError` or `ServiceUnavailableError`.
    pub name: String,
    /// What was wrong, for a person.
    pub message: String,
    /// The same for a program.
    pub details: ErrorDetails,
}

/// The error for a program.
#[derive(Clone, Debug, Object)]
pub struct ErrorDetails {
    /// The error code.
    pub error: String,
    /// The message once more.
    pub message: String,
    /// The field that was refused.
    #[oai(skip_serializing_if_is_none)]
    pub field: Option<String>,
    /// The permission that was missing.
    #[oai(skip_serializing_if_is_none)]
    pub permission: Option<String>,
    /// The policies that decided.
    #[oai(skip_serializing_if_is_none)]
    pub policies: Option<Vec<String>>,
    /// The page that explains the refusal to people who may read policies.
    #[oai(skip_serializing_if_is_none)]
    pub explanation: Option<String>,
}

impl Example for ErrorEnvelope {
    fn example() -> Self {
        let message = "name: must not be empty".to_owned();
        let details = ErrorDetails {
            error: "invalid_request".to_owned(),
            message: message.clone(),
            field: Some("name".to_owned()),
            permission: None,
            policies: None,
            explanation: None,
        };
        Self {
            data: None,
            error: ErrorItem { status: 400, name: "ValidationError".to_owned(), message, details },
        }
    }
}

/// A status and what it means.
type Row = (u16, &'static str);

const OAUTH: [Row; 4] = [
    (400, "The request cannot be granted; `error` says why (RFC 6749 §5.2)."),
    (401, "The client is unknown or its credentials are wrong: `invalid_client`."),
    (429, "Too many failures; try again after `Retry-After` seconds."),
    (503, "A fault of the server; try again after `Retry-After` seconds."),
];

const BEARER: [Row; 4] = [
    (400, "The request cannot be read."),
    (401, "No token, or one that is unknown, expired or revoked (RFC 6750 §3)."),
    (403, "The token does not carry the scope, or the policy does not permit it."),
    (503, "A fault of the server; try again after `Retry-After` seconds."),
];

const MANAGEMENT: [Row; 7] = [
    (400, "The request is not acceptable; `details.field` names the field."),
    (401, "Nobody is signed in, or the token is not good."),
    (403, "The policy does not permit it; `details.permission` names what was missing."),
    (404, "No such thing."),
    (409, "The state of the thing, or who owns it, does not allow the change."),
    (429, "Too many failures; try again after `Retry-After` seconds."),
    (503, "A fault of the server; try again after `Retry-After` seconds."),
];

fn responses<B: Payload>(rows: &[Row]) -> MetaResponses {
    let header = |name: &str, description: &str| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    };
    let responses = rows
        .iter()
        .map(|(status, description)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: B::schema_ref() }],
            headers: match status {
                401 => vec![header("WWW-AUTHENTICATE", "How to authenticate.")],
                429 | 503 => vec![header("RETRY-AFTER", "Seconds to wait.")],
                _ => Vec::new(),
            },
        })
        .collect();
    MetaResponses { responses }
}

impl ApiResponse for OAuthError {
    fn meta() -> MetaResponses {
        responses::<Json<OAuthErrorBody>>(&OAUTH)
    }

    fn register(registry: &mut Registry) {
        OAuthErrorBody::register(registry);
    }
}

impl ApiResponse for BearerError {
    fn meta() -> MetaResponses {
        responses::<Json<OAuthErrorBody>>(&BEARER)
    }

    fn register(registry: &mut Registry) {
        OAuthErrorBody::register(registry);
    }
}

impl ApiResponse for ManagementError {
    fn meta() -> MetaResponses {
        responses::<Json<ErrorEnvelope>>(&MANAGEMENT)
    }

    fn register(registry: &mut Registry) {
        ErrorEnvelope::register(registry);
    }
}
