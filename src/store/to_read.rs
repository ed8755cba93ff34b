//! A database as it is: nothing is made, migrated or written. Tables of another release are refused, since the queries
//! of this one would not fit them.

use std::path::Path;

use diesel::result::QueryResult;

use super::failure::OpenError;
use super::location::Location;
use super::{Backend, Inner, Store, postgres, sqlite};

impl Store {
    /// Opens a database to read it, beside a server or without one; blocks while it does. Every write is refused.
    ///
    /// # Errors
    /// There is no such database, it has the tables of another release, or it cannot be reached.
    pub fn open_to_read(url: &str) -> Result<Self, OpenError> {
        let backend = match Location::parse(url)? {
            Location::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open_to_read(&path)?),
            Location::Postgres(url) => Backend::Postgres(postgres::Postgres::open_to_read(&url)?),
        };
        Ok(Self::of(backend))
    }

    pub(super) fn of(backend: Backend) -> Self {
        let live_authorizations = super::authorizations::Estimate::default();
        let inner = Inner { backend, live_authorizations, revocations: Default::default() };
        Self { inner: std::sync::Arc::new(inner) }
    }
}

/// What a database says of its own tables.
pub(super) const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations";

/// Whether the tables are those of this release, by the versions that it knows and that were applied.
pub(super) fn fits(known: &[String], applied: QueryResult<Vec<String>>) -> Result<(), OpenError> {
    let tables = |why: &str| Err(OpenError::Tables(why.to_owned()));
    let Ok(applied) = applied else { return tables("it has no tables of this program") };
    if known.iter().any(|one| !applied.contains(one)) {
        return tables(
            "its tables are older than this program; the next start of the server brings them up to date",
        );
    }
    if applied.iter().any(|one| !known.contains(one)) {
        return tables("its tables are newer than this program");
    }
    Ok(())
}

/// A file that is not there is nothing to read.
pub(super) fn exists(path: &Path) -> Result<(), OpenError> {
    match path.is_file() {
        true => Ok(()),
        false => Err(OpenError::Tables(format!("there is no file {}", path.display()))),
    }
}
