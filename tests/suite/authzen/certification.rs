//! The certification scenario (Basic, Batch, Search, Discovery) and the specification's own examples, request by
//! request: `tests/fixtures/authzen/*.json`.

use serde_json::{Value, json};

use super::{Pdp, on_pdp};
use crate::harness::Http;
use crate::harness::client::Reply;
use crate::source;

on_pdp! {
    fn the_certification_scenario(pdp: &Pdp) {
        vectors(pdp, "certification.json", 45);
    }

    fn the_specifications_examples(pdp: &Pdp) {
        vectors(pdp, "specification.json", 14);
    }

    /// c-2-4-3, c-2-4-4, c-2-4-5.
    fn what_is_no_json(pdp: &Pdp) {
        let good = json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" },
            "resource": { "type": "record", "id": "record-1" } });
        for (kind, body) in [
            ("text/plain", good.to_string()),
            ("application/x-www-form-urlencoded", good.to_string()),
            ("application/json", "{\"subject\":".to_owned()),
            ("application/json", String::new()),
            ("application/json", "[]".to_owned()),
            ("application/json", "null".to_owned()),
            ("application/json", "{\"subject\":{},\"subject\":{}}".to_owned()),
            ("application/json", format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40))),
        ] {
            for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"] {
                let url = pdp.server.url(&format!("/access/v1/{path}"));
                let reply = Http::post(url).bearer(&pdp.token).body(kind, body.clone()).send();
                assert_eq!(reply.status, 400, "{path} {kind} {body}: {reply:?}");
            }
        }
    }

    /// c-2-5: the caller's own id comes back, with refusals too; without one there is ours.
    fn request_ids(pdp: &Pdp) {
        let id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
        let good = json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" },
            "resource": { "type": "record", "id": "record-1" } });
        for (body, token, status) in
            [(&good, pdp.token.as_str(), 200), (&json!({}), &pdp.token, 400), (&good, "nothing", 401)]
        {
            let reply = pdp.post("evaluation", body).bearer(token).header("X-Request-ID", id).send();
            assert_eq!((reply.status, reply.header("x-request-id")), (status, Some(id)));
        }
        let reply = pdp.ask("evaluation", &good);
        assert!(reply.header("x-request-id").is_some_and(|own| own != id && !own.is_empty()));
        // Elsewhere the id is ours whatever a caller says.
        let reply = Http::get(pdp.server.url("/healthz")).header("X-Request-ID", id).send();
        assert_ne!(reply.header("x-request-id"), Some(id));
    }

    /// c-6: the metadata names this server and nobody else.
    fn discovery(pdp: &Pdp) {
        let reply = pdp.server.get("/.well-known/authzen-configuration");
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
        let document = reply.json();
        let issuer = pdp.server.issuer();
        assert_eq!(document["policy_decision_point"], issuer);
        for (name, path) in [
            ("access_evaluation_endpoint", "evaluation"),
            ("access_evaluations_endpoint", "evaluations"),
            ("search_subject_endpoint", "search/subject"),
            ("search_resource_endpoint", "search/resource"),
            ("search_action_endpoint", "search/action"),
        ] {
            assert_eq!(document[name], format!("{issuer}/access/v1/{path}"));
        }
    }
}

fn vectors(pdp: &Pdp, file: &str, at_least: usize) {
    let text = source::read(&format!("tests/fixtures/authzen/{file}"));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let vectors = document["vectors"].as_array().expect("vectors");
    assert!(vectors.len() >= at_least, "only {} vectors", vectors.len());
    let mut wrong = Vec::new();
    for vector in vectors {
        let path = vector["path"].as_str().expect("a path");
        // c-2-6: the same request has the same answer each time.
        for _ in 0..2 {
            let reply = pdp.ask(path, &vector["request"]);
            if let Err(why) = holds(vector, &reply) {
                wrong.push(format!("{}: {why}: {reply:?}", vector["id"]));
            }
        }
    }
    source::none(&wrong, "vectors that do not hold");
}

fn holds(vector: &Value, reply: &Reply) -> Result<(), String> {
    if u64::from(reply.status) != vector["status"].as_u64().expect("a status") {
        return Err("another status".to_owned());
    }
    if reply.status != 200 {
        return Ok(());
    }
    if !reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err("no JSON".to_owned());
    }
    let body = reply.json();
    if let Some(expected) = vector.get("decision") {
        return (body["decision"] == *expected).then_some(()).ok_or("another decision".to_owned());
    }
    if let Some(expected) = vector["decisions"].as_array() {
        let items = body["evaluations"].as_array().ok_or("no evaluations")?;
        let fits = |(item, wanted): (&Value, &Value)| {
            item["decision"].is_boolean() && (wanted.is_null() || item["decision"] == *wanted)
        };
        let all = items.len() == expected.len() && items.iter().zip(expected).all(fits);
        return (all && body.get("decision").is_none()).then_some(()).ok_or("other decisions".to_owned());
    }
    let results = body["results"].as_array().ok_or("no results")?;
    if vector.get("empty").is_some() {
        return results.is_empty().then_some(()).ok_or("results".to_owned());
    }
    let typed = results.iter().all(|result| vector.get("type").is_none_or(|kind| result["type"] == *kind));
    let has = |id: &Value| results.iter().any(|result| result["id"] == *id || result["name"] == *id);
    let includes = vector["includes"].as_array().expect("what is included").iter().all(has);
    let paged = body["page"]["next_token"].is_string();
    (typed && includes && paged).then_some(()).ok_or("other results".to_owned())
}
