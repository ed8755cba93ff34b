//! Scripts for Node.js beside the suite: their npm packages from the lock file, and a run of one script.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::backend;
use crate::source;

/// A folder below `tests/` with scripts, installed once for each state of its lock file; none, and said aloud,
/// where Node.js or npm is missing and `GRANTWOOD_TEST_REQUIRE_NODE` does not ask for them.
pub fn packages(part: &'static str) -> Option<PathBuf> {
    static FOLDERS: Mutex<Option<HashMap<&'static str, Option<PathBuf>>>> = Mutex::new(None);
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = folders.get_or_insert_with(HashMap::new).entry(part).or_insert_with(|| {
        match install(part, &source::root().join("tests").join(part)) {
            Ok(folder) => Some(folder),
            Err(why) => {
                let required = std::env::var("GRANTWOOD_TEST_REQUIRE_NODE").as_deref() == Ok("1");
                assert!(!required, "GRANTWOOD_TEST_REQUIRE_NODE=1, and {why}");
                backend::say(&format!("LEFT OUT: tests/{part}; {why}"));
                None
            }
        }
    });
    found.clone()
}

/// The same for a folder elsewhere in the repository, under a name of its own.
pub fn packages_of(name: &str, from: &str) -> Option<PathBuf> {
    match install(name, &source::root().join(from)) {
        Ok(folder) => Some(folder),
        Err(why) => {
            let required = std::env::var("GRANTWOOD_TEST_REQUIRE_NODE").as_deref() == Ok("1");
            assert!(!required, "GRANTWOOD_TEST_REQUIRE_NODE=1, and {why}");
            backend::say(&format!("LEFT OUT: {from}; {why}"));
            None
        }
    }
}

/// Runs a script to its end and fails with all that it said if it failed.
pub fn run(folder: &Path, script: &str, env: &[(&str, &str)]) {
    let output = Command::new("node")
        .arg(script)
        .current_dir(folder)
        .envs(env.iter().copied())
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{script}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn install(part: &str, from: &Path) -> Result<PathBuf, String> {
    let version = Command::new("node").arg("--version").output().map_err(|_| "node is not installed")?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major: u32 = version.trim_start_matches('v').split('.').next().unwrap_or("").parse().unwrap_or(0);
    if major < 20 {
        return Err(format!("node is {version}, 20 or newer is needed"));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(part);
    std::fs::create_dir_all(&folder).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the scripts").flatten().filter(|e| e.path().is_file()) {
        std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
    }
    let lock = std::fs::read(from.join("package-lock.json")).expect("the lock file");
    let stamp = folder.join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        .current_dir(&folder)
        .output()
        .map_err(|_| "npm is not installed")?;
    if !output.status.success() {
        return Err(format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    std::fs::write(stamp, lock).expect("a stamp");
    Ok(folder)
}
