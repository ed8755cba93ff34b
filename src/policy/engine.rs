//! The engine: the snapshot in force, and how another one takes its place.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::changes::{self, Changes, Files};
use super::diagnostics::{Diagnostic, LoadFailed};
use super::files::Folder;
use super::load::{self, Options};
use super::snapshot::Snapshot;
use super::source::{CommitInfo, Tree};
use super::validate::Cache;

/// Holds the policy set in force.
pub struct Engine {
    options: Options,
    current: ArcSwap<Snapshot>,
    status: Mutex<Status>,
    /// Held while a set is loaded, so that loads do not overtake each other.
    work: Mutex<Work>,
    failures: Arc<AtomicU64>,
}

/// What the engine is doing, for operators.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The revision in force.
    pub revision: String,
    /// The git commit of the files.
    pub commit: Option<CommitInfo>,
    /// Why the place that policies come from cannot be asked; what was loaded stays in force.
    pub source_problem: Option<String>,
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

/// Attempts that wait to be written down at most.
const MAX_ATTEMPTS: usize = 32;

/// What loads need of each other.
struct Work {
    cache: Cache,
    /// Where the next load reads.
    tree: Tree,
    /// The commit that was tried last, good or bad.
    tried: Option<String>,
    /// The files in force.
    files: Files,
    attempts: VecDeque<Attempt>,
}

/// An attempt to load a set, for the history.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When (milliseconds since 1970, UTC).
    pub at_ms: i64,
    /// `started`, `loaded` or `failed`.
    pub outcome: &'static str,
    /// The revision that was tried.
    pub revision: String,
    /// The revision that was in force before; empty at the start.
    pub previous: String,
    /// Its commit.
    pub commit: Option<CommitInfo>,
    /// What was wrong with it.
    pub errors: Vec<Diagnostic>,
    /// What differs from the set in force before.
    pub changes: Changes,
    /// The lines that differ.
    pub diff: String,
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
        let commit = snapshot.commit_info().cloned();
        let first = Attempt {
            at_ms: now_ms,
            outcome: "started",
            revision,
            previous: String::new(),
            commit: commit.clone(),
            errors: Vec::new(),
            changes: Changes::default(),
            diff: String::new(),
        };
        let work = Work {
            cache,
            tree: options.tree.clone(),
            tried: commit.map(|commit| commit.id),
            files: files(folder),
            attempts: VecDeque::from([first]),
        };
        Ok(Self {
            options,
            current: ArcSwap::from_pointee(snapshot),
            status: Mutex::new(status),
            work: Mutex::new(work),
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

    /// Reads the files again and swaps once if everything about them is right. Blocks: not for the async threads.
    pub fn reload(&self, now_ms: i64, accept: Accept<'_>) -> Reload {
        let mut work = self.locked_work();
        self.load(&mut work, now_ms, accept)
    }

    /// The same for another tree, which is where reloads read from then on. A commit that was tried already is
    /// tried again only if that is `forced`.
    pub fn follow(&self, tree: Tree, forced: bool, now_ms: i64, accept: Accept<'_>) -> Reload {
        let mut work = self.locked_work();
        let commit = tree.commit().map(|commit| commit.id);
        work.tree = tree;
        if commit.is_some() && commit == work.tried && !forced {
            return Reload::Unchanged;
        }
        work.tried = commit;
        self.load(&mut work, now_ms, accept)
    }

    /// There is nothing to load: a ref that is gone, a commit that is not to be trusted. Kept once for one reason.
    pub fn refuse(&self, place: &str, why: &str, now_ms: i64) -> Reload {
        let mut work = self.locked_work();
        let found = vec![Diagnostic::file(place, why)];
        let mut status = self.locked_status();
        status.last_attempt_ms = now_ms;
        if status.held_back == found {
            return Reload::Unchanged;
        }
        status.reloads_failed += 1;
        status.held_back.clone_from(&found);
        let previous = status.revision.clone();
        drop(status);
        work.keep(Attempt {
            at_ms: now_ms,
            outcome: "failed",
            revision: String::new(),
            previous,
            commit: None,
            errors: found,
            changes: Changes::default(),
            diff: String::new(),
        });
        // What comes next is looked at, even if it is what was tried before.
        work.tried = None;
        Reload::Kept
    }

    /// Says whether the place that policies come from can be asked.
    pub fn source_problem(&self, problem: Option<String>) {
        self.locked_status().source_problem = problem;
    }

    /// Attempts that nobody has written down yet, the oldest first.
    pub fn take_attempts(&self) -> Vec<Attempt> {
        self.locked_work().attempts.drain(..).collect()
    }

    fn load(&self, work: &mut Work, now_ms: i64, accept: Accept<'_>) -> Reload {
        let options = Options { tree: work.tree.clone(), ..self.options.clone() };
        let (folder, revision) = load::read(&options);
        let commit = options.tree.commit();
        let before = self.current.load_full();
        // A commit that changes nothing here is a commit all the same: what decides from now on is that one.
        let moved = options.tree.folder().is_none() && commit.as_ref() != before.commit_info();
        if folder.errors.is_empty() && *revision == **before.revision() && !moved {
            let mut status = self.locked_status();
            status.last_attempt_ms = now_ms;
            status.held_back.clear();
            status.commit = commit;
            return Reload::Unchanged;
        }
        let loaded = load::load(&options, &folder, &revision, &mut work.cache, &self.failures)
            .and_then(|snapshot| accept(&snapshot).map(|()| snapshot));
        let new = files(folder);
        let sets = loaded.as_ref().ok().map(|after| (&*before, after));
        let attempt = Attempt {
            at_ms: now_ms,
            outcome: if loaded.is_ok() { "loaded" } else { "failed" },
            revision,
            previous: before.revision().to_string(),
            commit,
            errors: loaded.as_ref().err().cloned().unwrap_or_default(),
            changes: changes::changes(&work.files, &new, sets),
            diff: changes::diff(&work.files, &new),
        };
        work.keep(attempt);
        let mut status = self.locked_status();
        status.last_attempt_ms = now_ms;
        match loaded {
            Ok(snapshot) => {
                status.takes(&snapshot, now_ms);
                status.reloads_ok += 1;
                let revision = snapshot.revision().clone();
                self.current.store(Arc::new(snapshot));
                work.files = new;
                Reload::Swapped { revision }
            }
            Err(found) => {
                status.reloads_failed += 1;
                status.held_back = found;
                Reload::Kept
            }
        }
    }

    fn locked_work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn keep(&mut self, attempt: Attempt) {
        // The same mistake, looked at again, is one entry.
        let same = |last: &Attempt| {
            last.outcome == "failed" && attempt.outcome == "failed" && last.errors == attempt.errors
        };
        if self.attempts.back().is_some_and(same) {
            return;
        }
        if self.attempts.len() == MAX_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }
}

fn files(folder: Folder) -> Files {
    folder.sources.into_iter().map(|source| (source.relative, source.text)).collect()
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
