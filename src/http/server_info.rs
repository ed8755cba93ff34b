//! Metadata, public keys, health and metrics: what anybody may read about the server.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Response, handler};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::{Value, json};

use super::caller::Bearer;
use super::listing::{ItemBody, timestamp};
use super::problem::ManagementError;
use super::routes::{Served, Tags};
use crate::app::App;
use crate::flow::{keys, metadata, policies};
use crate::policy::source::CommitInfo;

/// Endpoints about the server itself.
pub struct ServerApi {
    /// The server.
    pub app: Served,
}

/// A public document that may be kept for a while, by anybody.
#[derive(ApiResponse)]
enum Public {
    /// The document.
    #[oai(status = 200)]
    Document(
        Json<Value>,
        /// How long it may be kept.
        #[oai(header = "Cache-Control")]
        String,
        /// Every origin may read it; there is nothing private in it.
        #[oai(header = "Access-Control-Allow-Origin")]
        String,
    ),
}

fn public(document: Value) -> Public {
    Public::Document(Json(document), "public, max-age=300".to_owned(), "*".to_owned())
}

/// A new signing key.
#[derive(Clone, Debug, Object)]
pub struct RotatedKeyBody {
    /// Its `kid`: published now, in use after the overlap.
    pub kid: String,
}

/// The policy set in force.
#[derive(Clone, Debug, Object)]
pub struct PolicySetBody {
    /// The digest of its content.
    pub revision: String,
    /// How many policies it has.
    pub policies: u64,
}

#[OpenApi(tag = "Tags::Server")]
impl ServerApi {
    /// Authorization server metadata
    ///
    /// RFC 8414.
    #[oai(path = "/.well-known/oauth-authorization-server", method = "get", operation_id = "metadata")]
    async fn metadata(&self) -> Public {
        public(metadata::metadata(&self.app))
    }

    /// Public signing keys
    ///
    /// A JWKS (RFC 7517 §5); the same as `/oauth2/jwks`.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "wellKnownJwks")]
    async fn well_known_jwks(&self) -> Public {
        public(keys::jwks(&self.app))
    }

    /// Public signing keys
    ///
    /// A JWKS (RFC 7517 §5).
    #[oai(path = "/oauth2/jwks", method = "get", operation_id = "jwks")]
    async fn jwks(&self) -> Public {
        public(keys::jwks(&self.app))
    }

    /// Read the policy folder anew
    ///
    /// The watcher does so by itself within a second; this answers when it is done. 409 with the first problem
    /// where the folder cannot be used: the set in force stays. Needs `admin:policy.reload`.
    #[oai(path = "/oauth2/policies/reload", method = "post", operation_id = "reloadPolicies")]
    async fn reload(&self, bearer: Bearer) -> Result<Json<ItemBody<PolicySetBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let status = policies::reload(&self.app, &ask, &who).await?;
        let data = PolicySetBody { revision: status.revision, policies: status.policies as u64 };
        Ok(Json(ItemBody { data }))
    }

    /// Rotate the signing key
    ///
    /// The new key is published at once and signs after `keys.overlap`. Needs `admin:key.rotate`.
    #[oai(path = "/oauth2/keys/rotate", method = "post", operation_id = "rotateKeys")]
    async fn rotate(&self, bearer: Bearer) -> Result<Json<ItemBody<RotatedKeyBody>>, ManagementError> {
        let (ask, who) = bearer.parts();
        let kid = keys::rotate(&self.app, &ask, &who).await?;
        Ok(Json(ItemBody { data: RotatedKeyBody { kid } }))
    }
}

/// The process lives.
#[handler]
pub fn healthz() -> Response {
    json_response(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Database, signing key and policy set are good. A broken edit that is held back does not make the
/// server unready: the last good set is in force (attack row Y2).
#[handler]
pub async fn readyz(app: Data<&Arc<App>>, draining: Data<&super::routes::Draining>) -> Response {
    let database = app.store.ping().await;
    let key = app.key_ring().active(app.clock.now_ms()).is_some();
    let status = app.policies.status();
    let draining = draining.0.is_set();
    let ready = database.is_ok() && key && !draining;
    let held: Vec<Value> = status
        .held_back
        .iter()
        .map(|held| {
            json!({
                "file": held.file, "line": held.line, "column": held.column,
                "error": held.message, "hint": held.hint,
            })
        })
        .collect();
    let known =
        |of: fn(&CommitInfo) -> String| status.commit.as_ref().map(of).filter(|text| !text.is_empty());
    let body = json!({
        "status": if ready { "ready" } else { "not ready" },
        "checks": {
            "database": { "ok": database.is_ok(), "backend": app.store.backend() },
            "signing_key": { "ok": key },
            "policies": { "ok": true, "stale": !held.is_empty() },
            "draining": draining,
        },
        "policy_revision": status.revision,
        "policy_commit": status.commit_id(),
        "policy_commit_author": known(|commit| author(&commit.author)),
        "policy_commit_subject": known(|commit| commit.subject.clone()),
        "policy_commit_time":
            known(|commit| if commit.time_s > 0 { timestamp(commit.time_s * 1_000) } else { String::new() }),
        "policy_source": {
            "kind": if app.follower.is_some() { "git" } else { "folder" },
            "problem": status.source_problem,
        },
        "policy_loaded_at": timestamp(status.loaded_at_ms),
        "policy_stale": !held.is_empty(),
        "policy_errors": held,
    });
    json_response(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}

/// An author's name. The address is for administrators: anybody may read this page.
fn author(full: &str) -> String {
    full.split('<').next().unwrap_or_default().trim().to_owned()
}

/// Prometheus metrics.
#[handler]
pub fn metrics(app: Data<&Arc<App>>) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(app.metrics.encode())
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(body.to_string())
}
