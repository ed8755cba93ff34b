//! The documents of `tests/`, as they are written: single cases, and tables of many.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::documents::{ClientDocument, Ttl};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce;

/// `tests/*.yaml`: who asks what, and what the answer must be.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestsDocument {
    /// Clients that only these tests know, by id: for rules about clients of the database, for example.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientDocument>,
    /// One question each.
    #[serde(default)]
    pub tests: Vec<TestCase>,
    /// Many questions each: clients by scopes, or roles by actions.
    #[serde(default)]
    pub tables: Vec<TestTable>,
}

/// One case: a grant question (`grant`), or a use or administration question (`action`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// A client of the folder or of this document.
    #[serde(default)]
    #[schemars(example = &"web-app")]
    pub client: Option<String>,
    /// Off = the client was deactivated through the API.
    #[serde(default = "yes")]
    pub active: bool,
    /// The grant type of a grant question.
    #[serde(default)]
    pub grant: Option<GrantType>,
    /// The scope asked for; absent = may the grant start at all.
    #[serde(default)]
    #[schemars(example = &"api::form.form.find")]
    pub scope: Option<String>,
    /// The action of a use or administration question, or `user:sign_in`.
    #[serde(default)]
    #[schemars(example = &"api::form.form.find", example = &"user:sign_in")]
    pub action: Option<String>,
    /// The client that an administration question is about; absent = the server.
    #[serde(default)]
    pub about: Option<String>,
    /// Whoever administers on the command line of the server's machine, by the name of the system's user.
    #[serde(default)]
    #[schemars(example = &"root")]
    pub operator: Option<String>,
    /// The user; absent = a machine.
    #[serde(default)]
    pub user: Option<TestUser>,
    /// What the token carries; absent = the action itself.
    #[serde(default)]
    pub token: Option<Vec<String>>,
    /// What differs from the ordinary request.
    #[serde(default)]
    pub context: TestContext,
    /// `allow` or `deny`.
    pub expect: Expected,
    /// The deciding policies, exactly.
    #[serde(default)]
    #[schemars(example = ["client.web-app", "role.authenticated.api::form.form"])]
    pub policies: Option<Vec<String>>,
    /// The error code of a denial.
    #[serde(default)]
    #[schemars(example = &"invalid_scope")]
    pub error: Option<String>,
}

/// Many cases at once. With `clients` and `grant`, each row is a scope: may it be granted to the client of the
/// column? With `clients` alone, each row is an action of a machine's token. With `roles`, each row is an action of
/// the token of a user who has the role of the column; `client` is the token's.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestTable {
    /// What it shows.
    pub name: String,
    /// The columns: clients of the folder.
    #[serde(default)]
    #[schemars(example = ["web-app", "spa"])]
    pub clients: Vec<String>,
    /// The columns: roles.
    #[serde(default)]
    #[schemars(example = ["authenticated", "editor"])]
    pub roles: Vec<String>,
    /// The grant type.
    #[serde(default)]
    pub grant: Option<GrantType>,
    /// The client of the tokens of a table with `roles`; none is needed for administration.
    #[serde(default)]
    pub client: Option<String>,
    /// The user of a table with `clients`; absent = a machine.
    #[serde(default)]
    pub user: Option<TestUser>,
    /// What differs from the ordinary request.
    #[serde(default)]
    pub context: TestContext,
    /// One answer per column for an action, for `<content type>.*` or for `admin:*`.
    #[schemars(example = serde_json::json!({"api::form.form.find": ["allow", "deny"]}))]
    pub rows: BTreeMap<String, Vec<Expected>>,
}

/// What a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Permitted.
    Allow,
    /// Not permitted.
    Deny,
}

/// The user of a test.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestUser {
    /// Default: `ann`.
    #[serde(default)]
    pub username: Option<String>,
    /// Default: made of the name.
    #[serde(default)]
    pub id: Option<String>,
    /// Default: made of the name.
    #[serde(default)]
    pub email: Option<String>,
    /// Default: none.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Default: no.
    #[serde(default)]
    pub blocked: bool,
    /// Default: yes.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// What a test changes in the context. Everything has an ordinary value.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestContext {
    /// Default: 127.0.0.1.
    #[serde(default)]
    pub ip: Option<std::net::IpAddr>,
    /// RFC 3339; default: a Monday at noon, UTC.
    #[serde(default)]
    #[schemars(example = &"2026-01-05T12:00:00Z")]
    pub time: Option<String>,
    /// The life that the token is about to get. Default: 15m.
    #[serde(default)]
    pub ttl: Option<Ttl>,
    /// Default: none.
    #[serde(default)]
    pub audience: Vec<String>,
    /// `S256`, `plain`, or `none`; default: S256 for the code grant.
    #[serde(default)]
    pub pkce: Option<TestPkce>,
    /// Default: app.example.com for the code grant.
    #[serde(default)]
    pub redirect_host: Option<String>,
    /// Whether the redirect URI is a loopback address. Default: no.
    #[serde(default)]
    pub redirect_loopback: bool,
    /// Scopes that the user agreed to; default: the one asked for.
    #[serde(default)]
    pub consented: Option<Vec<String>>,
    /// Age of the sign-in. Default: 30 s.
    #[serde(default)]
    pub auth_age: Option<Ttl>,
    /// The assertion's algorithm; default: RS256.
    #[serde(default)]
    pub alg: Option<String>,
    /// The assertion's life; default: 60 s.
    #[serde(default)]
    pub assertion_ttl: Option<Ttl>,
    /// What the question does not carry, although it has an ordinary value. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// Age of a token that is used. Default: 10 s.
    #[serde(default)]
    pub token_age: Option<Ttl>,
    /// How a token that is used was obtained. Default: by code for a user, by jwt-bearer for a machine.
    #[serde(default)]
    pub token_grant: Option<GrantType>,
    /// The request that a token is used for. Default: none, as when a grant asks what a role permits.
    #[serde(default)]
    pub http: Option<TestHttp>,
    /// The resource of a use, as a caller of the decision API states it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<TestResource>,
    /// What is stated about the action. Default: nothing.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub action: serde_json::Map<String, serde_json::Value>,
    /// What is stated about the subject. Default: nothing.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub subject: serde_json::Map<String, serde_json::Value>,
}

/// A circumstance that the server may have nothing about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// What the user agreed to.
    Consented,
    /// The age of the sign-in.
    AuthAge,
    /// The assertion's life.
    AssertionTtl,
}

/// A resource that is stated.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestResource {
    /// Its identifier.
    pub id: String,
    /// Its type; default: the action's content type.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// What is stated about it.
    #[serde(default)]
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// A request to an API.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestHttp {
    /// In upper case. Default: GET.
    #[serde(default = "get")]
    pub method: String,
    /// Without query.
    #[schemars(example = &"/api/forms/3")]
    pub path: String,
    /// Parameters of the route's path.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// PKCE in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TestPkce {
    /// With S256.
    S256,
    /// With plain.
    #[serde(rename = "plain")]
    Plain,
    /// Without.
    #[serde(rename = "none")]
    None,
}

impl TestPkce {
    /// The fact that it stands for.
    pub fn method(self) -> Option<pkce::Method> {
        match self {
            Self::S256 => Some(pkce::Method::S256),
            Self::Plain => Some(pkce::Method::Plain),
            Self::None => None,
        }
    }
}

fn yes() -> bool {
    true
}

fn get() -> String {
    "GET".to_owned()
}
