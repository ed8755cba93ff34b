//! The questions of Traefik and Envoy byte by byte, as their documentation and sources have them.
//!
//! Traefik 3, "ForwardAuth" (doc.traefik.io/traefik/v3.3, reference, routing-configuration, http, middlewares): the
//! table "Forward-Request Headers", and `writeHeader` in `pkg/middlewares/auth/forward.go`: the question is a GET with
//! all headers of the request (or those of `authRequestHeaders`), over which X-Forwarded-Method, -Proto, -Host, -Uri
//! and -For are set anew; the entry point has set X-Forwarded-Port, X-Forwarded-Server and X-Real-Ip before.
//!
//! Envoy, "External Authorization" (its documentation, HTTP filters), and `RawHttpClientImpl::check` in
//! `source/extensions/filters/common/ext_authz/ext_authz_http_impl.cc`: method, host and Authorization of the request,
//! its path behind `path_prefix`, `content-length: 0`, the `allowed_headers`; its client adds x-envoy-internal and
//! x-envoy-expected-rq-timeout-ms, and its own address to x-forwarded-for.

use super::{HOST, IDENTITY, protecting};
use crate::harness::{Server, raw, scope};

/// A rule by which questions tell whether the address of the caller is known.
const ONLY_FROM: &str = "@id(\"only-from\") forbid (principal, action == Action::\"api::form.form.create\", resource)\n\
    unless { context.ip.isInRange(ip(\"203.0.113.0/24\")) };\n";

fn stage() -> (Server, String) {
    let server = Server::start(protecting().document("rules/only-from.cedar", ONLY_FROM));
    let token = server.machine_token(&server.jwt_client(&[scope::CREATE, scope::FIND]), "");
    (server, token)
}

fn traefik(method: &str, uri: &str, from: &str, further: &str) -> String {
    format!(
        "GET /forward-auth/traefik HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
         Accept-Encoding: gzip\r\n{further}X-Forwarded-For: {from}\r\nX-Forwarded-Host: {HOST}\r\n\
         X-Forwarded-Method: {method}\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Server: edge-1\r\nX-Forwarded-Uri: {uri}\r\nX-Real-Ip: {from}\r\n\r\n"
    )
}

fn envoy(method: &str, path: &str, from: &str, further: &str) -> String {
    format!(
        "{method} /forward-auth/envoy{path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n{further}accept: */*\r\n\
         x-forwarded-proto: https\r\nx-forwarded-for: {from},127.0.0.1\r\nx-envoy-internal: true\r\n\
         x-envoy-expected-rq-timeout-ms: 2000\r\n\r\n"
    )
}

#[track_caller]
fn answers(server: &Server, request: &str, wanted: u16) {
    let answer = raw::exchange(server, request.as_bytes());
    assert_eq!(raw::status(&answer), wanted, "{request}\n{answer}");
    let lower = answer.to_ascii_lowercase();
    let named = IDENTITY.iter().filter(|name| lower.contains(&format!("{name}:"))).count();
    assert_eq!(named, if wanted == 200 { 4 } else { 0 }, "{answer}");
}

/// Z2: the documented header sets pass, with the caller's address as the policies see it.
#[test]
fn z02_traefik_and_envoy_as_documented() {
    let (server, token) = stage();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for ask in [traefik as fn(&str, &str, &str, &str) -> String, envoy] {
        answers(&server, &ask("GET", "/api/forms?page=2", "198.51.100.7", &bearer), 200);
        // A body does not come along; its type may.
        let typed = format!("{bearer}Content-Type: application/json\r\n");
        answers(&server, &ask("POST", "/api/forms", "203.0.113.9", &typed), 200);
        answers(&server, &ask("POST", "/api/forms", "198.51.100.7", &typed), 403);
        answers(&server, &ask("DELETE", "/api/forms/7", "203.0.113.9", &bearer), 403);
        answers(&server, &ask("GET", "/api/forms", "203.0.113.9", ""), 401);
        // CONNECT and protocol upgrades are requests like others.
        let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        answers(&server, &ask("GET", "/api/forms", "203.0.113.9", upgrade), 401);
        answers(&server, &ask("OPTIONS", "/api/forms", "203.0.113.9", &bearer), 403);
        answers(&server, &ask("GET", "/api//forms", "203.0.113.9", &bearer), 400);
    }
}

/// V2, Z6: with `trustForwardHeader` a caller's X-Forwarded-* would reach the question; what nobody sets is refused.
#[test]
fn v02_z06_what_a_caller_adds() {
    let (server, token) = stage();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    for (name, value) in [
        ("X-Forwarded-Uri", "/api/forms"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Host", HOST),
        ("X-Forwarded-Prefix", "/api"),
        ("X-Original-URL", "https://api.test/api/forms"),
        ("X-Rewrite-URL", "/api/forms"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Forwarded", "for=203.0.113.9"),
    ] {
        let added = format!("{bearer}{name}: {value}\r\n");
        answers(&server, &traefik("GET", "/api/forms", "203.0.113.9", &added), 400);
        // Envoy sends on what `allowed_headers` names: none of these.
        answers(&server, &envoy("GET", "/api/forms", "203.0.113.9", &added), 400);
    }
    // Addresses that a caller makes up stand before the one that the proxy saw.
    let spoofed = "203.0.113.9, 198.51.100.7";
    answers(&server, &traefik("POST", "/api/forms", spoofed, &bearer), 403);
    answers(&server, &envoy("POST", "/api/forms", spoofed, &bearer), 403);
}
