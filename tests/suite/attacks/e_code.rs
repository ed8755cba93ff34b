//! Section E: authorization codes.

use std::time::Duration;

use serde_json::json;

use crate::harness::check::is_oauth_error;
use crate::harness::{Authorization, Backend, Options, backend, jwt, scope};

on_both! {
    /// E1: a second use is refused and takes back what the first one gave.
    fn e01_a_second_use_revokes_the_first(server: &Server) {
        let client = server.confidential_client(&[]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        let token = server.redeem(&client, &code, &pkce).access_token();
        assert!(server.is_active(&client, &token));
        is_oauth_error(&server.redeem(&client, &code, &pkce), 400, &["invalid_grant"]);
        assert!(!server.is_active(&client, &token), "what the code gave lives on");
    }

    /// E2: a replay by a stranger, or with a wrong secret, must not take the victim's token away.
    fn e02_a_strangers_replay_harms_nobody(server: &Server) {
        let (victim, stranger) = (server.confidential_client(&[]), server.confidential_client(&[]));
        let (code, pkce) = server.code(&victim, &[scope::FIND]);
        let token = server.redeem(&victim, &code, &pkce).access_token();
        is_oauth_error(&server.redeem(&stranger, &code, &pkce), 400, &["invalid_grant"]);
        let mut impostor = victim.clone();
        impostor.secret = Some("wrong".to_owned());
        is_oauth_error(&server.redeem(&impostor, &code, &pkce), 401, &["invalid_client"]);
        assert!(server.is_active(&victim, &token));
    }

    /// E5: a code belongs to the client that asked for it.
    fn e05_another_clients_code(server: &Server) {
        let (owner, other) = (server.confidential_client(&[]), server.confidential_client(&[]));
        let (code, pkce) = server.code(&owner, &[scope::FIND]);
        is_oauth_error(&server.redeem(&other, &code, &pkce), 400, &["invalid_grant"]);
        let public = server.public_client(&[]);
        is_oauth_error(&server.redeem(&public, &code, &pkce), 400, &["invalid_grant"]);
    }

    /// E6: the redirect URI is the one of the authorization request.
    fn e06_the_redirect_uri_is_checked_again(server: &Server) {
        let client = server.confidential_client(&[]);
        for uri in [None, Some("https://c1.test/cb/"), Some("https://evil.test/cb"), Some("")] {
            let (code, pkce) = server.code(&client, &[scope::FIND]);
            let mut pairs = vec![("grant_type", "authorization_code"), ("code", &*code)];
            pairs.push(("code_verifier", &pkce.verifier));
            pairs.extend(uri.map(|uri| ("redirect_uri", uri)));
            let reply = server.post_as(&client, "token_endpoint", &pairs);
            is_oauth_error(&reply, 400, &["invalid_grant", "invalid_request"]);
        }
    }

    /// E8: codes are random throughout, and stand in the database as digests only.
    fn e08_codes_are_random_and_stored_as_digests(server: &Server) {
        let client = server.confidential_client(&[]);
        let codes: Vec<String> = (0..40).map(|_| server.code(&client, &[scope::FIND]).0).collect();
        let tag = codes[0].find('_').map_or(0, |at| at + 1);
        for (index, code) in codes.iter().enumerate() {
            assert!(code.len() - tag >= 22, "less than 128 bits: {code}");
            assert!(
                codes[..index].iter().all(|other| other[tag..tag + 6] != code[tag..tag + 6]),
                "a shared start"
            );
            assert!(!server.database_holds(code), "a code stands in the database");
        }
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        for bent in
            [code[..code.len() - 1].to_owned(), format!("{code}A"), format!(" {code}"), jwt::flip_last(&code)]
        {
            is_oauth_error(&server.redeem(&client, &bent, &pkce), 400, &["invalid_grant", "invalid_request"]);
        }
    }

    /// E9: no other artefact works as a code.
    fn e09_nothing_else_is_a_code(server: &Server) {
        let client = server.confidential_client(&[]);
        let token = server.user_token(&client, &[scope::FIND]);
        let jti = jwt::claims(&token)["jti"].as_str().expect("jti").to_owned();
        let assertion = client.assertion(server).sign();
        let (_, pkce) = server.code(&client, &[scope::FIND]);
        let secret = client.secret.clone().expect("a secret");
        for artefact in
            [&*token, &jti, server.admin().jwt(server), &assertion, &secret, &client.id, &client.document_id]
        {
            is_oauth_error(&server.redeem(&client, artefact, &pkce), 400, &["invalid_grant"]);
        }
    }

    /// E10: halves of two codes do not make a third.
    fn e10_codes_have_no_parts_to_swap(server: &Server) {
        let client = server.confidential_client(&[]);
        let (one, pkce) = server.code(&client, &[scope::FIND]);
        let two = Authorization::of(&client).pkce(&pkce).code(server, &server.editor());
        for at in [one.len() / 4, one.len() / 2, one.len() * 3 / 4] {
            let mixed = format!("{}{}", &one[..at], &two[at..]);
            is_oauth_error(&server.redeem(&client, &mixed, &pkce), 400, &["invalid_grant"]);
        }
    }

    /// E11: what has changed between the code and its redemption counts.
    fn e11_the_policy_of_now_decides(server: &Server) {
        let narrowed = server.confidential_client(&[]);
        let (code, pkce) = server.code(&narrowed, &[scope::FIND]);
        server.update_client(&narrowed, &json!({ "scopes": [scope::FIND_ONE] })).ok();
        let reply = server.redeem(&narrowed, &code, &pkce);
        is_oauth_error(&reply, 400, &["invalid_grant", "invalid_scope", "access_denied"]);

        let disabled = server.confidential_client(&[]);
        let (code, pkce) = server.code(&disabled, &[scope::FIND]);
        server.update_client(&disabled, &json!({ "active": false })).ok();
        is_oauth_error(&server.redeem(&disabled, &code, &pkce), 401, &["invalid_client"]);
    }

    /// E12: a code is in no log.
    fn e12_codes_are_not_logged(server: &Server) {
        let client = server.confidential_client(&[]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        let token = server.redeem(&client, &code, &pkce).access_token();
        server.redeem(&client, &code, &pkce);
        let secret = client.secret.clone().expect("a secret");
        let log = server.log();
        for canary in [&code, &pkce.verifier, &token, &secret, server.admin().jwt(server)] {
            assert!(!log.contains(canary), "the log holds {canary}");
        }
    }
}

/// E7: a code that is too old is refused at its first use.
#[test]
fn e07_an_old_code() {
    for kind in Backend::present() {
        backend::run_alone(kind, Options::default().env("GRANTWOOD_TOKENS__CODE_TTL", "1"), |server| {
            let client = server.confidential_client(&[]);
            let (code, pkce) = server.code(&client, &[scope::FIND]);
            std::thread::sleep(Duration::from_millis(2_200));
            is_oauth_error(&server.redeem(&client, &code, &pkce), 400, &["invalid_grant"]);
        });
    }
}
