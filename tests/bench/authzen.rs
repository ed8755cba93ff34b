//! The decision API: single evaluations and batches, by the name of a user and with a resource of its own, and by the
//! number of clients.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Plan, Shot, run};
use crate::measure::floor_beside;
use crate::process::Process;
use crate::report::Report;
use crate::rows;
use crate::setup::{self, Bench, Site};

/// Items of a batch.
const BATCH: usize = 100;

/// A site whose client may ask.
fn site() -> Site {
    let site = Site::new("RS256");
    site.write_document("decisions", "admin:decision.evaluate");
    site
}

/// `Authorization` of that client.
fn authorization(site: &Site, server: &Process) -> String {
    let grant = site.grants("decisions", 1).pop().expect("one");
    let issued = run(server, Plan::Each(vec![grant]), 1, true);
    format!("Bearer {}", setup::access_token(&issued.bodies[0]))
}

fn about() -> Value {
    json!({ "subject": { "type": "user", "id": "admin" }, "action": { "name": "findOne" },
        "resource": { "type": "api::form.form", "id": "42" } })
}

/// Evaluations per CPU-second, one at a time and in batches, against the framework's own floor; from memory, and every
/// one anew where a rule reads what is stated.
pub fn evaluations(bench: &Bench, report: &mut Report) {
    let site = site();
    let server = site.start();
    let authorization = authorization(&site, &server);
    let item = |id: usize| json!({ "resource": { "type": "api::form.form", "id": id.to_string() } });
    let about = about();
    let mut many = about.clone();
    many["evaluations"] = (0..BATCH).map(item).collect();
    let time = Duration::from_secs(bench.seconds);
    let shot =
        |path: &str, body: &Value| Plan::Repeat(Shot::json(path, body).authorized(&authorization), time);
    let single = run(&server, shot("/access/v1/evaluation", &about), bench.connections, false);
    report.row("AuthZEN, one evaluation", &single);
    let batch = run(&server, shot("/access/v1/evaluations", &many), bench.connections, false);
    report.row("AuthZEN, a batch of 100 evaluations", &batch);
    let decisions = batch.per_cpu_second() * BATCH as f64;
    report.figure("AuthZEN, decisions of batches", &format!("{decisions:.0}"));
    // 10,000 evaluations and 20,000 decisions where the floor carries 190,000.
    let floor = floor_beside(bench, report, "AuthZEN");
    let of_floor = |value: f64| Some(value / floor);
    let (single, decisions) = (of_floor(single.per_cpu_second()), of_floor(decisions));
    report.at_least("AuthZEN evaluation, of the floor", single, 0.053);
    report.at_least("AuthZEN decisions of batches, of the floor", decisions, 0.105);
    drop(server);
    site.write_rule(
        "bench-stated",
        "@id(\"bench-stated\") forbid (principal, action in Action::\"api\", resource)\n\
         when { context has resource && context.resource.id == \"never\" };\n",
    );
    let server = site.start();
    let single = run(&server, shot("/access/v1/evaluation", &about), bench.connections, false);
    report.row("AuthZEN, one evaluation anew (a rule reads the resource)", &single);
    let batch = run(&server, shot("/access/v1/evaluations", &many), bench.connections, false);
    report.row("AuthZEN, a batch of 100 anew", &batch);
    let decisions = batch.per_cpu_second() * BATCH as f64;
    report.figure("AuthZEN, decisions of batches anew", &format!("{decisions:.0}"));
    report.at_least("AuthZEN decisions of batches anew, of the floor", of_floor(decisions), 0.105);
}

/// One evaluation with few and with many clients in the database.
pub fn by_clients(bench: &Bench, report: &mut Report) {
    let site = site();
    let mut process = Some(site.start());
    let client = site.client();
    let time = Duration::from_secs(bench.seconds);
    let outcomes = [10, bench.many_clients].map(|count| {
        drop(process.take());
        let fresh = [("document_id", "hex(randomblob(16))"), ("client_id", "hex(randomblob(16))")];
        rows::multiply(&site.database(), "clients", &format!("client_id = '{}'", client.id), &fresh, count);
        let server = process.insert(site.start());
        let authorization = authorization(&site, server);
        let shot = Shot::json("/access/v1/evaluation", &about()).authorized(&authorization);
        run(server, Plan::Repeat(shot, time), bench.connections, false)
    });
    report.row("AuthZEN, 10 clients", &outcomes[0]);
    report.row(&format!("AuthZEN, {} clients", bench.many_clients), &outcomes[1]);
    let ratio = outcomes[0].per_cpu_second() / outcomes[1].per_cpu_second();
    report.at_most("AuthZEN, time by clients, few to many", Some(ratio), 1.5);
}
