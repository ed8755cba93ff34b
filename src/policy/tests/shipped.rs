//! The shipped folder: it loads, its tests pass, its schema is up to date.

use std::collections::BTreeSet;
use std::path::Path;

use super::{engine_of, shipped};
use crate::policy::check::load_once;
use crate::policy::testing;
use crate::policy::testing::coverage::{self, Counted};

#[test]
fn it_loads_without_warnings_and_its_tests_pass() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    assert!(snapshot.warnings().is_empty(), "{:?}", snapshot.warnings());
    let failed = testing::failures(&snapshot);
    assert!(failed.is_empty(), "{}", crate::policy::LoadFailed(failed));
    assert!(testing::count(&snapshot) > 30);
}

/// Counted are all documents and rules, and the server's own policies as well.
#[test]
fn its_tests_reach_every_policy_and_every_condition() {
    let snapshot = load_once(&super::options(&shipped())).unwrap_or_else(|failed| panic!("{failed}"));
    let (outcomes, coverage) = coverage::run(snapshot, None, Counted::All);
    assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()));
    let gaps: Vec<String> =
        coverage.gaps.iter().map(|gap| format!("{}: {}: {}", gap.place, gap.policy, gap.what)).collect();
    let unreachable = [
        // No question of administration says which client a token belongs to, so this can never apply today.
        "kernel.admin-token-client-inactive",
        // The kernel's second locks: no document makes a public client without PKCE, or an owner's style without owner.
        "kernel.pkce-required: principal.kind == ClientKind::\"public\" (in when) is true",
        "kernel.act-for: principal has owner (in unless) is false",
    ];
    let known = |gap: &&String| !unreachable.iter().any(|one| gap.contains(one));
    let open: Vec<&String> = gaps.iter().filter(known).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert!(coverage.policies >= 50 && coverage.outcomes > 60, "{coverage:?}");
}

/// The whole policy as a table, reviewed as a diff.
#[test]
fn golden_the_shipped_policy_as_a_table() {
    let snapshot = load_once(&super::options(&shipped())).unwrap_or_else(|failed| panic!("{failed}"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/policy.txt");
    let table = crate::policy::table(snapshot);
    if std::env::var_os("GRANTWOOD_WRITE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &table).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    let difference = difference(&golden, &table);
    assert!(
        difference.is_empty(),
        "what the shipped policies permit changed:\n{difference}\nif that is meant: grantwood policy table > tests/golden/policy.txt"
    );
}

/// Lines of one text that the other has not, as a diff shows them.
fn difference(old: &str, new: &str) -> String {
    let lines = |text: &str| -> BTreeSet<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let (old, new) = (lines(old), lines(new));
    let gone = old.difference(&new).map(|line| format!("- {line}\n"));
    let come = new.difference(&old).map(|line| format!("+ {line}\n"));
    gone.chain(come).collect()
}

#[test]
fn schema_cedarschema_is_the_generated_one() {
    let engine = engine_of(&shipped());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/schema.cedarschema");
    let generated = engine.current().schema_text().to_owned();
    if std::env::var_os("GRANTWOOD_WRITE").is_some() {
        std::fs::write(&file, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "run the test once with GRANTWOOD_WRITE=1");
}

/// Y8: the same files are the same revision and the same decisions with the same deciding policies, however often they
/// are loaded: no order of a map or of a folder shows. The policy tests ask some two hundred questions of each load.
#[test]
fn y08_a_hundred_loads_decide_the_same() {
    let first = load_once(&super::options(&shipped())).unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(first.revision().len(), 16);
    let ids = |snapshot: &crate::policy::Snapshot| -> Vec<(String, String)> {
        snapshot.policies().map(|policy| (policy.id.clone(), policy.text.clone())).collect()
    };
    for _ in 0..100 {
        let again = load_once(&super::options(&shipped())).unwrap_or_else(|failed| panic!("{failed}"));
        assert_eq!((again.revision(), ids(&again)), (first.revision(), ids(&first)));
        let failed = testing::failures(&again);
        assert!(failed.is_empty(), "{}", crate::policy::LoadFailed(failed));
    }
}
