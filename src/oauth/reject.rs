//! Why a request is refused: one variant per reason, one table from reason to the wire.

use std::borrow::Cow;

use super::assertion::AssertionError;
use super::client::ClientId;
use super::grant::GrantType;
use super::scope::Scope;

/// A request that the server refuses: theirs, not ours. Ours is [`Fault`].
///
/// Tests and logs use the variant; the wire sees [`Reject::wire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The body or query could not be read; the text says what was wrong.
    Malformed(&'static str),
    /// A parameter stands twice (RFC 6749 §3.1, §3.2).
    Repeated(String),
    /// A required parameter is absent or empty.
    Missing(&'static str),
    /// A parameter has a value that it cannot have.
    Invalid(&'static str, Cow<'static, str>),
    /// The client is unknown, or its credentials are wrong, absent or of the wrong kind (RFC 6749 §5.2).
    Client(ClientProblem),
    /// More than one way to authenticate at once (RFC 6749 §2.3).
    TwoCredentials,
    /// Credentials name one client, the request another.
    ClientIdMismatch,
    /// `grant_type` is not one of ours.
    UnsupportedGrant,
    /// The client's document does not list the grant.
    GrantNotAllowed(GrantType),
    /// The code is unknown, used, expired, or another's.
    Code(CodeProblem),
    /// The verifier does not fit (RFC 7636 §4.6).
    Verifier(VerifierProblem),
    /// The grant assertion is not acceptable (RFC 7523 §3.1).
    Assertion(AssertionError),
    /// The user behind the grant is gone, blocked, or not one whom the client may act for.
    UserRefused,
    /// `scope` breaks the grammar or names more than a request may.
    ScopeMalformed,
    /// The policy permits no part, or not this part, of the scope.
    ScopeDenied {
        /// The first scope that was refused.
        scope: Scope,
        /// Ids of the policies that decided; empty = nothing permits it.
        policies: Vec<String>,
    },
    /// Nothing was asked for and nothing is permitted.
    NoScope,
    /// A policy forbids the grant as a whole, with the error code of its annotation.
    Policy {
        /// An error code of RFC 6749, from `@error`.
        error: String,
        /// Ids of the policies that decided.
        policies: Vec<String>,
    },
    /// `response_type` is not `code`.
    ResponseType,
    /// A request object (RFC 9101), by value or by reference; the text is the error code for it.
    RequestObject(&'static str),
    /// PKCE at the authorization endpoint (RFC 7636 §4.4.1).
    Challenge(&'static str),
    /// The user said no.
    AccessDenied,
    /// `prompt=none` and nobody is signed in.
    LoginRequired,
    /// `prompt=none` and the user has not agreed yet.
    ConsentRequired,
    /// No bearer token where one is needed (RFC 6750 §3.1: no error code).
    TokenMissing,
    /// The bearer token is unknown, expired, revoked or of another kind.
    TokenInvalid,
    /// The bearer token does not carry the scope.
    InsufficientScope(String),
    /// The caller may not do this; names the missing permission.
    Forbidden {
        /// The Cedar action that was refused.
        action: &'static str,
        /// The client that it was to be done to; none = the server.
        about: Option<ClientId>,
        /// Ids of the policies that decided.
        policies: Vec<String>,
    },
    /// A policy forbids this use of the token, or none permits it.
    UseDenied {
        /// The action that was refused.
        action: String,
        /// Ids of the policies that decided; empty = nothing permits it.
        policies: Vec<String>,
    },
    /// What the request asks about is not something that this server answers here.
    NotHere(&'static str),
    /// Wrong identifier or password, or a user who may not sign in: one answer for all.
    SignIn,
    /// Too many failures; try again after so many seconds.
    TooMany(u64),
    /// A form that is not this browser's, or was posted by another site (attack row T2).
    Form,
    /// No such thing.
    NotFound(&'static str),
    /// The thing's state or owner does not allow the change.
    Conflict(Cow<'static, str>),
    /// A field of a management request; the text says what it may be.
    Field(&'static str, String),
}

/// What is wrong with a client's authentication. All of it is `invalid_client` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProblem {
    /// No such client, or its file is gone.
    Unknown,
    /// No credentials where some are needed.
    NoCredentials,
    /// The `Authorization` header could not be read.
    Header,
    /// The secret is wrong, expired or rotated.
    Secret,
    /// The client is pinned to another way to authenticate.
    Method,
    /// The client assertion is not acceptable.
    Assertion,
    /// Disabled by its document or by an administrator.
    Inactive,
}

/// What is wrong with a code. All of it is `invalid_grant` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeProblem {
    /// Never issued, or long gone.
    Unknown,
    /// Redeemed before; what it produced was revoked.
    Used,
    /// Older than its life.
    Expired,
    /// Issued to another client.
    OtherClient,
    /// `redirect_uri` differs from the authorization request's.
    RedirectUri,
    /// The user withdrew, or the policy changed, since it was issued.
    Withdrawn,
}

/// What is wrong with a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifierProblem {
    /// A challenge was sent, no verifier came.
    Missing,
    /// Not 43 to 128 unreserved characters.
    Syntax,
    /// Does not belong to the challenge.
    Wrong,
    /// A verifier came, but no challenge was sent (attack row D1).
    Unexpected,
}

/// A fault of ours: never the caller's doing, and never mistaken for "not found".
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The database is away, locked, full or slow: 503, try again.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// A decision could not be made; nothing was opened: 503.
    #[error("policy engine: {0}")]
    Policy(String),
    /// Signing or randomness failed: 503.
    #[error("keys: {0}")]
    Keys(String),
    /// A row or a document that we wrote ourselves cannot be read: 503.
    #[error("inconsistent data: {0}")]
    Inconsistent(String),
}

/// The end of a request that does not succeed: theirs or ours is in the type.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Theirs.
    Reject(Reject),
    /// Ours.
    Fault(Fault),
}

/// What the wire sees of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The `error` code.
    pub error: Cow<'static, str>,
    /// The HTTP status of a JSON answer.
    pub status: u16,
    /// `error_description`: fixed texts, never the caller's input but for checked names.
    pub description: Cow<'static, str>,
}

impl Reject {
    /// The table from reason to the wire (RFC 6749 §5.2, §4.1.2.1; RFC 6750 §3.1).
    pub fn wire(&self) -> Wire {
        let (error, status, description): (Cow<'static, str>, u16, Cow<'static, str>) = match self {
            Self::Malformed(why) => ("invalid_request".into(), 400, (*why).into()),
            Self::Repeated(name) => {
                ("invalid_request".into(), 400, format!("parameter {name} is repeated").into())
            }
            Self::Missing(name) => {
                ("invalid_request".into(), 400, format!("parameter {name} is required").into())
            }
            Self::Invalid(name, why) => {
                ("invalid_request".into(), 400, format!("parameter {name}: {why}").into())
            }
            Self::Client(problem) => ("invalid_client".into(), 401, problem.text().into()),
            Self::TwoCredentials => {
                ("invalid_request".into(), 400, "the client authenticates in more than one way".into())
            }
            Self::ClientIdMismatch => {
                ("invalid_request".into(), 400, "client_id differs from the authenticated client".into())
            }
            Self::UnsupportedGrant => (
                "unsupported_grant_type".into(),
                400,
                "supported: authorization_code, urn:ietf:params:oauth:grant-type:jwt-bearer".into(),
            ),
            Self::GrantNotAllowed(grant) => ("unauthorized_client".into(), 400, grant_text(*grant).into()),
            Self::Code(problem) => ("invalid_grant".into(), 400, problem.text().into()),
            Self::Verifier(problem) => problem.wire(),
            Self::Assertion(problem) => ("invalid_grant".into(), 400, problem.to_string().into()),
            Self::UserRefused => {
                ("invalid_grant".into(), 400, "the user cannot be acted for by this client".into())
            }
            Self::ScopeMalformed => (
                "invalid_scope".into(),
                400,
                "scope is a list of printable ASCII words with one space between".into(),
            ),
            Self::ScopeDenied { scope, .. } => {
                ("invalid_scope".into(), 400, format!("the policy does not permit scope {scope}").into())
            }
            Self::NoScope => {
                ("invalid_scope".into(), 400, "the policy permits no scope for this request".into())
            }
            Self::Policy { error, policies } => {
                (known_code(error).into(), 400, forbidden_by(policies).into())
            }
            Self::RequestObject(code) => ((*code).into(), 400, "request objects are not supported".into()),
            Self::ResponseType => {
                ("unsupported_response_type".into(), 400, "response_type must be code".into())
            }
            Self::Challenge(why) => ("invalid_request".into(), 400, (*why).into()),
            Self::AccessDenied => ("access_denied".into(), 403, "the user refused".into()),
            Self::LoginRequired => ("login_required".into(), 400, "nobody is signed in".into()),
            Self::ConsentRequired => ("consent_required".into(), 400, "the user has not agreed yet".into()),
            Self::TokenMissing => ("invalid_token".into(), 401, "a bearer token is required".into()),
            Self::TokenInvalid => (
                "invalid_token".into(),
                401,
                "the token is unknown, expired, revoked or of another kind".into(),
            ),
            Self::InsufficientScope(scope) => {
                ("insufficient_scope".into(), 403, format!("the token does not carry {scope}").into())
            }
            Self::Forbidden { action, policies, .. } => (
                "access_denied".into(),
                403,
                format!("missing permission {action}; {}", forbidden_by(policies)).into(),
            ),
            Self::UseDenied { action, policies } => (
                "access_denied".into(),
                403,
                format!("{action} is not permitted; {}", forbidden_by(policies)).into(),
            ),
            Self::NotHere(why) => ("access_denied".into(), 403, (*why).into()),
            Self::SignIn => ("invalid_credentials".into(), 401, "wrong identifier or password".into()),
            Self::TooMany(_) => {
                ("temporarily_unavailable".into(), 429, "too many failed attempts; try again later".into())
            }
            Self::Form => (
                "access_denied".into(),
                403,
                "this form is not of this browser session; reload the page and try again".into(),
            ),
            Self::NotFound(what) => ("not_found".into(), 404, format!("no such {what}").into()),
            Self::Conflict(why) => ("conflict".into(), 409, why.clone()),
            Self::Field(name, why) => ("invalid_request".into(), 400, format!("{name}: {why}").into()),
        };
        Wire { error, status, description: ascii(description) }
    }
}

impl ClientProblem {
    fn text(self) -> &'static str {
        match self {
            Self::NoCredentials => "client authentication is required",
            Self::Header => "the Authorization header cannot be read",
            _ => "client authentication failed",
        }
    }
}

impl CodeProblem {
    fn text(self) -> &'static str {
        match self {
            Self::Expired => "the authorization code has expired",
            Self::RedirectUri => "redirect_uri differs from the authorization request",
            Self::Withdrawn => "what the code stood for is no longer permitted",
            _ => "the authorization code is not valid",
        }
    }
}

impl VerifierProblem {
    fn wire(self) -> (Cow<'static, str>, u16, Cow<'static, str>) {
        match self {
            Self::Missing => ("invalid_grant".into(), 400, "code_verifier is required".into()),
            Self::Syntax => {
                ("invalid_grant".into(), 400, "code_verifier has 43 to 128 unreserved characters".into())
            }
            Self::Wrong => ("invalid_grant".into(), 400, "code_verifier does not match".into()),
            Self::Unexpected => {
                ("invalid_request".into(), 400, "code_verifier without a code_challenge".into())
            }
        }
    }
}

fn grant_text(grant: GrantType) -> &'static str {
    match grant {
        GrantType::ClientCredentials => {
            "client_credentials is deprecated and off for this client; use urn:ietf:params:oauth:grant-type:jwt-bearer"
        }
        GrantType::AuthorizationCode => "the client is not registered for authorization_code",
        GrantType::JwtBearer => {
            "the client is not registered for urn:ietf:params:oauth:grant-type:jwt-bearer"
        }
    }
}

fn forbidden_by(policies: &[String]) -> String {
    match policies.first() {
        None => "no policy permits it".to_owned(),
        Some(first) => format!("forbidden by policy {first}"),
    }
}

/// An `@error` annotation reaches the wire only if RFC 6749 or 9470 knows it.
fn known_code(code: &str) -> &'static str {
    const KNOWN: [&str; 8] = [
        "invalid_request",
        "invalid_grant",
        "unauthorized_client",
        "invalid_scope",
        "access_denied",
        "insufficient_user_authentication",
        "login_required",
        "consent_required",
    ];
    KNOWN.into_iter().find(|known| *known == code).unwrap_or("access_denied")
}

/// Keeps a text within the characters that `error_description` may have (RFC 6749 §5.2).
fn ascii(text: Cow<'static, str>) -> Cow<'static, str> {
    let fits = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    if text.bytes().all(fits) {
        return text;
    }
    text.chars().map(|c| if c.is_ascii() && fits(c as u8) { c } else { '?' }).collect::<String>().into()
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a16_descriptions_stay_within_the_grammar() {
        let wire = Reject::Field("name", "<script>é\"\\".to_owned()).wire();
        assert_eq!(wire.description, "name: <script>???");
    }

    #[test]
    fn an_unknown_annotation_is_access_denied() {
        let wire = Reject::Policy { error: "<b>".into(), policies: vec![] }.wire();
        assert_eq!(wire.error, "access_denied");
    }
}
