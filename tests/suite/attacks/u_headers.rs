//! Section U: headers, CORS, caching.

use crate::harness::{Http, Server};

fn pages(server: &Server) -> Vec<String> {
    [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/nowhere",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["authorization_endpoint", "token_endpoint"].map(|name| server.path(name)))
    .collect()
}

on_both! {
    /// U1: on every answer, errors and unknown paths included.
    fn u01_security_headers(server: &Server) {
        for path in pages(server) {
            let reply = server.get(&path);
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}: {reply:?}");
            assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}: {reply:?}");
            assert!(
                reply.header("server").is_none() && reply.header("x-powered-by").is_none(),
                "{path}: {reply:?}"
            );
        }
    }

    /// U2: metadata and keys for everybody, without credentials; nothing else for foreign origins.
    fn u02_cors(server: &Server) {
        for origin in ["https://evil.test", "null", "https://c1.test.evil.test"] {
            for path in ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json"] {
                let reply = Http::get(server.url(path)).header("Origin", origin).send();
                assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}: {reply:?}");
                assert!(reply.header("access-control-allow-credentials").is_none(), "{path}: {reply:?}");
            }
            for path in [
                server.path("token_endpoint"),
                server.path("authorization_endpoint"),
                "/auth/local".to_owned(),
            ] {
                for method in [reqwest::Method::POST, reqwest::Method::OPTIONS] {
                    let reply = Http::request(method, server.url(&path))
                        .header("Origin", origin)
                        .header("Access-Control-Request-Method", "POST")
                        .send();
                    let allowed = reply.header("access-control-allow-origin");
                    assert!(allowed.is_none_or(|value| value != origin && value != "*"), "{path}: {reply:?}");
                }
            }
            let reply = Http::get(server.mounted("clients")).header("Origin", origin).send();
            assert!(reply.header("access-control-allow-origin").is_none(), "{reply:?}");
        }
    }

    /// U3: tokens and the API are never stored; keys and metadata may be.
    fn u03_caching(server: &Server) {
        let reply = server.present(&server.jwt_client(&[]).assertion(server).sign()).ok();
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")), "{reply:?}");
        let reply = server.manage(reqwest::Method::GET, "clients").send().ok();
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")), "{reply:?}");
        let reply = server.get("/.well-known/oauth-authorization-server");
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("max-age")), "{reply:?}");
    }

    /// U4: what a proxy header says changes no answer.
    fn u04_no_variation(server: &Server) {
        for path in ["/docs", "/openapi.json"] {
            let plain = server.get(path);
            let bent = Http::get(server.url(path))
                .header("X-Forwarded-Host", "evil.test")
                .header("X-Forwarded-Prefix", "/evil")
                .send();
            assert_eq!(
                (plain.status, plain.text().contains("evil")),
                (bent.status, bent.text().contains("evil")),
                "{path}"
            );
        }
    }
}
