//! Which policies can matter to a question. Cedar walks every policy of a set, so a question is put to the
//! few whose scope can match it: same decision, same reasons, same errors, at a cost that does not grow.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint,
};

use super::reads::Holds;

/// Most slices that are kept. Beyond it a slice is made for its one question.
const MAX_KEPT: usize = 4_096;

/// Who or what a question may be about, as far as scopes of policies tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `Client`
    Client,
    /// `User`
    User,
    /// `Operator`
    Operator,
    /// `Scope`
    Scope,
    /// `Server`
    Server,
    /// `ContentType`
    Content,
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::User, Self::Operator, Self::Scope, Self::Server, Self::Content];

    /// Its name in the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "Client",
            Self::User => "User",
            Self::Operator => "Operator",
            Self::Scope => "Scope",
            Self::Server => "Server",
            Self::Content => "ContentType",
        }
    }
}

struct Entry {
    policy: Policy,
    holds: Holds,
    principal: Principal,
    /// None = any.
    actions: Option<HashSet<EntityUid>>,
    /// None = any.
    resource: Option<EntityTypeName>,
    /// The resource itself or one of its parents; none = any.
    about: Option<EntityUid>,
}

enum Principal {
    Any,
    Is(EntityTypeName),
    /// The principal itself or one of its parents.
    Named(Option<EntityTypeName>, u32),
}

/// What makes two questions ask the same slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Type of the principal.
    pub principal: Type,
    /// Numbers of the named entities that the principal is or is in, sorted.
    pub named: Vec<u32>,
    /// Number of the action.
    pub action: u32,
    /// Type of the resource.
    pub resource: Type,
}

/// The policies by their scopes.
pub struct Index {
    entries: Vec<Entry>,
    named: HashMap<EntityUid, u32>,
    types: HashMap<Type, EntityTypeName>,
    /// An action and the groups that it is in.
    actions: Vec<Vec<EntityUid>>,
    kept: RwLock<HashMap<Key, Arc<Slice>>>,
}

/// The policies that can matter to a question.
pub struct Slice {
    set: PolicySet,
    /// For how many questions the answers of those hold that do not hold for all, and what those are about.
    fleeting: Vec<(Holds, Option<EntityUid>)>,
}

impl Slice {
    /// For how many questions their answer holds, where the resource and its parents are known.
    fn holds(&self, resources: Option<&[&EntityUid]>) -> Holds {
        let matters = |about: &Option<EntityUid>| match (about, resources) {
            (Some(about), Some(resources)) => resources.contains(&about),
            _ => true,
        };
        let fleeting = self.fleeting.iter().filter(|(_, about)| matters(about));
        fleeting.map(|(holds, _)| *holds).min().unwrap_or(Holds::Stated)
    }
}

impl std::ops::Deref for Slice {
    type Target = PolicySet;

    fn deref(&self) -> &PolicySet {
        &self.set
    }
}

impl Index {
    /// Indexes policies. `actions` are the known actions, each with its groups; their order gives them numbers.
    pub fn new(policies: impl IntoIterator<Item = Policy>, actions: Vec<Vec<EntityUid>>) -> Self {
        let mut named = HashMap::new();
        let mut number = |uid: EntityUid| {
            let next = u32::try_from(named.len()).unwrap_or(u32::MAX);
            *named.entry(uid).or_insert(next)
        };
        let entries = policies
            .into_iter()
            .map(|policy| {
                let principal = match policy.principal_constraint() {
                    PrincipalConstraint::Any => Principal::Any,
                    PrincipalConstraint::Is(kind) => Principal::Is(kind),
                    PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => {
                        Principal::Named(None, number(uid))
                    }
                    PrincipalConstraint::IsIn(kind, uid) => Principal::Named(Some(kind), number(uid)),
                };
                let actions = match policy.action_constraint() {
                    ActionConstraint::Any => None,
                    ActionConstraint::Eq(uid) => Some(HashSet::from([uid])),
                    ActionConstraint::In(uids) => Some(uids.into_iter().collect()),
                };
                let (resource, about) = match policy.resource_constraint() {
                    ResourceConstraint::Any => (None, None),
                    ResourceConstraint::Is(kind) => (Some(kind), None),
                    ResourceConstraint::Eq(uid) => (Some(uid.type_name().clone()), Some(uid)),
                    ResourceConstraint::In(uid) => (None, Some(uid)),
                    ResourceConstraint::IsIn(kind, uid) => (Some(kind), Some(uid)),
                };
                let holds = super::reads::holds(&policy);
                Entry { policy, holds, principal, actions, resource, about }
            })
            .collect();
        let types = Type::ALL
            .into_iter()
            .filter_map(|kind| Some((kind, EntityTypeName::from_str(kind.name()).ok()?)))
            .collect();
        Self { entries, named, types, actions, kept: RwLock::default() }
    }

    /// Every policy that is evaluated.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.entries.iter().map(|entry| &entry.policy)
    }

    /// The numbers of those entities that policies name as principals; for [`Key::named`].
    pub fn numbers(&self, uids: impl Iterator<Item = EntityUid>) -> Vec<u32> {
        if self.named.is_empty() {
            return Vec::new();
        }
        let numbers: BTreeSet<u32> = uids.filter_map(|uid| self.named.get(&uid).copied()).collect();
        numbers.into_iter().collect()
    }

    /// The policies that can matter to a question; none = the slice could not be made, which must be a no.
    pub fn slice(&self, key: Key) -> Option<Arc<Slice>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = kept.get(&key) {
            return Some(Arc::clone(set));
        }
        drop(kept);
        let matching = || self.entries.iter().filter(|entry| self.matches(entry, &key));
        let policies = matching().map(|entry| entry.policy.clone());
        // Ids are unique in a loaded set, so this does not fail. An empty slice instead would lose its forbids.
        let set = PolicySet::from_policies(policies).ok()?;
        let fleeting = matching().filter(|entry| entry.holds < Holds::Stated);
        let fleeting = fleeting.map(|entry| (entry.holds, entry.about.clone())).collect();
        let set = Arc::new(Slice { set, fleeting });
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.insert(key, Arc::clone(&set));
        }
        Some(set)
    }

    /// For how many questions the answer of a slice holds. A policy about another resource has no say in that;
    /// `resources` are the one that is asked about and its parents, none = any.
    pub fn holds(&self, key: Key, resources: Option<&[&EntityUid]>) -> Holds {
        self.slice(key).map_or(Holds::Once, |slice| slice.holds(resources))
    }

    /// The policies that can matter to some principal of this type: more than the slice, for explanations.
    pub fn possible<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Policy> {
        self.entries.iter().filter(|entry| self.matches_but_for_names(entry, key)).map(|entry| &entry.policy)
    }

    /// The permits for a principal and a resource of these types, with how many of name and action do not fit.
    pub fn permits<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = (usize, &'a Policy)> {
        let fits = |entry: &&Entry| {
            entry.policy.effect() == cedar_policy::Effect::Permit
                && self.principal_type_fits(entry, key)
                && self.resource_fits(entry, key)
        };
        self.entries.iter().filter(fits).map(|entry| {
            let off = usize::from(!name_fits(entry, key)) + usize::from(!self.action_fits(entry, key));
            (off, &entry.policy)
        })
    }

    fn matches_but_for_names(&self, entry: &Entry, key: &Key) -> bool {
        self.principal_type_fits(entry, key) && self.action_fits(entry, key) && self.resource_fits(entry, key)
    }

    fn is(&self, wanted: &EntityTypeName, kind: Type) -> bool {
        self.types.get(&kind) == Some(wanted)
    }

    fn principal_type_fits(&self, entry: &Entry, key: &Key) -> bool {
        match &entry.principal {
            Principal::Any => true,
            Principal::Is(kind) => self.is(kind, key.principal),
            Principal::Named(kind, _) => kind.as_ref().is_none_or(|kind| self.is(kind, key.principal)),
        }
    }

    fn action_fits(&self, entry: &Entry, key: &Key) -> bool {
        entry.actions.as_ref().is_none_or(|actions| {
            self.actions
                .get(key.action as usize)
                .is_some_and(|mine| mine.iter().any(|uid| actions.contains(uid)))
        })
    }

    fn resource_fits(&self, entry: &Entry, key: &Key) -> bool {
        entry.resource.as_ref().is_none_or(|kind| self.is(kind, key.resource))
    }

    fn matches(&self, entry: &Entry, key: &Key) -> bool {
        name_fits(entry, key) && self.matches_but_for_names(entry, key)
    }
}

fn name_fits(entry: &Entry, key: &Key) -> bool {
    match &entry.principal {
        Principal::Named(_, number) => key.named.contains(number),
        Principal::Any | Principal::Is(_) => true,
    }
}
