//! The authorization endpoint (RFC 6749 §4.1.1): validated before anything can redirect.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::clients::ClientState;
use crate::oauth::client::{ClientId, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::{CodeChallenge, Method};
use crate::oauth::redirect_uri::RedirectTarget;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::{self, Scope};
use crate::policy::Snapshot;

/// Longest `state` that is carried, in bytes.
const MAX_STATE_BYTES: usize = 4_096;

/// The parameters as they came.
#[derive(Clone, Debug, Default)]
pub struct AuthorizeParams {
    /// `response_type`.
    pub response_type: Option<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `code_challenge`.
    pub code_challenge: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age`, in seconds.
    pub max_age: Option<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// The error code for `request` or `request_uri`, if one was sent: not supported, never fetched.
    pub request_object: Option<&'static str>,
    /// Names that stand more than once.
    pub repeated: Vec<String>,
}

/// A request that may be answered to the client: client and redirect URI belong together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Whether the request named the URI itself (RFC 6749 §4.1.3).
    pub redirect_explicit: bool,
    /// Handed back as it came.
    pub state: Option<String>,
    /// What is asked for; none = all of the client's scopes.
    pub scopes: Option<Vec<Scope>>,
    /// PKCE.
    pub challenge: Option<CodeChallenge>,
    /// What the client wants of sign-in and consent.
    pub prompt: Prompt,
    /// Oldest sign-in that will do, in seconds.
    pub max_age_s: Option<u64>,
    /// The account that the client expects.
    pub login_hint: Option<String>,
}

/// `prompt` (OpenID Connect Core §3.1.2.1): none of them = as needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// Nothing may be shown; stands alone.
    pub none: bool,
    /// Sign in again.
    pub login: bool,
    /// Agree again.
    pub consent: bool,
    /// Choose the account.
    pub select_account: bool,
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            ("none", self.none),
            ("login", self.login),
            ("consent", self.consent),
            ("select_account", self.select_account),
        ];
        let set: Vec<&str> = words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect();
        f.write_str(&set.join(" "))
    }
}

/// Client and target, known to belong together: from here on an error may redirect.
#[derive(Clone, Debug)]
pub struct Target {
    /// Who asks.
    pub client: Arc<ClientState>,
    /// Where the answer goes.
    pub redirect: RedirectTarget,
    /// Whether the request named the URI itself.
    pub explicit: bool,
}

impl Target {
    /// Whether the user is asked each time, whatever they agreed to before: any program on the user's machine
    /// can take a loopback port or a custom scheme, so what came back once proves nothing (RFC 8252 §8.6).
    pub fn always_asks(&self) -> bool {
        self.client.client.kind == ClientType::Public && !self.redirect.as_str().starts_with("https://")
    }
}

/// Finds client and redirect URI.
///
/// # Errors
/// What must be shown on a page and never redirected (attack rows A1, A2, B2, C1, C7).
pub async fn target(
    app: &App,
    snapshot: &Arc<Snapshot>,
    client_id: Option<&str>,
    redirect_uri: Option<&str>,
) -> Result<Target, Stop> {
    let unknown = || Reject::Invalid("client_id", "is not a client that may ask here".into());
    let id = client_id.ok_or(Reject::Missing("client_id"))?;
    let id = ClientId::parse(id).ok_or_else(unknown)?;
    let client = app.client(snapshot, &id).await?.filter(|client| client.active).ok_or_else(unknown)?;
    let (redirect, explicit) = match redirect_uri {
        Some(requested) => (client.client.redirect_target(requested), true),
        None => (client.client.sole_redirect(), false),
    };
    let redirect = redirect
        .ok_or_else(|| Reject::Invalid("redirect_uri", "is not one that the client registered".into()))?;
    Ok(Target { client, redirect, explicit })
}

/// Checks all the rest. Steps in order: repeated parameters, response type, grant, PKCE, scope, prompt.
///
/// # Errors
/// What the client is told by redirect.
pub fn validate(target: &Target, params: &AuthorizeParams) -> Result<AuthorizationRequest, Reject> {
    if let Some(name) = params.repeated.first() {
        return Err(Reject::Repeated(name.clone()));
    }
    if let Some(code) = params.request_object {
        return Err(Reject::RequestObject(code));
    }
    match params.response_type.as_deref() {
        None => return Err(Reject::Missing("response_type")),
        Some("code") => {}
        Some(_) => return Err(Reject::ResponseType),
    }
    if params.response_mode.as_deref().is_some_and(|mode| mode != "query") {
        return Err(Reject::Invalid("response_mode", "only query is supported".into()));
    }
    let client = &target.client.client;
    if !client.grants.contains(&GrantType::AuthorizationCode) {
        return Err(Reject::GrantNotAllowed(GrantType::AuthorizationCode));
    }
    if params.state.as_ref().is_some_and(|state| state.len() > MAX_STATE_BYTES) {
        return Err(Reject::Invalid("state", "is longer than 4096 bytes".into()));
    }
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri: target.redirect.as_str().to_owned(),
        redirect_explicit: target.explicit,
        state: params.state.clone(),
        scopes: params
            .scope
            .as_deref()
            .map(scope::parse_list)
            .transpose()
            .map_err(|_| Reject::ScopeMalformed)?,
        challenge: challenge(
            client.pkce,
            params.code_challenge.as_deref(),
            params.code_challenge_method.as_deref(),
        )?,
        prompt: prompt(params.prompt.as_deref())?,
        max_age_s: max_age(params.max_age.as_deref())?,
        login_hint: params.login_hint.clone().filter(|hint| hint.len() <= 255),
    })
}

/// PKCE at the authorization endpoint (RFC 7636 §4.3, §4.4.1), as the client's document demands.
///
/// # Errors
/// [`Reject::Challenge`], `invalid_request` on the wire.
pub fn challenge(
    rule: PkceRule,
    value: Option<&str>,
    method: Option<&str>,
) -> Result<Option<CodeChallenge>, Reject> {
    let Some(value) = value else {
        return match (rule, method) {
            (PkceRule::Optional, None) => Ok(None),
            (_, Some(_)) => Err(Reject::Challenge("code_challenge_method without a code_challenge")),
            _ => Err(Reject::Challenge("code_challenge is required")),
        };
    };
    let method = Method::parse(method).ok_or(Reject::Challenge("code_challenge_method must be S256"))?;
    if method == Method::Plain && rule != PkceRule::Plain {
        return Err(Reject::Challenge("code_challenge_method must be S256"));
    }
    CodeChallenge::parse(value, method)
        .map(Some)
        .ok_or(Reject::Challenge("code_challenge is 43 base64url characters without padding"))
}

fn prompt(text: Option<&str>) -> Result<Prompt, Reject> {
    let mut prompt = Prompt::default();
    for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => {
                let why = "may be none, or of login, consent and select_account";
                return Err(Reject::Invalid("prompt", why.into()));
            }
        }
    }
    if prompt.none && prompt != (Prompt { none: true, ..Prompt::default() }) {
        return Err(Reject::Invalid("prompt", "none stands alone".into()));
    }
    Ok(prompt)
}

fn max_age(text: Option<&str>) -> Result<Option<u64>, Reject> {
    text.map(|text| text.parse().map_err(|_| Reject::Invalid("max_age", "is a number of seconds".into())))
        .transpose()
}

/// The answer that carries an error to the client, with `state` and `iss` (RFC 6749 §4.1.2.1, RFC 9207 §2).
pub fn error_redirect(app: &App, redirect: &RedirectTarget, state: Option<&str>, reject: &Reject) -> String {
    let wire = reject.wire();
    let mut parameters =
        vec![("error", wire.error.as_ref()), ("error_description", wire.description.as_ref())];
    if let Some(state) = state {
        parameters.push(("state", state));
    }
    let explained = app.public.join(&crate::oauth::error_code::path(&wire.error, None));
    parameters.push(("error_uri", explained.as_str()));
    parameters.push(("iss", app.public.issuer()));
    redirect.with(&parameters)
}
