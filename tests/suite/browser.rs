//! Stories in a real browser: the scripts of `tests/browser/` in headless Chromium, each with a server of its own.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::server::free_port;
use crate::harness::{Options, Server, User, backend, node};
use crate::source;

/// Sign-in and consent as people meet them.
#[test]
fn sign_in_and_consent() {
    run("consent.mjs", &Server::start, json!({}));
}

/// The API documentation obtains a token and calls an endpoint with it.
#[test]
fn swagger_ui() {
    run("docs.mjs", &Server::start, json!({}));
}

/// The generated password, found where the sign-in page says.
#[test]
fn first_sign_in() {
    let without = |options: Options| Server::start(options.env("GRANTWOOD_ADMIN_PASSWORD_FILE", ""));
    run("people.mjs", &without, json!({ "first": true }));
}

/// People look after what they allowed.
#[test]
fn account() {
    run("people.mjs", &Server::start, json!({ "first": false }));
}

/// The shipped example of a team's own consent page, on another origin.
#[test]
fn own_consent_page() {
    let origin = format!("http://127.0.0.1:{}", free_port());
    let config =
        format!("pages:\n  consent_url: {origin}/consent/\ncors:\n  consent_origins: [\"{origin}\"]\n");
    let start = |options: Options| Server::start(Options { config: Some(config.clone()), ..options });
    let files = source::root().join("config/examples/consent-page");
    run("own-page.mjs", &start, json!({ "page": { "origin": origin, "files": files } }));
}

/// Clients, scopes and tokens in the admin pages, and the faults of the plugin's screens.
#[test]
fn administration() {
    run("admin.mjs", &Server::start, json!({}));
}

/// Every page is accessible and fits; with `GRANTWOOD_TEST_SCREENSHOTS=1` some are kept as pictures.
#[test]
fn every_page() {
    run("pages.mjs", &Server::start, json!({}));
}

/// Runs a script against a fresh server; `more` is added to what it is told.
fn run(script: &str, start: &dyn Fn(Options) -> Server, more: Value) {
    let Some(chromium) = chromium() else { return };
    let Some(folder) = node::packages("browser") else { return };
    let server = start(Options::default());
    let person = |user: &User| json!({ "username": user.username, "password": user.password });
    let mut setting = json!({
        "issuer": server.issuer(),
        "folder": server.folder(),
        "chromium": chromium,
        "admin": person(server.admin()),
        "editor": person(&server.editor()),
        "reader": person(&server.reader()),
        "screenshots": screenshots(),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        setting[name] = value.clone();
    }
    node::run(&folder, script, &[("SETTING", &setting.to_string())]);
}

/// The browser; none, and said aloud once, where it is missing and nobody asked for it.
fn chromium() -> Option<PathBuf> {
    static SAID: std::sync::Once = std::sync::Once::new();
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var("GRANTWOOD_TEST_REQUIRE_CHROMIUM").as_deref() == Ok("1");
        assert!(!required, "GRANTWOOD_TEST_REQUIRE_CHROMIUM=1, and chromium is not installed");
        SAID.call_once(|| backend::say("LEFT OUT: the browser's stories; chromium is not installed"));
    }
    found
}

/// Where screenshots go, if they are asked for.
fn screenshots() -> Option<PathBuf> {
    let asked = std::env::var("GRANTWOOD_TEST_SCREENSHOTS").as_deref() == Ok("1");
    asked.then(|| source::root().join("tests/browser/screenshots"))
}
