//! The state of the server in one look.

use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{Caller, may};
use crate::keys::{KeyFacts, KeyState};
use crate::oauth::reject::{Reject, Stop};
use crate::policy::{AdminResource, Status, admin};
use crate::store::{ClientFilter, Counted, ORIGIN_DATABASE, TokenFilter, TokenStatus};

/// What somebody may look at: without any of these there is no administration for them.
pub const AREAS: [&str; 8] = [
    admin::SETTINGS_READ,
    admin::CLIENT_READ,
    admin::SCOPE_READ,
    admin::TOKEN_READ,
    admin::USER_READ,
    admin::KEY_READ,
    admin::POLICY_READ,
    admin::AUDIT_READ,
];

/// What the overview shows; a part that somebody may not see is absent.
#[derive(Debug)]
pub struct Overview {
    /// Whether the database answers.
    pub database: bool,
    /// Which one it is.
    pub backend: &'static str,
    /// The policies.
    pub policies: Option<Status>,
    /// The key that signs.
    pub key: Option<KeyFacts>,
    /// Whether a key signs at all.
    pub signs: bool,
    /// Tokens issued and requests refused since this process started.
    pub issued: Option<(u64, u64)>,
    /// Tokens that live.
    pub live: Option<Counted>,
    /// Clients, and how many of them were made through the API or these pages.
    pub clients: Option<(i64, i64)>,
    /// Users.
    pub users: Option<i64>,
}

/// Collects it.
///
/// # Errors
/// [`Reject::Forbidden`] for somebody who may see none of it, or a fault.
pub async fn overview(app: &App, ask: &Ask, caller: &Caller) -> Result<Overview, Stop> {
    let snapshot = app.policies.current();
    let may = |action| may(ask, &snapshot, caller, action, AdminResource::Server);
    if !AREAS.into_iter().any(may) {
        let refused = crate::flow::caller::permitted(
            app,
            ask,
            &snapshot,
            caller,
            admin::SETTINGS_READ,
            AdminResource::Server,
        );
        return Err(refused.err().unwrap_or_else(|| Reject::NotFound("page").into()));
    }
    let database = app.store.ping().await.is_ok();
    let keys = app.key_ring().described(ask.now_ms);
    let key = keys.into_iter().find(|key| key.state == KeyState::Active);
    let tokens = may(admin::TOKEN_READ) && database;
    let filter = TokenFilter { status: Some(TokenStatus::Active), now: ask.now_ms, ..TokenFilter::default() };
    let live = if tokens { Some(app.store.count_tokens_nearby(filter).await?) } else { None };
    let clients = if may(admin::CLIENT_READ) && database {
        let files = snapshot.clients().count() as i64;
        let made = ClientFilter { origin: Some(ORIGIN_DATABASE.to_owned()), ..ClientFilter::default() };
        let made = app.store.count_clients(made).await?;
        Some((files + made, made))
    } else {
        None
    };
    let users = if may(admin::USER_READ) && database { Some(app.store.count_users().await?) } else { None };
    Ok(Overview {
        database,
        backend: app.store.backend(),
        policies: may(admin::POLICY_READ).then(|| app.policies.status()),
        signs: key.is_some(),
        key: key.filter(|_| may(admin::KEY_READ)),
        issued: tokens.then(|| app.metrics.token_totals()),
        live,
        clients,
        users,
    })
}
