//! What would turn a no into a yes: found step by step, applied in memory, and asked about again.

use serde::Serialize;

use super::nearest::wanted;
use super::world::{Decided, World};
use crate::oauth::client::{ActFor, ClientType};
use crate::oauth::pkce::Method;
use crate::oauth::scope::Scope;
use crate::policy::catalog::is_admin;
use crate::policy::decide::Case;
use crate::policy::question::{Owned, OwnedGrant};
use crate::policy::slice::Type;

/// Most steps: no question has more in its way that a person could still survey.
const STEPS: usize = 12;
/// Life that a token is given instead of one that is too long, in seconds.
const SHORT_S: u64 = 300;
/// Most alternatives.
const MOST: usize = 4;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What to do, in one sentence.
    pub text: String,
    /// The place to do it, such as `policies/clients/reporting.yaml:6`; none = no document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Where it is done: `document`, `rule`, `user`, `client` or `request`.
    pub who: &'static str,
}

/// What was found.
#[derive(Default)]
pub struct Found {
    /// All of it together.
    pub together: Vec<Change>,
    /// Instead of one of them.
    pub alternatives: Vec<Change>,
    /// Whether the answer was yes with all of it.
    pub verified: bool,
}

/// What a change does.
type Apply = Box<dyn Fn(&mut World<'_>, &mut Owned)>;

/// A change with what it does to the question or to the set.
struct Step {
    change: Change,
    apply: Apply,
}

impl Step {
    fn new(
        who: &'static str,
        place: Option<String>,
        text: String,
        apply: impl Fn(&mut World<'_>, &mut Owned) + 'static,
    ) -> Self {
        Self { change: Change { text, place, who }, apply: Box::new(apply) }
    }
}

/// Looks for changes that allow what is asked.
pub fn find(world: &World<'_>, owned: &Owned) -> Found {
    let mut found = Found::default();
    let mut then = World::new(world.snapshot);
    let mut asked = owned.clone();
    for _ in 0..STEPS {
        if then.allows(&asked) {
            found.verified = true;
            break;
        }
        let steps = next(&then, &asked, &mut found.alternatives);
        let fresh: Vec<Step> =
            steps.into_iter().filter(|step| !found.together.contains(&step.change)).collect();
        if fresh.is_empty() {
            break;
        }
        for step in fresh {
            (step.apply)(&mut then, &mut asked);
            found.together.push(step.change);
        }
    }
    found.alternatives.dedup();
    found.alternatives.truncate(MOST);
    found
}

/// What stands in the way first, and how to remove it.
fn next(world: &World<'_>, owned: &Owned, alternatives: &mut Vec<Change>) -> Vec<Step> {
    let Ok(cases) = world.snapshot.cases(&owned.asked()) else { return Vec::new() };
    if cases.is_empty() {
        return unknown_action(world, owned).into_iter().collect();
    }
    for case in &cases {
        let decided = world.decide(case, owned);
        if decided.allowed {
            continue;
        }
        if !decided.forbids.is_empty() {
            return decided
                .forbids
                .iter()
                .filter_map(|forbid| lifted(world, owned, &forbid.id, &decided))
                .collect();
        }
        return match case.key.principal {
            Type::Client => listed(world, owned).into_iter().collect(),
            Type::User => permitted(world, owned, case, alternatives).into_iter().collect(),
            _ => Vec::new(),
        };
    }
    Vec::new()
}

fn unknown_action(world: &World<'_>, owned: &Owned) -> Option<Step> {
    let scope = wanted(owned).filter(|scope| world.snapshot.catalog().action(scope).is_none())?;
    let text = format!("declare {scope} in a document of policies/catalog");
    Some(Step::new("document", Some("policies/catalog".to_owned()), text, |_, _| {}))
}

/// The client's document gains a scope.
fn listed(world: &World<'_>, owned: &Owned) -> Option<Step> {
    let client = super::world::asking_client(owned)?;
    let scope = wanted(owned).filter(|scope| !client.lists(scope))?;
    let (place, is_file) = world.snapshot.client_place(client);
    let text = match is_file {
        true => format!("add {scope} to {place} (scopes)"),
        false => {
            format!("add {scope} to the scopes of client {} (PUT /oauth2/clients, or its page)", client.id)
        }
    };
    Some(Step::new("document", Some(place), text, move |_, owned| {
        if let Some(client) = owned.client_mut() {
            let mut scopes = client.scopes.to_vec();
            scopes.push(scope.clone());
            scopes.sort();
            client.scopes = scopes.into();
        }
    }))
}

/// A role permits it, or the user gets one that does.
fn permitted(world: &World<'_>, owned: &Owned, case: &Case, alternatives: &mut Vec<Change>) -> Option<Step> {
    let action = wanted(owned)?;
    if case.key.action == world.snapshot.decider().names.sign_in.number {
        return None;
    }
    let user = owned.clone().user_mut()?.clone();
    let roles: Vec<(&str, bool)> =
        world.snapshot.roles().map(|(name, _, actions)| (name, actions.contains(&action))).collect();
    let able = roles.iter().filter(|(_, able)| *able).map(|(name, _)| given(name, &user.username));
    let mine = roles.iter().filter(|(name, _)| user.roles.iter().any(|role| role == name));
    let gains = mine.map(|(name, _)| gained(world, name, &action));
    // Nobody widens a role by administration because one user lacks it.
    let mut steps: Vec<Step> = match is_admin(&action) {
        true => able.chain(gains).collect(),
        false => gains.chain(able).collect(),
    };
    if steps.is_empty() {
        steps.extend(roles.first().map(|(name, _)| gained(world, name, &action)));
    }
    let mut steps = steps.into_iter();
    let first = steps.next();
    alternatives.extend(steps.map(|step| step.change));
    first
}

fn given(role: &str, user: &str) -> Step {
    let (name, text) = (role.to_owned(), format!("give user {user} the role {role}"));
    Step::new("user", None, text, move |_, owned| {
        if let Some(user) = owned.user_mut() {
            user.roles.push(name.clone());
        }
    })
}

fn gained(world: &World<'_>, role: &str, action: &Scope) -> Step {
    let id = format!("role.{role}.{}", action.content_type());
    let known = world.snapshot.policies.iter().find(|info| info.id == id).map(|info| info.source.clone());
    let place = known.unwrap_or_else(|| format!("policies/roles/{role}.yaml"));
    let text = format!("add {action} to {place} (actions)");
    let (role, action) = (role.to_owned(), action.clone());
    Step::new("document", Some(place), text, move |world, _| {
        world.roles.entry(role.clone()).or_default().insert(action.clone());
    })
}

/// What makes a forbid no longer apply.
fn lifted(world: &World<'_>, owned: &Owned, id: &str, decided: &Decided) -> Option<Step> {
    if id == "global.ceiling" {
        let scope = wanted(owned)?;
        let place = world.named(id, owned).source;
        let text = format!("add {scope} to {place} (scopes)");
        return Some(Step::new("document", Some(place), text, move |world, _| {
            world.ceiling.insert(scope.clone());
        }));
    }
    if id.starts_with("kernel.") {
        return kernel(world, owned, id);
    }
    let rule = decided.forbids.iter().find(|forbid| forbid.id == id)?;
    let text = format!("change rule {id} at {}, or meet its condition", rule.source);
    let id = id.to_owned();
    Some(Step::new("rule", Some(rule.source.clone()), text, move |world, _| {
        world.without.insert(id.clone());
    }))
}

/// Kernel rules cannot be changed; what they look at can.
fn kernel(world: &World<'_>, owned: &Owned, id: &str) -> Option<Step> {
    let client = super::world::asking_client(owned).map(|client| client.id.to_string()).unwrap_or_default();
    let place = super::world::asking_client(owned).map(|client| world.snapshot.client_place(client).0);
    let file =
        place.as_deref().map(|place| place.rsplit_once(':').map_or(place, |(file, _)| file).to_owned());
    let step = |who, place: Option<String>, text: String, apply: fn(&mut Owned)| {
        Some(Step::new(who, place, text, move |_, owned| apply(owned)))
    };
    match id {
        "kernel.client-inactive"
        | "kernel.token-client-inactive"
        | "kernel.admin-client-inactive"
        | "kernel.admin-token-client-inactive" => {
            step("client", file, format!("activate client {client}"), |owned| {
                if let Some(client) = owned.client_mut() {
                    client.active = true;
                }
                if let Some(active) = owned.active_mut() {
                    *active = true;
                }
            })
        }
        "kernel.user-blocked"
        | "kernel.act-for-blocked"
        | "kernel.token-user-blocked"
        | "kernel.admin-user-blocked"
        | "kernel.sign-in-blocked" => step("user", None, "unblock the user".to_owned(), |owned| {
            if let Some(user) = owned.user_mut() {
                user.blocked = false;
            }
        }),
        "kernel.token-scope" | "kernel.admin-scope" => {
            let scope = wanted(owned)?;
            step("request", None, format!("use a token that carries {scope}"), |owned| {
                let wanted = wanted(owned);
                match owned {
                    Owned::Use(own) => own.scopes.extend(wanted),
                    Owned::Admin(own) => {
                        if let Some(scopes) = &mut own.token {
                            scopes.extend(wanted);
                        }
                    }
                    Owned::Grant(_) | Owned::SignIn(_) => {}
                }
            })
        }
        _ => match owned {
            Owned::Grant(own) => kernel_grant(own, id, file, &client),
            _ => None,
        },
    }
}

/// Rules of the kernel about grants.
fn kernel_grant(own: &OwnedGrant, id: &str, file: Option<String>, client: &str) -> Option<Step> {
    let step = |who, place: Option<String>, text: String, apply: fn(&mut OwnedGrant)| {
        Some(Step::new(who, place, text, move |_, owned| {
            if let Owned::Grant(own) = owned {
                apply(own);
            }
        }))
    };
    match id {
        "kernel.grant-not-registered" => {
            let text = format!("add {} to the grants of client {client}", own.grant.short());
            step("document", file, text, |own| {
                own.client.grants.insert(own.grant);
            })
        }
        "kernel.confidential-only" => {
            let text = format!("make client {client} confidential: a public client cannot keep a credential");
            step("document", file, text, |own| own.client.kind = ClientType::Confidential)
        }
        "kernel.pkce-required" | "kernel.pkce-plain" => {
            let text = "send a code_challenge with code_challenge_method=S256".to_owned();
            step("request", None, text, |own| own.facts.pkce = Some(Method::S256))
        }
        "kernel.act-for" => {
            let user = own.user.as_ref()?;
            let text =
                format!("add user:{} or a role of that user to act_for of client {client}", user.username);
            step("document", file, text, |own| {
                let user = own.user.as_ref().map(|user| ActFor::User(user.id.to_string()));
                own.client.act_for.extend(user);
            })
        }
        "kernel.not-consented" => {
            let scope = own.scope.as_ref()?;
            step("request", None, format!("the user agrees to {scope}"), |own| {
                own.facts.consented.get_or_insert_default().extend(own.scope.clone());
            })
        }
        "kernel.ttl-ceiling" => {
            let text = format!("a shorter access_token_ttl for client {client}");
            step("document", file, text, |own| {
                own.facts.ttl_s = own.client.access_token_ttl.unwrap_or(SHORT_S)
            })
        }
        "kernel.assertion-ttl" => {
            let text = "an assertion that lives for a day at most".to_owned();
            step("request", None, text, |own| own.facts.assertion_ttl_s = Some(SHORT_S))
        }
        _ => None,
    }
}
