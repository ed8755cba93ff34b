//! From files to a snapshot: read, parse, compile, validate. Every mistake is found in one pass, as far as
//! one does not hide another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::assemble::{self, Parts};
use super::catalog::{Catalog, is_admin};
use super::check::codes;
use super::client::{Built, FieldProblem, Place, Surroundings, build};
use super::diagnostics::{Diagnostic, Severity, did_you_mean};
use super::documents::{CatalogDocument, ClientDocument, GlobalDocument, ManagedBy, RoleDocument};
use super::files::{Folder, Kind, Source};
use super::prove::InvariantsDocument;
use super::shapes;
use super::snapshot::{Global, LoadedTests, Role, Snapshot};
use super::source::Tree;
use super::testing::documents::TestsDocument;
use super::unread::Unread;
use super::validate::Cache;
use super::yaml::{Node, Parsed, Step, parse};
use crate::oauth::client::{ActFor, Client, ClientId};
use crate::oauth::jwk::PublicKeys;
use crate::oauth::scope::Scope;

/// Where policies come from and what is asked of them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the policy files are.
    pub tree: Tree,
    /// The server's own address, for `{public_url}` in redirect URIs of file documents.
    pub public_url: String,
    /// Whether a set without client, role or rule documents may be loaded.
    pub allow_empty: bool,
    /// Whether the folder's policy tests must pass.
    pub run_tests: bool,
}

/// Stack of the thread that parses. Nesting is bounded before anything is parsed; this is ample for the bound.
const STACK_BYTES: usize = 64 << 20;

/// The text that built-in policies contribute to the revision.
pub(super) const KERNEL: &str = include_str!("kernel.cedar");
pub(super) const BASE: &str = include_str!("base.cedar");

/// What one pass over the folder found.
pub(super) struct Loader<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// What was found so far.
    pub found: Vec<Diagnostic>,
    /// What of it could not be read.
    pub unread: Unread,
}

/// A role as it was read, with the places of its content types.
pub(super) struct ReadRole {
    /// Its name.
    pub name: String,
    /// What it permits.
    pub role: Role,
    /// By content type: `@source` and the actions, in order.
    pub parts: BTreeMap<String, (String, Vec<Scope>)>,
}

/// A client as it was read.
pub(super) struct ReadClient {
    /// The client.
    pub client: Client,
    /// Its document.
    pub document: ClientDocument,
    /// The file, for people.
    pub file: String,
    /// Where its scopes stand, for `@source`.
    pub source: String,
}

/// Reads the folder: the digest of what it holds, and the errors of reading.
pub(super) fn read(options: &Options) -> (Folder, String) {
    let mut folder = options.tree.read();
    if options.allow_empty && options.tree.folder().is_some_and(|path| !path.exists()) {
        folder.errors.clear();
    }
    let digest = folder.digest(&format!("{KERNEL}{BASE}"));
    (folder, digest[..16].to_owned())
}

/// What a look at a folder's content found: a snapshot unless something stands in its way, and every finding.
pub(super) struct Examined {
    /// None = something was found that leaves no snapshot to make. A snapshot beside errors is not for use.
    pub snapshot: Option<Snapshot>,
    /// Errors first, then by place.
    pub found: Vec<Diagnostic>,
    /// What of it could not be read.
    pub unread: Unread,
}

/// Makes a snapshot of a folder's content, or says everything that is wrong with it.
pub(super) fn load(
    options: &Options,
    folder: &Folder,
    revision: &str,
    cache: &mut Cache,
    failures: &Arc<AtomicU64>,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let Examined { snapshot, found, .. } = examine(options, folder, revision, cache, failures);
    match snapshot {
        Some(mut snapshot) if found.iter().all(|d| d.severity == Severity::Warning) => {
            snapshot.warnings = found;
            let failed = if options.run_tests { super::testing::failures(&snapshot) } else { Vec::new() };
            if failed.is_empty() { Ok(snapshot) } else { Err(failed) }
        }
        _ => Err(found.into_iter().filter(|d| d.severity == Severity::Error).collect()),
    }
}

/// Looks at a folder's content without stopping at errors.
pub(super) fn examine(
    options: &Options,
    folder: &Folder,
    revision: &str,
    cache: &mut Cache,
    failures: &Arc<AtomicU64>,
) -> Examined {
    // The thread's stack is large and ends with it: what is parsed here cannot take the process down.
    std::thread::scope(|scope| {
        let work = || examine_here(options, folder, revision, cache, failures);
        let thread = std::thread::Builder::new().name("policy-load".to_owned()).stack_size(STACK_BYTES);
        let internal = |why: String| Examined {
            snapshot: None,
            found: vec![Diagnostic::file(options.tree.title(), why)],
            unread: Unread::default(),
        };
        match thread.spawn_scoped(scope, work) {
            Ok(handle) => {
                handle.join().unwrap_or_else(|_| internal("loading failed; this is a bug".to_owned()))
            }
            Err(error) => internal(format!("no thread to load policies: {error}")),
        }
    })
}

fn examine_here(
    options: &Options,
    folder: &Folder,
    revision: &str,
    cache: &mut Cache,
    failures: &Arc<AtomicU64>,
) -> Examined {
    let unread = Unread::of(options, folder);
    let mut loader = Loader { options, found: folder.errors.clone(), unread };
    let catalog = loader.catalog(folder);
    let (global, source) = loader.global(folder, &catalog);
    let ceiling: BTreeSet<Scope> = global.scopes.iter().cloned().collect();
    let roles = loader.roles(folder, &catalog, &ceiling);
    let clients = loader.clients(folder, &catalog, &ceiling, &roles);
    let tests = loader.tests(folder);
    loader.invariants(folder);
    loader.not_empty(folder);
    let parts = Parts { catalog, global, ceiling, ceiling_source: source, roles, clients, tests };
    let snapshot = assemble::assemble(&mut loader, parts, folder, revision, cache, failures);
    let Loader { mut found, unread, .. } = loader;
    unread.silence(&mut found);
    super::check::allow::filter(&mut found, options, folder);
    found.sort_by(|a, b| {
        (a.severity, &a.file, a.line, a.column).cmp(&(b.severity, &b.file, b.line, b.column))
    });
    Examined { snapshot, found, unread }
}

impl Loader<'_> {
    /// The path of a file for people.
    pub fn shown(&self, relative: &str) -> String {
        self.options.tree.label().join(relative).display().to_string()
    }

    fn not_empty(&mut self, folder: &Folder) {
        let some = folder.sources.iter().any(|s| matches!(s.kind, Kind::Client | Kind::Role | Kind::Rule));
        let global = folder.sources.iter().any(|s| s.kind == Kind::Global);
        let bare = !some && self.options.allow_empty;
        if !folder.errors.is_empty() || bare {
            return;
        }
        if !global {
            let file = self.shown("global.yaml");
            self.found.push(
                Diagnostic::file(file, "not found").hint("it lists the scopes that any token may carry"),
            );
        }
        if !some {
            let file = self.options.tree.title();
            self.found.push(
                Diagnostic::file(file, "the folder has no client, role or rule documents")
                    .hint("is this the right folder? policies.allow_empty permits it"),
            );
        }
    }

    fn document<T: serde::de::DeserializeOwned>(
        &mut self,
        source: &Source,
        shape: &super::yaml::Shape,
    ) -> Option<Parsed<T>> {
        match parse(&self.shown(&source.relative), &source.text, shape) {
            Ok(parsed) => Some(parsed),
            Err(found) => {
                self.found.extend(found);
                self.unread.note(source.kind, &source.stem);
                None
            }
        }
    }

    fn report(&mut self, source: &Source, (line, column): (usize, usize), message: impl Into<String>) {
        let file = self.shown(&source.relative);
        self.found.push(Diagnostic::at(file, line, column, message).snippet(&source.text));
    }

    fn catalog(&mut self, folder: &Folder) -> Catalog {
        let mut catalog = Catalog::built_in();
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Catalog) {
            let Some(parsed) = self.document::<CatalogDocument>(source, &shapes::CATALOG) else { continue };
            for (name, document) in &parsed.document.content_types {
                let file = self.shown(&source.relative);
                for (action, route, message) in catalog.add(&file, name, document) {
                    let mut path = vec![Step::Key("content_types"), Step::Key(name)];
                    if let Some(action) = &action {
                        path.extend([Step::Key("actions"), Step::Key(action)]);
                    }
                    if let Some(route) = route {
                        path.extend([Step::Key("routes"), Step::Item(route)]);
                    }
                    self.report(source, parsed.tree.place(&path), message);
                }
            }
        }
        if self.unread.any(Kind::Catalog) {
            catalog.is_incomplete();
        }
        catalog
    }

    fn global(&mut self, folder: &Folder, catalog: &Catalog) -> (Global, String) {
        let file = self.options.tree.label().join("global.yaml");
        let nothing = |file| (Global { file, ..Global::default() }, "policies/global.yaml".to_owned());
        let Some(source) = folder.sources.iter().find(|s| s.kind == Kind::Global) else {
            self.unread.note(Kind::Global, "global");
            return nothing(file);
        };
        let Some(parsed) = self.document::<GlobalDocument>(source, &shapes::GLOBAL) else {
            return nothing(file);
        };
        let scopes = self.expand(source, &parsed.tree, "scopes", &parsed.document.scopes, catalog);
        if scopes.len() < parsed.document.scopes.len() {
            self.unread.note(Kind::Global, &source.stem);
        }
        let line = parsed.tree.place_of_field("scopes").0;
        let global = Global {
            scopes: scopes
                .into_iter()
                .flat_map(|(_, scopes)| scopes)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            entries: parsed.document.scopes,
            // What comes from a commit is written in git, whatever the document says.
            managed_by_admin: parsed.document.managed_by == Some(ManagedBy::Admin)
                && self.options.tree.folder().is_some(),
            file,
        };
        (global, format!("policies/{}:{line}", source.relative))
    }

    /// The scopes of a list, entry by entry; unknown ones are reported where they stand.
    fn expand(
        &mut self,
        source: &Source,
        tree: &Node,
        field: &str,
        entries: &[String],
        catalog: &Catalog,
    ) -> Vec<(usize, Vec<Scope>)> {
        let mut expanded = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match catalog.expand(entry) {
                Ok(scopes) => expanded.push((index, scopes)),
                Err(message) => {
                    self.report(source, tree.place(&[Step::Key(field), Step::Item(index)]), message)
                }
            }
        }
        expanded
    }

    fn roles(&mut self, folder: &Folder, catalog: &Catalog, ceiling: &BTreeSet<Scope>) -> Vec<ReadRole> {
        let mut roles = Vec::new();
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Role) {
            let Some(parsed) = self.document::<RoleDocument>(source, &shapes::ROLE) else { continue };
            let mut parts: BTreeMap<String, (String, Vec<Scope>)> = BTreeMap::new();
            let mut all = BTreeSet::new();
            for (index, scopes) in
                self.expand(source, &parsed.tree, "actions", &parsed.document.actions, catalog)
            {
                let place = parsed.tree.place(&[Step::Key("actions"), Step::Item(index)]);
                if let [only] = scopes.as_slice()
                    && !ceiling.contains(only)
                    && !is_admin(only)
                {
                    self.report(
                        source,
                        place,
                        format!("{only} is not in the global scopes, so no token carries it"),
                    );
                    if let Some(last) = self.found.last_mut() {
                        last.severity = Severity::Warning;
                        last.code = codes::ABOVE_CEILING;
                    }
                }
                for scope in scopes {
                    let label = || format!("policies/{}:{}", source.relative, place.0);
                    let part =
                        parts.entry(scope.content_type().to_owned()).or_insert_with(|| (label(), Vec::new()));
                    if all.insert(scope.clone()) {
                        part.1.push(scope);
                    }
                }
            }
            let title = parsed.document.title.unwrap_or_else(|| source.stem.clone());
            let role = Role { title, actions: all.into_iter().collect() };
            roles.push(ReadRole { name: source.stem.clone(), role, parts });
        }
        roles
    }

    fn clients(
        &mut self,
        folder: &Folder,
        catalog: &Catalog,
        ceiling: &BTreeSet<Scope>,
        roles: &[ReadRole],
    ) -> Vec<ReadClient> {
        let keys = |path: &str| key_file(folder, path);
        let place = Place::Folder { public_url: &self.options.public_url, keys: &keys };
        let around = Surroundings { catalog, ceiling, place };
        let mut clients = Vec::new();
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Client) {
            let Some(parsed) = self.document::<ClientDocument>(source, &shapes::CLIENT) else { continue };
            let Some(id) = ClientId::parse(&source.stem) else { continue };
            match build(&id, &parsed.document, &around) {
                Ok(Built { client, warnings }) => {
                    self.problems(source, &parsed.tree, warnings, Some(codes::ABOVE_CEILING));
                    self.unknown_roles(source, &parsed.tree, &parsed.document, roles);
                    let line = parsed.tree.place_of_field("scopes").0;
                    clients.push(ReadClient {
                        client,
                        document: parsed.document,
                        file: self.shown(&source.relative),
                        source: format!("policies/{}:{line}", source.relative),
                    });
                }
                Err(errors) => {
                    self.unread.note(Kind::Client, &source.stem);
                    self.problems(source, &parsed.tree, errors, None);
                }
            }
        }
        clients
    }

    /// Reports what is wrong with fields; as warnings where a lint's code is given.
    fn problems(
        &mut self,
        source: &Source,
        tree: &Node,
        problems: Vec<FieldProblem>,
        lint: Option<&'static str>,
    ) {
        for problem in problems {
            self.report(source, tree.place_of_field(&problem.field), problem.message);
            if let (Some(last), Some(code)) = (self.found.last_mut(), lint) {
                last.severity = Severity::Warning;
                last.code = code;
            }
        }
    }

    /// Roles may come from elsewhere one day, so an unknown one is only suspicious.
    fn unknown_roles(&mut self, source: &Source, tree: &Node, document: &ClientDocument, roles: &[ReadRole]) {
        for (index, entry) in document.act_for.iter().enumerate() {
            let Some(ActFor::Role(name)) = ActFor::parse(entry) else { continue };
            let known = self.unread.has(Kind::Role, &name) || roles.iter().any(|role| role.name == name);
            if !known {
                let near = did_you_mean(&name, roles.iter().map(|role| role.name.as_str()));
                let problem = FieldProblem {
                    field: format!("act_for[{index}]"),
                    message: format!("no role {name}{near}"),
                };
                self.problems(source, tree, vec![problem], Some(codes::UNKNOWN_ROLE));
            }
        }
    }

    /// Proofs are for `grantwood prove`; here only their form is looked at.
    fn invariants(&mut self, folder: &Folder) {
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Invariant) {
            let _ = self.document::<InvariantsDocument>(source, &shapes::INVARIANTS);
        }
    }

    fn tests(&mut self, folder: &Folder) -> Vec<LoadedTests> {
        let mut tests = Vec::new();
        for source in folder.sources.iter().filter(|s| s.kind == Kind::Test) {
            let Some(parsed) = self.document::<TestsDocument>(source, &shapes::TESTS) else { continue };
            tests.push(LoadedTests {
                file: self.shown(&source.relative),
                text: source.text.clone(),
                tree: parsed.tree,
                document: parsed.document,
            });
        }
        tests
    }
}

/// Reads a key file of the folder. What it holds is never part of the error.
fn key_file(folder: &Folder, path: &str) -> Result<PublicKeys, String> {
    let shown = super::catalog::shown(path);
    if Path::new(path).is_absolute() || path.split('/').any(|part| part == "..") {
        return Err(format!("{shown}: a key file stands in the policy folder, as keys/client.pem"));
    }
    let mut keys = folder.sources.iter().filter(|s| s.kind == Kind::Key);
    match keys.clone().find(|s| s.relative == path) {
        Some(source) => PublicKeys::parse(&source.text).map_err(|why| format!("{shown}: {why}")),
        None => Err(format!(
            "{shown}: no such key file{}",
            did_you_mean(path, keys.by_ref().map(|s| s.relative.as_str()))
        )),
    }
}
