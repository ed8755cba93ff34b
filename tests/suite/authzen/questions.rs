//! What is asked: names of subjects, actions and resources, tokens and clients in the context, pages of searches.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Pdp, decision, on_pdp};
use crate::harness::fixtures::NewClient;
use crate::harness::{BOUND, Backend, Options, eventually, policies};

fn may(subject: Value, action: &str, resource: Value) -> Value {
    json!({ "subject": subject, "action": { "name": action }, "resource": resource })
}

fn record() -> Value {
    json!({ "type": "record", "id": "record-1" })
}

fn alice() -> Value {
    json!({ "type": "user", "id": "alice" })
}

on_pdp! {
    /// A thing has its short and its full name; what there is not is a no that says so.
    fn names(pdp: &Pdp) {
        for subject in ["alice", "ALICE", "alice@acmecorp.com"] {
            assert!(pdp.decides(&may(json!({ "type": "user", "id": subject }), "read", record())), "{subject}");
        }
        for (action, resource) in [
            ("api::record.record.read", record()),
            ("read", json!({ "type": "api::record.record", "id": "record-1" })),
            ("read", json!({ "type": "content_type", "id": "api::record.record" })),
            ("api::record.record.read", json!({ "type": "content_type", "id": "record" })),
        ] {
            assert!(pdp.decides(&may(alice(), action, resource.clone())), "{action} {resource}");
        }
        for (subject, action, resource, missing) in [
            (json!({ "type": "user", "id": "nobody" }), "read", record(), "subject"),
            (json!({ "type": "robot", "id": "alice" }), "read", record(), "subject type"),
            (json!({ "type": "client", "id": "nobody" }), "read", record(), "subject"),
            (alice(), "burn", record(), "action"),
            (alice(), "api::document.document.read", record(), "action"),
            (alice(), "read", json!({ "type": "book", "id": "1" }), "resource type"),
            (alice(), "read", json!({ "type": "content_type", "id": "book" }), "content type"),
        ] {
            let reply = pdp.ask("evaluation", &may(subject, action, resource));
            assert!(!decision(&reply));
            assert_eq!(
                reply.json()["context"]["error"],
                json!({ "status": 404, "message": format!("no such {missing}") })
            );
        }
        // Administration is decided where it happens.
        let admin = json!({ "type": "content_type", "id": "admin:client" });
        assert!(!pdp.decides(&may(json!({ "type": "user", "id": "admin" }), "read", admin)));
    }

    /// A gateway asks with method and path; the catalog's routes say which action that is.
    fn routes(pdp: &Pdp) {
        let route = |path: &str| json!({ "type": "route", "id": path });
        assert!(pdp.decides(&may(alice(), "GET", route("/records/record-1"))));
        assert!(pdp.decides(&may(alice(), "HEAD", route("/records/record-1"))));
        let bob = json!({ "type": "user", "id": "bob" });
        assert!(!pdp.decides(&may(bob, "PUT", route("/records/record-1"))));
        for (method, path) in [
            ("GET", "/records"),
            ("GET", "/records/"),
            ("GET", "/records/a/../b"),
            ("GET", "/records/%2e%2e"),
            ("GET", "records/a"),
            ("get", "/records/a"),
            ("PURGE", "/records/a"),
            ("GET", "/records/a?b"),
        ] {
            let reply = pdp.ask("evaluation", &may(alice(), method, route(path)));
            assert!(!decision(&reply), "{method} {path}");
            assert_eq!(reply.json()["context"]["error"]["message"], "no such route", "{method} {path}");
        }
    }

    /// With a token the question is what that token may do: its scopes, its subject, its life.
    fn a_token_in_the_context(pdp: &Pdp) {
        let token = pdp.token_of("service", Some("alice"));
        let ask = |subject: Value, action: &str, token: &str| {
            let mut body = may(subject, action, record());
            body["context"] = json!({ "token": token });
            pdp.decides(&body)
        };
        assert!(ask(alice(), "read", &token));
        assert!(pdp.decides(&may(alice(), "write", record())) && !ask(alice(), "write", &token));
        assert!(!ask(json!({ "type": "user", "id": "bob" }), "read", &token), "another's token");
        assert!(!ask(json!({ "type": "client", "id": "service" }), "read", &token), "a user's token");
        let machine = pdp.token_of("service", None);
        assert!(ask(json!({ "type": "client", "id": "service" }), "read", &machine));
        assert!(!ask(alice(), "read", &machine), "a machine's token");
        for bad in ["", "x", "a.b.c", &token[..token.len() - 2]] {
            assert!(!ask(alice(), "read", bad), "{bad}");
        }
        let jti = crate::harness::jwt::claims(&token)["jti"].as_str().expect("a jti").to_owned();
        assert!(ask(alice(), "read", &jti));
        let revocation = pdp.server.manage(reqwest::Method::POST, "access-tokens/revoke");
        revocation.json(&json!({ "jti": jti })).send().ok();
        eventually("the revoked token is refused", BOUND, || !ask(alice(), "read", &token));
        assert!(!ask(alice(), "read", &jti));
    }

    /// With a client, the question is what the user may do through it; a client alone acts for itself.
    fn a_client_in_the_context(pdp: &Pdp) {
        let ask = |subject: Value, action: &str, client: Option<&str>| {
            let mut body = may(subject, action, record());
            if let Some(client) = client {
                body["context"] = json!({ "client": client });
            }
            pdp.decides(&body)
        };
        assert!(ask(alice(), "read", Some("service")));
        assert!(!ask(alice(), "write", Some("service")), "the client's document does not list it");
        assert!(!ask(alice(), "read", Some("pep")), "the client may not act for her");
        assert!(!ask(alice(), "read", Some("nobody")));
        assert!(ask(json!({ "type": "client", "id": "service" }), "read", None));
        assert!(!ask(json!({ "type": "client", "id": "service" }), "write", None));
        let disabled = pdp.server.client(
            &NewClient::confidential().with("scopes", json!(["api::record.record.read"])),
        );
        assert!(ask(json!({ "type": "client", "id": disabled.id }), "read", None));
        pdp.server.update_client(&disabled, &json!({ "active": false })).ok();
        eventually("the client is refused", BOUND, || {
            !ask(json!({ "type": "client", "id": disabled.id }), "read", None)
        });
    }

    /// Pages: every result once, each a yes, and a token is good for its own search only.
    fn pages(pdp: &Pdp) {
        let mut body = json!({ "subject": { "type": "user" }, "action": { "name": "read" },
            "resource": record(), "page": { "limit": 1 } });
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = pdp.ask("search/subject", &body).ok().json();
            let results = page["results"].as_array().expect("results");
            assert!(results.len() <= 1 && page["page"]["count"] == results.len());
            for result in results {
                assert!(pdp.decides(&may(result.clone(), "read", record())), "{result}");
                found.push(result["id"].as_str().expect("an id").to_owned());
            }
            let token = page["page"]["next_token"].as_str().expect("a text");
            if token.is_empty() {
                break;
            }
            let mut other = body.clone();
            other["page"] = json!({ "token": token });
            other["action"] = json!({ "name": "write" });
            assert_eq!(pdp.ask("search/subject", &other).status, 400);
            body["page"] = json!({ "token": token });
        }
        assert!(found.len() >= 3 && found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        let clients = json!({ "subject": { "type": "client" }, "action": { "name": "read" }, "resource": record() });
        let clients = pdp.ask("search/subject", &clients).ok().json();
        assert!(clients["results"].as_array().expect("results").contains(&json!({ "type": "client", "id": "service" })));
        let types = json!({ "subject": alice(), "action": { "name": "read" }, "resource": { "type": "content_type" } });
        let types = pdp.ask("search/resource", &types).ok().json();
        assert_eq!(
            types["results"],
            json!([{ "type": "content_type", "id": "api::document.document" },
                { "type": "content_type", "id": "api::record.record" }])
        );
        let none = json!({ "subject": { "type": "user" }, "action": { "name": "read" }, "resource": record(),
            "page": { "limit": 0 } });
        let page = pdp.ask("search/subject", &none).ok().json();
        assert_eq!(page["results"], json!([]));
        assert_ne!(page["page"]["next_token"], "");
    }
}

/// W4: what is stated stands in the decision log, values as far as the operator declared them harmless.
#[test]
fn w04_what_is_stated_is_logged() {
    let config = Some("decisions:\n  properties: [status]\n".to_owned());
    let options =
        Options { config, ..Options::default() }.env("GRANTWOOD_DECISIONS__FILE", "decisions.jsonl");
    let pdp = Pdp::start(options.on(Backend::Sqlite));
    let mut body = may(alice(), "read", record());
    body["resource"]["properties"] = json!({ "status": "active", "pin": "s3cret" });
    body["subject"]["properties"] = json!({ "email": "ann@c1.test" });
    assert!(pdp.decides(&body));
    let log = || std::fs::read_to_string(pdp.server.folder().join("decisions.jsonl")).unwrap_or_default();
    let line = || log().lines().find(|line| line.contains("\"stated\"")).map(ToOwned::to_owned);
    eventually("the decision is logged", Duration::from_secs(5), || line().is_some());
    let line: Value = serde_json::from_str(&line().expect("a line")).expect("JSON");
    assert_eq!(line["kind"], "use");
    assert_eq!(
        line["stated"],
        json!({ "type": "record", "id": "record-1", "resource": { "pin": [], "status": ["active"] },
            "subject": { "email": [] } }),
        "with what the catalog knows of the resource"
    );
    assert!(!log().contains("s3cret") && !log().contains("ann@c1.test"));
}

/// R: a blocked user and a change of policy are in force within a second.
#[test]
fn what_is_permitted_now() {
    let pdp = Pdp::start(Options::default().on(Backend::Sqlite));
    let body = may(json!({ "type": "user", "id": "bob" }), "read", record());
    assert!(pdp.decides(&body));
    let role = pdp.server.policies().join("roles/member.yaml");
    let text = std::fs::read_to_string(&role).expect("the role");
    policies::write(&role, text.replace("  - api::record.record.read\n", ""));
    let other = pdp.server.policies().join("roles/archive_admin.yaml");
    policies::write(&other, "actions: []\n");
    eventually("the role's action is gone", BOUND + Duration::from_millis(500), || !pdp.decides(&body));
    let body = may(alice(), "read", record());
    assert!(pdp.decides(&body));
    assert!(pdp.server.cli(&["user", "block", "alice"], "").status.success());
    eventually("the blocked user is refused", BOUND + Duration::from_millis(500), || !pdp.decides(&body));
}
