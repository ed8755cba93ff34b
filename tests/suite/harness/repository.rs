//! A real git repository with the suite's policies in `policies/`, and people who commit to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::policies;

/// A repository on the disk; it goes with the test.
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// The shipped policies and the suite's documents, committed on `main`.
    pub fn new() -> Self {
        let this =
            Self { folder: tempfile::Builder::new().prefix("grantwood-repo-").tempdir().expect("a folder") };
        this.git(&["init", "-q", "-b", "main"]);
        policies::copy_shipped(&this.path().join("policies"));
        policies::add_suite_documents(&this.path().join("policies"));
        this.commit("The policies of the suite");
        this
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of its policy folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join("policies").join(name)
    }

    /// Writes a file of its policy folder, as an editor does.
    pub fn write(&self, name: &str, content: &str) {
        policies::write(&self.file(name), content);
    }

    /// Commits everything; answers the id.
    pub fn commit(&self, subject: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in it.
    pub fn git(&self, arguments: &[&str]) -> String {
        let out = Command::new("git")
            .current_dir(self.path())
            .args(["-c", "user.name=Ann Editor", "-c", "user.email=ann@example.com"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert!(out.status.success(), "git {arguments:?}: {}", text(&out.stderr));
        text(&out.stdout)
    }

    /// Runs a subcommand of the binary in it, as a person or a CI job does.
    pub fn grantwood(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GRANTWOOD_"))
        {
            command.env_remove(name);
        }
        let out = command.current_dir(self.path()).args(arguments).output().expect("the binary runs");
        Ran::of(&out)
    }
}

/// What a subcommand said.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output and standard error.
    pub text: String,
}

impl Ran {
    fn of(out: &Output) -> Self {
        let text =
            [&out.stdout, &out.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
        Self { code: out.status.code().unwrap_or(-1), text }
    }

    /// The same, if it ended with this code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    /// The same, if it says all of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.text.contains(word), "{word:?} is missing in:\n{}", self.text);
        }
        self
    }
}
