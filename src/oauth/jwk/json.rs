//! JSON that strangers send: objects only, no repeated member, little nesting.
//!
//! `serde_json::Value` keeps the last of two equal members, so two readers of one text could
//! see different claims (attack row G4); here the second one is an error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may stand in each other.
const MAX_DEPTH: usize = 8;

/// Why a text is not an acceptable JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON, not UTF-8, or something stands behind it.
    Syntax,
    /// JSON, but not an object.
    NotAnObject,
    /// A member stands twice in one object.
    Duplicate,
    /// More than eight levels.
    TooDeep,
}

/// Reads one JSON object.
///
/// # Errors
/// [`JsonError`]; no error repeats any of the input.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { left: MAX_DEPTH }.deserialize(&mut deserializer).map_err(classify)?;
    deserializer.end().map_err(|_| JsonError::Syntax)?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError::NotAnObject),
    }
}

const DUPLICATE: &str = "duplicate member";
const TOO_DEEP: &str = "too deep";

/// The visitor's two findings travel through serde's error as texts of ours.
fn classify(error: serde_json::Error) -> JsonError {
    let text = error.to_string();
    if text.starts_with(DUPLICATE) {
        JsonError::Duplicate
    } else if text.starts_with(TOO_DEEP) {
        JsonError::TooDeep
    } else {
        JsonError::Syntax
    }
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom(TOO_DEEP)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(DUPLICATE));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g4_a_repeated_member_is_refused_at_any_depth_and_in_any_spelling() {
        assert_eq!(object(br#"{"exp":1,"exp":2}"#), Err(JsonError::Duplicate));
        assert_eq!(object(br#"{"a":[{"b":1,"\u0062":2}]}"#), Err(JsonError::Duplicate));
    }

    #[test]
    fn g4_only_objects() {
        for text in ["null", "[]", "1", "\"x\"", "true"] {
            assert_eq!(object(text.as_bytes()), Err(JsonError::NotAnObject), "{text}");
        }
    }

    #[test]
    fn g15_nesting_is_bounded() {
        let ok = format!("{{\"a\":{}1{}}}", "[".repeat(7), "]".repeat(7));
        assert!(object(ok.as_bytes()).is_ok());
        for depth in [8, 200, 10_000] {
            let deep = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(object(deep.as_bytes()), Err(JsonError::TooDeep), "{depth}");
        }
    }

    #[test]
    fn syntax() {
        let bad: [&[u8]; 9] = [
            b"",
            b"{",
            b"{}{}",
            b"{} x",
            b"{\"a\":1,}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e999}",
            b"{\"a\":\"\\ud800\"}",
        ];
        for text in bad {
            assert_eq!(object(text), Err(JsonError::Syntax), "{}", String::from_utf8_lossy(text));
        }
    }
}
