//! A database of the first release, with rows in it, opened by this one: nothing of it is lost.

use diesel::sqlite::SqliteConnection;
use diesel_migrations::MigrationHarness as _;

use super::super::schema::{
    access_tokens, authorization_codes, clients, consents, sessions, signing_keys, users,
};
use super::*;

fn consent() -> ConsentRow {
    ConsentRow {
        document_id: "consent".into(),
        user_id: "id-ann".into(),
        client_id: "c".into(),
        scopes: "api::form.form.find".into(),
        created_at: NOW,
        updated_at: NOW,
        last_used_at: None,
    }
}

fn key() -> KeyRow {
    KeyRow {
        kid: "k1".into(),
        alg: "RS256".into(),
        private_pem: "pem".into(),
        public_jwk: "{}".into(),
        created_at: NOW,
        active_from: NOW,
        retired_at: None,
    }
}

/// A code as the first release wrote it: without the columns that came later.
macro_rules! old_code {
    ($connection:expr, $name:expr, $used:expr) => {{
        let row = code($name);
        let values = (
            authorization_codes::hash.eq(row.hash),
            authorization_codes::client_id.eq(row.client_id),
            authorization_codes::user_id.eq(row.user_id),
            authorization_codes::scopes.eq(row.scopes),
            authorization_codes::redirect_uri.eq(row.redirect_uri),
            authorization_codes::redirect_explicit.eq(row.redirect_explicit),
            authorization_codes::facts.eq(row.facts),
            authorization_codes::created_at.eq(row.created_at),
            authorization_codes::expires_at.eq(row.expires_at),
            authorization_codes::used_at.eq($used),
        );
        diesel::insert_into(authorization_codes::table).values(values).execute($connection).unwrap();
    }};
}

/// The tables of migration 0001, and a row of each kind that people would miss.
macro_rules! first_release {
    ($connection:expr, $migrations:expr) => {{
        let c = $connection;
        let ran = c.run_next_migration($migrations).unwrap().to_string();
        assert!(ran.starts_with("0001"), "{ran}");
        diesel::insert_into(clients::table).values(&client("c")).execute(c).unwrap();
        diesel::insert_into(users::table).values(&user("ann")).execute(c).unwrap();
        diesel::insert_into(consents::table).values(&consent()).execute(c).unwrap();
        diesel::insert_into(access_tokens::table)
            .values(&token("t", "c", Some("id-ann")))
            .execute(c)
            .unwrap();
        old_code!(c, "code", None::<i64>);
        let redeemed = NewToken { code_hash: Some(hash("spent")), ..token("redeemed", "other", None) };
        diesel::insert_into(access_tokens::table).values(&redeemed).execute(c).unwrap();
        old_code!(c, "spent", Some(NOW));
        diesel::insert_into(sessions::table).values(&session("s", "id-ann")).execute(c).unwrap();
        diesel::insert_into(signing_keys::table).values(&key()).execute(c).unwrap();
        c.batch_execute(&format!(
            "INSERT INTO audit (id, at, actor, actor_kind, action, target, decision, policies, revision, \
             request_id, ip, detail) VALUES ('a', {NOW}, 'id-ann', 'user', 'admin:client.create', 'c', 'allow', \
             'role.administrator', 'r', 'request', '127.0.0.1', '{{}}')"
        ))
        .unwrap();
    }};
}

async fn nothing_is_lost(store: &Store) {
    assert_eq!(store.client("c").await.unwrap(), Some(client("c")));
    assert!(store.user("id-ann").await.unwrap().is_some_and(|row| row == user("ann")));
    assert_eq!(store.consent("id-ann", "c").await.unwrap(), Some(consent()));
    let kept = store.token("t").await.unwrap().expect("the token");
    assert_eq!((kept.client_id.as_str(), kept.user_id.as_deref()), ("c", Some("id-ann")));
    assert!(kept.revoked_at.is_none() && kept.token_hash == hash("t"));
    assert_eq!(store.keys().await.unwrap(), vec![key()]);
    assert_eq!(store.session(hash("s")).await.unwrap(), Some(session("s", "id-ann")));
    let entries = store.audit_of_request("request").await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].kind.as_str(), &entries[0].jti), (KIND_ADMIN, &None));
    // And what came later works with it: the open code, a withdrawal, the counters, failed sign-ins.
    assert_eq!(
        store.redeem(hash("code"), NOW, token("t2", "c", Some("id-ann"))).await.unwrap(),
        Redeemed::Now
    );
    // A code that was used then still revokes its token when it is used again.
    let again = store.redeem(hash("spent"), NOW, token("t3", "other", None)).await.unwrap();
    assert_eq!(again, Redeemed::Before { revoked: 1 });
    assert!(store.token("redeemed").await.unwrap().unwrap().revoked_at.is_some());
    let before = store.counters().await.unwrap().tokens;
    let withdrawn = store.withdraw("id-ann", ConsentKey::Client("c".into()), NOW).await.unwrap();
    assert_eq!(withdrawn.map(|one| one.tokens), Some(2));
    assert!(store.counters().await.unwrap().tokens > before);
    let place = Place { hash: hash("x"), most: 1 };
    assert_eq!(store.take_sign_in_places(vec![place], 1_000, NOW).await.unwrap(), None);
    store.cleanup(NOW + DAY, 100).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_database_of_the_first_release_is_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    {
        let mut connection = SqliteConnection::establish(&path.display().to_string()).unwrap();
        let mark = format!(
            "PRAGMA application_id = {}; PRAGMA journal_mode = WAL;",
            super::super::sqlite::APPLICATION
        );
        connection.batch_execute(&mark).unwrap();
        first_release!(&mut connection, super::super::sqlite::MIGRATIONS);
    }
    let url = format!("sqlite:{}", path.display());
    nothing_is_lost(&tokio::task::spawn_blocking(move || Store::open(&url)).await.unwrap().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_database_of_the_first_release_is_upgraded() {
    let Some((url, _schema)) = empty_schema() else { return };
    {
        let mut connection = PgConnection::establish(&url).unwrap();
        first_release!(&mut connection, super::super::postgres::MIGRATIONS);
    }
    nothing_is_lost(&tokio::task::spawn_blocking(move || Store::open(&url)).await.unwrap().unwrap()).await;
}
