//! `check`: all that start-up and reload check, every error at once.

use clap::ValueEnum;
use serde_json::json;

use super::{Failure, Settings};
use crate::app::start::policy_options;
use crate::policy::{Diagnostic, Engine, LoadFailed, Options, tests_run};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the line that each speaks of.
    Pretty,
    /// A JSON array.
    Json,
}

/// Checks configuration, policies and policy tests.
pub fn check(settings: &Settings, format: Format) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let public = config.public_url()?;
    let options = Options { run_tests: false, ..policy_options(&config, public.issuer()) };
    let engine = match Engine::open(options) {
        Ok(engine) => engine,
        Err(LoadFailed(found)) => return Err(invalid(&found, format)),
    };
    let snapshot = engine.current();
    let warnings = snapshot.warnings();
    if format == Format::Pretty {
        for warning in warnings {
            eprintln!("{warning}");
        }
    }
    let failed = tests_run::run(&snapshot);
    if !failed.is_empty() {
        print(&failed, format);
        return Err(Failure::Tests(format!("{} policy tests failed", failed.len())));
    }
    if format == Format::Json {
        print(warnings, format);
    }
    let status = engine.status();
    eprintln!(
        "grantwood: {} is valid: {} policies, {} global scopes, {} tests passed, revision {}",
        config.policies.path.display(),
        status.policies,
        status.scopes,
        tests_run::count(&snapshot),
        status.revision
    );
    Ok(())
}

fn invalid(found: &[Diagnostic], format: Format) -> Failure {
    print(found, format);
    Failure::Invalid(format!("{} problems in the policies", found.len()))
}

fn print(found: &[Diagnostic], format: Format) {
    match format {
        Format::Pretty => found.iter().for_each(|one| println!("{one}")),
        Format::Json => {
            let rows: Vec<_> = found
                .iter()
                .map(|one| {
                    json!({
                        "severity": format!("{:?}", one.severity).to_lowercase(), "file": one.file,
                        "line": one.line, "column": one.column, "message": one.message, "hint": one.hint,
                    })
                })
                .collect();
            println!("{}", serde_json::to_string_pretty(&rows).unwrap_or_default());
        }
    }
}
