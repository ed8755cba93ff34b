//! What happened to an account: written beside the requests into the audit log, shown to the user whom it concerns.

use super::Ask;
use crate::app::{App, clock};
use crate::oauth::client::ClientId;
use crate::oauth::reject::{Fault, Stop};
use crate::store::{AuditFilter, AuditRow, KIND_ACCOUNT, Stretch};

/// Entries that a user is shown.
const SHOWN: u32 = 50;

/// Something that the user, or somebody who tried to be the user, did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did<'a> {
    /// Signed in with the password.
    SignedIn,
    /// Gave a wrong password, or was kept out by the policy.
    FailedToSignIn,
    /// Signed out.
    SignedOut,
    /// Ended a session from another browser, or all of them.
    EndedSessions,
    /// Set a new password.
    ChangedPassword,
    /// Set a new name or address.
    ChangedProfile,
    /// Agreed to an application, by hand.
    Allowed(&'a str),
    /// Withdrew that.
    Revoked(&'a str),
}

impl Did<'_> {
    /// The action in the audit log; its last word names the text of the page.
    fn action(self) -> &'static str {
        match self {
            Self::SignedIn => "account:signed_in",
            Self::FailedToSignIn => "account:failed",
            Self::SignedOut => "account:signed_out",
            Self::EndedSessions => "account:ended",
            Self::ChangedPassword => "account:password",
            Self::ChangedProfile => "account:profile",
            Self::Allowed(_) => "account:allowed",
            Self::Revoked(_) => "account:revoked",
        }
    }
}

/// Writes down what happened, a moment after the answer.
pub fn note(app: &App, ask: &Ask, user: &str, did: Did<'_>) {
    let target = match did {
        Did::Allowed(client) | Did::Revoked(client) => client,
        _ => "",
    };
    let failed = did == Did::FailedToSignIn;
    // Without a random id there is no entry; whoever needs one for more than reading fails louder.
    let Ok(id) = clock::new_row_id() else { return };
    app.decisions.happened(AuditRow {
        id,
        at: ask.now_ms,
        actor: user.to_owned(),
        actor_kind: "user".to_owned(),
        action: did.action().to_owned(),
        target: target.to_owned(),
        decision: if failed { "deny" } else { "allow" }.to_owned(),
        policies: String::new(),
        revision: String::new(),
        request_id: ask.request_id.as_ref().to_owned(),
        ip: ask.ip.to_string(),
        detail: "{}".to_owned(),
        kind: KIND_ACCOUNT.to_owned(),
        jti: None,
    });
}

/// An entry as the user sees it.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When, in milliseconds.
    pub at: i64,
    /// What: the last word of the action.
    pub what: String,
    /// The application, where one was concerned: its name, or its id if it is gone.
    pub application: Option<String>,
    /// Where from.
    pub ip: String,
}

/// What happened last, the latest first.
///
/// # Errors
/// A fault.
pub async fn recent(app: &App, user: &str) -> Result<Vec<Happened>, Stop> {
    // Whoever just signed in sees it.
    app.decisions.flush(&app.store).await?;
    let filter = AuditFilter {
        actor: Some(user.to_owned()),
        kind: Some(KIND_ACCOUNT.to_owned()),
        ..AuditFilter::default()
    };
    let part = app.store.scan_audit(filter, Stretch::first(SHOWN)).await?;
    let mut found = Vec::with_capacity(part.rows.len());
    for row in part.rows {
        found.push(Happened {
            at: row.at,
            what: row.action.rsplit(':').next().unwrap_or_default().to_owned(),
            application: named(app, &row.target).await?,
            ip: row.ip,
        });
    }
    Ok(found)
}

async fn named(app: &App, client: &str) -> Result<Option<String>, Fault> {
    if client.is_empty() {
        return Ok(None);
    }
    let known = match ClientId::parse(client) {
        Some(id) => app.client(&app.policies.current(), &id).await?,
        None => None,
    };
    Ok(Some(known.map_or_else(|| client.to_owned(), |state| state.client.name.clone())))
}
