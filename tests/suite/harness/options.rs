//! How a test wants its server.

use std::path::PathBuf;

use super::backend::Backend;

/// A server's settings; the default is what most tests share.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which database.
    pub backend: Backend,
    /// Another server's database instead of a fresh one.
    pub database: Option<String>,
    /// Another server's policy folder instead of a fresh copy of the shipped one.
    pub policies: Option<PathBuf>,
    /// The issuer, where it is not the server's own address.
    pub public_url: Option<String>,
    /// More environment variables; an empty value removes one.
    pub env: Vec<(String, String)>,
    /// Documents written over the copied policy folder before the start: path under it, content.
    pub documents: Vec<(String, String)>,
    /// Its log is a pipe that nobody reads, instead of a file.
    pub unread_log: bool,
    /// The content of `config/grantwood.yaml` in the server's folder, given by `--config`.
    pub config: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: Backend::Sqlite,
            database: None,
            policies: None,
            public_url: None,
            env: Vec::new(),
            documents: Vec::new(),
            unread_log: false,
            config: None,
        }
    }
}

impl Options {
    /// On this database.
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// With an environment variable, such as `GRANTWOOD_TOKENS__ALG`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a policy document, such as `clients/reporting.yaml`.
    pub fn document(mut self, path: &str, content: &str) -> Self {
        self.documents.push((path.to_owned(), content.to_owned()));
        self
    }
}
