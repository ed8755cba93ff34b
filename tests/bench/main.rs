//! The benchmark: `cargo bench --bench load [-- name …]`, figures per CPU-second of the server.
//!
//! The load generator runs beside the server on the same machine, so requests per second of wall time say little;
//! what counts is what a second of the server's own processor time carries. Every measurement is one function of
//! `measure`; `report` holds them against the targets. `--quick` takes a tenth of the load.

mod authzen;
mod decisions;
mod floor;
mod flows;
mod forward_auth;
mod limits;
mod load;
mod measure;
mod pages;
mod policy_plan;
mod policy_tools;
mod process;
mod report;
mod rows;
mod setup;

use report::Report;

/// Every measurement by the name that the command line takes.
type Measurement = fn(&setup::Bench, &mut Report);

const ALL: [(&str, Measurement); 20] = [
    ("floor", measure::floor),
    ("limits", measure::limits),
    ("tokens", measure::tokens),
    ("flows", flows::flows),
    ("introspection", measure::introspection),
    ("storm", flows::storm),
    ("start", measure::start_and_memory),
    ("reload", measure::reload),
    ("rows", measure::introspection_by_rows),
    ("clients", measure::decision_by_clients),
    ("plan", policy_plan::plan),
    ("forward-auth", forward_auth::decisions),
    ("forward-auth-clients", forward_auth::by_clients),
    ("forward-auth-routes", forward_auth::by_routes),
    ("nginx", forward_auth::nginx),
    ("decisions", decisions::cost),
    ("policy-tools", policy_tools::commands),
    ("authzen", authzen::evaluations),
    ("authzen-clients", authzen::by_clients),
    ("pages", pages::pages),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, address] = arguments.as_slice()
        && flag == "--floor"
    {
        return floor::serve(address);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !ALL.iter().any(|(known, _)| known == **name)) {
        eprintln!("no measurement {unknown}; there are: {}", ALL.map(|(name, _)| name).join(" "));
        std::process::exit(2);
    }
    let bench = setup::Bench::new(quick);
    let mut report = Report::default();
    for (name, measure) in ALL {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            eprintln!("measuring {name} …");
            measure(&bench, &mut report);
        }
    }
    report.print();
}
