//! The decision API: single evaluations and batches, by the name of a user and with a resource of its own.

use std::time::Duration;

use serde_json::json;

use crate::load::{Plan, Shot, run};
use crate::report::Report;
use crate::setup::{self, Bench, Site};

/// Items of a batch.
const BATCH: usize = 100;

/// Evaluations per CPU-second, one at a time and in batches, against the framework's own floor.
pub fn evaluations(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    site.write_document("decisions", "admin:decision.evaluate");
    let server = site.start();
    let grant = site.grants("decisions", 1).pop().expect("one");
    let token = setup::access_token(&run(&server, Plan::Each(vec![grant]), 1, true).bodies[0]);
    let authorization = format!("Bearer {token}");
    let item = |id: usize| json!({ "resource": { "type": "api::form.form", "id": id.to_string() } });
    let about = json!({ "subject": { "type": "user", "id": "admin" }, "action": { "name": "findOne" },
        "resource": { "type": "api::form.form", "id": "42" } });
    let mut many = about.clone();
    many["evaluations"] = (0..BATCH).map(item).collect();
    let time = Duration::from_secs(bench.seconds);
    let shot = |path: &str, body: &serde_json::Value| {
        Plan::Repeat(Shot::json(path, body).authorized(&authorization), time)
    };
    let single = run(&server, shot("/access/v1/evaluation", &about), bench.connections, false);
    report.row("AuthZEN, one evaluation", &single);
    let batch = run(&server, shot("/access/v1/evaluations", &many), bench.connections, false);
    report.row("AuthZEN, a batch of 100 evaluations", &batch);
    let decisions = batch.per_cpu_second() * BATCH as f64;
    report.figure("AuthZEN, decisions of batches", &format!("{decisions:.0}"));
    // 10,000 evaluations and 20,000 decisions where the floor carries 190,000.
    let of_floor = |value: f64| report.kept("floor").map(|floor| value / floor);
    let (single, decisions) = (of_floor(single.per_cpu_second()), of_floor(decisions));
    report.at_least("AuthZEN evaluation, of the floor", single, 0.053);
    report.at_least("AuthZEN decisions of batches, of the floor", decisions, 0.105);
}
