//! Section G: assertions as grants and as client authentication (RFC 7523).

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::check::is_oauth_error;
use crate::harness::client::basic;
use crate::harness::fixtures::NewClient;
use crate::harness::{
    Assertion, CLIENT_ASSERTION, Client, Http, JWT_BEARER, Server, jwt, keys, now_s, policies, scope, unique,
};

/// Holds a grant to its refusal: 400 `invalid_grant`, or `invalid_request` where it is no JWT at all.
#[track_caller]
fn refused(server: &Server, assertion: &str) {
    let reply = server.present(assertion);
    is_oauth_error(&reply, 400, &["invalid_grant", "invalid_request"]);
}

/// A row: the part of the claims that is replaced; `null` here means the claim is left out.
fn bent(server: &Server, client: &Client, name: &str, value: Value) -> String {
    client.assertion(server).claim(name, value).sign()
}

fn key_id(key: &keys::Key) -> Value {
    json!(key.alg)
}

on_both! {
    /// The honest assertion works, so that every refusal below is for its own reason.
    fn g00_an_honest_assertion(server: &Server) {
        for key in [keys::CLIENT, keys::EC, keys::ED] {
            let client = server.client(&NewClient::jwt(key));
            let reply = server.present(&client.assertion(server).sign());
            assert_eq!(reply.status, 200, "{:?}: {reply:?}", key_id(&key));
        }
    }

    /// G1: a required claim is absent.
    fn g01_missing_claims(server: &Server) {
        let client = server.jwt_client(&[]);
        for claim in ["iss", "sub", "aud", "exp", "jti"] {
            refused(server, &client.assertion(server).without(claim).sign());
        }
    }

    /// G2: times past and to come; 8 s of skew pass.
    fn g02_times(server: &Server) {
        let client = server.jwt_client(&[]);
        let now = now_s();
        for (claim, value) in [("exp", now - 70), ("exp", now - 300), ("nbf", now + 70), ("iat", now + 70)] {
            refused(server, &bent(server, &client, claim, json!(value)));
        }
        for (claim, value) in [("iat", now + 8), ("nbf", now + 8)] {
            server.present(&bent(server, &client, claim, json!(value))).access_token();
        }
    }

    /// G3: the lifetime is bounded from now, with and without `iat`.
    fn g03_lifetimes(server: &Server) {
        let client = server.jwt_client(&[]);
        let now = now_s();
        refused(server, &client.assertion(server).claim("exp", now + 3_600).sign());
        refused(server, &client.assertion(server).claim("exp", now + 172_800).without("iat").sign());
        refused(server, &client.assertion(server).claim("exp", now + 315_360_000).without("iat").sign());
        refused(server, &client.assertion(server).claim("exp", now + 3_600).claim("iat", now + 3_590).sign());
    }

    /// G4: claims of another JSON type are not absent claims.
    fn g04_types(server: &Server) {
        let client = server.jwt_client(&[]);
        let rows = [
            ("exp", json!("99999999999")),
            ("exp", json!(-1)),
            ("exp", Value::Null),
            ("exp", json!(true)),
            ("nbf", json!("x")),
            ("nbf", json!({})),
            ("iat", json!({})),
            ("iat", json!("x")),
            ("aud", json!([1])),
            ("aud", json!([])),
            ("aud", json!({})),
            ("sub", json!(["a"])),
            ("sub", json!(7)),
            ("iss", json!([])),
            ("jti", json!(5)),
            ("jti", json!("")),
            ("scope", json!([scope::FIND])),
        ];
        for (claim, value) in rows {
            let reply = server.present(&bent(server, &client, claim, value.clone()));
            is_oauth_error(&reply, 400, &["invalid_grant", "invalid_request", "invalid_scope"]);
        }
        let text = client.assertion(server).claims_text();
        let huge = text.replacen(&format!("\"exp\":{}", jwt_exp(&text)), "\"exp\":1e40", 1);
        let twice = format!("{},\"exp\":{}}}", text.trim_end_matches('}'), now_s() + 200);
        for claims in [huge.as_str(), twice.as_str(), "null", "[]", "\"x\"", "{", ""] {
            refused(server, &client.assertion(server).sign_text(claims));
        }
    }

    /// G5: the algorithm is the key's, never the header's.
    fn g05_algorithms(server: &Server) {
        let client = server.jwt_client(&[]);
        let good = || client.assertion(server);
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = json!({ "alg": alg, "typ": "JWT" });
            refused(server, &jwt::unsigned(&header, &good().claims_text()));
            let signed = jwt::sign(&header, &good().claims_text(), &keys::CLIENT, jwt::algorithm("RS256"));
            refused(server, &signed);
        }
        refused(
            server,
            &jwt::sign(
                &json!({ "typ": "JWT" }),
                &good().claims_text(),
                &keys::CLIENT,
                jwt::algorithm("RS256"),
            ),
        );
        let public = keys::CLIENT.public;
        let der = public.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        for secret in [public, public.trim_end(), &der, ""] {
            refused(
                server,
                &jwt::sign_hmac(&json!({ "alg": "HS256" }), &good().claims_text(), secret.as_bytes()),
            );
        }
        refused(server, &good().key(keys::EC).sign());
        refused(server, &good().alg("RS384").sign());
        refused(server, &good().alg("RS512").sign());
        refused(server, &good().header("alg", "ES256").sign_as_key());
        refused(server, &good().key(keys::ATTACKER).sign());
    }

    /// G6: `kid` picks among this client's keys and is nothing else.
    fn g06_kid(server: &Server) {
        let (client, other) = (server.jwt_client(&[]), server.client(&NewClient::jwt(keys::OTHER)));
        let kids = [
            json!("../../etc/passwd"),
            json!("' OR 1=1--"),
            json!("k".repeat(20_000)),
            json!("a\u{0}b"),
            json!(7),
            json!({}),
        ];
        for kid in kids {
            let reply = server.present(&client.assertion(server).header("kid", kid).sign());
            assert!(reply.status == 200 || (400..500).contains(&reply.status), "{reply:?}");
        }
        // Another client's key, whatever kid says.
        refused(server, &client.assertion(server).key(keys::OTHER).sign());
        refused(server, &client.assertion(server).key(keys::OTHER).header("kid", other.id.as_str()).sign());
        // Absent: only this client's keys are tried.
        server.present(&client.assertion(server).sign()).access_token();
    }

    /// G7: keys by header, critical extensions and other serializations; nothing is fetched.
    fn g07_headers_that_bring_keys(server: &Server) {
        let client = server.jwt_client(&[]);
        let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
        trap.set_nonblocking(true).expect("non-blocking");
        let url = format!("http://{}/keys", trap.local_addr().expect("bound"));
        let forged = || client.assertion(server).key(keys::ATTACKER);
        for header in ["jku", "x5u"] {
            refused(server, &forged().header(header, url.as_str()).sign());
        }
        refused(server, &forged().header("x5c", json!(["MIIB"])).sign());
        refused(server, &forged().header("jwk", json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })).sign());
        refused(server, &client.assertion(server).header("crit", json!(["x"])).header("x", 1).sign());
        refused(server, &client.assertion(server).header("b64", false).header("crit", json!(["b64"])).sign());
        let good = client.assertion(server).sign();
        let parts: Vec<&str> = good.split('.').collect();
        let object = json!({ "payload": parts[1], "protected": parts[0], "signature": parts[2] }).to_string();
        for other in [object, format!("{}..{}", parts[0], parts[2]), format!("{good}.x.y")] {
            refused(server, &other);
        }
        assert!(
            matches!(trap.accept(), Err(e) if e.kind() == ErrorKind::WouldBlock),
            "the server fetched a key"
        );
    }

    /// G8, D9: whom an assertion is addressed to.
    fn g08_audiences(server: &Server) {
        let client = server.jwt_client(&[]);
        let token_endpoint = server.metadata()["token_endpoint"].clone();
        let issuer = server.issuer();
        for audience in [json!(issuer), token_endpoint.clone(), json!([issuer])] {
            server.present(&bent(server, &client, "aud", audience)).access_token();
        }
        let introspection = server.metadata()["introspection_endpoint"].clone();
        for audience in [
            json!("https://other.test"),
            json!(format!("{issuer}/")),
            json!(format!("{issuer}.evil")),
            introspection,
            json!(issuer.to_ascii_uppercase()),
            json!([issuer, 7]),
            json!(""),
        ] {
            refused(server, &bent(server, &client, "aud", audience));
        }
        // Client authentication takes the issuer alone.
        for audience in [
            token_endpoint,
            json!([issuer]),
            json!("https://other.test"),
            json!([issuer, "https://other.test"]),
        ] {
            let assertion = bent(server, &client, "aud", audience);
            let pairs = [
                ("token", "x"),
                ("client_assertion_type", CLIENT_ASSERTION),
                ("client_assertion", &*assertion),
            ];
            let reply = Http::post(server.endpoint("introspection_endpoint")).form(&pairs).send();
            is_oauth_error(&reply, 401, &["invalid_client"]);
        }
    }

    /// G9: once only, as a grant and as client authentication. (Fifty at once: races.rs.)
    fn g09_replay(server: &Server) {
        let client = server.jwt_client(&[]);
        let assertion = client.assertion(server).sign();
        server.present(&assertion).access_token();
        refused(server, &assertion);
        let assertion = client.client_assertion(server);
        let pairs =
            [("token", "x"), ("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", &*assertion)];
        let send = || Http::post(server.endpoint("introspection_endpoint")).form(&pairs).send();
        assert_eq!(send().status, 200);
        is_oauth_error(&send(), 401, &["invalid_client"]);
    }

    /// G10: the same jti from another client is another jti; from the same client it is the same.
    fn g10_jti_belongs_to_the_issuer(server: &Server) {
        let (one, two) = (server.jwt_client(&[]), server.jwt_client(&[]));
        let jti = unique("shared");
        server.present(&bent(server, &one, "jti", json!(jti))).access_token();
        server.present(&bent(server, &two, "jti", json!(jti))).access_token();
        refused(server, &one.assertion(server).claim("jti", jti.as_str()).claim("exp", now_s() + 100).sign());
    }

    /// G11: a jti is remembered through the skew after `exp`.
    fn g11_remembered_through_the_skew(server: &Server) {
        let client = server.jwt_client(&[]);
        let assertion = client.assertion(server).claim("exp", now_s() + 2).sign();
        server.present(&assertion).access_token();
        std::thread::sleep(Duration::from_millis(3_500));
        refused(server, &assertion);
    }

    /// G12: one client's assertion with another's secret; one assertion in two roles.
    fn g12_assertions_do_not_change_hands(server: &Server) {
        let (service, other) = (server.jwt_client(&[]), server.confidential_client(&[]));
        let assertion = service.assertion(server).sign();
        let reply = Http::post(server.endpoint("token_endpoint"))
            .header("Authorization", &basic(&other.id, other.secret.as_deref().expect("a secret")))
            .form(&[("grant_type", JWT_BEARER), ("assertion", &assertion)])
            .send();
        assert!([400, 401].contains(&reply.status), "{reply:?}");
        crate::harness::check::is_well_formed_error(&reply);
        let reply = server.token(&[
            ("grant_type", JWT_BEARER),
            ("assertion", &service.assertion(server).sign()),
            ("client_id", &other.id),
        ]);
        assert!([400, 401].contains(&reply.status), "{reply:?}");
        // Used to authenticate, it is used up as a grant.
        let assertion = service.client_assertion(server);
        let pairs =
            [("token", "x"), ("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", &*assertion)];
        assert_eq!(Http::post(server.endpoint("introspection_endpoint")).form(&pairs).send().status, 200);
        refused(server, &assertion);
    }

    /// G13: whom a client may act for.
    fn g13_subjects(server: &Server) {
        let (delegate, editor, reader) = (server.delegate(), server.editor(), server.reader());
        let for_user = |user: &str| {
            server.present_for(&delegate.assertion(server).claim("sub", user).sign(), scope::FIND)
        };
        let token = for_user(&editor.id(server)).access_token();
        assert_eq!(jwt::claims(&token)["sub"].as_str(), Some(editor.id(server).as_str()));
        for user in [reader.id(server).as_str(), "nobody-at-all", "", "' OR 1=1--"] {
            is_oauth_error(&for_user(user), 400, &["invalid_grant"]);
        }
        let ordinary = server.jwt_client(&[]);
        refused(server, &ordinary.assertion(server).claim("sub", editor.id(server)).sign());
        assert_eq!(delegate.id, policies::DELEGATE);
    }

    /// G14: a key that was replaced works no longer.
    fn g14_replaced_keys(server: &Server) {
        let client = server.jwt_client(&[]);
        server.update_client(&client, &json!({ "publicKey": keys::OTHER.public })).ok();
        refused(server, &client.assertion(server).sign());
        server.present(&client.assertion(server).key(keys::OTHER).sign()).access_token();
        server.manage(reqwest::Method::PUT, &format!("clients-keypair/{}", client.document_id)).send().ok();
        refused(server, &client.assertion(server).key(keys::OTHER).sign());
    }

    /// G15: texts that are not quite a JWS.
    fn g15_shapes(server: &Server) {
        let client = server.jwt_client(&[]);
        let good = || client.assertion(server).sign();
        let unsigned = good().rsplit_once('.').expect("three parts").0.to_owned();
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let rows = [
            format!("{unsigned}."),
            unsigned,
            format!("{}.x", good()),
            format!("{}=", good()),
            format!(" {}", good()),
            format!("{}\n", good()),
            good().replacen('.', " .", 1),
            "..".to_owned(),
            ".".to_owned(),
            "a.b.c".to_owned(),
            good()[1..].to_owned(),
            jwt::with_claims(&good(), |claims| claims["sub"] = json!("admin")),
            client.assertion(server).sign_text(&deep),
        ];
        for row in &rows {
            refused(server, row);
        }
        let big = server.present(&"A".repeat(1_000_000));
        assert!([400, 413].contains(&big.status), "{big:?}");
    }

    /// G16: degenerate ECDSA signatures, and keys that are too weak to register.
    fn g16_degenerate(server: &Server) {
        let client = server.client(&NewClient::jwt(keys::EC));
        let good = client.assertion(server).sign();
        let message = good.rsplit_once('.').expect("three parts").0;
        for signature in ["A".repeat(86), format!("{}E", "_".repeat(85))] {
            refused(server, &format!("{message}.{signature}"));
        }
        let private = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }] });
        let rows = [
            NewClient::jwt(keys::CLIENT).with("publicKey", keys::WEAK_PUBLIC),
            NewClient::jwt(keys::CLIENT).with("publicKey", keys::CLIENT.private),
            NewClient::jwt(keys::CLIENT)
                .with("publicKey", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            NewClient::jwt(keys::CLIENT).without("publicKey").with("jwks", private),
            NewClient::jwt(keys::CLIENT)
                .without("publicKey")
                .with("jwks", json!({ "keys": [{ "kty": "oct", "k": "AQAB" }] })),
        ];
        for row in &rows {
            let reply = server.try_client(row);
            assert!([400, 422].contains(&reply.status), "{reply:?}");
        }
    }

    /// Design §6: the plugin's shape, for clients that switched it on, and only for them.
    fn owner_style(server: &Server) {
        let (client, owner) = (server.owner_style(), server.admin().id(server));
        let shape = |id: &str| {
            Assertion::new(id, server.issuer())
                .claim("iss", owner.as_str())
                .claim("sub", id)
                .claim("scope", scope::FIND)
        };
        let token = server.present(&shape(&client.id).sign()).access_token();
        assert_eq!(jwt::claims(&token)["client_id"].as_str(), Some(client.id.as_str()));
        let without_jti = shape(&client.id).without("jti").sign();
        server.present(&without_jti).access_token();
        refused(server, &without_jti);
        refused(server, &shape(&client.id).claim("iss", server.reader().id(server)).sign());
        refused(server, &shape(&server.jwt_client(&[]).id).sign());
    }
}

fn jwt_exp(claims: &str) -> i64 {
    serde_json::from_str::<Value>(claims).expect("claims")["exp"].as_i64().expect("exp")
}
