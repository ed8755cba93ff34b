//! `pages.consent_url`: a team's own consent page on another origin. The shipped example's own calls are made, by
//! Node where it is installed.

use std::process::Command;

use serde_json::json;

use crate::harness::browser::at_client;
use crate::harness::flow::Redirect;
use crate::harness::{Backend, Http, Options, Pkce, Server, backend, scope};
use crate::source;

const ORIGIN: &str = "https://login.suite.test";

fn with_own_page(story: impl Fn(&Server)) {
    let config =
        format!("pages:\n  consent_url: {ORIGIN}/consent/?theme=1\ncors:\n  consent_origins: [{ORIGIN}]\n");
    for kind in Backend::present() {
        let options = Options { config: Some(config.clone()), ..Options::default() };
        backend::run_alone(kind, options, &story);
    }
}

/// D14, B13: the page gets the checked query; its two calls are checked again, from its origin only.
#[test]
fn a_teams_own_consent_page() {
    with_own_page(|server| {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let pairs = [
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("scope", scope::FIND),
            ("state", "a b&c"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("login_hint", "ann"),
            ("evil", "https://evil.test"),
        ];
        let sent = at_client(&server.authorize(&pairs));
        assert!(sent.uri.starts_with(&format!("{ORIGIN}/consent/?theme=1&")), "{}", sent.uri);
        for (name, value) in &pairs[..8] {
            assert_eq!(sent.get(name).as_deref(), Some(*value), "{name}");
        }
        assert!(sent.get("evil").is_none());
        // What is wrong never reaches the page.
        let bad = server.authorize(&[("client_id", "nobody")]);
        assert!(bad.status == 400 && bad.header("location").is_none(), "{bad:?}");
        let refused = server.authorize(&[("response_type", "token"), pairs[1], pairs[2]]);
        assert!(refused.header("location").is_some_and(|uri| uri.starts_with("https://c1.test/cb?error=")));
        // The two calls, as the page's browser makes them.
        for (origin, allowed) in [(ORIGIN, true), ("https://login.suite.test.evil", false), ("null", false)] {
            let call = Http::request(
                reqwest::Method::OPTIONS,
                server.mounted("oauth-authorization-codes/authorize"),
            )
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .send();
            assert_eq!(
                call.header("access-control-allow-origin") == Some(origin),
                allowed,
                "{origin}: {call:?}"
            );
        }
        let decide = |redirect: &str| {
            Http::post(server.mounted("oauth-authorization-codes/authorize"))
                .header("Origin", ORIGIN)
                .bearer(user.jwt(server))
                .json(&json!({
                    "approve": true, "clientId": client.id, "redirectUri": redirect, "scopes": [scope::FIND],
                    "state": "a b&c", "codeChallenge": pkce.challenge, "codeChallengeMethod": "S256",
                }))
                .send()
        };
        assert_eq!(decide("https://evil.test/cb").status, 400);
        let reply = decide(&client.redirect_uri).ok();
        assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN));
        let answer = Redirect::parse(&reply.member("redirectUri"));
        assert_eq!(answer.get("state").as_deref(), Some("a b&c"));
        server.redeem(&client, &answer.get("code").expect("a code"), &pkce).ok();
    });
}

/// The example of `config/examples/consent-page/`: its module signs in, loads and decides.
#[test]
fn the_shipped_example_works() {
    let version = Command::new("node").arg("--version").output();
    let Ok(version) = version else {
        assert!(std::env::var("GRANTWOOD_TEST_REQUIRE_NODE").as_deref() != Ok("1"), "node is not installed");
        backend::say("LEFT OUT: the consent page's example; node is not installed");
        return;
    };
    assert!(version.status.success());
    const SCRIPT: &str = r#"
        const { decide, load, requestOf, signIn } = await import(process.env.MODULE);
        const issuer = process.env.ISSUER;
        const request = requestOf(new URL(process.env.SENT).search);
        const { jwt, user } = await signIn(issuer, process.env.NAME, process.env.PASSWORD);
        const data = await load(issuer, jwt, request);
        const permitted = data.scopeDetails.filter((scope) => scope.permitted).map((scope) => scope.name);
        const next = await decide(issuer, jwt, request, true, permitted);
        const denied = await decide(issuer, jwt, request, false, []);
        const wrong = await signIn(issuer, process.env.NAME, "wrong password").catch((error) => error.message);
        console.log(JSON.stringify({ name: user.username, client: data.name, permitted, next, denied, wrong }));
    "#;
    with_own_page(|server| {
        let (client, user, pkce) = (server.confidential_client(&[]), server.reader(), Pkce::s256());
        let asked = format!("{} {}", scope::FIND, scope::DELETE);
        let pairs = [
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("scope", asked.as_str()),
            ("state", "s"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let sent = at_client(&server.authorize(&pairs)).uri;
        // Node takes a file for a module by its ending.
        let module = server.folder().join("consent.mjs");
        std::fs::write(&module, source::read("config/examples/consent-page/consent.js")).expect("a file");
        let output = Command::new("node")
            .args(["--input-type=module", "--eval", SCRIPT])
            .env("MODULE", format!("file://{}", module.display()))
            .env("ISSUER", server.issuer())
            .env("SENT", sent)
            .env("NAME", &user.username)
            .env("PASSWORD", &user.password)
            .output()
            .expect("node runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(said["name"], user.username.as_str());
        assert_eq!(said["permitted"], json!([scope::FIND]));
        assert_eq!(Redirect::parse(said["denied"].as_str().expect("a URI")).error(), "access_denied");
        assert!(said["wrong"].as_str().expect("a sentence").contains("wrong identifier"), "{said}");
        let code = Redirect::parse(said["next"].as_str().expect("a URI")).get("code").expect("a code");
        assert_eq!(server.redeem(&client, &code, &pkce).ok().scopes(), [scope::FIND]);
    });
}

/// W2: the example writes names as text; nothing in it makes markup of them.
#[test]
fn w02_the_example_makes_no_markup() {
    for name in ["page.js", "consent.js", "index.html"] {
        let text = source::read(&format!("config/examples/consent-page/{name}"));
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "onclick"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// A consent page whose origin may not call is refused at the start.
#[test]
fn a_consent_page_that_could_not_work_is_refused() {
    for (url, why) in
        [(ORIGIN, "cors.consent_origins"), ("http://login.suite.test/", "https"), ("junk", "URL")]
    {
        let config = format!("pages:\n  consent_url: {url}\n");
        let refused = Server::try_start(Options { config: Some(config), ..Options::default() });
        let log = refused.err().unwrap_or_else(|| panic!("{url} was taken"));
        assert!(log.contains("pages.consent_url") && log.contains(why), "{log}");
    }
}

/// C7, D15: errors before anybody saw a page may stay on a page.
#[test]
fn c07_early_errors_on_a_page() {
    let options = Options::default().env("GRANTWOOD_PAGES__EARLY_ERRORS", "page");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let client = server.confidential_client(&[]);
        let pairs = [
            ("response_type", "token"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
        ];
        let reply = server.authorize(&pairs);
        assert!(reply.status == 400 && reply.header("location").is_none(), "{reply:?}");
    });
}
