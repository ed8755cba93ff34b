//! What every answer owes (attack catalogue, section 0, "Error contract").

use super::client::Reply;

/// Error codes that a JSON endpoint may answer with.
const CODES: [&str; 15] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "invalid_token",
    "insufficient_scope",
    "invalid_credentials",
    "not_found",
    "conflict",
    "temporarily_unavailable",
    "server_error",
    "insufficient_user_authentication",
];

/// Holds an answer to RFC 6749 §5.2: the status, one of the codes, and the form that every error has.
#[track_caller]
pub fn is_oauth_error(reply: &Reply, status: u16, codes: &[&str]) {
    assert_eq!(reply.status, status, "status, {codes:?} was expected: {reply:?}");
    is_well_formed_error(reply);
    assert!(codes.contains(&reply.error().as_str()), "one of {codes:?} was expected: {reply:?}");
}

/// Holds any refusal to the form of errors: JSON, no-store, ASCII description, a code of the list.
#[track_caller]
pub fn is_well_formed_error(reply: &Reply) {
    assert!((400..500).contains(&reply.status), "bad input is a 4xx: {reply:?}");
    let kind = reply.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "JSON was expected: {reply:?}");
    let cache = reply.header("cache-control").unwrap_or_default();
    assert!(cache.contains("no-store"), "no-store was expected: {reply:?}");
    assert!(reply.header("location").is_none(), "no redirect was expected: {reply:?}");
    let code = reply.error();
    assert!(CODES.contains(&code.as_str()), "unknown code {code:?}: {reply:?}");
    let body = reply.json();
    if let Some(text) = body["error_description"].as_str() {
        let fits = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(text.bytes().all(fits), "error_description outside RFC 6749 §5.2: {text:?}");
    }
    if reply.status == 401 && code != "invalid_credentials" {
        assert!(reply.header("www-authenticate").is_some(), "401 names the scheme: {reply:?}");
    }
}

/// RFC 7662 §2.2: an inactive token's answer tells nothing else.
#[track_caller]
pub fn is_inactive(reply: &Reply) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json(), serde_json::json!({ "active": false }), "{reply:?}");
}

/// An error page of the authorization endpoint: 400 and no way out (attack row D2).
#[track_caller]
pub fn is_dead_end(reply: &Reply) {
    assert_eq!(reply.status, 400, "a page without redirect was expected: {reply:?}");
    assert!(reply.header("location").is_none(), "no Location was expected: {reply:?}");
}
