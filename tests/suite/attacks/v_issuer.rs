//! Section V: the issuer and proxy headers.

use crate::harness::{Authorization, Http, Options, Pkce, Server, jwt, raw, scope};

/// Headers by which a client would like to be someone else.
const LIES: [(&str, &str); 8] = [
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "444"),
    ("X-Forwarded-Prefix", "/evil"),
    ("Forwarded", "host=evil.test;proto=https"),
    ("X-Original-Host", "evil.test"),
    ("X_Forwarded_Host", "evil.test"),
    ("X-Forwarded-For", "1.2.3.4, junk, 999.9.9.9"),
];

on_both! {
    /// V1, V2: no header changes the issuer anywhere.
    fn v01_v02_the_issuer_is_configured(server: &Server) {
        let client = server.confidential_client(&[]);
        let lie =
            |request: Http| LIES.iter().fold(request, |request, (name, value)| request.header(name, value));
        let metadata = lie(Http::get(server.url("/.well-known/oauth-authorization-server"))).send();
        assert_eq!(&metadata.json(), server.metadata());
        let body = Authorization::of(&client).scopes(&[scope::FIND]).pkce(&Pkce::s256());
        let reply = lie(Http::post(server.mounted("oauth-authorization-codes/authorize"))
            .bearer(server.admin().jwt(server)))
        .json(body.body())
        .send();
        assert!(!reply.ok().text().contains("evil"));
        let assertion = client.assertion(server).sign();
        let form = [("grant_type", crate::harness::JWT_BEARER), ("assertion", &*assertion)];
        let token = lie(Http::post(server.endpoint("token_endpoint")).form(&form)).send().access_token();
        assert_eq!(jwt::claims(&token)["iss"], server.issuer());
        // V1: nor where the browser is sent, nor a cookie, nor a page.
        let pkce = Pkce::s256();
        let query = [
            ("response_type", "code"), ("client_id", &*client.id), ("redirect_uri", &*client.redirect_uri),
            ("code_challenge", &*pkce.challenge), ("code_challenge_method", "S256"), ("scope", scope::FIND),
        ];
        for path in [server.endpoint("authorization_endpoint"), server.url("/login"), server.url("/docs")] {
            let reply = lie(Http::get(path).query(&query).header("Accept", "text/html")).send();
            assert!(!format!("{reply:?}").contains("evil") && !reply.text().contains("evil"), "{reply:?}");
            assert!(!reply.text().contains(":444") && !format!("{reply:?}").contains(":444"), "{reply:?}");
        }
        // V3: junk in X-Forwarded-For skips no check.
        let reply = lie(Http::get(server.mounted("clients"))).send();
        assert_eq!(reply.status, 401);
    }

    /// V4, D23: a host that is not ours gets no page and no API; loopback names are ours here.
    fn v04_unknown_hosts(server: &Server) {
        let path = server.mounted("clients").trim_start_matches(&server.url("")).to_owned();
        for path in [path, server.path("authorization_endpoint"), "/docs".to_owned()] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n");
            let status = raw::status(&raw::exchange(server, request.as_bytes()));
            assert!([400, 421].contains(&status), "{path}: {status}");
        }
        let port = server.listen().rsplit_once(':').expect("a port").1;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw::status(&raw::exchange(server, request.as_bytes())), 200);
    }
}

/// V2: nobody trusts everybody.
#[test]
fn v02_no_proxy_is_everybody() {
    for setting in [
        "server:\n  trusted_proxies: [0.0.0.0/0]\n",
        "server:\n  trusted_proxies: [\"::/0\"]\n",
        "forward_auth:\n  hosts: [api.test]\n  trusted_proxies: [0.0.0.0/0]\n",
    ] {
        let options = Options { config: Some(setting.to_owned()), ..Options::default() };
        let log = Server::try_start(options).err().unwrap_or_else(|| panic!("started with {setting}"));
        assert!(log.contains("trusted_proxies"), "{log}");
    }
}

/// V3: behind a trusted proxy the caller is the right-most hop that is none; junk makes it the proxy itself, so
/// that no limit is skipped.
#[test]
fn v03_the_right_most_hop() {
    let config =
        "server:\n  trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\nlimits:\n  client_failures: 3\n".to_owned();
    let server = Server::start(Options { config: Some(config), ..Options::default() });
    let client = server.confidential_client(&[]);
    let fails = |hops: &str| {
        let ask = Http::post(server.endpoint("introspection_endpoint")).basic(&client.id, "wrong");
        ask.header("X-Forwarded-For", hops).form(&[("token", "x")]).send().status
    };
    // What a caller writes to the left of its own address is another text each time, and one caller all the same.
    let answers: Vec<u16> =
        (0..6).map(|number| fails(&format!("192.0.2.{number}, 198.51.100.7, 10.0.0.1"))).collect();
    assert_eq!((answers[0], answers[5]), (401, 429), "{answers:?}");
    assert_eq!(fails("198.51.100.8, 10.0.0.1"), 401, "another caller");
    let junk: Vec<u16> = (0..6).map(|number| fails(&format!("198.51.100.9, junk{number}"))).collect();
    assert_eq!((junk[0], junk[5]), (401, 429), "{junk:?}");
}

/// V1: a public URL that is not where the server listens is the issuer all the same.
#[test]
fn v01_a_public_url_behind_a_proxy() {
    let options = Options { public_url: Some("https://auth.suite.test".to_owned()), ..Options::default() };
    let server = Server::start(options);
    assert_eq!(server.metadata()["issuer"], "https://auth.suite.test");
    assert!(
        server.metadata()["token_endpoint"]
            .as_str()
            .is_some_and(|url| url.starts_with("https://auth.suite.test/"))
    );
}
