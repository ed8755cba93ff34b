//! What every test leans on: a real server over HTTP, its fixtures, and signers of assertions.
//!
//! A test is a short story: prepare with [`Server`]'s helpers, send one request, look at the answer.
//! `on_both!` runs the same bodies over SQLite and PostgreSQL.

// The harness serves stories of many sections; not every helper is used in each build of the suite.
#![allow(dead_code)]

pub mod assertion;
pub mod backend;
pub mod browser;
pub mod check;
pub mod client;
pub mod fixtures;
pub mod flow;
pub mod git_https;
pub mod jwt;
pub mod keys;
pub mod node;
pub mod options;
pub mod pkce;
pub mod policies;
pub mod postgres;
pub mod proxy;
pub mod python;
pub mod raw;
pub mod repository;
pub mod server;
pub mod tls;
pub mod watchdog;

pub use assertion::Assertion;
pub use backend::Backend;

pub use client::Http;
pub use fixtures::{Client, User};
pub use flow::Authorization;
pub use git_https::GitHttps;
pub use options::Options;
pub use pkce::Pkce;
pub use repository::Repository;
pub use server::Server;
pub use tls::Tls;

/// The scopes of the shipped catalog that the suite uses; all within the shipped global scopes.
pub mod scope {
    /// List forms.
    pub const FIND: &str = "api::form.form.find";
    /// Read a form.
    pub const FIND_ONE: &str = "api::form.form.findOne";
    /// Create forms.
    pub const CREATE: &str = "api::form.form.create";
    /// Change forms.
    pub const UPDATE: &str = "api::form.form.update";
    /// Delete forms.
    pub const DELETE: &str = "api::form.form.delete";
    /// All five.
    pub const ALL: [&str; 5] = [FIND, FIND_ONE, CREATE, UPDATE, DELETE];
}

/// The grant type of RFC 7523 §2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The client assertion type of RFC 7523 §2.2.
pub const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Runs each body over both databases: `on_both! { fn name(server: &Server) { … } }`.
///
/// Gives tests `sqlite::name` and `postgres::name`. One invocation a file.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($server:ident: &Server) $body:block)+) => {
        $($(#[$meta])* fn $name($server: &$crate::harness::Server) $body)+

        mod sqlite {
            $(#[test] fn $name() { $crate::harness::backend::run($crate::harness::Backend::Sqlite, super::$name) })+
        }

        mod postgres {
            $(#[test] fn $name() { $crate::harness::backend::run($crate::harness::Backend::Postgres, super::$name) })+
        }
    };
}

/// A word that no other test uses, within `[a-z0-9]`, for names of fixtures.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{:x}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Seconds since the Unix epoch.
pub fn now_s() -> i64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed();
    i64::try_from(elapsed.expect("the clock stands after 1970").as_secs()).expect("fits")
}

/// Asks again until the answer is yes, or fails the test after `limit`.
pub fn eventually(what: &str, limit: std::time::Duration, mut ask: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !ask() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// How soon a change of policy or a revocation is in force everywhere (design §6, attack row D24).
pub const BOUND: std::time::Duration = std::time::Duration::from_secs(1);

/// The harness itself: PostgreSQL starts, takes databases and statements, and says so when it is left out.
#[test]
fn the_cluster_works_where_it_is_installed() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let url = cluster.database(&unique("g"));
    let name = url.rsplit('/').next().expect("a name");
    assert_eq!(cluster.query(name, "SELECT 40 + 2"), ["42"]);
    let (cable, through) = proxy::Cable::to(&url);
    assert_ne!(through, url);
    assert!(std::net::TcpStream::connect(("127.0.0.1", cable.port())).is_ok());
    assert!(cluster.dump(&url).contains("PostgreSQL database dump"));
}
