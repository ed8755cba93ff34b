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
