//! The measurements, one function each, in the order of the list.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::limits::Bound;
use crate::load::{Outcome, Plan, Shot, run};
use crate::process::{Process, free_address};
use crate::report::Report;
use crate::rows;
use crate::setup::{Bench, Client, Site, access_token};

/// (a) The framework's hello-world.
pub fn floor(bench: &Bench, report: &mut Report) {
    let outcome = hello(bench, bench.seconds);
    report.row("(a) floor: the framework's hello-world", &outcome);
}

/// The floor once more, beside what is held against it: a shared machine is not equally fast for a whole run.
pub fn floor_beside(bench: &Bench, report: &mut Report, what: &str) -> f64 {
    let outcome = hello(bench, bench.seconds.div_ceil(3));
    report.row(&format!("(a) floor beside {what}"), &outcome);
    outcome.per_cpu_second()
}

/// The framework's hello-world for so long.
pub fn hello(bench: &Bench, seconds: u64) -> Outcome {
    let address = free_address();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--floor", &address]);
    let log = std::env::temp_dir().join(format!("grantwood-floor-{}.log", std::process::id()));
    let process = Process::start(command, &address, "/", &log);
    let shot = Plan::Repeat(Shot::get("/"), Duration::from_secs(seconds));
    let outcome = run(&process, shot, bench.connections, false);
    // Only a log of a process that is gone.
    drop(std::fs::remove_file(log));
    outcome
}

/// Turns that a measurement and its yardstick take: the machine's speed wanders by a fifth within a minute.
const TURNS: usize = 6;

/// Measures in turns with a yardstick; `part` is told which turn it is, from 0. What the server does after a turn is
/// counted as well: it writes the last of it while the yardstick is measured.
pub fn in_turns(
    process: &Process,
    mut part: impl FnMut(usize) -> Outcome,
    mut yardstick: impl FnMut(),
) -> Outcome {
    let begin = process.cpu();
    let all = (0..TURNS).fold(Outcome::default(), |all, turn| {
        let all = all.and(part(turn));
        yardstick();
        all
    });
    Outcome { cpu: process.cpu() - begin, ..all }
}

/// So much of a number as belongs to one turn.
pub fn per_turn(all: usize) -> usize {
    all.div_ceil(TURNS)
}

/// The shots of a turn.
fn of_turn(shots: &[Shot], turn: usize) -> Plan {
    Plan::Each(shots.chunks(per_turn(shots.len())).nth(turn).unwrap_or_default().to_vec())
}

/// (e) What one core signs, and what durable rows cost; the bound of a token is one of each.
pub fn limits(bench: &Bench, report: &mut Report) {
    let mut bound = Bound::default();
    (0..TURNS).for_each(|_| bound.measure(bench.connections));
    bound.tell(report);
}

/// (c), (d) Tokens by jwt-bearer with a durable row, RS256 and ES256.
pub fn tokens(bench: &Bench, report: &mut Report) {
    for (alg, what) in [("RS256", "(c) jwt-bearer, RS256"), ("ES256", "(d) jwt-bearer, ES256")] {
        let site = Site::new(alg);
        let process = site.start();
        let client = site.client();
        warm(&site, &process, &client);
        let shots = site.grants(&client.id, bench.assertions);
        let mut bound = Bound::default();
        let outcome = in_turns(
            &process,
            |turn| run(&process, of_turn(&shots, turn), bench.connections, false),
            || bound.measure(bench.connections),
        );
        report.row(what, &outcome);
        if alg == "RS256" {
            bound.tell(report);
            let ratio = Some(outcome.per_cpu_second() / bound.per_cpu_second());
            report.at_least("jwt-bearer RS256, of the bound (e)", ratio, 0.6);
            report.at_most("memory under load, MiB", Some(process.peak()), 120.0);
        }
    }
}

/// (b) Introspection: each token once, so that everything is done anew; and one token again and again.
pub fn introspection(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    let process = site.start();
    let client = site.client();
    let issued =
        run(&process, Plan::Each(site.grants(&client.id, bench.assertions)), bench.connections, true);
    assert!(issued.done > 0, "no token was issued:\n{}", site.log());
    let tokens: Vec<String> = issued.bodies.iter().map(|body| access_token(body)).collect();
    drop(process);
    // A new process knows none of the tokens.
    let process = site.start();
    let shots: Vec<Shot> = tokens.iter().map(|token| site.introspection(&client, token)).collect();
    let mut floor = Outcome::default();
    let beside = |floor: &mut Outcome| *floor = std::mem::take(floor).and(hello(bench, 1));
    let anew = in_turns(
        &process,
        |turn| run(&process, of_turn(&shots, turn), bench.connections, false),
        || beside(&mut floor),
    );
    report.row("(b) introspection, everything anew", &anew);
    let part = Duration::from_secs(bench.seconds) / TURNS as u32;
    let cached = in_turns(
        &process,
        |_| run(&process, Plan::Repeat(shots[0].clone(), part), bench.connections, false),
        || beside(&mut floor),
    );
    report.row("(b) introspection, one token again and again", &cached);
    report.row("(a) floor beside introspection", &floor);
    let of_floor = |outcome: &Outcome| Some(outcome.per_cpu_second() / floor.per_cpu_second());
    let (anew, cached) = (of_floor(&anew), of_floor(&cached));
    report.at_least("introspection anew, of the floor", anew, 0.15);
    report.at_least("introspection cached, of the floor", cached, 0.3);
}

/// Start to first answer on an existing database, and memory of a server that has nothing to do.
pub fn start_and_memory(_bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    drop(site.start());
    let mut starts: Vec<f64> = (0..7).map(|_| site.start().start.as_secs_f64() * 1_000.0).collect();
    starts.sort_by(f64::total_cmp);
    report.at_most("start to first answer, ms (median of 7)", Some(starts[3]), 150.0);
    let process = site.start();
    std::thread::sleep(Duration::from_secs(3));
    report.at_most("memory idle, MiB", Some(process.resident()), 40.0);
}

/// A reload of many client documents, with introspection going on all the while.
pub fn reload(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    for number in 0..bench.documents {
        site.write_document(&format!("bench-{number}"), "api::form.form.find");
    }
    let process = site.start();
    let client = site.client();
    let last = format!("bench-{}", bench.documents - 1);
    let token = first_token(&site, &process, &client.id);
    let (seconds, load) = std::thread::scope(|threads| {
        let shot = site.introspection(&client, &token);
        let load = threads.spawn(|| run(&process, Plan::Repeat(shot, Duration::from_secs(4)), 8, false));
        std::thread::sleep(Duration::from_secs(1));
        for number in 0..bench.documents {
            site.write_document(&format!("bench-{number}"), "api::form.form.findOne");
        }
        let begin = Instant::now();
        while !granted(&site, &process, &last).contains("findOne") {
            assert!(begin.elapsed() < Duration::from_secs(30), "the reload never came:\n{}", site.log());
        }
        (begin.elapsed().as_secs_f64(), load.join().expect("the load ends"))
    });
    report.row("introspection during a reload", &load);
    report.at_most(&format!("reload of {} client documents, s", bench.documents), Some(seconds), 1.0);
    report.at_most("requests that failed during the reload", Some(load.failed as f64), 0.0);
}

/// Introspection with few and with many rows beside the token's.
pub fn introspection_by_rows(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    let process = site.start();
    let client = site.client();
    let token = first_token(&site, &process, &client.id);
    let outcomes = [1_000, bench.many_rows].map({
        let mut process = Some(process);
        let mut present = 0;
        move |count| {
            drop(process.take());
            let fresh = [
                ("jti", "hex(randomblob(16))"),
                ("document_id", "hex(randomblob(16))"),
                ("token_hash", "randomblob(32)"),
            ];
            rows::multiply(&site.database(), "access_tokens", "1", &fresh, count - present);
            present = count;
            let running = process.insert(site.start());
            run(running, repeat(site.introspection(&client, &token), bench), bench.connections, false)
        }
    });
    report.row("introspection, 1,000 rows", &outcomes[0]);
    report.row(&format!("introspection, {} rows", bench.many_rows), &outcomes[1]);
    report.at_most("introspection, time by rows, few to many", ratio(&outcomes), 1.5);
}

/// A grant's decision with few and with many clients in the database.
pub fn decision_by_clients(bench: &Bench, report: &mut Report) {
    let site = Site::new("ES256");
    let process = site.start();
    let client = site.client();
    let mut process = Some(process);
    let outcomes = [10, bench.many_clients].map(|count| {
        drop(process.take());
        let fresh = [("document_id", "hex(randomblob(16))"), ("client_id", "hex(randomblob(16))")];
        rows::multiply(&site.database(), "clients", &format!("client_id = '{}'", client.id), &fresh, count);
        let running = process.insert(site.start());
        warm(&site, running, &client);
        run(running, Plan::Each(site.grants(&client.id, bench.assertions)), bench.connections, false)
    });
    report.row("jwt-bearer ES256, 10 clients", &outcomes[0]);
    report.row(&format!("jwt-bearer ES256, {} clients", bench.many_clients), &outcomes[1]);
    report.at_most("grant, time by clients, few to many", ratio(&outcomes), 1.5);
}

/// Processor time per request, the second outcome's over the first's.
fn ratio(outcomes: &[Outcome; 2]) -> Option<f64> {
    Some(outcomes[0].per_cpu_second() / outcomes[1].per_cpu_second())
}

fn repeat(shot: Shot, bench: &Bench) -> Plan {
    Plan::Repeat(shot, Duration::from_secs(bench.seconds))
}

/// A few tokens, so that pools and caches are filled before the clock starts.
fn warm(site: &Site, process: &Process, client: &Client) {
    let outcome = run(process, Plan::Each(site.grants(&client.id, 100)), 8, false);
    assert!(outcome.done > 0, "no token was issued:\n{}", site.log());
}

fn first_token(site: &Site, process: &Process, client_id: &str) -> String {
    let outcome = run(process, Plan::Each(site.grants(client_id, 1)), 1, true);
    access_token(outcome.bodies.first().unwrap_or_else(|| panic!("no token:\n{}", site.log())))
}

/// The scopes that a client of the folder gets now, or nothing.
fn granted(site: &Site, process: &Process, client_id: &str) -> String {
    let outcome = run(process, Plan::Each(site.grants(client_id, 1)), 1, true);
    outcome.bodies.first().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default()
}
