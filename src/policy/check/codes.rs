//! The kinds of findings: stable names, for `@allow`, for SARIF, and for whoever filters them.

/// Names a client that no document declares; it may live in the database.
pub const UNKNOWN_CLIENT: &str = "lint.unknown-client";
/// Names a role that no document declares.
pub const UNKNOWN_ROLE: &str = "lint.unknown-role";
/// Names a scope that the catalog does not know.
pub const UNKNOWN_SCOPE: &str = "lint.unknown-scope";
/// Names a content type that the catalog does not know.
pub const UNKNOWN_CONTENT_TYPE: &str = "lint.unknown-content-type";
/// Names a group that no client is in.
pub const UNKNOWN_GROUP: &str = "lint.unknown-group";
/// A policy that can never apply.
pub const NEVER_APPLIES: &str = "lint.never-applies";
/// A policy that changes nothing, since another one covers it or voids it.
pub const SHADOWED: &str = "lint.shadowed";
/// A document without effect.
pub const GRANTS_NOTHING: &str = "lint.grants-nothing";
/// A scope or an action that the ceiling removes.
pub const ABOVE_CEILING: &str = "lint.above-ceiling";
/// A public client that may be granted something destructive.
pub const PUBLIC_DESTRUCTIVE: &str = "lint.public-destructive";
/// A client with the code grant and nowhere to send a code.
pub const NO_REDIRECT_URI: &str = "lint.no-redirect-uri";
/// A policy without `@id`.
pub const NO_ID: &str = "lint.no-id";
/// An annotation that means nothing.
pub const UNKNOWN_ANNOTATION: &str = "lint.unknown-annotation";
/// A policy test whose answer is another one than expected.
pub const TEST_FAILED: &str = "test.failed";
/// A setting that is wrong.
pub const CONFIG: &str = "config.invalid";

/// Every code with what it means, for reports.
pub const ALL: [(&str, &str); 16] = [
    (super::super::diagnostics::INVALID, "the set is not loaded"),
    (UNKNOWN_CLIENT, "a client that no document declares; it may live in the database"),
    (UNKNOWN_ROLE, "a role that no document declares"),
    (UNKNOWN_SCOPE, "a scope that the catalog does not know"),
    (UNKNOWN_CONTENT_TYPE, "a content type that the catalog does not know"),
    (UNKNOWN_GROUP, "a group that no client of the folder is in"),
    (NEVER_APPLIES, "a policy that can never apply"),
    (SHADOWED, "a policy that changes nothing, since another one covers or voids it"),
    (GRANTS_NOTHING, "a document without effect"),
    (ABOVE_CEILING, "a scope or an action that the global scopes take away"),
    (PUBLIC_DESTRUCTIVE, "a public client with an action that is sensitive or deletes"),
    (NO_REDIRECT_URI, "a client with the code grant and without a redirect URI"),
    (NO_ID, "a policy without an id of its own"),
    (UNKNOWN_ANNOTATION, "an annotation that means nothing here"),
    (TEST_FAILED, "a policy test whose answer is another one than expected"),
    (CONFIG, "a setting that is wrong"),
];
