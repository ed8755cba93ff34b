//! What an endpoint takes from a request's head: who asks, with which credentials, under which circumstances.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::address::client_ip;
use super::guard::RequestId;
use crate::app::App;
use crate::flow::Ask;
use crate::flow::authenticate::Basic;
use crate::oauth::reject::{Reject, Stop};
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

/// The `Authorization` header as a bearer token (RFC 6750 §2.1). A token in the query is never looked at.
#[derive(Clone, Debug)]
pub struct Bearer(BearerHeader);

#[derive(Clone, Debug)]
enum BearerHeader {
    Absent,
    Unreadable,
    Token(String),
}

/// A client or an administrator: the `Authorization` header read both ways.
#[derive(Clone, Debug)]
pub struct EitherCaller {
    /// As a client's credentials.
    pub basic: Basic,
    /// As a bearer token.
    pub bearer: Bearer,
}

/// A bearer token that must be a user's own, of `/auth/local`.
#[derive(Clone, Debug)]
pub struct UserBearer(pub Bearer);

impl Bearer {
    /// The token, if there is one.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`] for a header that is no bearer token.
    pub fn token(&self) -> Result<Option<&str>, Stop> {
        match &self.0 {
            BearerHeader::Absent => Ok(None),
            BearerHeader::Unreadable => Err(Reject::TokenInvalid.into()),
            BearerHeader::Token(token) => Ok(Some(token)),
        }
    }
}

fn bearer(request: &Request) -> Bearer {
    Bearer(match credentials(request, "bearer") {
        None => BearerHeader::Absent,
        Some(Err(())) => BearerHeader::Unreadable,
        Some(Ok(token)) => BearerHeader::Token(token.to_owned()),
    })
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

/// Implements an extractor that documents a security scheme and never fails by itself: refusals are the
/// flow's, in the endpoint's own dialect.
macro_rules! documented {
    ($type:ty, [$($name:literal),+], $optional:literal, $register:expr, $extract:expr) => {
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
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let extract: fn(&Request) -> $type = $extract;
                Ok(extract(request))
            }
        }
    };
}

documented!(ClientBasic, ["client_secret_basic"], true, register_basic, |request| ClientBasic(basic(
    request
)));
documented!(Bearer, ["oauth2", "user_token"], false, register_bearer, bearer);
documented!(
    EitherCaller,
    ["client_secret_basic", "oauth2", "user_token"],
    true,
    |registry| {
        register_basic(registry);
        register_bearer(registry);
    },
    |request| EitherCaller { basic: basic(request), bearer: bearer(request) }
);
documented!(UserBearer, ["user_token"], false, register_bearer, |request| UserBearer(bearer(request)));

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
            assert_eq!(bearer(&with(good)).token().unwrap(), Some("x"), "{good}");
        }
        assert!(bearer(&with("Bearer\tx")).token().is_err());
    }
}
