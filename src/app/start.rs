//! Building the server: settings, database, policies, keys, the first administrator.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use moka::sync::Cache;

use super::clock::{self, Clock};
use super::decisions::Decisions;
use super::freshness::Freshness;
use super::last_used::LastUsed;
use super::limits::FailureLimit;
use super::passwords::Passwords;
use super::sign_in_limits::SignInLimits;
use super::users::canonical;
use super::{
    App, REMEMBERED_CLIENTS, REMEMBERED_DECISIONS, REMEMBERED_LISTS, REMEMBERED_TOKENS, REMEMBERED_USERS,
    jobs, keys, policy_source,
};
use crate::config::{Config, ConfigError, Origins};
use crate::oauth::client::ClientAuth;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Fault;
use crate::policy::source::follow::Follower;
use crate::policy::{Engine, LoadFailed, Options};
use crate::store::{OpenError, Store, UserRow};
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

/// What the first start made, for the greeting.
#[derive(Default)]
pub struct FirstStart {
    /// The administrator's password, if it was made now.
    pub admin_password: Option<String>,
    /// Where that password is kept.
    pub password_file: Option<PathBuf>,
    /// Clients of the folder for which a key was made, with the file of the private key.
    pub client_keys: Vec<(String, PathBuf)>,
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
        client_cache: Cache::new(REMEMBERED_CLIENTS),
        user_cache: Cache::new(REMEMBERED_USERS),
        user_names: Cache::new(REMEMBERED_USERS),
        key_ring: ArcSwap::from_pointee(ring),
        config,
        origins,
    });
    let first = first_start(&app, admin_password_file).await?;
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

async fn first_start(app: &Arc<App>, admin_password_file: Option<PathBuf>) -> Result<FirstStart, StartError> {
    let snapshot = app.policies.current();
    jobs::accept(app, &snapshot).await.map_err(|held| StartError::Policies(Box::new(LoadFailed(held))))?;
    let mut first = FirstStart::default();
    first_administrator(app, admin_password_file, &mut first).await.map_err(StartError::Fault)?;
    client_keys(app, &mut first).await.map_err(StartError::Fault)?;
    Ok(first)
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
fn private_folder(path: &Path) -> Result<(), Fault> {
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

/// Writes a file that only its owner may read, whole or not at all.
fn private_file(path: &Path, text: &str) -> Result<(), Fault> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let unavailable = |e: std::io::Error| Fault::Unavailable(format!("{}: {e}", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(unavailable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unavailable)
}

/// The first administrator, once per database: a generated password, or the operator's.
async fn first_administrator(
    app: &App,
    password_file: Option<PathBuf>,
    first: &mut FirstStart,
) -> Result<(), Fault> {
    if app.store.count_users().await? > 0 {
        return Ok(());
    }
    let brought = match &password_file {
        None => None,
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|e| Fault::Unavailable(format!("{}: {e}", path.display())))?
                .trim_end_matches(['\n', '\r'])
                .to_owned(),
        ),
    };
    let password = match &brought {
        Some(password) => password.clone(),
        None => clock::new_password()?,
    };
    let now_ms = app.clock.now_ms();
    let user = UserRow {
        id: clock::new_id()?,
        username: "admin".to_owned(),
        username_key: canonical("admin"),
        email: "admin@localhost".to_owned(),
        password_hash: app.passwords.hash(&password).await?,
        roles: serde_json::to_string(&app.config.users.first_admin_roles).unwrap_or_default(),
        blocked: false,
        confirmed: true,
        created_at: now_ms,
        updated_at: now_ms,
        tokens_valid_from: 0,
    };
    if app.store.insert_first_user(user).await? && brought.is_none() {
        let path = app.config.data_dir.join("admin-password");
        private_file(&path, &format!("{password}\n"))?;
        first.password_file = Some(path);
        first.admin_password = Some(password);
    }
    Ok(())
}

/// The generated password was used on the sign-in page: its file goes, and nobody is told of it any more.
/// A file that cannot be removed stays as it is; the next sign-in tries again.
pub fn first_password_used(app: &App, password: &str) {
    let path = app.config.data_dir.join("admin-password");
    if std::fs::read_to_string(&path).is_ok_and(|kept| kept.trim_end() == password) {
        let removed = std::fs::remove_file(&path);
        tracing::info!(removed = removed.is_ok(), "the generated password was used; its file is not needed");
    }
}

/// Makes a key for each client of the folder that needs one and has none (design §8: the example
/// client's private key is the only one that is ever kept).
async fn client_keys(app: &App, first: &mut FirstStart) -> Result<(), Fault> {
    let snapshot = app.policies.current();
    for client in snapshot.clients() {
        let needs_key = client.auth == ClientAuth::Key || client.grants.contains(&GrantType::JwtBearer);
        if !needs_key || !client.keys.is_empty() {
            continue;
        }
        let Some(row) = app.store.client(client.id.as_str()).await? else { continue };
        if row.jwks.is_some() {
            continue;
        }
        let bits = app.config.clients.rsa_bits;
        let pair = tokio::task::spawn_blocking(move || crate::keys::client_keypair(bits))
            .await
            .map_err(|_| Fault::Keys("key generation failed".to_owned()))??;
        // Another replica may start at the same time: one of the two keys holds.
        let jwks = pair.keys.to_jwks().to_string();
        if !app.store.set_first_keys(&row.document_id, jwks, app.clock.now_ms()).await? {
            continue;
        }
        let folder = app.config.data_dir.join("clients");
        private_folder(&folder)?;
        let path = folder.join(format!("{}.pem", client.id));
        private_file(&path, &pair.private_pem)?;
        first.client_keys.push((client.id.as_str().to_owned(), path));
    }
    app.freshness.clients_changed();
    Ok(())
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
