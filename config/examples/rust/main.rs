//! A small API in Rust: poem, guarded by `grantwood::guard`. See README.md beside this file.

use std::time::Duration;

use grantwood::guard::{Claims, Guard};
use poem::listener::TcpListener;
use poem::web::Json;
use poem::{EndpointExt, Route, Server, get, handler};
use serde_json::{Value, json};

#[handler]
fn list(claims: Claims) -> Json<Value> {
    Json(json!({ "forms": [], "for": claims.subject(), "client": claims.client_id() }))
}

#[handler]
fn create(claims: Claims) -> Json<Value> {
    Json(json!({ "created": true, "for": claims.subject() }))
}

/// A setting, from the environment.
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = setting("ISSUER").unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let audience = setting("AUDIENCE").unwrap_or_else(|| issuer.clone());
    let client = setting("CLIENT_ID").zip(setting("CLIENT_SECRET"));
    let mut keys = Guard::keys(&issuer, &audience)?;
    // By keys alone a revoked token lives until it expires; with the list it is so many seconds behind.
    if let (Some((id, secret)), Some(seconds)) = (&client, setting("FOLLOW_REVOKED")) {
        keys = keys.following_revocations(id, secret, Duration::from_secs(seconds.parse()?))?;
    }
    let mut routes = Route::new().at(
        "/api/forms",
        get(list.with(keys.scope("api::form.form.find")))
            .post(create.with(keys.scope("api::form.form.create"))),
    );
    // The same, but asked at the server each time: a revoked token ends within a second.
    if let Some((id, secret)) = client {
        let asked = Guard::introspection(&issuer, &audience, &id, &secret, Duration::from_secs(1))?;
        routes = routes.at("/live/forms", get(list.with(asked.scope("api::form.form.find"))));
    }
    let listen = setting("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    Server::new(TcpListener::bind(listen)).run(routes).await?;
    Ok(())
}
