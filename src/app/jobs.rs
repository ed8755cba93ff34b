//! What runs beside the requests: polling, policy reload, cleanup, times of last use.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::policy::{Diagnostic, Reload, Snapshot, watch};
use crate::telemetry::Event;

/// Replicas see each other's changes this often.
const POLL: Duration = Duration::from_millis(400);
/// Times of last use are at most this late.
const FLUSH: Duration = Duration::from_secs(2);
/// Expired rows go away this often.
const CLEANUP: Duration = Duration::from_secs(60);
/// Rows of one cleanup statement.
const BATCH: i64 = 500;

/// Starts all jobs; they end when the token is cancelled.
pub fn start(app: &Arc<App>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    watch_policies(app, stop);
    vec![
        repeat(app, stop, POLL, |app| async move { poll(&app).await }),
        repeat(app, stop, FLUSH, |app| async move { flush(&app).await }),
        repeat(app, stop, CLEANUP, |app| async move { clean(&app).await }),
    ]
}

fn repeat<F>(
    app: &Arc<App>,
    stop: &CancellationToken,
    every: Duration,
    job: impl Fn(Arc<App>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    let (app, stop) = (Arc::clone(app), stop.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => job(Arc::clone(&app)).await,
            }
        }
    })
}

/// Asks the database what changed on other replicas. While it does not answer, nothing is remembered.
pub async fn poll(app: &App) {
    let begun = app.clock.steady_ms();
    match app.store.counters().await {
        Ok(counters) => {
            if app.freshness.polled(counters, begun)
                && let Err(fault) = app.reload_keys()
            {
                tracing::error!(%fault, "signing keys could not be read anew; the former ones stay");
            }
        }
        Err(fault) => tracing::warn!(%fault, "the database does not answer the poll"),
    }
}

async fn flush(app: &App) {
    let (tokens, clients) = app.last_used.take();
    let mut result = Ok(());
    if !tokens.is_empty() {
        result = app.store.touch_tokens(tokens).await;
    }
    if !clients.is_empty() {
        result = result.and(app.store.touch_clients(clients).await);
    }
    if let Err(fault) = result {
        tracing::warn!(%fault, "times of last use could not be written");
    }
}

async fn clean(app: &App) {
    match app.store.cleanup(app.clock.now_ms(), BATCH).await {
        Ok(cleaned) => app.metrics.cleaned(&[
            ("authorization_codes", cleaned.codes),
            ("access_tokens", cleaned.tokens),
            ("assertions", cleaned.assertions),
            ("sessions", cleaned.sessions),
            ("authorizations", cleaned.authorizations),
        ]),
        Err(fault) => tracing::warn!(%fault, "expired rows could not be removed"),
    }
}

/// Writes what is pending before the process ends.
pub async fn finish(app: &App) {
    flush(app).await;
}

fn watch_policies(app: &Arc<App>, stop: &CancellationToken) {
    let watched = Arc::clone(app);
    let runtime = tokio::runtime::Handle::current();
    watch::watch(app.config.policies.path.clone(), stop.clone(), move || {
        runtime.block_on(reload(&watched));
    });
}

/// Reads the policy folder anew and puts it in force if all of it is right.
pub async fn reload(app: &Arc<App>) -> Reload {
    let worker = Arc::clone(app);
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || {
        let accept = |snapshot: &Snapshot| runtime.block_on(accept(&worker, snapshot));
        worker.policies.reload(worker.clock.now_ms(), &accept)
    })
    .await
    .unwrap_or(Reload::Kept);
    tell(app, &done);
    done
}

fn tell(app: &App, done: &Reload) {
    match done {
        Reload::Unchanged => {}
        Reload::Swapped { revision } => {
            app.metrics.reloaded(true, app.clock.now_ms());
            Event::new("policy.reloaded", "-").revision(revision).emit();
        }
        Reload::Kept => {
            app.metrics.reloaded(false, app.clock.now_ms());
            let status = app.policies.status();
            let held = status.held_back.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Event::new("policy.reload_failed", "-").revision(&status.revision).detail(&held).emit();
        }
    }
}

/// What a new set must pass beside its own checks: no client id stands in the database as well,
/// and each client of the folder has its row.
///
/// # Errors
/// One diagnostic per client that stands twice, or one that says why the database could not be asked.
pub async fn accept(app: &App, snapshot: &Snapshot) -> Result<(), Vec<Diagnostic>> {
    let ids: Vec<String> = snapshot.clients().map(|client| client.id.as_str().to_owned()).collect();
    let twice = app.store.database_ids(ids).await.map_err(|fault| vec![Diagnostic::general(&fault.to_string())])?;
    if !twice.is_empty() {
        return Err(twice
            .iter()
            .map(|id| {
                Diagnostic::in_file(
                    &format!("clients/{id}.yaml"),
                    &format!("client {id} stands in the database as well"),
                    Some("delete one of the two, or give the file another name"),
                )
            })
            .collect());
    }
    app.ensure_file_clients(snapshot).await.map_err(|fault| vec![Diagnostic::general(&fault.to_string())])
}
