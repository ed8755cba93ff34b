//! The process is killed, or told to stop, in the middle of its work (faults F1, F16).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Cast, Ledger};
use crate::harness::{Backend, Http, Options, Server, backend};

/// Kills in one story. Each comes a little later than the one before.
const KILLS: u64 = 5;

fn killed_at_work(server: &Server) {
    let cast = Cast::of(server);
    let ledger = Ledger::default();
    for kill in 0..KILLS {
        ledger.stop.store(false, Ordering::Release);
        std::thread::scope(|threads| {
            threads.spawn(|| ledger.work(server, &cast));
            std::thread::sleep(Duration::from_millis(300 + 130 * kill));
            server.kill();
            ledger.stop.store(true, Ordering::Release);
        });
        server.crash_and_restart();
    }
    ledger.holds(server, &cast);
}

/// F1: `kill -9` under load, with SQLite: nothing acknowledged is lost, nothing revoked lives again, the file is whole.
#[test]
fn f01_killed_at_work_sqlite() {
    backend::run_alone(Backend::Sqlite, Options::default(), |server| {
        killed_at_work(server);
        let path = server.database().strip_prefix("sqlite:").expect("SQLite");
        let mut file = SqliteConnection::establish(path).expect("the file");
        let verdict = diesel::dsl::sql::<Text>("PRAGMA integrity_check").get_result::<String>(&mut file);
        assert_eq!(verdict.expect("an answer"), "ok");
    });
}

/// F1: the same with PostgreSQL, whose transactions end with the connection.
#[test]
fn f01_killed_at_work_postgres() {
    backend::run_alone(Backend::Postgres, Options::default(), killed_at_work);
}

/// F16: SIGTERM under load: the exit is clean and in time, and what was acknowledged stays.
#[test]
fn f16_stopped_at_work() {
    for backend in Backend::present() {
        backend::run_alone(backend, Options::default(), |server| {
            let cast = Cast::of(server);
            let ledger = Ledger::default();
            std::thread::scope(|threads| {
                threads.spawn(|| ledger.work(server, &cast));
                std::thread::sleep(Duration::from_millis(900));
                let start = Instant::now();
                assert_eq!(server.terminate(Duration::from_secs(12)), Some(0));
                assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
                ledger.stop.store(true, Ordering::Release);
            });
            assert!(Http::get(server.url("/healthz")).try_send().is_none(), "nobody listens any more");
            server.crash_and_restart();
            ledger.holds(server, &cast);
        });
    }
}
