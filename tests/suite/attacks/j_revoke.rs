//! Section J: revocation (RFC 7009). (J4, a lost database, is in bb_fail_closed.rs.)

use serde_json::json;

use crate::harness::check::is_oauth_error;
use crate::harness::{Http, jwt, scope};

on_both! {
    /// J1: one's own token, twice; unknown ones; wrong hints.
    fn j01_own_tokens(server: &Server) {
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        let hinted = [("token", token.as_str()), ("token_type_hint", "refresh_token")];
        let reply = server.post_as(&client, "revocation_endpoint", &hinted);
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{reply:?}");
        assert!(!server.is_active(&client, &token));
        for text in [token.as_str(), "unknown", "a.b.c"] {
            assert_eq!(server.revoke(&client, text).status, 200);
        }
    }

    /// J2: no token, no caller.
    fn j02_what_is_required(server: &Server) {
        let client = server.jwt_client(&[]);
        is_oauth_error(&server.post_as(&client, "revocation_endpoint", &[]), 400, &["invalid_request"]);
        let reply = Http::post(server.endpoint("revocation_endpoint")).form(&[("token", "x")]).send();
        is_oauth_error(&reply, 401, &["invalid_client"]);
    }

    /// J3, D3: another client's token stays alive.
    fn j03_other_clients_tokens(server: &Server) {
        let (owner, other, public) =
            (server.jwt_client(&[]), server.confidential_client(&[]), server.public_client(&[]));
        let token = server.machine_token(&owner, scope::FIND);
        is_oauth_error(&server.revoke(&other, &token), 400, &["invalid_request"]);
        assert_eq!(server.revoke(&public, &token).status, 200);
        assert!(server.is_active(&owner, &token));
    }

    /// J5: once the 200 is there, no later request sees the token alive.
    fn j05_no_late_success(server: &Server) {
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        std::thread::scope(|threads| {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    threads.spawn(|| {
                        for _ in 0..10 {
                            server.introspect(&client, &token);
                        }
                    })
                })
                .collect();
            server.revoke(&client, &token).ok();
            assert!(!server.is_active(&client, &token), "alive after the 200");
            for reader in readers {
                reader.join().expect("answers");
            }
        });
        assert!(!server.is_active(&client, &token));
    }

    /// J6, D17: by `{"jti"}` for administrators, and for nobody else.
    fn j06_by_jti(server: &Server) {
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        let jti = jwt::claims(&token)["jti"].clone();
        let revoke = |bearer: Option<&str>, body: &serde_json::Value, path: &str| {
            let request = Http::post(server.mounted(path)).json(body);
            match bearer {
                Some(token) => request.bearer(token).send(),
                None => request.send(),
            }
        };
        for path in ["revoke", "access-tokens/revoke"] {
            let body = json!({ "jti": jti });
            assert_eq!(revoke(None, &body, path).status, 401);
            assert_eq!(revoke(Some(&token), &body, path).status / 100, 4);
            assert_eq!(revoke(Some(server.reader().jwt(server)), &body, path).status, 403);
            for bad in [
                json!({ "jti": { "$notNull": true } }),
                json!({ "jti": 7 }),
                json!({ "jti": null }),
                json!({}),
                json!([]),
            ] {
                assert_eq!(revoke(Some(server.admin().jwt(server)), &bad, path).status, 400, "{bad}");
            }
        }
        assert!(server.is_active(&client, &token));
        let reply =
            revoke(Some(server.admin().jwt(server)), &json!({ "jti": jti }), "access-tokens/revoke").ok();
        assert_eq!(reply.json()["revoked"], true);
        assert!(!server.is_active(&client, &token));
        let reply =
            revoke(Some(server.admin().jwt(server)), &json!({ "jti": "unknown" }), "access-tokens/revoke")
                .ok();
        assert_eq!(reply.json()["revoked"], false);
    }
}
