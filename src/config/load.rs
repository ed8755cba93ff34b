//! Reading settings: file, environment and flags, merged with a memory of where each came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Config, ConfigError};

/// Environment variables of the same prefix that are no settings.
const NOT_SETTINGS: [&str; 3] = ["GRANTWOOD_ADMIN_PASSWORD_FILE", "GRANTWOOD_CONFIG", "GRANTWOOD_LOCAL_USER"];

/// What settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; none = `config/grantwood.yaml` where it exists.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// `--set a.b=c`.
    pub flags: Vec<String>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A `--set` flag.
    Flag,
}

/// Origins of the keys that are not defaults, by dotted name.
pub type Origins = BTreeMap<String, Origin>;

/// The default file, beside which relative paths of a fresh clone work.
const DEFAULT_FILE: &str = "config/grantwood.yaml";

/// Reads, merges and validates all settings.
///
/// # Errors
/// Every problem that was found: unreadable file, unknown key, wrong type, a value out of bounds.
pub fn load(sources: &Sources) -> Result<(Config, Origins), ConfigError> {
    let mut origins = Origins::new();
    let mut value = match chosen_file(sources) {
        None => Value::Object(serde_json::Map::new()),
        Some(path) => read_file(&path, &mut origins)?,
    };
    let known = serde_json::to_value(Config::default()).expect("settings are plain data");
    let mut problems = Vec::new();
    for (name, text) in &sources.environment {
        let Some(path) = environment_path(name) else { continue };
        match set(&mut value, &known, &path, text) {
            Ok(()) => _ = origins.insert(path.join("."), Origin::Environment(name.clone())),
            Err(why) => problems.push(format!("{name}: {why}")),
        }
    }
    for flag in &sources.flags {
        let result = match flag.split_once('=') {
            None => Err("write --set key=value".to_owned()),
            Some((key, text)) => {
                let path: Vec<String> = key.split('.').map(ToOwned::to_owned).collect();
                set(&mut value, &known, &path, text)
                    .map(|()| _ = origins.insert(path.join("."), Origin::Flag))
            }
        };
        if let Err(why) = result {
            problems.push(format!("--set {}: {why}", flag.split('=').next().unwrap_or("")));
        }
    }
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    let mut config: Config =
        serde_json::from_value(value).map_err(|e| ConfigError(vec![format!("configuration: {e}")]))?;
    read_database_url(&mut config)?;
    config.validate()?;
    Ok((config, origins))
}

fn chosen_file(sources: &Sources) -> Option<PathBuf> {
    sources.file.clone().or_else(|| {
        let path = PathBuf::from(DEFAULT_FILE);
        path.exists().then_some(path)
    })
}

/// Reads the file twice: into the typed form for errors with line and column, and as plain data to merge.
fn read_file(path: &Path, origins: &mut Origins) -> Result<Value, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| ConfigError(vec![format!("{shown}: {e}")]))?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    // A snippet in the error could show a secret of a neighbouring line.
    let options = serde_yaml::options! { with_snippet: false };
    let _typed: Config = serde_yaml::from_str_with_options(&text, options.clone()).map_err(|e| {
        ConfigError(vec![format!("{shown}: {}{}", key_at(&text, &e), described(&e.to_string()))])
    })?;
    let value: Value = serde_yaml::from_str_with_options(&text, options)
        .map_err(|e| ConfigError(vec![format!("{shown}: {e}")]))?;
    note_origins(&value, &mut Vec::new(), &mut |key| {
        origins.insert(key, Origin::File(path.to_owned()));
    });
    Ok(value)
}

/// The key on the line of an error; never its value, which could be a secret.
fn key_at(text: &str, error: &serde_yaml::Error) -> String {
    let line = error.location().and_then(|at| text.lines().nth((at.line() as usize).saturating_sub(1)));
    line.and_then(|line| line.split_once(':'))
        .map(|(key, _)| key.trim())
        .filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .map_or_else(String::new, |key| format!("{key}: "))
}

/// Adds "did you mean" to an unknown key.
fn described(error: &str) -> String {
    let Some(unknown) = error.split("unknown field `").nth(1).and_then(|rest| rest.split('`').next()) else {
        return error.to_owned();
    };
    let known = serde_json::to_value(Config::default()).expect("settings are plain data");
    let mut names = Vec::new();
    note_origins(&known, &mut Vec::new(), &mut |key| names.extend(key.split('.').map(ToOwned::to_owned)));
    match crate::oauth::similar(unknown, names.iter().map(String::as_str)) {
        Some(name) => format!("{error}; did you mean {name}?"),
        None => error.to_owned(),
    }
}

fn note_origins(value: &Value, path: &mut Vec<String>, note: &mut impl FnMut(String)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                path.push(key.clone());
                note_origins(member, path, note);
                path.pop();
            }
        }
        _ => note(path.join(".")),
    }
}

/// `GRANTWOOD_DATABASE__URL` → `database.url`; nothing for other variables.
fn environment_path(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix("GRANTWOOD_")?;
    if NOT_SETTINGS.contains(&name) || rest.starts_with("TEST_") {
        return None;
    }
    Some(rest.split("__").map(str::to_ascii_lowercase).collect())
}

/// Puts a text at a dotted place, in the type that the default has there.
fn set(value: &mut Value, known: &Value, path: &[String], text: &str) -> Result<(), String> {
    let mut shape = known;
    for key in path {
        shape = shape.get(key).ok_or_else(|| unknown_key(known, path))?;
    }
    let parsed = match shape {
        Value::Object(_) => return Err("names a group of settings, not a setting".to_owned()),
        Value::Array(_) => return Err("is a list, which is set in the file only".to_owned()),
        Value::Bool(_) => text.parse().map(Value::Bool).map_err(|_| "is true or false".to_owned())?,
        // Durations are numbers here too, and may be written as 15m.
        Value::Number(_) => super::Seconds::parse(text)
            .map(|seconds| Value::from(seconds.0))
            .ok_or_else(|| "is a number, or a duration such as 15m".to_owned())?,
        Value::Null | Value::String(_) => Value::String(text.to_owned()),
    };
    let mut place = value;
    for key in path {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        let members = place.as_object_mut().expect("made an object just now");
        place = members.entry(key.clone()).or_insert(Value::Null);
    }
    *place = parsed;
    Ok(())
}

fn unknown_key(known: &Value, path: &[String]) -> String {
    let mut names = Vec::new();
    note_origins(known, &mut Vec::new(), &mut |key| names.push(key));
    let key = path.join(".");
    match crate::oauth::similar(&key, names.iter().map(String::as_str)) {
        Some(name) => format!("unknown setting {key}; did you mean {name}?"),
        None => format!("unknown setting {key}"),
    }
}

fn read_database_url(config: &mut Config) -> Result<(), ConfigError> {
    let Some(path) = &config.database.url_file else { return Ok(()) };
    if config.database.url.is_some() {
        return Err(ConfigError(vec!["database.url and database.url_file are both set".to_owned()]));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| ConfigError(vec![format!("database.url_file {}: {e}", path.display())]))?;
    config.database.url = Some(text.trim_end().to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(environment: &[(&str, &str)], flags: &[&str]) -> Result<(Config, Origins), ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        load(&Sources {
            file: Some(file.path().to_owned()),
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
        })
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment = [("GRANTWOOD_TOKENS__ACCESS_TTL", "15m"), ("GRANTWOOD_LISTEN", "127.0.0.1:1")];
        let (config, origins) = from(&environment, &["listen=127.0.0.1:2"]).unwrap();
        assert_eq!(config.tokens.access_ttl.0, 900);
        assert_eq!(config.listen, "127.0.0.1:2");
        assert_eq!(origins["listen"], Origin::Flag);
    }

    #[test]
    fn bb5_unknown_keys_are_refused_with_a_hint() {
        let problem = from(&[("GRANTWOOD_LISTN", "x")], &[]).unwrap_err();
        assert!(problem.to_string().contains("did you mean listen?"), "{problem}");
        assert!(from(&[], &["tokens=1"]).is_err());
        assert!(from(&[], &["server.trusted_proxies=1"]).is_err());
    }

    #[test]
    fn bb5_a_typo_in_the_file_names_its_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "tokens:\n  acess_ttl: 5\n").unwrap();
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let problem = load(&sources).unwrap_err().to_string();
        assert!(problem.contains("acess_ttl") && problem.contains("did you mean access_ttl?"), "{problem}");
    }
}
