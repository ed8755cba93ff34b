//! The engine: the snapshot in force, and how another one takes its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::diagnostics::{Diagnostic, LoadFailed};
use super::load::{self, Options};
use super::snapshot::Snapshot;
use super::source::CommitInfo;
use super::validate::Cache;

/// Holds the policy set in force.
pub struct Engine {
    options: Options,
    current: ArcSwap<Snapshot>,
    status: Mutex<Status>,
    /// Held while a set is loaded, so that loads do not overtake each other.
    cache: Mutex<Cache>,
    failures: Arc<AtomicU64>,
}

/// What the engine is doing, for operators.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The revision in force.
    pub revision: String,
    /// The git commit of the files.
    pub commit: Option<CommitInfo>,
    /// When the revision in force was loaded (milliseconds since 1970, UTC).
    pub loaded_at_ms: i64,
    /// When the folder was last looked at.
    pub last_attempt_ms: i64,
    /// Why the folder's content is not in force; empty = it is.
    pub held_back: Vec<Diagnostic>,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
    /// How many policies are in force.
    pub policies: usize,
    /// How many scopes the ceiling has.
    pub scopes: usize,
    /// Reloads that changed the set.
    pub reloads_ok: u64,
    /// Reloads that failed.
    pub reloads_failed: u64,
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The folder holds what is in force.
    Unchanged,
    /// Another set is in force.
    Swapped {
        /// Its revision.
        revision: Arc<str>,
    },
    /// The folder's content cannot be used; the last good set stays in force.
    Kept,
}

/// Whoever else has a say about a new set; for a client id that the database has as well, for example.
pub type Accept<'a> = &'a dyn Fn(&Snapshot) -> Result<(), Vec<Diagnostic>>;

impl Engine {
    /// Loads the first set. A bad, absent or empty one is refused.
    pub fn open(options: Options) -> Result<Self, LoadFailed> {
        Self::open_with(options, 0, &|_| Ok(()))
    }

    /// Loads the first set, with the time of the status and a last word of the caller.
    pub fn open_with(options: Options, now_ms: i64, accept: Accept<'_>) -> Result<Self, LoadFailed> {
        let mut cache = Cache::default();
        let failures = Arc::new(AtomicU64::new(0));
        let (folder, revision) = load::read(&options);
        let snapshot = load::load(&options, &folder, &revision, &mut cache, &failures).map_err(LoadFailed)?;
        accept(&snapshot).map_err(LoadFailed)?;
        let mut status = Status { last_attempt_ms: now_ms, ..Status::default() };
        status.takes(&snapshot, now_ms);
        Ok(Self {
            options,
            current: ArcSwap::from_pointee(snapshot),
            status: Mutex::new(status),
            cache: Mutex::new(cache),
            failures,
        })
    }

    /// The set in force. Take it once per request.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// What it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the engine is doing.
    pub fn status(&self) -> Status {
        self.locked_status().clone()
    }

    /// Questions with a policy that could not be evaluated, since the start. More than 0 is worth an alarm.
    pub fn evaluation_errors(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Reads the folder again and swaps once if everything about it is right. Blocks: not for the async threads.
    pub fn reload(&self, now_ms: i64, accept: Accept<'_>) -> Reload {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (folder, revision) = load::read(&self.options);
        if folder.errors.is_empty() && *revision == **self.current.load().revision() {
            let mut status = self.locked_status();
            status.last_attempt_ms = now_ms;
            status.held_back.clear();
            status.commit = self.options.tree.commit();
            return Reload::Unchanged;
        }
        let loaded = load::load(&self.options, &folder, &revision, &mut cache, &self.failures)
            .and_then(|snapshot| accept(&snapshot).map(|()| snapshot));
        let mut status = self.locked_status();
        status.last_attempt_ms = now_ms;
        match loaded {
            Ok(snapshot) => {
                status.takes(&snapshot, now_ms);
                status.reloads_ok += 1;
                let revision = snapshot.revision().clone();
                self.current.store(Arc::new(snapshot));
                Reload::Swapped { revision }
            }
            Err(found) => {
                status.reloads_failed += 1;
                status.held_back = found;
                Reload::Kept
            }
        }
    }

    fn locked_status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    /// The id of the commit.
    pub fn commit_id(&self) -> Option<&str> {
        self.commit.as_ref().map(|commit| commit.id.as_str())
    }

    fn takes(&mut self, snapshot: &Snapshot, now_ms: i64) {
        self.revision = snapshot.revision().to_string();
        self.commit = snapshot.commit_info().cloned();
        self.loaded_at_ms = now_ms;
        self.held_back.clear();
        self.warnings = snapshot.warnings().to_vec();
        self.policies = snapshot.policy_count();
        self.scopes = snapshot.global().scopes.len();
    }
}
