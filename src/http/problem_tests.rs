//! What problems look like on the wire, through a documented API behind the guard.

use poem::Route;
use poem::http::{StatusCode, header};
use poem::test::{TestClient, TestResponse};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, OpenApiService};
use serde_json::{Value, json};

use super::form::{FromPairs, OAuthForm};
use super::guard::{Guard, GuardSettings};
use super::json::StrictJson;
use super::methods::Methods;
use super::pairs::Pairs;
use super::problem::{Asked, BearerError, ManagementError, OAuthError, Problem};
use crate::oauth::reject::{ClientProblem, Fault, Reject, Stop};

#[derive(Object)]
struct Form {
    grant_type: String,
    scope: Option<String>,
}

impl FromPairs for Form {
    fn from_pairs(pairs: &mut Pairs) -> Result<Self, Reject> {
        Ok(Self { grant_type: pairs.require("grant_type")?, scope: pairs.take("scope") })
    }
}

#[derive(Object)]
struct Named {
    name: String,
}

fn fail(what: &str) -> Result<(), Stop> {
    Err(match what {
        "client" => Reject::Client(ClientProblem::Secret).into(),
        "many" => Reject::TooMany(30).into(),
        "fault" => Fault::Unavailable("postgres://user:secret@host".into()).into(),
        "engine" => Fault::Policy("inside".into()).into(),
        "missing" => Reject::TokenMissing.into(),
        "token" => Reject::TokenInvalid.into(),
        "scope" => Reject::InsufficientScope("api::a.a.find".into()).into(),
        "forbidden" => {
            Reject::Forbidden { action: "admin:client.read", about: None, policies: vec!["p1".into()] }.into()
        }
        "field" => Reject::Field("name", "must not be <b>é\"".into()).into(),
        "conflict" => Reject::Conflict("managed by policies/clients/a.yaml".into()).into(),
        _ => return Ok(()),
    })
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/token", method = "post")]
    async fn token(&self, form: OAuthForm<Form>) -> Result<Json<String>, OAuthError> {
        fail(&form.0.grant_type)?;
        Ok(Json(form.0.scope.unwrap_or_default()))
    }

    #[oai(path = "/whoami/:what", method = "get")]
    async fn whoami(&self, what: poem_openapi::param::Path<String>) -> Result<Json<bool>, BearerError> {
        fail(&what.0)?;
        Ok(Json(true))
    }

    #[oai(path = "/clients/:what", method = "put")]
    async fn client(
        &self,
        what: poem_openapi::param::Path<String>,
        page: poem_openapi::param::Query<Option<u32>>,
        body: StrictJson<Named>,
    ) -> Result<Json<String>, ManagementError> {
        fail(&what.0)?;
        Ok(Json(format!("{} {:?}", body.0.name, page.0)))
    }
}

fn service() -> OpenApiService<Api, ()> {
    OpenApiService::new(Api, "test", "0")
}

fn client() -> TestClient<Guard<Route>> {
    let document: Value = serde_json::from_str(&service().spec()).unwrap();
    let mut settings = GuardSettings::new("http://localhost".parse().unwrap());
    settings.methods = Methods::default().openapi(&document, "/oauth2");
    TestClient::new(Guard::new(Route::new().nest("/oauth2", service()), settings))
        .default_header(header::HOST, "localhost")
}

async fn token(body: &str) -> TestResponse {
    let form = "application/x-www-form-urlencoded";
    client().post("/oauth2/token").content_type(form).body(body.to_owned()).send().await
}

async fn said(response: TestResponse) -> (u16, Value) {
    let response = response.0;
    assert_eq!(response.content_type(), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let status = response.status().as_u16();
    (status, response.into_body().into_json().await.unwrap())
}

/// The same without the link for developers, which carries the request's own id.
async fn said_without_link(response: TestResponse) -> (u16, Value) {
    let (status, mut body) = said(response).await;
    let link = body.as_object_mut().and_then(|members| members.remove("error_uri")).unwrap_or_default();
    let link = link.as_str().unwrap_or_default();
    let code = body["error"].as_str().unwrap_or_default();
    assert!(link.contains("/docs/errors?request=") && link.ends_with(&format!("#{code}")), "{link}");
    (status, body)
}

#[tokio::test]
async fn a16_an_oauth_error_is_two_plain_texts() {
    let (status, body) = said_without_link(token("grant_type=field").await).await;
    assert_eq!(status, 400);
    assert_eq!(body, json!({"error": "invalid_request", "error_description": "name: must not be <b>??"}));
}

#[tokio::test]
async fn a_parse_error_of_the_form_is_an_oauth_error() {
    for body in ["", "grant_type=", "grant_type=a&grant_type=a", "grant_type=%zz"] {
        let (status, body) = said(token(body).await).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("invalid_request")));
    }
    let json = client().post("/oauth2/token").content_type("application/json").body("{}").send().await;
    assert_eq!(said(json).await.0, 400);
    assert_eq!(said(client().post("/oauth2/token").send().await).await.0, 400);
}

#[tokio::test]
async fn f1_every_401_names_basic() {
    let response = token("grant_type=client").await;
    assert_eq!(response.0.header("www-authenticate"), Some("Basic realm=\"grantwood\", charset=\"UTF-8\""));
    assert_eq!(
        said_without_link(response).await,
        (401, json!({"error": "invalid_client", "error_description": "client authentication failed"}))
    );
    let response = client()
        .post("/oauth2/token")
        .header("Authorization", "Basic eDp5")
        .content_type("application/x-www-form-urlencoded")
        .body("grant_type=client")
        .send()
        .await;
    response.assert_header("www-authenticate", "Basic realm=\"grantwood\", charset=\"UTF-8\"");
    assert_eq!(response.0.header("pragma"), Some("no-cache"));
}

#[tokio::test]
async fn bb1_a_fault_is_503_and_shows_nothing_of_its_inside() {
    let response = token("grant_type=fault").await;
    response.assert_header("retry-after", "1");
    let (status, body) = said(response).await;
    assert_eq!((status, body["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert!(!body.to_string().contains("secret"));
    let (status, body) = said(token("grant_type=engine").await).await;
    assert_eq!((status, body["error"].as_str()), (503, Some("server_error")));
    token("grant_type=many").await.assert_header("retry-after", "30");
}

#[tokio::test]
async fn s2_bearer_challenges() {
    let at = |what: &'static str| async move {
        let response = client().get(format!("/oauth2/whoami/{what}")).send().await.0;
        let challenge = response.header("www-authenticate").unwrap_or_default().to_owned();
        (response.status().as_u16(), challenge)
    };
    assert_eq!(at("missing").await, (401, "Bearer realm=\"grantwood\"".into()));
    let (status, challenge) = at("token").await;
    assert!(status == 401 && challenge.contains("error=\"invalid_token\""), "{challenge}");
    let (status, challenge) = at("scope").await;
    assert!(status == 403 && challenge.contains("scope=\"api::a.a.find\""), "{challenge}");
    assert_eq!(at("forbidden").await, (403, String::new()));
    let metadata = Problem::bearer(Reject::TokenMissing, Some("https://a.test/m".into()));
    let response = metadata.respond(Asked::default());
    assert_eq!(
        response.header("www-authenticate"),
        Some("Bearer realm=\"grantwood\", resource_metadata=\"https://a.test/m\"")
    );
}

#[tokio::test]
async fn the_management_api_speaks_envelopes() {
    let put = |path: &'static str, body: &'static str| async move {
        said(client().put(path).content_type("application/json").body(body).send().await).await
    };
    for (what, status, name, error) in [
        ("forbidden", 403, "ForbiddenError", "access_denied"),
        ("conflict", 409, "ConflictError", "conflict"),
        ("field", 400, "ValidationError", "invalid_request"),
        ("missing", 401, "UnauthorizedError", "invalid_token"),
        ("many", 429, "RateLimitError", "temporarily_unavailable"),
        ("fault", 503, "ServiceUnavailableError", "temporarily_unavailable"),
    ] {
        let path = format!("/oauth2/clients/{what}").leak();
        let (got, body) = put(path, r#"{"name":"a"}"#).await;
        assert_eq!((got, &body["data"]), (status, &Value::Null));
        assert_eq!(body["error"]["status"], status);
        assert_eq!(
            (&body["error"]["name"], &body["error"]["details"]["error"]),
            (&json!(name), &json!(error))
        );
    }
    let (_, body) = put("/oauth2/clients/forbidden", r#"{"name":"a"}"#).await;
    assert_eq!(body["error"]["details"]["permission"], "admin:client.read");
    assert_eq!(body["error"]["details"]["policies"], json!(["p1"]));
}

#[tokio::test]
async fn x5_bad_json_and_bad_parameters_are_validation_errors() {
    let put = |path: &'static str, body: &'static str| async move {
        said(client().put(path).content_type("application/json").body(body).send().await).await
    };
    for body in ["", "{", "[]", "{}", r#"{"name":"a","name":"b"}"#, r#"{"name":null}"#] {
        let (status, body) = put("/oauth2/clients/ok", body).await;
        assert_eq!((status, body["error"]["name"].as_str()), (400, Some("ValidationError")), "{body}");
    }
    let (status, body) = put("/oauth2/clients/ok?page=-1", r#"{"name":"a"}"#).await;
    assert_eq!((status, body["error"]["details"]["field"].as_str()), (400, Some("page")));
    let text = client().put("/oauth2/clients/ok").content_type("text/plain").body("{}").send().await;
    assert_eq!(said(text).await.1["error"]["name"], "BadRequestError");
    let client = client();
    let right =
        client.put("/strapi-plugin-oauth2/clients/ok").content_type("application/json; charset=utf-8");
    right.body(r#"{"name":"a"}"#).send().await.assert_status_is_ok();
}

#[tokio::test]
async fn s2_the_management_api_challenges_with_bearer() {
    let response = client()
        .put("/oauth2/clients/missing")
        .content_type("application/json")
        .body(r#"{"name":"a"}"#)
        .send()
        .await;
    response.assert_status(StatusCode::UNAUTHORIZED);
    response.assert_header("www-authenticate", "Bearer realm=\"grantwood\"");
}

#[test]
fn the_document_shows_every_error() {
    let document: Value = serde_json::from_str(&service().spec()).unwrap();
    let responses = |path: &str, method: &str| document["paths"][path][method]["responses"].clone();
    for (path, method, statuses) in [
        ("/token", "post", &["200", "400", "401", "429", "503"][..]),
        ("/whoami/{what}", "get", &["200", "400", "401", "403", "503"]),
        ("/clients/{what}", "put", &["200", "400", "401", "403", "404", "409", "429", "503"]),
    ] {
        let responses = responses(path, method);
        let known: Vec<_> = responses.as_object().unwrap().keys().cloned().collect();
        assert_eq!(known, statuses);
    }
    let schemas = &document["components"]["schemas"];
    assert!(schemas["OAuthErrorBody"]["example"]["error"].is_string());
    assert!(schemas["ErrorEnvelope"]["example"]["error"]["name"].is_string());
    let body = &document["paths"]["/token"]["post"]["requestBody"]["content"];
    assert!(body["application/x-www-form-urlencoded"].is_object());
}

#[test]
fn an_unknown_framework_error_is_our_fault() {
    let error = poem::Error::from_string("secret", StatusCode::INTERNAL_SERVER_ERROR);
    let problem = Problem::from_error(&error);
    assert!(problem.fault().is_some());
    assert_eq!(problem.wire().status, 503);
}
