//! The decision log and the audit table: every decision, findable by request and token, without a secret.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Backend, Client, JWT_BEARER, Options, Server, backend, eventually, scope};

/// How late an entry may be.
const SOON: Duration = Duration::from_secs(5);

fn logging() -> Options {
    Options::default()
        .env("GRANTWOOD_DECISIONS__FILE", "decisions.jsonl")
        .env("GRANTWOOD_DECISIONS__ROTATE_MB", "1")
}

/// All lines of the decision log, rotated files too.
fn lines(server: &Server) -> Vec<Value> {
    let read = |name: &str| std::fs::read_to_string(server.folder().join(name)).unwrap_or_default();
    let text = format!("{}{}", read("decisions.jsonl.1"), read("decisions.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The lines of one request, once there are so many.
fn of_request(server: &Server, id: &str, count: usize) -> Vec<Value> {
    let mine =
        || -> Vec<Value> { lines(server).into_iter().filter(|line| line["request_id"] == id).collect() };
    eventually(&format!("{count} lines of {id}"), SOON, || mine().len() >= count);
    mine()
}

fn refused(server: &Server, client: &Client, scopes: &str) -> String {
    let reply = server.present_for(&client.assertion(server).sign(), scopes);
    assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_scope"), "{reply:?}");
    reply.header("x-request-id").expect("every answer has an id").to_owned()
}

/// A request that is refused before the policy is asked is a decision as well: in the log and in the audit table, with
/// the reason instead of a policy, and without what was sent.
#[test]
fn what_is_refused_before_the_policy_is_asked() {
    for kind in Backend::present() {
        backend::run_alone(kind, logging(), |server| {
            let client = server.jwt_client(&[scope::FIND]);
            let assertion = client.assertion(server).sign();
            server.present(&assertion).access_token();
            let token = |form: &[(&str, &str)]| server.token(form);
            let again = [("grant_type", JWT_BEARER), ("assertion", assertion.as_str())];
            let wrong = [
                ("grant_type", "client_credentials"),
                ("client_id", client.id.as_str()),
                ("client_secret", "s3cret-canary"),
            ];
            let uri = format!(
                "/oauth2/authorize?response_type=code&client_id={}&redirect_uri=https://canary.example/cb",
                client.id
            );
            for (reply, action, error, reason) in [
                (token(&again), "grant:jwt_bearer", "invalid_grant", "Assertion("),
                (token(&wrong), "grant:client_credentials", "invalid_client", "Client("),
                (token(&[("grant_type", "canary")]), "grant", "unsupported_grant_type", "UnsupportedGrant"),
                (server.get(&uri), "grant:authorization_code", "invalid_request", "Invalid"),
            ] {
                assert!((400..500).contains(&reply.status), "{reply:?}");
                let id = reply.header("x-request-id").expect("an id").to_owned();
                // An assertion that was used is found out when it is redeemed, after the policy said yes.
                let count = if reason == "Assertion(" { 3 } else { 1 };
                let line = of_request(server, &id, count).pop().expect("a line");
                assert_eq!((&line["kind"], &line["decision"]), (&"grant".into(), &"deny".into()), "{line}");
                assert_eq!((&line["action"], &line["error"]), (&action.into(), &error.into()), "{line}");
                assert!(line["reason"].as_str().is_some_and(|why| why.starts_with(reason)), "{line}");
                assert_eq!(line["policies"], serde_json::json!([]), "{line}");
                let body = serde_json::json!({ "id": id });
                let told = server.manage(reqwest::Method::POST, "decisions/explain").json(&body).send();
                assert_eq!(told.status, 200, "{told:?}");
                let told = told.text();
                assert!(told.contains("no policy refused it") && told.contains(reason), "{told}");
            }
            let all = serde_json::to_string(&lines(server)).expect("JSON");
            assert!(!all.contains("canary"), "nothing of what was sent is kept: {all}");
        });
    }
}

#[test]
fn a_grant_is_a_line_for_its_start_and_for_each_scope() {
    for kind in Backend::present() {
        backend::run_alone(kind, logging(), |server| {
            let client = server.jwt_client(&[scope::FIND, scope::FIND_ONE]);
            let reply = server.present_for(
                &client.assertion(server).sign(),
                &format!("{} {}", scope::FIND, scope::FIND_ONE),
            );
            let id = reply.header("x-request-id").expect("an id").to_owned();
            let found = of_request(server, &id, 3);
            let resources: Vec<&str> = found.iter().filter_map(|line| line["resource"].as_str()).collect();
            assert_eq!(
                resources,
                [
                    "Server::\"self\"".to_owned(),
                    format!("Scope::\"{}\"", scope::FIND),
                    format!("Scope::\"{}\"", scope::FIND_ONE)
                ]
            );
            for line in &found {
                assert_eq!((&line["event"], &line["kind"]), (&"decision".into(), &"grant".into()));
                assert_eq!(
                    (&line["decision"], &line["client"]),
                    (&"allow".into(), &client.id.as_str().into())
                );
                assert_eq!(line["action"], "grant:jwt_bearer");
                assert!(line["us"].is_u64() && line["revision"].is_string() && line["jti"].is_string());
            }
            assert_eq!(found[1]["policies"], serde_json::json!([format!("client.{}", client.id)]));
            let refused = of_request(server, &refused(server, &client, scope::DELETE), 2);
            assert_eq!(
                (&refused[1]["decision"], &refused[1]["policies"]),
                (&"deny".into(), &serde_json::json!([]))
            );
            assert!(refused[1]["jti"].is_null());
        });
    }
}

/// What is read back is what was asked, and a second look at a live token is a line as well.
#[test]
fn a_live_token_is_asked_about_again() {
    backend::run_alone(Backend::Sqlite, logging(), |server| {
        let client = server.jwt_client(&[scope::FIND]);
        let token = server.machine_token(&client, scope::FIND);
        let reply = server.introspect(&client, &token);
        let found = of_request(server, reply.header("x-request-id").expect("an id"), 1);
        assert_eq!((&found[0]["kind"], &found[0]["decision"]), (&"recheck".into(), &"allow".into()));
        assert!(found[0]["jti"].is_string() && found[0]["facts"]["ttl"].is_u64());
    });
}

/// Allows are sampled by request; a no never is.
#[test]
fn a_no_is_never_left_out_by_sampling() {
    let options = logging().env("GRANTWOOD_DECISIONS__SAMPLE_ALLOWS", "1000000");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let client = server.jwt_client(&[scope::FIND]);
        let token = server.machine_token(&client, scope::FIND);
        server.introspect(&client, &token).ok();
        let changed = server.update_client(&client, &serde_json::json!({ "scopes": [scope::FIND_ONE] }));
        assert_eq!(changed.status, 200, "{changed:?}");
        let mut id = String::new();
        eventually("the token is inactive", SOON, || {
            let reply = server.introspect(&client, &token);
            id = reply.header("x-request-id").expect("an id").to_owned();
            reply.json()["active"] == false
        });
        let found = of_request(server, &id, 1);
        assert_eq!((&found[0]["kind"], &found[0]["decision"]), (&"recheck".into(), &"deny".into()));
        let allowed =
            lines(server).iter().filter(|l| l["kind"] == "recheck" && l["decision"] == "allow").count();
        assert_eq!(allowed, 0);
    });
}

/// The file is rotated, and the process ends with everything written.
#[test]
fn the_log_is_rotated_and_ends_whole() {
    let options = logging().env("GRANTWOOD_DECISIONS__KEEP", "1");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let client = server.jwt_client(&scope::ALL);
        // A line has some 500 bytes, a request six lines.
        for _ in 0..60 {
            server.present(&client.assertion(server).sign()).ok();
        }
        server.terminate(Duration::from_secs(20));
        let found = lines(server);
        assert_eq!(found.iter().filter(|line| line["kind"] == "grant").count(), 360);
    });
}

/// W4: neither the log nor the table holds what a caller keeps secret.
#[test]
fn w04_no_secret_is_in_the_decision_log_or_the_audit_table() {
    for kind in Backend::present() {
        backend::run_alone(kind, logging(), |server| {
            let client = server.confidential_client(&[scope::FIND]);
            let secret = client.secret.clone().expect("a secret");
            let (code, pkce) = server.code(&client, &[scope::FIND]);
            let reply = server.redeem(&client, &code, &pkce);
            let token = reply.access_token();
            let assertion = client.assertion(server).sign();
            server.present(&assertion);
            server.introspect(&client, &token).ok();
            server.manage(reqwest::Method::GET, "clients?canary=canary-in-a-query").send().ok();
            of_request(server, reply.header("x-request-id").expect("an id"), 2);
            server.terminate(Duration::from_secs(20));
            let text = lines(server).iter().map(Value::to_string).collect::<String>();
            let jwt = server.admin().jwt(server).to_owned();
            for canary in
                [&*secret, &*code, &*token, &*assertion, &*jwt, &*pkce.verifier, "canary-in-a-query"]
            {
                assert!(!text.contains(canary), "the log holds {canary}");
                assert!(!server.database_holds(canary), "the database holds {canary}");
            }
        });
    }
}

/// BB: under `audit.required` nothing is granted that cannot be recorded.
#[test]
fn a_grant_without_its_entry_is_none() {
    let options = Options::default().env("GRANTWOOD_AUDIT__REQUIRED", "true");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let client = server.jwt_client(&[scope::FIND]);
        let reply = server.present(&client.assertion(server).sign());
        assert_eq!(reply.status, 200);
        let file = server.database().trim_start_matches("sqlite:").to_owned();
        let sql = |text: &str| {
            use diesel::Connection as _;
            use diesel::connection::SimpleConnection as _;
            let mut connection = diesel::SqliteConnection::establish(&file).expect("the database");
            connection.batch_execute(&format!("PRAGMA busy_timeout=5000; {text}")).expect("a statement");
        };
        sql("ALTER TABLE audit RENAME TO audit_away");
        let reply = server.present(&client.assertion(server).sign());
        assert_eq!((reply.status, reply.error().as_str()), (503, "temporarily_unavailable"), "{reply:?}");
        sql("ALTER TABLE audit_away RENAME TO audit");
        eventually("grants work again", SOON, || {
            server.present(&client.assertion(server).sign()).status == 200
        });
    });
}
