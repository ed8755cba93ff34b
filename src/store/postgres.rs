//! The shared backend: PostgreSQL, or what speaks its protocol.
//!
//! libpq knows nothing of async, so every body runs on a blocking thread; a semaphore bounds how many
//! do. A connection that failed is dropped, not mended: the next body opens a new one, and libpq
//! tries each host of the URL in turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::Semaphore;

use super::failure::{Failure, OpenError, is_refusal, unavailable};
use super::idle::Idle;
use super::to_read;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Connections at once.
const CONNECTIONS: usize = 16;
/// How long a body waits for its turn to have a connection.
const TURN: Duration = Duration::from_millis(2_500);
/// How long a caller waits for everything.
const PATIENCE: Duration = Duration::from_millis(4_800);
/// Times that a transaction is tried which others got in the way of.
const TRIES: usize = 3;
/// Of the advisory lock around migrations: replicas may start at once.
const MIGRATION_LOCK: i64 = 0x4752_4e54_574f_4f44;

/// A PostgreSQL database.
pub(super) struct Postgres {
    server: Arc<Server>,
    places: Arc<Semaphore>,
}

struct Server {
    url: String,
    /// The database refuses what would write.
    reads_only: bool,
    idle: Idle<PgConnection>,
}

impl Postgres {
    /// Connects and migrates.
    pub(super) fn open(url: &str) -> Result<Self, OpenError> {
        let url = with_defaults(url);
        migrate(&url).map_err(OpenError::Unavailable)?;
        let server = Arc::new(Server { url, reads_only: false, idle: Idle::new(CONNECTIONS) });
        Ok(Self { server, places: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Connects to what is there, for reads alone.
    pub(super) fn open_to_read(url: &str) -> Result<Self, OpenError> {
        let url = with_defaults(url);
        let mut connection = establish(&url).map_err(OpenError::Unavailable)?;
        let all: Vec<Box<dyn Migration<diesel::pg::Pg>>> =
            MIGRATIONS.migrations().map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let known: Vec<String> = all.iter().map(|one| one.name().version().to_string()).collect();
        to_read::fits(&known, sql::<Text>(to_read::APPLIED).load(&mut connection))?;
        let server = Arc::new(Server { url, reads_only: true, idle: Idle::new(CONNECTIONS) });
        Ok(Self { server, places: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Reads; a connection that turns out to be lost is replaced once.
    pub(super) async fn read<T, F>(&self, body: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> QueryResult<T> + Send + 'static,
    {
        self.run(move |server| server.read(&body)).await
    }

    /// Writes in a transaction of its own.
    pub(super) async fn commit<T, F>(&self, body: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> QueryResult<T> + Send + 'static,
    {
        let given_up = Instant::now() + PATIENCE;
        self.run(move |server| server.commit(&body, given_up)).await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Server) -> Result<T, Failure> + Send + 'static,
    {
        let (server, places) = (Arc::clone(&self.server), Arc::clone(&self.places));
        let all = async move {
            let place = tokio::time::timeout(TURN, places.acquire_owned())
                .await
                .map_err(|_| unavailable("every connection is busy"))?
                .map_err(unavailable)?;
            let working = tokio::task::spawn_blocking(move || {
                let _place = place;
                work(&server)
            });
            working.await.map_err(unavailable)?
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .unwrap_or_else(|_| Err(unavailable("the database took too long")))
    }
}

impl Server {
    fn read<T>(&self, body: &impl Fn(&mut PgConnection) -> QueryResult<T>) -> Result<T, Failure> {
        let (mut connection, reused) = self.connection()?;
        let mut outcome = body(&mut connection);
        if reused && outcome.as_ref().is_err_and(is_lost) {
            self.idle.clear();
            connection = self.connect()?;
            outcome = body(&mut connection);
        }
        if outcome.as_ref().err().is_none_or(is_refusal) {
            self.idle.give(connection);
        }
        outcome.map_err(Failure::from)
    }

    fn commit<T>(
        &self,
        body: &impl Fn(&mut PgConnection) -> QueryResult<T>,
        given_up: Instant,
    ) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            match self.transaction(body, given_up) {
                Err(error) if tries < TRIES && is_crossed(&error) => tries += 1,
                outcome => return outcome.map_err(Failure::from),
            }
        }
    }

    fn transaction<T>(
        &self,
        body: &impl Fn(&mut PgConnection) -> QueryResult<T>,
        given_up: Instant,
    ) -> QueryResult<T> {
        let mut connection = self.begin()?;
        let outcome = body(&mut connection).and_then(|value| {
            // The caller was told that it failed, so it must not happen after all.
            if Instant::now() >= given_up {
                return Err(Error::RollbackTransaction);
            }
            AnsiTransactionManager::commit_transaction(&mut connection)?;
            Ok(value)
        });
        match &outcome {
            Ok(_) => self.idle.give(connection),
            Err(error) if is_lost(error) => self.idle.clear(),
            Err(_) => {
                if AnsiTransactionManager::rollback_transaction(&mut connection).is_ok() {
                    self.idle.give(connection);
                }
            }
        }
        outcome
    }

    /// Nothing has happened before BEGIN, so a connection that was lost while it waited is replaced.
    fn begin(&self) -> QueryResult<PgConnection> {
        let (mut connection, reused) = self.connection().map_err(as_error)?;
        match AnsiTransactionManager::begin_transaction(&mut connection) {
            Ok(()) => Ok(connection),
            Err(error) if reused && is_lost(&error) => {
                self.idle.clear();
                let mut connection = self.connect().map_err(as_error)?;
                AnsiTransactionManager::begin_transaction(&mut connection)?;
                Ok(connection)
            }
            Err(error) => Err(error),
        }
    }

    fn connect(&self) -> Result<PgConnection, Failure> {
        let mut connection = connect(&self.url)?;
        if self.reads_only {
            let only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
            connection.batch_execute(only).map_err(Failure::from)?;
        }
        Ok(connection)
    }

    fn connection(&self) -> Result<(PgConnection, bool), Failure> {
        match self.idle.take() {
            Some(connection) => Ok((connection, true)),
            None => self.connect().map(|connection| (connection, false)),
        }
    }
}

/// Whether the connection can no longer be used, for reading or for writing.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        )
        | Error::BrokenTransactionManager => true,
        // A commit that failed and could not be taken back.
        Error::RollbackErrorOnCommit { .. } => true,
        _ => false,
    }
}

/// Whether another transaction got in the way, so that trying again helps.
fn is_crossed(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        Error::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        _ => false,
    }
}

/// A failure to connect, as the error of the statement that needed the connection.
fn as_error(failure: Failure) -> Error {
    let message = crate::oauth::reject::Fault::from(failure).to_string();
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message))
}

fn connect(url: &str) -> Result<PgConnection, Failure> {
    let mut connection = establish(url).map_err(unavailable)?;
    connection
        .batch_execute(
            "SET statement_timeout = 4000; SET lock_timeout = 3000; \
             SET idle_in_transaction_session_timeout = 10000",
        )
        .map_err(Failure::from)?;
    Ok(connection)
}

/// Connects. Where libpq cannot read the URL it quotes it, password included, so its text is not told.
fn establish(url: &str) -> Result<PgConnection, String> {
    PgConnection::establish(url).map_err(|error| {
        let text = error.to_string();
        let quotes = ["URI", "percent-encoded", "connection option", "postgres://", "postgresql://"];
        if quotes.iter().any(|part| text.contains(part)) {
            "the PostgreSQL URL cannot be read; is a part of it not percent-encoded?".to_owned()
        } else {
            text.trim().to_owned()
        }
    })
}

/// The URL with what keeps a silent network from holding a thread, where it does not say otherwise.
fn with_defaults(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "2"),
        ("tcp_user_timeout", "4000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "3"),
        ("keepalives_count", "3"),
        ("application_name", "grantwood"),
    ] {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        if !query.split('&').any(|pair| pair.split('=').next() == Some(name)) {
            let joint = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{joint}{name}={value}"));
        }
    }
    url
}

/// Runs what is missing while no other replica does.
fn migrate(url: &str) -> Result<(), String> {
    let mut connection = establish(url)?;
    let run = |c: &mut PgConnection| {
        c.batch_execute("SET statement_timeout = 60000")?;
        c.batch_execute(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
        c.run_pending_migrations(MIGRATIONS)?;
        c.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    // The lock ends with the connection, whatever happened.
    run(&mut connection).map_err(|e| format!("migration: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_give_way_to_the_url() {
        let url = with_defaults("postgres://h/d?connect_timeout=9");
        assert!(url.starts_with("postgres://h/d?connect_timeout=9&tcp_user_timeout=4000&"));
        assert!(with_defaults("postgres://h/d").starts_with("postgres://h/d?connect_timeout=2&"));
    }
}
