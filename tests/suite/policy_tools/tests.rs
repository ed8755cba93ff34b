//! `test`: what fails and where, tables, filters, coverage, JUnit, and again at every change.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::{command, repository, run};
use crate::harness::policies::write;

const WRONG: &str = "tables:\n  - name: services\n    grant: jwt-bearer\n    clients: [reporting, partner]\n    context: { ttl: 10m }\n    rows:\n      api::form.form.find: [allow, deny]\n      api::form.form.create: [deny, allow]\n";

#[test]
fn a_wrong_cell_fails_at_its_place() {
    let dir = repository();
    let good = run(dir.path(), &["test"]).ended(0);
    assert!(good.out.contains(" passed, 0 failed"), "{good:?}");
    write(&dir.path().join("policies/tests/wrong.yaml"), WRONG);
    let failed = run(dir.path(), &["test", "policies"]).ended(4);
    assert!(failed.out.contains("policies/tests/wrong.yaml:8:37"), "{}", failed.out);
    assert!(failed.out.contains("services: partner × api::form.form.create"), "{}", failed.out);
    assert!(
        failed.out.contains("expected allow, the decision is deny because nothing permits it"),
        "{}",
        failed.out
    );
    run(dir.path(), &["test", "--filter", "no test has this name"]).ended(2);
    let only = run(dir.path(), &["test", "--filter", "services: reporting"]).ended(0);
    assert!(only.out.contains("2 passed, 0 failed"), "{}", only.out);
}

#[test]
fn what_is_wrong_with_a_table_is_a_failure() {
    for (from, to, part) in [
        ("[deny, allow]", "[deny]", "1 answers for 2 columns"),
        ("form.create", "form.craete", "did you mean api::form.form.create?"),
        ("clients: [reporting", "clients: [reportin", "no client reportin, did you mean reporting?"),
        ("    clients: [reporting, partner]\n", "", "either clients or roles"),
        ("clients: [reporting, partner]", "roles: [authenticated, editor]", "has no grant and no user"),
    ] {
        let dir = repository();
        write(&dir.path().join("policies/tests/wrong.yaml"), WRONG.replace(from, to));
        let failed = run(dir.path(), &["test"]).ended(4);
        assert!(failed.out.contains(part), "{part}: {}", failed.out);
    }
}

#[test]
fn junit_and_json() {
    let dir = repository();
    write(&dir.path().join("policies/tests/wrong.yaml"), WRONG);
    let junit = run(dir.path(), &["test", "--format", "junit"]).ended(4).out;
    assert!(junit.starts_with("<?xml") && junit.trim_end().ends_with("</testsuites>"), "{junit}");
    assert_eq!(junit.matches("<failure ").count(), 1);
    assert!(junit.contains("failures=\"1\""), "{junit}");
    let json = run(dir.path(), &["test", "--format", "json", "--coverage"]).ended(4).json();
    assert_eq!(json["failed"], 1);
    assert!(json["coverage"]["policies"].as_u64() > Some(10), "{json}");
}

#[test]
fn coverage_names_what_no_test_reaches() {
    let dir = repository();
    let full = run(dir.path(), &["test", "--coverage", "--require-coverage"]).ended(0);
    assert!(full.out.contains("coverage: "), "{full:?}");
    let rule = "@id(\"new\")\nforbid (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource)\nwhen { context.ttl > duration(\"12m\") ||\n  context.ttl < duration(\"1s\") }\nunless {\n  context.ip.isLoopback() };\n";
    write(&dir.path().join("policies/rules/new.cedar"), rule);
    let gaps = run(dir.path(), &["test", "--coverage", "--require-coverage"]).ended(4);
    for part in [
        "policies/rules/new.cedar:1: new: applies in no test",
        "policies/rules/new.cedar:4: new: context.ttl < duration(\"1s\") (in when) is true in no test",
        "policies/rules/new.cedar:5: new: unless { context.ip.isLoopback() } is false in no test",
    ] {
        assert!(gaps.out.contains(part), "{part}: {}", gaps.out);
    }
    assert!(
        !gaps.out.contains("new.cedar:3"),
        "its first condition is seen both ways, and its first operand: {}",
        gaps.out
    );
}

#[test]
fn watching_runs_again_at_a_change() {
    let dir = repository();
    let mut child = command(dir.path())
        .args(["test", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let mut until = |part: &str| lines.by_ref().map_while(Result::ok).any(|line| line.contains(part));
    assert!(until(" passed, 0 failed"));
    write(&dir.path().join("policies/tests/wrong.yaml"), WRONG);
    assert!(until(" passed, 1 failed"));
    child.kill().expect("it runs until it is stopped");
    child.wait().expect("ended");
}
