//! A client changed by the pages: settings, scopes, credentials, its switch and its end.

use super::{address, admin, between, page, plain, post, posted};
use crate::harness::fixtures::NewClient;
use crate::harness::{JWT_BEARER, keys, scope};

/// The settings of a fixture client as its form shows them.
fn settings(name: &str) -> Vec<(&str, &str)> {
    vec![
        ("name", name),
        ("redirect_uris", "https://c1.test/cb"),
        ("grant", "authorization_code"),
        ("grant", JWT_BEARER),
        ("auth", "client_secret"),
        ("pkce", "S256"),
        ("assertion_style", "rfc7523"),
        ("step", "save"),
    ]
}

on_both! {
    /// Everything that the form has is saved, and shown again.
    fn settings_are_saved(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        let mut fields = settings("Renamed client");
        fields.retain(|(name, _)| !["redirect_uris", "pkce"].contains(name));
        fields.extend([
            ("redirect_uris", "https://new.test/cb\r\n\r\nhttps://new.test/two"),
            ("pkce", "optional"),
            ("access_token_ttl", "15m"),
            ("groups", "partners beta"),
            ("act_for", "role:suite_editor\r\nuser:admin"),
            ("require_secret", "on"),
            ("owner", "admin"),
        ]);
        assert!(posted(&browser, &address(&client), &fields).ends_with("done=saved"));
        let data = server.manage(reqwest::Method::GET, &format!("clients/{}", client.document_id)).send().ok().json()["data"].clone();
        assert_eq!(data["name"], "Renamed client");
        assert_eq!(data["redirectUris"], serde_json::json!(["https://new.test/cb", "https://new.test/two"]));
        assert_eq!((&data["pkce"], &data["accessTokenTtl"], &data["requireSecret"]), (&"optional".into(), &900.into(), &true.into()));
        assert_eq!(data["groups"], serde_json::json!(["beta", "partners"]));
        assert_eq!(data["actFor"], serde_json::json!(["role:suite_editor", "user:admin"]));
        let text = page(&browser, &address(&client));
        assert!(text.contains("Renamed client") && text.contains("value=\"900\"") && text.contains("https://new.test/two"), "{text}");
        // Emptied fields are emptied: no owner, the server's own life of tokens.
        posted(&browser, &address(&client), &settings("Renamed client"));
        let data = server.manage(reqwest::Method::GET, &format!("clients/{}", client.document_id)).send().ok().json()["data"].clone();
        assert!(data["user"].is_null() && data["accessTokenTtl"].is_null(), "{data}");
    }

    /// The owner is searched by what was typed, without a script.
    fn an_owner_is_searched(server: &Server) {
        let (browser, client, user) = (admin(server), server.confidential_client(&[]), server.reader());
        let mut fields = settings("Kept name");
        fields.retain(|(name, _)| *name != "step");
        let part = &user.username[2..];
        fields.extend([("owner", part), ("step", "owner")]);
        let reply = post(&browser, &address(&client), &fields);
        assert_eq!(reply.status, 200, "{reply:?}");
        let text = plain(&reply);
        assert!(text.contains("owner-proposals") && text.contains(&format!("value=\"{}\"", user.username)), "{text}");
        assert!(text.contains("Kept name"), "what was typed stays: {text}");
        let mut fields = settings("Kept name");
        fields.extend([("owner", part), ("owner_choice", user.username.as_str())]);
        posted(&browser, &address(&client), &fields);
        let text = page(&browser, &address(&client));
        assert!(text.contains(&format!("value=\"{}\"", user.username)), "{text}");
    }

    /// Scopes are chosen; AA4: not above the ceiling.
    fn scopes_are_saved(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        let path = format!("{}/scopes", address(&client));
        posted(&browser, &path, &[("scope", scope::FIND), ("scope", scope::UPDATE)]);
        let token = server.machine_token(&client, "");
        assert_eq!(server.introspect(&client, &token).scopes(), [scope::FIND, scope::UPDATE]);
        posted(&browser, &path, &[("scope", scope::UPDATE)]);
        assert_eq!(server.introspect(&client, &token).scopes(), [scope::UPDATE], "a live token loses it at once");
        let reply = post(&browser, &path, &[("scope", "api::form.form.nothing")]);
        assert_eq!(reply.status, 400, "{reply:?}");
    }

    /// A secret is rotated with grace: both work, then one.
    fn a_secret_is_rotated_with_grace(server: &Server) {
        let (browser, mut client) = (admin(server), server.confidential_client(&[]));
        let path = format!("{}/rotate-secret", address(&client));
        let once = posted(&browser, &path, &[("grace", "3600")]);
        let text = page(&browser, &once);
        let secret = between(text.split_once("id=\"shown-client-secret\"").expect("a secret").1, ">", "<").expect("text").to_owned();
        assert_eq!(server.introspect(&client, "x").status, 200, "the former one");
        client.secret = Some(secret);
        assert_eq!(server.introspect(&client, "x").status, 200, "the new one");
        let text = page(&browser, &format!("{}/credentials", address(&client)));
        assert!(text.contains("id=\"former-secret\""), "{text}");
        let former = client.clone();
        posted(&browser, &path, &[("grace", "0")]);
        assert_eq!(server.introspect(&former, "x").status, 401);
        assert_eq!(post(&browser, &path, &[("grace", "90000")]).status, 400);
        assert_eq!(post(&browser, &path, &[("grace", "x")]).status, 400);
    }

    /// Key pairs are renewed and public keys registered; the former key ends.
    fn keys_are_renewed(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        let base = address(&client);
        assert!(posted(&browser, &format!("{base}/keypair"), &[]).ends_with("/once"));
        assert_eq!(server.present(&client.assertion(server).sign()).status, 400, "the former key is refused");
        posted(&browser, &format!("{base}/public-key"), &[("public_key", keys::CLIENT.public)]);
        server.present(&client.assertion(server).sign()).ok();
        for bad in ["", "not a key", "{\"keys\":[]}", "{"] {
            let reply = post(&browser, &format!("{base}/public-key"), &[("public_key", bad)]);
            assert_eq!(reply.status, 400, "{bad}: {reply:?}");
        }
        let public = server.public_client(&[]);
        let reply = post(&browser, &format!("{}/keypair", address(&public)), &[]);
        assert_eq!(reply.status, 409, "{reply:?}");
    }

    /// The switch: off, and its tokens are inactive; on, and they live.
    fn a_client_is_switched_off_and_on(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        let base = address(&client);
        assert!(posted(&browser, &format!("{base}/deactivate"), &[]).contains("done=deactivated"));
        assert!(page(&browser, &base).contains("Inactive"));
        assert!([400, 401].contains(&server.present(&client.assertion(server).sign()).status));
        posted(&browser, &format!("{base}/activate"), &[]);
        server.present(&client.assertion(server).sign()).ok();
    }

    /// Deletion wants the name.
    fn deletion_wants_the_name(server: &Server) {
        let (browser, client) = (admin(server), server.client(&NewClient::confidential().with("name", "Doomed client")));
        let path = format!("{}/delete", address(&client));
        assert!(page(&browser, &path).contains("data-confirm=\"Doomed client\""));
        let reply = post(&browser, &path, &[("confirm", "doomed client")]);
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(posted(&browser, &path, &[("confirm", "Doomed client")]).starts_with("/admin/clients"));
        assert_eq!(browser.get(&address(&client)).status, 404);
    }

    /// What git manages is shown with its file; rotation and the switch work, the rest answers 409 with the file.
    fn a_client_of_the_folder_is_read_only(server: &Server) {
        let browser = admin(server);
        let text = page(&browser, "/admin/clients/partner");
        assert!(text.contains("Git manages this client") && text.contains("clients/partner.yaml"), "{text}");
        assert!(!text.contains("id=\"client-form\"") && !text.contains("id=\"delete-client\""), "{text}");
        for (path, fields) in [
            ("/admin/clients/partner", settings("Other")),
            ("/admin/clients/partner/scopes", vec![("scope", scope::FIND)]),
            ("/admin/clients/partner/delete", vec![("confirm", "Partner service")]),
        ] {
            let reply = post(&browser, path, &fields);
            assert_eq!(reply.status, 409, "{path}: {reply:?}");
            assert!(plain(&reply).contains("clients/partner.yaml"), "{path}: {reply:?}");
        }
        assert!(posted(&browser, "/admin/clients/partner/rotate-secret", &[("grace", "0")]).ends_with("/once"));
        posted(&browser, "/admin/clients/partner/deactivate", &[]);
        assert!(page(&browser, "/admin/clients/partner").contains("Inactive"));
        posted(&browser, "/admin/clients/partner/activate", &[]);
    }

    /// Effective access says yes or no for each scope, and where the reason stands.
    fn effective_access_names_the_policies(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[scope::FIND]));
        let text = page(&browser, &format!("{}/access?grantType=jwt-bearer", address(&client)));
        assert!(text.contains(&format!("permitted by client.{}", client.id)), "{text}");
        assert!(text.contains("no policy permits it"), "{text}");
        let text = page(&browser, &format!("{}/access?grantType=client-credentials", address(&client)));
        assert!(text.contains("not start") && text.contains("kernel.grant-not-registered"), "{text}");
        let reply = browser.get(&format!("{}/access?user=nobody-at-all", address(&client)));
        assert_eq!(reply.status, 400, "{reply:?}");
    }

    /// Activity shows what was done to the client, by whom.
    fn activity_shows_what_was_done(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        posted(&browser, &format!("{}/deactivate", address(&client)), &[]);
        let text = page(&browser, &format!("{}/activity", address(&client)));
        assert!(text.contains("admin:client.create") && text.contains("admin:client.update"), "{text}");
        assert!(text.contains("admin <span") || text.contains(">admin"), "{text}");
    }
}
