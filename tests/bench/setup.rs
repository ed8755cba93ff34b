//! A release server with its fixtures, and assertions signed before the run.

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::load::Shot;
use crate::process::{self, Process};

/// The server's signing key: a fixture of the suite.
pub const SERVER_KEY: &str = include_str!("../fixtures/keys/rsa-server.pem");
const CLIENT_KEY: &str = include_str!("../fixtures/keys/rsa-client.pem");
const CLIENT_PUBLIC: &str = include_str!("../fixtures/keys/rsa-client.pub.pem");
const PASSWORD: &str = "correct-horse-battery-bench-1";

/// How much load, and where the release binary is.
pub struct Bench {
    /// Assertions a run presents.
    pub assertions: usize,
    /// Seconds that a repeated request is repeated.
    pub seconds: u64,
    /// Keep-alive connections.
    pub connections: usize,
    /// The many of "flat from few to many rows".
    pub many_rows: usize,
    /// The many of "flat from few to many clients".
    pub many_clients: usize,
    /// Client documents of the reload.
    pub documents: usize,
}

/// A server in a folder of its own.
pub struct Site {
    folder: tempfile::TempDir,
    alg: &'static str,
    address: String,
}

/// A client of the benchmark.
#[derive(Clone)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    secret: String,
}

impl Bench {
    /// The load of a full run, or a tenth of it.
    pub fn new(quick: bool) -> Self {
        let part = if quick { 10 } else { 1 };
        Self {
            assertions: 6_000 / part,
            seconds: (10 / part as u64).max(2),
            connections: 32,
            many_rows: 1_000_000 / part,
            many_clients: 100_000 / part,
            documents: 1_000 / part,
        }
    }
}

impl Site {
    /// A folder with a copy of the shipped policies.
    pub fn new(alg: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("grantwood-bench-").tempdir().expect("a folder");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &folder.path().join("policies"));
        std::fs::write(folder.path().join("password"), PASSWORD).expect("written");
        std::fs::write(folder.path().join("key.pem"), SERVER_KEY).expect("written");
        Self { folder, alg, address: process::free_address() }
    }

    /// Starts the server; again on the same database after an earlier process was let go of.
    pub fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// The same with further environment variables.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
        command
            .arg("serve")
            .current_dir(self.folder.path())
            .env("GRANTWOOD_LISTEN", &self.address)
            .env("GRANTWOOD_PUBLIC_URL", self.issuer())
            .env("GRANTWOOD_DATABASE__URL", format!("sqlite:{}", self.database().display()))
            .env("GRANTWOOD_POLICIES__PATH", self.policies())
            .env("GRANTWOOD_ADMIN_PASSWORD_FILE", self.folder.path().join("password"))
            .env("GRANTWOOD_TOKENS__ALG", self.alg)
            .envs(environment.iter().copied());
        if self.alg == "RS256" {
            command.env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", self.folder.path().join("key.pem"));
        }
        if self.path("grantwood.yaml").exists() {
            command.arg("--config").arg(self.path("grantwood.yaml"));
        }
        Process::start(command, &self.address, "/readyz", &self.folder.path().join("log"))
    }

    /// The policy folder.
    pub fn policies(&self) -> PathBuf {
        self.folder.path().join("policies")
    }

    /// Writes settings that the environment cannot hold.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.path("grantwood.yaml"), text).expect("written");
    }

    /// Writes a document of the policy folder.
    pub fn write_policy(&self, path: &str, text: &str) {
        std::fs::write(self.policies().join(path), text).expect("written");
    }

    /// Writes a rule.
    pub fn write_rule(&self, id: &str, text: &str) {
        self.write_policy(&format!("rules/{id}.cedar"), text);
    }

    /// A file of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("bench.db")
    }

    /// Everything that the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `iss` and base URL.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A confidential client by secret with jwt-bearer, made through the management API.
    pub fn client(&self) -> Client {
        let made = self.create(&json!({
            "name": "Bench", "clientType": "CONFIDENTIAL", "redirectUris": [], "publicKey": CLIENT_PUBLIC,
            "scopes": ["api::form.form.find", "api::form.form.findOne"],
            "grantTypes": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        }));
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("no {name}: {made}")).to_owned();
        Client { id: text("clientId"), secret: text("clientSecret") }
    }

    /// Makes a client through the management API; its document.
    pub fn create(&self, new: &Value) -> Value {
        let http = reqwest::blocking::Client::new();
        let post = |path: &str, token: Option<&str>, body: &Value| -> Value {
            let mut request = http.post(format!("{}{path}", self.issuer())).json(body);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().expect("an answer");
            assert!(answer.status().is_success(), "{path}: {}\n{}", answer.status(), self.log());
            answer.json().expect("JSON")
        };
        let session = post("/auth/local", None, &json!({ "identifier": "admin", "password": PASSWORD }));
        let token = session["jwt"].as_str().expect("a user token").to_owned();
        post("/oauth2/clients", Some(&token), &json!({ "data": new }))["data"].clone()
    }

    /// Signs the administrator in by the form; answers the cookies of the session.
    pub fn sign_in(&self) -> String {
        let http = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .cookie_store(true)
            .build()
            .expect("an HTTP client");
        let page = http.get(format!("{}/login", self.issuer())).send().expect("an answer");
        let page = page.text().expect("a page");
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.expect("a form token");
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs([("csrf", token), ("identifier", "admin"), ("password", PASSWORD)]);
        let answer = http
            .post(format!("{}/login", self.issuer()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
            .send()
            .expect("an answer");
        assert_eq!(answer.status(), 303, "the administrator signs in");
        let lines = answer.headers().get_all("set-cookie").iter();
        let cookies = lines.filter_map(|line| line.to_str().ok()?.split(';').next().map(str::to_owned));
        cookies.collect::<Vec<_>>().join("; ")
    }

    /// `count` token requests, each with an assertion of its own, signed now.
    pub fn grants(&self, client_id: &str, count: usize) -> Vec<Shot> {
        let key = EncodingKey::from_rsa_pem(CLIENT_KEY.as_bytes()).expect("a fixture key");
        let elapsed = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let run = std::process::id();
        (0..count)
            .map(|number| {
                let claims = json!({
                    "iss": client_id, "sub": client_id, "aud": self.issuer(), "iat": elapsed, "exp": elapsed + 290,
                    "jti": format!("{run}-{elapsed}-{number}-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
                });
                let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).expect("signs");
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                Shot::post("/oauth2/token", &[("grant_type", grant), ("assertion", &assertion)])
            })
            .collect()
    }

    /// An introspection request of a client for a token.
    pub fn introspection(&self, client: &Client, token: &str) -> Shot {
        use base64::Engine as _;
        let pair = format!("{}:{}", client.id, client.secret);
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        Shot::post("/oauth2/introspect", &[("token", token)]).authorized(&value)
    }

    /// A client document of the folder with the benchmark's key.
    pub fn write_document(&self, id: &str, scope: &str) {
        let keys = self.policies().join("keys");
        std::fs::create_dir_all(&keys).expect("a folder");
        std::fs::write(keys.join("bench.pem"), CLIENT_PUBLIC).expect("written");
        let text = format!(
            "name: Bench\ntype: confidential\ngrants: [jwt-bearer]\nauth: private_key_jwt\n\
             public_keys: [keys/bench.pem]\nscopes:\n  - {scope}\n"
        );
        std::fs::write(self.policies().join(format!("clients/{id}.yaml")), text).expect("written");
    }
}

static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// The access token of a token answer.
pub fn access_token(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body["access_token"].as_str().expect("an access token").to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the shipped policies").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}
