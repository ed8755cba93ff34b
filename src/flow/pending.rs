//! Authorization requests that wait for their user: kept by the server, bound to the browser, answered once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Ask;
use super::authorize::{self, AuthorizationRequest, AuthorizeParams, Target};
use super::consent::{self, Choice, ConsentData, SignedIn};
use crate::app::users::canonical;
use crate::app::{App, clock};
use crate::config::EarlyErrors;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope;
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
    /// The user must say whether this is the account.
    Choose(AuthorizationRequest, SignedIn),
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
    /// Whether the user said which account it is.
    #[serde(default)]
    chosen: bool,
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
    let answer = taken(app, ask, params, browser, signed_in).await;
    if let Err(Stop::Reject(reject)) = &answer {
        unasked(app, ask, params, reject);
    }
    answer
}

fn unasked(app: &App, ask: &Ask, params: &AuthorizeParams, reject: &Reject) {
    let (client, action) = (params.client_id.as_deref(), GrantType::AuthorizationCode.action());
    super::unasked::refused(app, ask, client, action, reject);
}

async fn taken(
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
        // Attack rows C7, D15: whoever asks for it is shown a page, before a person did anything.
        Err(reject) if app.config.pages.early_errors == EarlyErrors::Page => return Err(reject.into()),
        Err(reject) => {
            unasked(app, ask, params, &reject);
            return Ok(Answer::Redirect(refused(app, &target, params.state.as_deref(), &reject)));
        }
    };
    if request.prompt.none {
        let answer = without_asking(app, ask, &target, &request, signed_in).await?;
        return Ok(Answer::Redirect(answer));
    }
    if let Some(page) = &app.config.pages.consent_url {
        return Ok(Answer::Redirect(elsewhere(page, &request)));
    }
    if let Some(answer) = at_once(app, ask, &target, &request, signed_in).await? {
        return Ok(Answer::Redirect(answer));
    }
    let secret = clock::new_secret(Kind::Transaction)?;
    let pending = Pending { request, since_ms: ask.now_ms, chosen: false };
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

/// A team's own consent page, with the request as it was checked. That page makes the two calls of the consent
/// API, which check everything again (attack row D14).
fn elsewhere(page: &str, request: &AuthorizationRequest) -> String {
    let scope = request.scopes.as_deref().map(scope::join);
    let challenge = request.challenge.as_ref();
    let max_age = request.max_age_s.map(|seconds| seconds.to_string());
    let prompt = request.prompt.to_string();
    let pairs = [
        ("response_type", Some("code")),
        ("client_id", Some(request.client_id.as_str())),
        ("redirect_uri", Some(request.redirect_uri.as_str())),
        ("scope", scope.as_deref()),
        ("state", request.state.as_deref()),
        ("code_challenge", challenge.map(|challenge| challenge.value.as_str())),
        ("code_challenge_method", challenge.map(|challenge| challenge.method.name())),
        ("prompt", Some(prompt.as_str()).filter(|prompt| !prompt.is_empty())),
        ("max_age", max_age.as_deref()),
        ("login_hint", request.login_hint.as_deref()),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}{}", query.finish())
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
    let Some(signed_in) = signed_in.filter(|who| young_enough(ask, request, who) && is_meant(request, who))
    else {
        return Ok(refused(app, target, state, &Reject::LoginRequired));
    };
    let answer = agreed_before(app, ask, target, request, signed_in).await?;
    Ok(answer.unwrap_or_else(|| refused(app, target, state, &Reject::ConsentRequired)))
}

/// The answer where nobody need be asked anything, so that nothing has to wait and no page is passed through.
async fn at_once(
    app: &App,
    ask: &Ask,
    target: &Target,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
) -> Result<Option<String>, Stop> {
    let prompt = &request.prompt;
    let asks = prompt.login || prompt.consent || prompt.select_account;
    match signed_in.filter(|who| !asks && young_enough(ask, request, who) && is_meant(request, who)) {
        Some(signed_in) => agreed_before(app, ask, target, request, signed_in).await,
        None => Ok(None),
    }
}

/// The answer where the user agreed before to all that is asked for.
async fn agreed_before(
    app: &App,
    ask: &Ask,
    target: &Target,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
) -> Result<Option<String>, Stop> {
    if target.always_asks() {
        return Ok(None);
    }
    let snapshot = app.policies.current();
    let client = Arc::clone(&target.client);
    let data = consent::data(app, ask, &snapshot, client, signed_in, request.scopes.as_deref()).await?;
    if !consent::is_remembered(&data) {
        return Ok(None);
    }
    Ok(Some(consent::decide(app, ask, target, request, signed_in, remembered(&data)).await?))
}

/// What was agreed to before of what is asked for now.
fn remembered(data: &ConsentData) -> Choice {
    let agreed = data.scopes.iter().filter(|detail| detail.permitted && detail.granted);
    Choice::Remembered(agreed.map(|detail| detail.scope.clone()).collect())
}

/// Whether the user is the one whom `login_hint` names, where it names one.
fn is_meant(request: &AuthorizationRequest, who: &SignedIn) -> bool {
    request.login_hint.as_deref().is_none_or(|hint| {
        let hint = canonical(hint);
        hint == canonical(&who.user.username) || hint == who.user.email
    })
}

/// Whether the sign-in will do: since the request came, or young enough where no new one was asked for.
fn fresh_enough(ask: &Ask, pending: &Pending, who: &SignedIn) -> bool {
    who.auth_time_ms >= pending.since_ms
        || (!pending.request.prompt.login && young_enough(ask, &pending.request, who))
}

fn young_enough(ask: &Ask, request: &AuthorizationRequest, who: &SignedIn) -> bool {
    request.max_age_s.is_none_or(|most| {
        u64::try_from((ask.now_ms - who.auth_time_ms) / 1_000).is_ok_and(|age| age <= most)
    })
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
    let Some(signed_in) = signed_in.filter(|who| fresh_enough(ask, &pending, who)) else {
        return Ok(Step::SignIn(pending.request));
    };
    let unchosen = !pending.chosen && signed_in.auth_time_ms < pending.since_ms;
    let request = pending.request;
    if request.prompt.select_account && unchosen {
        return Ok(Step::Choose(request, signed_in));
    }
    let target = same_target(app, &request).await?;
    let snapshot = app.policies.current();
    let client = Arc::clone(&target.client);
    let mut data = consent::data(app, ask, &snapshot, client, &signed_in, request.scopes.as_deref()).await?;
    if request.prompt.consent || target.always_asks() || !consent::is_remembered(&data) {
        consent::tell_why(app, ask, &mut data, &signed_in);
        return Ok(Step::Decide(Box::new(data), request, signed_in));
    }
    once(app, ask, secret).await?;
    let choice = remembered(&data);
    Ok(Step::Redirect(consent::decide(app, ask, &target, &request, &signed_in, choice).await?))
}

/// The user said that the account is the one that is signed in.
///
/// # Errors
/// What must be shown on a page.
pub async fn choose(app: &App, ask: &Ask, secret: &str, browser: SecretHash) -> Result<(), Stop> {
    let pending = Pending { chosen: true, ..waiting(app, ask, secret, browser).await? };
    let row = serde_json::to_string(&pending).unwrap_or_default();
    match app.store.update_authorization(SecretHash::of(secret), row, ask.now_ms).await? {
        true => Ok(()),
        false => Err(Reject::NotFound("pending request; it was answered already").into()),
    }
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
    let Some(signed_in) = signed_in.filter(|who| fresh_enough(ask, &pending, who)) else {
        return Ok(Step::SignIn(pending.request));
    };
    let request = pending.request;
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
