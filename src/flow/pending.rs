//! Authorization requests that wait for their user: kept by the server, bound to the browser, answered once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Ask;
use super::authorize::{self, AuthorizationRequest, AuthorizeParams, Prompt, Target};
use super::consent::{self, Choice, ConsentData, SignedIn};
use crate::app::{App, clock};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::{Kind, Secret, SecretHash};
use crate::store::AuthorizationRow;

/// How long a request waits for its user, in milliseconds.
const WAITS_MS: i64 = 900_000;

/// What the authorization endpoint answers.
pub enum Answer {
    /// To the client, at its validated redirect URI.
    Redirect(String),
    /// The user is asked; the secret names the request.
    Ask(Secret),
}

/// What stands in the way of an answer.
pub enum Step {
    /// The user must sign in (again).
    SignIn(AuthorizationRequest),
    /// The user must decide.
    Decide(Box<ConsentData>, AuthorizationRequest, SignedIn),
    /// Nothing: to the client.
    Redirect(String),
}

/// A request as its row keeps it.
#[derive(Serialize, Deserialize)]
struct Pending {
    request: AuthorizationRequest,
    since_ms: i64,
}

/// Takes an authorization request (RFC 6749 §4.1.1).
///
/// # Errors
/// What must be shown on a page and never redirected.
pub async fn begin(
    app: &App,
    ask: &Ask,
    params: &AuthorizeParams,
    browser: SecretHash,
    signed_in: Option<&SignedIn>,
) -> Result<Answer, Stop> {
    let snapshot = app.policies.current();
    for name in ["client_id", "redirect_uri"] {
        if params.repeated.iter().any(|repeated| repeated == name) {
            return Err(Reject::Repeated(name.to_owned()).into());
        }
    }
    let client_id = params.client_id.as_deref();
    let target = authorize::target(app, &snapshot, client_id, params.redirect_uri.as_deref()).await?;
    let request = match authorize::validate(&target, params) {
        Ok(request) => request,
        Err(reject) => return Ok(Answer::Redirect(refused(app, &target, params.state.as_deref(), &reject))),
    };
    if request.prompt == Prompt::None {
        let answer = without_asking(app, ask, &target, &request, signed_in).await?;
        return Ok(Answer::Redirect(answer));
    }
    let secret = clock::new_secret(Kind::Transaction)?;
    let pending = Pending { request, since_ms: ask.now_ms };
    let row = AuthorizationRow {
        hash: secret.hash(),
        browser_hash: browser,
        client_id: target.client.client.id.as_str().to_owned(),
        request: serde_json::to_string(&pending).unwrap_or_default(),
        created_at: ask.now_ms,
        expires_at: ask.now_ms + WAITS_MS,
        done_at: None,
    };
    let cap = i64::from(app.config.limits.pending_authorizations);
    if !app.store.insert_authorization(row, cap, ask.now_ms).await? {
        return Err(Reject::TooMany(60).into());
    }
    Ok(Answer::Ask(secret))
}

fn refused(app: &App, target: &Target, state: Option<&str>, reject: &Reject) -> String {
    authorize::error_redirect(app, &target.redirect, state, reject)
}

/// `prompt=none`: an answer at once, or the reason why there is none (OpenID Connect Core §3.1.2.6).
async fn without_asking(
    app: &App,
    ask: &Ask,
    target: &Target,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
) -> Result<String, Stop> {
    let state = request.state.as_deref();
    let Some(signed_in) = signed_in.filter(|who| fresh_enough(ask, request, who, 0)) else {
        return Ok(refused(app, target, state, &Reject::LoginRequired));
    };
    let snapshot = app.policies.current();
    let client = Arc::clone(&target.client);
    let data = consent::data(app, ask, &snapshot, client, signed_in, request.scopes.as_deref()).await?;
    if !consent::is_remembered(&data) {
        return Ok(refused(app, target, state, &Reject::ConsentRequired));
    }
    Ok(consent::decide(app, ask, target, request, signed_in, Choice::Approve(None)).await?)
}

/// Whether the sign-in will do: young enough, and after the request where it asked for one.
fn fresh_enough(ask: &Ask, request: &AuthorizationRequest, who: &SignedIn, since_ms: i64) -> bool {
    let young = request.max_age_s.is_none_or(|most| {
        u64::try_from((ask.now_ms - who.auth_time_ms) / 1_000).is_ok_and(|age| age <= most)
    });
    young && (request.prompt != Prompt::Login || who.auth_time_ms >= since_ms)
}

/// Finds a request that waits, for the browser that began it (attack row B14).
async fn waiting(app: &App, ask: &Ask, secret: &str, browser: SecretHash) -> Result<Pending, Stop> {
    let gone = || Reject::NotFound("pending request; go back to the application and start again");
    let row = app.store.authorization(SecretHash::of(secret)).await?.ok_or_else(gone)?;
    let mine = browser.matches(&row.browser_hash.0);
    if !mine || row.done_at.is_some() || row.expires_at <= ask.now_ms {
        return Err(gone().into());
    }
    serde_json::from_str(&row.request)
        .map_err(|_| Fault::Inconsistent("a pending authorization".to_owned()).into())
}

/// What must happen next for a request that waits. Client and redirect URI are checked anew, since
/// either may have changed meanwhile.
///
/// # Errors
/// What must be shown on a page.
pub async fn next(
    app: &App,
    ask: &Ask,
    secret: &str,
    browser: SecretHash,
    signed_in: Option<SignedIn>,
) -> Result<Step, Stop> {
    let pending = waiting(app, ask, secret, browser).await?;
    let request = pending.request;
    let fresh = signed_in.filter(|who| fresh_enough(ask, &request, who, pending.since_ms));
    let Some(signed_in) = fresh else { return Ok(Step::SignIn(request)) };
    let target = same_target(app, &request).await?;
    let snapshot = app.policies.current();
    let client = Arc::clone(&target.client);
    let data = consent::data(app, ask, &snapshot, client, &signed_in, request.scopes.as_deref()).await?;
    if request.prompt == Prompt::Consent || !consent::is_remembered(&data) {
        return Ok(Step::Decide(Box::new(data), request, signed_in));
    }
    once(app, ask, secret).await?;
    let choice = Choice::Approve(None);
    Ok(Step::Redirect(consent::decide(app, ask, &target, &request, &signed_in, choice).await?))
}

/// Carries out the user's decision, once; the answer is where the browser goes.
///
/// # Errors
/// What must be shown on a page.
pub async fn decide(
    app: &App,
    ask: &Ask,
    secret: &str,
    browser: SecretHash,
    signed_in: Option<SignedIn>,
    choice: Choice,
) -> Result<Step, Stop> {
    let pending = waiting(app, ask, secret, browser).await?;
    let request = pending.request;
    let fresh = signed_in.filter(|who| fresh_enough(ask, &request, who, pending.since_ms));
    let Some(signed_in) = fresh else { return Ok(Step::SignIn(request)) };
    let target = same_target(app, &request).await?;
    once(app, ask, secret).await?;
    Ok(Step::Redirect(consent::decide(app, ask, &target, &request, &signed_in, choice).await?))
}

async fn same_target(app: &App, request: &AuthorizationRequest) -> Result<Target, Stop> {
    let snapshot = app.policies.current();
    let id = Some(request.client_id.as_str());
    let mut target = authorize::target(app, &snapshot, id, Some(&request.redirect_uri)).await?;
    target.explicit = request.redirect_explicit;
    Ok(target)
}

async fn once(app: &App, ask: &Ask, secret: &str) -> Result<(), Stop> {
    match app.store.finish_authorization(SecretHash::of(secret), ask.now_ms).await? {
        true => Ok(()),
        false => Err(Reject::NotFound("pending request; it was answered already").into()),
    }
}
