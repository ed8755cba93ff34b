//! Who may ask, what they are believed, and what they see.

use serde_json::json;

use super::{decision, on_pdp};
use crate::harness::{Http, User, client};

fn question() -> serde_json::Value {
    json!({ "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" },
        "resource": { "type": "record", "id": "record-1" } })
}

on_pdp! {
    /// S2: strangers are told how to authenticate, and learn nothing from what is wrong with a body.
    fn s02_strangers_are_refused(pdp: &Pdp) {
        for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"] {
            for body in [question(), json!({})] {
                let reply = pdp.post(path, &body).send();
                assert_eq!(reply.status, 401, "{path}: {reply:?}");
                let challenge = reply.header("www-authenticate").unwrap_or_default();
                assert!(challenge.starts_with("Bearer ") && !challenge.contains("error="), "{challenge}");
                let reply = pdp.post(path, &body).bearer("eyJhbGciOiJub25lIn0.e30.").send();
                assert_eq!(reply.status, 401, "{path}: {reply:?}");
                assert!(reply.header("www-authenticate").is_some_and(|c| c.contains("error=\"invalid_token\"")));
            }
            assert_eq!(Http::get(pdp.server.url(&format!("/access/v1/{path}"))).send().status, 405);
        }
    }

    /// A user's own session is no caller, and a token without the scope is told which is missing.
    fn only_clients_that_carry_the_scope_may_ask(pdp: &Pdp) {
        let session = User::existing("alice", "alice-has-a-long-password");
        let reply = pdp.post("evaluation", &question()).bearer(session.jwt(&pdp.server)).send();
        assert_eq!(reply.status, 401, "{reply:?}");
        let service = pdp.token_of("service", None);
        let reply = pdp.post("evaluation", &question()).bearer(&service).send();
        assert_eq!((reply.status, reply.error().as_str()), (403, "insufficient_scope"), "{reply:?}");
        assert!(reply.header("www-authenticate").is_some_and(|c| c.contains("scope=\"admin:decision.evaluate\"")));
        let asker = pdp.token_of("asker", None);
        assert!(decision(&pdp.post("evaluation", &question()).bearer(&asker).send()));
        let search = json!({ "subject": { "type": "user", "id": "alice" }, "resource": { "type": "record", "id": "r" } });
        assert_eq!(pdp.post("search/action", &search).bearer(&asker).send().status, 403);
    }

    /// A client's secret is as good as its token: the policy decides, below the ceiling.
    fn by_secret(pdp: &Pdp) {
        let client = pdp.secret_client(&["admin:decision.evaluate"]);
        let secret = client.secret.as_deref().expect("a secret");
        assert!(decision(&pdp.post("evaluation", &question()).basic(&client.id, secret).send()));
        let reply = pdp.post("evaluation", &question()).basic(&client.id, "wrong").send();
        assert_eq!(reply.status, 401, "{reply:?}");
        assert!(reply.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")));
        let other = pdp.secret_client(&["api::record.record.read"]);
        let reply =
            pdp.post("evaluation", &question()).basic(&other.id, other.secret.as_deref().expect("a secret")).send();
        assert_eq!(reply.status, 403, "{reply:?}");
        let both = pdp
            .post("evaluation", &question())
            .bearer(&pdp.token)
            .header("Authorization", &client::basic(&client.id, secret));
        assert_eq!(both.send().status, 400);
        pdp.server.update_client(&client, &json!({ "active": false })).ok();
        let reply = pdp.post("evaluation", &question()).basic(&client.id, secret).send();
        assert_eq!(reply.status, 401, "{reply:?}");
    }

    /// What is stated about a subject, the time, the address and the request counts only from those who may assert.
    fn only_asserting_callers_are_believed(pdp: &Pdp) {
        let asker = pdp.token_of("asker", None);
        let mut admin = question();
        admin["action"] = json!({ "name": "write" });
        admin["subject"]["properties"] = json!({ "role": "admin" });
        admin["resource"] = json!({ "type": "record", "id": "record-2" });
        let mut outside = question();
        outside["context"] = json!({ "ip": "203.0.113.7" });
        let mut old = question();
        old["context"] = json!({ "time": "1999-12-31T23:59:59Z" });
        let mut zone = question();
        zone["context"] =
            json!({ "http": { "method": "get", "path": "/records/1", "headers": { "X-Zone": "outside" } } });
        for (body, believed) in [(&admin, true), (&outside, false), (&old, false), (&zone, false)] {
            assert_eq!(pdp.decides(body), believed, "{body}");
            let unheard = decision(&pdp.post("evaluation", body).bearer(&asker).send());
            assert_eq!(unheard, !believed, "{body}");
        }
        for wrong in [
            json!({ "ip": "here" }),
            json!({ "time": "noon" }),
            json!({ "time": 1 }),
            json!({ "http": { "path": "/" } }),
            json!({ "http": { "method": "GET", "path": "/", "params": { "id": 1 } } }),
        ] {
            let mut body = question();
            body["context"] = wrong;
            assert_eq!(pdp.ask("evaluation", &body).status, 400, "{body}");
        }
    }

    /// Who decided is for those who may read policies.
    fn reasons_are_for_those_who_may_see_policies(pdp: &Pdp) {
        let mut body = question();
        body["resource"] = json!({ "type": "document", "id": "2" });
        let seen = pdp.ask("evaluation", &body).json();
        assert_eq!(seen["context"]["policies"], json!(["documents.restricted"]), "{seen}");
        assert!(seen["context"]["reason_admin"]["403"].as_str().expect("a reason").contains("documents.restricted"));
        let asker = pdp.token_of("asker", None);
        let reply = pdp.post("evaluation", &body).bearer(&asker).send();
        assert!(!decision(&reply) && !reply.text().contains("documents"), "{reply:?}");
        assert!(reply.json()["context"]["reason_user"]["403"].is_string());
    }

    /// Bodies are bounded in size, items and depth.
    fn x01_limits(pdp: &Pdp) {
        let item = json!({ "resource": { "type": "record", "id": "r" } });
        let many = |count: usize| json!({ "subject": { "type": "user", "id": "alice" },
            "action": { "name": "read" }, "evaluations": vec![item.clone(); count] });
        assert_eq!(pdp.ask("evaluations", &many(500)).json()["evaluations"].as_array().expect("items").len(), 500);
        assert_eq!(pdp.ask("evaluations", &many(501)).status, 400);
        assert_eq!(pdp.ask("evaluations", &many(5_000)).status, 413);
        let mut long = question();
        long["subject"]["id"] = json!("a".repeat(1_025));
        assert_eq!(pdp.ask("evaluation", &long).status, 400);
        let mut wide = question();
        let names: serde_json::Map<_, _> = (0..65).map(|n| (format!("p{n}"), json!(n))).collect();
        wide["resource"]["properties"] = names.into();
        assert_eq!(pdp.ask("evaluation", &wide).status, 400);
    }
}
