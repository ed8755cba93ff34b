//! Section K: JWT access tokens and keys (RFC 9068).

use crate::harness::{Backend, Http, Options, Server, backend, jwt, scope};

on_both! {
    /// K1: header and claims as RFC 9068 §2 has them.
    fn k01_claims(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let (header, claims) = (jwt::header(&token), jwt::claims(&token));
        assert_eq!(header["typ"], "at+jwt");
        assert_eq!(header["alg"], "RS256");
        assert_eq!(claims["iss"], server.issuer());
        assert_eq!(claims["client_id"], client.id.as_str());
        assert_eq!(claims["sub"].as_str(), Some(server.admin().id(server).as_str()));
        assert_eq!(claims["scope"], scope::FIND);
        assert_ne!(claims["aud"], client.id.as_str());
        for name in ["aud", "exp", "iat", "jti"] {
            assert!(!claims[name].is_null(), "{name}: {claims}");
        }
        let kid = header["kid"].as_str().expect("kid");
        let keys = server.get(&server.path("jwks_uri")).json();
        assert!(keys["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == kid), "{keys}");
    }

    /// K1: a machine's token names the client as its subject.
    fn k01_machine_tokens(server: &Server) {
        let client = server.jwt_client(&[]);
        let claims = jwt::claims(&server.machine_token(&client, scope::FIND));
        assert_eq!(
            (claims["sub"].as_str(), claims["client_id"].as_str()),
            (Some(&*client.id), Some(&*client.id))
        );
    }

    /// K2: a user token is no access token, nor the reverse; a foreign signature is none.
    fn k02_kinds_are_kept_apart(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        assert!(!server.is_active(&client, server.admin().jwt(server)));
        let forged = jwt::sign(
            &jwt::header(&token),
            &jwt::claims(&token).to_string(),
            &crate::harness::keys::ATTACKER,
            jwt::algorithm("RS256"),
        );
        let unsigned = jwt::unsigned(
            &serde_json::json!({ "alg": "none", "typ": "user+jwt" }),
            &jwt::claims(server.admin().jwt(server)).to_string(),
        );
        for bearer in [&token, &forged, &unsigned, &jwt::flip_last(server.admin().jwt(server))] {
            let reply = Http::get(server.mounted("clients")).bearer(bearer).send();
            assert!([401, 403].contains(&reply.status), "{reply:?}");
            let consent = Http::get(server.mounted(&format!("oauth-clients-authorization/{}", client.id)))
                .bearer(bearer)
                .send();
            assert_eq!(consent.status, 401, "{consent:?}");
        }
    }

    /// K3: HS256 with the public key as the secret opens nothing.
    fn k03_no_confusion(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let mut header = jwt::header(&token);
        header["alg"] = "HS256".into();
        for secret in [crate::harness::keys::SERVER.public, crate::harness::keys::SERVER.public.trim_end()] {
            let forged = jwt::sign_hmac(&header, &jwt::claims(&token).to_string(), secret.as_bytes());
            assert!(!server.is_active(&client, &forged));
        }
    }

    /// K4, K6: published keys are public, each with its own `kid`; private ones are in no answer.
    fn k04_k06_jwks(server: &Server) {
        for path in [server.path("jwks_uri"), "/.well-known/jwks.json".to_owned()] {
            let reply = server.get(&path).ok();
            assert!(
                reply.header("cache-control").is_some_and(|value| value.contains("max-age")),
                "{reply:?}"
            );
            let keys = reply.json()["keys"].as_array().expect("keys").clone();
            let mut kids: Vec<&str> = keys.iter().map(|key| key["kid"].as_str().expect("kid")).collect();
            for key in &keys {
                assert!(key["alg"].is_string() && key["use"] == "sig", "{key}");
                for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                    assert!(key.get(private).is_none(), "{private}: {key}");
                }
            }
            let all = kids.len();
            kids.sort_unstable();
            kids.dedup();
            assert_eq!((kids.len(), all > 0), (all, true));
        }
    }
}

/// K3: a short secret refuses the start; a long one is never published.
#[test]
fn k03_hs256() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    let options = || {
        Options::default()
            .env("GRANTWOOD_TOKENS__ALG", "HS256")
            .env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "")
            .env("GRANTWOOD_KEYS__HS256_SECRET_FILE", &secret.path().display().to_string())
    };
    std::fs::write(secret.path(), "short").expect("written");
    assert!(Server::try_start(options()).is_err(), "started with a short secret");
    std::fs::write(secret.path(), "a-secret-of-more-than-thirty-two-bytes-0123456789").expect("written");
    backend::run_alone(Backend::Sqlite, options(), |server| {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        assert_eq!(jwt::header(&token)["alg"], "HS256");
        assert!(server.is_active(&client, &token));
        let keys = server.get("/.well-known/jwks.json").json().to_string();
        assert!(!keys.contains("oct"), "{keys}");
    });
}

/// K1, K4: the other algorithms work and say so.
#[test]
fn k01_other_algorithms() {
    for alg in ["ES256", "EdDSA"] {
        let options =
            Options::default().env("GRANTWOOD_TOKENS__ALG", alg).env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "");
        backend::run_alone(Backend::Sqlite, options, |server| {
            let client = server.jwt_client(&[]);
            let token = server.machine_token(&client, scope::FIND);
            assert_eq!(jwt::header(&token)["alg"], alg);
            assert!(server.is_active(&client, &token));
        });
    }
}

/// K5: tokens from before a rotation stay valid, and the new key was published before.
#[test]
fn k05_rotation() {
    let options = Options::default().env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let client = server.jwt_client(&[]);
        let before = server.machine_token(&client, scope::FIND);
        let output = server.cli(&["keys", "rotate"], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let published =
            || server.get("/.well-known/jwks.json").json()["keys"].as_array().expect("keys").len();
        crate::harness::eventually("the new key is published", 2 * crate::harness::BOUND, || {
            published() == 2
        });
        assert!(server.is_active(&client, &before));
        let after = server.machine_token(&client, scope::FIND);
        assert!(server.is_active(&client, &after));
    });
}
