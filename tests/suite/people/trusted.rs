//! `trusted_issuers`: users of another application, recognised by its own JWT at the two consent calls only.

use base64::Engine as _;
use serde_json::json;

use crate::harness::{Assertion, Backend, Http, Options, Pkce, Server, User, backend, jwt, keys, scope};
use crate::policy_tools::{repository, run};

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

/// A folder with a file for one issuer, the settings that name it, and the story.
fn with_file(name: &str, bytes: &[u8], further: &str, story: impl Fn(&Server, &User)) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).expect("a file");
    let config = issuer(&format!("{}: {}{further}", name.replace('-', "_"), file.display()));
    for kind in Backend::present() {
        let options = Options { config: Some(config.clone()), ..Options::default() };
        backend::run_alone(kind, options, |server| story(server, &server.editor()));
    }
}

fn issuer(keys: &str) -> String {
    format!(
        "trusted_issuers:\n  - issuer: {ISSUER}\n    audience: {AUDIENCE}\n    {keys}\n    claim: id\n    match: username\n"
    )
}

/// An application that signs HS256 with a secret, as Strapi does: no `sub`, the user by another claim.
/// G5, algorithm confusion both ways: keys never verify HMAC, and a secret verifies nothing else.
#[test]
fn g05_a_shared_secret_and_public_keys_never_mix() {
    let secret = b"a secret of the application, 40 bytes long";
    let signed = |user: &User, with: &[u8]| {
        let claims = token(user).without("sub").claim("id", user.username.as_str());
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        jwt::sign_hmac(&header, &claims.claims_text(), with)
    };
    let asked = |server: &Server, jwt: &str| {
        let client = server.confidential_client(&[]);
        let path = server.mounted(&format!("oauth-clients-authorization/{}", client.id));
        Http::get(&path).query(&[("scope", scope::FIND)]).bearer(jwt).send().status
    };
    let file = [&secret[..], b"\n"].concat();
    with_file("secret-file", &file, "", |server, user| {
        assert_eq!(asked(server, &signed(user, secret)), 200);
        assert_eq!(asked(server, &signed(user, &file)), 401, "the end of the line is no part of it");
        assert_eq!(asked(server, &signed(user, b"another secret that is 40 bytes long ....")), 401);
        let claims = token(user).without("sub").claim("id", user.username.as_str());
        assert_eq!(asked(server, &claims.sign()), 401, "RS256 where a secret is trusted");
        for alg in ["none", "HS384", "HS512", "hs256"] {
            let bad = jwt::sign_hmac(&json!({ "alg": alg, "typ": "JWT" }), &claims.claims_text(), secret);
            assert_eq!(asked(server, &bad), 401, "{alg}");
        }
        let nobody = claims.clone().claim("id", json!(true));
        let bad = jwt::sign_hmac(&json!({ "alg": "HS256" }), &nobody.claims_text(), secret);
        assert_eq!(asked(server, &bad), 401, "a claim that is no name");
    });
    let public = keys::OTHER.public.as_bytes();
    with_file("keys-file", public, "\n    algorithms: [RS256]", |server, user| {
        let claims = token(user).claim("id", user.username.as_str());
        assert_eq!(asked(server, &claims.sign()), 200);
        let body: String = keys::OTHER.public.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).expect("base64");
        for with in [public, keys::OTHER.public.trim_end().as_bytes(), der.as_slice()] {
            assert_eq!(asked(server, &signed(user, with)), 401, "the public key as a secret");
        }
    });
}

/// What cannot be trusted is refused at the start and by `grantwood check`, with the file.
#[test]
fn what_cannot_be_trusted_is_refused_at_the_start_and_by_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let (short, pem) = (write("short", "too short"), write("app.pem", keys::OTHER.public));
    let secret = write("secret", "a secret of the application, 40 bytes long");
    for (lines, why) in [
        (format!("secret_file: {short}"), "less than 32 bytes"),
        (format!("secret_file: {pem}"), "not a secret"),
        (format!("secret_file: {secret}\n    keys_file: {pem}\n    algorithms: [RS256]"), "not both"),
        (format!("secret_file: {secret}\n    algorithms: [RS256]"), "HS256 only"),
        (format!("keys_file: {pem}\n    algorithms: [HS256]"), "HS256 is not known"),
        (format!("keys_file: {pem}\n    algorithms: [ES256]"), "no key for these"),
        (format!("keys_file: {secret}\n    algorithms: [RS256]"), "neither PEM"),
        ("algorithms: [RS256]".to_owned(), "must be given"),
        ("secret_file: nowhere.txt".to_owned(), "nowhere.txt"),
    ] {
        let config = issuer(&lines);
        let log = Server::try_start(Options { config: Some(config.clone()), ..Options::default() })
            .err()
            .unwrap_or_else(|| panic!("{lines} was taken"));
        assert!(log.contains("trusted_issuers") && log.contains(why), "{lines}: {log}");
        let dir = repository();
        std::fs::write(dir.path().join("grantwood.yaml"), config).expect("a file");
        let found = run(dir.path(), &["--config", "grantwood.yaml", "check"]).ended(3);
        assert!(found.out.contains("trusted_issuers") && found.out.contains(why), "{lines}: {found:?}");
        assert!(!found.out.contains("40 bytes long"), "nothing of a secret: {found:?}");
    }
}

/// `grantwood check` reads the templates that the server would.
#[test]
fn check_reads_templates() {
    let dir = repository();
    std::fs::create_dir(dir.path().join("pages")).expect("a folder");
    std::fs::write(dir.path().join("grantwood.yaml"), "pages:\n  templates: pages\n").expect("a file");
    let login = dir.path().join("pages/login.html");
    std::fs::write(&login, "{% extends \"builtin/login.html\" %}\n").expect("a file");
    run(dir.path(), &["--config", "grantwood.yaml", "check"]).ended(0);
    std::fs::write(&login, "<p>one</p>\n{{ t(\"login.titel\") }}\n").expect("a file");
    let found = run(dir.path(), &["--config", "grantwood.yaml", "check"]).ended(3);
    assert!(found.out.contains("pages.templates") && found.out.contains("login.html:2"), "{found:?}");
}
