//! The examples for CI: the very commands of the files, in a scratch repository with a change.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Ran, repository};
use crate::harness::policies::write;
use crate::source;

/// git in a folder, as somebody.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .expect("git");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn yaml(path: &str) -> Value {
    let text = source::read(path);
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A repository with a change on a branch: a client gains a scope.
fn changed() -> tempfile::TempDir {
    let dir = repository();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "-q", "-m", "policies"]);
    git(dir.path(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(dir.path(), &["checkout", "-q", "-b", "change"]);
    let client = dir.path().join("policies/clients/reporting.yaml");
    let text = std::fs::read_to_string(&client).expect("the document");
    write(&client, format!("{text}  - api::invoice.invoice.findOne\n"));
    // Who widens a client says so in the tests.
    let tables = dir.path().join("policies/tests/tables.yaml");
    let text = std::fs::read_to_string(&tables).expect("the tests");
    write(&tables, text.replace("invoice.findOne: [deny, allow]", "invoice.findOne: [allow, allow]"));
    git(dir.path(), &["commit", "-q", "-am", "reporting reads single invoices"]);
    dir
}

/// Runs a line as the runner's shell does, with the program on the path.
fn shell(folder: &Path, line: &str) -> Ran {
    let bin = Path::new(env!("CARGO_BIN_EXE_grantwood")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let base = git(folder, &["rev-parse", "main"]);
    let output = Command::new("sh")
        .args(["-e", "-c", line])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("GITHUB_WORKSPACE", folder)
        .env("GITHUB_BASE_REF", "main")
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base)
        .output()
        .expect("a shell");
    Ran::from(output)
}

#[test]
fn the_github_workflow_runs() {
    let workflow = yaml("config/examples/ci/github.yaml");
    let steps = workflow["jobs"]["policies"]["steps"].as_array().expect("steps").clone();
    let lines: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    let dir = changed();
    for line in &lines {
        shell(dir.path(), line).ended(0);
    }
    for command in ["grantwood check", "grantwood fmt", "grantwood test", "grantwood plan"] {
        assert!(lines.iter().any(|line| line.contains(command)), "{command}");
    }
    let summary = std::fs::read_to_string(dir.path().join("summary.md")).expect("the plan");
    assert!(summary.contains("reporting") && summary.contains("api::invoice.invoice.findOne"), "{summary}");
    // A mistake stops the run at its line.
    write(&dir.path().join("policies/clients/bad.yaml"), "type: public\nscops: []\n");
    let check = lines.iter().find(|line| line.contains("check policies")).expect("the check");
    let found = shell(dir.path(), check).ended(3).out;
    assert!(found.contains("::error file=policies/clients/bad.yaml,line=2"), "{found}");
}

#[test]
fn the_gitlab_job_runs() {
    let job = &yaml("config/examples/ci/gitlab.yaml")["policies"];
    let dir = changed();
    for line in job["script"].as_array().expect("lines") {
        shell(dir.path(), line.as_str().expect("a line")).ended(0);
    }
    let plan = std::fs::read_to_string(dir.path().join("policy-plan.md")).expect("the plan");
    assert!(plan.contains("api::invoice.invoice.findOne"), "{plan}");
    let reported = job["artifacts"]["reports"]["junit"].as_str().expect("a report");
    let junit = std::fs::read_to_string(dir.path().join(reported)).expect("the results");
    assert!(junit.contains("failures=\"0\""), "{junit}");
}

#[test]
fn the_pre_commit_hooks_run() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let dir = changed();
    for hook in hooks.as_array().expect("hooks") {
        assert_eq!(hook["language"], "system");
        let files = match hook["pass_filenames"].as_bool() {
            Some(false) => "",
            _ => " policies/clients/reporting.yaml policies/rules/partners.cedar",
        };
        shell(dir.path(), &format!("{}{files}", hook["entry"].as_str().expect("an entry"))).ended(0);
    }
}
