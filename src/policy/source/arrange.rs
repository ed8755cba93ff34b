//! From the paths of a tree to the documents that count. The same names count as in a folder, with the same errors.

use std::collections::BTreeSet;
use std::path::Path;

use crate::policy::diagnostics::Diagnostic;
use crate::policy::files::{Kind, MAX_FILES, Top, stem, top, unexpected};

/// A document that is to be read.
pub(super) struct Wanted<T> {
    /// What it is.
    pub kind: Kind,
    /// Its name without folder and ending.
    pub stem: String,
    /// `clients/reporting.yaml`.
    pub relative: String,
    /// How its content is had.
    pub what: T,
}

/// One entry of a tree: its path, and how its content is had or why it is refused.
pub(super) type Entry<T> = (String, Result<T, String>);

/// Sorts the documents out; everything else that does not belong is an error.
pub(super) fn arrange<T>(label: &Path, entries: Vec<Entry<T>>) -> (Vec<Wanted<T>>, Vec<Diagnostic>) {
    let mut arranged = Arranged {
        label,
        wanted: Vec::new(),
        found: Vec::new(),
        named: BTreeSet::new(),
        taken: BTreeSet::new(),
    };
    for (path, what) in entries {
        arranged.entry(&path, what);
    }
    let Arranged { mut wanted, mut found, .. } = arranged;
    wanted.sort_by(|a, b| a.relative.cmp(&b.relative));
    if wanted.len() > MAX_FILES {
        found.push(Diagnostic::file(label.display().to_string(), format!("more than {MAX_FILES} files")));
        wanted.clear();
    }
    (wanted, found)
}

struct Arranged<'l, T> {
    label: &'l Path,
    wanted: Vec<Wanted<T>>,
    found: Vec<Diagnostic>,
    /// What was complained about, so that a folder that does not belong is one error.
    named: BTreeSet<String>,
    taken: BTreeSet<String>,
}

impl<T> Arranged<'_, T> {
    fn entry(&mut self, path: &str, what: Result<T, String>) {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            self.complain(path, "a path that leaves the policy folder");
            return;
        }
        let first = parts[0];
        match top(first) {
            Top::Ignored => {}
            Top::Unknown => {
                let shown = self.shown(first);
                if self.named.insert(first.to_owned()) {
                    self.found.push(unexpected(shown, first));
                }
            }
            Top::Global if parts.len() > 1 => self.complain(first, "not a regular file"),
            Top::Global => self.document(Kind::Global, "global", path, what),
            Top::Documents(..) if parts.len() == 1 => {
                let why = what.err().unwrap_or_else(|| "this must be a folder".to_owned());
                self.complain(first, why);
            }
            Top::Documents(kind, endings) => {
                let file = parts[..2].join("/");
                match stem(&self.shown(&file), parts[1], kind, endings) {
                    Ok(None) => {}
                    Ok(Some(_)) if parts.len() > 2 => self.complain(&file, "not a regular file"),
                    Ok(Some(stem)) => self.document(kind, stem, path, what),
                    Err(found) => {
                        if self.named.insert(file) {
                            self.found.push(found);
                        }
                    }
                }
            }
        }
    }

    fn document(&mut self, kind: Kind, stem: &str, path: &str, what: Result<T, String>) {
        if !self.taken.insert(path.to_owned()) {
            self.complain(path, "stands twice");
            return;
        }
        match what {
            Ok(what) => {
                let (stem, relative) = (stem.to_owned(), path.to_owned());
                self.wanted.push(Wanted { kind, stem, relative, what });
            }
            Err(why) => self.complain(path, why),
        }
    }

    fn complain(&mut self, path: &str, why: impl Into<String>) {
        if self.named.insert(path.to_owned()) {
            self.found.push(Diagnostic::file(self.shown(path), why));
        }
    }

    fn shown(&self, path: &str) -> String {
        let path: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).take(300).collect();
        // Joining would take an absolute path for the whole.
        self.label.join(path.trim_start_matches('/')).display().to_string()
    }
}
