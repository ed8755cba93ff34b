//! Section AA: the management API. (AA1's matrix over the OpenAPI document is in openapi.rs.)

use reqwest::Method;
use serde_json::json;

use crate::harness::fixtures::NewClient;
use crate::harness::{Authorization, Backend, Http, Options, Pkce, Server, backend, scope};

on_both! {
    /// AA2: another user's things are not there.
    fn aa02_other_users_things(server: &Server) {
        let client = server.confidential_client(&[]);
        let (alice, bob) = (server.editor(), server.editor());
        Authorization::of(&client).scopes(&[scope::FIND]).pkce(&Pkce::s256()).code(server, &alice);
        let asked = |user: &crate::harness::User| {
            Http::get(server.mounted(&format!("oauth-clients-authorization/{}", client.id)))
                .query(&[("scope", scope::FIND)])
                .bearer(user.jwt(server))
                .send()
                .ok()
                .json()
        };
        assert_eq!(asked(&alice)["grantedScopes"], json!([scope::FIND]));
        assert_eq!(asked(&bob)["grantedScopes"], json!([]));
    }

    /// AA3: fields that nobody may set.
    fn aa03_mass_assignment(server: &Server) {
        for (field, value) in [
            ("id", json!(1)),
            ("documentId", json!("chosen")),
            ("clientId", json!("chosen")),
            ("clientSecret", json!("chosen")),
            ("clientSecretHash", json!("chosen")),
            ("createdType", json!("FILE")),
            ("role", json!("admin")),
            ("is_admin", json!(true)),
            ("trusted", json!(true)),
            ("createdAt", json!("2000-01-01T00:00:00Z")),
            ("revision", json!("x")),
        ] {
            let reply = server.try_client(&NewClient::confidential().with(field, value.clone()));
            assert!([201, 400].contains(&reply.status), "{field}: {reply:?}");
            if reply.status == 201 {
                assert_ne!(reply.json()["data"][field], value, "{field} was taken over");
            }
        }
    }

    /// AA4: ordinary users cannot make clients, nor lift the ceiling.
    fn aa04_no_promotion(server: &Server) {
        let reader = server.reader();
        let body = json!({ "data": NewClient::confidential().0 });
        let reply = Http::post(server.mounted("clients")).bearer(reader.jwt(server)).json(&body).send();
        assert_eq!(reply.status, 403, "{reply:?}");
        let reply = Http::get(server.mounted("global-settings")).bearer(reader.jwt(server)).send();
        assert_eq!(reply.status, 403, "{reply:?}");
        // A client's scope above the ceiling is refused when it is written.
        assert_eq!(
            server
                .try_client(&NewClient::confidential().with("scopes", json!(["api::form.form.nothing"])))
                .status,
            400
        );
    }

    /// AA5: secrets are shown once.
    fn aa05_secrets_are_shown_once(server: &Server) {
        let reply = server.try_client(&NewClient::confidential().without("publicKey"));
        let data = reply.ok().json()["data"].clone();
        let (secret, private) = (
            data["clientSecret"].as_str().expect("secret"),
            data["privateKey"].as_str().expect("private key"),
        );
        let id = data["documentId"].as_str().expect("documentId");
        let line = private.lines().nth(3).expect("a PEM");
        for path in [format!("clients/{id}"), "clients?pageSize=100".to_owned()] {
            let text = server.manage(Method::GET, &path).send().ok().text();
            assert!(
                !text.contains(secret)
                    && !text.contains(&secret[secret.len() - 8..])
                    && !text.contains("privateKey"),
                "{text}"
            );
        }
        assert!(
            !server.database_holds(secret) && !server.database_holds(line) && !server.log().contains(secret)
        );
    }

    /// AA6: every change leaves an event, without the secret.
    fn aa06_events(server: &Server) {
        let client = server.confidential_client(&[]);
        server.update_client(&client, &json!({ "name": "Changed" })).ok();
        server.manage(Method::DELETE, &format!("clients/{}", client.document_id)).send().ok();
        let log = server.log();
        let events = log.lines().filter(|line| line.contains(&client.id)).count();
        assert!(events >= 3, "{events} lines of the log name the client");
        assert!(!log.contains(client.secret.as_deref().expect("a secret")));
    }

    /// AA7: ids that do not exist, or could not.
    fn aa07_ids(server: &Server) {
        let long = "a".repeat(4_000);
        for id in ["unknown", "0", "-1", "99999999999999999999", "%00", "..%2f..", "'%20OR%201=1", &long] {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                for part in ["clients", "global-settings", "clients-rotate", "clients-keypair"] {
                    let reply = server
                        .manage(method.clone(), &format!("{part}/{id}"))
                        .json(&json!({ "data": {} }))
                        .send();
                    assert!((400..500).contains(&reply.status), "{method} {part}/{id}: {reply:?}");
                }
            }
        }
        for body in [
            "",
            "{",
            "[]",
            "null",
            "{\"data\":null}",
            "{\"data\":[]}",
            "{\"data\":{\"name\":7,\"clientType\":\"X\"}}",
        ] {
            let reply = server.manage(Method::POST, "clients").body("application/json", body).send();
            assert!([400, 415, 422].contains(&reply.status), "{body}: {reply:?}");
        }
    }

    /// AA8: pages are bounded, and odd parameters are refused.
    fn aa08_pages(server: &Server) {
        for (name, value) in [
            ("page", "0"),
            ("page", "-1"),
            ("pageSize", "0"),
            ("pageSize", "-1"),
            ("pageSize", "1000000000"),
            ("pageSize", "x"),
            ("page", "99999999999999999999"),
            ("sort", "password_hash:asc"),
            ("sort", "'; DROP TABLE x"),
        ] {
            let reply = server.manage(Method::GET, "clients").query(&[(name, value)]).send();
            assert_eq!(reply.status, 400, "{name}={value}: {reply:?}");
        }
        let plain = server
            .manage(Method::GET, "clients")
            .query(&[("page", "1"), ("pageSize", "10")])
            .send()
            .ok()
            .json();
        let plugin = server
            .manage(Method::GET, "clients")
            .query(&[("pagination[page]", "1"), ("pagination[pageSize]", "10")])
            .send()
            .ok()
            .json();
        assert_eq!(plain["meta"]["pagination"]["pageSize"], 10);
        assert_eq!(plain["meta"]["pagination"]["pageSize"], plugin["meta"]["pagination"]["pageSize"]);
        for search in ["'", "%", "_", "\\", "\u{0}", "a' OR '1'='1"] {
            let reply = server.manage(Method::GET, "clients").query(&[("search", search)]).send();
            assert!([200, 400].contains(&reply.status), "{search}: {reply:?}");
        }
    }

    /// AA10: a blocked user's token dies at once.
    fn aa10_a_blocked_users_token(server: &Server) {
        let user = server.editor();
        let client = server.confidential_client(&[]);
        let look = || {
            Http::get(server.mounted(&format!("oauth-clients-authorization/{}", client.id)))
                .bearer(user.jwt(server))
                .send()
                .status
        };
        assert_eq!(look(), 200);
        server.block_user(&user);
        crate::harness::eventually("the token is refused", crate::harness::BOUND, || look() == 401);
        assert_eq!(user.sign_in(server).status, 401);
    }
}

/// AA9: the first password is no constant, is in a file of mode 0600, and not in the log.
#[test]
fn aa09_no_default_password() {
    use std::os::unix::fs::PermissionsExt;
    let password = |server: &Server| {
        let file = server.folder().join("data/admin-password");
        let mode = std::fs::metadata(&file).expect("the password's file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let password = std::fs::read_to_string(file).expect("text").trim().to_owned();
        assert!(password.len() >= 16 && !server.log().contains(&password));
        password
    };
    let options = || Options::default().env("GRANTWOOD_ADMIN_PASSWORD_FILE", "");
    let (one, two) = (Server::start(options()), Server::start(options()));
    assert_ne!(password(&one), password(&two));
    for guess in ["admin", "password", ""] {
        assert_ne!(crate::harness::User::existing("admin", guess).sign_in(&one).status, 200);
    }
}

/// AA11, D19: the documentation can be switched off.
#[test]
fn aa11_docs_off() {
    backend::run_alone(
        Backend::Sqlite,
        Options::default().env("GRANTWOOD_DOCS__ENABLED", "false"),
        |server| {
            assert_eq!(server.get("/docs").status, 404);
        },
    );
}
