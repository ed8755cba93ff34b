//! Section BB: when something of ours is broken, nothing opens. (BB2: y_policy.rs; BB4, a panic, is a unit test.)

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use crate::harness::client::Reply;
use crate::harness::postgres::Cluster;
use crate::harness::proxy::Cable;
use crate::harness::{Backend, Client, Http, Options, Server, eventually, scope, unique};

/// An answer that owns up to a fault of ours: 503, when to come again, nothing else (error contract).
#[track_caller]
fn is_unavailable(reply: &Reply) {
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert!(["temporarily_unavailable", "server_error"].contains(&reply.error().as_str()), "{reply:?}");
}

/// What must hold while the database is away, given a client and a live token of before.
fn while_it_is_away(server: &Server, client: &Client, token: &str) {
    let start = Instant::now();
    is_unavailable(&server.present(&client.assertion(server).sign()));
    // BB1, J4: revocation is not acknowledged, introspection does not say active.
    is_unavailable(&server.revoke(client, token));
    is_unavailable(&server.introspect(client, token));
    assert!(start.elapsed() < Duration::from_secs(20), "each answer within about five seconds");
    assert_eq!(server.get("/.well-known/jwks.json").status, 200);
    assert_eq!(Http::get(server.url("/.well-known/oauth-authorization-server")).send().status, 200);
    assert!(server.lives());
}

/// BB1, J4, D4: PostgreSQL is lost and comes back.
#[test]
fn bb01_j04_postgresql_is_lost() {
    let Some(cluster) = Cluster::shared() else { return };
    let (cable, url) = Cable::to(&cluster.database(&unique("lost")));
    let server = Server::start(Options { database: Some(url), ..Options::default() }.on(Backend::Postgres));
    let client = server.jwt_client(&[]);
    let token = server.machine_token(&client, scope::FIND);
    cable.cut();
    while_it_is_away(&server, &client, &token);
    cable.mend();
    eventually("it works again", Duration::from_secs(10), || {
        server.present(&client.assertion(&server).sign()).status == 200
    });
    assert!(server.is_active(&client, &token), "nothing was lost, nothing revoked");
}

/// BB1: another process holds SQLite's write lock; writes are refused, and work afterwards.
#[test]
fn bb01_sqlite_is_locked() {
    let server = Server::start(Options::default());
    let client = server.jwt_client(&[]);
    let token = server.machine_token(&client, scope::FIND);
    let path = server.database().strip_prefix("sqlite:").expect("SQLite");
    let mut other = SqliteConnection::establish(path).expect("the file");
    other.batch_execute("BEGIN IMMEDIATE").expect("the lock");
    is_unavailable(&server.present(&client.assertion(&server).sign()));
    is_unavailable(&server.revoke(&client, &token));
    other.batch_execute("ROLLBACK").expect("released");
    eventually("it works again", Duration::from_secs(10), || {
        server.present(&client.assertion(&server).sign()).status == 200
    });
    assert!(server.is_active(&client, &token));
}

/// BB1: a database that is not there at the start is a clear refusal, and no other file is made instead.
#[test]
fn bb01_no_database_at_the_start() {
    let url = format!("postgres://grantwood@127.0.0.1:{}/nowhere", crate::harness::server::free_port());
    let started = Server::try_start(Options { database: Some(url), ..Options::default() });
    assert!(started.is_err(), "started without its database");
}

/// BB3: a key that cannot be loaded refuses the start.
#[test]
fn bb03_keys() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for content in [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        crate::harness::keys::EC.private,
    ] {
        std::fs::write(file.path(), content).expect("written");
        let options =
            Options::default().env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", &file.path().display().to_string());
        assert!(Server::try_start(options).is_err(), "started with {content:?}");
    }
    let options = Options::default().env("GRANTWOOD_KEYS__SIGNING_KEY_FILE", "absent.pem");
    assert!(Server::try_start(options).is_err(), "started without its key");
}

/// BB5: a configuration with a mistake refuses the start and names it.
#[test]
fn bb05_configuration() {
    for (content, word) in [
        ("listne: 127.0.0.1:1\n", "listne"),
        ("tokens:\n  alg: none\n", "alg"),
        ("tokens:\n  access_ttl: -1\n", "access_ttl"),
        ("tokens:\n  access_ttl: 1\n  access_ttl: 2\n", "access_ttl"),
        ("tokens: [", "grantwood.yaml"),
    ] {
        let options = Options { config: Some(content.to_owned()), ..Options::default() };
        let log = Server::try_start(options).err().unwrap_or_else(|| panic!("started with {content:?}"));
        assert!(log.contains(word), "{word} is not named: {log}");
    }
    let log = Server::try_start(Options::default().env("GRANTWOOD_TOKENS__ALGO", "RS256")).err();
    assert!(log.expect("started with an unknown variable").contains("ALGO"));
}
