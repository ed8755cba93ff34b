//! The permits that come nearest to a question that nothing permits, and what each of them lacks.

use cedar_policy::{ActionConstraint, Policy, PrincipalConstraint, ResourceConstraint};
use serde::Serialize;

use super::conditions::{self, Condition};
use super::world::{World, asking_client};
use super::{Depth, Named};
use crate::oauth::scope::Scope;
use crate::policy::decide::Case;
use crate::policy::question::Owned;
use crate::policy::slice::Type;

/// Most permits that are told.
const MOST: usize = 5;

/// Most permits that are looked at closely.
const ROUGH: usize = 200;

/// A permit that does not apply, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Near {
    /// The policy.
    pub policy: Named,
    /// In words, such as `lists find, findOne`.
    pub says: String,
    /// Parts of its head that do not fit: `principal in Role::"editor"`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub head: Vec<String>,
    /// Conditions that do not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// The nearest permits, the nearest first.
pub fn permits(world: &World<'_>, case: &Case, owned: &Owned, depth: Depth) -> Vec<Near> {
    let mut found: Vec<(usize, Near)> =
        own_document(world, case, owned).into_iter().map(|near| (0, near)).collect();
    // Nothing comes nearer than the client's own document.
    if depth == Depth::Reason && !found.is_empty() {
        return found.into_iter().map(|(_, near)| near).collect();
    }
    let index = &world.snapshot.decider().index;
    let mut rough: Vec<&Policy> =
        index.permits(&case.key).filter(|(off, _)| *off <= 1).map(|(_, policy)| policy).take(ROUGH).collect();
    rough.sort_by(|a, b| AsRef::<str>::as_ref(a.id()).cmp(b.id().as_ref()));
    for policy in rough {
        let head = head(policy, case);
        let off = head.len();
        if off > 1 {
            continue;
        }
        let named = world.named(policy.id().as_ref(), owned);
        let conditions = conditions::that_fail(&named.text, case);
        // Where the head does not fit, a condition that could not be evaluated says nothing.
        let conditions: Vec<Condition> =
            conditions.into_iter().filter(|one| off == 0 || !one.result.starts_with("error")).collect();
        let says = said(&named, &head, &conditions);
        found.push((10 * off + conditions.len(), Near { policy: named, says, head, conditions }));
    }
    found.sort_by_key(|(far, _)| *far);
    found.truncate(MOST);
    found.into_iter().map(|(_, near)| near).collect()
}

/// The client's own document, which permits by its list.
fn own_document(world: &World<'_>, case: &Case, owned: &Owned) -> Option<Near> {
    let client = asking_client(owned).filter(|_| case.key.principal == Type::Client)?;
    if case.key.resource == Type::Server && matches!(owned, Owned::Grant(_)) {
        return None;
    }
    let wanted = wanted(owned)?;
    if client.lists(&wanted) {
        return None;
    }
    let id = if matches!(owned, Owned::Grant(_)) {
        format!("client.{}", client.id)
    } else {
        format!("client.{}.use", client.id)
    };
    let mut policy = world.named(&id, owned);
    if policy.source.is_empty() {
        let (file, _) = world.snapshot.client_place(client);
        policy.source = file;
    }
    let listed: Vec<&str> = client
        .scopes
        .iter()
        .filter(|scope| scope.content_type() == wanted.content_type())
        .map(Scope::action)
        .collect();
    let says = match (listed.is_empty(), client.scopes.is_empty()) {
        (_, true) => "lists no scope".to_owned(),
        (true, false) => format!("lists nothing of {}", wanted.content_type()),
        (false, false) => format!("lists {}", listed.join(", ")),
    };
    Some(Near { policy, says, head: Vec::new(), conditions: Vec::new() })
}

/// The scope or action that a question is about.
pub fn wanted(owned: &Owned) -> Option<Scope> {
    match owned {
        Owned::Grant(own) => own.scope.clone(),
        Owned::Use(own) => Some(own.action.clone()),
        Owned::Admin(own) => Scope::parse(own.action).ok(),
        Owned::SignIn(_) => None,
    }
}

/// The parts of a policy's head that do not fit.
fn head(policy: &Policy, case: &Case) -> Vec<String> {
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Any => None,
        PrincipalConstraint::Is(kind) => Some(format!("principal is {kind}")),
        PrincipalConstraint::In(uid) => Some(format!("principal in {uid}")),
        PrincipalConstraint::Eq(uid) => Some(format!("principal == {uid}")),
        PrincipalConstraint::IsIn(kind, uid) => Some(format!("principal is {kind} in {uid}")),
    };
    let action = match policy.action_constraint() {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(uid) => Some(format!("action == {uid}")),
        ActionConstraint::In(uids) => {
            let all: Vec<String> = uids.iter().map(ToString::to_string).collect();
            Some(format!("action in [{}]", all.join(", ")))
        }
    };
    let resource = match policy.resource_constraint() {
        ResourceConstraint::Any => None,
        ResourceConstraint::Is(kind) => Some(format!("resource is {kind}")),
        ResourceConstraint::In(uid) => Some(format!("resource in {uid}")),
        ResourceConstraint::Eq(uid) => Some(format!("resource == {uid}")),
        ResourceConstraint::IsIn(kind, uid) => Some(format!("resource is {kind} in {uid}")),
    };
    let parts = [principal, action, resource];
    parts.into_iter().flatten().filter(|part| conditions::holds(part, case) != Some(true)).collect()
}

fn said(policy: &Named, head: &[String], conditions: &[Condition]) -> String {
    if let [part] = head
        && conditions.is_empty()
    {
        return match part.strip_prefix("principal in Role::") {
            Some(role) => format!("is for role {}", role.trim_matches('"')),
            None if part.starts_with("action in [") => format!("permits {}", actions(part)),
            None => format!("is for {part}"),
        };
    }
    let failed: Vec<String> =
        head.iter().cloned().chain(conditions.iter().map(|one| one.text.clone())).collect();
    match failed.is_empty() {
        true => format!("{} would apply", policy.id),
        false => format!("needs {}", failed.join(" and ")),
    }
}

/// `action in [Action::"a.b.find", Action::"a.b.findOne"]` → `find, findOne`
fn actions(part: &str) -> String {
    let names = part.split("Action::\"").skip(1).filter_map(|rest| rest.split('"').next());
    let names: Vec<&str> = names.map(|name| name.rsplit('.').next().unwrap_or(name)).collect();
    names.join(", ")
}
