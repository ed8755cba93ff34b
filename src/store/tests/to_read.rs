//! A database that is opened to be read stays as it is.

use diesel::connection::SimpleConnection;

use super::*;
use crate::store::OpenError;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_read_and_never_written() {
    for db in Db::all() {
        let reader = Store::open_to_read(&db.url).unwrap();
        assert!(reader.counters().await.is_ok());
        let written = reader.cleanup(NOW, 10).await;
        assert!(written.is_err(), "{}: a write went through: {written:?}", reader.backend());
        reader.close().await;
        assert!(db.store.counters().await.is_ok(), "the other one is not disturbed");
    }
}

/// Tables of another release are refused, and stay what they were.
#[test]
fn tables_of_another_release_are_refused() {
    let execute = |db: &Db, statement: &str| match &db.schema {
        None => diesel::sqlite::SqliteConnection::establish(&db.file().display().to_string())
            .unwrap()
            .batch_execute(statement)
            .unwrap(),
        Some(_) => PgConnection::establish(&db.url).unwrap().batch_execute(statement).unwrap(),
    };
    let last = "(SELECT max(version) FROM __diesel_schema_migrations)";
    for db in Db::all() {
        let why = |db: &Db| match Store::open_to_read(&db.url) {
            Err(OpenError::Tables(why)) => why,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        };
        execute(&db, "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
        assert!(why(&db).contains("newer than this program"));
        execute(&db, "DELETE FROM __diesel_schema_migrations WHERE version = '9999'");
        execute(&db, &format!("DELETE FROM __diesel_schema_migrations WHERE version = {last}"));
        assert!(why(&db).contains("older than this program"));
        assert!(why(&db).contains("older than this program"), "and asking changed nothing");
        execute(&db, "DROP TABLE __diesel_schema_migrations");
        assert!(why(&db).contains("no tables of this program"));
    }
    let folder = tempfile::tempdir().unwrap();
    let absent = format!("sqlite:{}", folder.path().join("absent.db").display());
    assert!(matches!(Store::open_to_read(&absent), Err(OpenError::Tables(_))));
    assert!(!folder.path().join("absent.db").exists());
    std::fs::write(folder.path().join("absent.db"), "no database").unwrap();
    assert!(Store::open_to_read(&absent).is_err());
}
