//! Published clients of AuthZEN 1.0, unchanged: the crate `openidauthzen` for every endpoint, and from PyPI `decern`
//! for evaluations.

use std::time::Duration;

use openidauthzen::client::AuthZenClient;
use openidauthzen::error::Error;
use openidauthzen::evaluation::{
    EvaluationItem, EvaluationRequest, EvaluationSemantic, EvaluationsOptions, EvaluationsRequest,
};
use openidauthzen::http::{HttpClient, HttpResponse, Method};
use openidauthzen::model::{Action, Resource, Subject};
use openidauthzen::search::{ActionSearchRequest, Page, ResourceSearchRequest, SubjectSearchRequest};

use super::Pdp;
use crate::harness::{Options, python};

/// The issuer: the library speaks to https only, as the specification asks.
const ISSUER: &str = "https://pdp.test";

/// Carries the library's requests to the server, as a proxy that ends TLS would.
struct Proxy {
    http: reqwest::Client,
    server: String,
}

#[async_trait::async_trait]
impl HttpClient for Proxy {
    async fn request(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<HttpResponse, Error> {
        let path = url.strip_prefix(ISSUER).expect("an address of the issuer");
        let url = format!("{}{path}", self.server);
        let mut request = match method {
            Method::Get => self.http.get(url),
            _ => self.http.post(url).header("content-type", "application/json"),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.unwrap_or_default()).send().await.expect("an answer");
        let asked = headers.iter().find(|(name, _)| *name == "x-request-id").map(|(_, value)| *value);
        let echoed = answer.headers().get("x-request-id").and_then(|value| value.to_str().ok());
        assert_eq!(echoed, asked, "the request's id comes back");
        let status = answer.status().as_u16();
        Ok(HttpResponse { status, headers: Vec::new(), body: answer.bytes().await.expect("a body").to_vec() })
    }
}

fn subject(id: Option<&str>) -> Subject {
    Subject { subject_type: "user".to_owned(), id: id.map(str::to_owned), properties: None }
}

fn resource(id: Option<&str>) -> Resource {
    Resource { resource_type: "record".to_owned(), id: id.map(str::to_owned), properties: None }
}

fn action(name: &str) -> Action {
    Action { name: name.to_owned(), properties: None }
}

#[test]
fn openidauthzen() {
    let pdp = Pdp::start(Options { public_url: Some(ISSUER.to_owned()), ..Options::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let proxy = Proxy { http: reqwest::Client::new(), server: pdp.server.url("") };
    runtime.block_on(through_the_library(AuthZenClient::new(proxy, Duration::from_secs(60)), &pdp.token));
}

async fn through_the_library(client: AuthZenClient<Proxy>, token: &str) {
    let found = client.discover(ISSUER).await.expect("metadata");
    assert_eq!(found.policy_decision_point, ISSUER);
    for (name, expected) in [("read", true), ("delete", false)] {
        let request = EvaluationRequest {
            subject: subject(Some("bob")),
            action: action(name),
            resource: resource(Some("record-1")),
            context: None,
        };
        assert_eq!(client.evaluate(ISSUER, token, &request).await.expect("a decision").decision, expected);
        let refused = client.evaluate(ISSUER, "nothing", &request).await;
        assert!(matches!(refused, Err(Error::HttpStatus { status: 401, .. })), "{refused:?}");
    }
    let item = |name: &str| EvaluationItem {
        subject: None,
        action: Some(action(name)),
        resource: None,
        context: None,
    };
    for (semantic, expected) in [
        (EvaluationSemantic::ExecuteAll, vec![true, false, true]),
        (EvaluationSemantic::DenyOnFirstDeny, vec![true, false]),
        (EvaluationSemantic::PermitOnFirstPermit, vec![true]),
    ] {
        let request = EvaluationsRequest {
            subject: Some(subject(Some("alice"))),
            action: None,
            resource: Some(resource(Some("record-1"))),
            context: None,
            evaluations: vec![item("read"), item("delete"), item("write")],
            options: Some(EvaluationsOptions { evaluations_semantic: Some(semantic), extra: None }),
        };
        let answer = client.evaluate_batch(ISSUER, token, &request).await.expect("decisions");
        assert_eq!(answer.evaluations.iter().map(|item| item.decision).collect::<Vec<_>>(), expected);
    }
    let mut request = SubjectSearchRequest {
        subject: subject(None),
        action: action("read"),
        resource: resource(Some("record-1")),
        context: None,
        page: Some(Page { token: None, limit: Some(2), properties: None }),
    };
    let first = client.search_subjects(ISSUER, token, &request).await.expect("subjects");
    assert_eq!(first.results, [subject(Some("alice")), subject(Some("bob"))]);
    let next = first.page.expect("a page").next_token.expect("a token");
    request.page = Some(Page { token: Some(next), limit: None, properties: None });
    let second = client.search_subjects(ISSUER, token, &request).await.expect("more subjects");
    assert_eq!(second.results, [subject(Some("carol"))]);
    let request = ResourceSearchRequest {
        subject: subject(Some("alice")),
        action: action("write"),
        resource: resource(None),
        context: None,
        page: None,
    };
    let found = client.search_resources(ISSUER, token, &request).await.expect("resources");
    assert_eq!(found.results, [resource(Some("record-1"))]);
    let request = ActionSearchRequest {
        subject: subject(Some("alice")),
        resource: resource(Some("record-1")),
        context: None,
        page: None,
    };
    let found = client.search_actions(ISSUER, token, &request).await.expect("actions");
    assert_eq!(found.results, [action("read"), action("write")]);
}

#[test]
fn decern() {
    let Some(interpreter) = python::environment("decern", "tests/interop/decern.txt") else { return };
    let pdp = Pdp::start(Options::default());
    let output = std::process::Command::new(interpreter)
        .arg(crate::source::root().join("tests/interop/decern.py"))
        .env("PDP", pdp.server.issuer())
        .env("TOKEN", &pdp.token)
        .output()
        .expect("python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
