//! What callers of the decision API state, and what the catalog knows for them.

use std::path::Path;

use super::{engine_of, open, options, scope, user};
use crate::policy::{Engine, EvaluationSubject, Options, Properties, Stated, Thing};

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/authzen/policies")
}

#[test]
fn the_certification_scenario_holds_as_policy_tests() {
    let engine = Engine::open(Options { run_tests: true, ..options(&fixture()) });
    let engine = engine.unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(crate::policy::testing::count(&engine.current()), 8);
}

#[test]
fn a_shared_subject_decides_as_separate_ones() {
    let engine = engine_of(&fixture());
    let snapshot = engine.current();
    let (alice, client) = (user("alice", &["writer"]), super::client(&snapshot, "service"));
    let subject = EvaluationSubject {
        user: Some(&alice),
        client,
        active: true,
        token: None,
        now_ms: 1_767_614_400_000,
        ip: "127.0.0.1".parse().unwrap(),
        http: None,
        properties: None,
    };
    let archived = serde_json::json!({ "status": "archived" });
    let archived = Properties::of_json(archived.as_object().unwrap()).unwrap();
    let thing = |properties| Thing { kind: "record".to_owned(), id: "r".to_owned(), properties };
    let (open, closed) = (thing(Properties::default()), thing(archived));
    let shared = snapshot.evaluation(&subject).unwrap_or_else(|decision| panic!("{decision:?}"));
    let write = scope("api::record.record.write");
    for (resource, allowed) in [(&open, true), (&closed, false), (&open, true)] {
        let stated = Stated { resource: Some(resource), ..Stated::default() };
        assert_eq!(shared.decide(&write, stated, None).0.allowed, allowed);
        let alone = snapshot.evaluation(&subject).unwrap_or_else(|decision| panic!("{decision:?}"));
        assert_eq!(alone.decide(&write, stated, None), shared.decide(&write, stated, None));
    }
    // Administration is decided where it happens, and what nobody knows is permitted to nobody.
    assert!(!shared.decide(&scope("admin:client.read"), Stated::default(), None).0.allowed);
    assert!(!shared.decide(&scope("api::record.record.burn"), Stated::default(), None).0.allowed);
}

/// A log that keeps what was stated answers as the decision did; one that keeps names only cannot.
#[test]
fn what_was_stated_is_part_of_the_recorded_question() {
    use crate::policy::record::{Harmless, Record, Trace};
    use crate::policy::{Asked, TokenFacts, UseQuestion};
    let engine = engine_of(&fixture());
    let snapshot = engine.current();
    let (alice, client) = (user("alice", &["writer"]), super::client(&snapshot, "service"));
    let archived = serde_json::json!({ "status": "archived" });
    let properties = Properties::of_json(archived.as_object().unwrap()).unwrap();
    let thing = Thing { kind: "record".to_owned(), id: "r".to_owned(), properties };
    let write = scope("api::record.record.write");
    let grant = crate::oauth::grant::GrantType::AuthorizationCode;
    let question = |stated| UseQuestion {
        user: Some(&alice),
        client,
        active: true,
        action: &write,
        token: TokenFacts { scopes: std::slice::from_ref(&write), grant, age_s: 0 },
        now_ms: 1_767_614_400_000,
        ip: "127.0.0.1".parse().unwrap(),
        http: None,
        stated,
    };
    let stated = Stated { resource: Some(&thing), ..Stated::default() };
    assert!(snapshot.decide_use(&question(Stated::default())).allowed);
    let decision = snapshot.decide_use(&question(stated));
    assert!(!decision.allowed, "{decision:?}");
    let names = ["status".to_owned()];
    for (properties, allowed) in [(&names[..], false), (&[][..], true)] {
        let trace = Trace { request_id: "q", jti: None, took: std::time::Duration::ZERO };
        let harmless = Harmless { headers: &[], properties };
        let record = Record::of(&Asked::Use(question(stated)), &decision, "r", trace, harmless);
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains("status") && text.contains("archived") != allowed, "{text}");
        let read: Record = serde_json::from_str(&text).unwrap();
        let again = read.question(&|_| Some(client.clone())).unwrap();
        assert_eq!(snapshot.decide(&again.asked()).allowed, allowed);
    }
}

#[test]
fn mistakes_in_what_the_decision_api_knows_are_told() {
    let catalog = |extra: &str| {
        format!("content_types:\n  api::a.a:\n    resource_type: a\n    actions: {{ find: {{}} }}\n{extra}")
    };
    for (extra, told) in [
        ("  api::b.b:\n    resource_type: a\n    actions: { find: {} }\n", "belongs to api::a.a already"),
        (
            "  api::b.b:\n    resource_type: route\n    actions: { find: {} }\n",
            "is not content_type and route",
        ),
        ("  api::b.b:\n    resources: { x: { y: [[1]] } }\n    actions: { find: {} }\n", "a list of lists"),
        ("  api::b.b:\n    resource_typ: b\n    actions: { find: {} }\n", "did you mean resource_type?"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("catalog")).unwrap();
        std::fs::create_dir(folder.path().join("roles")).unwrap();
        std::fs::write(folder.path().join("global.yaml"), "scopes: []\n").unwrap();
        std::fs::write(folder.path().join("roles/r.yaml"), "actions: []\n").unwrap();
        std::fs::write(folder.path().join("catalog/a.yaml"), catalog(extra)).unwrap();
        let failed = open(folder.path()).err().map(|failed| failed.to_string()).unwrap_or_default();
        assert!(failed.contains(told), "{extra}: {failed}");
    }
}
