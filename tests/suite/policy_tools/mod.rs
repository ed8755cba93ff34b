//! The commands of people who edit policies: check, test, fmt, schema, the table, and what CI runs.

mod check;
mod ci;
mod fmt;
mod tests;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::policies;

/// A folder with the shipped policies as `policies/`, and nothing else.
pub fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    policies::copy_shipped(&dir.path().join("policies"));
    dir
}

/// The program, in a folder, with nothing of the environment that the suite itself runs in.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs the program in a folder.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output = command(folder).args(arguments).output().expect("the program runs");
    Ran::from(output)
}

/// What a command left.
#[derive(Debug)]
pub struct Ran {
    code: i32,
    /// Standard output.
    pub out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// The same, if it ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
