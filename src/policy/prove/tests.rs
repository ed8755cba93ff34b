//! Proofs of edits of the shipped set. They need the solver; without it they say so, unless it is required
//! (`GRANTWOOD_TEST_REQUIRE_SOLVER`, set by `tests/run`).

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Proof, Prover, Verdict, compare, invariants, text};
use crate::policy::plan::Loaded;
use crate::policy::tests::mistakes::copy;
use crate::policy::tests::{options, shipped};

fn load(folder: &Path) -> Loaded {
    Loaded::open(&options(folder)).unwrap_or_else(|failed| panic!("{failed}"))
}

/// Runs with a solver; nothing if there is none on this machine.
fn with_solver<T>(work: impl AsyncFnOnce(&mut Prover) -> T) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match Prover::open(Path::new("cvc5"), Duration::from_secs(60)).await {
            Ok(mut prover) => Some(work(&mut prover).await),
            Err(why) if std::env::var_os("GRANTWOOD_TEST_REQUIRE_SOLVER").is_some() => panic!("{why}"),
            Err(why) => {
                eprintln!("not run: {why}");
                None
            }
        }
    })
}

/// The proof that an edit of the shipped set permits nothing new.
fn edited(file: &str, edit: impl Fn(&str) -> String) -> Option<Proof> {
    let dir = copy();
    let path = dir.path().join(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, edit(&before)).unwrap();
    let (old, new) = (load(&shipped()), load(dir.path()));
    let began = Instant::now();
    let proof = with_solver(async |prover| compare(&old, &new, prover).await)?;
    println!("{file}: {:?} after {:?}", proof.verdict, began.elapsed());
    Some(proof)
}

fn shown(proof: &Proof) -> String {
    text(std::slice::from_ref(proof))
}

#[test]
fn the_same_and_less_is_proven() {
    let Some(same) = edited("rules/partners.cedar", |text| format!("// A comment.\n{text}")) else { return };
    assert_eq!((same.verdict, same.asked), (Verdict::Proven, 0), "{}", shown(&same));
    let less =
        edited("rules/partners.cedar", |text| text.replace("203.0.113.0/24", "203.0.113.0/25")).unwrap();
    assert_eq!(less.verdict, Verdict::Proven, "{}", shown(&less));
    assert!(less.asked > 0 && less.asked < less.environments);
    let less = edited("global.yaml", |text| text.replace("  - api::form.form.find\n", "")).unwrap();
    assert_eq!(less.verdict, Verdict::Proven, "{}", shown(&less));
    let less =
        edited("clients/reporting.yaml", |text| text.replace("  - api::form.form.findOne\n", "")).unwrap();
    assert_eq!(less.verdict, Verdict::Proven, "{}", shown(&less));
}

#[test]
fn a_scope_of_a_client_is_a_counterexample_that_can_be_tried() {
    let Some(more) = edited("clients/reporting.yaml", |text| format!("{text}  - api::form.form.delete\n"))
    else {
        return;
    };
    assert_eq!(more.verdict, Verdict::Refuted, "{}", shown(&more));
    let example = more.examples.iter().find(|one| one.resource.contains("Scope")).expect("a grant");
    assert_eq!(example.principal, "Client::\"reporting\"");
    assert_eq!(example.resource, "Scope::\"api::form.form.delete\"");
    assert!(example.declared, "{example:?}");
    assert!(example.permitted_by.iter().any(|one| one.contains("clients/reporting.yaml")), "{example:?}");
    let test = example.test.as_deref().unwrap();
    assert!(test.contains("client: reporting") && test.contains("expect: deny"), "{test}");
    assert!(example.why.as_deref().unwrap().starts_with("grantwood why --client reporting"), "{example:?}");
    // The case is one that the loader takes, and it fails on the new set.
    let dir = copy();
    let client = dir.path().join("clients/reporting.yaml");
    let widened = fs::read_to_string(&client).unwrap() + "  - api::form.form.delete\n";
    fs::write(&client, widened).unwrap();
    fs::create_dir_all(dir.path().join("tests")).unwrap();
    fs::write(dir.path().join("tests/found.yaml"), format!("tests:\n{test}")).unwrap();
    let failed = crate::policy::testing::failures(&load(dir.path()).snapshot);
    assert!(failed.iter().any(|one| one.file.ends_with("found.yaml")), "{failed:?}");
}

#[test]
fn a_wider_ceiling_and_a_wider_rule_are_found() {
    let Some(more) = edited("global.yaml", |text| format!("{text}  - api::invoice.invoice.approve\n")) else {
        return;
    };
    assert_eq!(more.verdict, Verdict::Refuted, "{}", shown(&more));
    assert!(more.examples[0].refused_by.iter().any(|one| one.contains("global.ceiling")), "{}", shown(&more));
    let more = edited("rules/partners.cedar", |text| text.replace("203.0.113.0/24", "203.0.0.0/16")).unwrap();
    assert_eq!(more.verdict, Verdict::Refuted, "{}", shown(&more));
    let example = more.examples.iter().find(|one| one.declared).unwrap_or_else(|| panic!("{}", shown(&more)));
    assert_eq!(example.principal, "Client::\"partner\"");
    assert!(example.refused_by.iter().any(|one| one.starts_with("partners.network")), "{example:?}");
    let more =
        edited("roles/authenticated.yaml", |text| format!("{text}  - api::form.form.delete\n")).unwrap();
    assert_eq!(more.verdict, Verdict::Refuted, "{}", shown(&more));
    assert!(more.examples[0].principal.starts_with("User::"));
    let more = edited("rules/wide.cedar", |_| {
        "@id(\"wide\") permit (principal is Client, action == Action::\"grant:jwt_bearer\", resource is Scope);".to_owned()
    })
    .unwrap();
    assert_eq!(more.verdict, Verdict::Refuted, "{}", shown(&more));
}

#[test]
fn what_data_widens_is_not_proven() {
    let Some(more) = edited("clients/reporting.yaml", |text| {
        text.replace("grants: [jwt-bearer]", "grants: [jwt-bearer, client-credentials]")
    }) else {
        return;
    };
    assert_eq!(more.verdict, Verdict::Unknown, "{}", shown(&more));
    assert!(more.data.iter().any(|line| line.contains("client reporting grants")), "{:?}", more.data);
}

#[test]
fn invariants_of_the_shipped_set() {
    let set = load(&shipped());
    let Some(proofs) = with_solver(async |prover| invariants(&set, None, false, prover).await) else {
        return;
    };
    let proofs = proofs.unwrap();
    assert!(proofs.len() >= 3);
    assert!(
        proofs.iter().all(|proof| proof.verdict == Verdict::Proven && proof.asked > 0),
        "{}",
        text(&proofs)
    );

    let dir = copy();
    let client = dir.path().join("clients/spa.yaml");
    fs::write(&client, fs::read_to_string(&client).unwrap() + "  - api::form.form.delete\n").unwrap();
    let set = load(dir.path());
    let proofs = with_solver(async |prover| invariants(&set, None, false, prover).await).unwrap().unwrap();
    assert_eq!(proofs[0].verdict, Verdict::Refuted, "{}", text(&proofs));
    assert_eq!(proofs[0].examples[0].principal, "Client::\"spa\"");
    let wrong = |yaml: &str| {
        let files = Some(vec![("x.yaml".to_owned(), yaml.to_owned())]);
        let found = with_solver(async |prover| invariants(&set, files, false, prover).await).unwrap();
        found.unwrap_err()[0].to_string()
    };
    let line = "invariants:\n  - { name: x, principal: Client, actions: [grant]";
    assert!(wrong(&format!("{line}, when: principal.nothing }}\n")).contains("not valid"));
    assert!(wrong(&format!("{line}, resources: [nothing] }}\n")).contains("no Scope is named"));
    assert!(wrong(&format!("{line}, whem: true }}\n")).contains("did you mean when"));
    assert!(
        wrong("invariants: [{ name: x, principal: Nobody, actions: [grant] }]\n")
            .contains("no kind of request")
    );
}

/// A rule about the client `reporting`, in a file of its own.
fn rule(condition: &str) -> String {
    format!(
        "@id(\"old\")\nforbid (principal == Client::\"reporting\", action in Action::\"grant\", resource)\nwhen {{ {condition} }};\n"
    )
}

/// From a set with a rule to the shipped one, which does not have it; or the other way.
fn with_a_rule(condition: &str, goes: bool) -> Option<Proof> {
    let dir = copy();
    fs::write(dir.path().join("rules/old.cedar"), rule(condition)).unwrap();
    let (with, without) = (load(dir.path()), load(&shipped()));
    let (old, new) = if goes { (&with, &without) } else { (&without, &with) };
    with_solver(async |prover| compare(old, new, prover).await)
}

/// A policy that fails to evaluate denies in the server. Taking it out lets through what it refused, and Cedar
/// alone would not see that.
#[test]
fn an_old_rule_that_fails_refuses() {
    for fails in ["9223372036854775807 + 1 > 0", "context.ttl.toMilliseconds() + 9223372036854775000 < 0"] {
        let Some(more) = with_a_rule(fails, true) else { return };
        assert_eq!(more.verdict, Verdict::Refuted, "{fails}: {}", shown(&more));
        let example = &more.examples[0];
        assert_eq!(example.principal, "Client::\"reporting\"", "{example:?}");
        assert!(example.refused_by.iter().any(|one| one.contains("fails to evaluate")), "{example:?}");
    }
    // It never applies, and it cannot fail between 2020 and 2100: nothing changes without it.
    let same = with_a_rule("context.now.toTime().toMilliseconds() + 5 < 0", true).unwrap();
    assert_eq!(same.verdict, Verdict::Proven, "{}", shown(&same));
    // The same rule in the new set can only refuse more, and whoever reads the proof is told.
    let less = with_a_rule("9223372036854775807 + 1 > 0", false).unwrap();
    assert_eq!(less.verdict, Verdict::Proven, "{}", shown(&less));
    assert!(less.notes.iter().any(|note| note.contains("may fail to evaluate")), "{:?}", less.notes);
}

/// With `--any-client`, clients of a database count, which may list anything.
#[test]
fn clients_of_the_database_count_if_asked() {
    let dir = copy();
    let prove = |any: bool| {
        let set = load(dir.path());
        let proofs = with_solver(async |prover| invariants(&set, None, any, prover).await)?;
        Some(proofs.unwrap().swap_remove(0))
    };
    let Some(documents) = prove(false) else { return };
    assert_eq!(documents.verdict, Verdict::Proven, "{}", shown(&documents));
    let anybody = prove(true).unwrap();
    assert_eq!(anybody.verdict, Verdict::Refuted, "{}", shown(&anybody));
    assert!(anybody.examples.iter().all(|one| !one.declared), "{:?}", anybody.examples);
    assert!(anybody.assumptions.iter().any(|one| one.contains("database")), "{:?}", anybody.assumptions);
    // A rule says it for every client that there may be; which scopes are sensitive is the catalog's word.
    let never = "@id(\"never\")\nforbid (principal is Client, action in Action::\"grant\", resource is Scope)\n\
                 when { principal.kind == ClientKind::\"public\" && resource.sensitive };\n";
    fs::write(dir.path().join("rules/never.cedar"), never).unwrap();
    let ruled = prove(true).unwrap();
    assert_eq!(ruled.verdict, Verdict::Proven, "{}", shown(&ruled));
}

/// A solver that does not know, says nothing, or dies proves nothing.
#[test]
fn a_solver_without_an_answer_proves_nothing() {
    let dir = copy();
    let path = dir.path().join("clients/reporting.yaml");
    let more = fs::read_to_string(&path).unwrap() + "  - api::form.form.delete\n";
    fs::write(&path, more).unwrap();
    let (old, new) = (load(&shipped()), load(dir.path()));
    let programs = tempfile::tempdir().unwrap();
    for (name, body) in [
        ("unknown", "while read line; do case \"$line\" in *check-sat*) echo unknown;; esac; done"),
        ("hangs", "exec sleep 600"),
        ("dies", "exit 0"),
        ("babbles", "while read line; do echo '(error \"no\")'; done"),
    ] {
        let program = programs.path().join(name);
        fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n{body}\n")).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (a, b) = runtime.block_on(async {
            let mut prover = Prover::open(&program, Duration::from_millis(100)).await.unwrap();
            let compared = compare(&new, &old, &mut prover).await;
            let file = "invariants: [{ name: x, principal: Client, actions: [\"grant:jwt_bearer\"] }]\n";
            let files = Some(vec![("x.yaml".to_owned(), file.to_owned())]);
            (compared, invariants(&new, files, false, &mut prover).await.unwrap().swap_remove(0))
        });
        assert_eq!((a.verdict, b.verdict), (Verdict::Unknown, Verdict::Unknown), "{name}: {}", shown(&a));
    }
}

#[test]
fn no_solver_is_said() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = |program: &str| runtime.block_on(Prover::open(Path::new(program), Duration::from_secs(1)));
    assert!(open("/absent/cvc5").is_err() && open("false").is_err());
}
