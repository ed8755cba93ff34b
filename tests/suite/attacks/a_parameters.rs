//! Section A: parameters, methods, content types.

use reqwest::Method;

use crate::harness::check::{is_dead_end, is_oauth_error, is_well_formed_error};
use crate::harness::{Backend, Client, Http, JWT_BEARER, Pkce, Server, backend, raw, scope};

/// A whole authorization request, with a fresh proof key.
fn request(client: &Client) -> Vec<(&'static str, String)> {
    vec![
        ("response_type", "code".to_owned()),
        ("client_id", client.id.clone()),
        ("redirect_uri", client.redirect_uri.clone()),
        ("scope", scope::FIND.to_owned()),
        ("state", "s".to_owned()),
        ("code_challenge", Pkce::s256().challenge),
        ("code_challenge_method", "S256".to_owned()),
    ]
}

fn authorize(server: &Server, client: &Client, further: &[(&str, &str)]) -> crate::harness::client::Reply {
    let base = request(client);
    let mut pairs: Vec<(&str, &str)> = base.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend_from_slice(further);
    server.authorize(&pairs)
}

on_both! {
    /// A1, A2: a client or redirect URI that stands twice ends on a page.
    fn a01_a02_repeated_client_or_redirect(server: &Server) {
        let client = server.public_client(&[]);
        for further in [
            ("client_id", client.id.as_str()),
            ("redirect_uri", "https://evil.test/cb"),
            ("redirect_uri", client.redirect_uri.as_str()),
        ] {
            let reply = authorize(server, &client, &[further]);
            is_dead_end(&reply);
            assert!(!reply.text().contains("evil.test"), "the page names the other target");
        }
        let swapped = [
            ("redirect_uri", "https://evil.test/cb"),
            ("redirect_uri", "https://c1.test/cb"),
            ("client_id", client.id.as_str()),
            ("response_type", "code"),
        ];
        is_dead_end(&server.authorize(&swapped));
    }

    /// A3: another parameter that stands twice is an error by redirect or page, never a consent page.
    fn a03_repeated_others(server: &Server) {
        let client = server.public_client(&[]);
        for name in ["state", "scope", "code_challenge", "response_type", "code_challenge_method"] {
            let reply = authorize(server, &client, &[(name, "x")]);
            match reply.header("location") {
                Some(location) => assert!(location.contains("error=invalid_request"), "{name}: {location}"),
                None => assert_eq!(reply.status, 400, "{name}: {reply:?}"),
            }
        }
    }

    /// A4, A5: a repeated parameter at the token endpoint, known or not, in the body or across body and query.
    fn a04_a05_repeated_at_the_token_endpoint(server: &Server) {
        let client = server.jwt_client(&[]);
        for name in ["grant_type", "assertion", "scope", "client_id", "unknown"] {
            let assertion = client.assertion(server).sign();
            let pairs = [
                ("grant_type", JWT_BEARER),
                ("assertion", &*assertion),
                ("scope", scope::FIND),
                (name, "x"),
                (name, "x"),
            ];
            is_oauth_error(&server.token(&pairs), 400, &["invalid_request"]);
        }
        let assertion = client.assertion(server).sign();
        let form = [("grant_type", JWT_BEARER), ("assertion", &*assertion)];
        let reply = Http::post(server.endpoint("token_endpoint"))
            .query(&[("grant_type", JWT_BEARER)])
            .form(&form)
            .send();
        is_oauth_error(&reply, 400, &["invalid_request"]);
        let secret = server.confidential_client(&[]);
        let query = [
            ("client_id", secret.id.as_str()),
            ("client_secret", secret.secret.as_deref().expect("a secret")),
        ];
        let form =
            [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "https://c1.test/cb")];
        let reply = Http::post(server.endpoint("token_endpoint")).query(&query).form(&form).send();
        assert!([400, 401].contains(&reply.status), "{reply:?}");
        assert!(["invalid_client", "invalid_request"].contains(&reply.error().as_str()), "{reply:?}");
    }

    /// A6: an empty value is an absent one (RFC 6749 §3.1).
    fn a06_empty_is_absent(server: &Server) {
        let client = server.jwt_client(&[scope::FIND]);
        assert_eq!(server.present_for(&client.assertion(server).sign(), "").ok().scopes(), [scope::FIND]);
        let public = server.public_client(&[]);
        let pairs = [
            ("response_type", "code"),
            ("client_id", public.id.as_str()),
            ("redirect_uri", public.redirect_uri.as_str()),
            ("code_challenge", ""),
        ];
        let reply = server.authorize(&pairs);
        assert!(reply.header("location").is_some_and(|to| to.contains("error=invalid_request")), "{reply:?}");
    }

    /// A7: unknown parameters do no harm.
    fn a07_unknown_parameters(server: &Server) {
        let client = server.jwt_client(&[]);
        let assertion = client.assertion(server).sign();
        server
            .token(&[("grant_type", JWT_BEARER), ("assertion", &assertion), ("extra", "foobar")])
            .access_token();
    }

    /// A8: only POST, and the answer says so.
    fn a08_methods(server: &Server) {
        for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD, Method::PATCH] {
                let reply = Http::request(method.clone(), server.endpoint(endpoint))
                    .header("X-HTTP-Method-Override", "POST")
                    .send();
                assert_eq!(reply.status, 405, "{method} {endpoint}: {reply:?}");
                let allow = reply.header("allow").unwrap_or_default();
                assert!(allow.contains("POST"), "{method} {endpoint}: Allow: {allow}");
            }
        }
    }

    /// A9, D11: only forms; a charset does no harm.
    fn a09_content_types(server: &Server) {
        let client = server.jwt_client(&[]);
        let form = |assertion: &str| {
            format!("grant_type={}&assertion={assertion}", crate::harness::client::form_encoded(JWT_BEARER))
        };
        for kind in [
            "application/json",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
            "application/x-www-form-urlencodedx",
        ] {
            let body = form(&client.assertion(server).sign());
            let reply = Http::post(server.endpoint("token_endpoint")).body(kind, body).send();
            assert!([400, 415].contains(&reply.status), "{kind}: {reply:?}");
            assert!(
                reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")),
                "{reply:?}"
            );
        }
        for kind in [
            "application/x-www-form-urlencoded; charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded;charset=utf-8",
        ] {
            let body = form(&client.assertion(server).sign());
            Http::post(server.endpoint("token_endpoint")).body(kind, body).send().access_token();
        }
    }

    /// A10: a chunked body is a body.
    fn a10_chunked(server: &Server) {
        let client = server.jwt_client(&[]);
        let body = format!(
            "grant_type={}&assertion={}",
            crate::harness::client::form_encoded(JWT_BEARER),
            client.assertion(server).sign()
        );
        let (one, two) = body.split_at(40);
        let bytes = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
            server.path("token_endpoint"),
            server.listen(),
            one.len(),
            two.len()
        );
        assert_eq!(raw::status(&raw::exchange(server, bytes.as_bytes())), 200);
    }

    /// A11: bytes that are no text, in every parameter, on both databases.
    fn a11_bytes(server: &Server) {
        let client = server.jwt_client(&[]);
        for bytes in ["%", "%z", "%zz", "%ff%fe", "%00", "%ef%bf%bf", "%f0%9f%98%80", "%ed%a0%80", "a%00b"] {
            for name in [
                "grant_type",
                "assertion",
                "scope",
                "client_id",
                "code",
                "redirect_uri",
                "client_secret",
                "token",
                "code_verifier",
                "extra",
            ] {
                let body = format!("grant_type=authorization_code&{name}={bytes}&x{name}=1");
                let body = if name == "grant_type" { format!("grant_type={bytes}") } else { body };
                let reply = Http::post(server.endpoint("token_endpoint")).raw_form(body).send();
                is_well_formed_error(&reply);
            }
            let reply = server.post_as(&client, "introspection_endpoint", &[("token", "\u{0}\u{1F600}")]);
            assert_eq!(reply.status / 100, if reply.status == 200 { 2 } else { 4 }, "{reply:?}");
            let reply = Http::get(format!(
                "{}?client_id={bytes}&redirect_uri={bytes}&state={bytes}",
                server.endpoint("authorization_endpoint")
            ))
            .send();
            assert_eq!(reply.status, 400, "{bytes}: {reply:?}");
        }
        assert!(server.lives());
    }

    /// A12: other spellings of the path are other paths.
    fn a12_spellings_of_the_path(server: &Server) {
        let path = server.path("token_endpoint");
        let (mount, last) = path.rsplit_once('/').expect("a path");
        let rows = [
            format!("{path}/"),
            format!("{mount}/Token"),
            format!("/{path}"),
            format!("{mount}//{last}"),
            format!("{mount}/./{last}"),
            format!("{path};x"),
            format!("{path}%2f"),
            format!("{mount}/%74oken"),
            format!("{mount}/../{}", path.trim_start_matches('/')),
        ];
        for row in rows {
            let lines = format!("Host: {}\r\nConnection: close\r\n", server.listen());
            let status = raw::status(&raw::exchange(server, &raw::post(&row, &lines, "grant_type=x")));
            assert!([400, 404].contains(&status), "{row}: {status}");
        }
    }

    /// A14: two Authorization headers, and schemes with odd spaces or case.
    fn a14_authorization_headers(server: &Server) {
        let client = server.confidential_client(&[]);
        let good = crate::harness::client::basic(&client.id, client.secret.as_deref().expect("a secret"));
        let credentials = good.trim_start_matches("Basic ");
        let form = [("token", "x")];
        let send = |values: &[&str]| {
            let request = Http::post(server.endpoint("introspection_endpoint")).form(&form);
            values.iter().fold(request, |request, value| request.header("Authorization", value)).send()
        };
        assert_eq!(send(&[&good]).status, 200);
        assert_eq!(send(&[&format!("BASIC {credentials}")]).status, 200);
        for bad in [vec![&*good, &*good], vec![&*good, "Bearer x"]] {
            assert!([400, 401].contains(&send(&bad).status), "{bad:?}");
        }
        for bad in [
            format!("Basic\t{credentials}"),
            format!("Basic  {credentials}"),
            credentials.to_owned(),
            format!("Basic{credentials}"),
        ] {
            assert!([400, 401].contains(&send(&[&bad]).status), "{bad:?}");
        }
        for bad in ["Bearer\tx", "Bearer", "Bearer  x"] {
            let reply = Http::get(server.mounted("clients")).header("Authorization", bad).send();
            assert!([400, 401].contains(&reply.status), "{bad:?}: {reply:?}");
        }
    }

    /// A15: CR and LF in what is reflected do not make headers.
    fn a15_no_header_injection(server: &Server) {
        let client = server.public_client(&[]);
        let plain = authorize(server, &client, &[("response_mode", "junk")]);
        let mut pairs = request(&client);
        pairs[4].1 = "s\r\nX-Injected: 1".to_owned();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(n, v)| (*n, v.as_str())).chain([("response_mode", "junk")]).collect();
        let bent = server.authorize(&pairs);
        let names = |reply: &crate::harness::client::Reply| {
            reply.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        assert!(plain.status == 303 && bent.status == 400, "{plain:?} {bent:?}");
        // A page differs from a redirect in two names, and in no other.
        let known: Vec<_> = names(&plain).into_iter().chain(["content-type".to_owned()]).collect();
        assert!(names(&bent).iter().all(|name| known.contains(name)), "{bent:?}");
        assert!(bent.header("location").is_none() && bent.header("x-injected").is_none(), "{bent:?}");
    }

    /// A16: an error never echoes raw input.
    fn a16_no_echo(server: &Server) {
        let reply = server.token(&[("grant_type", "<script>é\"")]);
        is_oauth_error(&reply, 400, &["unsupported_grant_type", "invalid_request"]);
        assert!(!reply.text().contains("<script>"), "{reply:?}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
}

/// A13: requests that two HTTP parsers could read in two ways. (A bare LF is a known quirk, D22.)
#[test]
fn a13_ambiguous_requests() {
    let server = backend::shared(Backend::Sqlite).expect("always there");
    let (path, host) = (server.path("token_endpoint"), server.listen());
    let head = |lines: &str| raw::post(&path, lines, "grant_type=x");
    let rows: [(&str, Vec<u8>); 7] = [
        ("two Host", head(&format!("Host: {host}\r\nHost: evil.test\r\n"))),
        ("no Host", head("")),
        ("two lengths", head(&format!("Host: {host}\r\nContent-Length: 5\r\n"))),
        ("length and chunks", head(&format!("Host: {host}\r\nTransfer-Encoding: chunked\r\n"))),
        ("folded line", head(&format!("Host: {host}\r\nX-A: b\r\n c\r\n"))),
        ("space before the colon", head(&format!("Host: {host}\r\nX-A : b\r\n"))),
        (
            "another host in the target",
            raw::post(&format!("http://evil.test{path}"), &format!("Host: {host}\r\n"), "grant_type=x"),
        ),
    ];
    for (what, bytes) in rows {
        let answer = raw::exchange(server, &bytes);
        assert!([400, 421].contains(&raw::status(&answer)), "{what}: {answer}");
        assert!(!answer.contains("unsupported_grant_type"), "{what}: the request reached its handler");
    }
    assert!(server.lives());
}
