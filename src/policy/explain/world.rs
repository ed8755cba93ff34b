//! A policy set as plain Cedar, with changes: every document stands in it as the policy that it compiles to.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Effect, Policy, PolicyId, PolicySet, Request};

use super::Named;
use crate::oauth::client::Client;
use crate::oauth::scope::Scope;
use crate::policy::compile::{self, Compiled};
use crate::policy::decide::Case;
use crate::policy::question::{Owned, OwnedActor};
use crate::policy::slice::Type;
use crate::policy::snapshot::{PolicyInfo, Snapshot};

/// A snapshot with changes.
pub struct World<'a> {
    /// What is changed.
    pub snapshot: &'a Snapshot,
    /// Scopes that the ceiling gains.
    pub ceiling: BTreeSet<Scope>,
    /// Actions that roles gain.
    pub roles: BTreeMap<String, BTreeSet<Scope>>,
    /// Policies that are not there.
    pub without: BTreeSet<String>,
}

/// What Cedar says about one case.
#[derive(Default)]
pub struct Decided {
    /// Yes or no.
    pub allowed: bool,
    /// Whether a permit applies, whatever forbids it.
    pub permitted: bool,
    /// Forbids that apply.
    pub forbids: Vec<Named>,
}

impl<'a> World<'a> {
    /// The snapshot as it is.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, ceiling: BTreeSet::new(), roles: BTreeMap::new(), without: BTreeSet::new() }
    }

    /// A policy by its id.
    pub fn named(&self, id: &str, owned: &Owned) -> Named {
        let known = self.snapshot.policies.iter().find(|info| info.id == id).cloned();
        let known = known.or_else(|| {
            let client = asking_client(owned)?;
            self.snapshot.client_policies(client).into_iter().find(|info| info.id == id)
        });
        match known {
            Some(info) => info.into(),
            None => Named { id: id.to_owned(), source: String::new(), effect: "permit", text: String::new() },
        }
    }

    /// Asks Cedar about a case, with every policy that can matter to it.
    pub fn decide(&self, case: &Case, owned: &Owned) -> Decided {
        let request = Request::new(
            case.principal.clone(),
            case.action.clone(),
            case.resource.clone(),
            case.context.clone(),
            None,
        );
        let made = self.made(case, owned);
        let mut policies: Vec<Policy> = made.iter().filter_map(parsed).collect();
        let index = &self.snapshot.decider().index;
        policies.extend(index.possible(&case.key).filter(|policy| self.has(policy)).cloned());
        let (Ok(request), Ok(set)) = (request, PolicySet::from_policies(policies)) else {
            return Decided::default();
        };
        let response = Authorizer::new().is_authorized(&request, &set, &case.entities);
        let failed = response.diagnostics().errors().next().is_some();
        let yes = response.decision() == cedar_policy::Decision::Allow;
        let mut applied: Vec<Named> = response
            .diagnostics()
            .reason()
            .map(|id| {
                let id: &str = id.as_ref();
                match made.iter().find(|made| made.id == id) {
                    Some(made) => made.clone().into(),
                    None => self.named(id, owned),
                }
            })
            .collect();
        applied.sort_by(|a, b| a.id.cmp(&b.id));
        let permitted = yes || (!applied.is_empty() && self.permitted(&request, &set, case));
        let forbids = if yes { Vec::new() } else { applied };
        Decided { allowed: yes && !failed, permitted, forbids }
    }

    /// Whether some permit would apply if nothing forbade it.
    fn permitted(&self, request: &Request, set: &PolicySet, case: &Case) -> bool {
        let permits = set.policies().filter(|policy| policy.effect() == Effect::Permit).cloned();
        PolicySet::from_policies(permits).is_ok_and(|permits| {
            let response = Authorizer::new().is_authorized(request, &permits, &case.entities);
            response.decision() == cedar_policy::Decision::Allow
        })
    }

    /// Whether all cases of a question are a yes.
    pub fn allows(&self, owned: &Owned) -> bool {
        match self.snapshot.cases(&owned.asked()) {
            Ok(cases) => !cases.is_empty() && cases.iter().all(|case| self.decide(case, owned).allowed),
            Err(_) => false,
        }
    }

    fn has(&self, policy: &Policy) -> bool {
        self.without.is_empty() || !self.without.contains(AsRef::<str>::as_ref(policy.id()))
    }

    /// The policies that the engine looks up instead of evaluating, and those that changes add.
    pub fn made(&self, case: &Case, owned: &Owned) -> Vec<PolicyInfo> {
        let mut made: Vec<PolicyInfo> = Vec::new();
        if let Some(client) = asking_client(owned) {
            made.extend(self.snapshot.client_policies(client));
        }
        if case.key.resource == Type::Scope
            && case.key.principal == Type::Client
            && let Some(ceiling) = self.snapshot.policies.iter().find(|info| info.id == "global.ceiling")
        {
            made.push(match self.ceiling.is_empty() {
                true => ceiling.clone(),
                false => {
                    let all =
                        self.snapshot.global().scopes.iter().cloned().chain(self.ceiling.iter().cloned());
                    let scopes: Vec<Scope> = all.collect::<BTreeSet<_>>().into_iter().collect();
                    info(compile::ceiling(&ceiling.source, &scopes), "forbid")
                }
            });
        }
        for (role, actions) in &self.roles {
            for action in actions {
                let mut compiled =
                    compile::role(role, action.content_type(), "", std::slice::from_ref(action));
                compiled.id = format!("{}+{}", compiled.id, action.action());
                made.push(info(compiled, "permit"));
            }
        }
        made
    }
}

/// The client whose own document may permit what is asked.
pub fn asking_client(owned: &Owned) -> Option<&Client> {
    match owned {
        Owned::Grant(own) => Some(&own.client),
        Owned::Use(own) => Some(&own.client),
        Owned::Admin(own) => match &own.actor {
            OwnedActor::Client(client, _) => Some(client),
            _ => None,
        },
        Owned::SignIn(_) => None,
    }
}

fn info(compiled: Compiled, effect: &'static str) -> PolicyInfo {
    crate::policy::snapshot::info(compiled, effect)
}

fn parsed(info: &PolicyInfo) -> Option<Policy> {
    Policy::parse(Some(PolicyId::new(&info.id)), &info.text).ok()
}

impl From<PolicyInfo> for Named {
    fn from(info: PolicyInfo) -> Self {
        Self { id: info.id, source: info.source, effect: info.effect, text: info.text }
    }
}
