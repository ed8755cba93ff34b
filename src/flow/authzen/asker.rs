//! Who asks for decisions: a client by its secret, or the bearer of an access token; never a session.

use std::sync::Arc;

use super::Ask;
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::authenticate::{self, Basic, ClientCredentials};
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::policy::{Snapshot, admin};

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
    /// The client that asks. It stands for the client of a user's question that names none.
    pub client: Arc<ClientState>,
    /// Whether what it states about a subject, time, address and request is believed.
    pub asserts: bool,
    /// Whether it may see which policies decided.
    pub sees_policies: bool,
}

/// Authenticates the caller and asks the policy whether it may do this.
///
/// # Errors
/// [`Reject::TokenMissing`], [`Reject::TokenInvalid`], [`Reject::Client`], what [`caller::permitted_as`]
/// refuses, or a fault.
pub async fn asker(
    app: &App,
    ask: &Ask,
    snapshot: &Arc<Snapshot>,
    credential: Credential,
    action: &'static str,
) -> Result<Asker, Stop> {
    app.decisions.writable()?;
    let (caller, client, kind) = match credential {
        Credential::Absent => return Err(Reject::TokenMissing.into()),
        Credential::Unreadable => return Err(Reject::TokenInvalid.into()),
        Credential::Basic(id, secret) => {
            let credentials = ClientCredentials { basic: Basic::Given(id, secret), ..Default::default() };
            let client = authenticate::confidential(app, ask, snapshot, &credentials).await?;
            let kind = app.live_key(snapshot, &client, None).map(|key| {
                let name = format_args!("secret {}", client.client.id);
                app.kind_without_token(name, key, || stands_for(snapshot, &client))
            });
            let scopes = kind.as_ref().map_or_else(|| stands_for(snapshot, &client), |k| Arc::clone(&k.scopes));
            (Caller::client(Arc::clone(&client), scopes), client, kind)
        }
        Credential::Bearer(token) => {
            let (caller, live) = caller::access_token(app, ask, snapshot, &token).await?;
            (caller, live.client, live.kind)
        }
    };
    let permitted = |action| caller::permitted_as(app, ask, snapshot, &caller, kind.as_deref(), action);
    permitted(action)?;
    // What is not carried is not even asked.
    let may = |action| caller.carries(action) && permitted(action).is_ok();
    let (asserts, sees_policies) = (may(admin::DECISION_ASSERT), may(admin::POLICY_READ));
    Ok(Asker { client, asserts, sees_policies })
}

/// A secret carries what a token of the client could: its own scopes below the ceiling.
fn stands_for(snapshot: &Snapshot, client: &ClientState) -> Arc<[Scope]> {
    let ceiling = &snapshot.global().scopes;
    let carried =
        |scope: &&Scope| admin::DECISIONS.contains(&scope.as_str()) && ceiling.binary_search(scope).is_ok();
    client.client.scopes.iter().filter(carried).cloned().collect()
}
