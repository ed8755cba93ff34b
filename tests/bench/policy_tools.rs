//! What the commands of policy editors cost: `check` of a large folder, and policy tests.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use crate::report::Report;
use crate::setup::{Bench, Site};

/// Rules of the large folder.
const RULES: usize = 200;
/// Columns of the table of tests.
const COLUMNS: usize = 1_000;

/// `check` of 1,000 client documents and 200 rules; `test` of 40,000 cases.
pub fn commands(bench: &Bench, report: &mut Report) {
    let site = Site::new("RS256");
    let mut rules = String::new();
    for number in 0..RULES {
        let _ = writeln!(
            rules,
            "@id(\"bench.r{number}\")\nforbid (principal in ClientGroup::\"g{number}\", action in Action::\"grant\", \
             resource)\nwhen {{ context.ttl > duration(\"{}s\") && !context.ip.isLoopback() }};\n",
            60 + number
        );
    }
    std::fs::write(site.policies().join("rules/bench.cedar"), rules).expect("written");
    for number in 0..bench.documents {
        let text = format!(
            "name: Bench {number}\ntype: confidential\ngrants: [jwt-bearer]\ngroups: [g{}]\nscopes:\n  - \
             api::form.form.find\n  - api::form.form.findOne\n  - api::invoice.invoice.find\n",
            number % RULES
        );
        std::fs::write(site.policies().join(format!("clients/bench{number}.yaml")), text).expect("written");
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
        let began = Instant::now();
        let output =
            command.current_dir(site.policies().join("..")).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        (began.elapsed().as_secs_f64(), output.stdout)
    };
    let (seconds, _) = run(&["check", "policies"]);
    report.figure(
        &format!("check of {} clients and {RULES} rules, seconds", bench.documents),
        &format!("{seconds:.2}"),
    );
    report.at_most("check of 1,000 clients and 200 rules, s", Some(seconds), 2.0);

    let columns = COLUMNS.min(bench.documents);
    let names: Vec<String> = (0..columns).map(|number| format!("bench{number}")).collect();
    let row = |answer: &str| vec![answer; columns].join(", ");
    let mut table = String::from("tables:\n");
    for grant in ["5m", "6m", "7m", "8m", "9m"] {
        let _ =
            writeln!(table, "  - name: ttl {grant}\n    grant: jwt-bearer\n    context: {{ ttl: {grant} }}");
        let _ = writeln!(table, "    clients: [{}]\n    rows:", names.join(", "));
        for (scope, answer) in [
            ("form.form.find", "allow"),
            ("form.form.findOne", "allow"),
            ("form.form.create", "deny"),
            ("form.form.update", "deny"),
            ("invoice.invoice.find", "allow"),
            ("invoice.invoice.findOne", "deny"),
            ("invoice.invoice.create", "deny"),
            ("invoice.invoice.approve", "deny"),
        ] {
            let _ = writeln!(table, "      api::{scope}: [{}]", row(answer));
        }
    }
    std::fs::write(site.policies().join("tests/bench.yaml"), table).expect("written");
    let (_, output) = run(&["test", "policies", "--format", "json"]);
    let result: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
    let cases = result["passed"].as_f64().unwrap_or_default();
    let rate = cases / result["seconds"].as_f64().unwrap_or(f64::MAX);
    report.figure(&format!("policy tests, cases a second (of {cases})"), &format!("{rate:.0}"));
    report.at_least("policy tests, cases a second", Some(rate), 20_000.0);
}
