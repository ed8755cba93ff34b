//! The parts of a set become policies, the policies one validated whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cedar_policy::{Effect, Policy, PolicyId};

use super::answers::Memory;
use super::catalog::{Catalog, is_admin};
use super::compile::{self, Compiled};
use super::decide::Decider;
use super::diagnostics::{Diagnostic, Severity};
use super::facts;
use super::files::{Folder, Kind, Source};
use super::load::{BASE, KERNEL, Loader, ReadClient, ReadRole};
use super::names::Names;
use super::rules::{self, Declared, Rule};
use super::schema::schema_text;
use super::slice::Index;
use super::snapshot::{Global, LoadedClient, LoadedTests, PolicyInfo, Snapshot, info};
use super::unread::Unread;
use super::validate::{Cache, Checker};
use crate::oauth::scope::Scope;

/// What was read.
pub(super) struct Parts {
    /// What scopes may name.
    pub catalog: Catalog,
    /// The ceiling as its file has it.
    pub global: Global,
    /// The ceiling as a set.
    pub ceiling: BTreeSet<Scope>,
    /// Where it stands, for `@source`.
    pub ceiling_source: String,
    /// The roles.
    pub roles: Vec<ReadRole>,
    /// The clients.
    pub clients: Vec<ReadClient>,
    /// The policy tests.
    pub tests: Vec<LoadedTests>,
}

/// Makes the snapshot; none where something was reported that leaves no snapshot to make.
pub(super) fn assemble(
    loader: &mut Loader<'_>,
    parts: Parts,
    folder: &Folder,
    revision: &str,
    cache: &mut Cache,
    failures: &Arc<AtomicU64>,
) -> Option<Snapshot> {
    let schema_text = schema_text(&parts.catalog);
    let here = loader.options.tree.title();
    let (mut checker, schema) = match cache.checker(&schema_text) {
        Ok(pair) => pair,
        Err(why) => {
            loader.found.push(Diagnostic::file(here, format!("the catalog makes no schema: {why}")));
            return None;
        }
    };
    let Set { policies, infos, .. } = policies(loader, &mut checker, &parts, folder);
    checker.finish();

    let names =
        Names::new(&parts.catalog).map_err(|why| loader.found.push(Diagnostic::file(here, why))).ok()?;
    let forbids = forbids(&policies);
    // The ceiling is looked up, not evaluated; see `grant.rs`.
    let evaluated =
        policies.into_iter().filter(|policy| AsRef::<str>::as_ref(policy.id()) != "global.ceiling");
    let index = Index::new(evaluated, names.actions().to_vec());
    let decider = Decider::new(names, index, schema, forbids, Arc::clone(failures));
    let clients = clients(loader, &decider, parts.clients);
    Some(Snapshot {
        revision: Arc::from(revision),
        commit: loader.options.tree.commit(),
        catalog: parts.catalog,
        global: parts.global,
        ceiling: parts.ceiling,
        clients,
        roles: parts.roles.into_iter().map(|read| (read.name, read.role)).collect(),
        policies: infos,
        warnings: Vec::new(),
        tests: parts.tests,
        schema_text,
        decider,
        memory: Memory::default(),
    })
}

/// Every policy of the set, in the order of importance: the kernel, the ceiling, documents, rules.
fn policies<'l, 'o, 'c, 'k>(
    loader: &'l mut Loader<'o>,
    checker: &'c mut Checker<'k>,
    parts: &Parts,
    folder: &Folder,
) -> Set<'l, 'o, 'c, 'k> {
    // Without an action of an API, what the kernel says about the use of tokens can never apply, which is no mistake.
    let complete = parts.catalog.actions().any(|action| !is_admin(&action.scope));
    let mut set = Set { loader, checker, policies: Vec::new(), infos: Vec::new(), ids: HashMap::new() };
    set.built_in("builtin/kernel.cedar", KERNEL, complete);
    set.built_in("builtin/base.cedar", BASE, complete);
    set.compiled(compile::ceiling(&parts.ceiling_source, &parts.global.scopes), "forbid", true);
    for role in &parts.roles {
        for (content_type, (source, actions)) in &role.parts {
            set.compiled(compile::role(&role.name, content_type, source, actions), "permit", true);
        }
    }
    for read in &parts.clients {
        for policy in compile::client(read.client.id.as_str(), &read.source, &read.client.scopes) {
            set.compiled(policy, "permit", false);
        }
    }
    let declared = declared(parts, &set.loader.unread);
    for source in folder.sources.iter().filter(|s| s.kind == Kind::Rule) {
        set.rules(source, &declared);
    }
    set
}

fn clients(
    loader: &mut Loader<'_>,
    decider: &Decider,
    read: Vec<ReadClient>,
) -> BTreeMap<crate::oauth::client::ClientId, LoadedClient> {
    let mut clients = BTreeMap::new();
    for ReadClient { client, document, file, source } in read {
        match facts::client(&decider.names, &client, true) {
            Ok(entity) => {
                let loaded = LoadedClient { client: Arc::new(client), document, file, source, entity };
                clients.insert(loaded.client.id.clone(), loaded);
            }
            Err(why) => loader.found.push(Diagnostic::file(file, why)),
        }
    }
    clients
}

fn forbids(policies: &[Policy]) -> HashMap<String, (usize, Option<String>)> {
    let forbids = policies.iter().filter(|policy| policy.effect() == Effect::Forbid);
    let ranked = forbids.enumerate().map(|(rank, policy)| {
        let error = policy.annotation("error").map(ToOwned::to_owned);
        (AsRef::<str>::as_ref(policy.id()).to_owned(), (rank, error))
    });
    ranked.collect()
}

fn declared(parts: &Parts, unread: &Unread) -> Declared {
    let mut names: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    names.insert("Client", parts.clients.iter().map(|read| read.client.id.to_string()).collect());
    names.insert("ClientGroup", parts.clients.iter().flat_map(|read| read.client.groups.clone()).collect());
    names.insert("Role", parts.roles.iter().map(|read| read.name.clone()).collect());
    names.insert("Scope", parts.catalog.actions().map(|action| action.scope.to_string()).collect());
    names.insert("ContentType", parts.catalog.content_types().map(|kind| kind.name.clone()).collect());
    // What is declared with a mistake is declared.
    for (kind, name) in [(Kind::Client, "Client"), (Kind::Role, "Role")] {
        names.entry(name).or_default().extend(unread.names(kind).map(ToOwned::to_owned));
    }
    if unread.any(Kind::Catalog) {
        names.retain(|kind, _| !["Scope", "ContentType"].contains(kind));
    }
    Declared { names }
}

/// The set while it grows.
struct Set<'l, 'o, 'c, 'k> {
    loader: &'l mut Loader<'o>,
    checker: &'c mut Checker<'k>,
    /// What Cedar evaluates.
    policies: Vec<Policy>,
    infos: Vec<PolicyInfo>,
    /// Ids with the place that took them first.
    ids: HashMap<String, String>,
}

impl Set<'_, '_, '_, '_> {
    fn built_in(&mut self, label: &str, text: &str, validate: bool) {
        let (rules, found) = rules::read(label, label, text, true);
        self.loader.found.extend(found);
        for rule in rules {
            self.rule(rule, text, validate);
        }
    }

    fn rules(&mut self, source: &Source, declared: &Declared) {
        let (relative, text) = (&source.relative, &source.text);
        let file = self.loader.shown(relative);
        let (rules, found) = rules::read(&file, &format!("policies/{relative}"), text, false);
        if found.iter().any(|one| one.severity == Severity::Error) {
            self.loader.unread.note(Kind::Rule, &source.stem);
        }
        self.loader.found.extend(found);
        // Under a schema without the content types of an unread document, what names them seems wrong.
        let validate = !self.loader.unread.any(Kind::Catalog);
        for rule in rules {
            self.loader.found.extend(rules::unknown_names(&rule, declared, text));
            self.rule(rule, text, validate);
        }
    }

    fn rule(&mut self, rule: Rule, file_text: &str, validate: bool) {
        let Some(origin) = &rule.origin else { return };
        let (line, column) = super::diagnostics::line_column(file_text, origin.offset);
        if let Some(first) = self.ids.insert(rule.id.clone(), rule.source.clone()) {
            let message = format!("@id {} is taken by {first}", rule.id);
            self.loader.found.push(Diagnostic::at(&origin.file, line, column, message).snippet(file_text));
            return;
        }
        if validate {
            self.loader.found.extend(self.checker.check(
                &rule.policy,
                &rule.shape,
                Some((origin, file_text)),
            ));
        }
        let mut annotations: Vec<(String, String)> =
            rule.policy.annotations().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        annotations.sort();
        let effect = if rule.policy.effect() == Effect::Forbid { "forbid" } else { "permit" };
        self.infos.push(PolicyInfo {
            id: rule.id,
            source: rule.source,
            text: rule.text,
            effect,
            annotations,
        });
        self.policies.push(rule.policy);
    }

    /// Adds a document's policy. A client's is only checked: it is answered from the list that it was made from.
    fn compiled(&mut self, compiled: Compiled, effect: &'static str, evaluated: bool) {
        // Ten thousand clients are a few shapes; names enter the text as literals only (attack row Y12).
        if !evaluated && self.checker.knows(&compiled.shape) {
            return;
        }
        let Ok(policy) = Policy::parse(Some(PolicyId::new(&compiled.id)), &compiled.text) else {
            let message = "this document makes no valid policy; this is a bug".to_owned();
            self.loader.found.push(Diagnostic::file(compiled.source, message));
            return;
        };
        for mut diagnostic in self.checker.check(&policy, &compiled.shape, None) {
            diagnostic.file.clone_from(&compiled.source);
            self.loader.found.push(diagnostic);
        }
        if evaluated {
            self.infos.push(info(compiled, effect));
            self.policies.push(policy);
        }
    }
}
