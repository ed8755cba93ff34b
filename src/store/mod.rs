//! Storage: the only folder that names Diesel.
//!
//! A [`Store`] is one of two backends, chosen by the scheme of its URL alone. Every query is
//! written once: `read!`, `scan!` and `commit!` compile one body for each concrete connection.
//!
//! Invariants:
//! - A write that was answered is durable. A write that failed left nothing behind; one that was
//!   answered with [`Fault::Unavailable`] because of the time may still have happened.
//! - What may happen once is one guarded statement, and its row count decides (RFC 6749 §4.1.2).
//! - A lost, locked or full database is [`Fault::Unavailable`] within five seconds and heals by
//!   itself; it is never "not found".
//! - Times are milliseconds since the Unix epoch and come from the caller, as does randomness.
//! - A write to clients, users or keys, and a revocation, moves that feature's counter in the same transaction.

use std::sync::Arc;

use crate::oauth::reject::Fault;

/// Runs one body of point reads. On SQLite it runs on the calling thread: a read that hits the
/// cache is cheaper than a change of threads.
macro_rules! read {
    ($store:expr, |$c:ident| $body:expr) => {
        match &$store.inner.backend {
            $crate::store::Backend::Sqlite(db) => {
                db.read(move |$c: &mut ::diesel::sqlite::SqliteConnection| $body)
            }
            $crate::store::Backend::Postgres(db) => {
                db.read(move |$c: &mut ::diesel::pg::PgConnection| $body).await
            }
        }
    };
}

/// Runs one body of reads that may take long, away from the threads that serve requests.
macro_rules! scan {
    ($store:expr, |$c:ident| $body:expr) => {
        match &$store.inner.backend {
            $crate::store::Backend::Sqlite(db) => {
                db.scan(move |$c: &mut ::diesel::sqlite::SqliteConnection| $body).await
            }
            $crate::store::Backend::Postgres(db) => {
                db.read(move |$c: &mut ::diesel::pg::PgConnection| $body).await
            }
        }
    };
}

/// Runs one body as a transaction and answers after its commit. The body may run more than once
/// (a lost connection, a serialization failure), never more than once with effect.
macro_rules! commit {
    ($store:expr, |$c:ident| $body:expr) => {
        match &$store.inner.backend {
            $crate::store::Backend::Sqlite(db) => {
                db.commit(move |$c: &mut ::diesel::sqlite::SqliteConnection| $body).await
            }
            $crate::store::Backend::Postgres(db) => {
                db.commit(move |$c: &mut ::diesel::pg::PgConnection| $body).await
            }
        }
    };
}

mod assertions;
mod audit;
mod authorizations;
mod cleanup;
mod client_list;
mod clients;
mod codes;
mod consents;
mod counters;
mod failure;
mod idle;
mod keys;
mod listing;
mod location;
mod position;
mod postgres;
mod reloads;
mod revoked;
mod schema;
mod sessions;
mod setup_links;
mod shown_once;
mod sign_in_failures;
mod sqlite;
mod statement;
mod to_read;
mod token_list;
mod token_scan;
mod tokens;
mod touch;
mod types;
mod user_list;
mod users;
mod writer;

#[cfg(test)]
mod tests;

pub use assertions::AssertionUse;
pub use audit::{AuditFilter, AuditRow, KIND_ACCOUNT, KIND_ADMIN, KIND_GRANT, KIND_SIGN_IN, UNASKED};
pub use authorizations::AuthorizationRow;
pub use cleanup::Cleaned;
pub use client_list::{ClientColumn, ClientFilter, ClientSort, FileClient, FileClients};
pub use clients::{ClientChange, ClientRow, ORIGIN_DATABASE, ORIGIN_FILE};
pub use codes::{CodeRow, Redeemed};
pub use consents::{ConsentKey, ConsentRow, NewConsent, Withdrawn, covers};
pub use counters::Counters;
pub use failure::OpenError;
pub use keys::KeyRow;
pub use listing::{Listed, Page, Sort};
pub use position::{Counted, Position, Scanned, Stretch, WINDOW};
pub use reloads::ReloadRow;
pub use revoked::{ClientMark, RevokedAfter, RevokedRow};
pub use sessions::SessionRow;
pub use setup_links::SetupLinkRow;
pub use sign_in_failures::Place;
pub use token_list::{TokenColumn, TokenFilter, TokenSort, TokenStatus};
pub use token_scan::TokenClock;
pub use tokens::{Inserted, NewToken, TokenRow};
pub use user_list::{UserColumn, UserFilter, UserSort};
pub use users::{UserChange, UserRow, Written};

use location::Location;

/// The database. Cheap to clone; all clones are the same database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    live_authorizations: authorizations::Estimate,
    /// Moves after each commit of this process that may have revoked a token.
    revocations: std::sync::atomic::AtomicU64,
}

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens the database and brings its tables up to date; blocks while it does.
    ///
    /// `sqlite:PATH`, `sqlite://PATH` or a plain path is a SQLite file, made with mode 0600 if it does
    /// not exist; `postgres://…` and `postgresql://…` go to libpq as they are.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        let backend = match Location::parse(url)? {
            Location::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open(&path)?),
            Location::Postgres(url) => Backend::Postgres(postgres::Postgres::open(&url)?),
        };
        Ok(Self::of(backend))
    }

    /// `sqlite` or `postgres`, for logs and for `/readyz`.
    pub fn backend(&self) -> &'static str {
        match self.inner.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgres",
        }
    }

    /// Asks the database for one row, for `/readyz`.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.counters().await.map(|_| ())
    }

    /// Commits what waits and refuses what comes after. Reads keep working.
    pub async fn close(&self) {
        if let Backend::Sqlite(db) = &self.inner.backend {
            db.close().await;
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend()).finish_non_exhaustive()
    }
}
