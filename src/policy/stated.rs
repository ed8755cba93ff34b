//! What a caller of the decision API states beside names: properties of subject, action and resource.
//!
//! They reach Cedar as tags of their own entities, never as attributes of the principal: a rule that wants to
//! believe them must name them, so nothing that is stated can take the place of what is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Entity, EntityUid, RestrictedExpression as Value};
use serde_json::Value as Json;

use super::facts::Pairs;
use super::names::Names;

/// Most properties of one thing.
const MOST: usize = 64;
/// Most texts of one property.
const MOST_TEXTS: usize = 64;
/// Longest name or text, in bytes.
const LONGEST: usize = 1_024;

/// Properties by name; each is a set of texts, so that one value and a list of one value are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, BTreeSet<String>>);

/// A resource as it is stated (`context.resource`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// Its type, as the caller names it.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// What is said about it.
    pub properties: Properties,
}

/// Everything that is stated about one question.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stated<'a> {
    /// The resource (`context.resource`).
    pub resource: Option<&'a Thing>,
    /// About the action (`context.action`).
    pub action: Option<&'a Properties>,
    /// About the subject (`context.subject`).
    pub subject: Option<&'a Properties>,
}

/// The same, kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedStated {
    /// The resource.
    pub resource: Option<Thing>,
    /// About the action.
    pub action: Properties,
    /// About the subject.
    pub subject: Properties,
}

impl OwnedStated {
    /// Takes a copy.
    pub fn of(stated: Stated<'_>) -> Self {
        Self {
            resource: stated.resource.cloned(),
            action: stated.action.cloned().unwrap_or_default(),
            subject: stated.subject.cloned().unwrap_or_default(),
        }
    }

    /// Lends it.
    pub fn lend(&self) -> Stated<'_> {
        let (action, subject) = (Some(&self.action), Some(&self.subject));
        Stated { resource: self.resource.as_ref(), action, subject }
    }
}

impl Properties {
    /// Those of a record.
    pub fn of_texts(texts: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self(texts)
    }

    /// Names with their texts.
    pub fn each(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(name, texts)| (name.as_str(), texts))
    }

    /// Reads a JSON object. Texts, numbers and booleans are texts; lists are sets; nested objects have names
    /// with dots, such as `library_record.isbn`; null is absent.
    ///
    /// # Errors
    /// What is too much or too long.
    pub fn of_json(object: &serde_json::Map<String, Json>) -> Result<Self, String> {
        let mut properties = Self::default();
        for (name, value) in object {
            properties.read(name, value)?;
        }
        Ok(properties)
    }

    fn read(&mut self, name: &str, value: &Json) -> Result<(), String> {
        match value {
            Json::Null => Ok(()),
            Json::Object(object) => {
                object.iter().try_for_each(|(inner, value)| self.read(&format!("{name}.{inner}"), value))
            }
            Json::Array(list) => list.iter().try_for_each(|value| match value {
                Json::Array(_) | Json::Object(_) => Err(format!("{}: a list of lists", shown(name))),
                value => self.read(name, value),
            }),
            Json::String(text) => self.insert(name, text.clone()),
            Json::Bool(_) | Json::Number(_) => self.insert(name, value.to_string()),
        }
    }

    fn insert(&mut self, name: &str, text: String) -> Result<(), String> {
        if name.len() > LONGEST || text.len() > LONGEST {
            return Err(format!("{}: longer than {LONGEST} bytes", shown(name)));
        }
        if !self.0.contains_key(name) && self.0.len() >= MOST {
            return Err(format!("more than {MOST} properties"));
        }
        let texts = self.0.entry(name.to_owned()).or_default();
        if texts.len() >= MOST_TEXTS && !texts.contains(&text) {
            return Err(format!("{}: more than {MOST_TEXTS} values", shown(name)));
        }
        texts.insert(text);
        Ok(())
    }

    /// The value of a property that has exactly one.
    pub fn one(&self, name: &str) -> Option<&str> {
        let texts = self.0.get(name)?;
        (texts.len() == 1).then(|| texts.first().map(String::as_str)).flatten()
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and of the other's those that are not among them.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut all = other.0.clone();
        all.extend(self.0.iter().map(|(name, texts)| (name.clone(), texts.clone())));
        Self(all)
    }

    fn entity(&self, uid: &EntityUid) -> Result<Entity, String> {
        let set = |texts: &BTreeSet<String>| Value::new_set(texts.iter().cloned().map(Value::new_string));
        let tags: HashMap<String, Value> =
            self.0.iter().map(|(name, texts)| (name.clone(), set(texts))).collect();
        Entity::new_with_tags(uid.clone(), [], [], tags).map_err(|error| error.to_string())
    }
}

/// A name of the caller's, short enough for a message.
fn shown(name: &str) -> String {
    super::catalog::shown(name)
}

impl Stated<'_> {
    /// Adds what is stated to a question's context and entities.
    pub(super) fn add(
        &self,
        names: &Names,
        pairs: &mut Pairs,
        entities: &mut Vec<Entity>,
    ) -> Result<(), String> {
        let text = |text: &str| Value::new_string(text.to_owned());
        let record = |fields: Vec<(String, Value)>| Value::new_record(fields).map_err(|e| e.to_string());
        let of = |uid: &EntityUid| ("properties".to_owned(), Value::new_entity_uid(uid.clone()));
        if let Some(resource) = self.resource {
            let fields = vec![
                ("type".to_owned(), text(&resource.kind)),
                ("id".to_owned(), text(&resource.id)),
                of(&names.stated_resource),
            ];
            pairs.push(("resource".to_owned(), record(fields)?));
            entities.push(resource.properties.entity(&names.stated_resource)?);
        }
        for (name, uid, stated) in
            [("action", &names.stated_action, self.action), ("subject", &names.stated_subject, self.subject)]
        {
            if let Some(properties) = stated.filter(|properties| !properties.is_empty()) {
                pairs.push((name.to_owned(), record(vec![of(uid)])?));
                entities.push(properties.entity(uid)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: Json) -> Result<Properties, String> {
        Properties::of_json(json.as_object().unwrap())
    }

    #[test]
    fn one_value_and_a_list_of_it_are_the_same() {
        let one =
            of(serde_json::json!({ "status": "archived", "soft": true, "n": 7, "none": null })).unwrap();
        let list = of(serde_json::json!({ "status": ["archived", "archived"], "soft": ["true"], "n": [7] }));
        assert_eq!(one, list.unwrap());
        let nested = of(serde_json::json!({ "a": { "b": { "c": "x" } } })).unwrap();
        assert_eq!(nested, of(serde_json::json!({ "a.b.c": "x" })).unwrap());
    }

    #[test]
    fn what_is_stated_is_bounded() {
        let many: serde_json::Map<String, Json> =
            (0..65).map(|n| (n.to_string(), Json::Bool(true))).collect();
        assert!(Properties::of_json(&many).unwrap_err().contains("64 properties"));
        assert!(of(serde_json::json!({ "x": "y".repeat(1_025) })).is_err());
        assert!(of(serde_json::json!({ "x": (0..65).collect::<Vec<_>>() })).is_err());
        assert!(of(serde_json::json!({ "x": [["y"]] })).is_err());
    }

    #[test]
    fn what_is_stated_goes_before_what_is_stored() {
        let stored = of(serde_json::json!({ "status": "active", "owner": "ann" })).unwrap();
        let stated = of(serde_json::json!({ "status": "archived" })).unwrap();
        assert_eq!(
            stated.or(&stored),
            of(serde_json::json!({ "status": "archived", "owner": "ann" })).unwrap()
        );
    }
}
