//! Which live tokens carry less than they were issued with, by the policies, clients and users of now.

use std::sync::Arc;

use crate::app::App;
use crate::app::lost::{Look, Lost, LostToken};
use crate::flow::Ask;
use crate::flow::live::revived;
use crate::oauth::reject::Fault;
use crate::oauth::scope;
use crate::policy::Snapshot;

/// Tokens of one read.
const BATCH: u32 = 1_000;
/// Most live tokens that are looked at for one list.
const MOST_LOOKED_AT: usize = 50_000;
/// Most tokens that are named.
const MOST_NAMED: usize = 10_000;

/// Looks at live tokens, unless the last look still tells the truth. Most of them are answered from memory: tokens
/// that no policy tells apart are asked about once.
///
/// # Errors
/// [`Fault`] if the database does not answer or a row of ours cannot be read.
pub(super) async fn lost(app: &App, ask: &Ask, snapshot: &Arc<Snapshot>) -> Result<Arc<Lost>, Fault> {
    // One look at a time; whoever waited for it takes its answer.
    let _one = app.looking_for_lost.lock().await;
    let of = app.generations(snapshot);
    let last = app.lost.load_full();
    if let Some(last) = last.as_ref().filter(|last| last.stands(&of, ask.now_ms)) {
        return Ok(Arc::clone(last));
    }
    let begun = app.clock.steady_ms();
    let (mut tokens, mut looked_at, mut after) = (Vec::new(), 0, String::new());
    let complete = loop {
        let rows = app.store.live_tokens_after(&after, ask.now_ms, BATCH).await?;
        let Some(row) = rows.last() else { break true };
        if looked_at >= MOST_LOOKED_AT || tokens.len() >= MOST_NAMED {
            break false;
        }
        after = row.jti.clone();
        looked_at += rows.len();
        for row in rows {
            let (jti, expires_at, issued) = (row.jti.clone(), row.expires_at, row.scopes.clone());
            let carried = revived(app, ask, snapshot, row).await?;
            let scope = carried.map(|live| scope::join(live.scopes.iter())).unwrap_or_default();
            if scope.split(' ').count() < issued.split(' ').count() || scope.is_empty() {
                tokens.push(LostToken { jti, expires_at, scope });
            }
        }
        tokio::task::yield_now().await;
    };
    tokens.truncate(MOST_NAMED);
    let milliseconds = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let look = Look {
        begun_ms: ask.now_ms,
        took_ms: milliseconds(app.clock.steady_ms().saturating_sub(begun)),
        most_ms: app.config.tokens.revoked_max_age.millis(),
    };
    let lost = Arc::new(Lost::new(tokens, complete, of, look, last.as_deref()));
    app.lost.store(Some(Arc::clone(&lost)));
    Ok(lost)
}
