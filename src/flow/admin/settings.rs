//! The settings in force and where each came from, with what is secret masked.

use serde_json::{Value, json};

use crate::app::App;
use crate::config::Origin;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::reject::Stop;
use crate::policy::{AdminResource, admin};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// Its value; `***` where it may hold a secret.
    pub value: Value,
    /// Where it came from: `default`, a file, a variable, or `--set`.
    pub origin: String,
}

/// Settings whose values are secrets or may hold one.
const MASKED: [&str; 1] = ["database.url"];

/// Every setting.
///
/// # Errors
/// Missing permission.
pub fn list(app: &App, ask: &Ask, caller: &Caller) -> Result<Vec<Setting>, Stop> {
    let snapshot = app.policies.current();
    caller::permitted(app, ask, &snapshot, caller, admin::SETTINGS_READ, AdminResource::Server)?;
    let value = serde_json::to_value(&app.config).unwrap_or(Value::Null);
    let mut settings = Vec::new();
    flatten(&value, "", &mut |key, value| {
        let origin = match app.origins.get(key) {
            None | Some(Origin::Default) => "default".to_owned(),
            Some(Origin::File(path)) => path.display().to_string(),
            Some(Origin::Environment(name)) => name.clone(),
            Some(Origin::Flag) => "--set".to_owned(),
        };
        let masked = MASKED.contains(&key) && !value.is_null();
        let value = if masked { json!("***") } else { value.clone() };
        settings.push(Setting { key: key.to_owned(), value, origin });
    });
    Ok(settings)
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
