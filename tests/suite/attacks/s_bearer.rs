//! Section S: bearer tokens (RFC 6750) at the management API.

use crate::harness::{Http, scope};

on_both! {
    /// S1: a token in the query is no token.
    fn s01_not_in_the_query(server: &Server) {
        let token = server.admin().jwt(server);
        let reply = Http::get(server.mounted("clients")).query(&[("access_token", token)]).send();
        assert_eq!(reply.status, 401, "{reply:?}");
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
    }

    /// S3: cookies open nothing at the API.
    fn s03_no_cookies(server: &Server) {
        let cookie = format!("session={0}; jwt={0}; __Host-session={0}", server.admin().jwt(server));
        let reply = Http::get(server.mounted("clients")).header("Cookie", &cookie).send();
        assert_eq!(reply.status, 401, "{reply:?}");
    }
}
