//! The token endpoint (RFC 6749 §3.2): which grant it is, and what all grants share.

mod authorization_code;
mod client_credentials;
mod jwt_bearer;

use std::net::IpAddr;

use super::authenticate::ClientCredentials;
use super::{Ask, unasked};
use crate::app::App;
use crate::app::clock;
use crate::keys::{AccessClaims, SignedToken};
use crate::oauth::client::{Client, is_name};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope::{self, Scope};
use crate::oauth::secret::SecretHash;
use crate::policy::permit::{IssueToken, Permit};
use crate::policy::{Answers, GrantFacts, GrantQuestion, OnDenied, Requested, Snapshot, Trace};
use crate::store::NewToken;
use crate::telemetry::Event;

/// A token request as it came: parsed once, nothing checked.
#[derive(Clone, Default)]
pub struct GrantRequest {
    /// `grant_type`.
    pub grant_type: Option<String>,
    /// `code`.
    pub code: Option<String>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `code_verifier`.
    pub code_verifier: Option<String>,
    /// `assertion`.
    pub assertion: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// How the client authenticates.
    pub credentials: ClientCredentials,
}

/// A successful answer (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// What it carries.
    pub scope: String,
}

/// Answers a token request.
///
/// # Errors
/// The refusal, with the code that RFC 6749 §5.2 has for it, or a fault.
pub async fn token(app: &App, ask: &Ask, request: GrantRequest) -> Result<TokenAnswer, Stop> {
    let name = request.grant_type.as_deref();
    // Only the wire's names are grant types here; documents have short ones of their own.
    let grant = GrantType::ALL.into_iter().find(|g| Some(g.name()) == name);
    let result = match grant {
        None if name.is_none() => Err(Reject::Missing("grant_type").into()),
        None => Err(Reject::UnsupportedGrant.into()),
        Some(GrantType::AuthorizationCode) => authorization_code::redeem(app, ask, &request).await,
        Some(GrantType::JwtBearer) => jwt_bearer::exchange(app, ask, &request).await,
        Some(GrantType::ClientCredentials) => client_credentials::issue(app, ask, &request).await,
    };
    if let Err(stop) = &result {
        refused(app, ask, &request, grant, stop);
    }
    result
}

fn refused(app: &App, ask: &Ask, request: &GrantRequest, grant: Option<GrantType>, stop: &Stop) {
    let action = grant.map_or("grant", GrantType::action);
    let grant = grant.map_or("unknown", GrantType::short);
    let client = match &request.credentials.basic {
        super::authenticate::Basic::Given(id, _) => Some(id.as_str()),
        _ => request.credentials.client_id.as_deref(),
    };
    match stop {
        Stop::Reject(reject) => {
            app.metrics.token_denied(grant, &reject.wire().error);
            unasked::refused(app, ask, client, action, reject);
            // A name that nobody checked may be anything, a secret in the wrong field included.
            let client = client.filter(|name| is_name(name));
            Event::TokenRefused { client, grant: Some(grant), reject, ip: ask.ip }.emit();
        }
        Stop::Fault(fault) => {
            app.metrics.token_denied(grant, "server_error");
            if matches!(fault, Fault::Unavailable(_)) {
                app.metrics.db_busy();
            }
        }
    }
}

/// The scope of a request: absent = all that the client has and the policy permits (design §6).
fn requested_scopes(text: Option<&str>) -> Result<Option<Vec<Scope>>, Stop> {
    text.map(|text| scope::parse_list(text).map_err(|_| Reject::ScopeMalformed.into())).transpose()
}

fn asked(scopes: Option<&[Scope]>) -> Requested<'_> {
    scopes.map_or(Requested::All, Requested::Exactly)
}

fn on_denied(app: &App) -> OnDenied {
    match app.config.scopes.on_denied {
        crate::config::OnDenied::Reject => OnDenied::Reject,
        crate::config::OnDenied::Narrow => OnDenied::Narrow,
    }
}

/// What the policy permitted, and the id of the token that is about to be signed.
struct Permitted {
    permit: Permit<IssueToken>,
    jti: String,
}

/// Asks the policy, counts and records the answer. Under `audit.required` nothing is signed before that is durable.
async fn decide(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    question: &GrantQuestion<'_>,
    scopes: Option<&[Scope]>,
) -> Result<Permitted, Stop> {
    let jti = clock::new_row_id()?;
    let errors = app.policies.evaluation_errors();
    let started = std::time::Instant::now();
    let mut answers = Answers::default();
    let permit = snapshot.issue_token_told(question, asked(scopes), on_denied(app), &mut answers);
    let took = started.elapsed();
    let errors = usize::try_from(app.policies.evaluation_errors() - errors).unwrap_or(0);
    app.metrics.decided(question.grant.action(), permit.is_ok(), errors, took);
    let trace = Trace { request_id: &ask.request_id, jti: permit.is_ok().then_some(jti.as_str()), took };
    app.decisions.granted(&app.store, snapshot, question, &answers, trace).await?;
    Ok(Permitted { permit: permit?, jti })
}

/// The facts that every grant question has; each grant adds its own.
fn base_facts(app: &App, client: &Client, now_ms: i64, ip: IpAddr) -> GrantFacts {
    let ttl_s = client.access_token_ttl.unwrap_or(app.config.tokens.access_ttl.0);
    GrantFacts { audience: vec![app.audience().to_owned()], ..GrantFacts::new(now_ms, ip, ttl_s) }
}

/// Signs what the policy permitted and makes the row that tracks it. Nothing is written yet:
/// the signature is made before the write, so that it never holds the database's lock.
fn sign(
    app: &App,
    now_ms: i64,
    permitted: &Permitted,
    facts: &GrantFacts,
    auth_time_ms: Option<i64>,
    code_hash: Option<SecretHash>,
) -> Result<(SignedToken, NewToken), Stop> {
    let claims = AccessClaims {
        issuer: app.public.issuer().to_owned(),
        jti: permitted.jti.clone(),
        issued_at_ms: now_ms,
        auth_time_ms,
    };
    let signed = app.key_ring().sign_access_token(&permitted.permit, &claims, now_ms)?;
    let permitted = permitted.permit.get();
    let row = NewToken {
        jti: claims.jti,
        document_id: clock::new_row_id()?,
        token_hash: signed.hash,
        kid: signed.kid.clone(),
        client_id: permitted.client.as_str().to_owned(),
        user_id: permitted.user.as_deref().map(ToOwned::to_owned),
        scopes: scope::join(&permitted.scopes),
        grant_type: permitted.grant.name().to_owned(),
        audience: json(&permitted.audience),
        facts: json(facts),
        revision: permitted.revision.as_ref().to_owned(),
        policies: permitted.policies.join(" "),
        code_hash,
        created_at: now_ms,
        // Whole seconds, as the token itself says.
        expires_at: (now_ms / 1_000 + permitted.ttl_s as i64) * 1_000,
    };
    Ok((signed, row))
}

/// Our own plain data always serialises.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Counts, logs and answers an issued token.
fn issued(app: &App, ask: &Ask, issued: &Permitted, token: SignedToken) -> TokenAnswer {
    let permitted = issued.permit.get();
    app.metrics.token_issued(permitted.grant.short(), app.key_ring().alg().name());
    app.last_used.client(permitted.client.as_str(), ask.now_ms);
    if permitted.grant == GrantType::AuthorizationCode
        && let Some(user) = &permitted.user
    {
        app.last_used.consent(user, permitted.client.as_str(), ask.now_ms);
    }
    let scope = scope::join(&permitted.scopes);
    Event::TokenIssued {
        client: permitted.client.as_str(),
        user: permitted.user.as_deref(),
        grant: permitted.grant.short(),
        jti: &issued.jti,
        scope: &scope,
        kid: &token.kid,
        revision: &permitted.revision,
    }
    .emit();
    TokenAnswer { access_token: token.token, expires_in: permitted.ttl_s, scope }
}
