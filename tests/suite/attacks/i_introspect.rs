//! Section I: introspection (RFC 7662).

use serde_json::json;

use crate::harness::check::{is_inactive, is_oauth_error};
use crate::harness::{Http, jwt, scope};

on_both! {
    /// I1: no caller, no data.
    fn i01_callers_authenticate(server: &Server) {
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        let endpoint = server.endpoint("introspection_endpoint");
        let bare = Http::post(&endpoint).form(&[("token", &token)]).send();
        let wrong = Http::post(&endpoint).basic("nobody", "x").form(&[("token", &token)]).send();
        let public = Http::post(&endpoint)
            .form(&[("token", &token), ("client_id", &server.public_client(&[]).id)])
            .send();
        let bearer = Http::post(&endpoint).bearer(&token).form(&[("token", &token)]).send();
        for reply in [bare, wrong, public, bearer] {
            is_oauth_error(&reply, 401, &["invalid_client", "invalid_token"]);
            assert!(!reply.text().contains("active"), "{reply:?}");
        }
    }

    /// I2: another client's token is nobody's business.
    fn i02_other_clients_tokens(server: &Server) {
        let (owner, other) = (server.jwt_client(&[]), server.confidential_client(&[]));
        let token = server.machine_token(&owner, scope::FIND);
        assert!(server.is_active(&owner, &token));
        is_inactive(&server.introspect(&other, &token));
    }

    /// I3, I5, I6: whatever is no live access token of ours is just inactive.
    fn i03_i05_i06_inactive_tells_nothing(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let (code, _) = server.code(&client, &[scope::FIND]);
        let revoked = server.user_token(&client, &[scope::FIND]);
        server.revoke(&client, &revoked).ok();
        let rows = [
            "x".to_owned(),
            "a.b.c".to_owned(),
            format!("{token}x"),
            token[..token.len() - 1].to_owned(),
            jwt::flip_last(&token),
            jwt::with_claims(&token, |claims| claims["scope"] = json!("api::form.form.delete")),
            client.assertion(server).sign(),
            server.admin().jwt(server).to_owned(),
            code,
            revoked,
        ];
        for row in &rows {
            is_inactive(&server.introspect(&client, row));
        }
        let hinted = server.post_as(
            &client,
            "introspection_endpoint",
            &[("token", &token), ("token_type_hint", "refresh_token")],
        );
        assert_eq!(hinted.json()["active"], true, "a wrong hint does no harm");
        is_oauth_error(&server.post_as(&client, "introspection_endpoint", &[]), 400, &["invalid_request"]);
        let big = server.introspect(&client, &"A".repeat(1_000_000));
        assert!(big.status == 413 || big.json() == json!({ "active": false }), "{big:?}");
    }

    /// I4: what a live token's answer tells.
    fn i04_active(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND, scope::FIND_ONE]);
        let body = server.introspect(&client, &token).ok().json();
        assert_eq!(body["active"], true);
        assert_eq!(body["iss"], server.issuer());
        assert_eq!(body["client_id"], client.id.as_str());
        assert_eq!(body["sub"].as_str(), Some(server.admin().id(server).as_str()));
        let claims = jwt::claims(&token);
        for name in ["exp", "iat", "aud", "jti", "scope"] {
            assert_eq!(body[name], claims[name], "{name}");
        }
        assert!(
            body["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
            "{body}"
        );
        for secret in ["password", "hash", "secret", "access_token"] {
            assert!(!body.to_string().contains(secret), "{secret}: {body}");
        }
    }

    /// I7: no CORS, no store. (GET is A8's.)
    fn i07_headers(server: &Server) {
        let client = server.jwt_client(&[]);
        let reply = server.introspect(&client, "x");
        assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")), "{reply:?}");
        let assertion = client.client_assertion(server);
        let pairs = [
            ("token", "x"),
            ("client_assertion_type", crate::harness::CLIENT_ASSERTION),
            ("client_assertion", &*assertion),
        ];
        let reply = Http::post(server.endpoint("introspection_endpoint"))
            .header("Origin", "https://x.test")
            .form(&pairs)
            .send();
        assert!(reply.header("access-control-allow-origin").is_none(), "{reply:?}");
    }

    /// I8: revoked is inactive at the next request.
    fn i08_revocation_is_seen(server: &Server) {
        let client = server.jwt_client(&[]);
        for _ in 0..5 {
            let token = server.machine_token(&client, scope::FIND);
            assert!(server.is_active(&client, &token));
            server.revoke(&client, &token).ok();
            is_inactive(&server.introspect(&client, &token));
        }
    }
}
