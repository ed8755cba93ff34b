//! The database stops, crashes, fails over (faults F5, F6), and what its absence must not do to callers.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Cast, Ledger, taken};
use crate::harness::postgres::Cluster;
use crate::harness::proxy::Cable;
use crate::harness::{Backend, Http, Options, Server, eventually, scope, unique};

/// F5: PostgreSQL crashes and is started again under load, three times; its sessions are ended once.
#[test]
fn f05_postgresql_restarts() {
    let Some(cluster) = Cluster::own() else { return };
    let url = cluster.database("restarts");
    let server = Server::start(Options { database: Some(url), ..Options::default() }.on(Backend::Postgres));
    let cast = Cast::of(&server);
    let ledger = Ledger::default();
    std::thread::scope(|threads| {
        threads.spawn(|| ledger.work(&server, &cast));
        for mode in ["immediate", "fast", "immediate"] {
            std::thread::sleep(Duration::from_millis(700));
            cluster.stop(mode);
            std::thread::sleep(Duration::from_millis(300));
            let before = taken(&ledger.issued).len();
            cluster.launch();
            eventually("it issues again", Duration::from_secs(3), || taken(&ledger.issued).len() > before);
        }
        cluster.query(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'grantwood'",
        );
        std::thread::sleep(Duration::from_millis(500));
        ledger.stop.store(true, Ordering::Release);
    });
    ledger.holds(&server, &cast);
    assert_eq!(server.get("/readyz").status, 200);
    cluster.stop("immediate");
}

/// F6: the primary is lost, its standby takes over: with a synchronous standby nothing acknowledged is lost, and the
/// server finds the new primary by its URL alone.
#[test]
fn f06_failover() {
    let Some(primary) = Cluster::own() else { return };
    let standby = Cluster::standby_of(&primary);
    for setting in ["synchronous_standby_names = 'standby'", "synchronous_commit = 'remote_apply'"] {
        primary.query("postgres", &format!("ALTER SYSTEM SET {setting}"));
    }
    primary.query("postgres", "SELECT pg_reload_conf()");
    primary.query("postgres", "CREATE DATABASE failover");
    let url = format!(
        "postgres://grantwood@{},{}/failover?target_session_attrs=read-write",
        primary.address(),
        standby.address()
    );
    let server = Server::start(Options { database: Some(url), ..Options::default() }.on(Backend::Postgres));
    let cast = Cast::of(&server);
    let ledger = Ledger::default();
    std::thread::scope(|threads| {
        threads.spawn(|| ledger.work(&server, &cast));
        std::thread::sleep(Duration::from_millis(1_500));
        primary.stop("immediate");
        std::thread::sleep(Duration::from_millis(300));
        let before = taken(&ledger.issued).len();
        standby.promote();
        eventually("it issues again", Duration::from_secs(10), || taken(&ledger.issued).len() > before);
        std::thread::sleep(Duration::from_millis(500));
        ledger.stop.store(true, Ordering::Release);
    });
    ledger.holds(&server, &cast);
    standby.stop("immediate");
}

/// An outage counts against nobody: right secrets and passwords work as soon as the database is back (F13, T6, BB1).
#[test]
fn f13_an_outage_is_nobodys_failed_attempt() {
    let Some(cluster) = Cluster::shared() else { return };
    let (cable, url) = Cable::to(&cluster.database(&unique("outage")));
    let options = Options { database: Some(url), ..Options::default() }
        .on(Backend::Postgres)
        .env("GRANTWOOD_LIMITS__CLIENT_FAILURES", "3")
        .env("GRANTWOOD_LIMITS__LOGIN_FAILURES", "3");
    let server = Server::start(options);
    let client = server.confidential_client(&[]);
    let admin = server.admin();
    let sign_in = || {
        Http::post(server.url("/auth/local"))
            .json(&serde_json::json!({ "identifier": admin.username, "password": admin.password }))
            .send()
    };
    assert_eq!(sign_in().status, 200);
    cable.cut();
    for _ in 0..8 {
        assert_eq!(server.introspect(&client, "unknown").status, 503);
        assert_eq!(sign_in().status, 503);
    }
    cable.mend();
    eventually("introspection works again", Duration::from_secs(5), || {
        let status = server.introspect(&client, "unknown").status;
        assert_ne!(status, 429, "an outage was held against the client");
        status == 200
    });
    assert_eq!(sign_in().status, 200);
    // The limit itself is as it was.
    let wrong = || {
        Http::post(server.endpoint("introspection_endpoint"))
            .form(&[("token", "x")])
            .basic(&client.id, "wrong")
            .send()
            .status
    };
    assert_eq!([wrong(), wrong(), wrong(), wrong()], [401, 401, 401, 429]);
}

/// F13: many requests of one client at one moment, all with the right secret, while nothing is remembered of it:
/// none is taken for a failed attempt.
#[test]
fn f13_right_secrets_that_arrive_together() {
    for backend in Backend::present() {
        let options = Options::default().on(backend).env("GRANTWOOD_LIMITS__CLIENT_FAILURES", "2");
        let server = Server::start(options);
        let client = server.confidential_client(&[scope::FIND]);
        server.metadata();
        let begun = Instant::now();
        let statuses: Vec<u16> = std::thread::scope(|threads| {
            let ask = || (0..12).map(|_| server.introspect(&client, "unknown").status).collect::<Vec<u16>>();
            // Changes of other clients make the server forget what it knew of this one.
            let running: Vec<_> = (0..8).map(|_| threads.spawn(ask)).collect();
            for _ in 0..4 {
                server.confidential_client(&[]);
            }
            running.into_iter().flat_map(|thread| thread.join().expect("answers")).collect()
        });
        let odd: Vec<u16> = statuses.into_iter().filter(|status| *status != 200).collect();
        assert_eq!(odd, [0_u16; 0], "{backend:?}, after {:?}", begun.elapsed());
    }
}
