//! Who asks for decisions: a client by its secret, or the bearer of an access token; never a session.

use std::sync::Arc;

use super::Ask;
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::authenticate::{self, Basic, ClientCredentials};
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::policy::{AdminResource, Snapshot, admin};

/// How somebody shows who they are.
#[derive(Clone, Debug)]
pub enum Credential {
    /// No `Authorization` header.
    Absent,
    /// One that is neither.
    Unreadable,
    /// A client's id and secret.
    Basic(String, String),
    /// An access token.
    Bearer(String),
}

/// Somebody who may ask.
#[derive(Clone, Debug)]
pub struct Asker {
    caller: Caller,
    /// The client that asks. It stands for the client of a user's question that names none.
    pub client: Arc<ClientState>,
    scopes: Arc<[Scope]>,
    /// Whether what it states about a subject, time, address and request is believed.
    pub asserts: bool,
    /// Whether it may see which policies decided.
    pub sees_policies: bool,
}

/// Authenticates the caller and asks the policy whether it may do this.
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], [`Reject::Client`], what [`caller::permitted`] refuses,
/// or a fault.
pub async fn asker(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credential: Credential,
    action: &'static str,
) -> Result<Asker, Stop> {
    let (caller, client, scopes) = match credential {
        Credential::Absent => return Err(Reject::TokenMissing.into()),
        Credential::Unreadable => return Err(Reject::TokenInvalid.into()),
        Credential::Basic(id, secret) => {
            let credentials = ClientCredentials { basic: Basic::Given(id, secret), ..Default::default() };
            let client = authenticate::confidential(app, ask, snapshot, &credentials).await?;
            // The secret carries what a token of the client could: its own scopes below the ceiling.
            let ceiling = &snapshot.global().scopes;
            let carried = |scope: &&Scope| {
                admin::DECISIONS.contains(&scope.as_str()) && ceiling.binary_search(scope).is_ok()
            };
            let scopes: Arc<[Scope]> = client.client.scopes.iter().filter(carried).cloned().collect();
            (Caller::client(Arc::clone(&client), Arc::clone(&scopes)), client, scopes)
        }
        Credential::Bearer(token) => {
            let (caller, live) = caller::access_token(app, ask, snapshot, &token).await?;
            (caller, live.client, live.scopes)
        }
    };
    caller::permitted(app, ask, snapshot, &caller, action, AdminResource::Server)?;
    let mut asker = Asker { caller, client, scopes, asserts: false, sees_policies: false };
    asker.asserts = asker.may(app, ask, snapshot, admin::DECISION_ASSERT);
    asker.sees_policies = asker.may(app, ask, snapshot, admin::POLICY_READ);
    Ok(asker)
}

impl Asker {
    /// Whether the policy permits more; what is not carried is not even asked.
    fn may(&self, app: &App, ask: &Ask, snapshot: &Snapshot, action: &'static str) -> bool {
        self.scopes.iter().any(|scope| scope.as_str() == action)
            && caller::permitted(app, ask, snapshot, &self.caller, action, AdminResource::Server).is_ok()
    }
}
