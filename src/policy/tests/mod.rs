//! Tests of the floor as a whole.

use std::path::{Path, PathBuf};

use crate::oauth::client::{Client, ClientId};
use crate::oauth::scope::Scope;
use crate::oauth::user::User;
use crate::policy::{Engine, LoadFailed, Options, Snapshot};

mod answers;
mod cost;
mod decisions;
mod equality;
mod explain;
mod lints;
pub mod mistakes;
mod reloads;
mod shipped;
mod stated;

pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

pub fn options(folder: &Path) -> Options {
    Options {
        tree: folder.into(),
        public_url: "http://127.0.0.1:8080".to_owned(),
        allow_empty: false,
        run_tests: false,
    }
}

pub fn open(folder: &Path) -> Result<Engine, LoadFailed> {
    Engine::open(options(folder))
}

pub fn engine_of(folder: &Path) -> Engine {
    open(folder).unwrap_or_else(|failed| panic!("{failed}"))
}

pub fn scope(name: &str) -> Scope {
    Scope::parse(name).unwrap()
}

pub fn client<'a>(snapshot: &'a Snapshot, id: &str) -> &'a Client {
    snapshot.client(&ClientId::parse(id).unwrap()).unwrap()
}

pub fn user(name: &str, roles: &[&str]) -> User {
    User {
        id: format!("id-{name}").into(),
        username: name.to_owned(),
        email: format!("{name}@example.com"),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        blocked: false,
        confirmed: true,
    }
}
