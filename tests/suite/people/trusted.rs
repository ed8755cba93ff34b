//! `trusted_issuers`: users of another application, recognised by its own JWT at the two consent calls only.

use serde_json::json;

use crate::harness::{Assertion, Backend, Http, Options, Pkce, Server, User, backend, keys, scope};

const ISSUER: &str = "https://app.suite.test";
const AUDIENCE: &str = "https://auth.suite.test/consent";

fn with_issuer(story: impl Fn(&Server, &User)) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.pem");
    std::fs::write(&file, keys::OTHER.public).expect("a file");
    let config = format!(
        "trusted_issuers:\n  - issuer: {ISSUER}\n    audience: {AUDIENCE}\n    keys_file: {}\n    algorithms: [RS256]\n    claim: email\n    match: email\n",
        file.display()
    );
    for kind in Backend::present() {
        let options = Options { config: Some(config.clone()), ..Options::default() };
        backend::run_alone(kind, options, |server| story(server, &server.editor()));
    }
}

fn token(user: &User) -> Assertion {
    let email = format!("{}@suite.test", user.username);
    Assertion::new(ISSUER, AUDIENCE).key(keys::OTHER).claim("sub", "4711").claim("email", email)
}

/// The user decides with the application's own token; what is wrong with it is refused; nothing else takes it.
#[test]
fn a_users_own_application_vouches() {
    with_issuer(|server, user| {
        let (client, pkce) = (server.confidential_client(&[]), Pkce::s256());
        let path = server.mounted(&format!("oauth-clients-authorization/{}", client.id));
        let asked = |jwt: &str| Http::get(&path).query(&[("scope", scope::FIND)]).bearer(jwt).send();
        let good = token(user).sign();
        assert_eq!(asked(&good).ok().json()["scopes"], json!([scope::FIND]));
        let body = json!({
            "approve": true, "clientId": client.id, "redirectUri": client.redirect_uri, "scopes": [scope::FIND],
            "codeChallenge": pkce.challenge, "codeChallengeMethod": "S256",
        });
        let reply = Http::post(server.mounted("oauth-authorization-codes/authorize"))
            .bearer(&good)
            .json(&body)
            .send();
        let answer = crate::harness::flow::Redirect::parse(&reply.ok().member("redirectUri"));
        let access = server.redeem(&client, &answer.get("code").expect("a code"), &pkce).access_token();
        assert_eq!(server.introspect(&client, &access).json()["sub"], user.id(server).as_str());
        // Nowhere else.
        for path in ["consents", "sessions", "clients", "users"] {
            assert_eq!(Http::get(server.mounted(path)).bearer(&good).send().status, 401, "{path}");
        }
        assert!(!server.is_active(&client, &good));
        assert_eq!(asked(&access).status, 401, "an access token is no user's word");
        for (what, bad) in [
            ("another key", token(user).key(keys::ATTACKER).sign()),
            ("another algorithm of the key", token(user).alg("PS256").sign()),
            ("another issuer", token(user).claim("iss", "https://evil.test").sign()),
            ("our own issuer", token(user).claim("iss", server.issuer()).sign()),
            ("another audience", token(user).claim("aud", server.issuer()).sign()),
            ("no audience", token(user).without("aud").sign()),
            ("no end", token(user).without("exp").sign()),
            ("past", token(user).claim("exp", 1_000_000_000).claim("iat", 999_999_000).sign()),
            ("too long", token(user).claim("exp", crate::harness::now_s() + 90_000).sign()),
            ("an access token's type", token(user).header("typ", "at+jwt").sign()),
            ("a client assertion's type", token(user).header("typ", "client-authentication+jwt").sign()),
            ("nobody", token(user).claim("email", "nobody@suite.test").sign()),
            ("no address", token(user).without("email").sign()),
            ("an address that is a name", token(user).claim("email", "admin").sign()),
            ("an address that is a list", token(user).claim("email", json!(["a"])).sign()),
        ] {
            assert_eq!(asked(&bad).status, 401, "{what}");
        }
        server.block_user(user);
        crate::harness::eventually("a blocked user is refused", crate::harness::BOUND, || {
            asked(&good).status == 401
        });
    });
}

/// A key file that is not there is told at the start.
#[test]
fn a_missing_key_file_is_refused() {
    let config = format!(
        "trusted_issuers:\n  - issuer: {ISSUER}\n    audience: x\n    keys_file: nowhere.pem\n    algorithms: [RS256]\n"
    );
    let refused = Server::try_start(Options { config: Some(config), ..Options::default() });
    let log = refused.err().expect("refused");
    assert!(log.contains("trusted_issuers") && log.contains("nowhere.pem"), "{log}");
}
