//! Section S: bearer tokens (RFC 6750) at the management API.

use crate::harness::browser::Browser;
use crate::harness::{Http, scope};

on_both! {
    /// S1: a token in the query is no token.
    fn s01_not_in_the_query(server: &Server) {
        let token = server.admin().jwt(server);
        for path in ["clients", "access-tokens", "users", "roles", "keys", "scopes", "global-settings", "policies", "audit",
            "consents", "sessions", "revoked-tokens"] {
            let ask = || Http::get(server.mounted(path));
            let reply = ask().query(&[("access_token", token)]).send();
            assert_eq!(reply.status, 401, "{path}: {reply:?}");
            // With the same token where it belongs it is another answer: the query was the reason.
            assert_ne!(ask().bearer(token).send().status, 401, "{path}");
        }
        let live = server.machine_token(&server.jwt_client(&[]), scope::FIND);
        for path in ["/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/subject"] {
            let reply = Http::post(server.url(path)).query(&[("access_token", &live)]).json(&serde_json::json!({})).send();
            assert_eq!(reply.status, 401, "{path}: {reply:?}");
            let reply = Http::post(server.url(path)).form(&[("access_token", &live)]).send();
            assert_eq!(reply.status, 401, "{path}: {reply:?}");
        }
    }

    /// S2: none, bad, and too weak tokens, each with its own answer.
    fn s02_answers(server: &Server) {
        let none = Http::get(server.mounted("clients")).send();
        assert_eq!(none.status, 401, "{none:?}");
        let challenge = none.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer") && !challenge.contains("error="), "{challenge}");
        let bad = Http::get(server.mounted("clients")).bearer("x").send();
        assert_eq!(bad.status, 401, "{bad:?}");
        assert!(
            bad.header("www-authenticate").is_some_and(|value| value.contains("error=\"invalid_token\"")),
            "{bad:?}"
        );
        let weak = server.machine_token(&server.jwt_client(&[]), scope::FIND);
        let weak = Http::get(server.mounted("clients")).bearer(&weak).send();
        assert_eq!(weak.status, 403, "{weak:?}");
        let code = weak.json()["error"]["details"]["error"].clone();
        assert!(code == "insufficient_scope" || code == "access_denied", "{weak:?}");
        // Two ways to show a token are one too many.
        let admin = server.admin().jwt(server);
        let both = Http::get(server.mounted("clients")).bearer(admin).header("Authorization", "Bearer x").send();
        assert_eq!(both.status, 400, "{both:?}");
        let basic = crate::harness::client::basic("a", "b");
        let both = Http::get(server.mounted("clients")).bearer(admin).header("Authorization", &basic).send();
        assert_eq!(both.status, 400, "{both:?}");
    }

    /// S3: cookies open nothing at the API.
    fn s03_no_cookies(server: &Server) {
        let cookie = format!("session={0}; jwt={0}; __Host-session={0}", server.admin().jwt(server));
        let reply = Http::get(server.mounted("clients")).header("Cookie", &cookie).send();
        assert_eq!(reply.status, 401, "{reply:?}");
        // A real session opens the pages and nothing else.
        let browser = Browser::of(server, server.admin());
        assert_eq!(browser.get("/admin").status, 200);
        let own: Vec<String> = browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert!(!own.is_empty());
        let path = server.mounted("clients").trim_start_matches(&server.url("")).to_owned();
        assert_eq!(browser.get(&path).status, 401);
        let reply = Http::post(server.mounted("keys/rotate")).header("Cookie", &own.join("; ")).send();
        assert_eq!(reply.status, 401, "{reply:?}");
        let question = serde_json::json!({ "subject": { "type": "user", "id": "admin" }, "action": { "name": "find" },
            "resource": { "type": "api::form.form", "id": "1" } });
        let ask = Http::post(server.url("/access/v1/evaluation")).header("Cookie", &own.join("; "));
        assert_eq!(ask.json(&question).send().status, 401);
    }
}
