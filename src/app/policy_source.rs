//! Where policies come from: a folder, or a ref of a git repository that is followed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{App, clock, jobs};
use crate::config::Config;
use crate::oauth::reject::Fault;
use crate::policy::source::Tree;
use crate::policy::source::follow::{Followed, Follower, Repository};
use crate::policy::{Attempt, Diagnostic};
use crate::store::ReloadRow;

/// A repository on this machine is looked at this often.
const LOCAL: Duration = Duration::from_millis(500);
/// How long the job sleeps at a time, so that it ends soon after it is told to.
const NAP: Duration = Duration::from_millis(100);
/// Longest text of errors that is kept, in characters.
const MAX_ERRORS: usize = 8_000;

/// Follows the repository of the settings; none = policies come from the folder.
pub fn follower(config: &Config) -> Option<Follower> {
    let git = &config.policies.source.git;
    let from = match (&git.path, &git.url) {
        (Some(path), _) => Repository::Local(path.clone()),
        (None, Some(url)) => {
            Repository::Remote { url: url.clone(), mirror: config.data_dir.join("policies.git") }
        }
        (None, None) => return None,
    };
    Some(Follower::new(Followed {
        from,
        reference: git.reference.clone(),
        subfolder: git.subfolder.display().to_string(),
        timeout: Duration::from_secs(git.timeout.0),
        signers: git.signed.allowed_signers.clone().filter(|_| git.signed.require),
    }))
}

/// The tree to begin with, and why a remote could not be asked for a newer one.
///
/// # Errors
/// In words: there is no commit to begin with, or it is not to be trusted.
pub fn first_tree(config: &Config, follower: Option<&Follower>) -> Result<(Tree, Option<String>), String> {
    match follower {
        None => Ok((config.policies.path.clone().into(), None)),
        Some(follower) => follower
            .look()
            .map(|sight| (sight.tree, sight.problem))
            .map_err(|why| format!("policies cannot be read from {}: {why}", follower.title())),
    }
}

/// What policies come from, for people.
pub fn title(app: &App) -> String {
    match &app.follower {
        Some(follower) => follower.title(),
        None => app.config.policies.path.display().to_string(),
    }
}

/// Looks at the repository until told to stop.
pub fn follow(app: &Arc<App>, ended: Arc<AtomicBool>) {
    let git = &app.config.policies.source.git;
    let every = if git.path.is_some() { LOCAL } else { Duration::from_secs(git.poll.0) };
    let (app, runtime) = (Arc::clone(app), tokio::runtime::Handle::current());
    let work = move || {
        let mut looked = Instant::now();
        while !ended.load(Ordering::Acquire) {
            std::thread::sleep(NAP.min(every));
            if looked.elapsed() >= every {
                looked = Instant::now();
                runtime.block_on(jobs::look(&app));
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("policy-follow".to_owned()).spawn(work) {
        tracing::error!(%error, "the policy repository cannot be followed; SIGHUP reloads it");
    }
}

/// Writes down what became of attempts to load policies. What the database does not take is lost, but logged.
pub async fn write_down(app: &App) {
    for attempt in app.policies.take_attempts() {
        let written = match row(app, attempt) {
            Ok(row) => app.store.insert_reload(row).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = written {
            tracing::warn!(%fault, "an attempt to load policies could not be written down");
        }
    }
}

fn row(app: &App, attempt: Attempt) -> Result<ReloadRow, Fault> {
    let commit = attempt.commit.unwrap_or_default();
    Ok(ReloadRow {
        id: clock::new_id()?,
        at: attempt.at_ms,
        instance: format!("{} {}", machine(), app.config.listen),
        revision: attempt.revision,
        previous: attempt.previous,
        commit_id: commit.id,
        author: commit.author,
        subject: commit.subject,
        committed_at: commit.time_s.saturating_mul(1_000),
        outcome: attempt.outcome.to_owned(),
        error: errors(&attempt.errors),
        changes: serde_json::to_string(&attempt.changes).unwrap_or_default(),
        diff: attempt.diff,
    })
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

fn errors(found: &[Diagnostic]) -> String {
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    // PostgreSQL takes no NUL.
    all.join("\n").chars().filter(|c| *c != '\0').take(MAX_ERRORS).collect()
}

/// The options of a command that reads the policies of the settings, wherever they come from.
///
/// # Errors
/// In words, if they cannot be had.
pub fn options(config: &Config, public_url: &str) -> Result<crate::policy::Options, String> {
    let (tree, _) = first_tree(config, follower(config).as_ref())?;
    Ok(crate::policy::Options { tree, ..super::start::policy_options(config, public_url) })
}

/// A folder that must be there; none = policies come from elsewhere.
pub fn folder(config: &Config) -> Option<&PathBuf> {
    let git = &config.policies.source.git;
    (git.path.is_none() && git.url.is_none()).then_some(&config.policies.path)
}
