//! How findings and test results are printed: for people, for programs, for pull requests.

mod github;
mod junit;
mod sarif;

use clap::ValueEnum;
use serde_json::{Value, json};

pub use junit::junit;

use crate::policy::{Diagnostic, Severity};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the line that each speaks of.
    Pretty,
    /// A JSON array.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// Prints findings to standard output.
pub fn findings(found: &[Diagnostic], format: Format) {
    match format {
        Format::Pretty => found.iter().for_each(|one| println!("{one}\n")),
        Format::Json => print_json(&found.iter().map(row).collect::<Vec<_>>()),
        Format::Github => found.iter().for_each(|one| println!("{}", github::annotation(one))),
        Format::Sarif => print_json(&sarif::log(found)),
    }
}

/// `warning` or `error`.
pub fn word(severity: Severity) -> &'static str {
    if severity == Severity::Error { "error" } else { "warning" }
}

/// Prints a document of JSON.
pub fn print_json(value: &impl serde::Serialize) {
    println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
}

fn row(one: &Diagnostic) -> Value {
    json!({
        "code": one.code, "severity": word(one.severity), "file": one.file, "line": one.line,
        "column": one.column, "message": one.message, "hint": one.hint,
    })
}

/// A path from the working folder, where the file is below it: what annotations and SARIF want.
fn relative(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = std::path::Path::new(file);
    let path = path.strip_prefix(&here).unwrap_or(path);
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
