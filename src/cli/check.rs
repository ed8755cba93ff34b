//! `check`: all that start-up and reload check, and the lints, every finding at once. Policy tests are a part of that
//! where start-up runs them; otherwise they are `test`'s.

use clap::Args;

use super::report::{self, Format};
use super::target::Target;
use super::{Failure, Settings};
use crate::app::keys::check_key_files;
use crate::app::trusted;
use crate::config::Config;
use crate::pages::Pages;
use crate::policy::check::{Checked, check as check_policies, codes};
use crate::policy::{Diagnostic, Options, Severity};

/// Arguments of `check`.
#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    target: Target,
    /// How to print what was found.
    #[arg(long, default_value = "pretty")]
    format: Format,
    /// Run the policy tests as well, as start-up and reload do where the settings have policies.run_tests.
    #[arg(long)]
    tests: bool,
    /// Warnings are errors.
    #[arg(long, alias = "strict")]
    deny_warnings: bool,
}

/// Checks configuration and policies; runs the policy tests where the settings or the arguments say so.
pub fn check(settings: &Settings, args: &CheckArgs) -> Result<(), Failure> {
    let (config, mut found) = configuration(settings);
    let issuer = config.public_url().map(|public| public.issuer().to_owned());
    found
        .extend(issuer.as_ref().err().into_iter().flat_map(|error| error.0.iter().map(|text| setting(text))));
    let issuer = issuer.unwrap_or_else(|_| format!("http://{}", config.listen));
    let options = args.target.options(&config, &issuer)?;
    let options = Options { run_tests: args.tests || config.policies.run_tests, ..options };
    let Checked { found: more, tests, snapshot } = check_policies(&options);
    found.extend(more);
    let failed: Vec<&Diagnostic> = tests.iter().filter_map(|outcome| outcome.failure.as_ref()).collect();
    found.extend(failed.iter().copied().cloned());
    report::findings(&found, args.format);

    let failures = failed.len();
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count() - failures;
    let warnings = found.len() - errors - failures;
    let title = options.tree.title();
    if errors > 0 || (args.deny_warnings && warnings > 0) {
        let more = if failures > 0 { format!(", {failures} policy tests failed") } else { String::new() };
        return Err(Failure::Invalid(format!("{title}: {errors} errors, {warnings} warnings{more}")));
    }
    if failures > 0 {
        return Err(Failure::Tests(format!("{title}: {failures} of {} policy tests failed", tests.len())));
    }
    if let Some(snapshot) = snapshot {
        let ran = match options.run_tests {
            true => format!("{} tests passed", tests.len()),
            false => "tests not run (grantwood test)".to_owned(),
        };
        eprintln!(
            "grantwood: {title} is valid: {} policies, {} global scopes, {warnings} warnings, {ran}, revision {}",
            snapshot.policy_count(),
            snapshot.global().scopes.len(),
            snapshot.revision()
        );
    }
    Ok(())
}

/// The settings, or the defaults beside what is wrong with them, so that the policies are looked at all the same.
fn configuration(settings: &Settings) -> (Config, Vec<Diagnostic>) {
    match settings.read() {
        Ok((config, _)) => {
            let mut found = check_key_files(&config);
            found.extend(trusted::load(&config).err().unwrap_or_default());
            // What the server does before it opens anything.
            let pages = Pages::open(config.pages.templates.as_deref());
            found.extend(pages.err().map(|why| format!("pages.templates: {why}")));
            (config, found.iter().map(|text| setting(text)).collect())
        }
        Err(error) => (Config::default(), error.0.iter().map(|text| setting(text)).collect()),
    }
}

/// A wrong setting. The text begins with the file where the setting stands in one.
fn setting(text: &str) -> Diagnostic {
    let file = text.split_once(": ").filter(|(file, _)| std::path::Path::new(file).is_file());
    let (file, message) = file.unwrap_or(("configuration", text));
    Diagnostic::file(file, message).code(codes::CONFIG)
}
