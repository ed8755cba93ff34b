//! What `grantwood plan` takes for 10,000 clients × 100 scopes: a ceiling that loses a scope reaches all of them, and
//! a hundred clients get something else.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::report::Report;
use crate::setup::Bench;

/// Clients of either set.
const CLIENTS: usize = 10_000;
/// Content types, and the actions of each.
const TYPES: usize = 10;
const ACTIONS: usize = 10;

/// The plan as a process of its own, both sets loaded anew.
pub fn plan(_: &Bench, report: &mut Report) {
    let clients = CLIENTS;
    let folder = tempfile::tempdir().expect("a temp folder");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    set(&old, clients, 0);
    set(&new, clients, 100);
    let begun = Instant::now();
    let out = Command::new(env!("CARGO_BIN_EXE_grantwood"))
        .current_dir(folder.path())
        .arg("plan")
        .args([&old, &new])
        .args(["--format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("the binary runs");
    let seconds = begun.elapsed().as_secs_f64();
    assert!(out.status.success(), "plan failed");
    let plan: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(plan["totals"]["clients"], clients, "every client loses a scope");
    assert_eq!(plan["totals"]["gains"], 100, "a hundred gain one");
    report.at_most(
        &format!("plan of {clients} clients × {} scopes, s", TYPES * ACTIONS),
        Some(seconds),
        10.0,
    );
}

/// A set of so many clients that list everything; the first `wider` of them list something more, and then the ceiling
/// has a scope less.
fn set(folder: &Path, clients: usize, wider: usize) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("written");
    };
    let mut catalog = "content_types:\n".to_owned();
    let mut ceiling = "scopes:\n  - api::more.more.find\n".to_owned();
    let mut list = "scopes:\n".to_owned();
    for kind in 0..TYPES {
        catalog += &format!("  api::t{kind}.t{kind}:\n    actions:\n");
        list += &format!("  - api::t{kind}.t{kind}.*\n");
        for action in 0..ACTIONS {
            catalog += &format!("      a{action}: {{}}\n");
            if wider == 0 || (kind, action) != (0, 0) {
                ceiling += &format!("  - api::t{kind}.t{kind}.a{action}\n");
            }
        }
    }
    catalog += "  api::more.more:\n    actions:\n      find: {}\n";
    write("catalog/all.yaml", &catalog);
    write("global.yaml", &ceiling);
    for number in 0..clients {
        let more = if number < wider { "  - api::more.more.find\n" } else { "" };
        write(
            &format!("clients/c{number}.yaml"),
            &format!("type: confidential\ngrants: [jwt-bearer]\n{list}{more}"),
        );
    }
}
