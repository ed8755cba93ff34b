//! JSON Schemas of everything that people write in YAML, made from the types that read it: for editors, for
//! `grantwood schema`, and below `/schemas/`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::config::Config;
use crate::policy::documents::{CatalogDocument, ClientDocument, GlobalDocument, RoleDocument};
use crate::policy::prove::InvariantsDocument;
use crate::policy::testing::documents::TestsDocument;

/// Each schema's name, with the documents that it is about.
pub const NAMES: [(&str, &str); 7] = [
    ("config", "config/grantwood.yaml"),
    ("catalog", "policies/catalog/*.yaml"),
    ("global", "policies/global.yaml"),
    ("client", "policies/clients/*.yaml"),
    ("role", "policies/roles/*.yaml"),
    ("tests", "policies/tests/*.yaml"),
    ("invariants", "policies/invariants/*.yaml"),
];

/// A schema by its name.
pub fn schema(name: &str) -> Option<Value> {
    let (_, about) = NAMES.iter().find(|(known, _)| *known == name)?;
    let schema = match name {
        "config" => made::<Config>(),
        "catalog" => made::<CatalogDocument>(),
        "global" => made::<GlobalDocument>(),
        "client" => made::<ClientDocument>(),
        "role" => made::<RoleDocument>(),
        "tests" => made::<TestsDocument>(),
        "invariants" => made::<InvariantsDocument>(),
        _ => return None,
    };
    let mut schema = serde_json::to_value(schema).ok()?;
    schema["title"] = json!(format!("Grantwood: {about}"));
    if let Some(examples) = examples(name) {
        schema["examples"] = examples;
    }
    Some(schema)
}

/// A schema's text, as it is printed, served and committed.
pub fn text(name: &str) -> Option<String> {
    let mut text = serde_json::to_string_pretty(&schema(name)?).ok()?;
    text.push('\n');
    Some(text)
}

fn made<T: JsonSchema>() -> schemars::Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

/// A small whole document of each kind.
fn examples(name: &str) -> Option<Value> {
    Some(match name {
        "config" => json!([{ "public_url": "https://auth.example.com", "tokens": { "access_ttl": "15m" } }]),
        "catalog" => json!([{ "content_types": { "api::form.form": { "title": "Forms", "actions": {
            "find": { "title": "List forms", "routes": ["GET /api/forms"] },
            "delete": { "title": "Delete forms", "routes": ["DELETE /api/forms/:id"], "sensitive": true },
        } } } }]),
        "global" => json!([{ "managed_by": "admin", "scopes": ["api::form.form.*"] }]),
        "client" => json!([{
            "name": "Reporting service", "type": "confidential", "grants": ["jwt-bearer"],
            "auth": "private_key_jwt", "public_keys": ["keys/reporting.pem"], "access_token_ttl": "15m",
            "scopes": ["api::form.form.find"],
        }]),
        "role" => json!([{ "title": "Editors", "actions": ["api::form.form.*"] }]),
        "tests" => json!([{ "tests": [{
            "name": "an editor may update", "client": "web-app", "grant": "code",
            "scope": "api::form.form.update", "user": { "roles": ["editor"] }, "expect": "allow",
        }] }]),
        "invariants" => json!([{ "invariants": [{
            "name": "a blocked user is never permitted", "principal": "User", "actions": ["api"],
            "when": "principal.blocked",
        }] }]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn validator(name: &str) -> jsonschema::Validator {
        jsonschema::draft202012::new(&schema(name).unwrap()).unwrap()
    }

    fn document(text: &str) -> Value {
        // Aliases and merges do not occur in our documents, so this is the whole of YAML that they use.
        serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn the_shipped_documents_fit_and_say_where_their_schema_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut seen = 0;
        for (name, about) in NAMES {
            let validator = validator(name);
            let (folder, file) = about.rsplit_once('/').unwrap();
            for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
                let found = entry.file_name().into_string().unwrap();
                if found != file && !(file == "*.yaml" && found.ends_with(".yaml")) {
                    continue;
                }
                let text = std::fs::read_to_string(entry.path()).unwrap();
                let first = text.lines().next().unwrap_or_default();
                let schema = first.strip_prefix("# yaml-language-server: $schema=");
                let schema = schema.unwrap_or_else(|| panic!("{folder}/{found} does not name its schema"));
                let target = root.join(folder).join(schema);
                assert!(target.is_file(), "{folder}/{found}: no {schema}");
                assert!(
                    schema.ends_with(&format!("{name}.json")) || name == "config",
                    "{folder}/{found}: {schema}"
                );
                let value = match text
                    .lines()
                    .all(|line| line.trim_start().starts_with('#') || line.trim().is_empty())
                {
                    true => json!({}),
                    false => document(&text),
                };
                let wrong: Vec<String> =
                    validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert!(wrong.is_empty(), "{folder}/{found}: {wrong:?}");
                seen += 1;
            }
        }
        assert!(seen >= 15, "{seen}");
    }

    #[test]
    fn examples_fit_and_broken_documents_do_not() {
        for (name, _) in NAMES {
            let validator = validator(name);
            for example in schema(name).unwrap()["examples"].as_array().unwrap() {
                assert!(validator.is_valid(example), "{name}: {example}");
            }
        }
        for (name, text) in [
            ("config", "lisen: 127.0.0.1:1\n"),
            ("config", "tokens: { access_ttl: 15 minutes }\n"),
            ("config", "tokens: { alg: none }\n"),
            ("catalog", "content_types: { 'api::a.a': { actions: { find: { route: [] } } } }\n"),
            ("catalog", "{}\n"),
            ("global", "scopes: api::form.form.find\n"),
            ("global", "scopes: []\nmanaged_by: somebody\n"),
            ("client", "name: without a type\n"),
            ("client", "type: pubic\n"),
            ("client", "type: public\nscops: []\n"),
            ("client", "type: public\ngrants: [password]\n"),
            ("client", "type: public\naccess_token_ttl: -1\n"),
            ("role", "title: x\n"),
            ("role", "actions: [1]\n"),
            ("invariants", "invariants: [{ name: x }]\n"),
            ("tests", "tests: [{ name: x }]\n"),
            ("tests", "tests: [{ name: x, expect: maybe }]\n"),
            ("tests", "tables: [{ name: x, rows: { a: [yes] } }]\n"),
        ] {
            assert!(!validator(name).is_valid(&document(text)), "{name}: {text}");
        }
        assert!(validator("client").is_valid(&document("type: public\naccess_token_ttl: 1h\n")));
    }

    #[test]
    fn everything_has_a_description() {
        fn bare(value: &Value, path: &str, found: &mut Vec<String>) {
            for (key, property) in value["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{key}");
                if property.get("description").is_none() {
                    found.push(path.clone());
                }
                bare(property, &path, found);
            }
            for (key, definition) in value["$defs"].as_object().into_iter().flatten() {
                bare(definition, &format!("{path}#{key}"), found);
            }
        }
        let mut found = Vec::new();
        NAMES.iter().for_each(|(name, _)| bare(&schema(name).unwrap(), name, &mut found));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn the_committed_schemas_are_the_generated_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, _) in NAMES {
            let path = match name {
                "config" => root.join("config/grantwood.schema.json"),
                name => root.join(format!("policies/.schemas/{name}.json")),
            };
            let text = text(name).unwrap();
            if std::env::var_os("GRANTWOOD_WRITE").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            // As documents: the order of members says nothing.
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            let same = value(&committed) == value(&text);
            assert!(same, "{}: run the test once with GRANTWOOD_WRITE=1", path.display());
        }
    }
}
