//! The example APIs of `config/examples`: each is started as its README says and guards itself with the tokens of a
//! real server, offline by the public keys and by introspection.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::Reply;
use crate::harness::{
    Client, Http, Options, Server, Tls, eventually, jwt, keys, node, now_s, python, scope, server,
};
use crate::source;

/// The API as a client: tokens are meant for it, so introspection tells it about them.
const API: &str = "suite_api";
/// Its document.
const DOCUMENT: &str =
    "name: API of the suite\ntype: confidential\ngrants: [jwt-bearer]\nauth: client_secret\n";

#[test]
fn rust() {
    let Some(program) = rust_program() else { return };
    story(|| Command::new(&program));
}

/// `grantwood::guard` with the list of revoked tokens: a revocation, a scope that the policies took away and a disabled
/// client are followed by who verifies offline.
#[test]
fn rust_follows_the_list() {
    let Some(program) = rust_program() else { return };
    let options = Options::default()
        .document(&format!("clients/{API}.yaml"), &format!("{DOCUMENT}scopes:\n  - admin:token.revoked\n"))
        .env("GRANTWOOD_TOKENS__AUDIENCE", API)
        .env("GRANTWOOD_TOKENS__REVOKED_MAX_AGE", "1");
    let server = Server::start(options);
    let mut command = Command::new(&program);
    command.env("FOLLOW_REVOKED", "1");
    let api = Api::start(command, &server, &secret(&server));
    let service = server.delegate();
    let [revoked, weaker] = [(); 2].map(|()| server.machine_token(&service, ""));
    let off = server.jwt_client(&[scope::FIND]);
    let disabled = server.machine_token(&off, scope::FIND);
    let ask = |token: &str| api.get("/api/forms", token).status;
    for token in [&revoked, &weaker, &disabled] {
        assert_eq!(ask(token), 200);
    }
    let limit = Duration::from_secs(5);
    server.revoke(&service, &revoked).ok();
    eventually("a revoked token is refused", limit, || ask(&revoked) == 401);
    server.update_client(&off, &json!({ "active": false })).ok();
    eventually("a disabled client is refused", limit, || ask(&disabled) == 401);
    assert_eq!(ask(&weaker), 200);
    let path = server.policies().join("clients/suite_delegate.yaml");
    let text = std::fs::read_to_string(&path).expect("the document");
    crate::harness::policies::write(&path, text.replace("api::form.form.*", scope::CREATE));
    eventually("a scope that was taken away is refused", limit, || ask(&weaker) == 403);
    Http::post(api.url("/api/forms")).bearer(&weaker).send().ok();
    crate::harness::policies::write(&path, text);
    eventually("and given back", limit, || ask(&weaker) == 200);
    // Without the issuer the list gets old, and nothing passes.
    server.kill();
    eventually("an old list is no list", Duration::from_secs(10), || ask(&weaker) == 503);
}

/// An issuer with https: the guard and the command line believe the certificates that they are told to believe, and no
/// others.
#[test]
fn rust_and_the_command_line_over_https() {
    let (Some(program), Some(tls)) = (rust_program(), Tls::listen()) else { return };
    let options = Options::default()
        .document(&format!("clients/{API}.yaml"), DOCUMENT)
        .env("GRANTWOOD_TOKENS__AUDIENCE", API);
    let server = Server::start(Options { public_url: Some(tls.url()), ..options });
    tls.pass_to(server.listen());
    let token = server.machine_token(&server.delegate(), scope::FIND);
    assert_eq!(jwt::claims(&token)["iss"], tls.url());
    let secret = secret(&server);
    let trusting = |mut command: Command| {
        command.env("SSL_CERT_FILE", tls.authority());
        command
    };
    let api = Api::start(trusting(Command::new(&program)), &server, &secret);
    for path in ["/api/forms", "/live/forms"] {
        api.get(path, &token).ok();
        assert_eq!(api.get(path, "no.good.token").status, 401);
    }
    let stranger = Api::start(Command::new(&program), &server, &secret);
    for path in ["/api/forms", "/live/forms"] {
        assert_eq!(stranger.get(path, &token).status, 503, "an issuer that nobody vouches for is no issuer");
    }

    let ask = |mut command: Command| {
        command.args(["why", "--client", "suite_delegate", "--scope", scope::FIND, "--server", &tls.url()]);
        command.env("GRANTWOOD_TOKEN", server.admin().jwt(&server));
        command.output().expect("the binary runs")
    };
    let told = String::from_utf8_lossy(&ask(trusting(server.command())).stdout).into_owned();
    assert!(told.contains("ALLOW"), "{told}");
    let refused = ask(server.command());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && why.contains("certificate"), "{refused:?}");
}

/// The Rust example. `cargo test` has built it; `cargo test --test suite` has not, so it is built here.
fn rust_program() -> Option<PathBuf> {
    let server = Path::new(env!("CARGO_BIN_EXE_grantwood"));
    let program = server.with_file_name("examples").join("rust");
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        let age = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        if age(&program) < age(server) {
            let release = server.parent().is_some_and(|folder| folder.ends_with("release"));
            let mut command = Command::new(env!("CARGO"));
            command.args(["build", "--quiet", "--locked", "--offline", "--example", "rust"]);
            command.args(release.then_some("--release")).current_dir(source::root());
            let target = server.parent().and_then(Path::parent).expect("a target folder");
            drop(command.env("CARGO_TARGET_DIR", target).status());
        }
    });
    if !program.exists() {
        crate::harness::backend::say("LEFT OUT: the Rust example; cargo build --example rust makes it");
        return None;
    }
    Some(program)
}

#[test]
fn express() {
    let Some(folder) = node::packages_of("example-express", "config/examples/express") else {
        return;
    };
    story(|| {
        let mut command = Command::new("node");
        command.arg("server.mjs").current_dir(&folder);
        command
    });
}

#[test]
fn fastapi() {
    let requirements = "config/examples/fastapi/requirements.txt";
    let Some(interpreter) = python::environment("example-fastapi", requirements) else { return };
    story(|| {
        let mut command = Command::new(&interpreter);
        command.args(["-B", "app.py"]).current_dir(source::root().join("config/examples/fastapi"));
        command
    });
}

#[test]
fn go() {
    let Some(program) = go_program() else { return };
    story(|| Command::new(&program));
}

/// Builds the Go example; nothing, and a line that says so, without Go.
fn go_program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-go");
    let output = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source::root().join("config/examples/go"))
        .env("GOTOOLCHAIN", "local")
        .output();
    let why = match output {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(_) => "go is not installed".to_owned(),
    };
    let required = std::env::var("GRANTWOOD_TEST_REQUIRE_GO").as_deref() == Ok("1");
    assert!(!required, "GRANTWOOD_TEST_REQUIRE_GO=1, and {why}");
    crate::harness::backend::say(&format!("LEFT OUT: the Go example; {why}"));
    None
}

/// A running example.
struct Api {
    child: Child,
    address: String,
}

impl Api {
    fn start(mut command: Command, server: &Server, secret: &str) -> Self {
        let address = format!("127.0.0.1:{}", server::free_port());
        let child = command
            .env("ISSUER", server.issuer())
            .env("AUDIENCE", API)
            .env("CLIENT_ID", API)
            .env("CLIENT_SECRET", secret)
            .env("LISTEN", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the example starts");
        crate::harness::watchdog::server(child.id());
        let api = Self { child, address };
        eventually("the example answers", Duration::from_secs(60), || {
            Http::get(api.url("/api/forms")).try_send().is_some()
        });
        api
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str, token: &str) -> Reply {
        Http::get(self.url(path)).bearer(token).send()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        crate::harness::watchdog::gone(self.child.id());
    }
}

fn story(command: impl Fn() -> Command) {
    let options = Options::default()
        .document(&format!("clients/{API}.yaml"), DOCUMENT)
        .env("GRANTWOOD_TOKENS__AUDIENCE", API);
    let server = Server::start(options);
    let api = Api::start(command(), &server, &secret(&server));
    let service = server.delegate();
    let reads = server.machine_token(&service, scope::FIND);
    let writes = server.machine_token(&service, scope::CREATE);

    let reply = api.get("/api/forms", &reads).ok();
    assert_eq!(
        (reply.json()["for"].as_str(), reply.json()["client"].as_str()),
        (Some(&*service.id), Some(&*service.id))
    );
    let create = |token: &str| Http::post(api.url("/api/forms")).bearer(token).send();
    create(&writes).ok();

    let reply = Http::get(api.url("/api/forms")).send();
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    assert!(
        reply.status == 401 && challenge.starts_with("Bearer") && !challenge.contains("error="),
        "{reply:?}"
    );
    for (path, reply) in [("create", create(&reads)), ("live", api.get("/live/forms", &writes))] {
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(
            reply.status == 403 && challenge.contains("error=\"insufficient_scope\""),
            "{path}: {reply:?}"
        );
        assert!(challenge.contains("scope=\"api::form.form."), "{path}: {reply:?}");
    }
    for (what, token) in bad_tokens(&server, &reads) {
        for path in ["/api/forms", "/live/forms"] {
            let reply = api.get(path, &token);
            let challenge = reply.header("www-authenticate").unwrap_or_default();
            assert!(
                reply.status == 401 && challenge.contains("error=\"invalid_token\""),
                "{path}, {what}: {reply:?}"
            );
        }
    }
    follows_revocation(&server, &api, &service, &reads);
}

/// Introspection follows a revocation within a second; the keys know nothing of it, which the README says.
fn follows_revocation(server: &Server, api: &Api, service: &Client, token: &str) {
    api.get("/live/forms", token).ok();
    server.revoke(service, token).ok();
    eventually("the revoked token is refused", Duration::from_millis(2_500), || {
        api.get("/live/forms", token).status == 401
    });
    api.get("/api/forms", token).ok();
}

/// A secret for the API's client, which its document cannot hold.
fn secret(server: &Server) -> String {
    let list = server.manage(Method::GET, "clients").query(&[("search", API)]).send().ok().json();
    let id = list["data"][0]["documentId"].as_str().expect("the client of the folder").to_owned();
    let reply = server.manage(Method::PUT, &format!("clients-rotate/{id}")).send().ok();
    reply.json()["data"]["clientSecret"].as_str().expect("a secret").to_owned()
}

/// Tokens that look like a good one and are not. The server's own key is a fixture, so that all but one thing is right.
fn bad_tokens(server: &Server, good: &str) -> Vec<(&'static str, String)> {
    let (header, claims) = (jwt::header(good), jwt::claims(good));
    let signed = |header: &Value, claims: &Value, key: &keys::Key| {
        jwt::sign(header, &claims.to_string(), key, jwt::algorithm("RS256"))
    };
    let claim = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&header, &claims, &keys::SERVER)
    };
    let head = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        signed(&header, &claims, &keys::SERVER)
    };
    // All of it right: the signer itself is not what is refused below.
    assert_eq!(signed(&header, &claims, &keys::SERVER).len(), good.len());
    let hmac = json!({ "alg": "HS256", "typ": "at+jwt", "kid": header["kid"] });
    let none = json!({ "alg": "none", "typ": "at+jwt", "kid": header["kid"] });
    vec![
        ("expired", claim("exp", json!(now_s() - 60))),
        ("from tomorrow", claim("nbf", json!(now_s() + 86_400))),
        ("for another audience", claim("aud", json!("https://other.test"))),
        ("of another issuer", claim("iss", json!("https://evil.test"))),
        ("an ID token", head("typ", json!("JWT"))),
        ("a user token", head("typ", json!("user+jwt"))),
        ("the server's user token", server.admin().jwt(server).to_owned()),
        ("without a signature", jwt::unsigned(&none, &claims.to_string())),
        (
            "signed with the public key",
            jwt::sign_hmac(&hmac, &claims.to_string(), keys::SERVER.public.as_bytes()),
        ),
        ("by another key", signed(&header, &claims, &keys::ATTACKER)),
        ("by an unknown key", head("kid", json!("nobody"))),
        (
            "with other claims",
            jwt::with_claims(good, |claims| claims["scope"] = json!("api::form.form.delete")),
        ),
        ("no token", "x".to_owned()),
    ]
}
