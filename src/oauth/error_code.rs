//! Every error code that an answer may carry, and what it means to whoever writes the client. `error_uri` of an
//! error leads to a page that shows this list (RFC 6749 §5.2); nothing here depends on a policy.

/// One code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// As it stands in `error`.
    pub code: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn code(code: &'static str, meaning: &'static str, remedy: &'static str) -> ErrorCode {
    ErrorCode { code, meaning, remedy }
}

/// All of them, by the alphabet.
pub const ALL: [ErrorCode; 21] = [
    code(
        "access_denied",
        "The user said no, or a policy forbids it.",
        "Ask for less, or give an administrator the request id: it finds the rule that decided.",
    ),
    code(
        "conflict",
        "The state of the thing, or who owns it, does not allow the change.",
        "The message names the file to edit, or what stands in the way.",
    ),
    code(
        "consent_required",
        "prompt=none was sent and the user has not agreed yet.",
        "Send the user to the authorization endpoint without prompt=none.",
    ),
    code(
        "insufficient_scope",
        "The token does not carry the scope that this needs.",
        "Ask for a token with the scope that the answer names.",
    ),
    code(
        "insufficient_user_authentication",
        "A policy wants a sign-in that is newer or stronger.",
        "Send the user to the authorization endpoint with prompt=login or a small max_age.",
    ),
    code(
        "invalid_client",
        "The client is unknown, switched off, or its credentials are wrong or of another kind than it registered.",
        "Check client_id, secret or key, and how the client authenticates.",
    ),
    code(
        "invalid_credentials",
        "The identifier or the password is wrong, or the user may not sign in.",
        "Try again; an administrator can set a new password.",
    ),
    code(
        "invalid_grant",
        "The code or assertion is wrong, used, too old, or another's; or its user cannot be acted for.",
        "Start the grant anew: a code and an assertion work once and for a short time.",
    ),
    code(
        "invalid_request",
        "A parameter is missing, repeated or malformed, or breaks a rule such as PKCE.",
        "The description names the parameter.",
    ),
    code(
        "invalid_scope",
        "A scope is unknown, malformed, or the policy does not permit it to this client and user.",
        "Ask for the scopes that the client has; an administrator sees by the request id what would permit more.",
    ),
    code(
        "invalid_token",
        "The token is absent, unknown, expired, revoked or of another kind.",
        "Obtain a new one.",
    ),
    code(
        "login_required",
        "prompt=none was sent and nobody is signed in.",
        "Send the user to the authorization endpoint without prompt=none.",
    ),
    code("not_found", "There is no such thing, or not for this caller.", "Check the path and the id."),
    code(
        "request_not_supported",
        "The parameter request, a request object, is not supported.",
        "Send the parameters of the authorization request themselves.",
    ),
    code(
        "request_uri_not_supported",
        "The parameter request_uri, a reference to a request object, is not supported and never fetched.",
        "Send the parameters of the authorization request themselves.",
    ),
    code(
        "server_error",
        "A fault of the server. Nothing was granted.",
        "Try again later; the operator finds the reason in the log by the request id.",
    ),
    code(
        "temporarily_unavailable",
        "The server cannot answer now, or there were too many failed attempts.",
        "Try again after the seconds of Retry-After.",
    ),
    code(
        "unauthorized_client",
        "The client is not registered for this grant, or it is switched off.",
        "Add the grant to the client's document, or use one that it has.",
    ),
    code(
        "unsupported_grant_type",
        "The grant type is none of this server's.",
        "See grant_types_supported in the server's metadata.",
    ),
    code(
        "unsupported_response_type",
        "The response type is not code.",
        "Use the authorization code grant with PKCE.",
    ),
    code(
        "unsupported_token_type",
        "The server does not revoke tokens of this kind.",
        "Revoke access tokens of this server only.",
    ),
];

/// The code of the list that a text is.
pub fn known(text: &str) -> Option<&'static ErrorCode> {
    ALL.iter().find(|known| known.code == text)
}

/// Where a code is explained: a path and a fragment, within the characters that `error_uri` may have
/// (RFC 6749 §5.2: %x21 / %x23-5B / %x5D-7E).
pub fn path(text: &str, request_id: Option<&str>) -> String {
    let code = known(text).map_or("server_error", |known| known.code);
    let id = request_id.filter(|id| is_request_id(id));
    match id {
        Some(id) => format!("/docs/errors?request={id}#{code}"),
        None => format!("/docs/errors#{code}"),
    }
}

/// Whether a text can be a request's id.
pub fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_wire_is_explained() {
        let source = include_str!("reject.rs");
        let quoted = source.split('"').filter(|text| {
            text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && text.len() > 7
        });
        // Words of the table that are no codes but names of parameters.
        let codes: Vec<&str> =
            quoted.filter(|text| !matches!(*text, "code_challenge" | "client_id")).collect();
        assert!(codes.len() > 20, "{codes:?}");
        let unknown: Vec<&&str> = codes.iter().filter(|text| known(text).is_none()).collect();
        assert!(unknown.is_empty(), "not explained: {unknown:?}");
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code), "by the alphabet");
    }

    #[test]
    fn a_link_stays_within_the_grammar() {
        let fits = |text: &str| text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        for text in ALL.iter().map(|known| known.code).chain(["<script>", "\"", "é"]) {
            assert!(fits(&path(text, Some("0b7c1c4e-5a60-4c0e-9d5c-1d1f5d3a9b10"))), "{text}");
            assert!(fits(&path(text, Some("\" onload=x"))), "{text}");
        }
        assert_eq!(path("invalid_scope", Some("a-1")), "/docs/errors?request=a-1#invalid_scope");
        assert_eq!(path("invalid_scope", Some("a b")), "/docs/errors#invalid_scope");
    }
}
