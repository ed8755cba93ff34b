//! Decisions of a request that is long over: what was recorded, and what the same question is answered now.

use std::sync::Arc;

use super::{Answer, clients_of, told};
use crate::app::App;
use crate::oauth::reject::{Reject, Stop};
use crate::policy::record::Packed;
use crate::policy::{Record, Snapshot};
use crate::store::AuditRow;

/// The records of an entry of the audit table; none where it is about a change.
pub fn records_of(entry: &AuditRow) -> Vec<Record> {
    serde_json::from_str::<Packed>(&entry.detail).map(Packed::records).unwrap_or_default()
}

/// Explains what was decided under a request's id.
///
/// # Errors
/// [`Reject::NotFound`] if nothing is recorded, or a fault.
pub async fn of_request(app: &App, snapshot: &Arc<Snapshot>, id: &str) -> Result<Answer, Stop> {
    // Entries are written a moment after their answer.
    app.decisions.flush(&app.store).await?;
    let entries = app.store.audit_of_request(id).await?;
    if entries.is_empty() {
        return Err(Reject::NotFound("recorded decision of that request").into());
    }
    let records: Vec<Record> = entries.iter().flat_map(records_of).collect();
    let mut answer = again(app, snapshot, &records).await?;
    for entry in entries.iter().filter(|entry| records_of(entry).is_empty()) {
        answer.about =
            Some(format!("{} by {} on {}: {}", entry.action, entry.actor, entry.target, entry.decision));
        answer.recorded.push(super::Recorded {
            time: time_of(entry.at),
            decision: match entry.decision.as_str() {
                "allow" => crate::policy::record::Verdict::Allow,
                _ => crate::policy::record::Verdict::Deny,
            },
            action: entry.action.clone(),
            resource: entry.target.clone(),
            policies: entry.policies.split_whitespace().map(ToOwned::to_owned).collect(),
            places: super::places(snapshot, entry.policies.split(' ')),
            error: None,
            revision: entry.revision.clone(),
            request_id: entry.request_id.clone(),
        });
    }
    Ok(answer)
}

/// Puts the questions of records again.
///
/// # Errors
/// A fault.
pub async fn again(app: &App, snapshot: &Arc<Snapshot>, records: &[Record]) -> Result<Answer, Stop> {
    let clients = clients_of(app, snapshot, records).await?;
    let find = |id: &str| clients.iter().find(|client| client.id.as_str() == id).cloned();
    let mut answer = Answer { about: None, token: None, recorded: Vec::new(), now: Vec::new() };
    for record in records {
        answer.recorded.push(told(snapshot, record));
        match record.question(&find) {
            Ok(mut owned) => {
                // The user of now, where there still is one: roles may have changed.
                if let Some(user) = owned.user_mut()
                    && let Some(state) = app.user(&user.id).await?
                {
                    *user = state.user.as_ref().clone();
                }
                answer.now.push(snapshot.explain(&owned.asked()));
            }
            Err(missing) => answer.about = Some(format!("cannot be asked again: {missing}")),
        }
    }
    Ok(answer)
}

fn time_of(at_ms: i64) -> String {
    crate::policy::record::moment(at_ms)
}
