//! `POST token`, `POST introspect`, `POST revoke`: the protocol's own endpoints.

use poem::Request;
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::types::{Example, ToJSON as _};
use poem_openapi::{ApiRequest, ApiResponse, Object, OpenApi};
use serde::Serialize;
use serde_json::{Value, json};

use super::caller::{self, ClientBasic, EitherCaller};
use super::form::{FromPairs, OAuthForm};
use super::json::{StrictJson, WrittenJson};
use super::pairs::Pairs;
use super::problem::OAuthError;
use super::routes::{Served, Tags};
use super::text::Text;
use crate::flow::access_tokens;
use crate::flow::authenticate::{Basic, ClientCredentials};
use crate::flow::caller as flow_caller;
use crate::flow::grant::{GrantRequest, token};
use crate::flow::introspect::{Active, introspect_told};
use crate::flow::revoke::revoke;
use crate::oauth::reject::Reject;

/// The protocol's endpoints.
pub struct TokenApi {
    /// The server.
    pub app: Served,
}

/// A token request. Which parameters it needs depends on `grant_type`.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct TokenForm {
    /// `authorization_code`, `urn:ietf:params:oauth:grant-type:jwt-bearer`, or, where a client's document
    /// turns it on, the deprecated `client_credentials`.
    pub grant_type: Option<String>,
    /// The code of the authorization response (RFC 6749 §4.1.3).
    pub code: Option<String>,
    /// The same as at the authorization endpoint.
    pub redirect_uri: Option<String>,
    /// The verifier of the challenge (RFC 7636 §4.5).
    pub code_verifier: Option<String>,
    /// The signed JWT (RFC 7523 §2.1).
    pub assertion: Option<String>,
    /// What to grant, with one space between; absent = all that the client has and the policy permits.
    pub scope: Option<String>,
    /// The client, where it does not authenticate by the header.
    pub client_id: Option<String>,
    /// `client_secret_post`.
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, for `private_key_jwt`.
    pub client_assertion_type: Option<String>,
    /// The client's signed JWT (RFC 7523 §2.2).
    pub client_assertion: Option<String>,
}

impl Example for TokenForm {
    fn example() -> Self {
        Self {
            grant_type: Some("authorization_code".to_owned()),
            code: Some("gwc_4d1sQ0mS3kYV8Jt0l6n2b9XwZ7cR5eHgUaPiOyTrEwQ".to_owned()),
            redirect_uri: Some("http://127.0.0.1/callback".to_owned()),
            code_verifier: Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()),
            assertion: None,
            scope: None,
            client_id: Some("spa".to_owned()),
            client_secret: None,
            client_assertion_type: None,
            client_assertion: None,
        }
    }
}

impl FromPairs for TokenForm {
    fn from_pairs(pairs: &mut Pairs) -> Result<Self, Reject> {
        Ok(Self {
            grant_type: pairs.take("grant_type"),
            code: pairs.take("code"),
            redirect_uri: pairs.take("redirect_uri"),
            code_verifier: pairs.take("code_verifier"),
            assertion: pairs.take("assertion"),
            scope: pairs.take("scope"),
            client_id: pairs.take("client_id"),
            client_secret: pairs.take("client_secret"),
            client_assertion_type: pairs.take("client_assertion_type"),
            client_assertion: pairs.take("client_assertion"),
        })
    }
}

/// An access token (RFC 6749 §5.1).
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct TokenBody {
    /// A signed JWT (RFC 9068).
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// What it carries.
    pub scope: String,
}

impl Example for TokenBody {
    fn example() -> Self {
        Self {
            access_token: "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: 3_600,
            scope: "api::form.form.find".to_owned(),
        }
    }
}

/// A token that somebody asks about, with the caller's credentials.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct AboutTokenForm {
    /// The token.
    pub token: Option<String>,
    /// A hint, which is not needed (RFC 7009 §2.1).
    pub token_type_hint: Option<String>,
    /// The caller, where it does not authenticate by the header.
    pub client_id: Option<String>,
    /// `client_secret_post`.
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, for `private_key_jwt`.
    pub client_assertion_type: Option<String>,
    /// The caller's signed JWT (RFC 7523 §2.2).
    pub client_assertion: Option<String>,
}

impl Example for AboutTokenForm {
    fn example() -> Self {
        Self {
            token: Some("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned()),
            token_type_hint: Some("access_token".to_owned()),
            client_id: None,
            client_secret: None,
            client_assertion_type: None,
            client_assertion: None,
        }
    }
}

impl FromPairs for AboutTokenForm {
    fn from_pairs(pairs: &mut Pairs) -> Result<Self, Reject> {
        Ok(Self {
            token: pairs.take("token"),
            token_type_hint: pairs.take("token_type_hint"),
            client_id: pairs.take("client_id"),
            client_secret: pairs.take("client_secret"),
            client_assertion_type: pairs.take("client_assertion_type"),
            client_assertion: pairs.take("client_assertion"),
        })
    }
}

/// What a token carries now (RFC 7662 §2.2); all but `active` only where it is active.
#[derive(Clone, Debug, Default, Object, Serialize)]
#[oai(example, skip_serializing_if_is_none)]
pub struct IntrospectionBody {
    /// Whether the token may be used.
    pub active: bool,
    /// What it still carries: its own scopes that the policy permits now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user's sign-in name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Always `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Expiry, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Issue, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The user's id, or the client's for a machine token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Its audience: one string, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Value>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

impl Example for IntrospectionBody {
    fn example() -> Self {
        Self {
            active: true,
            scope: Some("api::form.form.find".to_owned()),
            client_id: Some("reporting".to_owned()),
            token_type: Some("Bearer".to_owned()),
            exp: Some(1_900_000_000),
            iat: Some(1_899_996_400),
            sub: Some("reporting".to_owned()),
            aud: Some(json!("http://127.0.0.1:8080")),
            iss: Some("http://127.0.0.1:8080".to_owned()),
            jti: Some("1c9c6b1e-6b1f-4c57-9a43-0b3d0c1d2e3f".to_owned()),
            ..Self::default()
        }
    }
}

impl From<Active> for IntrospectionBody {
    fn from(found: Active) -> Self {
        let aud = match found.aud.as_slice() {
            [only] => json!(only),
            several => json!(several),
        };
        Self {
            active: true,
            scope: Some(found.scope),
            client_id: Some(found.client_id),
            username: found.username,
            token_type: Some("Bearer".to_owned()),
            exp: Some(found.exp),
            iat: Some(found.iat),
            sub: Some(found.sub),
            aud: Some(aud),
            iss: Some(found.iss),
            jti: Some(found.jti),
        }
    }
}

/// The answer as JSON, or signed.
#[derive(ApiResponse)]
// Made once a request and sent at once: a box would cost more than it saves.
#[allow(clippy::large_enum_variant)]
enum IntrospectionResponse {
    /// RFC 7662 §2.2.
    #[oai(status = 200)]
    Plain(WrittenJson<IntrospectionBody>),
    /// RFC 9701 §5: a JWT of type `token-introspection+jwt` whose `aud` is the caller and whose
    /// `token_introspection` is the answer.
    #[oai(status = 200, content_type = "application/token-introspection+jwt")]
    Signed(PlainText<String>),
}

/// Whether the caller asks for a signed answer (RFC 9701 §4).
fn wants_signed(request: &Request) -> bool {
    let lines = request.headers().get_all(poem::http::header::ACCEPT);
    let mut kinds = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    kinds.any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let name =
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/token-introspection+jwt"));
        name && parts.all(|part| !matches!(part, "q=0" | "q=0.0"))
    })
}

fn credentials(basic: Basic, form: &AboutTokenForm) -> ClientCredentials {
    ClientCredentials {
        basic,
        client_id: form.client_id.clone(),
        client_secret: form.client_secret.clone(),
        assertion_type: form.client_assertion_type.clone(),
        assertion: form.client_assertion.clone(),
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "Tags::Protocol")]
impl TokenApi {
    /// Obtain an access token
    ///
    /// Authorization code with PKCE (RFC 6749 §4.1.3, RFC 7636) or JWT bearer (RFC 7523 §2.1). Every scope
    /// is decided by the policies; a refused one is named in `error_description`.
    #[oai(path = "/token", method = "post", operation_id = "token")]
    async fn token(
        &self,
        request: &Request,
        basic: ClientBasic,
        form: OAuthForm<TokenForm>,
    ) -> Result<Json<TokenBody>, OAuthError> {
        let form = form.0;
        let asked = GrantRequest {
            grant_type: form.grant_type,
            code: form.code,
            redirect_uri: form.redirect_uri,
            code_verifier: form.code_verifier,
            assertion: form.assertion,
            scope: form.scope,
            credentials: ClientCredentials {
                basic: basic.0,
                client_id: form.client_id,
                client_secret: form.client_secret,
                assertion_type: form.client_assertion_type,
                assertion: form.client_assertion,
            },
        };
        // Boxed, as below: a future as large as a grant's is dear to move through the layers of the framework.
        let answer = Box::pin(token(&self.app, &caller::ask(&self.app, request), asked)).await?;
        Ok(Json(TokenBody {
            access_token: answer.access_token,
            token_type: "Bearer".to_owned(),
            expires_in: answer.expires_in,
            scope: answer.scope,
        }))
    }

    /// Ask what a token carries now
    ///
    /// RFC 7662. The caller authenticates and sees its own tokens and those whose audience it is; of any
    /// other token it learns nothing but `{"active":false}`. With `Accept: application/token-introspection+jwt`
    /// the answer is signed for the caller (RFC 9701).
    #[oai(path = "/introspect", method = "post", operation_id = "introspect")]
    async fn introspect(
        &self,
        request: &Request,
        basic: ClientBasic,
        form: OAuthForm<AboutTokenForm>,
    ) -> Result<IntrospectionResponse, OAuthError> {
        let ask = caller::ask(&self.app, request);
        let credentials = credentials(basic.0, &form.0);
        let asked = introspect_told(&self.app, &ask, &credentials, form.0.token.as_deref());
        let (permit, found) = Box::pin(asked).await?;
        let body: IntrospectionBody = found.map(Into::into).unwrap_or_default();
        let ring = self.app.key_ring();
        match permit.filter(|_| ring.is_public() && wants_signed(request)) {
            None => Ok(IntrospectionResponse::Plain(WrittenJson(body))),
            Some(permit) => {
                let answer = body.to_json().unwrap_or_default();
                let issuer = self.app.public.issuer();
                let signed = ring.sign_introspection(&permit, issuer, &answer, ask.now_ms)?;
                Ok(IntrospectionResponse::Signed(PlainText(signed)))
            }
        }
    }

    /// Revoke a token
    ///
    /// As a form: RFC 7009, for the client that it was issued to; 200 without a body. As JSON `{"jti"}`:
    /// for administrators (`admin:token.revoke`); answers `{"revoked":bool}`.
    #[oai(path = "/revoke", method = "post", operation_id = "revoke")]
    async fn revoke(
        &self,
        request: &Request,
        either: EitherCaller,
        body: RevokeRequest,
    ) -> Result<RevokeResponse, OAuthError> {
        let ask = caller::ask(&self.app, request);
        match body {
            RevokeRequest::Form(form) => {
                let credentials = credentials(either.basic, &form.0);
                Box::pin(revoke(&self.app, &ask, &credentials, form.0.token.as_deref())).await?;
                Ok(RevokeResponse::Empty)
            }
            RevokeRequest::Json(body) => {
                let snapshot = self.app.policies.current();
                let caller = flow_caller::bearer(&self.app, &ask, &snapshot, either.bearer.token()?).await?;
                let revoked = access_tokens::revoke(&self.app, &ask, &caller, &body.0.jti.0).await?;
                Ok(RevokeResponse::Revoked(Json(RevokedBody { revoked })))
            }
        }
    }
}

/// A token by its id.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub struct JtiBody {
    /// The `jti` of the token.
    pub jti: Text,
}

impl Example for JtiBody {
    fn example() -> Self {
        Self { jti: Text("1c9c6b1e-6b1f-4c57-9a43-0b3d0c1d2e3f".to_owned()) }
    }
}

/// Whether there was such a token.
#[derive(Clone, Debug, Object)]
#[oai(example)]
pub struct RevokedBody {
    /// True also where it was revoked before.
    pub revoked: bool,
}

impl Example for RevokedBody {
    fn example() -> Self {
        Self { revoked: true }
    }
}

/// A client's form, or an administrator's JSON.
#[derive(Debug, ApiRequest)]
enum RevokeRequest {
    /// RFC 7009 §2.1.
    Form(OAuthForm<AboutTokenForm>),
    /// By id.
    Json(StrictJson<JtiBody>),
}

/// The answer to either.
#[derive(ApiResponse)]
enum RevokeResponse {
    /// Revoked, or there was nothing to revoke (RFC 7009 §2.2). The JSON form answers `{"revoked":bool}`.
    #[oai(status = 200)]
    Revoked(Json<RevokedBody>),
    /// The form is answered without a body.
    #[oai(status = 200)]
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_an_introspection_agree() {
        for body in [IntrospectionBody::example(), IntrospectionBody::default()] {
            assert_eq!(serde_json::to_value(&body).ok(), body.to_json());
        }
    }
}
