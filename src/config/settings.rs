//! The keys. `config/grantwood.yaml` shows each with its default; a test holds the two together.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;
use super::decisions::{Audit, Decisions};
use super::forward_auth::ForwardAuth;
use super::pages::{Pages, TrustedIssuer};
use super::policy_source::PolicySource;
use super::users::{Sessions, Users};

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: String,
    /// The issuer; absent = `http://<listen>`.
    pub public_url: Option<String>,
    /// Folder for generated files: database, first password, keys of the example client.
    pub data_dir: PathBuf,
    /// Storage.
    pub database: Database,
    /// Policies.
    pub policies: Policies,
    /// Access tokens and codes.
    pub tokens: Tokens,
    /// Grant and client assertions.
    pub assertions: Assertions,
    /// Signing keys.
    pub keys: Keys,
    /// Clients made through the API.
    pub clients: Clients,
    /// What happens to a scope that the policy refuses.
    pub scopes: Scopes,
    /// Local users.
    pub users: Users,
    /// Browser sessions.
    pub sessions: Sessions,
    /// The built-in pages.
    pub pages: Pages,
    /// Issuers of other applications whose users may decide about consent.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Bounds.
    pub limits: Limits,
    /// The listener and what stands before it.
    pub server: Server,
    /// Questions of proxies.
    pub forward_auth: ForwardAuth,
    /// Cross-origin calls.
    pub cors: Cors,
    /// Swagger UI.
    pub docs: Docs,
    /// Logging.
    pub log: Log,
    /// The decision log.
    pub decisions: Decisions,
    /// The audit log in the database.
    pub audit: Audit,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: None,
            data_dir: PathBuf::from("data"),
            database: Database::default(),
            policies: Policies::default(),
            tokens: Tokens::default(),
            assertions: Assertions::default(),
            keys: Keys::default(),
            clients: Clients::default(),
            scopes: Scopes::default(),
            users: Users::default(),
            sessions: Sessions::default(),
            pages: Pages::default(),
            trusted_issuers: Vec::new(),
            limits: Limits::default(),
            server: Server::default(),
            forward_auth: ForwardAuth::default(),
            cors: Cors::default(),
            docs: Docs::default(),
            log: Log::default(),
            decisions: Decisions::default(),
            audit: Audit::default(),
        }
    }
}

/// Storage.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`; the scheme alone chooses. Absent = `<data_dir>/grantwood.db`.
    pub url: Option<String>,
    /// A file that holds the URL instead, for URLs with a password.
    pub url_file: Option<PathBuf>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("url", &self.url.as_ref().map(|_| "***")).finish_non_exhaustive()
    }
}

/// Where policies come from and who may write them.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// The policy folder.
    pub path: PathBuf,
    /// Where policies come from instead of a folder.
    pub source: PolicySource,
    /// Where clients go that are made through the API or pages.
    pub admin_writes: AdminWrites,
    /// Whether the policy tests must pass before a set comes into force. `check` runs them then as well.
    pub run_tests: bool,
    /// Whether a folder without clients, roles and rules may start.
    pub allow_empty: bool,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            path: PathBuf::from("policies"),
            source: PolicySource::default(),
            admin_writes: AdminWrites::Database,
            run_tests: false,
            allow_empty: false,
        }
    }
}

/// Where clients go that are made through the API or pages (design §3).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdminWrites {
    /// Into the database.
    Database,
    /// Into `policies/clients/`: for one machine.
    Files,
    /// Nowhere: all clients are files.
    Off,
}

/// Access tokens and codes.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// The algorithm that signs access tokens.
    pub alg: TokenAlg,
    /// `aud` of access tokens; absent = the public URL.
    pub audience: Option<String>,
    /// Life of an access token.
    pub access_ttl: Seconds,
    /// Life of an authorization code.
    pub code_ttl: Seconds,
    /// How long the list of revoked tokens may be kept.
    pub revoked_max_age: Seconds,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            alg: TokenAlg::RS256,
            audience: None,
            access_ttl: Seconds(3_600),
            code_ttl: Seconds(60),
            revoked_max_age: Seconds(10),
        }
    }
}

/// Signature algorithm of access tokens (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
pub enum TokenAlg {
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// HMAC with SHA-256: resource servers must introspect.
    HS256,
}

/// Grant and client assertions.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Assertions {
    /// Longest life of an assertion.
    pub max_ttl: Seconds,
    /// A further `aud` that grant assertions may have, beside the issuer and the token endpoint.
    pub audience: Option<String>,
}

impl Default for Assertions {
    fn default() -> Self {
        Self { max_ttl: Seconds(300), audience: None }
    }
}

/// Signing keys.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// A private key in PEM to sign with, instead of a generated one.
    pub signing_key_file: Option<PathBuf>,
    /// The secret for `tokens.alg: HS256`: 32 bytes or more.
    pub hs256_secret_file: Option<PathBuf>,
    /// How long a new key is published before it signs.
    pub overlap: Seconds,
}

impl Default for Keys {
    fn default() -> Self {
        Self { signing_key_file: None, hs256_secret_file: None, overlap: Seconds(600) }
    }
}

/// Clients made through the API.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// Modulus of generated client keys, in bits.
    pub rsa_bits: usize,
    /// Added to each client made through the API, marked SYSTEM.
    pub default_redirect_uri: Option<String>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { rsa_bits: 2_048, default_redirect_uri: None }
    }
}

/// What happens to a scope that the policy refuses.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scopes {
    /// Refuse the request, or grant the rest.
    pub on_denied: OnDenied,
}

/// What a denied scope does to its request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDenied {
    /// `invalid_scope`, naming the scope.
    #[default]
    Reject,
    /// The rest is granted, and `scope` in the answer says so.
    Narrow,
}

/// Bounds on what a caller may use.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Failed client authentications per client and address within `window`.
    pub client_failures: u32,
    /// Failed sign-ins per account and address within `window`.
    pub login_failures: u32,
    /// The window for failures.
    pub window: Seconds,
    /// Most open connections.
    pub connections: usize,
    /// Most open connections of one address.
    pub connections_per_ip: usize,
    /// Most pending authorization requests.
    pub pending_authorizations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            client_failures: 20,
            login_failures: 8,
            window: Seconds(300),
            connections: 4_096,
            connections_per_ip: 1_024,
            pending_authorizations: 10_000,
        }
    }
}

/// The listener and what stands before it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Addresses or networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Further names under which the server is reached; the public URL's is always known.
    pub hosts: Vec<String>,
    /// Whether the API also answers under `/strapi-plugin-oauth2`.
    pub plugin_mount: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self { trusted_proxies: Vec::new(), hosts: Vec::new(), plugin_mount: true }
    }
}

/// Cross-origin calls.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins of custom consent pages: they may call `/auth/local` and the two consent calls.
    pub consent_origins: Vec<String>,
}

/// Swagger UI.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Docs {
    /// Whether `/docs` is served.
    pub enabled: bool,
}

impl Default for Docs {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Logging.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `auto` is pretty on a terminal and JSON otherwise.
    pub format: LogFormat,
    /// Which events are written, such as `info` or `grantwood=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".to_owned() }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// By whether standard error is a terminal.
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}
