//! Section F: the token endpoint and client authentication.

use serde_json::json;

use crate::harness::check::is_oauth_error;
use crate::harness::client::{Reply, basic};
use crate::harness::fixtures::NewClient;
use crate::harness::{
    Backend, CLIENT_ASSERTION, Client, Http, JWT_BEARER, Options, Server, backend, keys, scope,
};

/// A token request that fails only for what is wrong with the client's authentication.
fn code_request<'a>(further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![("grant_type", "authorization_code"), ("code", "unknown")];
    pairs.extend([("redirect_uri", "https://c1.test/cb"), ("code_verifier", VERIFIER)]);
    pairs.extend_from_slice(further);
    pairs
}

const VERIFIER: &str = "verifier-verifier-verifier-verifier-verifier-1";

fn with_header(server: &Server, value: &str, further: &[(&str, &str)]) -> crate::harness::client::Reply {
    Http::post(server.endpoint("token_endpoint"))
        .header("Authorization", value)
        .form(&code_request(further))
        .send()
}

fn secret(client: &Client) -> &str {
    client.secret.as_deref().expect("a secret")
}

on_both! {
    /// F1: a wrong secret, in the header and in the body.
    fn f01_wrong_secrets(server: &Server) {
        let client = server.confidential_client(&[]);
        let reply = with_header(server, &basic(&client.id, "wrong"), &[]);
        is_oauth_error(&reply, 401, &["invalid_client"]);
        assert!(
            reply.header("www-authenticate").is_some_and(|value| value.starts_with("Basic realm=")),
            "{reply:?}"
        );
        let reply = server.token(&code_request(&[("client_id", &client.id), ("client_secret", "wrong")]));
        is_oauth_error(&reply, if reply.status == 400 { 400 } else { 401 }, &["invalid_client"]);
        // An unknown client's answer is no different.
        let unknown = with_header(server, &basic("nobody", "wrong"), &[]);
        let known = with_header(server, &basic(&client.id, "wrong"), &[]);
        // The link differs by the request's own id only.
        let told = |reply: &Reply| {
            let mut body = reply.json();
            body["error_uri"] = body["error_uri"].as_str().unwrap_or_default().len().into();
            (reply.status, body)
        };
        assert_eq!(told(&unknown), told(&known));
    }

    /// F2: two ways at once, even when both are right.
    fn f02_two_ways_at_once(server: &Server) {
        let client = server.confidential_client(&[]);
        let service = server.jwt_client(&[]);
        let header = basic(&client.id, secret(&client));
        let assertion = service.client_assertion(server);
        let by_key = [("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", assertion.as_str())];
        let both =
            with_header(server, &header, &[("client_secret", secret(&client)), ("client_id", &client.id)]);
        let keyed = with_header(server, &header, &by_key);
        let body = server.token(&code_request(
            &[&by_key[..], &[("client_id", &client.id), ("client_secret", secret(&client))]].concat(),
        ));
        for reply in [both, keyed, body] {
            let status = if reply.status == 401 { 401 } else { 400 };
            is_oauth_error(&reply, status, &["invalid_request", "invalid_client"]);
        }
    }

    /// F3: the header's client and the body's must be one.
    fn f03_two_clients_at_once(server: &Server) {
        let (one, two) = (server.confidential_client(&[]), server.confidential_client(&[]));
        let header = basic(&one.id, secret(&one));
        is_oauth_error(&with_header(server, &header, &[("client_id", &two.id)]), 400, &["invalid_request"]);
        // The same id without a secret is fine: only the code is wrong.
        is_oauth_error(&with_header(server, &header, &[("client_id", &one.id)]), 400, &["invalid_grant"]);
    }

    /// F4: halves of Basic are form-encoded (RFC 6749 §2.3.1); anything unreadable is a 401.
    fn f04_basic_is_form_encoded(server: &Server) {
        let client = server.confidential_client(&[]);
        let encoded: String = client.id.bytes().map(|b| format!("%{b:02X}")).collect();
        is_oauth_error(&with_header(server, &basic(&encoded, secret(&client)), &[]), 400, &["invalid_grant"]);
        for bad in [
            "Basic",
            "Basic ",
            "Basic !!!!",
            "Basic bm9jb2xvbg==",
            "Basic OnNlY3JldA==",
            "Basic %%%",
            &basic("%zz", "x"),
        ] {
            is_oauth_error(&with_header(server, bad, &[]), 401, &["invalid_client"]);
        }
        // The scheme's name has no case (RFC 9110 §11.1).
        let lower = basic(&client.id, secret(&client)).replacen("Basic", "bAsIc", 1);
        is_oauth_error(&with_header(server, &lower, &[]), 400, &["invalid_grant"]);
    }

    /// F5: a confidential client that does not authenticate, a public one that does.
    fn f05_confidential_and_public(server: &Server) {
        let (client, public) = (server.confidential_client(&[]), server.public_client(&[]));
        is_oauth_error(&server.token(&code_request(&[("client_id", &client.id)])), 401, &["invalid_client"]);
        is_oauth_error(&server.token(&code_request(&[])), 401, &["invalid_client", "invalid_request"]);
        let reply = server.token(&code_request(&[("client_id", &public.id), ("client_secret", "anything")]));
        is_oauth_error(&reply, 401, &["invalid_client"]);
        is_oauth_error(&with_header(server, &basic(&public.id, "x"), &[]), 401, &["invalid_client"]);
        for endpoint in ["introspection_endpoint", "revocation_endpoint"] {
            let reply = Http::post(server.endpoint(endpoint))
                .form(&[("token", "x"), ("client_id", &client.id)])
                .send();
            is_oauth_error(&reply, 401, &["invalid_client"]);
        }
    }

    /// F6: the way to authenticate is pinned: a key client has no secret that works, and the reverse.
    fn f06_the_method_is_pinned(server: &Server) {
        let created = server.try_client(&NewClient::jwt(keys::CLIENT)).json()["data"].clone();
        let id = created["clientId"].as_str().expect("clientId");
        let secret = created["clientSecret"].as_str().unwrap_or("there-is-none");
        is_oauth_error(&with_header(server, &basic(id, secret), &[]), 401, &["invalid_client"]);
        let client = server.confidential_client(&[]);
        let assertion = client.client_assertion(server);
        let by_key = [("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", assertion.as_str())];
        is_oauth_error(&server.token(&code_request(&by_key)), 401, &["invalid_client"]);
    }

    /// F7: grants that are not, and grants that this client may not use.
    fn f07_grants(server: &Server) {
        let client = server.confidential_client(&[]);
        for grant in ["password", "implicit", "AUTHORIZATION_CODE", "urn:x", "authorization_code "] {
            let reply = server.post_as(
                &client,
                "token_endpoint",
                &[("grant_type", grant), ("username", "a"), ("password", "b")],
            );
            is_oauth_error(&reply, 400, &["unsupported_grant_type"]);
        }
        is_oauth_error(&server.post_as(&client, "token_endpoint", &[]), 400, &["invalid_request"]);
        let only_code =
            server.client(&NewClient::confidential().with("grantTypes", json!(["authorization_code"])));
        is_oauth_error(&server.present(&only_code.assertion(server).sign()), 400, &["unauthorized_client"]);
        let service = server.jwt_client(&[]);
        let credentials = service.credentials(server);
        let credentials: Vec<(&str, &str)> = credentials.iter().map(|(n, v)| (*n, v.as_str())).collect();
        is_oauth_error(&server.token(&code_request(&credentials)), 400, &["unauthorized_client"]);
    }

    /// F8: more than the client has, and a narrowing that is told.
    fn f08_scopes_above_the_clients(server: &Server) {
        let client = server.jwt_client(&[scope::FIND, scope::FIND_ONE]);
        for bad in [scope::DELETE, "api::form.form.nothing", "openid-not", "api::form.form.*"] {
            is_oauth_error(
                &server.present_for(&client.assertion(server).sign(), bad),
                400,
                &["invalid_scope"],
            );
        }
        let mixed = format!("{} {}", scope::FIND, scope::DELETE);
        let reply = server.present_for(&client.assertion(server).sign(), &mixed);
        is_oauth_error(&reply, 400, &["invalid_scope"]);
        assert!(reply.text().contains(scope::DELETE), "names the scope: {reply:?}");
        assert_eq!(server.present(&client.assertion(server).sign()).scopes(), [scope::FIND, scope::FIND_ONE]);
        assert_eq!(server.present_for(&client.assertion(server).sign(), scope::FIND).scopes(), [scope::FIND]);
    }

    /// F8: a user's roles bound what a client gets for that user.
    fn f08_scopes_above_the_users(server: &Server) {
        let (client, reader) = (server.confidential_client(&[]), server.reader());
        let pkce = crate::harness::Pkce::s256();
        let asked = crate::harness::Authorization::of(&client).scopes(&[scope::DELETE]).pkce(&pkce);
        assert_eq!(asked.refusal(server, &reader), "invalid_scope");
    }

    /// F9: what only looks like a scope.
    fn f09_scope_grammar(server: &Server) {
        let client = server.jwt_client(&[]);
        let (many, long) = ("api::form.form.find ".repeat(10_000), "x".repeat(50_000));
        let homoglyph = scope::FIND.replace('a', "\u{430}");
        let doubled = format!("{}  {}", scope::FIND, scope::FIND_ONE);
        let leading = format!(" {}", scope::FIND);
        let upper = scope::FIND.to_ascii_uppercase();
        for bad in [
            &*homoglyph,
            "\u{ff46}ind",
            "a\u{200b}b",
            "a\u{a0}b",
            "a\tb",
            "a\"b",
            "a\\b",
            &leading,
            &doubled,
            &many,
            &long,
            &upper,
        ] {
            let reply = server.present_for(&client.assertion(server).sign(), bad);
            if reply.status == 413 {
                continue;
            }
            is_oauth_error(&reply, 400, &["invalid_scope"]);
        }
        // Order carries no meaning.
        let swapped = format!("{} {}", scope::FIND_ONE, scope::FIND);
        let reply = server.present_for(&client.assertion(server).sign(), &swapped);
        assert_eq!(reply.scopes(), [scope::FIND, scope::FIND_ONE]);
    }

    /// F10: the shape of success (RFC 6749 §5.1).
    fn f10_the_answer(server: &Server) {
        let client = server.jwt_client(&[]);
        let reply = server.present(&client.assertion(server).sign());
        let body = reply.ok().clone().json();
        assert_eq!(body["token_type"].as_str().map(str::to_ascii_lowercase).as_deref(), Some("bearer"));
        assert!(body["expires_in"].is_u64(), "{body}");
        let known = ["access_token", "token_type", "expires_in", "scope"];
        assert!(body.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{body}");
    }

    /// F11: rotation ends the old secret at once.
    fn f11_rotation(server: &Server) {
        let client = server.confidential_client(&[]);
        let reply = server
            .manage(reqwest::Method::PUT, &format!("clients-rotate/{}", client.document_id))
            .send()
            .ok();
        let fresh = reply.json()["data"]["clientSecret"].as_str().expect("shown once").to_owned();
        assert_ne!(fresh, secret(&client));
        is_oauth_error(
            &with_header(server, &basic(&client.id, secret(&client)), &[]),
            401,
            &["invalid_client"],
        );
        is_oauth_error(&with_header(server, &basic(&client.id, &fresh), &[]), 400, &["invalid_grant"]);
    }

    /// F14: a disabled client is refused everywhere, and its tokens are inactive.
    fn f14_a_disabled_client(server: &Server) {
        let (client, observer) = (server.confidential_client(&[]), server.jwt_client(&[]));
        let token = server.user_token(&client, &[scope::FIND]);
        let assertion = client.assertion(server).sign();
        server.update_client(&client, &json!({ "active": false })).ok();
        is_oauth_error(&server.present(&assertion), 401, &["invalid_client"]);
        is_oauth_error(&server.introspect(&client, &token), 401, &["invalid_client"]);
        is_oauth_error(&server.revoke(&client, &token), 401, &["invalid_client"]);
        assert!(!server.is_active(&observer, &token));
        server.update_client(&client, &json!({ "active": true })).ok();
        assert!(server.is_active(&client, &token), "switched on again");
    }

    /// F15: client_credentials is off, and says what to use instead.
    fn f15_client_credentials_is_deprecated(server: &Server) {
        let client = server.confidential_client(&[]);
        let reply = server.post_as(&client, "token_endpoint", &[("grant_type", "client_credentials")]);
        is_oauth_error(&reply, 400, &["unauthorized_client", "unsupported_grant_type"]);
        assert!(reply.text().contains("jwt-bearer"), "{reply:?}");
        let on = server
            .client(&NewClient::confidential().with("grantTypes", json!(["client_credentials", JWT_BEARER])));
        let reply = server.post_as(
            &on,
            "token_endpoint",
            &[("grant_type", "client_credentials"), ("scope", scope::FIND)],
        );
        assert_eq!(reply.clone().ok().scopes(), [scope::FIND]);
        assert!(reply.json().get("refresh_token").is_none());
    }
}

/// F13: many failures end in 429 with Retry-After, for that client and address only. (F12 is the benchmark's.)
#[test]
fn f13_many_failures() {
    backend::run_alone(Backend::Sqlite, Options::default(), |server| {
        let (client, other) = (server.confidential_client(&[]), server.confidential_client(&[]));
        let guesses = (0..200).map(|_| with_header(server, &basic(&client.id, "wrong"), &[]));
        let refused = guesses.into_iter().find(|reply| reply.status == 429).expect("no 429 in 200 guesses");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        let elsewhere = std::thread::scope(|threads| {
            threads
                .spawn(|| with_header(server, &basic(&other.id, secret(&other)), &[]))
                .join()
                .expect("an answer")
        });
        is_oauth_error(&elsewhere, 400, &["invalid_grant"]);
    });
}
