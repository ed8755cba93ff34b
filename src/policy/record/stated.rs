//! What a caller of the decision API stated, as the log keeps it: names of properties, and values of those only that the
//! operator declared harmless.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::MAX_SEGMENT;
use crate::policy::stated::{OwnedStated, Properties, Stated, Thing};

/// Names with their values; a value that may not be kept is left out, its name stays.
type Kept = BTreeMap<String, BTreeSet<String>>;

/// What was stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedRecord {
    /// The type of the resource, as the caller named it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The resource's id; `~` = longer than an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// About the resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    resource: Kept,
    /// About the action.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    action: Kept,
    /// About the subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    subject: Kept,
}

impl StatedRecord {
    /// Writes down what was stated; none = nothing was.
    pub(super) fn of(stated: Stated<'_>, harmless: &[String]) -> Option<Self> {
        let short = |text: &str| if text.len() > MAX_SEGMENT { "~".to_owned() } else { text.to_owned() };
        let kept = |properties: &Properties| -> Kept {
            let values =
                |name: &str, texts: &BTreeSet<String>| match harmless.iter().any(|known| known == name) {
                    true => texts.iter().filter(|text| text.len() <= MAX_SEGMENT).cloned().collect(),
                    false => BTreeSet::new(),
                };
            properties.each().map(|(name, texts)| (short(name), values(name, texts))).collect()
        };
        let record = Self {
            kind: stated.resource.map(|thing| short(&thing.kind)),
            id: stated.resource.map(|thing| short(&thing.id)),
            resource: stated.resource.map(|thing| kept(&thing.properties)).unwrap_or_default(),
            action: stated.action.map(kept).unwrap_or_default(),
            subject: stated.subject.map(kept).unwrap_or_default(),
        };
        (record != Self::default()).then_some(record)
    }

    /// What was stated, as far as it was kept.
    pub(super) fn stated(&self) -> OwnedStated {
        let properties = |kept: &Kept| Properties::of_texts(kept.clone());
        let resource = self.kind.as_ref().zip(self.id.as_ref()).map(|(kind, id)| Thing {
            kind: kind.clone(),
            id: id.clone(),
            properties: properties(&self.resource),
        });
        OwnedStated { resource, action: properties(&self.action), subject: properties(&self.subject) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w4_values_are_kept_by_name_only() {
        let of = |json: serde_json::Value| Properties::of_json(json.as_object().unwrap()).unwrap();
        let thing = Thing {
            kind: "record".to_owned(),
            id: "x".repeat(49),
            properties: of(
                serde_json::json!({ "status": "archived", "pin": "s3cret", "long": "y".repeat(49) }),
            ),
        };
        let subject = of(serde_json::json!({ "email": "ann@c1.test" }));
        let stated = Stated { resource: Some(&thing), action: None, subject: Some(&subject) };
        let harmless = ["status".to_owned(), "long".to_owned()];
        let record = StatedRecord::of(stated, &harmless).unwrap();
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            text,
            r#"{"type":"record","id":"~","resource":{"long":[],"pin":[],"status":["archived"]},"subject":{"email":[]}}"#
        );
        assert_eq!(serde_json::from_str::<StatedRecord>(&text).unwrap(), record);
        let again = record.stated();
        assert_eq!(again.lend().resource.unwrap().properties.one("status"), Some("archived"));
        assert!(StatedRecord::of(Stated::default(), &harmless).is_none());
    }
}
