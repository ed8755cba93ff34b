//! The pages about the server: overview, scopes, keys, policies, test bench, audit log, settings.

use reqwest::Method;

use super::{address, admin, between, page, plain, post, posted};
use crate::harness::{Backend, Options, backend, eventually, scope};

on_both! {
    /// One look: health, policies, keys, tokens, and what to do next.
    fn the_overview_shows_the_state(server: &Server) {
        let client = server.jwt_client(&[]);
        server.machine_token(&client, "");
        let text = page(&admin(server), "/admin");
        for part in ["Ready", "Policies", "Tokens issued", "Requests refused", "Signing key age", "Next steps"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    /// Documents, and their Cedar with the place that it comes from.
    fn policies_are_shown_with_their_place(server: &Server) {
        let browser = admin(server);
        let text = page(&browser, "/admin/policies?pageSize=100");
        let revision = server.ready()["policy_revision"].as_str().expect("a revision").to_owned();
        assert!(text.contains(&revision) && text.contains("clients/reporting.yaml") && text.contains("global.yaml"), "{text}");
        let link = between(&text, "<a href=\"/admin/policies/document?file=", "\"").expect("a document").to_owned();
        page(&browser, &format!("/admin/policies/document?file={}", link.replace("&amp;", "&")));
        let found = page(&browser, "/admin/policies?search=reporting");
        assert!(found.contains("reporting.yaml") && !found.contains("web-app.yaml"), "{found}");
        let file = between(&found, "document?file=", "\"").expect("the document").to_owned();
        let document = page(&browser, &format!("/admin/policies/document?file={file}"));
        assert!(document.contains("permit (") && document.contains("client.reporting") && document.contains("@source"), "{document}");
        let body = server.manage(Method::GET, "policies").send().ok().json()["data"].clone();
        assert_eq!(body["revision"], revision.as_str());
        let file = body["documents"].as_array().expect("documents").iter().find(|d| d["kind"] == "global").expect("global")["file"].as_str().expect("a file").to_owned();
        let reply = server.manage(Method::GET, "policies").query(&[("file", &file)]).send().ok().json();
        assert_eq!(reply["data"]["policies"][0]["id"], "global.ceiling", "{reply}");
        posted(&browser, "/admin/policies/reload", &[]);
    }

    /// The test bench answers as the server would, and names the policies.
    fn the_bench_answers(server: &Server) {
        let browser = admin(server);
        let ask = |query: &str| page(&browser, &format!("/admin/policies/bench?ask=yes&{query}"));
        let yes = ask(&format!("kind=grant&client=reporting&grantType=jwt-bearer&action={}", scope::FIND));
        assert!(yes.contains("permitted by") && yes.contains("client.reporting"), "{yes}");
        let no = ask(&format!("kind=grant&client=reporting&grantType=jwt-bearer&action={}", scope::DELETE));
        assert!(no.contains("no policy permits it") && no.contains("What would allow it"), "{no}");
        assert!(no.contains(&format!("add {} to ", scope::DELETE)) && no.contains("reporting.yaml"), "{no}");
        let start = ask("kind=grant&client=reporting&grantType=code");
        assert!(start.contains("kernel.grant-not-registered"), "{start}");
        let usage = ask(&format!("kind=use&client=reporting&action={}", scope::FIND));
        assert!(usage.contains("permitted by"), "{usage}");
        let administer = ask("kind=admin&user=admin&action=admin:client.delete&about=reporting");
        assert!(administer.contains("role.administrator") || administer.contains("permitted by"), "{administer}");
        for bad in ["kind=grant&client=nobody", "kind=use&client=reporting", "kind=grant&client=reporting&ip=x", "kind=grant&client=reporting&at=x", "kind=x", "kind=grant&client=reporting&action=%22", "kind=admin&user=nobody-at-all&action=admin:client.read"] {
            let reply = browser.get(&format!("/admin/policies/bench?ask=yes&{bad}"));
            assert_eq!(reply.status, 400, "{bad}: {reply:?}");
        }
    }

    /// Keys: state, and nothing of the private parts.
    fn keys_are_shown(server: &Server) {
        let text = page(&admin(server), "/admin/keys");
        assert!(text.contains(">active<") && text.contains("/.well-known/jwks.json") && !text.contains("PRIVATE"), "{text}");
        let keys = server.manage(Method::GET, "keys").send().ok().json()["data"].clone();
        assert!(keys.as_array().is_some_and(|all| all.iter().any(|key| key["state"] == "active")), "{keys}");
        assert!(!keys.to_string().contains("PRIVATE") && !keys.to_string().contains("\"d\""));
    }

    /// AA6: who did what, to what, by which policy; found by filters, exported whole.
    fn aa06_the_audit_log_is_found_and_exported(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        for _ in 0..3 {
            posted(&browser, &format!("{}/deactivate", address(&client)), &[]);
            posted(&browser, &format!("{}/activate", address(&client)), &[]);
        }
        let rows = |text: &str| text.matches("<a href=\"/admin/audit/").count();
        let of = |query: &str| rows(&page(&browser, &format!("/admin/audit?target={}&{query}", client.id)));
        assert_eq!(of(""), 7);
        assert_eq!(of("actor=admin&action=admin:client.update"), 6);
        assert_eq!(of("actor=nobody"), 0);
        assert_eq!(of("decision=deny"), 0);
        assert_eq!(of("until=2020-01-01"), 0);
        let first = page(&browser, &format!("/admin/audit?target={}", client.id));
        let entry = between(&first, "<a href=\"/admin/audit/", "\"").expect("an entry").to_owned();
        let text = page(&browser, &format!("/admin/audit/{entry}"));
        assert!(text.contains(&client.id) && text.contains("Policy revision") && text.contains("activeAfter"), "{text}");
        let lines = browser.get(&format!("/admin/audit/export?target={}", client.id)).ok().text();
        assert_eq!(lines.lines().count(), 7, "{lines}");
        for line in lines.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&entry["target"], &entry["decision"]), (&client.id.as_str().into(), &"allow".into()));
        }
        let csv = browser.get(&format!("/admin/audit/export?format=csv&target={}", client.id)).ok();
        assert!(csv.header("content-disposition").is_some_and(|value| value.contains("audit.csv")), "{csv:?}");
        assert!(csv.text().starts_with("at,kind,actor,") && csv.text().lines().count() >= 8);
        assert!(!lines.contains(client.secret.as_deref().expect("a secret")));
    }

    /// The API's log goes on by position, both ways, and takes a position of its own only.
    fn the_audit_api_goes_by_position(server: &Server) {
        let client = server.confidential_client(&[]);
        for number in 0..6 {
            server.update_client(&client, &serde_json::json!({ "name": format!("n{number}") })).ok();
        }
        let ask = |pairs: &[(&str, &str)]| {
            let mut all = vec![("target", client.id.as_str()), ("pageSize", "3")];
            all.extend_from_slice(pairs);
            server.manage(Method::GET, "audit").query(&all).send()
        };
        let first = ask(&[]).ok().json();
        let after = first["meta"]["after"].as_str().expect("a position").to_owned();
        let second = ask(&[("after", &after)]).ok().json();
        let after = second["meta"]["after"].as_str().expect("a position").to_owned();
        let third = ask(&[("after", &after)]).ok().json();
        let count = |body: &serde_json::Value| body["data"].as_array().map_or(0, Vec::len);
        assert_eq!((count(&first), count(&second), count(&third)), (3, 3, 1), "{third}");
        assert!(third["meta"]["after"].is_null() && first["meta"]["before"].is_null());
        let back = ask(&[("before", third["meta"]["before"].as_str().expect("a way back"))]).ok().json();
        assert_eq!(back["data"], second["data"]);
        for (name, value) in [("after", "x"), ("before", "!"), ("decision", "maybe"), ("kind", "x"), ("since", "x")] {
            assert_eq!(ask(&[(name, value)]).status, 400, "{name}");
        }
        let export = server.manage(Method::GET, "audit/export").query(&[("target", client.id.as_str())]).send().ok();
        assert_eq!(export.text().lines().count(), 7, "{export:?}");
    }

    /// Settings with their origins; what may hold a secret is masked.
    fn settings_are_masked(server: &Server) {
        let text = page(&admin(server), "/admin/settings");
        assert!(text.contains("database.url") && text.contains("***") && text.contains("GRANTWOOD_LISTEN"), "{text}");
        assert!(!text.contains(server.database()), "{text}");
        let found = page(&admin(server), "/admin/settings?search=tokens.");
        assert!(found.contains("tokens.access_ttl") && !found.contains("policies.path"), "{found}");
    }
}

/// The ceiling is edited, and a client loses a scope at once; a ceiling that git manages is read-only.
#[test]
fn the_global_scopes_are_edited() {
    for kind in Backend::present() {
        backend::run_alone(kind, Options::default(), |server| {
            let (browser, client) = (admin(server), server.jwt_client(&[]));
            let token = server.machine_token(&client, &[scope::FIND, scope::DELETE].join(" "));
            let text = page(&browser, "/admin/scopes");
            assert!(
                text.contains("id=\"scopes-form\"")
                    && text.contains(&format!("/admin/clients?scope={}", scope::FIND.replace(':', "%3A"))),
                "{text}"
            );
            posted(&browser, "/admin/scopes", &[("scope", "admin:client.read"), ("scope", scope::FIND)]);
            assert_eq!(server.introspect(&client, &token).scopes(), [scope::FIND]);
            let reply = post(&browser, "/admin/scopes", &[("scope", "api::form.form.nothing")]);
            assert_eq!(reply.status, 400, "{reply:?}");
            let file = server.policies().join("global.yaml");
            let by_hand =
                std::fs::read_to_string(&file).expect("the ceiling").replace("managed_by: admin\n", "");
            crate::harness::policies::write(&file, by_hand);
            eventually("the ceiling is git's", std::time::Duration::from_secs(5), || {
                plain(&browser.get("/admin/scopes")).contains("Git manages the global scopes")
            });
            let text = page(&browser, "/admin/scopes");
            assert!(text.contains("global.yaml") && !text.contains("id=\"scopes-form\""), "{text}");
            let reply = post(&browser, "/admin/scopes", &[("scope", scope::FIND)]);
            assert!(reply.status == 409 && plain(&reply).contains("global.yaml"), "{reply:?}");
            crate::harness::policies::write(&file, "scopes: [\n");
            eventually("the edit is held back", std::time::Duration::from_secs(5), || {
                plain(&browser.get("/admin")).contains("is held back")
            });
            assert_eq!(post(&browser, "/admin/policies/reload", &[]).status, 409);
        });
    }
}

/// A signing key that the server made is rotated: the next one is published at once.
#[test]
fn a_signing_key_is_rotated() {
    let options = Options::default().env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let browser = admin(server);
        posted(&browser, "/admin/keys/rotate", &[]);
        let text = page(&browser, "/admin/keys");
        assert!(text.contains(">next<") && text.contains(">active<"), "{text}");
        let states = server.manage(Method::GET, "keys").send().ok().json()["data"].clone();
        assert_eq!(states.as_array().map(Vec::len), Some(2), "{states}");
    });
}
