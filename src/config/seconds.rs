//! Durations in configuration and documents: `900` or `15m`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in whole seconds, written as a number of seconds or as `30s`, `15m`, `2h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Seconds(pub u64);

impl Seconds {
    /// Reads one of the written forms.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
            None => (text, 1),
            Some(at) => {
                let unit = match &text[at..] {
                    "s" => 1,
                    "m" => 60,
                    "h" => 3_600,
                    "d" => 86_400,
                    _ => return None,
                };
                (&text[..at], unit)
            }
        };
        digits.parse::<u64>().ok()?.checked_mul(unit).map(Self)
    }

    /// The same in milliseconds.
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or a duration such as 15m")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Seconds, E> {
                Ok(Seconds(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Seconds, E> {
                u64::try_from(value).map(Seconds).map_err(|_| E::custom("a duration is not negative"))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Seconds, E> {
                Seconds::parse(text).ok_or_else(|| E::custom("not a duration: write 900, 15m, 2h or 7d"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        duration_schema()
    }
}

/// The JSON Schema of a duration, in settings and in documents.
pub fn duration_schema() -> schemars::Schema {
    schemars::json_schema!({
        "description": "A length of time: seconds, or a number with s, m, h or d.",
        "examples": [900, "15m", "1h", "7d"],
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]{1,10}[smhd]?$" },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms() {
        assert_eq!(Seconds::parse("900"), Some(Seconds(900)));
        assert_eq!(Seconds::parse("15m"), Some(Seconds(900)));
        assert_eq!(Seconds::parse("15 m"), None);
        assert_eq!(Seconds::parse("-1"), None);
        assert_eq!(Seconds::parse("99999999999999999999d"), None);
    }
}
