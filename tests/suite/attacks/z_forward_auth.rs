//! Section Z: forward-auth. (Z12, real proxies in front: enforcement/cookbook.rs; noise: enforcement/noise.rs; faults:
//! enforcement/faults.rs.)

use crate::enforcement::{HOST, Proxy, is_refused, passes, protecting};
use crate::harness::{Http, Options, Server, eventually, jwt, policies, raw, scope};
use std::sync::OnceLock;

/// One server for the rows that change nothing.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        Server::start(protecting().document(
            "catalog/site.yaml",
            "content_types:\n  api::site.site:\n    actions:\n      home: { public: true, routes: [\"GET /public\", \"GET /assets/*\"] }\n",
        ))
    })
}

fn token(server: &Server) -> String {
    server.machine_token(&server.jwt_client(&[]), "")
}

/// Z1, S2: without a token 401 and the bare challenge; a browser is sent to sign in, a script is not.
#[test]
fn z01_nobody() {
    let server = server();
    for proxy in Proxy::ALL {
        let ask = || proxy.asks(server, "GET", "/api/forms/7?x=1");
        let bare = ask().send();
        is_refused(&bare, &[401]);
        let challenge = bare.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with("Bearer ") && !challenge.contains("error="), "{challenge}");
        let metadata = "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"";
        assert!(challenge.contains(metadata), "{challenge}");
        assert!(bare.header("location").is_none());
        let page = ask().header("Accept", "text/html,*/*;q=0.8").send();
        is_refused(&page, if proxy == Proxy::Nginx { &[401] } else { &[302] });
        // C8: the way back is the URL that was judged, escaped whole, on a host of ours.
        let location = "https://app.test/login?return_to=https%3A%2F%2Fapi.test%2Fapi%2Fforms%2F7%3Fx%3D1";
        assert_eq!(page.header("location"), Some(location), "{proxy:?}");
        for (name, value) in [
            ("Accept", "application/json"),
            ("X-Requested-With", "XMLHttpRequest"),
            ("Sec-Fetch-Mode", "cors"),
        ] {
            let accept = if name == "Accept" { value } else { "text/html" };
            let script = ask().header("Accept", accept).header(name, value).send();
            is_refused(&script, &[401]);
            assert!(script.header("location").is_none(), "{name}: {script:?}");
        }
        let bad = ask().bearer("x").send();
        is_refused(&bad, &[401]);
        assert!(bad.header("www-authenticate").is_some_and(|text| text.contains("invalid_token")), "{bad:?}");
        is_refused(&ask().header("Authorization", "Basic eDp5").send(), &[401]);
        is_refused(&ask().header("Authorization", "Bearer\tx").send(), &[400, 401]);
    }
}

/// Z2: each proxy is read by its own headers, and the answer names who calls; S1: no token in the query.
#[test]
fn z02_permitted() {
    let server = server();
    let client = server.jwt_client(&[scope::FIND, scope::FIND_ONE]);
    let token = server.machine_token(&client, "");
    let jti = jwt::claims(&token)["jti"].as_str().expect("jti").to_owned();
    for proxy in Proxy::ALL {
        for (method, target) in
            [("GET", "/api/forms"), ("GET", "/api/forms/7?fields=a,b"), ("HEAD", "/api/forms/7")]
        {
            let [id, user, scopes, token_id] =
                passes(&proxy.asks(server, method, target).bearer(&token).send());
            assert_eq!(
                (id.as_str(), user.as_str(), token_id.as_str()),
                (client.id.as_str(), "", jti.as_str())
            );
            assert!(scopes.contains(scope::FIND) && scopes.contains(scope::FIND_ONE), "{scopes}");
        }
        // Z11: another method is another action, or none.
        let weak = proxy.asks(server, "DELETE", "/api/forms/7").bearer(&token).send();
        is_refused(&weak, &[403]);
        let challenge = weak.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("insufficient_scope") && challenge.contains(scope::DELETE), "{challenge}");
        let query = format!("/api/forms?access_token={token}");
        is_refused(&proxy.asks(server, "GET", &query).send(), &[401]);
    }
    let user = server.user_token(&server.confidential_client(&[]), &[scope::FIND]);
    let [_, who, ..] = passes(&Proxy::Nginx.asks(server, "GET", "/api/forms").bearer(&user).send());
    assert_eq!(who, server.admin().id(server));
}

/// Z3: what has two spellings is refused, whatever the token may do.
#[test]
fn z03_paths() {
    let server = server();
    let token = token(server);
    let bad = [
        "/api/forms%2f7",
        "/api/forms%2F7",
        "/api%5cforms",
        "/api/forms\\7",
        "/api/%2e%2e/forms",
        "/api/../api/forms",
        "/./api/forms",
        "/api/forms/.",
        "/api/forms/..",
        "/api/forms%00",
        "/api/forms;x",
        "/api;x/forms",
        "/api/forms%3bx",
        "//api/forms",
        "/api//forms",
        "/api/forms/",
        "/%61pi/forms",
        "/api/f%6frms",
        "/api/forms%0a",
        "/api/forms%c0%af",
        "/api/forms/%c0%ae%c0%ae",
        "/api/forms/%ff",
        "/api/forms/%",
        "/api/forms/%zz",
        "/api/forms/%7f",
        "/api/forms/%c2%85",
    ];
    for proxy in Proxy::ALL {
        for path in bad {
            // The HTTP client would repair some of them, so they go as bytes.
            let reply = by_hand(server, proxy, "GET", path, &token);
            assert_eq!(raw::status(&reply), 400, "{proxy:?} {path}: {reply}");
        }
        // Doubly encoded is data: one parameter, decoded once.
        passes(&proxy.asks(server, "GET", "/api/forms/%252e%252e").bearer(&token).send());
    }
}

/// A question as bytes.
fn by_hand(server: &Server, proxy: Proxy, method: &str, target: &str, token: &str) -> String {
    let head = match proxy {
        Proxy::Nginx => format!(
            "GET /forward-auth/nginx HTTP/1.1\r\nHost: x\r\nX-Original-URL: https://{HOST}{target}\r\n\
             X-Original-Method: {method}\r\n"
        ),
        Proxy::Traefik | Proxy::Caddy => format!(
            "GET /forward-auth/traefik HTTP/1.1\r\nHost: x\r\nX-Forwarded-Method: {method}\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: {HOST}\r\nX-Forwarded-Uri: {target}\r\n"
        ),
        Proxy::Envoy => format!("{method} /forward-auth/envoy{target} HTTP/1.1\r\nHost: {HOST}\r\n"),
    };
    let request = format!("{head}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    raw::exchange(server, request.as_bytes())
}

/// Z4: only the whole path counts, never a query, a fragment or an ending.
#[test]
fn z04_anchored() {
    let server = server();
    for proxy in Proxy::ALL {
        for target in
            ["/api/forms?x=/public", "/api/forms?/public", "/publicx", "/public.css", "/x/public", "/PUBLIC"]
        {
            is_refused(&proxy.asks(server, "GET", target).send(), &[401]);
        }
        passes(&proxy.asks(server, "GET", "/public?x=1").send());
        passes(&proxy.asks(server, "GET", "/assets/a/b.css").send());
        is_refused(&proxy.asks(server, "GET", "/assets").send(), &[401]);
    }
    for proxy in [Proxy::Nginx, Proxy::Traefik] {
        let reply = by_hand(server, proxy, "GET", "/public#/x", "x");
        assert_eq!(raw::status(&reply), 400, "{reply}");
        let reply = by_hand(server, proxy, "GET", "/api/forms#/public", "x");
        assert_eq!(raw::status(&reply), 400, "{reply}");
    }
}

/// Z5: one spelling of the host, upper case of the method.
#[test]
fn z05_host_and_method() {
    let server = server();
    for proxy in Proxy::ALL {
        for host in ["API.test", "api.TEST.", "api.test:443", "Api.Test.:443"] {
            is_refused(&proxy.asks_of(server, "GET", host, "/api/forms").send(), &[401]);
            passes(&proxy.asks_of(server, "GET", host, "/public").send());
        }
        is_refused(&proxy.asks_of(server, "GET", "api.test:80", "/public").send(), &[403]);
        for method in ["get", "Get", "GETX", "TRACE", "PROPFIND"] {
            is_refused(&proxy.asks(server, method, "/public").send(), &[400, 405]);
        }
    }
}

/// Z6: no second opinion, no foreign header, no stranger.
#[test]
fn z06_foreign_headers_and_peers() {
    let server = server();
    let token = token(server);
    for proxy in Proxy::ALL {
        let ask = || proxy.asks(server, "GET", "/api/forms").bearer(&token);
        passes(&ask().send());
        let own_and_foreign = [
            ("X-Forwarded-Uri", "/public"),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", HOST),
            ("X-Original-URL", "https://api.test/public"),
            ("X-Original-Method", "GET"),
            ("X_Forwarded_Uri", "/public"),
            ("X_Original_URL", "https://api.test/public"),
            ("X-Rewrite-URL", "/public"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Forwarded", "host=evil.test"),
            ("Authorization", "Bearer x"),
        ];
        for (name, value) in own_and_foreign {
            is_refused(&ask().header(name, value).send(), &[400]);
        }
        // A header that rules read may stand once.
        passes(&ask().header("X-Tenant", "a").send());
        is_refused(&ask().header("X-Tenant", "a").header("X-Tenant", "b").send(), &[400]);
    }
    for list in ["/public, /api/forms", "/public,/api/forms"] {
        is_refused(&Proxy::Traefik.asks(server, "GET", list).send(), &[400]);
    }
    // V2: a proxy that is not ours may not ask, whatever it brings; loopback is not trusted by itself.
    let config = "forward_auth:\n  hosts: [api.test]\n  trusted_proxies: [10.0.0.0/8]\n";
    let other = Server::start(Options { config: Some(config.to_owned()), ..Options::default() });
    let live = other.machine_token(&other.jwt_client(&[]), "");
    for proxy in Proxy::ALL {
        is_refused(&proxy.asks(&other, "GET", "/api/forms").bearer(&live).send(), &[403]);
        let lie = proxy.asks(&other, "GET", "/api/forms").bearer(&live).header("X-Real-IP", "10.0.0.1");
        is_refused(&lie.send(), &[403]);
    }
}

/// Z7, Z8: what a caller says of itself changes nothing; the identity headers always stand.
#[test]
fn z07_z08_identity_is_ours() {
    let server = server();
    for proxy in Proxy::ALL {
        let lie = |request: Http| {
            request
                .header("Remote-User", "root")
                .header("X-User-Id", "root")
                .header("X-Client-Id", "root")
                .header("X-Scopes", "api::form.form.find")
                .header("Cookie", "session=%00;;=;\"__Host-session=x")
                .header("X-Real-IP", "127.0.0.1")
        };
        is_refused(&lie(proxy.asks(server, "GET", "/api/forms")).send(), &[400, 401]);
        assert_eq!(passes(&lie(proxy.asks(server, "GET", "/public")).send()), ["", "", "", ""]);
        for agent in ["kube-probe/1.29", "GoogleHC/1.0", "ELB-HealthChecker/2.0", ""] {
            is_refused(&proxy.asks(server, "GET", "/api/forms").header("User-Agent", agent).send(), &[401]);
        }
        // A token that came must be good, on a public route too.
        is_refused(&proxy.asks(server, "GET", "/public").bearer("x").send(), &[401]);
        // A user's own token of /auth/local is no access token; nor is an assertion.
        let own = server.admin().jwt(server);
        is_refused(&proxy.asks(server, "GET", "/api/forms").bearer(own).send(), &[401]);
    }
}

/// Z9: a host that nobody configured, and a server that protects nothing.
#[test]
fn z09_unknown_hosts() {
    let server = server();
    let token = token(server);
    for proxy in Proxy::ALL {
        for host in ["other.test", "api.test.evil", "xapi.test", "127.0.0.1"] {
            is_refused(&proxy.asks_of(server, "GET", host, "/api/forms").bearer(&token).send(), &[403]);
            is_refused(&proxy.asks_of(server, "GET", host, "/public").send(), &[403]);
        }
        // No route of the catalog.
        is_refused(&proxy.asks(server, "GET", "/nowhere").bearer(&token).send(), &[403]);
        is_refused(&proxy.asks(server, "GET", "/nowhere").send(), &[401]);
    }
    let config = "server:\n  trusted_proxies: [127.0.0.0/8]\n".to_owned();
    let bare = Server::start(Options { config: Some(config), ..Options::default() });
    is_refused(&Proxy::Nginx.asks(&bare, "GET", "/public").send(), &[403]);
}

/// Z10: a policy edit and a revocation are followed within a second. (Replicas: enforcement/live.rs.)
#[test]
fn z10_changes_are_followed() {
    let server = Server::start(protecting());
    let client = server.jwt_client(&[scope::FIND, scope::FIND_ONE]);
    let token = server.machine_token(&client, "");
    let status = |token: &str| Proxy::Nginx.asks(&server, "GET", "/api/forms").bearer(token).send().status;
    assert_eq!((status(&token), status(&token)), (200, 200), "the second answer may come from memory");
    let rule = "@id(\"shut\") forbid (principal, action == Action::\"api::form.form.find\", resource);\n";
    policies::write(&server.policies().join("rules/shut.cedar"), rule);
    eventually("the rule is followed", crate::harness::BOUND, || status(&token) == 403);
    std::fs::remove_file(server.policies().join("rules/shut.cedar")).expect("removed");
    eventually("its end too", crate::harness::BOUND, || status(&token) == 200);
    server.revoke(&client, &token).ok();
    assert_eq!(status(&token), 401, "J5: revoked is refused at the next request");
}

/// Z11: an upgrade, a preflight and HEAD need what any request needs.
#[test]
fn z11_no_way_around() {
    let server = server();
    for proxy in Proxy::ALL {
        let upgrade = proxy
            .asks(server, "GET", "/api/forms")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        is_refused(&upgrade.send(), &[400, 401]);
        let preflight = proxy
            .asks(server, "OPTIONS", "/api/forms")
            .header("Origin", "https://app.test")
            .header("Access-Control-Request-Method", "GET");
        is_refused(&preflight.send(), &[401]);
        is_refused(&proxy.asks(server, "HEAD", "/api/forms").send(), &[401]);
        let token = token(server);
        is_refused(&proxy.asks(server, "OPTIONS", "/api/forms").bearer(&token).send(), &[403]);
        is_refused(&proxy.asks(server, "HEAD", "/public").bearer("x").send(), &[401]);
    }
}

/// A rule reads the path's parameters and chosen headers: only your own record.
#[test]
fn the_request_reaches_the_policy() {
    let rule = "@id(\"own-record\") forbid (principal, action == Action::\"api::form.form.findOne\", resource)\n\
                when { context has http } unless {\n\
                context.http.params.hasTag(\"id\") && context.http.headers.hasTag(\"x-tenant\") &&\n\
                context.http.params.getTag(\"id\") == context.http.headers.getTag(\"x-tenant\") &&\n\
                context.http.method == \"GET\" };\n";
    let server = Server::start(protecting().document("rules/own.cedar", rule));
    let token = token(&server);
    let status = |id: &str, tenant: &str| {
        let ask = Proxy::Caddy.asks(&server, "GET", &format!("/api/forms/{id}")).bearer(&token);
        ask.header("X-Tenant", tenant).send().status
    };
    assert_eq!(status("a", "a"), 200);
    assert_eq!(status("b", "a"), 403, "the answer about a is not remembered for b");
    assert_eq!(status("a", "b"), 403);
    let refused = Proxy::Caddy.asks(&server, "GET", "/api/forms/b").bearer(&token).send();
    assert!(refused.text().contains("own-record"), "{refused:?}");
    let head = Proxy::Caddy.asks(&server, "HEAD", "/api/forms/a").bearer(&token).header("X-Tenant", "a");
    is_refused(&head.send(), &[403]);
}

/// RFC 9728: the resource says who issues its tokens.
#[test]
fn the_resource_has_metadata() {
    let server = server();
    let path = "/.well-known/oauth-protected-resource";
    let of = |host: &str| Http::get(server.url(path)).header("Host", host).send();
    let body = of("api.test").ok().json();
    assert_eq!(body["resource"], "https://api.test");
    assert_eq!(body["authorization_servers"][0], server.issuer());
    assert!(body["scopes_supported"].to_string().contains(scope::FIND), "{body}");
    assert!(!body.to_string().contains("site.home") && !body.to_string().contains("admin:"), "{body}");
    assert_eq!(of("plain.test:8088").ok().json()["resource"], "http://plain.test:8088");
    assert_eq!(of("other.test").status, 404);
    assert!(server.metadata()["protected_resources"].to_string().contains("https://api.test"));
}
