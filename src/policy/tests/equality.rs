//! The engine answers as Cedar does over the whole set: the slices, the looked-up lists and the looked-up
//! ceiling change the cost of a decision and nothing else.

use std::fs;
use std::str::FromStr as _;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request};

use super::{engine_of, scope};
use crate::oauth::client::{Client, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::facts::{self, TokenPairs};
use crate::policy::names::uid;
use crate::policy::{
    Actor, AdminQuestion, AdminResource, ClientDocument, Decision, GrantFacts, GrantQuestion, Mode, Snapshot,
    TokenFacts, UseQuestion,
};

/// A small generator of numbers: the same ones in every run.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
    pub fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len())]
    }
    pub fn some<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        list.iter().filter(|_| self.roll(3) == 0).cloned().collect()
    }
    pub fn often(&mut self) -> bool {
        self.roll(4) > 0
    }
}

const RULES: &str = r#"
@id("any.permit-group") permit (principal in ClientGroup::"g1", action in Action::"grant", resource in ContentType::"api::form.form");
@id("is-in.permit") permit (principal is Client in ClientGroup::"g2", action == Action::"grant:jwt_bearer", resource is Scope) when { !resource.sensitive };
@id("eq.forbid") @error("access_denied") forbid (principal == Client::"c1", action, resource) when { context.ip.isInRange(ip("10.0.0.0/8")) };
@id("any.forbid") forbid (principal, action, resource) when { context.ip == ip("198.51.100.1") };
@id("roles.in") permit (principal in Role::"r2", action in [Action::"api::invoice.invoice", Action::"admin"], resource);
@id("user.eq") permit (principal == User::"id-1", action, resource);
@id("user.is") forbid (principal is User, action in Action::"api", resource == ContentType::"api::form.form") when { context.client.kind == ClientKind::"public" && context.age > duration("1h") };
@id("resource.eq") forbid (principal is Client, action in Action::"grant", resource == Scope::"api::form.form.update") unless { context.ttl < duration("10m") };
@id("err.forbid") forbid (principal in ClientGroup::"g3", action in Action::"grant", resource) when { 9223372036854775807 + 1 == 0 };
@id("err.permit") permit (principal in Role::"r3", action == Action::"api::form.form.find", resource) when { 9223372036854775807 * 2 == 0 };
@id("admin.owner") permit (principal, action == Action::"admin:client.read", resource is Client) when { resource.kind == ClientKind::"confidential" };
@id("sign-in.forbid") forbid (principal in Role::"r1", action == Action::"user:sign_in", resource);
"#;

pub(super) struct World {
    pub engine: crate::policy::Engine,
    pub clients: Vec<Client>,
    pub users: Vec<User>,
    pub scopes: Vec<Scope>,
    _dir: tempfile::TempDir,
}

fn document(dice: &mut Dice, scopes: &[Scope]) -> ClientDocument {
    let kind = *dice.one(&[ClientType::Confidential, ClientType::Confidential, ClientType::Public]);
    let mut doc = ClientDocument::new(kind);
    doc.active = dice.roll(12) > 0;
    doc.groups = dice.some(&["g1", "g2"].map(str::to_owned));
    doc.groups.extend((dice.roll(8) == 0).then(|| "g3".to_owned()));
    doc.owner = dice.often().then(|| "u1".to_owned());
    doc.access_token_ttl = (dice.roll(3) == 0).then_some(crate::policy::Ttl(600));
    doc.scopes = dice.some(scopes).iter().map(Scope::to_string).collect();
    if kind == ClientType::Confidential {
        doc.act_for = dice.some(&["role:r1", "role:r2", "user:u1", "user:id-2"].map(str::to_owned));
        doc.grants = Some(dice.some(&GrantType::ALL)).filter(|grants| !grants.is_empty());
    }
    doc
}

pub(super) fn world(dice: &mut Dice) -> World {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for folder in ["catalog", "clients", "roles", "rules"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for name in ["form", "invoice"] {
        let file = format!("catalog/{name}.yaml");
        fs::copy(super::shipped().join(&file), root.join(&file)).unwrap();
    }
    let catalog = engine_of(&super::shipped());
    let scopes: Vec<Scope> =
        catalog.current().catalog().actions().map(|action| action.scope.clone()).collect();
    let list = |scopes: &[Scope]| scopes.iter().map(|s| format!("\n  - {s}")).collect::<String>();
    let ceiling: Vec<Scope> = scopes.iter().filter(|_| dice.often()).cloned().collect();
    fs::write(root.join("global.yaml"), format!("scopes:{}\n", list(&ceiling))).unwrap();
    for role in ["r1", "r2", "r3"] {
        let actions = dice.some(&scopes);
        fs::write(root.join(format!("roles/{role}.yaml")), format!("actions:{}\n", list(&actions))).unwrap();
    }
    fs::write(root.join("rules/all.cedar"), RULES).unwrap();
    for number in 0..6 {
        let text = serde_yaml::to_string(&document(dice, &scopes)).unwrap();
        fs::write(root.join(format!("clients/c{number}.yaml")), text).unwrap();
    }
    let engine = engine_of(root);
    let snapshot = engine.current();
    let mut clients: Vec<Client> = snapshot.clients().map(|client| client.as_ref().clone()).collect();
    for number in 0..6 {
        let id = ClientId::parse(&format!("d{number}")).unwrap();
        clients.push(snapshot.parse_client(&id, &document(dice, &scopes), Mode::Stored).unwrap());
    }
    let users = (0..6)
        .map(|number| User {
            id: format!("id-{number}").into(),
            username: format!("u{number}"),
            email: String::new(),
            roles: dice.some(&["r1", "r2", "r3"].map(str::to_owned)),
            blocked: dice.roll(6) == 0,
            confirmed: true,
        })
        .collect();
    World { engine, clients, users, scopes, _dir: dir }
}

/// Everything in one set, as `grantwood policy show` prints it.
fn whole(snapshot: &Snapshot, clients: &[Client]) -> PolicySet {
    let outside = clients.iter().filter(|client| snapshot.client(&client.id).is_none());
    let texts = snapshot.policies().chain(outside.flat_map(|client| snapshot.client_policies(client)));
    let parsed = texts.map(|info| Policy::parse(Some(PolicyId::new(&info.id)), &info.text).unwrap());
    PolicySet::from_policies(parsed).unwrap()
}

struct Reference<'a> {
    snapshot: &'a Snapshot,
    set: PolicySet,
}

impl Reference<'_> {
    fn ask(
        &self,
        p: &EntityUid,
        a: &EntityUid,
        r: &EntityUid,
        context: &Context,
        entities: Vec<Entity>,
    ) -> Decision {
        let request = Request::new(p.clone(), a.clone(), r.clone(), context.clone(), None).unwrap();
        let entities = Entities::from_entities(entities, None).unwrap();
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        let mut errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        errors.sort();
        let allowed = response.decision() == cedar_policy::Decision::Allow && errors.is_empty();
        Decision { allowed, policies, error: None, errors }
    }

    fn entities(&self, client: Option<(&Client, bool)>, user: Option<&User>, scope: &Scope) -> Vec<Entity> {
        let names = &self.snapshot.decider().names;
        let mut all: Vec<Entity> =
            client.iter().map(|(c, active)| facts::client(names, c, *active).unwrap()).collect();
        all.extend(user.map(|user| facts::user(names, user).unwrap()));
        let known = names.known(scope).unwrap();
        all.push(known.entity.clone());
        all.extend(known.action.entities.iter().cloned());
        all
    }

    fn grant(&self, q: &GrantQuestion<'_>, scope: Option<&Scope>, any: &Scope) -> Decision {
        let names = &self.snapshot.decider().names;
        let mut entities = self.entities(Some((q.client, q.active)), q.user, scope.unwrap_or(any));
        let action = names.grant(q.grant).unwrap();
        entities.extend(action.entities.iter().cloned());
        let context = facts::grant_context(names, q).unwrap();
        let principal = uid(&names.client, q.client.id.as_str());
        let resource = scope.map_or(&names.server, |scope| &names.known(scope).unwrap().uid);
        self.ask(&principal, &action.uid, resource, &context, entities)
    }

    fn usage(&self, q: &UseQuestion<'_>) -> Decision {
        let names = &self.snapshot.decider().names;
        let client = uid(&names.client, q.client.id.as_str());
        let token = TokenPairs {
            client: Some(client.clone()),
            scopes: Some(q.token.scopes),
            grant: Some(q.token.grant),
            age_s: Some(q.token.age_s),
        };
        let context = facts::use_context(names, q.now_ms, q.ip, token, None).unwrap();
        let known = names.known(q.action).unwrap();
        let principal = q.user.map_or(client, |user| uid(&names.user, &user.id));
        let entities = self.entities(Some((q.client, q.active)), q.user, q.action);
        self.ask(&principal, &known.action.uid, &known.resource, &context, entities)
    }
}

fn same(engine: &Decision, cedar: &Decision, what: &str) {
    let parts = |d: &Decision| (d.allowed, d.policies.clone(), d.errors.clone());
    assert_eq!(parts(engine), parts(cedar), "{what}");
}

pub(super) fn random_facts(dice: &mut Dice, scopes: &[Scope]) -> GrantFacts {
    let ip = *dice.one(&["127.0.0.1", "127.0.0.2", "10.1.2.3", "198.51.100.1", "2001:db8::1"]);
    let mut facts = GrantFacts::new(1_767_614_400_000, ip.parse().unwrap(), *dice.one(&[300, 900]));
    facts.pkce = *dice.one(&[None, Some(Method::S256), Some(Method::S256), Some(Method::Plain)]);
    facts.consented = dice.often().then(|| scopes.iter().filter(|_| dice.often()).cloned().collect());
    facts.assertion_ttl_s = Some(*dice.one(&[60, 60, 60, 200_000]));
    facts
}

#[test]
fn slices_and_lists_decide_as_the_whole_set_does() {
    let mut dice = Dice(7);
    let (mut allowed, mut erred, mut asked) = (0, 0, 0);
    for _ in 0..6 {
        let world = world(&mut dice);
        let snapshot = world.engine.current();
        let reference = Reference { snapshot: &snapshot, set: whole(&snapshot, &world.clients) };
        for _ in 0..250 {
            let client = dice.one(&world.clients);
            let user = dice.often().then(|| dice.one(&world.users));
            let facts = random_facts(&mut dice, &world.scopes);
            let (grant, active) = (*dice.one(&GrantType::ALL), dice.roll(8) > 0);
            let user = user.filter(|_| grant != GrantType::ClientCredentials);
            let q = GrantQuestion { client, active, grant, user, facts: &facts };
            let scope = dice.one(&world.scopes);
            same(&snapshot.decide_start(&q), &reference.grant(&q, None, scope), "start");

            let token = TokenFacts { scopes: std::slice::from_ref(scope), grant, age_s: 0 };
            let usage = UseQuestion {
                user,
                client,
                active,
                action: scope,
                token,
                now_ms: facts.now_ms,
                ip: facts.ip,
                http: None,
                stated: Default::default(),
            };
            let mut expected = reference.grant(&q, Some(scope), scope);
            if expected.allowed && user.is_some() {
                let role = reference.usage(&usage);
                if role.allowed {
                    expected.policies.extend(role.policies);
                    expected.policies.sort();
                } else {
                    expected = role;
                }
            }
            let engine = snapshot.decide_scopes(&q, std::slice::from_ref(scope)).pop().unwrap().1;
            same(&engine, &expected, "scope");

            let mut carried = dice.some(&world.scopes);
            carried.extend(dice.often().then(|| scope.clone()));
            let token = TokenFacts { scopes: &carried, grant, age_s: *dice.one(&[1, 7_200]) };
            let usage = UseQuestion { token, ..usage };
            let engine_use = snapshot.decide_use(&usage);
            same(&engine_use, &reference.usage(&usage), "use");
            allowed += usize::from(engine.allowed) + usize::from(engine_use.allowed);
            erred += usize::from(!engine.errors.is_empty());
            asked += 3;
            administration(&mut dice, &world, &snapshot, &reference);
        }
    }
    assert!(asked >= 4_000 && allowed > 200 && erred > 20, "{asked} asked, {allowed} allowed, {erred} erred");
}

fn administration(dice: &mut Dice, world: &World, snapshot: &Snapshot, reference: &Reference<'_>) {
    let names = &snapshot.decider().names;
    let action = *dice.one(crate::policy::admin::ALL);
    let carried = dice.often().then(|| dice.some(&world.scopes));
    let (about, actor) = (dice.one(&world.clients), dice.one(&world.clients));
    let (user, active) = (dice.one(&world.users), dice.often());
    let by_user = dice.often();
    let on_client = dice.often();
    let question = AdminQuestion {
        actor: if by_user { Actor::User(user) } else { Actor::Client(actor, active) },
        token: carried.as_deref(),
        action,
        resource: if on_client { AdminResource::Client(about) } else { AdminResource::Server },
        now_ms: 1_767_614_400_000,
        ip: "127.0.0.1".parse().unwrap(),
    };
    let engine = match snapshot.administer(&question) {
        Ok(permit) => {
            Decision { allowed: true, policies: permit.get().policies.clone(), ..Decision::default() }
        }
        Err(decision) => decision,
    };
    let token = TokenPairs { client: None, scopes: question.token, grant: None, age_s: None };
    let context = facts::use_context(names, question.now_ms, question.ip, token, None).unwrap();
    let known = names.known(&scope(action)).unwrap();
    let mut entities = reference.entities(None, by_user.then_some(user), &scope(action));
    if !by_user {
        entities.push(facts::client(names, actor, active).unwrap());
    }
    if on_client && (by_user || about.id != actor.id) {
        entities.push(facts::client(names, about, true).unwrap());
    }
    let principal = if by_user { uid(&names.user, &user.id) } else { uid(&names.client, actor.id.as_str()) };
    let resource = if on_client { uid(&names.client, about.id.as_str()) } else { names.server.clone() };
    same(&engine, &reference.ask(&principal, &known.action.uid, &resource, &context, entities), "admin");
    let signed = snapshot.sign_in(user, question.ip, question.now_ms).map(|_| ());
    let mut entities = vec![facts::user(names, user).unwrap()];
    entities.extend(names.sign_in.entities.iter().cloned());
    let context = facts::record(facts::moment(question.now_ms, question.ip)).unwrap();
    let principal = uid(&names.user, &user.id);
    let expected = reference.ask(&principal, &names.sign_in.uid, &names.server, &context, entities);
    match signed {
        Ok(()) => assert!(expected.allowed),
        Err(decision) => same(&decision, &expected, "sign-in"),
    }
}

#[test]
fn every_compiled_set_is_what_the_infos_say() {
    let engine = engine_of(&super::shipped());
    let snapshot = engine.current();
    let infos: Vec<_> = snapshot.policies().collect();
    assert_eq!(infos.len(), snapshot.policy_count());
    for info in infos {
        let policy = Policy::parse(None, &info.text).unwrap();
        assert_eq!(policy.annotation("id"), Some(info.id.as_str()));
        let effect = if policy.effect() == cedar_policy::Effect::Forbid { "forbid" } else { "permit" };
        assert_eq!(effect, info.effect, "{}", info.id);
        let mut annotations: Vec<_> =
            policy.annotations().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        annotations.sort();
        assert_eq!(annotations, info.annotations);
        assert!(PolicyId::from_str(&info.id).is_ok());
    }
}
