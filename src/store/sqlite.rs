//! The embedded backend: one file, one writer, readers beside it (WAL).

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::Semaphore;

use super::failure::{Failure, OpenError, is_refusal, unavailable};
use super::idle::Idle;
use super::listing;
use super::to_read;
use super::writer::{PATIENCE, Writer};
use crate::oauth::reject::Fault;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The first release in which a checkpoint beside a writer cannot damage a WAL file.
const OLDEST: [u32; 3] = [3, 51, 3];
/// "GWOO": says to `file` and to us whose database this is.
pub(super) const APPLICATION: i32 = 0x4757_4f4f;
/// Readers kept open.
const READERS: usize = 16;
/// Lists read at once.
const SCANS: usize = 4;

/// A SQLite file that is open.
pub(super) struct Sqlite {
    readers: Arc<Readers>,
    scans: Arc<Semaphore>,
    writer: Writer,
    /// Never used. As long as it is open the index of the write-ahead log stays, so that the others can
    /// come and go on a full disk.
    anchor: Mutex<Option<SqliteConnection>>,
}

struct Readers {
    file: PathBuf,
    idle: Idle<SqliteConnection>,
}

impl Sqlite {
    /// Opens the file, makes it if there is none, and migrates it.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let path = std::path::absolute(path).map_err(|e| OpenError::Url(e.to_string()))?;
        check_library()?;
        if fs::symlink_metadata(&path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            create(&path)?;
        }
        let mut connection = adopt(&path)?;
        migrate(&mut connection).map_err(OpenError::Unavailable)?;

        let opened = identity(&path).map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let (file, watched) = (path.clone(), path.clone());
        let writer = Writer::start(
            Box::new(move || connect_writer(&file)),
            // Rows that go into a file without a name would be gone at the next start.
            Box::new(move || identity(&watched).is_ok_and(|now| now == opened)),
        )
        .map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let readers = Arc::new(Readers { file: path, idle: Idle::new(READERS) });
        let anchor = Mutex::new(Some(connection));
        Ok(Self { readers, scans: Arc::new(Semaphore::new(SCANS)), writer, anchor })
    }

    /// Opens a file as it is, for reads alone.
    pub(super) fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        to_read::exists(path)?;
        let path = std::path::absolute(path).map_err(|e| OpenError::Url(e.to_string()))?;
        check_library()?;
        let broken = |why: String| OpenError::Unavailable(format!("{}: {why}", path.display()));
        let mut connection =
            connect_reader(&path).map_err(|failure| broken(Fault::from(failure).to_string()))?;
        if pragma(&mut connection, "application_id").map_err(broken)? != APPLICATION.to_string() {
            return Err(damaged(&path, "is another program's database; name another file"));
        }
        let all: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> =
            MIGRATIONS.migrations().map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let known: Vec<String> = all.iter().map(|one| one.name().version().to_string()).collect();
        to_read::fits(&known, sql::<Text>(to_read::APPLIED).load(&mut connection))?;
        let refuse = || Err(unavailable("the database was opened to be read"));
        let writer = Writer::start(Box::new(refuse), Box::new(|| true))
            .map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let readers = Arc::new(Readers { file: path, idle: Idle::new(READERS) });
        let anchor = Mutex::new(Some(connection));
        Ok(Self { readers, scans: Arc::new(Semaphore::new(SCANS)), writer, anchor })
    }

    /// Reads on the calling thread.
    pub(super) fn read<T>(
        &self,
        body: impl Fn(&mut SqliteConnection) -> QueryResult<T>,
    ) -> Result<T, Failure> {
        self.readers.read(body)
    }

    /// Reads one state of the database on a thread that may take its time.
    pub(super) async fn scan<T, F>(&self, body: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        let (readers, scans) = (Arc::clone(&self.readers), Arc::clone(&self.scans));
        let work = async move {
            let place = scans.acquire_owned().await.map_err(unavailable)?;
            let reading = tokio::task::spawn_blocking(move || {
                let _place = place;
                readers.read(|c| c.transaction(|c| body(c)))
            });
            reading.await.map_err(unavailable)?
        };
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| Err(unavailable("the read took too long")))
    }

    /// Writes in a transaction that others share; answers after its commit.
    pub(super) async fn commit<T, F>(&self, body: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Fn(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        self.writer.commit(body).await
    }

    /// Commits what waits and ends the writer.
    pub(super) async fn close(&self) {
        self.readers.idle.clear();
        drop(self.anchor.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.writer.close().await;
    }
}

impl Readers {
    fn read<T>(&self, body: impl Fn(&mut SqliteConnection) -> QueryResult<T>) -> Result<T, Failure> {
        let mut connection = match self.idle.take() {
            Some(connection) => connection,
            None => connect_reader(&self.file)?,
        };
        let outcome = body(&mut connection);
        if outcome.as_ref().err().is_none_or(is_refusal) {
            self.idle.give(connection);
        }
        outcome.map_err(Failure::from)
    }
}

fn connect_writer(path: &Path) -> Result<SqliteConnection, Failure> {
    // What a savepoint needs to take pages back stays in memory, not in a file for each job. The log is folded into
    // the file at each 16 MiB: a page that many commits changed is then written there once.
    connect(
        path,
        "PRAGMA busy_timeout = 4000;
         PRAGMA foreign_keys = ON;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA cache_size = -4000;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;",
    )
    .map_err(unavailable)
}

fn connect_reader(path: &Path) -> Result<SqliteConnection, Failure> {
    // A reader waits on a request's thread, so it waits for less.
    connect(
        path,
        "PRAGMA busy_timeout = 1000;
         PRAGMA foreign_keys = ON;
         PRAGMA query_only = ON;
         PRAGMA cache_size = -4000;",
    )
    .map_err(unavailable)
}

/// Opens a file that exists: SQLite never makes one for us.
fn connect(path: &Path, pragmas: &str) -> Result<SqliteConnection, String> {
    let mut connection = SqliteConnection::establish(&uri(path)?).map_err(|e| e.to_string())?;
    connection.batch_execute(pragmas).map_err(|e| e.to_string())?;
    // SQLite's own knows ASCII only.
    listing::lower_utils::register_impl(&mut connection, |text: Option<String>| {
        text.map(|text| text.to_lowercase())
    })
    .map_err(|e| e.to_string())?;
    Ok(connection)
}

/// The file as a URI, because only a URI can say that the file must exist.
fn uri(path: &Path) -> Result<String, String> {
    let text = path.to_str().ok_or("the path is not UTF-8")?;
    let mut uri = String::from("file://");
    for c in text.chars() {
        match c {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri.push_str("?mode=rw");
    Ok(uri)
}

/// What tells one file from another of the same name.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

fn check_library() -> Result<(), OpenError> {
    let unknown = |e: String| OpenError::TooOld(format!("of an unknown version ({e})"));
    let mut connection = SqliteConnection::establish(":memory:").map_err(|e| unknown(e.to_string()))?;
    let version = diesel::select(sql::<Text>("sqlite_version()"))
        .get_result::<String>(&mut connection)
        .map_err(|e| unknown(e.to_string()))?;
    if is_new_enough(&version) { Ok(()) } else { Err(OpenError::TooOld(version)) }
}

fn is_new_enough(version: &str) -> bool {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    parts.len() >= 3 && parts.as_slice() >= OLDEST.as_slice()
}

/// Runs what is missing, all of it in one transaction: two processes that start at once wait for each
/// other, and a kill leaves the old tables.
fn migrate(connection: &mut SqliteConnection) -> Result<(), String> {
    connection
        .immediate_transaction(|c| c.run_pending_migrations(MIGRATIONS).map(|_| ()))
        .map_err(|e: Box<dyn std::error::Error + Send + Sync>| format!("migration: {e}"))
}

/// Makes a database under another name and gives it its own when it is complete. An existing file
/// that is empty was therefore damaged, not left half made by us.
fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |what: &str, e: &dyn std::fmt::Display| {
        OpenError::Unavailable(format!("cannot make {}: {what}: {e}", path.display()))
    };
    let log = with_suffix(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(damaged(path, "is gone, but its write-ahead log is here; restore it or remove both"));
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| failed("folder", &e))?;
    // A name that no other process takes; nothing depends on it being unguessable.
    #[allow(clippy::disallowed_methods)]
    let draft = with_suffix(path, &format!(".new-{}", uuid::Uuid::new_v4()));
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|e| failed("file", &e))
        .and_then(|_| fill(&draft).map_err(|e| failed("tables", &e)))
        .and_then(|()| publish(&draft, path).map_err(|e| failed("name", &e)));
    let _ = fs::remove_file(&draft);
    made?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| failed("folder", &e))
}

fn fill(draft: &Path) -> Result<(), String> {
    let pragmas = format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    );
    migrate(&mut connect(draft, &pragmas)?)
}

/// Links, because that never replaces a file which another process made meanwhile.
fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no links.
        Err(_) if !path.exists() => fs::rename(draft, path),
        done => done,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn damaged(path: &Path, problem: &str) -> OpenError {
    OpenError::Damaged { path: path.display().to_string(), problem: problem.to_owned() }
}

/// Largest file that is read as a whole at start, in bytes; a larger one is checked by its header.
const CHECKED: u64 = 512 * 1024 * 1024;

/// Opens an existing file, if it is a whole database of ours.
fn adopt(path: &Path) -> Result<SqliteConnection, OpenError> {
    let broken = |message: String| {
        if message.contains("not a database") || message.contains("malformed") {
            damaged(path, &format!("is damaged ({message}); restore a backup or move it away"))
        } else {
            OpenError::Unavailable(format!("{}: {message}", path.display()))
        }
    };
    let size = fs::metadata(path).map_err(|e| broken(e.to_string()))?.len();
    if size == 0 {
        return Err(damaged(path, "is empty, so its data is lost; restore a backup or remove it"));
    }
    let mut connection =
        connect(path, "PRAGMA busy_timeout = 4000; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL;")
            .map_err(broken)?;
    let application = pragma(&mut connection, "application_id").map_err(broken)?;
    if application != APPLICATION.to_string() {
        return Err(damaged(path, "is another program's database; name another file"));
    }
    if size <= CHECKED {
        let verdict = pragma(&mut connection, "quick_check(1)").map_err(broken)?;
        if verdict != "ok" {
            return Err(broken(format!("malformed: {}", verdict.lines().next().unwrap_or(""))));
        }
    }
    Ok(connection)
}

/// The first value of a pragma, as text.
fn pragma(connection: &mut SqliteConnection, name: &str) -> Result<String, String> {
    sql::<Text>(&format!("PRAGMA {name}")).get_result(connection).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_libraries_are_refused() {
        for new in ["3.51.3", "3.53.2", "4.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["3.51.2", "3.9.9", "2.99.99", "", "x"] {
            assert!(!is_new_enough(old), "{old}");
        }
        assert!(check_library().is_ok());
    }

    #[test]
    fn a_path_cannot_add_parameters() {
        assert_eq!(uri(Path::new("/a?mode=rwc#b%")).unwrap(), "file:///a%3fmode=rwc%23b%25?mode=rw");
    }
}
