//! `config show`: the settings in force and where each came from.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Failure, Settings};
use crate::config::Origin;

/// Subcommands of `config`.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its value and origin; secrets as ***.
    Show {
        /// How to print them.
        #[arg(long, default_value = "table")]
        format: Format,
    },
}

/// Carries a subcommand out.
pub fn config(settings: &Settings, command: &ConfigCommand) -> Result<(), Failure> {
    let ConfigCommand::Show { format } = command;
    let (config, origins) = settings.load()?;
    let value = serde_json::to_value(&config).map_err(|e| Failure::Fault(e.to_string()))?;
    let mut rows = Vec::new();
    flatten(&value, "", &mut |key, value| {
        let origin = match origins.get(key) {
            None | Some(Origin::Default) => "default".to_owned(),
            Some(Origin::File(path)) => path.display().to_string(),
            Some(Origin::Environment(name)) => name.clone(),
            Some(Origin::Flag) => "--set".to_owned(),
        };
        let shown = if key == "database.url" && !value.is_null() { json!("***") } else { value.clone() };
        rows.push(json!({ "key": key, "value": shown, "origin": origin }));
    });
    output::rows(*format, &["key", "value", "origin"], &rows);
    Ok(())
}

fn flatten(value: &Value, prefix: &str, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(member, &key, each);
            }
        }
        _ => each(prefix, value),
    }
}
