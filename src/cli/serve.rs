//! `serve`: the server, from its greeting to its last answer.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Settings, admin_password_file, block_on, wire};
use crate::app::first_start::FirstStart;
use crate::app::start::open;
use crate::app::{App, jobs};
use crate::config::{Config, LogFormat, Origins};
use crate::http::address::Networks;
use crate::http::routes::{Draining, routes};
use crate::http::server::{ServerSettings, serve as listen};
use crate::pages::Pages;
use crate::telemetry::{Log, Metrics, Style, init};

/// How long `/readyz` says no before the listener closes.
const DRAIN_NOTICE: Duration = Duration::from_millis(200);

/// Runs the server until it is told to stop.
pub fn serve(settings: &Settings) -> Result<(), Failure> {
    let (config, origins) = settings.load()?;
    let log = start_log(&config)?;
    block_on(run(config, origins, log))
}

fn start_log(config: &Config) -> Result<Log, Failure> {
    let style = match config.log.format {
        LogFormat::Auto => Style::auto(),
        LogFormat::Pretty => Style::Pretty,
        LogFormat::Json => Style::Json,
    };
    init(style, &config.log.filter).map_err(|why| Failure::Invalid(format!("log.filter: {why}")))
}

async fn run(config: Config, origins: Origins, log: Log) -> Result<(), Failure> {
    let address = config.listen_address()?;
    // A mistake in a template is found before anything is opened.
    Pages::open(config.pages.templates.as_deref())
        .map_err(|why| Failure::Invalid(format!("pages.templates: {why}")))?;
    let (app, first) = open(config, origins, admin_password_file()).await?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| Failure::Fault(format!("cannot listen on {address}: {e}")))?;
    let stop = CancellationToken::new();
    let jobs = jobs::start(&app, &stop);
    tokio::spawn(count_lost_lines(Arc::clone(&app.metrics), log));
    let draining = Draining::default();
    tokio::spawn(wait_for_signals(Arc::clone(&app), draining.clone(), stop.clone()));
    greet(&app, &first);
    serve_on(&app, listener, &draining, stop.clone()).await?;
    stop.cancel();
    for job in jobs {
        let _ = job.await;
    }
    super::closed(&app).await;
    tracing::info!("stopped");
    Ok(())
}

/// Puts the lines of the log that nobody read in time among the metrics.
async fn count_lost_lines(metrics: Arc<Metrics>, log: Log) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        metrics.log_lines_lost(log.take_lost());
    }
}

/// Serves on a listener until the token is cancelled; the tour of `demo` uses it as well.
pub async fn serve_on(
    app: &Arc<App>,
    listener: TcpListener,
    draining: &Draining,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let endpoint = routes(app, draining)?;
    let settings = ServerSettings {
        connections: app.config.limits.connections,
        connections_per_ip: app.config.limits.connections_per_ip,
        trusted_proxies: Networks::parse(&app.config.server.trusted_proxies).map_err(Failure::Invalid)?,
        ..ServerSettings::default()
    };
    listen(listener, endpoint, settings, stop).await?;
    Ok(())
}

/// SIGTERM and SIGINT stop gracefully; SIGHUP reads the policies anew.
async fn wait_for_signals(app: Arc<App>, draining: Draining, stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be received");
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => {
                jobs::reload(&app).await;
            }
        }
    }
    draining.begin();
    tracing::info!("stopping");
    tokio::time::sleep(DRAIN_NOTICE).await;
    stop.cancel();
}

/// What a person needs to begin with, on standard error; the password on a terminal only.
fn greet(app: &App, first: &FirstStart) {
    let url = app.public.issuer();
    let status = app.policies.status();
    let revision =
        status.commit_id().map_or(status.revision.as_str(), |commit| &commit[..commit.len().min(7)]);
    let program = std::env::args().next().unwrap_or_else(|| "grantwood".to_owned());
    let docs = if app.config.docs.enabled { format!("API docs {url}/docs   ") } else { String::new() };
    eprintln!("  grantwood {}   {url}   {docs}health {url}/readyz", env!("CARGO_PKG_VERSION"));
    eprintln!(
        "  database   {}   policies {} @ {revision} ({} policies, {} scopes, watching)",
        app.store.backend(),
        crate::app::policy_source::title(app),
        status.policies,
        status.scopes
    );
    if let Some(commit) = status.commit.as_ref().filter(|commit| !commit.author.is_empty()) {
        eprintln!("  commit     {} by {}: {}", commit.short(), commit.author, commit.subject);
    }
    if let Some(problem) = &status.source_problem {
        eprintln!("  warning    {problem}; the last fetched commit is in force");
    }
    if let (Some(password), Some(path)) = (&first.admin_password, &first.password_file) {
        if std::io::stderr().is_terminal() {
            eprintln!("  admin      admin / {password}   also in {} (0600)", path.display());
        } else {
            eprintln!("  admin      admin, password in {} (0600)", path.display());
        }
    }
    for warning in &status.warnings {
        tracing::warn!("{warning}");
    }
    let key = app.config.data_dir.join("clients/reporting.pem");
    if key.exists() {
        eprintln!("  try it     {program} token --client reporting");
        eprintln!(
            "  or paste   curl -s {url}/oauth2/token -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
             -d assertion=$({program} assertion --client reporting)"
        );
    }
}

/// Asks a running server whether it is ready.
pub fn healthcheck(settings: &Settings) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let address = config.listen_address()?;
    let answer = block_on(wire::get(&format!("http://{address}/readyz")))?;
    if answer.status == 200 { Ok(()) } else { Err(Failure::Fault(answer.text())) }
}
