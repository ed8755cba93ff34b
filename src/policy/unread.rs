//! What could not be read of a set with errors, so that nothing is said that rests on it: a rule that names a client
//! whose document has a mistake names no unknown client.

use std::collections::BTreeSet;

use super::check::codes;
use super::diagnostics::{Diagnostic, Severity};
use super::files::{Folder, Kind, Top, top};
use super::load::Options;

/// The documents that are missing in what was read.
#[derive(Debug, Default)]
pub struct Unread {
    names: BTreeSet<(Kind, String)>,
    /// Kinds of which something is missing.
    kinds: BTreeSet<Kind>,
}

impl Unread {
    /// Of a folder: files that were not to be read.
    pub fn of(options: &Options, folder: &Folder) -> Self {
        let mut this = Self::default();
        let label = options.tree.label();
        for error in &folder.errors {
            let path = std::path::Path::new(&error.file);
            let path = path.strip_prefix(label).unwrap_or(path);
            let name = path.iter().next().map(std::ffi::OsStr::to_string_lossy).unwrap_or_default();
            match top(&name) {
                Top::Global => this.note(Kind::Global, "global"),
                Top::Documents(kind, _) => {
                    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                    this.note(kind, &stem.unwrap_or_default());
                }
                Top::Ignored | Top::Unknown => {}
            }
        }
        this
    }

    /// A document that is there and could not be read.
    pub fn note(&mut self, kind: Kind, stem: &str) {
        self.kinds.insert(kind);
        self.names.insert((kind, stem.to_owned()));
    }

    /// Whether anything of a kind is missing.
    pub fn any(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether this very document is missing.
    pub fn has(&self, kind: Kind, stem: &str) -> bool {
        self.any(kind) && self.names.contains(&(kind, stem.to_owned()))
    }

    /// The names of what is missing of a kind.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.names.iter().filter(move |(one, _)| *one == kind).map(|(_, name)| name.as_str())
    }

    /// Takes out the warnings that cannot be told from what was read.
    pub fn silence(&self, found: &mut Vec<Diagnostic>) {
        if self.kinds.is_empty() {
            return;
        }
        found.retain(|d| d.severity == Severity::Error || !self.doubtful(d.code));
    }

    fn doubtful(&self, code: &str) -> bool {
        let kinds: &[Kind] = match code {
            codes::UNKNOWN_SCOPE | codes::UNKNOWN_CONTENT_TYPE => &[Kind::Catalog],
            codes::UNKNOWN_GROUP => &[Kind::Client],
            codes::ABOVE_CEILING => &[Kind::Catalog, Kind::Global],
            codes::SHADOWED => &[Kind::Catalog, Kind::Global, Kind::Client],
            codes::NEVER_APPLIES => &[Kind::Catalog],
            // A rule that cannot be read may be what grants something.
            codes::GRANTS_NOTHING => &[Kind::Catalog, Kind::Global, Kind::Rule],
            _ => &[],
        };
        kinds.iter().any(|kind| self.any(*kind))
    }
}
