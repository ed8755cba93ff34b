//! A policy as the plan looks at it: whom it can be about, and what it reads of them.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::Value;

use super::partial::{self, mentions};
use crate::policy::names::ActionNames;

/// A policy that is no client document's and not the ceiling.
pub(super) struct View {
    /// Its id.
    pub id: String,
    /// `policies/rules/partners.cedar:12`.
    pub source: String,
    /// Its text less the place that it comes from.
    pub text: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Whether it is the server's own.
    pub built_in: bool,
    /// The policy itself.
    pub policy: Policy,
    /// Its conditions: whether it is a `when`, and the expression.
    pub conditions: Vec<(bool, Value)>,
    /// Attributes of the principal that it reads; none = it looks at the principal as a whole.
    pub attributes: Option<BTreeSet<String>>,
    /// Whether its conditions look at the resource.
    pub reads_resource: bool,
}

impl View {
    /// Reads a policy.
    pub fn new(policy: &Policy, info: &crate::policy::PolicyInfo) -> Self {
        let conditions = partial::conditions_of(policy);
        let mut attributes = Some(BTreeSet::new());
        let mut reads_resource = false;
        for (_, body) in &conditions {
            reads(body, &mut attributes);
            reads_resource |= mentions(body, &["resource"]);
        }
        Self {
            id: info.id.clone(),
            source: info.source.clone(),
            text: super::unplaced(&info.text),
            forbids: info.effect == "forbid",
            built_in: info.source.starts_with("builtin/"),
            policy: policy.clone(),
            conditions,
            attributes,
            reads_resource,
        }
    }

    /// Whether it can be about this client and this action.
    pub fn meets(&self, own: &EntityUid, groups: &BTreeSet<EntityUid>, action: &ActionNames) -> bool {
        self.meets_principal(own, groups) && self.meets_action(action)
    }

    /// Whether its principal can be this client.
    pub fn meets_principal(&self, own: &EntityUid, groups: &BTreeSet<EntityUid>) -> bool {
        match self.policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(kind) => kind == *own.type_name(),
            PrincipalConstraint::Eq(uid) => uid == *own,
            PrincipalConstraint::In(uid) => uid == *own || groups.contains(&uid),
            PrincipalConstraint::IsIn(kind, uid) => {
                kind == *own.type_name() && (uid == *own || groups.contains(&uid))
            }
        }
    }

    /// Whether its principal can be a client and its action a grant.
    pub fn about_clients(&self) -> bool {
        let client = |kind: &str| matches!(kind, "Client" | "ClientGroup");
        let principal = match self.policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(kind) | PrincipalConstraint::IsIn(kind, _) => client(kind.basename()),
            PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => client(uid.type_name().basename()),
        };
        let grant = |uid: &EntityUid| uid.id().unescaped().starts_with("grant");
        principal
            && match self.policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(uid) => grant(&uid),
                ActionConstraint::In(uids) => uids.iter().any(grant),
            }
    }

    /// Whether its principal can be a user of this role.
    pub fn meets_role(&self, role: &EntityUid) -> bool {
        match self.policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(kind) => kind.basename() == "User",
            PrincipalConstraint::Eq(_) => false,
            PrincipalConstraint::In(uid) => uid == *role,
            PrincipalConstraint::IsIn(kind, uid) => kind.basename() == "User" && uid == *role,
        }
    }

    /// Whether its action is this one or a group of it.
    pub fn meets_action(&self, action: &ActionNames) -> bool {
        let mine = |uid: &EntityUid| action.entities.iter().any(|entity| entity.uid() == *uid);
        match self.policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == action.uid,
            ActionConstraint::In(uids) => uids.iter().any(mine),
        }
    }

    /// Whether its scope narrows the resource to less than a type.
    pub fn names_resource(&self) -> bool {
        !matches!(self.policy.resource_constraint(), ResourceConstraint::Any)
    }

    /// Whether it can only be about starting a grant.
    pub fn only_start(&self) -> bool {
        matches!(self.policy.resource_constraint(), ResourceConstraint::Is(kind) if kind.basename() == "Server")
    }

    /// Whether its resource can be this one, with these parents.
    pub fn takes(&self, resource: &EntityUid, parents: &[EntityUid]) -> bool {
        match self.policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(kind) => kind == *resource.type_name(),
            ResourceConstraint::Eq(uid) => uid == *resource,
            ResourceConstraint::In(uid) => uid == *resource || parents.contains(&uid),
            ResourceConstraint::IsIn(kind, uid) => {
                kind == *resource.type_name() && (uid == *resource || parents.contains(&uid))
            }
        }
    }
}

/// Which attributes of the principal an expression reads; none once it looks at the principal otherwise.
fn reads(expression: &Value, attributes: &mut Option<BTreeSet<String>>) {
    if let Some((kind, value)) = partial::node(expression) {
        let of_principal = value.get("left").and_then(|left| left.get("Var")) == Some(&"principal".into());
        match (kind, value.get("attr").and_then(Value::as_str)) {
            ("." | "has", Some(attribute)) if of_principal => {
                if let Some(attributes) = attributes {
                    attributes.insert(attribute.to_owned());
                }
                return;
            }
            ("Var", _) if value == "principal" => *attributes = None,
            _ => {}
        }
    }
    partial::parts(expression).into_iter().for_each(|part| reads(part, attributes));
}
