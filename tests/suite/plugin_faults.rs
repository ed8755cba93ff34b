//! The thirty-two faults of the system that we replace: each a story that would fail on its behaviour.

use reqwest::Method;
use serde_json::json;

use crate::harness::check::{is_inactive, is_oauth_error};
use crate::harness::client::basic;
use crate::harness::fixtures::NewClient;
use crate::harness::{Authorization, Client, Http, Pkce, Server, User, jwt, keys, now_s, scope};
use crate::source;

fn approve(server: &Server, client: &Client, user: &User, scopes: &[&str]) -> String {
    let pkce = Pkce::s256();
    let code = Authorization::of(client).scopes(scopes).pkce(&pkce).code(server, user);
    server.redeem(client, &code, &pkce).access_token()
}

fn scope_of(server: &Server, client: &Client, token: &str) -> String {
    server.introspect(client, token).ok().json()["scope"].as_str().unwrap_or_default().to_owned()
}

fn secret(client: &Client) -> &str {
    client.secret.as_deref().expect("a secret")
}

on_both! {
    /// A token keeps its own scope, whatever its user consents to later.
    fn hole_01_a_tokens_scope_is_its_own(server: &Server) {
        let (client, user) = (server.confidential_client(&[]), server.editor());
        let narrow = approve(server, &client, &user, &[scope::FIND]);
        let wide = approve(server, &client, &user, &[scope::FIND, scope::CREATE]);
        assert_eq!(scope_of(server, &client, &narrow), scope::FIND);
        approve(server, &client, &user, &[scope::FIND_ONE]);
        assert_eq!(scope_of(server, &client, &wide).split(' ').count(), 2);
    }

    /// A token never exceeds its user's roles.
    fn hole_02_the_users_rights_bound_the_token(server: &Server) {
        let (client, reader) = (server.confidential_client(&[]), server.reader());
        let asked = Authorization::of(&client).scopes(&[scope::CREATE]).pkce(&Pkce::s256());
        assert_eq!(asked.refusal(server, &reader), "invalid_scope");
        let pkce = Pkce::s256();
        let code = Authorization::of(&client).pkce(&pkce).code(server, &reader);
        assert_eq!(server.redeem(&client, &code, &pkce).ok().scopes(), [scope::FIND, scope::FIND_ONE]);
    }

    /// Introspection authenticates its caller.
    fn hole_03_introspection_authenticates(server: &Server) {
        let reply = Http::post(server.endpoint("introspection_endpoint")).form(&[("token", "x")]).send();
        is_oauth_error(&reply, 401, &["invalid_client"]);
    }

    /// Revocation takes a text from the token's own client.
    fn hole_04_revocation_is_bound_and_typed(server: &Server) {
        let client = server.jwt_client(&[]);
        let token = server.machine_token(&client, scope::FIND);
        for body in [json!({ "jti": { "$notNull": true } }), json!({ "jti": jwt::claims(&token)["jti"] })] {
            let reply = Http::post(server.endpoint("revocation_endpoint")).json(&body).send();
            assert!([400, 401].contains(&reply.status), "{reply:?}");
        }
        let injected = Http::post(server.mounted("oauth-authorization-codes/authorize"))
            .bearer(server.admin().jwt(server))
            .json(&json!({ "approve": true, "clientId": { "$notNull": true }, "redirectUri": "https://c1.test/cb" }))
            .send();
        assert_eq!(injected.status, 400, "{injected:?}");
        assert!(server.is_active(&client, &token));
    }

    /// Nobody but an administrator changes a client, and some fields nobody changes.
    fn hole_05_clients_cannot_be_taken_over(server: &Server) {
        let (client, bob) = (server.confidential_client(&[]), server.editor());
        let path = server.mounted(&format!("clients/{}", client.document_id));
        for field in ["clientSecretHash", "publicKey", "createdType", "redirectUris"] {
            let reply =
                Http::put(&path).bearer(bob.jwt(server)).json(&json!({ "data": { field: "x" } })).send();
            // A field that nobody may write is refused before the question who asks.
            let expected: &[u16] = if field == "publicKey" { &[403, 404] } else { &[400, 403, 404] };
            assert!(expected.contains(&reply.status), "{field}: {reply:?}");
        }
        for field in ["clientSecretHash", "createdType", "clientId"] {
            let reply = server.update_client(&client, &json!({ field: "x" }));
            assert!(reply.status == 400 || reply.json()["data"][field] != "x", "{field}: {reply:?}");
        }
        is_oauth_error(&server.redeem(&client, "x", &Pkce::s256()), 400, &["invalid_grant"]);
    }

    /// A stranger makes no keypair for a client.
    fn hole_06_keypairs(server: &Server) {
        let (client, bob) = (server.confidential_client(&[]), server.editor());
        let reply = Http::put(server.mounted(&format!("clients-keypair/{}", client.document_id)))
            .bearer(bob.jwt(server))
            .send();
        assert!([403, 404].contains(&reply.status), "{reply:?}");
        assert!(!reply.text().contains("PRIVATE"), "{reply:?}");
        let unknown = server.manage(Method::PUT, "clients-keypair/unknown").send();
        assert_eq!(unknown.status, 404, "{unknown:?}");
    }

    /// Lists are the administrators', and show no challenges or hashes.
    fn hole_07_lists(server: &Server) {
        let bob = server.editor();
        for path in ["access-tokens", "clients"] {
            assert_eq!(Http::get(server.mounted(path)).bearer(bob.jwt(server)).send().status, 403, "{path}");
            let text = server.manage(Method::GET, path).send().ok().text().to_ascii_lowercase();
            for word in ["challenge", "hash", "\"accesstoken\"", "password"] {
                assert!(!text.contains(word), "{path} shows {word}");
            }
        }
    }

    /// An assertion is used once.
    fn hole_08_assertions_are_used_once(server: &Server) {
        let client = server.jwt_client(&[]);
        let assertion = client.assertion(server).sign();
        server.present(&assertion).access_token();
        is_oauth_error(&server.present(&assertion), 400, &["invalid_grant"]);
        is_oauth_error(
            &server.present(&client.assertion(server).without("jti").sign()),
            400,
            &["invalid_grant"],
        );
    }

    /// An assertion's life is bounded from now.
    fn hole_09_assertions_expire(server: &Server) {
        let client = server.jwt_client(&[]);
        let ten_years = now_s() + 315_360_000;
        for assertion in [
            client.assertion(server).without("exp"),
            client.assertion(server).claim("exp", ten_years).without("iat"),
            client.assertion(server).claim("exp", ten_years).claim("iat", ten_years - 100),
        ] {
            is_oauth_error(&server.present(&assertion.sign()), 400, &["invalid_grant"]);
        }
    }

    /// RFC 7523's meaning of `iss` and `sub`; the other one is refused unless the client asked for it.
    fn hole_10_the_meaning_of_an_assertion(server: &Server) {
        let client = server.jwt_client(&[]);
        let inverted =
            client.assertion(server).claim("iss", server.admin().id(server)).claim("sub", client.id.as_str());
        is_oauth_error(&server.present(&inverted.sign()), 400, &["invalid_grant", "invalid_client"]);
        server
            .present(&client.assertion(server).claim("aud", json!([server.issuer()])).sign())
            .access_token();
    }

    /// RFC 9068 tokens, verifiable from published keys.
    fn hole_11_the_token_is_rfc_9068(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        assert_eq!(jwt::header(&token)["typ"], "at+jwt");
        assert!(jwt::header(&token)["kid"].is_string());
        assert_eq!(jwt::claims(&token)["iss"], server.issuer());
        assert_eq!(jwt::claims(&token)["client_id"], client.id.as_str());
        assert_eq!(jwt::claims(&token)["sub"].as_str(), Some(&*server.admin().id(server)));
    }

    /// Many at once, one success. (The same over two replicas: races.rs.)
    fn hole_12_codes_are_redeemed_by_one_statement(server: &Server) {
        crate::races::code_storm(&[server]);
    }

    /// A code's second use takes back the first one's token.
    fn hole_13_reuse_revokes(server: &Server) {
        let client = server.confidential_client(&[]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        let token = server.redeem(&client, &code, &pkce).access_token();
        server.redeem(&client, &code, &pkce);
        is_inactive(&server.introspect(&client, &token));
    }

    /// A public client's id is required and must be the code's.
    fn hole_14_public_clients_name_themselves(server: &Server) {
        let (owner, other) = (server.public_client(&[]), server.public_client(&[]));
        let (code, pkce) = server.code(&owner, &[scope::FIND]);
        is_oauth_error(&server.redeem(&other, &code, &pkce), 400, &["invalid_grant"]);
        let (code, pkce) = server.code(&owner, &[scope::FIND]);
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", &*owner.redirect_uri),
            ("code_verifier", &*pkce.verifier),
        ];
        let reply = server.token(&pairs);
        assert!([400, 401].contains(&reply.status), "{reply:?}");
    }

    /// A challenge without a method does not switch proof keys off.
    fn hole_15_no_silent_downgrade(server: &Server) {
        let client = server.client(&NewClient::confidential().with("pkce", "plain"));
        let pkce = Pkce::plain();
        let code = Authorization::of(&client)
            .pkce(&pkce)
            .without("codeChallengeMethod")
            .code(server, server.admin());
        is_oauth_error(&server.redeem(&client, &code, &Pkce::plain()), 400, &["invalid_grant"]);
        let code = Authorization::of(&client)
            .pkce(&pkce)
            .without("codeChallengeMethod")
            .code(server, server.admin());
        server.redeem(&client, &code, &pkce).access_token();
    }

    /// Unknown methods and bad verifiers are refused, plain is off.
    fn hole_16_methods_and_syntax(server: &Server) {
        let client = server.public_client(&[]);
        for method in ["S512", "plain"] {
            let asked = Authorization::of(&client).pkce(&Pkce::s256()).with("codeChallengeMethod", method);
            assert_eq!(asked.refusal(server, server.admin()), "invalid_request", "{method}");
        }
        let (code, _) = server.code(&client, &[scope::FIND]);
        let reply = server.redeem_with(&client, &code, &[("code_verifier", "short")]);
        is_oauth_error(&reply, 400, &["invalid_grant", "invalid_request"]);
    }

    /// No way to an unregistered target, on denial or error; a query survives; `iss` is there.
    fn hole_17_redirects(server: &Server) {
        let client =
            server.client(&NewClient::confidential().with("redirectUris", json!(["https://c1.test/cb?a=1"])));
        let evil =
            Authorization::of(&client).with("approve", false).with("redirectUri", "https://evil.test/");
        let reply = evil.send(server, server.admin());
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(!reply.text().contains("evil.test"), "{reply:?}");
        let denied = Authorization::of(&client).with("approve", false).redirect(server, server.admin());
        assert!(denied.uri.starts_with("https://c1.test/cb?a=1&"), "{denied:?}");
        assert_eq!(
            (denied.error().as_str(), denied.get("iss").as_deref()),
            ("access_denied", Some(server.issuer()))
        );
    }

    /// `"false"` is no approval, nor is anything else that is no boolean.
    fn hole_18_approval_is_a_boolean(server: &Server) {
        let client = server.confidential_client(&[]);
        for value in [json!("false"), json!("true"), json!(1), json!({}), json!(null)] {
            let reply = Authorization::of(&client)
                .pkce(&Pkce::s256())
                .with("approve", value.clone())
                .send(server, server.admin());
            assert_eq!(reply.status, 400, "{value}: {reply:?}");
        }
        assert_eq!(
            Authorization::of(&client)
                .pkce(&Pkce::s256())
                .without("approve")
                .send(server, server.admin())
                .status,
            400
        );
    }

    /// What can be registered as a redirect URI.
    fn hole_19_redirect_uris_are_checked(server: &Server) {
        for uri in ["javascript:alert(1)", "http://c1.test/cb", "/cb", "https://c1.test/cb#x"] {
            for form in [json!(uri), json!({ "name": uri })] {
                assert_eq!(
                    server.try_client(&NewClient::confidential().with("redirectUris", json!([form]))).status,
                    400,
                    "{uri}"
                );
            }
        }
    }

    /// An inactive client is refused everywhere.
    fn hole_20_inactive_clients(server: &Server) {
        let (client, observer) = (server.public_client(&[]), server.confidential_client(&[]));
        let token = server.user_token(&client, &[scope::FIND]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        server.update_client(&client, &json!({ "active": false })).ok();
        is_oauth_error(&server.redeem(&client, &code, &pkce), 401, &["invalid_client"]);
        is_inactive(&server.introspect(&observer, &token));
        let reply = Authorization::of(&client).pkce(&Pkce::s256()).send(server, server.admin());
        assert!([400, 404].contains(&reply.status), "{reply:?}");
    }

    /// A blocked or deleted user's tokens are inactive.
    fn hole_21_users_who_are_gone(server: &Server) {
        let client = server.confidential_client(&[]);
        let (blocked, deleted) = (server.editor(), server.editor());
        let tokens = [&blocked, &deleted].map(|user| approve(server, &client, user, &[scope::FIND]));
        server.block_user(&blocked);
        server.delete_user(&deleted);
        for token in &tokens {
            crate::harness::eventually("inactive", crate::harness::BOUND, || {
                !server.is_active(&client, token)
            });
        }
    }

    /// Neither tokens nor secrets stand in the database.
    fn hole_22_only_hashes_are_stored(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let signature = token.rsplit('.').next().expect("a signature");
        for text in [&*token, signature, secret(&client)] {
            assert!(!server.database_holds(text), "the database holds {text}");
        }
    }

    /// Nothing of a private key or secret is kept or listed.
    fn hole_23_nothing_of_a_secret_is_kept(server: &Server) {
        let data =
            server.try_client(&NewClient::confidential().without("publicKey")).ok().json()["data"].clone();
        let (key, secret) =
            (data["privateKey"].as_str().expect("a key"), data["clientSecret"].as_str().expect("a secret"));
        let last_line = key.lines().rev().nth(1).expect("a PEM");
        let tail = &last_line[last_line.len().saturating_sub(20)..];
        assert!(!server.database_holds(tail));
        let listed = server
            .manage(Method::GET, &format!("clients/{}", data["documentId"].as_str().expect("id")))
            .send()
            .ok()
            .text();
        assert!(!listed.contains(tail) && !listed.contains(&secret[secret.len() - 5..]), "{listed}");
    }

    /// A random secret needs no slow hash: sixty authentications take no time at seven a second.
    fn hole_24_secrets_are_checked_quickly(server: &Server) {
        let client = server.confidential_client(&[]);
        let start = std::time::Instant::now();
        for _ in 0..60 {
            assert_eq!(server.introspect(&client, "x").status, 200);
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(6), "{:?}", start.elapsed());
    }

    /// Errors have RFC 6749's shape and statuses.
    fn hole_25_errors_have_the_rfcs_shape(server: &Server) {
        let client = server.confidential_client(&[]);
        is_oauth_error(&server.redeem(&client, "unknown", &Pkce::s256()), 400, &["invalid_grant"]);
        is_oauth_error(&server.token(&[]), 400, &["invalid_request"]);
        is_oauth_error(
            &server.token(&[
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("redirect_uri", "https://c1.test/cb"),
            ]),
            401,
            &["invalid_client"],
        );
        let odd = Http::post(server.endpoint("token_endpoint")).send();
        crate::harness::check::is_well_formed_error(&odd);
        let odd = server.present(&client.assertion(server).claim("scope", 7).sign());
        is_oauth_error(&odd, 400, &["invalid_grant", "invalid_scope"]);
    }

    /// Nothing of a request's body is in the log.
    fn hole_26_bodies_are_not_logged(server: &Server) {
        let client = server.confidential_client(&[]);
        let canary = crate::harness::unique("canary");
        let assertion = client.assertion(server).header("alg", "RS384").sign_as_key();
        server.present(&assertion);
        server.token(&[
            ("grant_type", "authorization_code"),
            ("code", &canary),
            ("code_verifier", &canary),
            ("client_id", &client.id),
            ("client_secret", &canary),
        ]);
        User::existing("admin", &canary).sign_in(server);
        let log = server.log();
        assert!(!log.contains(&canary) && !log.contains(&assertion));
    }

    /// The limiter cannot be talked out of counting.
    fn hole_27_the_limiter_counts_what_it_should(server: &Server) {
        let client = server.confidential_client(&[]);
        let guess = |number: usize, endpoint: &str| {
            let email = format!("{number}@x.test");
            let pairs = [("token", "x"), ("grant_type", "authorization_code"), ("email", email.as_str())];
            Http::post(server.endpoint(endpoint))
                .header("Authorization", &basic(&client.id, "wrong"))
                .form(&pairs)
                .send()
                .status
        };
        for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
            assert!((0..200).any(|number| guess(number, endpoint) == 429), "{endpoint} never answered 429");
        }
    }

    /// Rotation ends the old secret; live tokens stay, and can be revoked.
    fn hole_29_rotation(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let reply = server.manage(Method::PUT, &format!("clients-rotate/{}", client.document_id)).send().ok();
        let mut fresh = client.clone();
        fresh.secret = reply.json()["data"]["clientSecret"].as_str().map(str::to_owned);
        is_oauth_error(&server.introspect(&client, &token), 401, &["invalid_client"]);
        assert!(server.is_active(&fresh, &token));
        server.revoke(&fresh, &token).ok();
        assert!(!server.is_active(&fresh, &token));
    }

    /// `Basic` as the RFCs have it.
    fn hole_30_basic(server: &Server) {
        let client = server.confidential_client(&[]);
        let encoded: String = secret(&client).bytes().map(|b| format!("%{b:02x}")).collect();
        let header = basic(&client.id, &encoded).replacen("Basic", "basic", 1);
        let reply = Http::post(server.endpoint("introspection_endpoint"))
            .header("Authorization", &header)
            .form(&[("token", "x")])
            .send();
        is_inactive(&reply);
    }

    /// Any signed-in user gets the consent page's data.
    fn hole_31_consent_data_for_everybody(server: &Server) {
        let (client, user) = (server.confidential_client(&[]), server.reader());
        let url = server.mounted(&format!("oauth-clients-authorization/{}", client.id));
        let asked = format!("{},{}", scope::FIND, scope::FIND_ONE);
        let body = Http::get(&url).query(&[("scope", &asked)]).bearer(user.jwt(server)).send().ok().json();
        assert_eq!(body["clientId"], client.id.as_str());
        assert_eq!(body["scopes"], json!([scope::FIND, scope::FIND_ONE]));
        assert_eq!(Http::get(&url).send().status, 401);
    }

    /// A client without an owner works in every grant, and an owner who goes takes nothing down with a 500.
    fn hole_32_clients_without_an_owner(server: &Server) {
        let (orphan, owner) = (server.jwt_client(&[]), server.editor());
        server.machine_token(&orphan, scope::FIND);
        let owned = server.client(&NewClient::jwt(keys::CLIENT).with("user", owner.id(server)));
        server.machine_token(&owned, scope::FIND);
        server.delete_user(&owner);
        let reply = server.present(&owned.assertion(server).sign());
        assert!([200, 400, 401].contains(&reply.status), "{reply:?}");
    }
}

/// Every lookup of the hot path has an index: by jti at least, unique, on both databases.
#[test]
fn hole_28_jti_has_a_unique_index() {
    for kind in ["sqlite", "postgres"] {
        let folder = format!("migrations/{kind}");
        let sql: String = source::files(&folder, &["up.sql"])
            .into_iter()
            .map(|file| file.text.to_ascii_lowercase())
            .collect();
        let indexed = sql.split(';').any(|statement| {
            statement.contains("jti")
                && (statement.contains("unique index")
                    || statement.contains("primary key")
                    || statement.contains("unique"))
        });
        assert!(indexed, "{folder}: no unique index on jti");
    }
}
