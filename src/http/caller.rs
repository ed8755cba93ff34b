//! What an endpoint takes from a request's head: who asks, with which credentials, under which circumstances.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::address::client_ip;
use super::guard::{MANAGEMENT, RequestId};
use super::path::below;
use super::problem::Problem;
use crate::app::App;
use crate::flow::Ask;
use crate::flow::authenticate::Basic;
use crate::flow::caller::{self as flow_caller, Caller, Credential};
use crate::flow::consent::SignedIn;
use crate::flow::trusted;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::policy::admin;

/// The circumstances of a request.
pub fn ask(app: &App, request: &Request) -> Ask {
    Ask {
        now_ms: app.clock.now_ms(),
        ip: client_ip(request),
        request_id: request.data::<RequestId>().map_or_else(|| Arc::from("-"), |id| Arc::clone(&id.0)),
    }
}

/// The `Authorization` header as a client's credentials (RFC 6749 §2.3.1).
#[derive(Clone, Debug)]
pub struct ClientBasic(pub Basic);

/// Who calls a management endpoint. Known before a body is looked at, so that a stranger learns nothing
/// from what is wrong with it.
#[derive(Clone, Debug)]
pub struct Bearer {
    ask: Ask,
    caller: Caller,
}

/// A user who signed in with `/auth/local`; an access token will not do.
#[derive(Clone, Debug)]
pub struct UserBearer {
    /// The circumstances.
    pub ask: Ask,
    /// Who.
    pub signed_in: SignedIn,
}

/// Who decides about consent: a user of `/auth/local`, or one of a trusted issuer; an access token will not do.
#[derive(Clone, Debug)]
pub struct ConsentBearer {
    /// The circumstances.
    pub ask: Ask,
    /// Who.
    pub signed_in: SignedIn,
}

/// A client or an administrator: the `Authorization` header read both ways.
#[derive(Clone, Debug)]
pub struct EitherCaller {
    /// As a client's credentials.
    pub basic: Basic,
    /// As a bearer token.
    pub bearer: BearerHeader,
}

/// The `Authorization` header as a bearer token (RFC 6750 §2.1). A token in the query is never looked at.
#[derive(Clone, Debug)]
pub enum BearerHeader {
    /// There is no header.
    Absent,
    /// There is one that is no bearer token.
    Unreadable,
    /// The token.
    Token(String),
}

impl EitherCaller {
    /// What the header shows.
    pub fn credential(self) -> Credential {
        match (self.bearer, self.basic) {
            (BearerHeader::Token(token), _) => Credential::Bearer(token),
            (_, Basic::Given(id, secret)) => Credential::Basic(id, secret),
            (BearerHeader::Absent, Basic::Absent) => Credential::Absent,
            _ => Credential::Unreadable,
        }
    }
}

impl BearerHeader {
    /// The token, if there is one.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`] for a header that is no bearer token.
    pub fn token(&self) -> Result<Option<&str>, Stop> {
        match self {
            Self::Absent => Ok(None),
            Self::Unreadable => Err(Reject::TokenInvalid.into()),
            Self::Token(token) => Ok(Some(token)),
        }
    }

    /// Reads the header.
    pub fn of(request: &Request) -> Self {
        match credentials(request, "bearer") {
            None => Self::Absent,
            Some(Err(())) => Self::Unreadable,
            Some(Ok(token)) => Self::Token(token.to_owned()),
        }
    }
}

impl Bearer {
    /// The circumstances and the caller.
    pub fn parts(self) -> (Ask, Caller) {
        (self.ask, self.caller)
    }

    async fn of(request: &Request) -> Result<Self, Stop> {
        let app = served(request)?;
        let ask = ask(app, request);
        let header = BearerHeader::of(request);
        let caller = flow_caller::bearer(app, &ask, &app.policies.current(), header.token()?).await?;
        Ok(Self { ask, caller })
    }
}

impl UserBearer {
    async fn of(request: &Request) -> Result<Self, Stop> {
        let app = served(request)?;
        let ask = ask(app, request);
        let header = BearerHeader::of(request);
        let signed_in = flow_caller::user_token(app, &ask, header.token()?).await?;
        Ok(Self { ask, signed_in })
    }
}

impl ConsentBearer {
    async fn of(request: &Request) -> Result<Self, Stop> {
        let app = served(request)?;
        let ask = ask(app, request);
        let header = BearerHeader::of(request);
        let signed_in = trusted::consenting_user(app, &ask, header.token()?).await?;
        Ok(Self { ask, signed_in })
    }
}

/// The server, as the routes share it.
pub(super) fn served(request: &Request) -> Result<&Arc<App>, Stop> {
    let gone = || Fault::Inconsistent("a route without its server".to_owned());
    Ok(request.data::<Arc<App>>().ok_or_else(gone)?)
}

/// A refusal before any endpoint: an envelope below management paths, RFC 6750 elsewhere.
fn told(request: &Request, stop: Stop) -> poem::Error {
    let envelope = MANAGEMENT.iter().any(|prefix| below(request.uri().path(), prefix));
    if envelope { Problem::envelope(stop) } else { Problem::bearer(stop, None) }.into()
}

/// The part after the scheme: exactly one space between, nothing else that is white (attack row A14).
fn credentials<'a>(request: &'a Request, scheme: &str) -> Option<Result<&'a str, ()>> {
    let value = request.headers().get(header::AUTHORIZATION)?;
    let parsed = value.to_str().ok().and_then(|text| text.split_once(' ')).and_then(|(name, rest)| {
        let clean = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic());
        (name.eq_ignore_ascii_case(scheme) && clean).then_some(rest)
    });
    Some(parsed.ok_or(()))
}

fn basic(request: &Request) -> Basic {
    match credentials(request, "basic") {
        None => Basic::Absent,
        Some(Err(())) => Basic::Unreadable,
        Some(Ok(encoded)) => decoded(encoded).unwrap_or(Basic::Unreadable),
    }
}

/// Id and secret are form-encoded inside the base64 (RFC 6749 §2.3.1, appendix B).
fn decoded(encoded: &str) -> Option<Basic> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (form_decoded(id)?, form_decoded(secret)?);
    (!id.is_empty()).then_some(Basic::Given(id, secret))
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?;
    (!decoded.chars().any(char::is_control)).then(|| decoded.into_owned())
}

/// Implements an extractor that documents a security scheme.
macro_rules! documented {
    ($type:ty, [$($name:literal),+], $optional:literal, $register:expr, |$request:ident| $extract:expr) => {
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                let register: fn(&mut Registry) = $register;
                register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![$($name),+]
            }

            fn has_security_fallback() -> bool {
                $optional
            }

            async fn from_request(
                $request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                $extract
            }
        }
    };
}

documented!(ClientBasic, ["client_secret_basic"], true, register_basic, |request| Ok(ClientBasic(basic(
    request
))));
documented!(Bearer, ["oauth2", "user_token"], false, register_bearer, |request| {
    Bearer::of(request).await.map_err(|stop| told(request, stop))
});
documented!(UserBearer, ["user_token"], false, register_bearer, |request| {
    UserBearer::of(request).await.map_err(|stop| told(request, stop))
});
documented!(ConsentBearer, ["user_token"], false, register_bearer, |request| {
    ConsentBearer::of(request).await.map_err(|stop| told(request, stop))
});
documented!(
    EitherCaller,
    ["client_secret_basic", "oauth2", "user_token"],
    true,
    |registry| {
        register_basic(registry);
        register_bearer(registry);
    },
    |request| Ok(EitherCaller { basic: basic(request), bearer: BearerHeader::of(request) })
);

fn scheme(ty: &'static str, scheme: Option<&'static str>, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

fn register_basic(registry: &mut Registry) {
    let text = "Client id and secret, each form-encoded (RFC 6749 §2.3.1). Instead, client_secret_post or \
                private_key_jwt may stand in the body; public clients only name themselves there.";
    registry.create_security_scheme("client_secret_basic", scheme("http", Some("basic"), text));
}

fn register_bearer(registry: &mut Registry) {
    let text = "The token that POST /auth/local answers.";
    registry.create_security_scheme("user_token", scheme("http", Some("bearer"), text));
    let scopes = admin::ALL.iter().map(|name| MetaOAuthScope { name, description: None }).collect();
    let code = MetaOAuthFlow {
        authorization_url: Some("/oauth2/authorize"),
        token_url: Some("/oauth2/token"),
        refresh_url: None,
        scopes,
    };
    let flows = MetaOAuthFlows {
        implicit: None,
        password: None,
        client_credentials: None,
        authorization_code: Some(code),
    };
    let text = "An access token of this server that carries the admin scope.";
    let oauth2 = MetaSecurityScheme { flows: Some(flows), ..scheme("oauth2", None, text) };
    registry.create_security_scheme("oauth2", oauth2);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &'static str) -> Request {
        Request::builder().header(header::AUTHORIZATION, value).finish()
    }

    #[test]
    fn f4_basic_is_form_decoded() {
        let request = with("basic YSUzQWI6cyUyQnQr"); // a%3Ab:s%2Bt+
        assert_eq!(basic(&request), Basic::Given("a:b".to_owned(), "s+t ".to_owned()));
    }

    #[test]
    fn a14_f4_what_is_no_basic_is_unreadable() {
        for bad in
            ["Basic  YTpi", "Basic\tYTpi", "Basic !!!", "Basic YQ==", "Basic OmI=", "Bearer x", "Basic"]
        {
            assert_eq!(basic(&with(bad)), Basic::Unreadable, "{bad}");
        }
        assert_eq!(basic(&Request::builder().finish()), Basic::Absent);
    }

    #[test]
    fn a14_the_bearer_scheme_is_case_insensitive() {
        for good in ["Bearer x", "bearer x", "BEARER x"] {
            assert_eq!(BearerHeader::of(&with(good)).token().unwrap(), Some("x"), "{good}");
        }
        assert!(BearerHeader::of(&with("Bearer\tx")).token().is_err());
    }
}
