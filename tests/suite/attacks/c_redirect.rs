//! Section C: redirect URIs.

use serde_json::json;

use crate::harness::check::is_dead_end;
use crate::harness::fixtures::{LOOPBACK, NewClient};
use crate::harness::{Authorization, Client, Pkce, Server, scope};

/// C1 and C2: what is not byte by byte `https://c1.test/cb`.
const NOT_THE_SAME: [&str; 38] = [
    "https://c1.test/cb/",
    "https://c1.test/cb?x=1",
    "https://c1.test/CB",
    "HTTPS://c1.test/cb",
    "https://C1.test/cb",
    "https://c1.test:443/cb",
    "https://c1.test/cb/../cb",
    "https://c1.test/./cb",
    "https://c1.test/cb%2f",
    "https://c1.test/%63b",
    "https://c1.test/cb#f",
    "https://c1.test@evil.test/cb",
    "https://evil.test/c1.test/cb",
    "https://c1.test.evil.test/cb",
    "https://c1.test\\@evil.test",
    "//c1.test/cb",
    "https://c1.test/cb ",
    "https://c1.test/cb\t",
    "https://c1.test/cb\n",
    "https://c1.test/cb\u{0}",
    "https://c1\u{3002}test/cb",
    "https://xn--c1-.test/cb",
    "https://c1xtest/cb",
    "https://c1.test/cb/FAKEPATH",
    "https://c1.test/cb%2FFAKEPATH",
    "https://c1.test/cb/..%2FFAKEPATH",
    "https://c1.test/cb/%2e%2e%2FFAKEPATH",
    "https://c1.test/cb/..%252FFAKEPATH",
    "https://c1.test/cb/%252e%252e%252FFAKEPATH",
    "https://c1.test/cb/;/../../FAKEPATH",
    "https://c1.test/cb/%0A%0D/../../FAKEPATH",
    "https://c1.test/cb/%250A%250D/../../FAKEPATH",
    "https://c1.test/cb/..;/FAKEPATH",
    "https://c1.test/cb/\\..\\FAKEPATH",
    "https://c1.test/FAKEPATH/..%2Fcb",
    "http://c1.test/cb",
    "javascript:alert(1)",
    "data:text/html,x",
];

/// C3: what a registered `http://127.0.0.1/cb` does not free.
const NOT_THE_LOOPBACK: [&str; 13] = [
    "http://localhost:49152/cb",
    "http://[::1]:1/cb",
    "http://127.000.000.001:1/cb",
    "http://127.1:1/cb",
    "http://2130706433/cb",
    "https://127.0.0.1:1/cb",
    "HTTP://127.0.0.1:1/cb",
    "http://127.0.0.1:1/cb?x",
    "http://127.0.0.1:1/x/../cb",
    "http://user@127.0.0.1:1/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:1@evil.test/cb",
    "http://127.0.0.1.evil.test/cb",
];

fn ask(server: &Server, client: &Client, uri: &str) -> crate::harness::client::Reply {
    let challenge = Pkce::s256().challenge;
    server.authorize(&[
        ("response_type", "code"),
        ("client_id", &client.id),
        ("redirect_uri", uri),
        ("scope", scope::FIND),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ])
}

/// Neither endpoint may answer with a way to the URI.
#[track_caller]
fn is_refused(server: &Server, client: &Client, uri: &str) {
    is_dead_end(&ask(server, client, uri));
    let reply =
        Authorization::of(client).pkce(&Pkce::s256()).with("redirectUri", uri).send(server, server.admin());
    assert_eq!(reply.status, 400, "{uri}: {reply:?}");
    assert!(reply.json().get("redirectUri").is_none(), "{uri}: {reply:?}");
}

on_both! {
    /// C1, C2: byte by byte.
    fn c01_c02_exact_match(server: &Server) {
        let client = server.confidential_client(&[]);
        for uri in NOT_THE_SAME {
            is_refused(server, &client, uri);
        }
    }

    /// C3: the port of a loopback address is free for public clients, and nothing else is.
    fn c03_loopback(server: &Server) {
        let client = server.public_client(&[]);
        for uri in NOT_THE_LOOPBACK {
            is_refused(server, &client, uri);
        }
        let free = "http://127.0.0.1:49152/cb";
        let asked = Authorization::of(&client).pkce(&Pkce::s256()).with("redirectUri", free);
        assert!(asked.redirect(server, server.admin()).uri.starts_with("http://127.0.0.1:49152/cb?"));
    }

    /// C4: a confidential client's port is part of its URI.
    fn c04_confidential_loopback(server: &Server) {
        let client = server.client(&NewClient::confidential().with("redirectUris", json!([LOOPBACK])));
        is_refused(server, &client, "http://127.0.0.1:49152/cb");
    }

    /// C5: an omitted URI is the only registered one, or an error.
    fn c05_omitted(server: &Server) {
        let many = server.client(
            &NewClient::confidential()
                .with("redirectUris", json!(["https://c1.test/cb", "https://c1.test/cb2"])),
        );
        is_dead_end(&server.authorize(&[("response_type", "code"), ("client_id", &many.id)]));
    }

    /// C6: what cannot be registered.
    fn c06_registration(server: &Server) {
        let long = format!("https://c1.test/{}", "a".repeat(2_048));
        let rows = [
            "/cb",
            "https://c1.test/cb#f",
            "https://u@c1.test/cb",
            "https://*.c1.test/cb",
            "http://c1.test/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "myapp:/cb",
            "https://c1.test/cb\n",
            "https://c1.test/a/../cb",
            "https://c1.test/cb?code=1",
            "https://c1.test/cb?state=1",
            "https://c1.test/cb?iss=1",
            "",
            &long,
        ];
        for row in rows {
            let reply = server.try_client(&NewClient::confidential().with("redirectUris", json!([row])));
            assert_eq!(reply.status, 400, "{row}: {reply:?}");
        }
        let many: Vec<String> = (0..21).map(|n| format!("https://c1.test/cb{n}")).collect();
        assert_eq!(
            server.try_client(&NewClient::confidential().with("redirectUris", json!(many))).status,
            400
        );
    }

    /// C7, C9: a denial goes to a registered URI or nowhere.
    fn c07_no_open_redirector(server: &Server) {
        let client = server.confidential_client(&[]);
        let denied = Authorization::of(&client).with("approve", false).redirect(server, server.admin());
        assert_eq!(denied.error(), "access_denied");
        assert_eq!(denied.get("iss").as_deref(), Some(server.issuer()));
        let elsewhere =
            Authorization::of(&client).with("approve", false).with("redirectUri", "https://evil.test/");
        assert_eq!(elsewhere.send(server, server.admin()).status, 400);
        let nobody = Authorization::of(&client).with("approve", false).with("clientId", "nobody");
        assert!([400, 404].contains(&nobody.send(server, server.admin()).status));
    }
}
