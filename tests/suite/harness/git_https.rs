//! A remote over https: git's own http-backend behind a small server with a certificate of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::backend;
use crate::source;

/// A server of repositories; it ends with the test.
pub struct GitHttps {
    folder: tempfile::TempDir,
    child: Child,
    port: u16,
}

impl GitHttps {
    /// Serves the repositories of a folder; none, and a line that says so, where Python or OpenSSL is not installed.
    pub fn serve(root: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let name = |name: &str| folder.path().join(name);
        let made = super::tls::certificate(folder.path());
        let started = Command::new("python3")
            .arg(source::root().join("tests/fixtures/git-https/server.py"))
            .args([root, &name("certificate.pem"), &name("key.pem"), &name("state")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let (true, Ok(mut child)) = (made, started) else {
            let required = std::env::var("GRANTWOOD_TEST_REQUIRE_PYTHON").as_deref() == Ok("1");
            assert!(!required, "GRANTWOOD_TEST_REQUIRE_PYTHON=1, and python3 or openssl is not installed");
            backend::say("LEFT OUT: a git remote over https; python3 or openssl is not installed");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("output")).read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        Some(Self { folder, child, port })
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/{name}", self.port)
    }

    /// The certificate that clients must trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// `hang`, `fail`, or nothing: it answers.
    pub fn state(&self, state: &str) {
        super::policies::write(&self.folder.path().join("state"), state);
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for GitHttps {
    fn drop(&mut self) {
        self.stop();
    }
}
