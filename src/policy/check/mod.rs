//! Everything that can be said about a policy folder at once: what a load finds, then the lints, which Cedar does not
//! have, and the policy tests. `check` never changes what is in force.

pub mod allow;
mod cases;
pub mod codes;
mod conditions;
mod documents;
mod reach;
mod rules;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::diagnostics::{Diagnostic, LoadFailed, Severity};
use super::files::{Folder, Kind, Source};
use super::load::{self, Examined, Options};
use super::rules::{Rule, read};
use super::snapshot::Snapshot;
use super::testing::{Outcome, Suite};
use super::unread::Unread;
use super::validate::Cache;

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// Errors first, then by place.
    pub found: Vec<Diagnostic>,
    /// What came of the policy tests; none are run where there are errors, or where [`Options::run_tests`] is off.
    pub tests: Vec<Outcome>,
    /// The set, where it could be loaded.
    pub snapshot: Option<Snapshot>,
}

/// Checks a folder: reading, documents, rules and lints; policy tests where the options say so.
pub fn check(options: &Options) -> Checked {
    let (folder, revision) = load::read(options);
    check_content(options, &folder, &revision)
}

/// Loads a set that nobody else needs.
pub fn load_once(options: &Options) -> Result<Snapshot, LoadFailed> {
    let (folder, revision) = load::read(options);
    let failures = Arc::new(AtomicU64::new(0));
    load::load(options, &folder, &revision, &mut Cache::default(), &failures).map_err(LoadFailed)
}

/// Checks what was read.
pub(super) fn check_content(options: &Options, folder: &Folder, revision: &str) -> Checked {
    let failures = Arc::new(AtomicU64::new(0));
    let Examined { snapshot, mut found, unread } =
        load::examine(options, folder, revision, &mut Cache::default(), &failures);
    let sound = found.iter().all(|d| d.severity == Severity::Warning);
    let Some(mut snapshot) = snapshot else {
        return Checked { found, tests: Vec::new(), snapshot: None };
    };
    // What could be read is linted beside the errors of what could not.
    let mut lints = Linter::new(&snapshot, folder, options, &unread).run();
    unread.silence(&mut lints);
    allow::filter(&mut lints, options, folder);
    found.extend(lints);
    found.sort_by(|a, b| {
        (a.severity, &a.file, a.line, a.column).cmp(&(b.severity, &b.file, b.line, b.column))
    });
    if !sound {
        return Checked { found, tests: Vec::new(), snapshot: None };
    }
    let tests = if options.run_tests { Suite::of(&snapshot, None).run() } else { Vec::new() };
    snapshot.warnings.clone_from(&found);
    Checked { found, tests, snapshot: Some(snapshot) }
}

/// What the lints look at.
struct Linter<'a> {
    snapshot: &'a Snapshot,
    folder: &'a Folder,
    options: &'a Options,
    unread: &'a Unread,
    rules: Vec<LintedRule<'a>>,
    found: Vec<Diagnostic>,
}

/// A rule of the folder with the file that it stands in.
struct LintedRule<'a> {
    rule: Rule,
    source: &'a Source,
}

impl<'a> Linter<'a> {
    fn new(snapshot: &'a Snapshot, folder: &'a Folder, options: &'a Options, unread: &'a Unread) -> Self {
        let mut rules = Vec::new();
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Rule) {
            let (read, _) =
                read(&source.relative, &format!("policies/{}", source.relative), &source.text, false);
            rules.extend(read.into_iter().map(|rule| LintedRule { rule, source }));
        }
        Self { snapshot, folder, options, unread, rules, found: Vec::new() }
    }

    fn run(mut self) -> Vec<Diagnostic> {
        self.lint_rules();
        self.lint_documents();
        self.lint_cases();
        self.found
    }

    /// A finding in a document.
    fn report(
        &mut self,
        source: &Source,
        place: (usize, usize),
        code: &'static str,
        message: impl Into<String>,
    ) {
        let file = self.options.tree.label().join(&source.relative).display().to_string();
        let finding = Diagnostic::at(file, place.0, place.1, message).code(code).snippet(&source.text);
        self.found.push(finding.warning());
    }

    /// Adds what to do about the last finding.
    fn hint(&mut self, hint: impl Into<String>) {
        if let Some(last) = self.found.last_mut() {
            last.hint = Some(hint.into().into());
        }
    }

    fn sources(&self, kind: Kind) -> impl Iterator<Item = &'a Source> + use<'a> {
        self.folder.sources.iter().filter(move |source| source.kind == kind)
    }
}
