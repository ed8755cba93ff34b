//! The OpenAPI document: as committed, complete, and with a refused case for every management operation.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Http, Server};
use crate::source;

/// Operations that need no refused case without a credential, as `method path`; a line here may go, none may come.
const OPEN: [&str; 0] = [];

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn printed() -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_grantwood"))
        .arg("openapi")
        .current_dir(std::env::temp_dir())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "grantwood openapi: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn operations(document: &Value) -> Vec<(String, &'static str, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                found.push((path.clone(), method, operation.clone()));
            }
        }
    }
    assert!(found.len() > 20, "only {} operations", found.len());
    found
}

#[test]
fn the_committed_document_is_what_the_program_prints() {
    let committed: Value = serde_json::from_str(&source::read("openapi/grantwood.json"))
        .expect("openapi/grantwood.json: run `cargo run -- openapi > openapi/grantwood.json`");
    assert!(
        committed == printed(),
        "openapi/grantwood.json is old: run `cargo run -- openapi > openapi/grantwood.json`"
    );
}

#[test]
fn every_operation_is_documented() {
    let document = printed();
    let mut found = Vec::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        if operation["summary"].as_str().is_none_or(|text| text.trim().is_empty()) {
            found.push(format!("{name}: no summary"));
        }
        let statuses: Vec<&String> = operation["responses"].as_object().expect("responses").keys().collect();
        let takes_input = operation.get("requestBody").is_some()
            || operation["parameters"].as_array().is_some_and(|list| !list.is_empty());
        if takes_input && !statuses.iter().any(|status| status.starts_with('4')) {
            found.push(format!("{name}: input, and no documented 4xx"));
        }
        if let Some(body) = operation.get("requestBody") {
            for (kind, content) in body["content"].as_object().expect("content") {
                if content.get("schema").is_none() && content.get("example").is_none() {
                    found.push(format!("{name}: body {kind} has neither schema nor example"));
                }
            }
        }
    }
    source::none(&found, "operations that are not documented");
}

on_both! {
    /// AA1: every management operation, without a credential and with one that is worth nothing.
    fn aa01_every_management_operation_refuses_strangers(server: &Server) {
        let document = server.get("/openapi.json").json();
        let mut found = Vec::new();
        for (path, method, operation) in operations(&document) {
            let name = format!("{method} {path}");
            if !is_management(&path) || OPEN.contains(&name.as_str()) {
                continue;
            }
            let declared = operation["responses"].as_object().expect("responses");
            for status in ["401", "403"] {
                if !declared.contains_key(status) {
                    found.push(format!("{name}: {status} is not documented"));
                }
            }
            for credential in [None, Some("not-a-token")] {
                let reply = call(server, &document, &path, method, credential);
                if reply != 401 {
                    found.push(format!("{name} with {credential:?}: {reply}, not 401"));
                }
            }
        }
        source::none(&found, "management operations that do not refuse strangers");
    }

    /// AA1: every management operation, by a signed-in user whose roles permit none of it.
    fn aa01_every_management_operation_refuses_ordinary_users(server: &Server) {
        let reader = server.reader();
        let document = server.get("/openapi.json").json();
        let mut found = Vec::new();
        for (path, method, _) in operations(&document) {
            if !is_management(&path) || OPEN.contains(&format!("{method} {path}").as_str()) {
                continue;
            }
            let status = call(server, &document, &path, method, Some(reader.jwt(server)));
            // A malformed or unknown id may be noticed first where that tells nothing.
            if ![403, 404, 400].contains(&status) {
                found.push(format!("{method} {path}: {status}, not 403"));
            }
        }
        source::none(&found, "management operations that an ordinary user may call");
    }
}

/// The parts of the API that administrators use; what users and clients use has stories of its own.
fn is_management(path: &str) -> bool {
    [
        "/clients",
        "/access-tokens",
        "/global-settings",
        "/scopes",
        "/keys",
        "/users",
        "/policies",
        "/roles",
        "/audit",
        "/decisions",
    ]
    .iter()
    .any(|part| {
        path.ends_with(part) || path.contains(&format!("{part}/")) || path.contains(&format!("{part}-"))
    }) && !path.contains("oauth-")
}

fn call(server: &Server, document: &Value, path: &str, method: &str, token: Option<&str>) -> u16 {
    // The document's own server, as a path: "/" or the mount.
    let base = document["servers"][0]["url"].as_str().unwrap_or("/");
    let base = base.strip_prefix(server.issuer()).unwrap_or(base).trim_end_matches('/');
    let base = if path.starts_with(base) { "" } else { base };
    let mut concrete = String::new();
    for part in path.split('/').skip(1) {
        concrete.push('/');
        concrete.push_str(if part.starts_with('{') { "0000000000000000" } else { part });
    }
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).expect("a method");
    let mut request = Http::request(method.clone(), server.url(&format!("{base}{concrete}")));
    if let Some(token) = token {
        request = request.bearer(token);
    }
    if method != Method::GET && method != Method::DELETE {
        request = request.json(&serde_json::json!({ "data": {} }));
    }
    request.send().status
}
