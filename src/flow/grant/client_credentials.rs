//! The client credentials grant (RFC 6749 §4.4): deprecated, off unless a client's document turns it on.

use super::{GrantRequest, TokenAnswer, base_facts, decide, issued, requested_scopes, sign};
use crate::app::App;
use crate::flow::{Ask, authenticate};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::GrantQuestion;

/// Issues a machine token to a client that may still use this grant.
pub(super) async fn issue(app: &App, ask: &Ask, request: &GrantRequest) -> Result<TokenAnswer, Stop> {
    let snapshot = app.policies.current();
    let client = authenticate::client(app, ask, &snapshot, &request.credentials).await?;
    if !client.client.grants.contains(&GrantType::ClientCredentials) {
        return Err(Reject::GrantNotAllowed(GrantType::ClientCredentials).into());
    }
    let scopes = requested_scopes(request.scope.as_deref())?;
    let facts = base_facts(app, &client.client, ask.now_ms, ask.ip);
    let question = GrantQuestion {
        client: &client.client,
        active: client.active,
        grant: GrantType::ClientCredentials,
        user: None,
        facts: &facts,
    };
    let permit = decide(app, ask, &snapshot, &question, scopes.as_deref()).await?;
    let (signed, row) = sign(app, ask.now_ms, &permit, &facts, None, None)?;
    app.store.insert_token(row).await?;
    Ok(issued(app, ask, &permit, signed))
}
