//! Tokens as administrators see them: listed with filters, revoked by id.

use super::Ask;
use super::caller::{self, Caller};
use crate::app::App;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, admin};
use crate::store::{Listed, Page, TokenFilter, TokenRow, TokenSort};

/// Lists tokens.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn list(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    filter: TokenFilter,
    sort: TokenSort,
    page: Page,
) -> Result<Listed<TokenRow>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::TOKEN_READ, AdminResource::Server)?;
    Ok(app.store.list_tokens(filter, sort, page).await?)
}

/// Revokes a token by its `jti`; says whether there is such a token. Idempotent.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn revoke(app: &App, ask: &Ask, caller: &Caller, jti: &str) -> Result<bool, Stop> {
    let snapshot = app.policies.current();
    let permit = caller::permitted(app, ask, &snapshot, caller, admin::TOKEN_REVOKE, AdminResource::Server)?;
    if jti.is_empty() || jti.len() > 64 || !jti.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Reject::Field("jti", "is the id of a token".to_owned()).into());
    }
    let revoked = app.store.revoke(jti, ask.now_ms).await?;
    if revoked {
        caller::audit(app, ask, caller, &permit, jti, serde_json::json!({ "revoked": true })).await?;
    }
    Ok(revoked)
}
