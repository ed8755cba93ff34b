//! `test`: the policy tests, what they leave out, and again at every change.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::report;
use super::target::Target;
use super::{Failure, Settings};
use crate::policy::check::load_once;
use crate::policy::testing::coverage::{self, Counted, Coverage};
use crate::policy::testing::{Outcome, Suite};
use crate::policy::{Options, watch};

/// Arguments of `test`.
#[derive(Args)]
pub struct TestArgs {
    #[command(flatten)]
    target: Target,
    /// Only cases whose name or file has this in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Say which policies and conditions no case exercises: of the folder, or also of the server itself.
    #[arg(long, value_name = "OF", num_args = 0..=1, default_missing_value = "folder", require_equals = true)]
    coverage: Option<CoverageOf>,
    /// Fail where a policy or condition that is counted is not exercised.
    #[arg(long, requires = "coverage")]
    require_coverage: bool,
    /// Run again at every change, until interrupted.
    #[arg(long)]
    watch: bool,
    /// How to print the results.
    #[arg(long, default_value = "pretty")]
    format: TestFormat,
}

/// What coverage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CoverageOf {
    /// Rules and documents.
    Folder,
    /// And the server's own policies.
    All,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// What failed, and a summary.
    Pretty,
    /// One JSON object.
    Json,
    /// JUnit's XML.
    Junit,
}

/// Runs the tests.
pub fn test(settings: &Settings, args: &TestArgs) -> Result<(), Failure> {
    let options = args.target.options_of(settings)?;
    if !args.watch {
        return once(&options, args);
    }
    let Some(folder) = options.tree.folder().map(ToOwned::to_owned) else {
        return Err(Failure::Usage(
            "--watch is for folders: a commit or a bundle does not change".to_owned(),
        ));
    };
    let (sender, changes) = channel();
    let changed = move || {
        let _ = sender.send(());
    };
    let _thread = watch::watch(folder, Arc::new(AtomicBool::new(false)), changed)?;
    loop {
        if let Err(failure) = once(&options, args) {
            let text = match failure {
                Failure::Tests(text) | Failure::Invalid(text) => text,
                fatal => return Err(fatal),
            };
            eprintln!("grantwood: {text}");
        }
        eprintln!("grantwood: watching {}", options.tree.title());
        if changes.recv().is_err() {
            return Ok(());
        }
    }
}

fn once(options: &Options, args: &TestArgs) -> Result<(), Failure> {
    let snapshot = load_once(options).map_err(|failed| Failure::Invalid(failed.to_string()))?;
    let began = Instant::now();
    let (outcomes, coverage) = match args.coverage {
        None => (Suite::of(&snapshot, args.filter.as_deref()).run(), None),
        Some(of) => {
            let counted = if of == CoverageOf::All { Counted::All } else { Counted::Folder };
            let (outcomes, coverage) = coverage::run(snapshot, args.filter.as_deref(), counted);
            (outcomes, Some(coverage))
        }
    };
    let took = began.elapsed();
    if let (Some(filter), true) = (&args.filter, outcomes.is_empty()) {
        return Err(Failure::Usage(format!("no policy test has {filter:?} in its name")));
    }
    print(&outcomes, coverage.as_ref(), took, args.format);
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    if failed > 0 {
        return Err(Failure::Tests(format!("{failed} of {} policy tests failed", outcomes.len())));
    }
    let gaps = coverage.map_or(0, |coverage| coverage.gaps.len());
    if args.require_coverage && gaps > 0 {
        return Err(Failure::Tests(format!("{gaps} gaps in the coverage")));
    }
    Ok(())
}

fn print(outcomes: &[Outcome], coverage: Option<&Coverage>, took: Duration, format: TestFormat) {
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.failure.as_ref()).collect();
    match format {
        TestFormat::Junit => print!("{}", report::junit(outcomes, took)),
        TestFormat::Json => {
            let cases: Vec<_> = outcomes
                .iter()
                .map(|one| {
                    let failure = one.failure.as_ref();
                    json!({
                        "name": one.name, "file": one.file, "passed": failure.is_none(),
                        "line": failure.map(|f| f.line), "message": failure.map(|f| &f.message),
                    })
                })
                .collect();
            let gaps = |coverage: &Coverage| {
                let gap = |gap: &coverage::Gap| json!({ "policy": gap.policy, "place": gap.place, "what": gap.what });
                coverage.gaps.iter().map(gap).collect::<Vec<_>>()
            };
            report::print_json(&json!({
                "passed": outcomes.len() - failed.len(), "failed": failed.len(),
                "seconds": took.as_secs_f64(), "cases": cases,
                "coverage": coverage.map(|coverage| json!({
                    "policies": coverage.policies, "applied": coverage.applied,
                    "outcomes": coverage.outcomes, "seen": coverage.seen, "gaps": gaps(coverage),
                })),
            }));
        }
        TestFormat::Pretty => {
            failed.iter().for_each(|failure| println!("{failure}\n"));
            println!(
                "{} passed, {} failed, {:.0} ms",
                outcomes.len() - failed.len(),
                failed.len(),
                took.as_secs_f64() * 1_000.0
            );
            if let Some(coverage) = coverage {
                print_coverage(coverage);
            }
        }
    }
}

fn print_coverage(coverage: &Coverage) {
    println!(
        "coverage: {} of {} policies applied, {} of {} outcomes of conditions seen",
        coverage.applied, coverage.policies, coverage.seen, coverage.outcomes
    );
    for gap in &coverage.gaps {
        println!("  {}: {}: {}", gap.place, gap.policy, gap.what);
    }
}
