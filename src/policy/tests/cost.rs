//! What a decision and a load cost. Ignored by default; run in release:
//! `cargo test --release --lib policy::tests::cost -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use super::mistakes::{copy, write};
use super::{client, engine_of, scope, user};
use crate::oauth::client::{Client, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{
    ClientDocument, GrantFacts, GrantQuestion, Mode, OnDenied, Requested, Snapshot, TokenFacts, UseQuestion,
};

fn micros(what: &str, rounds: usize, mut work: impl FnMut(usize)) {
    (0..rounds / 10).for_each(&mut work);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let began = processor_time();
        (0..rounds).for_each(&mut work);
        best = best.min((processor_time() - began) * 1e6 / rounds as f64);
    }
    println!("{what}: {best:.1} us");
}

/// Seconds of this thread on a processor: a busy machine does not count.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[test]
#[ignore = "a measurement"]
fn decisions() {
    let dir = copy();
    let engine = engine_of(dir.path());
    let snapshot = engine.current();
    let mut facts = GrantFacts::new(1_767_614_400_000, "127.0.0.1".parse().unwrap(), 600);
    facts.alg = Some("RS256".into());
    facts.assertion_ttl_s = Some(60);
    let find = [scope("api::form.form.find")];
    let many: Vec<Scope> = snapshot.global().scopes.iter().take(20).cloned().collect();
    let ann = user("ann", &["authenticated"]);
    for count in [10_usize, 100_000] {
        let clients: Vec<Client> = (0..count)
            .map(|number| {
                let mut doc = ClientDocument::new(ClientType::Confidential);
                doc.scopes = vec!["api::form.form.*".into()];
                doc.act_for = vec!["role:authenticated".into()];
                snapshot
                    .parse_client(&ClientId::parse(&format!("d{number}")).unwrap(), &doc, Mode::Stored)
                    .unwrap()
            })
            .collect();
        let ask = |at: usize, user| GrantQuestion {
            client: &clients[at * 7_919 % count],
            active: true,
            grant: GrantType::JwtBearer,
            user,
            facts: &facts,
        };
        micros(&format!("{count} database clients, jwt-bearer, 1 scope, machine"), 20_000, |at| {
            let decided = snapshot.decide_scopes(&ask(at, None), &find);
            assert!(black_box(decided)[0].1.allowed);
        });
        micros(&format!("{count} database clients, jwt-bearer, 1 scope, user"), 20_000, |at| {
            let decided = snapshot.decide_scopes(&ask(at, Some(&ann)), &find);
            assert!(black_box(decided)[0].1.allowed);
        });
        micros(&format!("{count} database clients, issue_token of 1 scope, machine"), 20_000, |at| {
            black_box(
                snapshot.issue_token(&ask(at, None), Requested::Exactly(&find), OnDenied::Reject).unwrap(),
            );
        });
        micros(&format!("{count} database clients, 20 scopes, user"), 2_000, |at| {
            black_box(snapshot.decide_scopes(&ask(at, Some(&ann)), &many));
        });
    }
    let mut facts = facts.clone();
    facts.pkce = Some(Method::S256);
    facts.auth_age_s = Some(30);
    facts.redirect_host = Some("app.example.com".into());
    facts.consented = Some(find.to_vec());
    let q = GrantQuestion {
        client: client(&snapshot, "web-app"),
        active: true,
        grant: GrantType::AuthorizationCode,
        user: Some(&ann),
        facts: &facts,
    };
    micros("file client, code, 1 scope, user", 20_000, |_| {
        assert!(black_box(snapshot.decide_scopes(&q, &find))[0].1.allowed);
    });
    using_a_token(&snapshot, &q, &find, &ann);
}

/// What the use of a token and a sign-in cost.
fn using_a_token(snapshot: &Snapshot, q: &GrantQuestion<'_>, find: &[Scope], ann: &User) {
    let facts = q.facts;
    let token = TokenFacts { scopes: find, grant: GrantType::AuthorizationCode, age_s: 9 };
    let usage = UseQuestion {
        user: Some(ann),
        client: q.client,
        active: true,
        action: &find[0],
        token,
        now_ms: facts.now_ms,
        ip: facts.ip,
        http: None,
        stated: Default::default(),
    };
    micros("use of a token, user", 20_000, |_| assert!(black_box(snapshot.decide_use(&usage)).allowed));
    micros("sign-in", 20_000, |_| assert!(black_box(snapshot.sign_in(ann, facts.ip, facts.now_ms)).is_ok()));
}

#[test]
#[ignore = "a measurement"]
fn parts_of_a_decision() {
    use crate::policy::facts;
    use cedar_policy::Entities;
    let engine = engine_of(&super::shipped());
    let snapshot = engine.current();
    let decider = snapshot.decider();
    let mut facts = GrantFacts::new(1_767_614_400_000, "127.0.0.1".parse().unwrap(), 600);
    facts.alg = Some("RS256".into());
    facts.assertion_ttl_s = Some(60);
    let own = client(&snapshot, "reporting").clone();
    let q =
        GrantQuestion { client: &own, active: true, grant: GrantType::JwtBearer, user: None, facts: &facts };
    micros("context", 20_000, |_| drop(black_box(facts::grant_context(&decider.names, &q))));
    micros("client entity", 20_000, |_| drop(black_box(facts::client(&decider.names, &own, true))));
    micros("client entity, prepared", 20_000, |_| drop(black_box(snapshot.client_entity(&own, true))));
    let grant = &decider.names.grant(GrantType::JwtBearer).unwrap().entities;
    let scope = &decider.names.known(&scope("api::form.form.find")).unwrap().entity;
    let entity = snapshot.client_entity(&own, true).unwrap();
    micros("from_entities of 4", 20_000, |_| {
        let list = grant.iter().chain([scope, &entity]).cloned().collect();
        drop(black_box(decider.entities(list)));
    });
    let base = Entities::from_entities(grant.iter().cloned(), None).unwrap();
    micros("clone of 2 and upsert of 2", 20_000, |_| {
        drop(black_box(base.clone().upsert_entities([scope.clone(), entity.clone()], None)));
    });
    micros("start", 20_000, |_| drop(black_box(snapshot.decide_start(&q))));
    let other = Client { owner: Some("nobody".to_owned()), ..own.clone() };
    let q = GrantQuestion { client: &other, ..q };
    let find = [crate::oauth::scope::Scope::parse("api::form.form.find").unwrap()];
    micros("1 scope", 20_000, |_| drop(black_box(snapshot.decide_scopes(&q, &find))));
}

#[test]
#[ignore = "a measurement"]
fn loads() {
    let dir = copy();
    for number in 0..1_000 {
        let text = format!(
            "type: confidential\nname: Number {number}\nscopes:\n  - api::form.form.find\n  - api::form.form.create\n"
        );
        write(dir.path(), &format!("clients/n{number}.yaml"), text);
    }
    let began = Instant::now();
    let engine = engine_of(dir.path());
    println!("1,000 clients, cold: {:?}", began.elapsed());
    write(dir.path(), "clients/n1.yaml", "type: confidential\nscopes: []\n");
    let began = Instant::now();
    engine.reload(1, &|_| Ok(()));
    println!("1,000 clients, one edit: {:?}", began.elapsed());
    let began = Instant::now();
    engine.reload(2, &|_| Ok(()));
    println!("1,000 clients, nothing new: {:?}", began.elapsed());

    let dir = copy();
    let mut actions = String::new();
    for kind in 0..100 {
        let text = format!(
            "content_types:\n  api::k{kind}.k{kind}:\n    actions: {{ find: {{}}, findOne: {{}}, create: {{}}, update: {{}}, delete: {{}} }}\n"
        );
        write(dir.path(), &format!("catalog/k{kind}.yaml"), text);
        actions.push_str(&format!("  - api::k{kind}.k{kind}.*\n"));
    }
    write(dir.path(), "roles/everything.yaml", format!("actions:\n{actions}"));
    for number in 0..50 {
        write(
            dir.path(),
            &format!("rules/n{number}.cedar"),
            format!(
                "@id(\"n{number}\") forbid (principal, action == Action::\"api::k{number}.k{number}.find\", resource) when {{ context.ip.isMulticast() }};"
            ),
        );
    }
    let began = Instant::now();
    let engine = engine_of(dir.path());
    println!("500 actions, {} policies, cold: {:?}", engine.current().policy_count(), began.elapsed());
    write(dir.path(), "clients/x.yaml", "type: public\nscopes: [api::k1.k1.*]\n");
    let began = Instant::now();
    engine.reload(1, &|_| Ok(()));
    println!("500 actions, one new client: {:?}", began.elapsed());
}
