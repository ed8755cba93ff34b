//! Stock client libraries, unmodified, against the server: `tests/interop/`. From npm: openid-client, oauth4webapi,
//! simple-oauth2, passport-oauth2. From Python: Authlib, requests-oauthlib. In Go: golang.org/x/oauth2.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::fixtures::NewClient;
use crate::harness::{Server, keys, node, python, scope, unique};
use crate::source;

on_both! {
    fn openid_client(server: &Server) {
        npm(server, "openid-client.mjs");
    }

    fn oauth4webapi(server: &Server) {
        npm(server, "oauth4webapi.mjs");
    }

    fn simple_oauth2(server: &Server) {
        npm(server, "simple-oauth2.mjs");
    }

    fn passport_oauth2(server: &Server) {
        npm(server, "passport-oauth2.mjs");
    }

    fn authlib_and_requests_oauthlib(server: &Server) {
        static INTERPRETER: OnceLock<Option<PathBuf>> = OnceLock::new();
        let make = || python::environment("interop", "tests/interop/clients.txt");
        let Some(interpreter) = INTERPRETER.get_or_init(make) else { return };
        run(Command::new(interpreter).arg(source::root().join("tests/interop/clients.py")), server);
    }

    fn go_x_oauth2(server: &Server) {
        static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
        let Some(program) = PROGRAM.get_or_init(go_program) else { return };
        run(&mut Command::new(program), server);
    }
}

fn npm(server: &Server, script: &str) {
    let Some(folder) = node::packages("interop") else { return };
    run(Command::new("node").arg(script).current_dir(folder), server);
}

/// Runs a program to its end, with clients of all kinds, and fails with all that it said if it failed.
fn run(program: &mut Command, server: &Server) {
    let confidential = server.confidential_client(&[]);
    let public = server.public_client(&[]);
    let service = server.client(&NewClient::jwt(keys::CLIENT));
    let machine = server.client(
        &NewClient::confidential().with("grantTypes", ["client_credentials"]).with("redirectUris", [""; 0]),
    );
    let secret = |client: &crate::harness::Client| client.secret.clone().expect("a secret");
    let output = program
        .envs([
            ("ISSUER", server.issuer()),
            ("CONSENT_URL", &server.mounted("oauth-authorization-codes/authorize")),
            ("USER_TOKEN", server.admin().jwt(server)),
            ("SCOPE", &format!("{} {}", scope::FIND, scope::FIND_ONE)),
            ("REDIRECT_URI", &confidential.redirect_uri),
            ("CONFIDENTIAL_ID", &confidential.id),
            ("CONFIDENTIAL_SECRET", &secret(&confidential)),
            ("PUBLIC_ID", &public.id),
            ("SERVICE_ID", &service.id),
            ("SERVICE_KEY", keys::CLIENT.private),
            ("MACHINE_ID", &machine.id),
            ("MACHINE_SECRET", &secret(&machine)),
            ("JTI", &unique("jti")),
        ])
        .output()
        .expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program:?}\n{}", String::from_utf8_lossy(&said));
}

/// The Go program; nothing, and a line that says so, where Go is missing or too old.
fn go_program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-go");
    let built = Command::new("go")
        .args(["build", "-mod=readonly", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source::root().join("tests/interop/go"))
        .env("GOTOOLCHAIN", "local")
        .output();
    let why = match built {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(_) => "go is not installed".to_owned(),
    };
    let required = std::env::var("GRANTWOOD_TEST_REQUIRE_GO").as_deref() == Ok("1");
    assert!(!required, "GRANTWOOD_TEST_REQUIRE_GO=1, and {why}");
    crate::harness::backend::say(&format!("LEFT OUT: tests/interop/go; {why}"));
    None
}
