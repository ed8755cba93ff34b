//! The JWT bearer grant (RFC 7523 §2.1, §3.1), in RFC 7523's shape and in the plugin's.

use std::sync::Arc;

use super::{GrantRequest, TokenAnswer, base_facts, decide, issued, requested_scopes, sign};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::authenticate::SKEW_S;
use crate::flow::{Ask, authenticate};
use crate::oauth::assertion::{AssertionError, Expectation, UnverifiedAssertion, VerifiedAssertion};
use crate::oauth::client::{AssertionStyle, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{ClientProblem, Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{GrantFacts, GrantQuestion, Snapshot};
use crate::store::{AssertionUse, Inserted};

/// Exchanges an assertion for a token, once.
pub(super) async fn exchange(app: &App, ask: &Ask, request: &GrantRequest) -> Result<TokenAnswer, Stop> {
    let snapshot = app.policies.current();
    // 1. The assertion names the client whose keys may verify it.
    let text = request.assertion.as_deref().ok_or(Reject::Missing("assertion"))?;
    let unverified = UnverifiedAssertion::parse(text).map_err(Reject::Assertion)?;
    let client = named_client(app, &snapshot, &unverified).await?;
    // 2. Credentials that are sent as well must be right; some clients must send them.
    check_credentials(app, ask, &snapshot, request, &client).await?;
    // 3. Signature, lifetime and audience (RFC 7523 §3).
    let assertion = verify(app, ask, unverified, &client)?;
    if !client.active {
        return Err(Reject::Client(ClientProblem::Inactive).into());
    }
    // 4. Whom the token is for.
    let user = subject(app, &client, &assertion).await?;
    // 5. The policy decides.
    let scopes = wanted(request.scope.as_deref(), assertion.scope.as_deref())?;
    let facts = GrantFacts {
        alg: Some(assertion.alg.to_owned()),
        assertion_ttl_s: Some(assertion.ttl_s),
        ..base_facts(app, &client.client, ask.now_ms, ask.ip)
    };
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant: GrantType::JwtBearer,
        user: user.as_deref(),
        facts: &facts,
    };
    let permit = decide(app, ask, &snapshot, &question, scopes.as_deref()).await?;
    // 6. Sign, then remember the assertion and keep the token in one transaction.
    let (signed, row) = sign(app, ask.now_ms, &permit, &facts, None, None)?;
    let remember = AssertionUse {
        issuer: client.client.id.as_str().to_owned(),
        expires_at: assertion.remember_until_ms(),
        replay_key: assertion.replay_key,
    };
    match app.store.insert_token_with_assertion(row, remember).await? {
        Inserted::Now => Ok(issued(app, ask, &permit, signed)),
        Inserted::Replayed => Err(Reject::Assertion(AssertionError::Replayed).into()),
    }
}

/// `iss` names the client in RFC 7523's shape, `sub` in the plugin's; the client's document says which.
async fn named_client(
    app: &App,
    snapshot: &Arc<Snapshot>,
    assertion: &UnverifiedAssertion,
) -> Result<Arc<ClientState>, Stop> {
    let candidates = [
        (assertion.unverified_issuer(), AssertionStyle::Rfc7523),
        (assertion.unverified_subject(), AssertionStyle::Owner),
    ];
    for (name, style) in candidates {
        let Some(id) = ClientId::parse(name) else { continue };
        if let Some(state) = app.client(snapshot, &id).await?
            && state.client.assertion_style == style
        {
            return Ok(state);
        }
    }
    Err(Reject::Assertion(AssertionError::UnknownIssuer).into())
}

async fn check_credentials(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    request: &GrantRequest,
    client: &ClientState,
) -> Result<(), Stop> {
    let credentials = &request.credentials;
    if credentials.are_given() {
        let caller = authenticate::client(app, ask, snapshot, credentials).await?;
        if caller.client.id != client.client.id {
            return Err(Reject::Assertion(AssertionError::UnknownIssuer).into());
        }
        return Ok(());
    }
    if credentials.client_id.as_deref().is_some_and(|id| id != client.client.id.as_str()) {
        return Err(Reject::ClientIdMismatch.into());
    }
    if client.client.require_secret {
        return Err(Reject::Client(ClientProblem::NoCredentials).into());
    }
    Ok(())
}

fn verify(
    app: &App,
    ask: &Ask,
    assertion: UnverifiedAssertion,
    client: &ClientState,
) -> Result<VerifiedAssertion, Stop> {
    let endpoints = app.token_endpoints();
    let mut audiences = vec![app.public.issuer(), app.audience()];
    audiences.extend(endpoints.iter().map(String::as_str));
    audiences.extend(app.config.assertions.audience.as_deref());
    let expectation = Expectation {
        now_ms: ask.now_ms,
        max_ttl_s: app.config.assertions.max_ttl.0,
        skew_s: SKEW_S,
        audiences: &audiences,
        allow_audience_array: true,
        // The plugin's assertions have no jti: their own hash is the replay key (design §6).
        require_jti: client.client.assertion_style == AssertionStyle::Rfc7523,
    };
    let verified = assertion.verify(&client.keys, &expectation).map_err(Reject::Assertion)?;
    if verified.client_authentication {
        return Err(Reject::Assertion(AssertionError::WrongUse).into());
    }
    Ok(verified)
}

/// The user behind the token; none for a machine token. Whether the client may act for the user
/// is the policy's to say.
async fn subject(
    app: &App,
    client: &ClientState,
    assertion: &VerifiedAssertion,
) -> Result<Option<Arc<User>>, Stop> {
    let name = match client.client.assertion_style {
        AssertionStyle::Rfc7523 if assertion.subject == client.client.id.as_str() => return Ok(None),
        AssertionStyle::Rfc7523 => &assertion.subject,
        AssertionStyle::Owner => &assertion.issuer,
    };
    match app.user_named(name).await? {
        Some(user) => Ok(Some(user)),
        None => Err(Reject::UserRefused.into()),
    }
}

/// The form's scope, else the claim's; with both, the form's must lie within the claim's (design §6).
fn wanted(form: Option<&str>, claim: Option<&str>) -> Result<Option<Vec<Scope>>, Stop> {
    let (form, claim) = (requested_scopes(form)?, requested_scopes(claim)?);
    if let (Some(form), Some(claim)) = (&form, &claim)
        && let Some(outside) = form.iter().find(|scope| !claim.contains(scope))
    {
        return Err(Reject::ScopeDenied { scope: outside.clone(), policies: Vec::new() }.into());
    }
    Ok(form.or(claim))
}
