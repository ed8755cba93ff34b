//! Client authentication (RFC 6749 §2.3, RFC 7523 §2.2): one way per client, one way per request.

use std::sync::Arc;

use super::Ask;
use crate::app::App;
use crate::app::clients::ClientState;
use crate::oauth::assertion::{Expectation, UnverifiedAssertion};
use crate::oauth::client::{ClientAuth, ClientId};
use crate::oauth::reject::{ClientProblem, Reject, Stop};
use crate::oauth::secret::SecretHash;
use crate::policy::Snapshot;
use crate::store::AssertionUse;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Clock skew that assertions are given, in seconds.
pub const SKEW_S: u64 = 60;

/// What the `Authorization` header held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Basic {
    /// There was none.
    #[default]
    Absent,
    /// There was one that is not readable as Basic credentials.
    Unreadable,
    /// Client id and secret, form-decoded (RFC 6749 §2.3.1).
    Given(String, String),
}

/// Credentials as a request carries them, before anything is checked.
#[derive(Clone, Default)]
pub struct ClientCredentials {
    /// The `Authorization` header.
    pub basic: Basic,
    /// `client_id` of the body.
    pub client_id: Option<String>,
    /// `client_secret` of the body.
    pub client_secret: Option<String>,
    /// `client_assertion_type`.
    pub assertion_type: Option<String>,
    /// `client_assertion`.
    pub assertion: Option<String>,
}

impl ClientCredentials {
    /// Whether the request tries to prove who it is, beyond naming a client.
    pub fn are_given(&self) -> bool {
        self.basic != Basic::Absent || self.client_secret.is_some() || self.assertion.is_some()
    }

    fn mechanisms(&self) -> usize {
        usize::from(self.basic != Basic::Absent)
            + usize::from(self.client_secret.is_some())
            + usize::from(self.assertion.is_some() || self.assertion_type.is_some())
    }
}

/// Authenticates the caller; a public client is only identified.
///
/// # Errors
/// [`Reject::Client`] for all that fails, [`Reject::TwoCredentials`], [`Reject::ClientIdMismatch`],
/// [`Reject::TooMany`], or a fault.
pub async fn client(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credentials: &ClientCredentials,
) -> Result<Arc<ClientState>, Stop> {
    if credentials.mechanisms() > 1 {
        return Err(Reject::TwoCredentials.into());
    }
    let state = match (&credentials.basic, &credentials.assertion) {
        (Basic::Unreadable, _) => return Err(refused(ClientProblem::Header)),
        (Basic::Given(id, secret), _) => {
            if credentials.client_id.as_ref().is_some_and(|body| body != id) {
                return Err(Reject::ClientIdMismatch.into());
            }
            by_secret(app, ask, snapshot, id, secret).await?
        }
        (Basic::Absent, Some(assertion)) => by_assertion(app, ask, snapshot, credentials, assertion).await?,
        (Basic::Absent, None) => match (&credentials.client_id, &credentials.client_secret) {
            (Some(id), Some(secret)) => by_secret(app, ask, snapshot, id, secret).await?,
            (Some(id), None) if credentials.assertion_type.is_none() => by_name(app, snapshot, id).await?,
            _ => return Err(refused(ClientProblem::NoCredentials)),
        },
    };
    if !state.active {
        return Err(refused(ClientProblem::Inactive));
    }
    Ok(state)
}

/// Authenticates a caller that must be confidential, as introspection demands (RFC 7662 §2.1).
///
/// # Errors
/// As [`client`]; a public client has no credentials, so it is refused.
pub async fn confidential(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credentials: &ClientCredentials,
) -> Result<Arc<ClientState>, Stop> {
    let state = client(app, ask, snapshot, credentials).await?;
    if state.client.auth == ClientAuth::None {
        return Err(refused(ClientProblem::NoCredentials));
    }
    Ok(state)
}

fn refused(problem: ClientProblem) -> Stop {
    Reject::Client(problem).into()
}

async fn lookup(app: &App, snapshot: &Arc<Snapshot>, id: &str) -> Result<Option<Arc<ClientState>>, Stop> {
    match ClientId::parse(id) {
        None => Ok(None),
        Some(id) => Ok(app.client(snapshot, &id).await?),
    }
}

async fn by_secret(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    id: &str,
    secret: &str,
) -> Result<Arc<ClientState>, Stop> {
    let (key, steady) = ((id.to_owned(), ask.ip), app.clock.steady_ms());
    app.client_failures.check(&key, steady).map_err(Reject::TooMany)?;
    let found = lookup(app, snapshot, id).await?;
    // The place is taken where nothing waits any more: a database that is away is nobody's failed attempt, and
    // right secrets that arrive together are none either.
    app.client_failures.begin(&key, steady).map_err(Reject::TooMany)?;
    let Some(state) = found else {
        // As much work as for a known client (attack row F12).
        let _ = SecretHash::of(secret).matches(&[0; 32]);
        return Err(refused(ClientProblem::Unknown));
    };
    let right = state.secret_matches(secret, ask.now_ms);
    if state.client.auth != ClientAuth::Secret {
        return Err(refused(ClientProblem::Method));
    }
    if !right {
        return Err(refused(ClientProblem::Secret));
    }
    app.client_failures.succeeded(&key);
    Ok(state)
}

async fn by_name(app: &App, snapshot: &Arc<Snapshot>, id: &str) -> Result<Arc<ClientState>, Stop> {
    let Some(state) = lookup(app, snapshot, id).await? else { return Err(refused(ClientProblem::Unknown)) };
    if state.client.auth != ClientAuth::None {
        return Err(refused(ClientProblem::NoCredentials));
    }
    Ok(state)
}

async fn by_assertion(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credentials: &ClientCredentials,
    assertion: &str,
) -> Result<Arc<ClientState>, Stop> {
    if credentials.assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err(Reject::Invalid("client_assertion_type", ASSERTION_TYPE.into()).into());
    }
    let problem = |_| refused(ClientProblem::Assertion);
    let unverified = UnverifiedAssertion::parse(assertion).map_err(problem)?;
    let id = unverified.unverified_issuer().to_owned();
    if unverified.unverified_subject() != id {
        return Err(refused(ClientProblem::Assertion));
    }
    if credentials.client_id.as_ref().is_some_and(|body| *body != id) {
        return Err(Reject::ClientIdMismatch.into());
    }
    let Some(state) = lookup(app, snapshot, &id).await? else { return Err(refused(ClientProblem::Unknown)) };
    if state.client.auth != ClientAuth::Key {
        return Err(refused(ClientProblem::Method));
    }
    let audiences = [app.public.issuer()];
    let expectation = Expectation {
        now_ms: ask.now_ms,
        max_ttl_s: app.config.assertions.max_ttl.0,
        skew_s: SKEW_S,
        audiences: &audiences,
        allow_audience_array: false,
        require_jti: true,
    };
    let verified = unverified.verify(&state.keys, &expectation).map_err(problem)?;
    let fresh = app
        .store
        .record_assertion(AssertionUse {
            issuer: id,
            expires_at: verified.remember_until_ms(),
            replay_key: verified.replay_key,
        })
        .await?;
    if !fresh {
        return Err(refused(ClientProblem::Assertion));
    }
    Ok(state)
}
