//! Building the server: settings, database, policies, keys, the first administrator.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use moka::sync::Cache;

use super::clock::Clock;
use super::decisions::Decisions;
use super::first_start::FirstStart;
use super::freshness::Freshness;
use super::last_used::LastUsed;
use super::limits::FailureLimit;
use super::passwords::Passwords;
use super::sign_in_limits::SignInLimits;
use super::{
    App, REMEMBERED_CLIENTS, REMEMBERED_DECISIONS, REMEMBERED_LISTS, REMEMBERED_TOKENS, REMEMBERED_USERS,
    first_start, jobs, keys, policy_source,
};
use crate::config::{Config, ConfigError, Origins};
use crate::oauth::reject::Fault;
use crate::policy::source::follow::Follower;
use crate::policy::{Engine, LoadFailed, Options};
use crate::store::{OpenError, Store};
use crate::telemetry::Metrics;

/// Why the server did not start. The exit code follows from it.
#[derive(Debug)]
pub enum StartError {
    /// A setting is wrong.
    Config(ConfigError),
    /// A policy is wrong: all problems at once.
    Policies(Box<LoadFailed>),
    /// The database cannot be opened.
    Database(OpenError),
    /// Keys or files.
    Fault(Fault),
}

/// Opens everything that requests need.
///
/// # Errors
/// [`StartError`]: a server never starts with a bad, absent or empty policy set (attack row Y3).
pub async fn open(
    config: Config,
    origins: Origins,
    admin_password_file: Option<PathBuf>,
) -> Result<(Arc<App>, FirstStart), StartError> {
    let clock = Clock::start();
    let public = config.public_url().map_err(StartError::Config)?;
    if policy_source::folder(&config).is_some_and(|path| !path.exists()) {
        return Err(StartError::Config(ConfigError(vec![format!(
            "there is no policy folder {}; `grantwood init .` writes one to start from",
            config.policies.path.display()
        )])));
    }
    private_folder(&config.data_dir).map_err(StartError::Fault)?;
    let (follower, policies) = open_policies(&config, public.issuer(), clock.now_ms()).await?;
    let store = open_store(&config).await?;
    keys::ensure_first(&config, &store, clock.now_ms()).await.map_err(StartError::Fault)?;
    let ring = keys::load_ring(&config, &store, clock.now_ms()).await.map_err(StartError::Fault)?;
    if ring.active(clock.now_ms()).is_none() {
        return Err(StartError::Fault(Fault::Keys("no signing key is active".to_owned())));
    }
    let trusted = super::trusted::load(&config).map_err(|found| StartError::Config(ConfigError(found)))?;
    let window_ms = config.limits.window.0.saturating_mul(1_000);
    let metrics = Arc::new(Metrics::new());
    let app = Arc::new(App {
        decisions: Decisions::open(&config, &metrics).map_err(StartError::Fault)?,
        public,
        policies,
        follower,
        clock,
        metrics,
        passwords: Passwords::new(&config.users).map_err(StartError::Fault)?,
        trusted,
        client_failures: FailureLimit::new(config.limits.client_failures, window_ms),
        // SQLite is for one process, whose memory is enough and asks for no write.
        sign_in_limits: SignInLimits::new(&config.limits, store.backend() == "postgres"),
        store,
        last_used: LastUsed::default(),
        freshness: Freshness::default(),
        kinds: Cache::new(REMEMBERED_DECISIONS),
        known_tokens: Cache::new(REMEMBERED_TOKENS),
        revoked_lists: Cache::new(REMEMBERED_LISTS),
        lost: ArcSwapOption::empty(),
        looking_for_lost: tokio::sync::Mutex::default(),
        client_cache: Cache::new(REMEMBERED_CLIENTS),
        user_cache: Cache::new(REMEMBERED_USERS),
        user_names: Cache::new(REMEMBERED_USERS),
        key_ring: ArcSwap::from_pointee(ring),
        config,
        origins,
    });
    let snapshot = app.policies.current();
    jobs::accept(&app, &snapshot).await.map_err(|held| StartError::Policies(Box::new(LoadFailed(held))))?;
    let first = first_start::make(&app, admin_password_file).await.map_err(StartError::Fault)?;
    jobs::poll(&app).await;
    let status = app.policies.status();
    let author = status.commit.as_ref().map_or("", |commit| &commit.author);
    app.metrics.policy_swapped(&status.revision, status.commit_id(), author, app.clock.now_ms());
    Ok((app, first))
}

/// Loads the first set. Git is asked away from the async threads: a remote may take its time.
async fn open_policies(
    config: &Config,
    public_url: &str,
    now_ms: i64,
) -> Result<(Option<Follower>, Engine), StartError> {
    let (config, public_url) = (config.clone(), public_url.to_owned());
    let work = move || {
        let follower = policy_source::follower(&config);
        let (tree, problem) = policy_source::first_tree(&config, follower.as_ref())
            .map_err(|why| StartError::Config(ConfigError(vec![why])))?;
        let options = Options { tree, ..policy_options(&config, &public_url) };
        let policies = Engine::open_with(options, now_ms, &|_| Ok(()))
            .map_err(|failed| StartError::Policies(Box::new(failed)))?;
        policies.source_problem(problem);
        Ok((follower, policies))
    };
    let failed = |_| StartError::Fault(Fault::Policy("loading policies failed".to_owned()));
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

/// Opens the database that the settings name.
///
/// # Errors
/// [`StartError`] if it cannot be opened or migrated.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let url = match &config.database.url {
        Some(url) => url.clone(),
        None => format!("sqlite:{}", config.data_dir.join("grantwood.db").display()),
    };
    tokio::task::spawn_blocking(move || Store::open(&url))
        .await
        .map_err(|_| StartError::Fault(Fault::Unavailable("opening the database failed".to_owned())))?
        .map_err(StartError::Database)
}

/// What the policy engine is opened with.
pub fn policy_options(config: &Config, public_url: &str) -> Options {
    Options {
        tree: config.policies.path.clone().into(),
        public_url: public_url.to_owned(),
        allow_empty: config.policies.allow_empty,
        run_tests: config.policies.run_tests,
    }
}

/// Creates a folder that only its owner may look into.
pub(super) fn private_folder(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Fault::Unavailable(format!("{}: {e}", path.display())))
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "{error}"),
            Self::Policies(failed) => write!(f, "{failed}"),
            Self::Database(error) => write!(f, "{error}"),
            Self::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for StartError {}
