//! Live tokens follow the policy on every path and every replica, within a second (design §6, attack row Z10).

use serde_json::json;

use super::{Proxy, protecting};
use crate::harness::{BOUND, Backend, Options, Server, eventually, policies, scope};

/// What both replicas say about a token: introspection's `active`, and the status of a forward-auth question.
fn seen(servers: [&Server; 2], caller: &crate::harness::Client, token: &str) -> Vec<(bool, u16)> {
    let of = |server: &Server| {
        let status = Proxy::Nginx.asks(server, "GET", "/api/forms").bearer(token).send().status;
        (server.is_active(caller, token), status)
    };
    servers.map(of).to_vec()
}

fn on_two_replicas(backend: Backend, story: impl Fn(&Server, &Server)) {
    if backend == Backend::Postgres && crate::harness::postgres::Cluster::shared().is_none() {
        return;
    }
    let first = Server::start(protecting().on(backend));
    let second = first.replica();
    story(&first, &second);
}

fn follows(backend: Backend) {
    on_two_replicas(backend, |first, second| {
        let both = [first, second];
        // A disabled client, and back.
        let client = first.confidential_client(&[scope::FIND]);
        let token = first.user_token(&client, &[scope::FIND]);
        // Twice, so that the second answers come from memory.
        for _ in 0..2 {
            assert_eq!(seen(both, &client, &token), [(true, 200), (true, 200)]);
        }
        let watcher = first.jwt_client(&[scope::FIND]);
        let machine = first.machine_token(&watcher, scope::FIND);
        assert_eq!(seen(both, &watcher, &machine), [(true, 200), (true, 200)]);
        first.update_client(&watcher, &json!({ "active": false })).ok();
        let refused = |token: &str| {
            both.iter().all(|server| {
                Proxy::Nginx.asks(server, "GET", "/api/forms").bearer(token).send().status == 401
            })
        };
        eventually("a disabled client is refused on both", BOUND, || refused(&machine));
        // Consent withdrawn by the user.
        assert_eq!(seen(both, &client, &token), [(true, 200), (true, 200)]);
        crate::harness::Http::delete(first.mounted(&format!("consents/{}", client.id)))
            .bearer(first.admin().jwt(first))
            .send()
            .ok();
        eventually("a withdrawn consent is followed on both", BOUND, || {
            seen(both, &client, &token) == [(false, 401), (false, 401)]
        });
        // A blocked user.
        let editor = first.editor();
        let delegate = first.delegate();
        let assertion = delegate.assertion(first).claim("sub", editor.id(first)).sign();
        let acted = first.present_for(&assertion, scope::FIND).access_token();
        assert_eq!(seen(both, &delegate, &acted), [(true, 200), (true, 200)]);
        first.block_user(&editor);
        eventually("a blocked user is followed on both", BOUND, || {
            seen(both, &delegate, &acted) == [(false, 401), (false, 401)]
        });
    });
}

#[test]
fn sqlite_follows() {
    follows(Backend::Sqlite);
}

#[test]
fn postgres_follows() {
    follows(Backend::Postgres);
}

/// A scope that is taken out of a file is taken out of live tokens, on both replicas of one folder.
#[test]
fn a_scope_removed_in_git() {
    on_two_replicas(Backend::Sqlite, |first, second| {
        let both = [first, second];
        let delegate = first.delegate();
        let token = first.machine_token(&delegate, "");
        assert_eq!(seen(both, &delegate, &token), [(true, 200), (true, 200)]);
        let path = first.policies().join("clients/suite_delegate.yaml");
        let text = std::fs::read_to_string(&path).expect("the document");
        policies::write(&path, text.replace("api::form.form.*", scope::FIND_ONE));
        eventually("the scope is gone on both", BOUND, || {
            seen(both, &delegate, &token) == [(true, 403), (true, 403)]
        });
        assert_eq!(first.introspect(&delegate, &token).scopes(), [scope::FIND_ONE]);
        let ceiling = first.policies().join("global.yaml");
        let text = std::fs::read_to_string(&ceiling).expect("the document");
        policies::write(&ceiling, text.replace(&format!("  - {}\n", scope::FIND_ONE), ""));
        eventually("nothing is left", BOUND, || {
            seen(both, &delegate, &token) == [(false, 401), (false, 401)]
        });
    });
}

/// BB1: the disk takes nothing more: writes are refused with 503, decisions go on; with `audit.required` they
/// stop as well.
#[test]
fn bb01_a_full_disk() {
    for required in [false, true] {
        let options = match required {
            true => protecting().env("GRANTWOOD_AUDIT__REQUIRED", "true"),
            false => protecting(),
        };
        let server = Server::start(options);
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        let ask = || Proxy::Nginx.asks(&server, "GET", "/api/forms").bearer(&token).send();
        super::passes(&ask());
        server.limit_file_size(Some(4_096));
        let reply = server.present(&client.assertion(&server).sign());
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(server.revoke(&client, &token).status, 503);
        if required {
            eventually("decisions stop", std::time::Duration::from_secs(6), || ask().status == 503);
            super::is_refused(&ask(), &[503]);
        } else {
            for _ in 0..3 {
                super::passes(&ask());
                std::thread::sleep(std::time::Duration::from_millis(900));
            }
        }
        server.limit_file_size(None);
        eventually("it works again", std::time::Duration::from_secs(10), || {
            ask().status == 200 && server.present(&client.assertion(&server).sign()).status == 200
        });
    }
}

/// I9, RFC 9701: a signed answer names its reader, and is no access token.
#[test]
fn i09_signed_introspection() {
    let server = Server::start(Options::default());
    let client = server.confidential_client(&[]);
    let token = server.user_token(&client, &[scope::FIND]);
    let ask = |token: &str, accept: &str| {
        crate::harness::Http::post(server.endpoint("introspection_endpoint"))
            .basic(&client.id, client.secret.as_deref().expect("a secret"))
            .header("Accept", accept)
            .form(&[("token", token)])
            .send()
            .ok()
    };
    let signed = ask(&token, "application/json;q=0.5, application/token-introspection+jwt");
    assert_eq!(signed.header("content-type"), Some("application/token-introspection+jwt"), "{signed:?}");
    let text = signed.text();
    let (header, claims) = (crate::harness::jwt::header(&text), crate::harness::jwt::claims(&text));
    assert_eq!(header["typ"], "token-introspection+jwt");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.issuer()), &json!(client.id)));
    assert!(claims["sub"].is_null() && claims["exp"].is_null(), "{claims}");
    let plain = ask(&token, "*/*").json();
    assert_eq!(claims["token_introspection"], plain);
    super::revoked::is_signed_by(&server, &text);
    let dead = crate::harness::jwt::claims(&ask("x", "application/token-introspection+jwt").text());
    assert_eq!(dead["token_introspection"], json!({ "active": false }));
    assert!(!server.is_active(&client, &text), "K: it does not pass as a token");
    assert_eq!(server.metadata()["introspection_signing_alg_values_supported"], json!(["RS256"]));
}
