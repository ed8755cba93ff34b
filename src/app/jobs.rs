//! What runs beside the requests: polling, policy reload, cleanup, times of last use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::ClockWatch;
use super::{App, policy_source};
use crate::policy::{Diagnostic, Reload, Snapshot, watch};
use crate::telemetry::Event;

/// Replicas see each other's changes this often.
const POLL: Duration = Duration::from_millis(400);
/// Times of last use are at most this late.
const FLUSH: Duration = Duration::from_secs(2);
/// Entries of the audit log are at most this late.
const RECORD: Duration = Duration::from_millis(250);
/// Expired rows go away this often.
const CLEANUP: Duration = Duration::from_secs(60);
/// Rows of one cleanup statement.
const BATCH: u32 = 500;

/// Starts all jobs; they end when the token is cancelled.
pub fn start(app: &Arc<App>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    watch_policies(app, stop);
    let first = Arc::clone(app);
    tokio::spawn(async move { policy_source::write_down(&first).await });
    let watch = Arc::new(Mutex::new(ClockWatch::default()));
    vec![
        repeat(app, stop, POLL, |app| async move { poll(&app).await }),
        repeat(app, stop, FLUSH, |app| async move { flush(&app).await }),
        repeat(app, stop, RECORD, |app| async move { record(&app).await }),
        repeat(app, stop, CLEANUP, move |app| {
            let watch = Arc::clone(&watch);
            async move { clean(&app, &watch).await }
        }),
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
    let ring = app.key_ring();
    let now_ms = app.clock.now_ms();
    app.metrics.signing_keys(ring.ages(now_ms));
    match app.store.counters().await {
        Ok(counters) => {
            if app.freshness.polled(counters, begun)
                && let Err(fault) = app.reload_keys().await
            {
                tracing::error!(%fault, "signing keys could not be read anew; the former ones stay");
            }
        }
        Err(fault) => tracing::warn!(%fault, "the database does not answer the poll"),
    }
}

async fn flush(app: &App) {
    let uses = app.last_used.take();
    let written = [
        app.store.touch_tokens(uses.tokens).await,
        app.store.touch_clients(uses.clients).await,
        app.store.touch_consents(uses.consents).await,
        app.store.touch_sessions(uses.sessions).await,
    ];
    if app.config.audit.required {
        app.decisions.wrote(app.store.takes_writes().await.is_ok());
    }
    for fault in written.into_iter().filter_map(Result::err) {
        tracing::warn!(%fault, "times of last use could not be written");
    }
}

async fn record(app: &App) {
    if let Err(fault) = app.decisions.flush(&app.store).await {
        tracing::warn!(%fault, "entries of the audit log could not be written; they wait");
    }
}

async fn clean(app: &App, watch: &Mutex<ClockWatch>) {
    let (now_ms, steady_ms) = (app.clock.now_ms(), app.clock.steady_ms());
    if !watch.lock().unwrap_or_else(PoisonError::into_inner).believes(now_ms, steady_ms) {
        tracing::warn!(
            event = "clock.doubted",
            "the clock was set by more than an hour; nothing that has expired is removed until it has stood for a day"
        );
        return;
    }
    let oldest = now_ms.saturating_sub(app.config.audit.keep_grants.millis());
    match app.store.cleanup_grants(oldest, BATCH).await {
        Ok(rows) => app.metrics.cleaned_up("audit", rows as u64),
        Err(fault) => tracing::warn!(%fault, "old entries of the audit log could not be removed"),
    }
    match app.store.cleanup(now_ms, BATCH).await {
        Ok(cleaned) => {
            app.metrics.cleanup_ran();
            app.metrics.cleaned_up("authorization_codes", cleaned.codes as u64);
            app.metrics.cleaned_up("access_tokens", cleaned.tokens as u64);
            app.metrics.cleaned_up("assertions", cleaned.assertions as u64);
            app.metrics.cleaned_up("sessions", cleaned.sessions as u64);
            app.metrics.cleaned_up("authorizations", cleaned.authorizations as u64);
            app.metrics.cleaned_up("setup_links", cleaned.setup_links as u64);
            app.metrics.cleaned_up("sign_in_failures", cleaned.sign_in_failures as u64);
        }
        Err(fault) => tracing::warn!(%fault, "expired rows could not be removed"),
    }
}

/// Writes what is pending before the process ends.
pub async fn finish(app: &App) {
    flush(app).await;
    record(app).await;
    app.decisions.flush_lines();
}

fn watch_policies(app: &Arc<App>, stop: &CancellationToken) {
    let watched = Arc::clone(app);
    let runtime = tokio::runtime::Handle::current();
    let (flag, stop) = (Arc::new(AtomicBool::new(false)), stop.clone());
    let ended = Arc::clone(&flag);
    tokio::spawn(async move {
        stop.cancelled().await;
        ended.store(true, Ordering::Release);
    });
    if app.follower.is_some() {
        policy_source::follow(app, flag);
        return;
    }
    let started = watch::watch(app.config.policies.path.clone(), flag, move || {
        runtime.block_on(reload(&watched));
    });
    if let Err(error) = started {
        tracing::error!(%error, "the policy folder cannot be watched; SIGHUP reloads it");
    }
}

/// Reads the policies anew, wherever they come from, and puts them in force if all of them are right.
pub async fn reload(app: &Arc<App>) -> Reload {
    load(app, true).await
}

/// Asks where the followed ref stands, and loads its commit if that was not tried before.
pub async fn look(app: &Arc<App>) -> Reload {
    load(app, false).await
}

async fn load(app: &Arc<App>, forced: bool) -> Reload {
    let worker = Arc::clone(app);
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || {
        let accept = |snapshot: &Snapshot| runtime.block_on(accept(&worker, snapshot));
        let now_ms = worker.clock.now_ms();
        let Some(follower) = &worker.follower else { return worker.policies.reload(now_ms, &accept) };
        match follower.look() {
            Ok(sight) => {
                worker.policies.source_problem(sight.problem);
                worker.policies.follow(sight.tree, forced, now_ms, &accept)
            }
            Err(why) => worker.policies.refuse(&follower.title(), &why, now_ms),
        }
    })
    .await
    .unwrap_or(Reload::Kept);
    tell(app, &done);
    policy_source::write_down(app).await;
    done
}

fn tell(app: &App, done: &Reload) {
    match done {
        Reload::Unchanged => {}
        Reload::Swapped { revision } => {
            let status = app.policies.status();
            let commit = status.commit.unwrap_or_default();
            app.metrics.policy_swapped(revision, Some(&commit.id), &commit.author, app.clock.now_ms());
            let (id, author, subject) = (&*commit.id, &*commit.author, &*commit.subject);
            Event::PolicyReloaded { revision, commit: id, author, subject, time_s: commit.time_s }.emit();
        }
        Reload::Kept => {
            app.metrics.policy_held_back();
            let held = app.policies.status().held_back;
            let first = held.first().map(ToString::to_string).unwrap_or_default();
            Event::PolicyReloadFailed { errors: held.len(), first: &first }.emit();
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
    let twice = app
        .store
        .database_ids(ids)
        .await
        .map_err(|fault| vec![Diagnostic::file("database", fault.to_string())])?;
    if !twice.is_empty() {
        return Err(twice
            .iter()
            .map(|id| {
                Diagnostic::file(
                    format!("clients/{id}.yaml"),
                    format!("client {id} stands in the database as well"),
                )
                .hint("delete one of the two, or give the file another name")
            })
            .collect());
    }
    app.ensure_file_clients(snapshot)
        .await
        .map_err(|fault| vec![Diagnostic::file("database", fault.to_string())])
}
