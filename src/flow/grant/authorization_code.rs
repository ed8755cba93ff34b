//! The authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.5).

use super::{GrantRequest, TokenAnswer, base_facts, decide, issued, sign};
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::{Ask, authenticate};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::{CodeChallenge, CodeVerifier, Method};
use crate::oauth::reject::{CodeProblem, Fault, Reject, Stop, VerifierProblem};
use crate::oauth::scope;
use crate::oauth::secret::SecretHash;
use crate::policy::{GrantFacts, GrantQuestion};
use crate::store::{CodeRow, Redeemed, covers};
use crate::telemetry::Event;

/// Redeems a code, once.
pub(super) async fn redeem(app: &App, ask: &Ask, request: &GrantRequest) -> Result<TokenAnswer, Stop> {
    // 1. The client authenticates; a public one names itself (RFC 6749 §3.2.1).
    let snapshot = app.policies.current();
    let client = authenticate::client(app, ask, &snapshot, &request.credentials).await?;
    if !client.client.grants.contains(&GrantType::AuthorizationCode) {
        return Err(Reject::GrantNotAllowed(GrantType::AuthorizationCode).into());
    }
    // 2. The code is this client's, unused and young enough.
    let presented = request.code.as_deref().ok_or(Reject::Missing("code"))?;
    let hash = SecretHash::of(presented);
    let (code, agreed) = app.store.presented_code(hash).await?.ok_or(Reject::Code(CodeProblem::Unknown))?;
    if code.client_id != client.client.id.as_str() {
        // Another client's try must not hurt the code's owner (attack row E2).
        return Err(Reject::Code(CodeProblem::OtherClient).into());
    }
    if code.used_at.is_some() {
        return Err(replayed(app, ask, hash, &code).await);
    }
    if code.expires_at <= ask.now_ms {
        return Err(Reject::Code(CodeProblem::Expired).into());
    }
    // 3. The same redirect URI as at the authorization endpoint (RFC 6749 §4.1.3).
    check_redirect(request, &code)?;
    // 4. The verifier belongs to the challenge; a wrong one burns the code (attack rows D-2, D-8).
    if let Err(problem) = check_verifier(request.code_verifier.as_deref(), &code)? {
        app.store.burn_code(hash, ask.now_ms).await?;
        return Err(Reject::Verifier(problem).into());
    }
    // 5. The policy decides with the user and client of now (attack row E11).
    let user = app.user(&code.user_id).await?.ok_or(Reject::UserRefused)?.user;
    // A withdrawn consent also takes the codes that are still out, and one to less does not bring them back.
    if !agreed.is_some_and(|agreed| covers(&agreed, &code.scopes)) {
        return Err(Reject::Code(CodeProblem::Withdrawn).into());
    }
    let facts = facts_now(app, ask, &client, &code)?;
    let scopes = scope::parse_list(&code.scopes).map_err(|_| inconsistent("scopes of a code"))?;
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant: GrantType::AuthorizationCode,
        user: Some(&user),
        facts: &facts,
    };
    let permit = decide(app, ask, &snapshot, &question, Some(&scopes)).await?;
    // 6. Sign, then redeem the code and keep the token in one transaction.
    let (signed, row) = sign(app, ask.now_ms, &permit, &facts, code.auth_time, Some(hash))?;
    match app.store.redeem(hash, ask.now_ms, row).await? {
        Redeemed::Now => Ok(issued(app, ask, &permit, signed)),
        Redeemed::Before { .. } => Err(replayed(app, ask, hash, &code).await),
    }
}

/// A second use revokes what the first produced (RFC 6749 §4.1.2).
async fn replayed(app: &App, ask: &Ask, hash: SecretHash, code: &CodeRow) -> Stop {
    match app.store.revoke_by_code(hash, ask.now_ms).await {
        Err(fault) => fault.into(),
        Ok(_) => {
            Event::CodeReused { client: &code.client_id, ip: ask.ip }.emit();
            Reject::Code(CodeProblem::Used).into()
        }
    }
}

fn check_redirect(request: &GrantRequest, code: &CodeRow) -> Result<(), Stop> {
    let fits = match &request.redirect_uri {
        Some(uri) => *uri == code.redirect_uri,
        None => !code.redirect_explicit,
    };
    if fits { Ok(()) } else { Err(Reject::Code(CodeProblem::RedirectUri).into()) }
}

fn check_verifier(verifier: Option<&str>, code: &CodeRow) -> Result<Result<(), VerifierProblem>, Stop> {
    let challenge = match (&code.code_challenge, &code.challenge_method) {
        (None, _) => None,
        (Some(value), method) => {
            let method = Method::parse(method.as_deref()).ok_or_else(|| inconsistent("method of a code"))?;
            Some(CodeChallenge { method, value: value.clone() })
        }
    };
    Ok(match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(VerifierProblem::Unexpected),
        (Some(_), None) => Err(VerifierProblem::Missing),
        (Some(challenge), Some(text)) => match CodeVerifier::parse(text) {
            None => Err(VerifierProblem::Syntax),
            Some(verifier) if challenge.matches(&verifier) => Ok(()),
            Some(_) => Err(VerifierProblem::Wrong),
        },
    })
}

/// What was recorded when the user agreed, brought to the moment of the token request.
fn facts_now(app: &App, ask: &Ask, client: &ClientState, code: &CodeRow) -> Result<GrantFacts, Stop> {
    let recorded: GrantFacts =
        serde_json::from_str(&code.facts).map_err(|_| inconsistent("facts of a code"))?;
    let base = base_facts(app, &client.client, ask.now_ms, ask.ip);
    let auth_age_s = code.auth_time.map(|at| u64::try_from((ask.now_ms - at) / 1_000).unwrap_or(0));
    Ok(GrantFacts { now_ms: base.now_ms, ip: base.ip, ttl_s: base.ttl_s, auth_age_s, ..recorded })
}

fn inconsistent(what: &str) -> Stop {
    Fault::Inconsistent(what.to_owned()).into()
}
