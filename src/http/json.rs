//! JSON bodies of the management API, parsed strictly: no key twice, no depth that a person would not write.

use std::fmt;

use poem::http::StatusCode;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::Serialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::form::media_type;
use super::problem::Problem;
use crate::oauth::reject::Reject;

/// Deepest nesting of a body.
const DEEPEST: usize = 32;

/// A JSON body. Documents the schema of `T`; a mistake is a `ValidationError` (attack row X5).
#[derive(Clone, Debug)]
pub struct StrictJson<T>(pub T);

impl<T: Type> Payload for StrictJson<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for StrictJson<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        if !request.content_type().is_some_and(is_json) {
            return Err(Problem::from(Reject::Malformed("the body must be application/json")).into());
        }
        let bytes = body.take()?.into_bytes().await?;
        let value = parse(&bytes).map_err(Problem::from)?;
        match T::parse_from_json(Some(value)) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Problem::from(Reject::Field("body", plain(&error.into_message()))).into()),
        }
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for StrictJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: <Self as Payload>::CONTENT_TYPE,
                schema: <Self as Payload>::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// A JSON answer that serde writes at once: of an answer that is given thousands of times a second, the tree of
/// values that the framework's own payload makes first is most of the work. Documents the schema of `T`, which
/// must write the same fields under both.
#[derive(Clone, Debug)]
pub struct WrittenJson<T>(pub T);

impl<T: Type> Payload for WrittenJson<T> {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for WrittenJson<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => Response::builder().content_type("application/json; charset=utf-8").body(text),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// A parse error without the names of our types: `failed to parse "X": why (occurred while …)` → `why`.
fn plain(message: &str) -> String {
    let mut text = message;
    while let Some(rest) = text.strip_prefix("failed to parse ") {
        text = rest.split_once(": ").map_or(rest, |(_, why)| why);
    }
    text.split(" (occurred while").next().unwrap_or(text).chars().take(200).collect()
}

fn is_json(content_type: &str) -> bool {
    media_type(content_type, "application/json")
}

/// Parses JSON; a duplicate key or too deep a nesting is an error.
///
/// # Errors
/// `Field("body")` with the place.
pub fn parse(bytes: &[u8]) -> Result<Value, Reject> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Node { depth: 0 }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| Reject::Field("body", error.to_string().chars().take(200).collect()))
}

/// Builds a value and remembers how deep it stands.
#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEEPEST {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("a text has a NUL character"));
        }
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let node = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(node)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let node = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(node)?;
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x5_strange_json_is_refused() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let rather_deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            "",
            "{",
            "1 2",
            r#"["\u0000"]"#,
            &deep,
            &rather_deep,
        ] {
            assert!(matches!(parse(bad.as_bytes()), Err(Reject::Field("body", _))));
        }
    }

    #[test]
    fn ordinary_json_is_itself() {
        let text = r#"{"a":[1,-2,2.5,"é",null,true],"b":{"c":{}}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }
}
