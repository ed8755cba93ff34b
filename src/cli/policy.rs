//! `policy …`: what the documents compile to.

use clap::Subcommand;
use serde_json::json;

use super::output::Format;
use super::{Failure, Settings};
use crate::app::policy_source::options;
use crate::policy::check::load_once;
use crate::policy::{Engine, table};

/// Subcommands of `policy`.
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Print the Cedar of a document, of a policy id, or of everything in force.
    Show {
        /// A policy id such as client.reporting, a file such as policies/clients/reporting.yaml, or part of
        /// either; absent = all.
        what: Option<String>,
        /// How to print it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Print the schema that rules are written against.
    Schema,
    /// Print all that is permitted: client × grant × scope and role × action, with the deciding policies.
    Table,
}

/// Carries a subcommand out.
pub fn policy(settings: &Settings, command: PolicyCommand) -> Result<(), Failure> {
    let (config, _) = settings.load()?;
    let public = config.public_url()?;
    let options = options(&config, public.issuer()).map_err(Failure::Invalid)?;
    let engine = Engine::open(options.clone()).map_err(|failed| Failure::Invalid(failed.to_string()))?;
    let snapshot = engine.current();
    match command {
        // Made from a set of its own, since it is asked with an eye on every policy.
        PolicyCommand::Table => {
            let snapshot = load_once(&options).map_err(|failed| Failure::Invalid(failed.to_string()))?;
            print!("{}", table(snapshot));
        }
        PolicyCommand::Schema => print!("{}", snapshot.schema_text()),
        PolicyCommand::Show { what, format } => {
            let wanted = |id: &str, source: &str| {
                what.as_deref().is_none_or(|what| id.contains(what) || source.contains(what))
            };
            let found: Vec<_> = snapshot.policies().filter(|one| wanted(&one.id, &one.source)).collect();
            if found.is_empty() {
                return Err(Failure::Usage(format!(
                    "no policy has {:?} in its id or source",
                    what.unwrap_or_default()
                )));
            }
            if format == Format::Json {
                let rows: Vec<_> = found
                    .iter()
                    .map(|one| json!({ "id": one.id, "source": one.source, "text": one.text }))
                    .collect();
                println!("{}", serde_json::to_string_pretty(&rows).unwrap_or_default());
                return Ok(());
            }
            for one in found {
                println!("// {} from {}\n{}\n", one.id, one.source, one.text.trim());
            }
        }
    }
    Ok(())
}
