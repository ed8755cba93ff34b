//! Settings of the pages, and of other applications' users who decide there.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// The built-in pages.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// A consent page of your own; absent = the built-in one. Its origin belongs in `cors.consent_origins`.
    pub consent_url: Option<String>,
    /// A folder of templates and texts that replace built-in ones.
    pub templates: Option<PathBuf>,
    /// Where an error goes that is found before anybody saw a page.
    pub early_errors: EarlyErrors,
}

/// An application whose users are users here too, and are recognised by its own JWTs.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss` of its tokens, exactly.
    pub issuer: String,
    /// `aud` of its tokens, exactly.
    pub audience: String,
    /// Its public keys: PEM or JWKS, a file on this machine. This or `secret_file`, never both.
    #[serde(default)]
    pub keys_file: Option<PathBuf>,
    /// The secret that it signs HS256 with: a file of 32 bytes or more.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Algorithms that it signs with: RS256, PS256, ES256, EdDSA; with a secret HS256, which need not be said.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// The claim that names the user.
    #[serde(default = "subject")]
    pub claim: String,
    /// What of a local user the claim names.
    #[serde(default, rename = "match")]
    pub matches: UserMatch,
    /// Longest life of such a token.
    #[serde(default = "an_hour")]
    pub max_ttl: Seconds,
}

fn subject() -> String {
    "sub".to_owned()
}

fn an_hour() -> Seconds {
    Seconds(3_600)
}

/// By what a claim names a local user.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserMatch {
    /// The document id.
    Id,
    /// The address.
    Email,
    /// The sign-in name.
    #[default]
    Username,
}

/// What becomes of an authorization request that is wrong, once client and redirect URI are known to be right.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, Default, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EarlyErrors {
    /// To the client (RFC 6749 §4.1.2.1).
    #[default]
    Redirect,
    /// On a page, so that no request moves a browser on without a person (RFC 9700 §4.11.2).
    Page,
}
