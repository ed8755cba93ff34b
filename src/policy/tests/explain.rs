//! Explanations: never another answer than the decision's, the policies that decided by file and line, and changes
//! that do what they say.

use std::fs;

use super::equality::{Dice, World, random_facts, world};
use super::{client, engine_of, scope, shipped, user};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::policy::explain::Explanation;
use crate::policy::question::Owned;
use crate::policy::record::Verdict;
use crate::policy::{
    Actor, AdminQuestion, AdminResource, Asked, GrantFacts, GrantQuestion, SignInQuestion, Snapshot,
    TokenFacts, UseQuestion,
};

/// Explains a question and holds the explanation against the decision; answers whether a change was verified.
fn same(snapshot: &Snapshot, asked: &Asked<'_>) -> bool {
    let decision = snapshot.decide(asked);
    let told = snapshot.explain(asked);
    assert_eq!(told.decision == Verdict::Allow, decision.allowed, "{told}");
    let ids: Vec<&str> = told.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(ids, decision.policies.iter().map(String::as_str).collect::<Vec<_>>(), "{told}");
    assert!(
        told.policies.iter().all(|policy| !policy.text.is_empty() && !policy.source.is_empty()),
        "{told}"
    );
    assert!(decision.error.is_none() || told.error == decision.error, "{told}");
    if decision.allowed {
        assert!(told.changes.is_empty() && told.forbids.is_empty() && told.nearest.is_empty(), "{told}");
        return false;
    }
    let forbids: Vec<&str> = told.forbids.iter().map(|matched| matched.policy.id.as_str()).collect();
    assert!(forbids.iter().all(|id| ids.contains(id)), "{told}\n{forbids:?} {ids:?}");
    for near in &told.nearest {
        let lacks = !near.head.is_empty() || !near.conditions.is_empty() || near.says.starts_with("lists");
        assert!(lacks, "{} would apply:\n{told}", near.policy.id);
    }
    let reason = !told.forbids.is_empty() || !told.nearest.is_empty() || !told.errors.is_empty();
    let silent = matches!(asked, Asked::SignIn(_)) || told.summary.starts_with("no policy permits");
    assert!(reason || silent, "{told}");
    assert!(!told.verified || !told.changes.is_empty(), "{told}");
    told.verified
}

/// Thousands of random questions of every kind.
#[test]
fn an_explanation_never_differs_from_the_decision() {
    let mut dice = Dice(11);
    let (mut asked, mut verified) = (0, 0);
    for _ in 0..3 {
        let world = world(&mut dice);
        let snapshot = world.engine.current();
        for _ in 0..120 {
            let (count, changed) = questions(&mut dice, &world, &snapshot);
            asked += count;
            verified += changed;
        }
    }
    assert!(asked >= 1_800 && verified > 300, "{asked} asked, {verified} changes verified");
}

fn questions(dice: &mut Dice, world: &World, snapshot: &Snapshot) -> (usize, usize) {
    let client = dice.one(&world.clients);
    let grant = *dice.one(&GrantType::ALL);
    let user = dice.often().then(|| dice.one(&world.users)).filter(|_| grant != GrantType::ClientCredentials);
    let facts = random_facts(dice, &world.scopes);
    let q = GrantQuestion { client, active: dice.roll(8) > 0, grant, user, facts: &facts };
    let scope = dice.one(&world.scopes);
    let mut carried = dice.some(&world.scopes);
    carried.extend(dice.often().then(|| scope.clone()));
    let usage = UseQuestion {
        user,
        client,
        active: q.active,
        action: scope,
        token: TokenFacts { scopes: &carried, grant, age_s: *dice.one(&[1, 7_200]) },
        now_ms: facts.now_ms,
        ip: facts.ip,
        http: None,
        stated: Default::default(),
    };
    let someone = dice.one(&world.users);
    let administration = AdminQuestion {
        actor: if dice.often() { Actor::User(someone) } else { Actor::Client(client, q.active) },
        token: dice.often().then_some(carried.as_slice()),
        action: crate::policy::admin::ALL[dice.roll(crate::policy::admin::ALL.len())],
        resource: if dice.often() { AdminResource::Server } else { AdminResource::Client(client) },
        now_ms: facts.now_ms,
        ip: facts.ip,
    };
    let sign_in = SignInQuestion { user: someone, ip: facts.ip, now_ms: facts.now_ms };
    let all = [
        Asked::Grant(q, None),
        Asked::Grant(q, Some(scope)),
        Asked::Recheck(q, Some(scope)),
        Asked::Use(usage),
        Asked::Admin(administration),
        Asked::SignIn(sign_in),
    ];
    for asked in &all {
        // What the explanation asks Cedar, with nothing changed, is what the engine answers.
        let owned = Owned::of(asked);
        let plain = crate::policy::explain::World::new(snapshot).allows(&owned);
        assert_eq!(plain, snapshot.decide(asked).allowed, "{asked:?}");
    }
    (all.len(), all.iter().filter(|asked| same(snapshot, asked)).count())
}

fn facts(ip: &str) -> GrantFacts {
    // Noon on a Monday.
    let mut facts = GrantFacts::new(1_767_614_400_000, ip.parse().unwrap(), 600);
    facts.pkce = Some(Method::S256);
    facts
}

fn granted(snapshot: &Snapshot, id: &str, grant: GrantType, name: Option<&str>, ip: &str) -> Explanation {
    let facts = facts(ip);
    let question =
        GrantQuestion { client: client(snapshot, id), active: true, grant, user: None, facts: &facts };
    let scope = name.map(scope);
    snapshot.explain(&Asked::Grant(question, scope.as_ref()))
}

#[test]
fn a_scope_that_nobody_lists() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let told =
        granted(&snapshot, "reporting", GrantType::JwtBearer, Some("api::form.form.delete"), "127.0.0.1");
    assert!(told.verified, "{told}");
    assert_eq!(told.nearest[0].policy.id, "client.reporting");
    let (place, says) = (&told.nearest[0].policy.source, &told.nearest[0].says);
    assert!(place.starts_with("policies/clients/reporting.yaml:"), "{place}");
    assert_eq!(says, "lists find, findOne");
    let changes: Vec<&str> = told.changes.iter().map(|change| change.text.as_str()).collect();
    assert_eq!(changes, [format!("add api::form.form.delete to {place} (scopes)")]);
    let text = told.to_string();
    assert!(
        text.starts_with(
            "  DENY  invalid_scope   no policy permits grant:jwt_bearer on Scope::\"api::form.form.delete\""
        ),
        "{text}"
    );
}

/// The documents are changed as the explanation says; then it is a yes.
#[test]
fn the_changes_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    copy(&shipped(), folder.path());
    let engine = engine_of(folder.path());
    let ask = |snapshot: &Snapshot| {
        granted(
            snapshot,
            "reporting",
            GrantType::JwtBearer,
            Some("api::invoice.invoice.approve"),
            "127.0.0.1",
        )
    };
    let told = ask(&engine.current());
    assert!(told.verified && told.error.as_deref() == Some("invalid_scope"), "{told}");
    assert_eq!(told.forbids[0].policy.id, "global.ceiling");
    assert_eq!(told.changes.len(), 2, "{told}");
    for change in &told.changes {
        let (file, line) = change.place.as_ref().unwrap().rsplit_once(':').unwrap();
        let path = folder.path().join(file.strip_prefix("policies/").unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        let at: usize = line.parse().unwrap();
        assert_eq!(lines[at - 1], "scopes:", "{file}:{line}");
        lines.insert(at, "  - api::invoice.invoice.approve");
        fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let told = ask(&engine_of(folder.path()).current());
    assert_eq!(told.decision, Verdict::Allow, "{told}");
    assert_eq!(told.policies[0].id, "client.reporting");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_rule_that_forbids_says_what_it_compared() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let told = granted(&snapshot, "partner", GrantType::JwtBearer, None, "198.51.100.7");
    let [matched] = told.forbids.as_slice() else { panic!("{told}") };
    assert_eq!(matched.policy.id, "partners.network");
    assert!(matched.policy.source.starts_with("policies/rules/partners.cedar:"));
    let text = told.to_string();
    assert!(text.contains("context.ip = ") && text.contains("198.51.100.7"), "{text}");
    assert!(told.verified && told.changes[0].text.contains("partners.network"), "{text}");
    assert!(told.in_full().contains("context.ip.isInRange(ip(\"203.0.113.0/24\"))"), "{}", told.in_full());
}

#[test]
fn every_rule_of_the_kernel_says_what_would_satisfy_it() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let ids: Vec<String> =
        snapshot.policies().map(|info| info.id).filter(|id| id.starts_with("kernel.")).collect();
    let source = concat!(include_str!("../explain/changes.rs"));
    let silent: Vec<&String> = ids.iter().filter(|id| !source.contains(&format!("\"{id}\""))).collect();
    assert!(silent.is_empty() && ids.len() > 15, "{silent:?}");
}

#[test]
fn a_user_whose_roles_lack_the_action() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let (bob, facts) = (user("bob", &["authenticated"]), facts("127.0.0.1"));
    let question = GrantQuestion {
        client: client(&snapshot, "web-app"),
        active: true,
        grant: GrantType::AuthorizationCode,
        user: Some(&bob),
        facts: &facts,
    };
    let update = scope("api::form.form.update");
    let told = snapshot.explain(&Asked::Grant(question, Some(&update)));
    assert!(told.verified, "{told}");
    let text = told.to_string();
    assert!(text.contains("add api::form.form.update to policies/roles/authenticated.yaml:"), "{text}");
    assert!(text.contains("or: give user bob the role editor"), "{text}");
    assert!(text.contains("policies/roles/editor.yaml:5 is for role editor"), "{text}");
    assert!(text.contains("policies/roles/authenticated.yaml:5 permits find, findOne, create"), "{text}");
    // Administration is given by a role, not by widening everybody's.
    let admin = AdminQuestion {
        actor: Actor::User(&bob),
        token: None,
        action: crate::policy::admin::CLIENT_UPDATE,
        resource: AdminResource::Server,
        now_ms: facts.now_ms,
        ip: facts.ip,
    };
    let told = snapshot.explain(&Asked::Admin(admin));
    assert_eq!(told.changes[0].text, "give user bob the role administrator", "{told}");
    assert!(told.verified, "{told}");
}

#[test]
fn a_misspelt_scope_is_told_as_such() {
    let engine = engine_of(&shipped());
    let told = granted(
        &engine.current(),
        "reporting",
        GrantType::JwtBearer,
        Some("api::form.form.fnd"),
        "127.0.0.1",
    );
    let expected = "the catalog has no action api::form.form.fnd, did you mean api::form.form.find?";
    assert_eq!((told.summary.as_str(), told.verified), (expected, false));
}
