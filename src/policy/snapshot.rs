//! One policy set, whole and immutable. A request uses one from start to end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cedar_policy::{Entity, EntityUid};

use super::answers::Memory;
use super::catalog::Catalog;
use super::client::{FieldProblem, Mode, Place, Surroundings, build};
use super::compile;
use super::decide::Decider;
use super::diagnostics::Diagnostic;
use super::documents::ClientDocument;
use super::facts;
use super::names::uid;
use super::source::CommitInfo;
use super::testing::documents::TestsDocument;
use super::yaml::Node;
use crate::oauth::client::{Client, ClientId};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// Everything that was loaded together.
pub struct Snapshot {
    pub(super) revision: Arc<str>,
    pub(super) commit: Option<CommitInfo>,
    pub(super) catalog: Catalog,
    pub(super) global: Global,
    pub(super) ceiling: BTreeSet<Scope>,
    pub(super) clients: BTreeMap<ClientId, LoadedClient>,
    pub(super) roles: BTreeMap<String, Role>,
    /// All but the clients' policies, which are made when somebody wants to read them.
    pub(super) policies: Vec<PolicyInfo>,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) tests: Vec<LoadedTests>,
    pub(super) schema_text: String,
    pub(super) decider: Decider,
    pub(super) memory: Memory,
}

/// The ceiling.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// Wildcards resolved, sorted.
    pub scopes: Vec<Scope>,
    /// As the file has them.
    pub entries: Vec<String>,
    /// Whether the admin API may write the file.
    pub managed_by_admin: bool,
    /// The file.
    pub file: PathBuf,
}

/// A client of the folder.
pub(super) struct LoadedClient {
    /// The client.
    pub client: Arc<Client>,
    /// Its document.
    pub document: ClientDocument,
    /// For people: the path under the configured folder.
    pub file: String,
    /// For `@source`.
    pub source: String,
    /// The entity of the client while its row is active.
    pub entity: Entity,
}

/// A role of the folder.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// What people see.
    pub title: String,
    /// Wildcards resolved, sorted.
    pub actions: Vec<Scope>,
}

/// A test document of the folder.
pub(super) struct LoadedTests {
    /// For people: the path under the configured folder.
    pub file: String,
    /// The content.
    pub text: String,
    /// The cases.
    pub document: TestsDocument,
    /// The places of everything in it.
    pub tree: Node,
}

/// A policy, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// `client.reporting`
    pub id: String,
    /// `policies/clients/reporting.yaml:3`
    pub source: String,
    /// The Cedar text.
    pub text: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Key and value, sorted.
    pub annotations: Vec<(String, String)>,
}

impl Snapshot {
    /// The digest that names this set: hexadecimal.
    pub fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// The id of the git commit of the files, where they are in a repository.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_ref().map(|commit| commit.id.as_str())
    }

    /// The git commit of the files, with what is known of it.
    pub fn commit_info(&self) -> Option<&CommitInfo> {
        self.commit.as_ref()
    }

    /// What scopes may name.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The ceiling.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// The schema that rules are written against.
    pub fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// What somebody should look at.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// A client of the folder.
    pub fn client(&self, id: &ClientId) -> Option<&Arc<Client>> {
        self.clients.get(id).map(|loaded| &loaded.client)
    }

    /// A client's document and its file.
    pub fn client_document(&self, id: &ClientId) -> Option<(&ClientDocument, &str)> {
        self.clients.get(id).map(|loaded| (&loaded.document, loaded.file.as_str()))
    }

    /// The clients of the folder, by id.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values().map(|loaded| &loaded.client)
    }

    /// The roles: name, title, actions.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &str, &[Scope])> {
        self.roles.iter().map(|(name, role)| (name.as_str(), role.title.as_str(), role.actions.as_slice()))
    }

    /// Reads a client's document from outside the folder.
    pub fn parse_client(
        &self,
        id: &ClientId,
        doc: &ClientDocument,
        mode: Mode,
    ) -> Result<Client, Vec<FieldProblem>> {
        let around =
            Surroundings { catalog: &self.catalog, ceiling: &self.ceiling, place: Place::Database(mode) };
        build(id, doc, &around).map(|built| built.client)
    }

    /// Every policy: the kernel's, the documents', the rules'.
    pub fn policies(&self) -> impl Iterator<Item = PolicyInfo> {
        let clients =
            self.clients.values().flat_map(|loaded| client_policies(&loaded.client, &loaded.source));
        self.policies.iter().cloned().chain(clients)
    }

    /// One policy of the set, by its id.
    pub fn policy(&self, id: &str) -> Option<PolicyInfo> {
        if let Some(found) = self.policies.iter().find(|policy| policy.id == id) {
            return Some(found.clone());
        }
        let name = id.strip_prefix("client.")?;
        let client = self.clients.get(&ClientId::parse(name.strip_suffix(".use").unwrap_or(name))?)?;
        client_policies(&client.client, &client.source).into_iter().find(|policy| policy.id == id)
    }

    /// Files of the catalog and of the policy tests, which hold no policies, with what they are.
    pub fn other_files(&self) -> Vec<(String, &'static str)> {
        let catalog = self.catalog.content_types().filter_map(|kind| kind.file.clone());
        let mut files: Vec<_> = catalog.map(|file| (file, "catalog")).collect();
        files.extend(self.tests.iter().map(|tests| (tests.file.clone(), "tests")));
        files.sort();
        files.dedup();
        files
    }

    /// The policies of a client that is not in the folder.
    pub fn client_policies(&self, client: &Client) -> Vec<PolicyInfo> {
        match self.clients.get(&client.id) {
            Some(loaded) => client_policies(client, &loaded.source),
            None => client_policies(client, &format!("database/clients/{}", client.id)),
        }
    }

    /// File and line of a policy, by its id; none = there is no such policy now, or it is a database client's.
    pub fn policy_source(&self, id: &str) -> Option<String> {
        if let Some(info) = self.policies.iter().find(|info| info.id == id) {
            return Some(info.source.clone());
        }
        let name = id.strip_prefix("client.")?;
        let name = ClientId::parse(name.strip_suffix(".use").unwrap_or(name))?;
        self.clients.get(&name).map(|loaded| loaded.source.clone())
    }

    /// Where a client's scopes stand, and whether that is a file of the folder.
    pub(super) fn client_place(&self, client: &Client) -> (String, bool) {
        match self.clients.get(&client.id) {
            Some(loaded) => (loaded.source.clone(), true),
            None => (format!("database/clients/{}", client.id), false),
        }
    }

    /// How many policies there are.
    pub fn policy_count(&self) -> usize {
        let clients = self.clients.values().filter(|loaded| !loaded.client.scopes.is_empty()).count();
        self.policies.len() + 2 * clients
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(super) fn in_ceiling(&self, scope: &Scope) -> bool {
        self.ceiling.contains(scope)
    }

    /// The entity of a client; the prepared one where nothing that policies can see differs.
    pub(super) fn client_entity(&self, client: &Client, active: bool) -> Result<Entity, String> {
        match self.clients.get(&client.id) {
            Some(loaded) if active && looks_alike(&loaded.client, client) => Ok(loaded.entity.clone()),
            _ => facts::client(&self.decider.names, client, active),
        }
    }

    pub(super) fn client_numbers(&self, own: &EntityUid, client: &Client) -> Vec<u32> {
        let names = &self.decider.names;
        let groups = client.groups.iter().map(|group| uid(&names.group, group));
        self.decider.index.numbers(std::iter::once(own.clone()).chain(groups))
    }

    pub(super) fn user_numbers(&self, own: &EntityUid, user: &User) -> Vec<u32> {
        let names = &self.decider.names;
        let roles = user.roles.iter().map(|role| uid(&names.role, role));
        self.decider.index.numbers(std::iter::once(own.clone()).chain(roles))
    }
}

/// Whether two clients are one to every policy.
pub(super) fn looks_alike(a: &Client, b: &Client) -> bool {
    a.kind == b.kind
        && a.active == b.active
        && a.pkce == b.pkce
        && a.assertion_style == b.assertion_style
        && a.access_token_ttl == b.access_token_ttl
        && a.grants == b.grants
        && a.owner == b.owner
        && a.groups == b.groups
        && a.act_for == b.act_for
}

fn client_policies(client: &Client, source: &str) -> Vec<PolicyInfo> {
    let compiled = compile::client(client.id.as_str(), source, &client.scopes);
    compiled.into_iter().map(|policy| info(policy, "permit")).collect()
}

pub(super) fn info(policy: compile::Compiled, effect: &'static str) -> PolicyInfo {
    let mut annotations =
        vec![("id".to_owned(), policy.id.clone()), ("source".to_owned(), policy.source.clone())];
    if policy.text.contains("\n@error(\"invalid_scope\")\nforbid") {
        annotations.insert(0, ("error".to_owned(), "invalid_scope".to_owned()));
    }
    PolicyInfo { id: policy.id, source: policy.source, text: policy.text, effect, annotations }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {} policies)", self.revision, self.policy_count())
    }
}
