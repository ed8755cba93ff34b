//! The shipped folder: it loads, its tests pass, its schema is up to date.

use std::path::Path;

use super::{engine_of, shipped};
use crate::policy::{Options, tests_run};

#[test]
fn it_loads_without_warnings_and_its_tests_pass() {
    let engine = engine_of(&shipped());
    let snapshot = engine.current();
    assert!(snapshot.warnings().is_empty(), "{:?}", snapshot.warnings());
    let failed = tests_run::run(&snapshot);
    assert!(failed.is_empty(), "{}", crate::policy::LoadFailed(failed));
    assert!(tests_run::count(&snapshot) > 30);
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

#[test]
fn y8_a_hundred_loads_give_one_revision() {
    let first = engine_of(&shipped()).current().revision().clone();
    assert_eq!(first.len(), 16);
    for _ in 0..100 {
        let options = Options {
            tree: shipped().into(),
            public_url: String::new(),
            allow_empty: false,
            run_tests: false,
        };
        assert_eq!(crate::policy::load::read(&options).1, *first);
    }
}
