//! `plan`: what a change of the policies does to clients, roles and live tokens.

use clap::{Args, ValueEnum};

use super::{Failure, Settings, block_on, plan_server};
use crate::app::clock::Clock;
use crate::app::policy_source;
use crate::app::start::policy_options;
use crate::config::Config;
use crate::flow::live_plan;
use crate::policy::Options;
use crate::policy::plan::{self, Loaded};
use crate::policy::source::{Here, Tree, resolve, resolve_pair};
use crate::store::{OpenError, Store};

/// Arguments of `plan`.
#[derive(Args)]
pub struct PlanArgs {
    /// OLD NEW: folders, bundles, or git revisions (REV, REV:folder); or one A..B; or NEW alone, against the policies
    /// of the settings.
    #[arg(required = true, num_args = 1..=2, value_name = "OLD NEW")]
    sets: Vec<String>,
    /// How to print it.
    #[arg(long, default_value = "text")]
    format: Format,
    /// Count the live tokens of this database that the change touches: sqlite:PATH or postgres://… . It is only read;
    /// tables of another release are refused. With no value: the database of the settings.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    database: Option<String>,
    /// Count the live tokens of this running server instead, from its lists of tokens and users: what documents of
    /// clients and roles take. Needs an administrator's token.
    #[arg(long, value_name = "URL", conflicts_with = "database")]
    server: Option<String>,
    /// A file with the token for --server; absent = the environment's GRANTWOOD_TOKEN.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<std::path::PathBuf>,
    /// End with exit code 5 if anybody may gain something, or if anything changes.
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOn>,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a pull request.
    Markdown,
    /// All of it.
    Json,
}

/// What ends with an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Somebody gains something, or may: what cannot be told counts as a gain.
    Gain,
    /// Anything is another than before.
    Change,
}

/// Compares two sets.
pub fn plan(settings: &Settings, args: &PlanArgs) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let (old, new) = pair(&config, &args.sets)?;
    let mut found = plan::plan(&old, &new);
    if let Some(url) = &args.database {
        let url = if url.is_empty() { database_url(&config) } else { url.clone() };
        found.live = Some(block_on(live(url, &old, &new))?);
    }
    if let Some(server) = &args.server {
        let token = match &args.token_file {
            Some(path) => std::fs::read_to_string(path)?,
            None => std::env::var("GRANTWOOD_TOKEN").map_err(|_| {
                Failure::Usage("--server needs a token; name its file with --token-file".to_owned())
            })?,
        };
        let counted = plan_server::live(server, token.trim(), &found, &old.snapshot, &new.snapshot);
        found.live = Some(block_on(counted)?);
    }
    match args.format {
        Format::Text => print!("{}", plan::text(&found)),
        Format::Markdown => print!("{}", plan::markdown(&found)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&found).unwrap_or_default()),
    }
    match args.fail_on {
        Some(FailOn::Gain) if found.may_gain() => {
            Err(Failure::Finding("somebody may gain something".to_owned()))
        }
        Some(FailOn::Change) if !found.is_empty() => {
            Err(Failure::Finding("the two sets are not the same".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Loads the two sets that arguments name.
pub fn pair(config: &Config, sets: &[String]) -> Result<(Loaded, Loaded), Failure> {
    let (old, new) = match sets {
        // One set that is no range is what would take the place of the settings' own.
        [new] if !new.contains("..") || std::path::Path::new(new).exists() => {
            (configured(config)?, resolve(new, &here(config)?).map_err(Failure::Usage)?)
        }
        _ => resolve_pair(sets, &here(config)?).map_err(Failure::Usage)?,
    };
    // Each is read by a thread of its own: with many clients that is most of the time.
    let failed = |_| Failure::Fault("loading failed; this is a bug".to_owned());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| loaded(config, old));
        let second = loaded(config, new);
        Ok((first.join().map_err(failed)??, second?))
    })
}

/// The set of the settings: the folder, or the commit where their git source stands.
pub fn configured(config: &Config) -> Result<Tree, Failure> {
    let public = config.public_url()?;
    Ok(policy_source::options(config, public.issuer()).map_err(Failure::Invalid)?.tree)
}

/// Where arguments are looked up: the working folder, and the policy folder of the settings within a commit.
pub fn here(config: &Config) -> Result<Here, Failure> {
    let mut here = Here::now().map_err(Failure::Fault)?;
    let git = &config.policies.source.git;
    if git.path.is_some() || git.url.is_some() {
        here.subfolder = git.subfolder.display().to_string();
    } else if config.policies.path.is_relative() {
        here.subfolder = config.policies.path.display().to_string();
    }
    Ok(here)
}

/// Loads a set to be looked at.
pub fn loaded(config: &Config, tree: Tree) -> Result<Loaded, Failure> {
    let public = config.public_url()?;
    let name = tree.title();
    let options = Options { tree, run_tests: false, ..policy_options(config, public.issuer()) };
    Loaded::open(&options).map_err(|failed| Failure::Invalid(format!("{name} is not valid:\n{failed}")))
}

/// The database of the settings.
pub fn database_url(config: &Config) -> String {
    let default = || format!("sqlite:{}", config.data_dir.join("grantwood.db").display());
    config.database.url.clone().unwrap_or_else(default)
}

async fn live(url: String, old: &Loaded, new: &Loaded) -> Result<plan::Live, Failure> {
    let store = to_read(url).await?;
    let now_ms = Clock::start().now_ms();
    let live = live_plan::live(&store, now_ms, &old.snapshot, &new.snapshot).await;
    store.close().await;
    Ok(live?)
}

/// Opens a database as it is: a command that looks changes nothing, not even the tables of an older release.
pub async fn to_read(url: String) -> Result<Store, Failure> {
    tokio::task::spawn_blocking(move || Store::open_to_read(&url))
        .await
        .map_err(|error| Failure::Fault(error.to_string()))?
        .map_err(|error| match error {
            OpenError::Url(_) | OpenError::Tables(_) => Failure::Usage(error.to_string()),
            other => Failure::Fault(other.to_string()),
        })
}
