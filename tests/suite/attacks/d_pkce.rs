//! Section D: proof keys (RFC 7636).

use crate::harness::check::{is_inactive, is_oauth_error};
use crate::harness::fixtures::NewClient;
use crate::harness::{Authorization, Pkce, scope};

on_both! {
    /// D-1: no challenge, no code, for public and confidential clients alike.
    fn d01_a_challenge_is_required(server: &Server) {
        for client in [server.public_client(&[]), server.confidential_client(&[])] {
            let asked = Authorization::of(&client).scopes(&[scope::FIND]);
            assert_eq!(asked.refusal(server, server.admin()), "invalid_request");
        }
    }

    /// D-2: a challenge without a verifier gives nothing, and the code is burnt.
    fn d02_a_missing_verifier_burns_the_code(server: &Server) {
        for client in [server.public_client(&[]), server.confidential_client(&[])] {
            let (code, pkce) = server.code(&client, &[scope::FIND]);
            is_oauth_error(
                &server.redeem_with(&client, &code, &[]),
                400,
                &["invalid_grant", "invalid_request"],
            );
            is_oauth_error(&server.redeem(&client, &code, &pkce), 400, &["invalid_grant"]);
        }
    }

    /// D-3: an exempt client sent no challenge; a verifier that comes all the same is refused.
    fn d03_a_verifier_without_a_challenge(server: &Server) {
        let client = server.client(&NewClient::confidential().with("pkce", "optional"));
        let code = Authorization::of(&client).scopes(&[scope::FIND]).code(server, server.admin());
        let reply = server.redeem(&client, &code, &Pkce::s256());
        is_oauth_error(&reply, 400, &["invalid_request", "invalid_grant"]);
    }

    /// D-3: the exemption itself works.
    fn d03_an_exempt_client_needs_none(server: &Server) {
        let client = server.client(&NewClient::confidential().with("pkce", "optional"));
        let code = Authorization::of(&client).scopes(&[scope::FIND]).code(server, server.admin());
        server.redeem_with(&client, &code, &[]).access_token();
    }

    /// D-4: the challenge itself as verifier is the downgrade to plain.
    fn d04_the_challenge_is_no_verifier(server: &Server) {
        let client = server.public_client(&[]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        let reply = server.redeem_with(&client, &code, &[("code_verifier", &pkce.challenge)]);
        is_oauth_error(&reply, 400, &["invalid_grant"]);
    }

    /// D-5: an absent method means plain, which is off unless the client's document says otherwise.
    fn d05_methods(server: &Server) {
        let client = server.public_client(&[]);
        for method in ["plain", "s256", "S512", "PLAIN", "none", "S256 "] {
            let asked = Authorization::of(&client).pkce(&Pkce::s256()).with("codeChallengeMethod", method);
            assert_eq!(asked.refusal(server, server.admin()), "invalid_request", "{method}");
        }
        let asked = Authorization::of(&client).pkce(&Pkce::s256()).without("codeChallengeMethod");
        assert_eq!(asked.refusal(server, server.admin()), "invalid_request");
    }

    /// D-5, D7: plain where the client's document switches it on, and the wrong verifier still fails.
    fn d05_plain_where_the_client_may(server: &Server) {
        let client = server.client(&NewClient::public().with("pkce", "plain"));
        let pkce = Pkce::plain();
        let code = Authorization::of(&client).pkce(&pkce).code(server, server.admin());
        server.redeem(&client, &code, &pkce).access_token();
        let code = Authorization::of(&client).pkce(&pkce).code(server, server.admin());
        is_oauth_error(&server.redeem(&client, &code, &Pkce::plain()), 400, &["invalid_grant"]);
    }

    /// D-6: the syntax of verifiers and challenges (RFC 7636 §4.1, §4.2).
    fn d06_syntax(server: &Server) {
        let client = server.public_client(&[]);
        let (short, long) = ("a".repeat(42), "a".repeat(129));
        let (plus, equals, unicode) = ("+".repeat(50), "=".repeat(50), "é".repeat(50));
        for verifier in [&short, &long, &plus, &equals, &unicode] {
            let (code, _) = server.code(&client, &[scope::FIND]);
            let reply = server.redeem_with(&client, &code, &[("code_verifier", verifier)]);
            is_oauth_error(&reply, 400, &["invalid_grant", "invalid_request"]);
        }
        let good = Pkce::s256().challenge;
        for challenge in
            [format!("{good}="), good[..42].to_owned(), format!("{good}A"), good.replace(&good[..1], "+")]
        {
            let asked =
                Authorization::of(&client).pkce(&Pkce::s256()).with("codeChallenge", challenge.clone());
            assert_eq!(asked.refusal(server, server.admin()), "invalid_request", "{challenge}");
        }
    }

    /// D-7: the metadata advertises S256, and plain only where some client may use it.
    fn d07_metadata_matches(server: &Server) {
        let methods = server.metadata()["code_challenge_methods_supported"].clone();
        let methods: Vec<String> = serde_json::from_value(methods).expect("a list");
        assert!(methods.contains(&"S256".to_owned()), "{methods:?}");
        assert!(methods.iter().all(|method| method == "S256" || method == "plain"), "{methods:?}");
    }

    /// D-8: the first wrong verifier burns the code, and the answer does not tell a wrong code from it.
    fn d08_no_second_guess(server: &Server) {
        let client = server.public_client(&[]);
        let (code, pkce) = server.code(&client, &[scope::FIND]);
        let wrong = server.redeem(&client, &code, &Pkce::s256());
        is_oauth_error(&wrong, 400, &["invalid_grant"]);
        for _ in 0..9 {
            is_oauth_error(&server.redeem(&client, &code, &pkce), 400, &["invalid_grant"]);
        }
        let unknown = server.redeem(&client, "not-a-code-at-all", &pkce);
        assert_eq!((unknown.status, unknown.error()), (wrong.status, wrong.error()));
        is_inactive(&server.introspect(&server.confidential_client(&[]), &code));
    }
}
