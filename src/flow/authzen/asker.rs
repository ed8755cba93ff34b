//! Who asks for decisions: a client by its secret, or the bearer of an access token; never a session.

use std::sync::Arc;

use super::Ask;
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::caller::{self, Credential, Shown};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{Snapshot, admin};

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
    let Shown { caller, client, kind } = caller::shown(app, ask, snapshot, credential).await?;
    // A user's own token of this server is no client's.
    let client = client.ok_or(Reject::TokenInvalid)?;
    let permitted = |action| caller::permitted_as(app, ask, snapshot, &caller, kind.as_deref(), action);
    permitted(action)?;
    // What is not carried is not even asked.
    let may = |action| caller.carries(action) && permitted(action).is_ok();
    let (asserts, sees_policies) = (may(admin::DECISION_ASSERT), may(admin::POLICY_READ));
    Ok(Asker { client, asserts, sees_policies })
}
