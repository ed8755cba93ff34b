//! The databases that the suite runs over, and the shared server of each.

use std::sync::OnceLock;

use super::options::Options;
use super::postgres::{self, Cluster};
use super::server::Server;

/// A database kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Bundled, a file beside the server.
    Sqlite,
    /// The run's own cluster.
    Postgres,
}

impl Backend {
    /// The backends that are here: SQLite always, PostgreSQL where its programs are installed.
    pub fn present() -> Vec<Self> {
        match Cluster::shared() {
            Some(_) => vec![Self::Sqlite, Self::Postgres],
            None => vec![Self::Sqlite],
        }
    }

    /// The URL of a fresh, empty database; `name` is within `[a-z0-9]`.
    pub fn database(self, name: &str, folder: &std::path::Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join(format!("{name}.db")).display()),
            Self::Postgres => {
                let cluster = Cluster::shared().expect("asked for only where it is present");
                cluster.database(&format!("g{name}"))
            }
        }
    }
}

/// Runs a story on the shared server of a backend, or says once that the backend is left out.
pub fn run(backend: Backend, story: fn(&Server)) {
    if let Some(server) = shared(backend) {
        story(server);
    }
}

/// Runs a story on a server of its own, for stories that change what others see.
pub fn run_alone(backend: Backend, options: Options, story: impl FnOnce(&Server)) {
    if backend == Backend::Postgres && Cluster::shared().is_none() {
        return;
    }
    let server = Server::start(options.on(backend));
    story(&server);
}

/// The server that most stories share.
pub fn shared(backend: Backend) -> Option<&'static Server> {
    static SQLITE: OnceLock<Result<Server, String>> = OnceLock::new();
    static POSTGRES: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = match backend {
        Backend::Sqlite => SQLITE.get_or_init(|| Server::try_start(Options::default())),
        Backend::Postgres => {
            Cluster::shared()?;
            POSTGRES.get_or_init(|| Server::try_start(Options::default().on(Backend::Postgres)))
        }
    };
    // A failed start is remembered, so that the other tests do not wait for it again.
    Some(server.as_ref().unwrap_or_else(|why| panic!("the shared server of {backend:?}: {why}")))
}

/// Says something that a person who runs the suite must see, also when the test passes.
pub fn say(line: &str) {
    postgres::aloud(&format!("\n  {line}"));
}
