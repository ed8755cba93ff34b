//! The kinds of requests that there are (who, which action, to what), and the policies that can matter to each.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PrincipalConstraint, RequestEnv, ResourceConstraint, Schema,
};
use serde_json::Value;

use crate::policy::plan::Loaded;

/// One kind of request.
pub(super) struct Environment {
    /// In the schema's words.
    pub env: RequestEnv,
    /// `Client`, `User` or `Operator`.
    pub principal: String,
    /// The action.
    pub action: EntityUid,
    /// `Scope`, `Server`, `ContentType`, `Client`.
    pub resource: String,
    /// The action and the groups that it is in.
    line: Vec<EntityUid>,
}

/// A policy as proofs look at it.
#[derive(Clone)]
pub(super) struct Stated {
    /// The policy.
    pub policy: Policy,
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub source: String,
    /// What it says, less its names and the list of its actions: in one environment the action is given.
    pub says: String,
    /// Whether it forbids.
    pub forbids: bool,
}

impl Stated {
    pub fn new(policy: Policy, source: &str) -> Self {
        let mut json = policy.to_json().unwrap_or_default();
        if let Value::Object(map) = &mut json {
            map.remove("action");
            map.remove("annotations");
        }
        let id = AsRef::<str>::as_ref(policy.id()).to_owned();
        let forbids = policy.effect() == cedar_policy::Effect::Forbid;
        Self { id, source: source.to_owned(), says: json.to_string(), forbids, policy }
    }
}

/// Every policy of a set but the clients'.
pub(super) fn stated(loaded: &Loaded) -> Vec<Stated> {
    let snapshot = &loaded.snapshot;
    let mut all: Vec<Stated> = Vec::new();
    let evaluated: HashMap<&str, &Policy> = snapshot
        .decider()
        .index
        .policies()
        .map(|policy| (AsRef::<str>::as_ref(policy.id()), policy))
        .collect();
    for info in &snapshot.policies {
        let policy = match evaluated.get(info.id.as_str()) {
            Some(policy) => Some((*policy).clone()),
            // The ceiling is looked up when the server decides; here it is the policy that it stands for.
            None => Policy::parse(Some(cedar_policy::PolicyId::new(&info.id)), &info.text).ok(),
        };
        all.extend(policy.map(|policy| Stated::new(policy, &info.source)));
    }
    all
}

/// Every kind of request under a schema.
pub(super) fn environments(schema: &Schema, sets: &[&Loaded]) -> Vec<Environment> {
    let mut lines: HashMap<EntityUid, Vec<EntityUid>> = HashMap::new();
    for set in sets {
        for line in set.snapshot.decider().names.actions() {
            if let Some(first) = line.first() {
                lines.insert(first.clone(), line.clone());
            }
        }
    }
    let mut all: Vec<Environment> = schema
        .request_envs()
        .filter_map(|env| {
            let line = lines.get(env.action())?.clone();
            Some(Environment {
                principal: env.principal().basename().to_owned(),
                action: env.action().clone(),
                resource: env.resource().basename().to_owned(),
                line,
                env,
            })
        })
        .collect();
    all.sort_by_key(Environment::title);
    all
}

impl Environment {
    /// `Client × grant:jwt_bearer × Scope`.
    pub fn title(&self) -> String {
        format!("{} × {} × {}", self.principal, self.action.id().unescaped(), self.resource)
    }

    /// Whether its action is this one or in this group.
    pub fn is_in(&self, name: &str) -> bool {
        self.line.iter().any(|uid| uid.id().unescaped() == name)
    }

    /// Whether a policy's scope can match a request of this kind.
    pub fn meets(&self, policy: &Policy) -> bool {
        let parent = |kind: &str| {
            matches!((self.principal.as_str(), kind), ("User", "Role") | ("Client", "ClientGroup"))
                || kind == self.principal
        };
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(kind) | PrincipalConstraint::IsIn(kind, _) => {
                kind.basename() == self.principal
            }
            PrincipalConstraint::Eq(uid) => uid.type_name().basename() == self.principal,
            PrincipalConstraint::In(uid) => parent(uid.type_name().basename()),
        };
        let action = match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == self.action,
            ActionConstraint::In(uids) => uids.iter().any(|uid| self.line.contains(uid)),
        };
        let container =
            |kind: &str| kind == self.resource || (kind == "ContentType" && self.resource == "Scope");
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => {
                kind.basename() == self.resource
            }
            ResourceConstraint::Eq(uid) => uid.type_name().basename() == self.resource,
            ResourceConstraint::In(uid) => container(uid.type_name().basename()),
        };
        principal && action && resource
    }
}

/// Whether one list of policies says what the other says.
pub(super) fn say_the_same<'s>(
    a: impl Iterator<Item = &'s Stated>,
    b: impl Iterator<Item = &'s Stated>,
) -> bool {
    let says = |list: &mut dyn Iterator<Item = &'s Stated>| -> BTreeSet<&'s str> {
        list.map(|one| one.says.as_str()).collect()
    };
    let (mut a, mut b) = (a, b);
    says(&mut a) == says(&mut b)
}
