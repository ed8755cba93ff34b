//! Section B: the authorization endpoint. (The pages' own rows, B6 to B15, are the pages' issue.)

use crate::harness::check::is_dead_end;
use crate::harness::fixtures::NewClient;
use crate::harness::flow::Redirect;
use crate::harness::{Authorization, Client, JWT_BEARER, Pkce, Server, scope, unique};

/// Asks with one parameter replaced or removed.
fn ask(server: &Server, client: &Client, name: &str, value: Option<&str>) -> crate::harness::client::Reply {
    let challenge = Pkce::s256().challenge;
    let base = [
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("scope", scope::FIND),
        ("state", "st ä+&=%20"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let pairs: Vec<(&str, &str)> =
        base.into_iter().filter(|(n, _)| *n != name).chain(value.map(|value| (name, value))).collect();
    server.authorize(&pairs)
}

/// Holds an answer to be an error by redirect, with `state` and `iss` (B4).
#[track_caller]
fn is_error_redirect(server: &Server, reply: &crate::harness::client::Reply, codes: &[&str]) {
    assert!([302, 303].contains(&reply.status), "a redirect was expected: {reply:?}");
    let redirect = Redirect::parse(reply.header("location").expect("a Location"));
    assert!(redirect.uri.starts_with("https://c1.test/cb?"), "{redirect:?}");
    assert!(codes.contains(&redirect.error().as_str()), "{codes:?}: {redirect:?}");
    assert_eq!(redirect.get("state").as_deref(), Some("st ä+&=%20"));
    assert_eq!(redirect.get("iss").as_deref(), Some(server.issuer()));
}

on_both! {
    /// B1, B4: response types that are not `code`.
    fn b01_b04_response_types(server: &Server) {
        let client = server.public_client(&[]);
        for kind in
            [None, Some("token"), Some("id_token token"), Some("code token"), Some("CODE"), Some("none")]
        {
            let reply = ask(server, &client, "response_type", kind);
            is_error_redirect(server, &reply, &["unsupported_response_type", "invalid_request"]);
        }
    }

    /// B2: a client that is unknown, disabled, or without the code grant.
    fn b02_clients(server: &Server) {
        let client = server.public_client(&[]);
        let unknown = ask(server, &client, "client_id", Some("nobody"));
        is_dead_end(&unknown);
        is_dead_end(&ask(server, &client, "client_id", None));
        server.update_client(&client, &serde_json::json!({ "active": false })).ok();
        is_dead_end(&ask(server, &client, "state", Some("s")));
        let service =
            server.client(&NewClient::confidential().with("grantTypes", serde_json::json!([JWT_BEARER])));
        let reply = ask(server, &service, "scope", Some(scope::FIND));
        match reply.header("location") {
            Some(location) => assert_eq!(Redirect::parse(location).error(), "unauthorized_client"),
            None => assert_eq!(reply.status, 400, "{reply:?}"),
        }
    }

    /// B3: `state` comes back byte by byte, and `iss` is the issuer (RFC 9207 §2).
    fn b03_state_and_iss(server: &Server) {
        let client = server.confidential_client(&[]);
        let long = "x".repeat(2_000);
        for state in ["a b", "a+b", "ä€😀", "%20&=#?", &long] {
            let redirect = Authorization::of(&client)
                .pkce(&Pkce::s256())
                .with("state", state)
                .redirect(server, server.admin());
            assert_eq!(redirect.get("state").as_deref(), Some(state));
            assert_eq!(redirect.get("iss").as_deref(), Some(server.issuer()));
            assert!(redirect.get("code").is_some());
        }
        assert_eq!(server.metadata()["authorization_response_iss_parameter_supported"], true);
        let silent =
            Authorization::of(&client).pkce(&Pkce::s256()).without("state").redirect(server, server.admin());
        assert_eq!(silent.get("state"), None);
    }

    /// B5: response modes that are not offered.
    fn b05_response_modes(server: &Server) {
        let client = server.public_client(&[]);
        for mode in ["fragment", "query.jwt", "junk", "QUERY"] {
            is_error_redirect(
                server,
                &ask(server, &client, "response_mode", Some(mode)),
                &["invalid_request"],
            );
        }
    }

    /// M8: request objects are refused by the name of what was sent, and nothing is fetched.
    fn m08_request_objects(server: &Server) {
        let client = server.public_client(&[]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("no waiting");
        let theirs = format!("http://{}/request", listener.local_addr().expect("bound"));
        for (name, value, code) in [
            ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
            ("request_uri", theirs.as_str(), "request_uri_not_supported"),
            ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"),
        ] {
            is_error_redirect(server, &ask(server, &client, name, Some(value)), &[code]);
        }
        assert!(listener.accept().is_err(), "the server fetched a request object");
    }

    /// B9: no CORS at the authorization endpoint.
    fn b09_no_cors(server: &Server) {
        let reply = crate::harness::Http::get(server.endpoint("authorization_endpoint"))
            .header("Origin", "https://x.test")
            .send();
        assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{reply:?}");
    }

    /// B11: a registered query is kept; a redirect URI with our own parameters cannot be registered.
    fn b11_queries(server: &Server) {
        let name = unique("q");
        let uri = format!("https://c1.test/cb?{name}=1");
        let client = server.client(&NewClient::confidential().with("redirectUris", serde_json::json!([uri])));
        let redirect = Authorization::of(&client).pkce(&Pkce::s256()).redirect(server, server.admin());
        assert!(redirect.uri.starts_with(&format!("{uri}&")), "{}", redirect.uri);
        assert_eq!(redirect.get(&name).as_deref(), Some("1"));
        assert!(redirect.get("code").is_some());
    }
}
