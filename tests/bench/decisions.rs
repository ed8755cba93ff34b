//! What the decision log costs: introspection where every token is asked about anew, without and with a log file.

use crate::load::{Plan, Shot, run};
use crate::report::Report;
use crate::setup::{Bench, Site, access_token};

/// Throughput of introspection with the log on, as a part of that without it. Each once to warm up, then in turn.
pub fn cost(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    let process = site.start();
    let client = site.client();
    let issued =
        run(&process, Plan::Each(site.grants(&client.id, bench.assertions)), bench.connections, true);
    let tokens: Vec<String> = issued.bodies.iter().map(|body| access_token(body)).collect();
    assert!(!tokens.is_empty(), "no token was issued:\n{}", site.log());
    drop(process);
    let log = site.policies().with_file_name("decisions.jsonl").display().to_string();
    let on = [("GRANTWOOD_DECISIONS__FILE", log.as_str())];
    let mut best = [0.0_f64; 2];
    for _ in 0..3 {
        for (at, environment) in [&[][..], &on[..]].into_iter().enumerate() {
            // A new process knows none of the tokens.
            let process = site.start_with(environment);
            let shots: Vec<Shot> = tokens.iter().map(|token| site.introspection(&client, token)).collect();
            let outcome = run(&process, Plan::Each(shots), bench.connections, false);
            best[at] = best[at].max(outcome.per_cpu_second());
            let what = ["introspection anew, no decision log", "introspection anew, decision log to a file"];
            report.row(what[at], &outcome);
        }
    }
    report.at_least("introspection with the decision log, of that without", Some(best[1] / best[0]), 0.95);
}
