//! How far a policy's scope reaches, as sets that can be compared. Where it cannot be told, the answer is "not
//! covered": a lint may miss something, it must not cry wolf.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::Value;

use super::conditions;
use crate::oauth::client::Client;
use crate::policy::snapshot::Snapshot;

/// What a policy can be about.
pub struct Reach {
    /// Permit or forbid.
    pub effect: Effect,
    /// Who.
    pub principal: Who,
    /// Numbers of the known actions.
    pub actions: BTreeSet<usize>,
    /// What.
    pub resource: Who,
    /// Kind and body of each condition.
    pub conditions: Vec<Value>,
    /// Types that a principal of these actions can have.
    principals: BTreeSet<&'static str>,
    /// Types that a resource of these actions can have.
    resources: BTreeSet<&'static str>,
}

/// A part of a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    /// No constraint.
    Any,
    /// `is T`
    Is(String),
    /// `== T::"x"`
    One(EntityUid),
    /// `in T::"x"`, with `is` where it stands.
    In(Option<String>, EntityUid),
}

/// What the documents say about entities.
pub struct World {
    /// Each known action with its groups.
    actions: Vec<Vec<EntityUid>>,
    /// The groups of each client.
    pub groups: BTreeMap<String, Vec<String>>,
}

impl World {
    /// Of a snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        let groups = snapshot.clients().map(|client| (client.id.to_string(), client.groups.clone()));
        Self { actions: snapshot.decider().names.actions().to_vec(), groups: groups.collect() }
    }

    /// An action's id.
    pub fn action(&self, number: usize) -> &str {
        self.actions[number][0].id().unescaped()
    }

    /// The clients that a principal part can be; none = it cannot be told from the folder.
    pub fn clients(&self, who: &Who) -> Option<Vec<&str>> {
        match who {
            Who::One(uid) if kind(uid) == "Client" => {
                let id = uid.id().unescaped();
                self.groups.get_key_value(id).map(|(id, _)| vec![id.as_str()])
            }
            Who::In(_, group) if kind(group) == "ClientGroup" => {
                let name = group.id().unescaped();
                let members = self.groups.iter().filter(|(_, groups)| groups.iter().any(|one| one == name));
                Some(members.map(|(id, _)| id.as_str()).collect())
            }
            _ => None,
        }
    }

    /// Whether everything that `small` can be, `large` can be as well.
    fn covers(&self, large: &Who, small: &Who, types: &BTreeSet<&'static str>) -> bool {
        match (large, small) {
            (Who::Any, _) => true,
            (_, Who::Any) => matches!(large, Who::Is(kind) if types.iter().all(|one| one == kind)),
            (Who::Is(kind), Who::Is(other)) => kind == other,
            (Who::Is(kind), Who::One(uid)) => *kind == self::kind(uid),
            (Who::Is(kind), Who::In(is, parent)) => {
                is.as_deref().or_else(|| member_type(parent)) == Some(kind.as_str())
            }
            (Who::One(uid), Who::One(other)) => uid == other,
            (Who::In(is, group), Who::One(uid)) => {
                is.as_ref().is_none_or(|kind| *kind == self::kind(uid)) && self.is_in(uid, group)
            }
            (Who::In(is, group), Who::In(other_is, other)) => {
                group == other
                    && is.as_ref().is_none_or(|kind| {
                        other_is.as_deref().or_else(|| member_type(other)) == Some(kind.as_str())
                    })
            }
            (Who::One(_), Who::Is(_) | Who::In(..)) | (Who::In(..), Who::Is(_)) => false,
        }
    }

    fn is_in(&self, uid: &EntityUid, group: &EntityUid) -> bool {
        let (id, parent) = (uid.id().unescaped(), group.id().unescaped());
        uid == group
            || match (kind(uid).as_str(), kind(group).as_str()) {
                ("Client", "ClientGroup") => {
                    self.groups.get(id).is_some_and(|groups| groups.iter().any(|one| one == parent))
                }
                ("Scope", "ContentType") => id.rsplit_once('.').is_some_and(|(name, _)| name == parent),
                _ => false,
            }
    }
}

impl Who {
    /// Whether a client can be the principal.
    pub fn may_be(&self, client: &Client) -> bool {
        match self {
            Self::Any => true,
            Self::Is(kind) => kind == "Client",
            Self::One(uid) => kind(uid) == "Client" && uid.id().unescaped() == client.id.as_str(),
            Self::In(_, uid) => {
                kind(uid) == "ClientGroup" && client.groups.iter().any(|group| group == uid.id().unescaped())
            }
        }
    }
}

impl Reach {
    /// Of a policy.
    pub fn new(policy: &Policy, world: &World) -> Self {
        let actions: BTreeSet<usize> = match policy.action_constraint() {
            ActionConstraint::Any => (0..world.actions.len()).collect(),
            ActionConstraint::Eq(uid) => with(world, &[uid]),
            ActionConstraint::In(uids) => with(world, &uids),
        };
        let mut principals = BTreeSet::new();
        let mut resources = BTreeSet::new();
        for number in &actions {
            let (who, what) = types(world.action(*number));
            principals.extend(who);
            resources.extend(what);
        }
        Self {
            effect: policy.effect(),
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Any => Who::Any,
                PrincipalConstraint::Is(kind) => Who::Is(kind.to_string()),
                PrincipalConstraint::Eq(uid) => Who::One(uid),
                PrincipalConstraint::In(uid) => Who::In(None, uid),
                PrincipalConstraint::IsIn(kind, uid) => Who::In(Some(kind.to_string()), uid),
            },
            resource: match policy.resource_constraint() {
                ResourceConstraint::Any => Who::Any,
                ResourceConstraint::Is(kind) => Who::Is(kind.to_string()),
                ResourceConstraint::Eq(uid) => Who::One(uid),
                ResourceConstraint::In(uid) => Who::In(None, uid),
                ResourceConstraint::IsIn(kind, uid) => Who::In(Some(kind.to_string()), uid),
            },
            actions,
            conditions: conditions::of(policy),
            principals,
            resources,
        }
    }

    /// Whether this policy applies wherever the other one does.
    pub fn covers(&self, other: &Self, world: &World) -> bool {
        self.actions.is_superset(&other.actions)
            && self.conditions.iter().all(|one| other.conditions.contains(one))
            && world.covers(&self.principal, &other.principal, &other.principals)
            && world.covers(&self.resource, &other.resource, &other.resources)
    }

    /// Whether any of its actions is a grant.
    pub fn grants(&self, world: &World) -> bool {
        self.actions.iter().any(|number| world.action(*number).starts_with("grant:"))
    }

    /// Whether all of its actions are grants.
    pub fn is_about_grants(&self, world: &World) -> bool {
        !self.actions.is_empty()
            && self.actions.iter().all(|number| world.action(*number).starts_with("grant:"))
    }
}

fn with(world: &World, uids: &[EntityUid]) -> BTreeSet<usize> {
    let known = world.actions.iter().enumerate();
    known.filter(|(_, line)| line.iter().any(|uid| uids.contains(uid))).map(|(number, _)| number).collect()
}

/// The name of an entity's type.
pub fn kind(uid: &EntityUid) -> String {
    uid.type_name().to_string()
}

/// The only type whose entities are in a parent.
fn member_type(parent: &EntityUid) -> Option<&'static str> {
    match kind(parent).as_str() {
        "Role" => Some("User"),
        "ClientGroup" => Some("Client"),
        "ContentType" => Some("Scope"),
        _ => None,
    }
}

/// The types of principal and resource that an action has in the schema.
fn types(action: &str) -> (&'static [&'static str], &'static [&'static str]) {
    if action.starts_with("grant:") {
        (&["Client"], &["Scope", "Server"])
    } else if action == "user:sign_in" {
        (&["User"], &["Server"])
    } else if action.starts_with("admin:") {
        (&["User", "Client", "Operator"], &["Server", "Client"])
    } else {
        (&["User", "Client"], &["ContentType"])
    }
}
