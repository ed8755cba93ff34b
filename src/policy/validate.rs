//! Strict validation, one policy at a time, remembered: Cedar validates each policy by itself, so what was
//! valid under the same schema is still valid, and a small edit of a large set is quick.

use std::collections::HashSet;
use std::str::FromStr as _;

use cedar_policy::{Policy, PolicySet, Schema, ValidationMode, Validator};
use sha2::{Digest as _, Sha256};

use super::check::codes;
use super::diagnostics::Diagnostic;
use super::rules::{Origin, place};

/// How far a policy may look: the entities that a question names, and no further. This is what bounds the
/// entities that a decision needs.
const LEVEL: u32 = 1;

type Key = [u8; 32];

/// What is known to be valid, from one load to the next.
#[derive(Debug, Default)]
pub struct Cache {
    schema: Option<(String, Schema)>,
    valid: HashSet<Key>,
}

/// Validates under one schema.
pub struct Checker<'a> {
    cache: &'a mut Cache,
    used: HashSet<Key>,
    seed: Key,
    validator: Validator,
}

impl Cache {
    /// Starts a load: parses the schema unless it is the one of the last load. An error is one text.
    pub fn checker(&mut self, schema_text: &str) -> Result<(Checker<'_>, Schema), String> {
        let schema = match &self.schema {
            Some((text, schema)) if text == schema_text => schema.clone(),
            _ => Schema::from_str(schema_text).map_err(|error| error.to_string())?,
        };
        self.schema = Some((schema_text.to_owned(), schema.clone()));
        let seed = Sha256::digest(schema_text.as_bytes()).into();
        let validator = Validator::new(schema.clone());
        Ok((Checker { cache: self, used: HashSet::new(), seed, validator }, schema))
    }
}

impl Checker<'_> {
    /// Validates a policy; its shape is what the answer depends on. Warnings count as errors.
    pub fn check(
        &mut self,
        policy: &Policy,
        shape: &str,
        origin: Option<(&Origin, &str)>,
    ) -> Vec<Diagnostic> {
        let key = self.key(shape);
        if self.used.contains(&key) {
            return Vec::new();
        }
        if !self.cache.valid.contains(&key) {
            let found = self.validate(policy, origin);
            if !found.is_empty() {
                return found;
            }
        }
        self.used.insert(key);
        Vec::new()
    }

    /// Whether a policy of this shape is known to be valid, so that it need not even be parsed.
    pub fn knows(&mut self, shape: &str) -> bool {
        let key = self.key(shape);
        let known = self.used.contains(&key) || self.cache.valid.contains(&key);
        if known {
            self.used.insert(key);
        }
        known
    }

    fn key(&self, shape: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(shape.as_bytes());
        hash.finalize().into()
    }

    fn validate(&self, policy: &Policy, origin: Option<(&Origin, &str)>) -> Vec<Diagnostic> {
        let whole = |message: String| vec![Diagnostic::file(policy.id().to_string(), message)];
        let set = match PolicySet::from_policies([policy.clone()]) {
            Ok(set) => set,
            Err(error) => return whole(error.to_string()),
        };
        let result = self.validator.validate_with_level(&set, ValidationMode::Strict, LEVEL);
        let (file, text, base) =
            origin.map_or(("", "", 0), |(origin, text)| (origin.file.as_str(), text, origin.offset));
        let mut found: Vec<Diagnostic> =
            result.validation_errors().map(|error| place(file, text, base, error)).collect();
        found.extend(result.validation_warnings().map(|warning| place(file, text, base, warning)));
        found.iter_mut().for_each(|d| d.message = plain(&d.message));
        never_applies(&mut found);
        if origin.is_none() {
            found.iter_mut().for_each(|d| d.file = policy.id().to_string());
        }
        found
    }

    /// Ends a load: only what this load used is remembered.
    pub fn finish(self) {
        self.cache.valid = self.used;
    }
}

/// Cedar's words without the policy's id, which the place says already.
fn plain(message: &str) -> String {
    match message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => message.to_owned(),
    }
}

/// "Can never apply" mostly follows from another mistake; alone, it is said once and explained.
fn never_applies(found: &mut Vec<Diagnostic>) {
    const FOLLOWS: [&str; 2] = ["unable to find an applicable action", "policy is impossible"];
    let follows = |d: &Diagnostic| FOLLOWS.iter().any(|text| d.message.starts_with(text));
    if !found.iter().all(follows) {
        found.retain(|d| !follows(d));
    } else if let Some(first) = found.first_mut() {
        first.message = "the policy can never apply".to_owned();
        first.code = codes::NEVER_APPLIES;
        first.hint = Some("does its action exist for this type of principal and of resource?".into());
        found.truncate(1);
    }
}
