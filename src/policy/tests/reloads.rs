//! The engine: the last good set stays in force, and a new one comes at once and whole.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::mistakes::{copy, write};
use super::{client, engine_of, options, scope, user};
use crate::oauth::grant::GrantType;
use crate::policy::{Diagnostic, Engine, GrantFacts, GrantQuestion, Reload};

fn finds(engine: &Engine, name: &str) -> bool {
    let snapshot = engine.current();
    let facts = GrantFacts::new(1_767_614_400_000, "127.0.0.1".parse().unwrap(), 300);
    let user = user("ann", &["authenticated"]);
    let reporting = client(&snapshot, "reporting");
    let q = GrantQuestion {
        client: reporting,
        active: true,
        grant: GrantType::JwtBearer,
        user: Some(&user),
        facts: &facts,
    };
    !snapshot.still_permitted(&q, &[scope(name)]).is_empty()
}

#[test]
fn y2_y6_a_bad_edit_changes_nothing_and_a_good_one_everything() {
    let dir = copy();
    let engine = engine_of(dir.path());
    let yes = |_: &crate::policy::Snapshot| Ok(());
    let first = engine.current().revision().clone();
    assert_eq!(engine.reload(1, &yes), Reload::Unchanged);
    assert!(finds(&engine, "api::form.form.find"));

    let global = fs::read_to_string(dir.path().join("global.yaml")).unwrap();
    write(dir.path(), "global.yaml", "scopes: [api::form.form.fin]\n");
    assert_eq!(engine.reload(2, &yes), Reload::Kept);
    let status = engine.status();
    assert_eq!((status.held_back.len(), status.held_back[0].line, status.reloads_failed), (1, 1, 1));
    assert_eq!((&*status.revision, status.last_attempt_ms), (&*first, 2));
    assert!(finds(&engine, "api::form.form.find"));

    write(dir.path(), "global.yaml", global.replace("  - api::form.form.find\n", ""));
    assert!(matches!(engine.reload(3, &yes), Reload::Swapped { .. }));
    assert!(!finds(&engine, "api::form.form.find"), "a live token loses what the ceiling loses");
    assert!(engine.status().held_back.is_empty());

    write(dir.path(), "global.yaml", &global);
    assert!(matches!(engine.reload(4, &yes), Reload::Swapped { .. }));
    assert_eq!(*engine.current().revision(), first);

    write(
        dir.path(),
        "rules/lock.cedar",
        "@id(\"lock\") forbid (principal, action in Action::\"grant\", resource);",
    );
    engine.reload(5, &yes);
    assert!(!finds(&engine, "api::form.form.find"));
    fs::remove_file(dir.path().join("rules/lock.cedar")).unwrap();
    engine.reload(6, &yes);
    assert!(finds(&engine, "api::form.form.find"), "a removed rule stops applying");

    fs::remove_dir_all(dir.path()).unwrap();
    assert_eq!(engine.reload(7, &yes), Reload::Kept);
    assert!(finds(&engine, "api::form.form.find"));
    assert_eq!(engine.status().reloads_ok, 4);
}

#[test]
fn the_caller_has_the_last_word() {
    let dir = copy();
    let engine = engine_of(dir.path());
    write(dir.path(), "clients/more.yaml", "type: public\n");
    let no = |_: &crate::policy::Snapshot| {
        Err(vec![Diagnostic::file("clients/more.yaml", "the database has it too")])
    };
    assert_eq!(engine.reload(1, &no), Reload::Kept);
    assert_eq!(engine.status().held_back[0].message, "the database has it too");
    assert!(Engine::open_with(options(dir.path()), 1, &no).is_err());
    assert!(matches!(engine.reload(2, &|_| Ok(())), Reload::Swapped { .. }));
}

#[test]
fn failing_policy_tests_hold_a_set_back() {
    let dir = copy();
    let mut options = options(dir.path());
    options.run_tests = true;
    let engine = Engine::open(options).unwrap_or_else(|failed| panic!("{failed}"));
    let rule = dir.path().join("rules/partners.cedar");
    let text = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, text.replace("203.0.113.0/24", "0.0.0.0/0")).unwrap();
    assert_eq!(engine.reload(1, &|_| Ok(())), Reload::Kept);
    let found = &engine.status().held_back[0];
    assert!(found.file.ends_with("tests/rules.yaml") && found.line == 12, "{found}");
    assert!(found.message.contains("expected deny, the decision is allow"), "{found}");
}

#[test]
fn an_edit_is_in_force_within_a_second() {
    let dir = copy();
    let engine = Arc::new(engine_of(dir.path()));
    let stop = Arc::new(AtomicBool::new(false));
    let reloader = Arc::clone(&engine);
    let watcher = crate::policy::watch::watch(dir.path().to_owned(), Arc::clone(&stop), move || {
        reloader.reload(1, &|_| Ok(()));
    })
    .unwrap();
    let global = fs::read_to_string(dir.path().join("global.yaml")).unwrap();
    write(dir.path(), "global.yaml", global.replace("  - api::form.form.find\n", ""));
    let began = Instant::now();
    while finds(&engine, "api::form.form.find") {
        // Generous here, since tests share the machine; the bound itself is measured.
        assert!(began.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("in force after {:?}", began.elapsed());
    stop.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
}
