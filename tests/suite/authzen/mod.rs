//! The decision API: the certification scenario and the examples of AuthZEN 1.0, its callers, its searches, and
//! published client libraries, over a policy folder of its own in `tests/fixtures/authzen`.

mod callers;
mod certification;
mod library;
mod questions;

use std::sync::OnceLock;

use serde_json::Value;

use crate::harness::client::Reply;
use crate::harness::fixtures::NewClient;
use crate::harness::postgres::Cluster;
use crate::harness::{Assertion, Backend, Client, Http, Options, Server, keys, policies};
use crate::source;

/// Runs each body over both databases on the fixture's server.
macro_rules! on_pdp {
    ($($(#[$meta:meta])* fn $name:ident($pdp:ident: &Pdp) $body:block)+) => {
        $($(#[$meta])* fn $name($pdp: &$crate::authzen::Pdp) $body)+

        mod sqlite {
            $(#[test] fn $name() { $crate::authzen::run($crate::harness::Backend::Sqlite, super::$name) })+
        }

        mod postgres {
            $(#[test] fn $name() { $crate::authzen::run($crate::harness::Backend::Postgres, super::$name) })+
        }
    };
}
pub(crate) use on_pdp;

/// A policy decision point with the fixture's users.
pub struct Pdp {
    /// The server.
    pub server: Server,
    /// An access token of the client that may do everything.
    pub token: String,
}

impl Pdp {
    fn start(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("grantwood-pdp-").tempdir().expect("a folder").keep();
        crate::harness::watchdog::folder(&folder);
        policies::copy(&source::root().join("tests/fixtures/authzen/policies"), &folder);
        let server = Server::start(Options { policies: Some(folder), ..options });
        for (name, email, roles) in [
            ("alice", "alice@acmecorp.com", ["writer", "member"]),
            ("bob", "bob@acmecorp.com", ["member", "archive_admin"]),
            ("carol", "carol@example.com", ["member", "member"]),
        ] {
            let arguments = [
                "user",
                "create",
                "--username",
                name,
                "--email",
                email,
                "--role",
                roles[0],
                "--role",
                roles[1],
                "--password-stdin",
            ];
            let output = server.cli(&arguments, &format!("{name}-has-a-long-password\n"));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let token = machine_token(&server, "pep");
        Self { server, token }
    }

    /// Asks as the client that may do everything; `path` is below `/access/v1/`.
    pub fn ask(&self, path: &str, body: &Value) -> Reply {
        self.post(path, body).bearer(&self.token).send()
    }

    /// A request without credentials.
    pub fn post(&self, path: &str, body: &Value) -> Http {
        Http::post(self.server.url(&format!("/access/v1/{path}"))).json(body)
    }

    /// The decision of one evaluation.
    pub fn decides(&self, body: &Value) -> bool {
        decision(&self.ask("evaluation", body))
    }

    /// A token of one of the folder's clients, for a user or for itself.
    pub fn token_of(&self, client: &str, user: Option<&str>) -> String {
        let assertion = Assertion::new(client, self.server.issuer()).key(keys::CLIENT);
        let assertion = match user {
            None => assertion,
            Some(name) => assertion.claim("sub", name),
        };
        self.server.present(&assertion.sign()).access_token()
    }

    /// A client that authenticates by its secret.
    pub fn secret_client(&self, scopes: &[&str]) -> Client {
        self.server.client(&NewClient::confidential().with("scopes", scopes))
    }
}

fn machine_token(server: &Server, client: &str) -> String {
    server.present(&Assertion::new(client, server.issuer()).key(keys::CLIENT).sign()).access_token()
}

/// The decision of an answer.
pub fn decision(reply: &Reply) -> bool {
    assert_eq!(reply.status, 200, "a decision was expected: {reply:?}");
    reply.json()["decision"].as_bool().unwrap_or_else(|| panic!("no decision: {reply:?}"))
}

/// Runs a story on the shared decision point of a backend.
pub fn run(backend: Backend, story: fn(&Pdp)) {
    static SQLITE: OnceLock<Pdp> = OnceLock::new();
    static POSTGRES: OnceLock<Pdp> = OnceLock::new();
    let start = || Pdp::start(Options::default().on(backend));
    match backend {
        Backend::Sqlite => story(SQLITE.get_or_init(start)),
        Backend::Postgres => {
            if Cluster::shared().is_some() {
                story(POSTGRES.get_or_init(start));
            }
        }
    }
}
