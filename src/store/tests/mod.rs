//! The same stories over both databases. PostgreSQL takes part where the environment variable
//! `GRANTWOOD_TEST_POSTGRES` holds the URL of a database; each test has a schema of its own there.

mod clients;
mod faults;
mod positions;
mod races;
mod rest;
mod to_read;
mod tokens;
mod upgrade;
mod users;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::oauth::secret::SecretHash;

/// A moment of the tests.
pub(super) const NOW: i64 = 1_790_000_000_000;
/// A day in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// A database of one test.
pub(super) struct Db {
    pub(super) store: Store,
    pub(super) url: String,
    folder: Option<TempDir>,
    schema: Option<Schema>,
}

/// A schema that goes with the test.
pub(super) struct Schema {
    pub(super) server: String,
    pub(super) name: String,
}

/// The URL of a schema with nothing in it, where there is a server.
pub(super) fn empty_schema() -> Option<(String, Schema)> {
    let server = std::env::var("GRANTWOOD_TEST_POSTGRES").ok()?;
    #[allow(clippy::disallowed_methods)]
    let name = format!("t{}", uuid::Uuid::new_v4().simple());
    PgConnection::establish(&server).unwrap().batch_execute(&format!("CREATE SCHEMA {name}")).unwrap();
    let joint = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{joint}options=-csearch_path%3D{name}");
    Some((url, Schema { server, name }))
}

impl Db {
    /// A file in a folder of its own.
    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("data/grantwood.db").display());
        Self { store: Store::open(&url).unwrap(), url, folder: Some(folder), schema: None }
    }

    /// A schema of its own, where there is a server.
    pub(super) fn postgres() -> Option<Self> {
        let (url, schema) = empty_schema()?;
        Some(Self { store: Store::open(&url).unwrap(), url, folder: None, schema: Some(schema) })
    }

    /// Both.
    pub(super) fn all() -> Vec<Self> {
        std::iter::once(Self::sqlite()).chain(Self::postgres()).collect()
    }

    /// The SQLite file.
    pub(super) fn file(&self) -> std::path::PathBuf {
        self.folder.as_ref().unwrap().path().join("data/grantwood.db")
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        if let Ok(mut connection) = PgConnection::establish(&self.server) {
            let _ = connection.batch_execute(&format!("DROP SCHEMA {} CASCADE", self.name));
        }
    }
}

/// A test that runs its body for each database.
macro_rules! on_each {
    ($(#[$meta:meta])* async fn $name:ident($store:ident) $body:block) => {
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            for db in $crate::store::tests::Db::all() {
                let $store = &db.store;
                $body
            }
        }
    };
}
pub(super) use on_each;

/// A hash that tests can name.
pub(super) fn hash(name: &str) -> SecretHash {
    SecretHash::of(name)
}

/// A client of the database.
pub(super) fn client(id: &str) -> ClientRow {
    ClientRow {
        document_id: format!("doc-{id}"),
        client_id: id.into(),
        origin: ORIGIN_DATABASE.into(),
        document: Some("{}".into()),
        created_type: "USER".into(),
        active: true,
        name: format!("Client {id}"),
        client_type: "CONFIDENTIAL".into(),
        owner: None,
        secret_hash: Some(hash(id)),
        old_secret_hash: None,
        old_secret_until: None,
        jwks: None,
        meta: None,
        created_at: NOW,
        updated_at: NOW,
        last_used_at: None,
    }
}

/// A token of `client` and `user` that lives an hour.
pub(super) fn token(jti: &str, client: &str, user: Option<&str>) -> NewToken {
    NewToken {
        jti: jti.into(),
        document_id: format!("doc-{jti}"),
        token_hash: hash(jti),
        kid: "k1".into(),
        client_id: client.into(),
        user_id: user.map(Into::into),
        scopes: "api::form.form.find".into(),
        grant_type: "authorization_code".into(),
        audience: "[\"api\"]".into(),
        facts: "{}".into(),
        revision: "r1".into(),
        policies: "global".into(),
        code_hash: None,
        created_at: NOW,
        expires_at: NOW + 3_600_000,
    }
}

/// A code of client `c` and user `u` that lives a minute.
pub(super) fn code(name: &str) -> CodeRow {
    CodeRow {
        hash: hash(name),
        client_id: "c".into(),
        user_id: "u".into(),
        scopes: "api::form.form.find".into(),
        redirect_uri: "https://c.test/cb".into(),
        redirect_explicit: true,
        code_challenge: Some("x".into()),
        challenge_method: Some("S256".into()),
        facts: "{}".into(),
        auth_time: Some(NOW),
        created_at: NOW,
        expires_at: NOW + 60_000,
        used_at: None,
        token_jti: None,
    }
}

impl Store {
    /// A code, used or not, whatever its user agrees to.
    pub(super) async fn code(&self, hash: SecretHash) -> Result<Option<CodeRow>, Fault> {
        Ok(read!(self, |c| {
            use schema::authorization_codes::table;
            table.find(hash).select(CodeRow::as_select()).get_result(c).optional()
        })?)
    }

    /// A code alone: the server writes one with its consent.
    pub(super) async fn insert_code(&self, code: CodeRow) -> Result<(), Fault> {
        commit!(self, |c| diesel::insert_into(schema::authorization_codes::table).values(&code).execute(c))?;
        Ok(())
    }

    /// A consent whose code is of no interest.
    pub(super) async fn grant_consent(&self, consent: NewConsent, now: i64) -> Result<ConsentRow, Fault> {
        let code = code(&format!("{} {} at {now}", consent.document_id, consent.client_id));
        self.agree(consent, code, now).await
    }
}

/// A user.
pub(super) fn user(name: &str) -> UserRow {
    UserRow {
        id: format!("id-{name}"),
        username: name.into(),
        username_key: name.to_lowercase(),
        email: format!("{}@x.test", name.to_lowercase()),
        password_hash: "$argon2id$secret".into(),
        roles: "[\"authenticated\"]".into(),
        blocked: false,
        confirmed: true,
        created_at: NOW,
        updated_at: NOW,
        tokens_valid_from: 0,
    }
}

/// A session of a user.
pub(super) fn session(name: &str, user: &str) -> SessionRow {
    SessionRow {
        hash: hash(name),
        id: format!("s-{name}"),
        user_id: user.into(),
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: NOW + DAY,
        auth_time: NOW,
        ip: "127.0.0.1".into(),
        agent: "test".into(),
    }
}

/// A pending request of client `c`.
pub(super) fn authorization(name: &str) -> AuthorizationRow {
    AuthorizationRow {
        hash: hash(name),
        browser_hash: hash("browser"),
        client_id: "c".into(),
        request: "{}".into(),
        created_at: NOW,
        expires_at: NOW + 600_000,
        done_at: None,
    }
}
