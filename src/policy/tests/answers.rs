//! Remembered answers: the same as new ones, whatever changes between two questions.

use super::mistakes::{copy, write};
use super::{client, engine_of, scope, shipped, user};
use crate::oauth::client::Client;
use crate::oauth::grant::GrantType;
use crate::oauth::pkce::Method;
use crate::oauth::user::User;
use crate::policy::{GrantFacts, GrantQuestion, OnDenied, Requested, Snapshot};

const BEFORE: i64 = 1_767_614_400_000;
const AFTER: i64 = BEFORE + 86_400_000;

fn facts() -> GrantFacts {
    GrantFacts {
        pkce: Some(Method::S256),
        redirect_host: Some("app.example.com".to_owned()),
        auth_age_s: Some(10),
        consented: Some(vec![scope("api::form.form.find")]),
        ..GrantFacts::new(BEFORE, "192.0.2.1".parse().unwrap(), 600)
    }
}

/// Whether the grant gives the scope, by a token, by a code and by a preview, which agree.
fn given(snapshot: &Snapshot, client: &Client, active: bool, user: &User, facts: &GrantFacts) -> bool {
    let find = [scope("api::form.form.find")];
    let grant = GrantType::AuthorizationCode;
    let question = GrantQuestion { client, active, grant, user: Some(user), facts };
    let token = snapshot.issue_token(&question, Requested::Exactly(&find), OnDenied::Reject);
    assert_eq!(token.is_ok(), snapshot.issue_code(&question, &find).is_ok());
    if let Ok(permit) = &token {
        assert!(snapshot.preview(&question, &find)[0].1.allowed);
        assert_eq!(permit.get().revision, *snapshot.revision());
    }
    token.is_ok()
}

#[test]
fn a_steady_answer_is_remembered_for_another_time_and_address() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let (web, ann) = (client(&snapshot, "web-app"), user("ann", &["authenticated"]));
    assert_eq!(snapshot.remembered(), 0);
    for at in 0..20 {
        let facts = GrantFacts {
            now_ms: BEFORE + at * 1_000,
            ip: std::net::Ipv4Addr::new(192, 0, 2, at as u8).into(),
            auth_age_s: Some(at as u64),
            ..facts()
        };
        assert!(given(&snapshot, web, true, &ann, &facts));
    }
    assert_eq!(snapshot.remembered(), 1);
    // Other circumstances are other questions.
    let plain = GrantFacts { pkce: Some(Method::Plain), ..facts() };
    let long = GrantFacts { ttl_s: 100 * 86_400, ..facts() };
    let less = GrantFacts { consented: Some(Vec::new()), ..facts() };
    for facts in [&plain, &long, &less] {
        assert!(!given(&snapshot, web, true, &ann, facts));
        assert!(!given(&snapshot, web, true, &ann, facts));
    }
    assert_eq!(snapshot.remembered(), 4);
}

#[test]
fn what_a_policy_can_see_of_client_and_user_is_looked_at_each_time() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let web = client(&snapshot, "web-app");
    let (ann, facts) = (user("ann", &["authenticated"]), facts());
    for _ in 0..2 {
        assert!(given(&snapshot, web, true, &ann, &facts));
        assert!(!given(&snapshot, web, false, &ann, &facts));
        assert!(!given(&snapshot, web, true, &User { blocked: true, ..ann.clone() }, &facts));
        assert!(!given(&snapshot, web, true, &User { roles: Vec::new(), ..ann.clone() }, &facts));
        let poor = Client { scopes: [].into(), ..web.clone() };
        assert!(!given(&snapshot, &poor, true, &ann, &facts));
        let machine = Client { grants: [GrantType::JwtBearer].into(), ..web.clone() };
        assert!(!given(&snapshot, &machine, true, &ann, &facts));
        let off = Client { active: false, ..web.clone() };
        assert!(!given(&snapshot, &off, true, &ann, &facts));
    }
}

#[test]
fn an_answer_that_hangs_on_the_moment_is_asked_each_time() {
    let night = "context.now > datetime(\"2026-01-06\")";
    let abroad = "!context.ip.isInRange(ip(\"192.0.2.0/24\"))";
    let stale = "context has auth_age && context.auth_age > duration(\"5m\")";
    let late = GrantFacts { now_ms: AFTER, ..facts() };
    let elsewhere = GrantFacts { ip: "198.51.100.7".parse().unwrap(), ..facts() };
    let old = GrantFacts { auth_age_s: Some(301), ..facts() };
    for (condition, other) in [(night, late), (abroad, elsewhere), (stale, old)] {
        // Once for the scope, once for the start.
        for resource in ["resource is Scope", "resource is Server"] {
            let dir = copy();
            let rule = format!(
                "@id(\"moment\") forbid (principal, action == Action::\"grant:authorization_code\", {resource}) when {{ {condition} }};"
            );
            write(dir.path(), "rules/moment.cedar", &rule);
            let engine = engine_of(dir.path());
            let snapshot = engine.current();
            let (web, ann) = (client(&snapshot, "web-app"), user("ann", &["authenticated"]));
            for _ in 0..2 {
                assert!(given(&snapshot, web, true, &ann, &facts()), "{rule}");
                assert!(!given(&snapshot, web, true, &ann, &other), "{rule}");
            }
            assert_eq!(snapshot.remembered(), 0, "{rule}");
        }
    }
}

#[test]
fn a_policy_about_another_resource_has_no_say_in_that() {
    for (resource, mine) in [
        ("resource == Scope::\"api::form.form.find\"", true),
        ("resource in ContentType::\"api::form.form\"", true),
        ("resource is Scope in ContentType::\"api::form.form\"", true),
        ("resource == Server::\"self\"", true),
        ("resource == Scope::\"api::form.form.create\"", false),
        ("resource in ContentType::\"api::invoice.invoice\"", false),
        ("resource is Scope in ContentType::\"api::invoice.invoice\"", false),
    ] {
        let dir = copy();
        let rule = format!(
            "@id(\"moment\") forbid (principal is Client, action == Action::\"grant:authorization_code\", {resource}) when {{ context.now > datetime(\"2026-01-06\") }};"
        );
        write(dir.path(), "rules/moment.cedar", &rule);
        let engine = engine_of(dir.path());
        let snapshot = engine.current();
        let (web, ann) = (client(&snapshot, "web-app"), user("ann", &["authenticated"]));
        assert!(given(&snapshot, web, true, &ann, &facts()), "{rule}");
        let late = GrantFacts { now_ms: AFTER, ..facts() };
        assert_eq!(given(&snapshot, web, true, &ann, &late), !mine, "{rule}");
        assert_eq!(snapshot.remembered(), u64::from(!mine), "{rule}");
    }
}

#[test]
fn a_failed_answer_is_asked_each_time() {
    let dir = copy();
    let text = "@id(\"broken\") forbid (principal, action in Action::\"grant\", resource is Scope) when { 9223372036854775807 + 1 == 0 };";
    write(dir.path(), "rules/broken.cedar", text);
    let engine = engine_of(dir.path());
    let snapshot = engine.current();
    let (web, ann) = (client(&snapshot, "web-app"), user("ann", &["authenticated"]));
    assert!(!given(&snapshot, web, true, &ann, &facts()));
    assert_eq!((snapshot.remembered(), engine.evaluation_errors()), (0, 2));
}

#[test]
fn what_is_kept_has_a_bound() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    let (web, facts) = (client(&snapshot, "web-app"), facts());
    let scopes: Vec<_> = snapshot.global().scopes.iter().take(30).cloned().collect();
    for number in 0..2_000 {
        let ann = user(&format!("ann-{number}"), &[]);
        let grant = GrantType::AuthorizationCode;
        let question = GrantQuestion { client: web, active: true, grant, user: Some(&ann), facts: &facts };
        drop(snapshot.preview(&question, &scopes));
    }
    assert!((100..1_300).contains(&snapshot.remembered()), "{}", snapshot.remembered());
}
