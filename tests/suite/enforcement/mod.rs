//! Enforcement: what proxies, resource servers and applications are told about a token and a request.

mod cookbook;
mod faults;
mod line;
pub mod live;
mod noise;
mod odd;
mod replay;
pub mod revoked;

use reqwest::Method;

use serde_json::{Value, json};

use crate::harness::client::Reply;
use crate::harness::fixtures::NewClient;
use crate::harness::{Client, Http, Options, Server, jwt};

/// The protected host of the stories.
pub const HOST: &str = "api.test";
/// The headers that say who calls.
pub const IDENTITY: [&str; 4] = ["x-client-id", "x-user-id", "x-scopes", "x-token-id"];

/// A proxy's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    Nginx,
    Traefik,
    Caddy,
    Envoy,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Traefik, Self::Caddy, Self::Envoy];

    /// The question about a request of `https://api.test`, as the proxy's documentation has it.
    pub fn asks(self, server: &Server, method: &str, target: &str) -> Http {
        self.asks_of(server, method, HOST, target)
    }

    /// The same for another host.
    pub fn asks_of(self, server: &Server, method: &str, host: &str, target: &str) -> Http {
        match self {
            Self::Nginx => Http::get(server.url("/forward-auth/nginx"))
                .header("X-Original-URL", &format!("https://{host}{target}"))
                .header("X-Original-Method", method),
            Self::Traefik | Self::Caddy => {
                let path =
                    if self == Self::Traefik { "/forward-auth/traefik" } else { "/forward-auth/caddy" };
                Http::get(server.url(path))
                    .header("X-Forwarded-Method", method)
                    .header("X-Forwarded-Proto", "https")
                    .header("X-Forwarded-Host", host)
                    .header("X-Forwarded-Uri", target)
                    .header("X-Forwarded-For", "203.0.113.7")
            }
            Self::Envoy => {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                Http::request(method, format!("{}{target}", server.url("/forward-auth/envoy")))
                    .header("Host", host)
                    .header("X-Forwarded-For", "203.0.113.7")
            }
        }
    }
}

/// A server that protects [`HOST`] and believes the suite's own addresses.
pub fn protecting() -> Options {
    Options {
        config: Some(
            "forward_auth:\n  hosts: [api.test, \"http://plain.test:8088\"]\n  \
             trusted_proxies: [127.0.0.0/8]\n  headers: [x-tenant]\n  \
             login_url: https://app.test/login?return_to={url}\n"
                .to_owned(),
        ),
        ..Options::default()
    }
}

/// A client that may ask for decisions, by its secret.
pub fn asker(server: &Server) -> Client {
    let scopes = json!(["admin:decision.evaluate", "admin:decision.search"]);
    server.client(&NewClient::confidential().with("scopes", scopes))
}

/// The question whether a token may do something with forms, by the subject that it names.
pub fn about(token: &str, action: &str) -> Value {
    let claims = jwt::claims(token);
    let kind = if claims["sub"] == claims["client_id"] { "client" } else { "user" };
    json!({
        "subject": { "type": kind, "id": claims["sub"] },
        "action": { "name": action },
        "resource": { "type": "api::form.form", "id": "7" },
        "context": { "token": token },
    })
}

/// What the decision API says about a token; none = no decision was made.
pub fn decides(server: &Server, asker: &Client, token: &str, action: &str) -> Option<bool> {
    let secret = asker.secret.as_deref().expect("a secret");
    let question = Http::post(server.url("/access/v1/evaluation")).basic(&asker.id, secret);
    let reply = question.json(&about(token, action)).send();
    (reply.status == 200).then(|| reply.json()["decision"].as_bool().expect("a decision"))
}

/// The request may pass; answers the four identity headers.
#[track_caller]
pub fn passes(reply: &Reply) -> [String; 4] {
    assert_eq!(reply.status, 200, "{reply:?}");
    IDENTITY.map(|name| reply.header(name).unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_owned())
}

/// The request may not pass, and nobody is named.
#[track_caller]
pub fn is_refused(reply: &Reply, statuses: &[u16]) {
    assert!(statuses.contains(&reply.status), "{reply:?}");
    assert!(IDENTITY.iter().all(|name| reply.header(name).is_none()), "{reply:?}");
}
