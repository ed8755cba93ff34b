//! Clients and users, made as their owners would make them: by the management API and the command line.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::client::{Http, Reply};
use super::keys::{self, Key};
use super::server::{ADMIN_PASSWORD, Server};
use super::{Assertion, JWT_BEARER, Pkce, policies, scope, unique};

/// The redirect URI that fixture clients register.
pub const REDIRECT: &str = "https://c1.test/cb";
/// The loopback redirect URI that public fixture clients register as well.
pub const LOOPBACK: &str = "http://127.0.0.1/cb";

/// A registered client, with what it needs to act.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// The management API's id; empty for clients of a file.
    pub document_id: String,
    /// Its secret, if it authenticates by one.
    pub secret: Option<String>,
    /// The key that it registered.
    pub key: Option<Key>,
    /// The first of its redirect URIs.
    pub redirect_uri: String,
    /// Whether it authenticates by its key.
    pub by_key: bool,
}

/// A user, with a user token once it is asked for.
#[derive(Debug)]
pub struct User {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: String,
    token: OnceLock<(String, Value)>,
}

impl User {
    /// A user who exists already.
    pub fn existing(username: &str, password: &str) -> Self {
        Self { username: username.to_owned(), password: password.to_owned(), token: OnceLock::new() }
    }

    /// The user token of `POST /auth/local`, asked for once.
    pub fn jwt(&self, server: &Server) -> &str {
        &self.signed_in(server).0
    }

    /// The user's document id.
    pub fn id(&self, server: &Server) -> String {
        let user = &self.signed_in(server).1;
        let id = ["documentId", "id"].into_iter().find_map(|name| user[name].as_str());
        id.unwrap_or_else(|| panic!("no id in {user}")).to_owned()
    }

    /// Signs in anew.
    pub fn sign_in(&self, server: &Server) -> Reply {
        Http::post(server.url("/auth/local"))
            .json(&json!({ "identifier": self.username, "password": self.password }))
            .send()
    }

    fn signed_in(&self, server: &Server) -> &(String, Value) {
        self.token.get_or_init(|| {
            let reply = self.sign_in(server);
            assert_eq!(reply.status, 200, "{} signs in: {reply:?}", self.username);
            (reply.member("jwt"), reply.json()["user"].clone())
        })
    }
}

impl Client {
    /// The client of a document that [`super::policies::service`] makes.
    pub fn of_file(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            document_id: String::new(),
            secret: None,
            key: Some(keys::CLIENT),
            redirect_uri: String::new(),
            by_key: true,
        }
    }

    /// A grant assertion of this client's own, addressed to the issuer.
    pub fn assertion(&self, server: &Server) -> Assertion {
        Assertion::new(&self.id, server.issuer()).key(self.key.expect("the client registered a key"))
    }

    /// A client assertion (RFC 7523 §2.2), addressed to the issuer alone (attack row D9).
    pub fn client_assertion(&self, server: &Server) -> String {
        self.assertion(server).sign()
    }

    /// The parameters by which the client authenticates, other than by the header.
    pub fn credentials(&self, server: &Server) -> Vec<(&'static str, String)> {
        if self.by_key {
            vec![
                ("client_assertion_type", super::CLIENT_ASSERTION.to_owned()),
                ("client_assertion", self.client_assertion(server)),
            ]
        } else if self.secret.is_none() {
            vec![("client_id", self.id.clone())]
        } else {
            Vec::new()
        }
    }
}

/// What a fixture client is made from; the default is a confidential one with everything.
#[derive(Clone, Debug)]
pub struct NewClient(pub Value);

impl NewClient {
    /// Confidential, by secret, the code grant and jwt-bearer, the fixture key, all five scopes.
    pub fn confidential() -> Self {
        Self(json!({
            "name": unique("Confidential "),
            "clientType": "CONFIDENTIAL",
            "scopes": scope::ALL,
            "redirectUris": [REDIRECT],
            "grantTypes": ["authorization_code", JWT_BEARER],
            "publicKey": keys::CLIENT.public,
        }))
    }

    /// Public, the code grant, all five scopes.
    pub fn public() -> Self {
        Self(json!({
            "name": unique("Public "),
            "clientType": "PUBLIC",
            "scopes": scope::ALL,
            "redirectUris": [REDIRECT, LOOPBACK],
            "grantTypes": ["authorization_code"],
        }))
    }

    /// Confidential, by its key, jwt-bearer only.
    pub fn jwt(key: Key) -> Self {
        Self(json!({
            "name": unique("Service "),
            "clientType": "CONFIDENTIAL",
            "scopes": scope::ALL,
            "redirectUris": [],
            "grantTypes": [JWT_BEARER],
            "tokenEndpointAuthMethod": "private_key_jwt",
            "publicKey": key.public,
        }))
    }

    /// Another value for a field.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0[field] = value.into();
        self
    }

    /// Without a field.
    pub fn without(mut self, field: &str) -> Self {
        self.0.as_object_mut().expect("an object").remove(field);
        self
    }
}

impl Server {
    /// The first administrator.
    pub fn admin(&self) -> &User {
        self.admin.get_or_init(|| User::existing("admin", ADMIN_PASSWORD))
    }

    /// A request to the management API as the administrator; `path` is under the mount.
    pub fn manage(&self, method: reqwest::Method, path: &str) -> Http {
        Http::request(method, self.mounted(path)).bearer(self.admin().jwt(self))
    }

    /// `POST clients`, whatever comes of it.
    pub fn try_client(&self, new: &NewClient) -> Reply {
        self.manage(reqwest::Method::POST, "clients").json(&json!({ "data": new.0 })).send()
    }

    /// Makes a client.
    pub fn client(&self, new: &NewClient) -> Client {
        let reply = self.try_client(new);
        assert_eq!(reply.status, 201, "a client was expected: {reply:?}");
        let data = reply.json()["data"].clone();
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        let by_key = new.0["tokenEndpointAuthMethod"] == "private_key_jwt";
        let public = new.0["clientType"] == "PUBLIC";
        let key = [keys::CLIENT, keys::OTHER, keys::EC, keys::ED]
            .into_iter()
            .find(|key| new.0["publicKey"].as_str() == Some(key.public));
        Client {
            id: text("clientId").unwrap_or_else(|| panic!("no clientId: {reply:?}")),
            document_id: text("documentId").unwrap_or_else(|| panic!("no documentId: {reply:?}")),
            secret: text("clientSecret").filter(|_| !by_key && !public),
            key,
            redirect_uri: new.0["redirectUris"][0].as_str().unwrap_or(REDIRECT).to_owned(),
            by_key,
        }
    }

    /// A confidential client by secret; `scopes` empty = all five.
    pub fn confidential_client(&self, scopes: &[&str]) -> Client {
        self.client(&scoped(NewClient::confidential(), scopes))
    }

    /// A public client; `scopes` empty = all five.
    pub fn public_client(&self, scopes: &[&str]) -> Client {
        self.client(&scoped(NewClient::public(), scopes))
    }

    /// A jwt-bearer client that authenticates by its key; `scopes` empty = all five.
    pub fn jwt_client(&self, scopes: &[&str]) -> Client {
        self.client(&scoped(NewClient::jwt(keys::CLIENT), scopes))
    }

    /// The client of the suite's own documents that may act for editors.
    pub fn delegate(&self) -> Client {
        Client::of_file(policies::DELEGATE)
    }

    /// The client of the suite's own documents in the plugin's assertion style.
    pub fn owner_style(&self) -> Client {
        Client::of_file(policies::OWNER_STYLE)
    }

    /// Changes a client by the management API.
    pub fn update_client(&self, client: &Client, fields: &Value) -> Reply {
        self.manage(reqwest::Method::PUT, &format!("clients/{}", client.document_id))
            .json(&json!({ "data": fields }))
            .send()
    }

    /// A user with a role, made on the command line.
    pub fn user(&self, role: &str) -> User {
        let username = unique("user");
        let password = format!("{username}-has-a-long-password");
        let email = format!("{username}@suite.test");
        let output = self.cli(
            &[
                "user",
                "create",
                "--username",
                &username,
                "--email",
                &email,
                "--role",
                role,
                "--password-stdin",
            ],
            &format!("{password}\n"),
        );
        assert!(
            output.status.success(),
            "user create: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        User::existing(&username, &password)
    }

    /// Blocks a user on the command line.
    pub fn block_user(&self, user: &User) {
        let output = self.cli(&["user", "block", &user.username], "");
        assert!(output.status.success(), "user block: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Deletes a user on the command line.
    pub fn delete_user(&self, user: &User) {
        let output = self.cli(&["user", "delete", &user.username], "");
        assert!(output.status.success(), "user delete: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A user who may do everything with forms.
    pub fn editor(&self) -> User {
        self.user(policies::EDITOR)
    }

    /// A user who may list and read forms.
    pub fn reader(&self) -> User {
        self.user(policies::READER)
    }

    /// A fresh code of the administrator for a client, with its proof key.
    pub fn code(&self, client: &Client, scopes: &[&str]) -> (String, Pkce) {
        let pkce = Pkce::s256();
        let code = super::Authorization::of(client).scopes(scopes).pkce(&pkce).code(self, self.admin());
        (code, pkce)
    }
}

fn scoped(new: NewClient, scopes: &[&str]) -> NewClient {
    if scopes.is_empty() { new } else { new.with("scopes", scopes) }
}
