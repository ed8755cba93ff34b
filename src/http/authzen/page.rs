//! Tokens between the pages of a search: a place, bound to the caller and to all else that the request asks.
//!
//! A token opens nothing: whoever makes one up could as well ask for that page. The binding keeps a page of one
//! search from being taken for a page of another, as the specification asks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::field;
use crate::flow::authzen::search::{MOST, ORDINARY};
use crate::oauth::reject::Reject;

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Subjects.
    Subject,
    /// Resources.
    Resource,
    /// Actions.
    Action,
}

/// A place in the results of one search.
#[derive(Clone, Debug)]
pub struct Place {
    /// The first candidate.
    pub from: u64,
    /// Most results.
    pub limit: u64,
    question: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(rename = "f")]
    from: u64,
    #[serde(rename = "l")]
    limit: u64,
    #[serde(rename = "d")]
    digest: String,
}

impl Place {
    /// The place that a request names.
    ///
    /// # Errors
    /// A `page` that cannot be read, or a token of another search.
    pub fn of(body: &Value, kind: Kind, caller: &str) -> Result<Self, Reject> {
        let page = match body.get("page") {
            None | Some(Value::Null) => None,
            Some(Value::Object(page)) => Some(page),
            Some(_) => return Err(field("page", "must be an object")),
        };
        let member = |name: &str| page.and_then(|page| page.get(name)).filter(|value| !value.is_null());
        let limit = match member("limit") {
            None => None,
            Some(limit) => {
                let number = limit.as_u64().ok_or_else(|| field("page.limit", "is a number from 0"))?;
                Some(number.min(MOST))
            }
        };
        let mut place =
            Self { from: 0, limit: limit.unwrap_or(ORDINARY), question: question(body, kind, caller) };
        // Drafts of the specification had `next_token` in requests too.
        let token = match member("token").or_else(|| member("next_token")) {
            None => return Ok(place),
            Some(Value::String(token)) if token.is_empty() => return Ok(place),
            Some(Value::String(token)) => token,
            Some(_) => return Err(field("page.token", "must be a text")),
        };
        let wrong = || field("page.token", "belongs to another search");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        place.limit = limit.unwrap_or(token.limit);
        if token.limit != place.limit || token.limit > MOST || token.digest != place.digest(token.from) {
            return Err(wrong());
        }
        place.from = token.from;
        Ok(place)
    }

    /// The token of another place of the same search.
    pub fn token(&self, from: u64) -> String {
        let token = Token { from, limit: self.limit, digest: self.digest(from) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    fn digest(&self, from: u64) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.question);
        hash.update(from.to_be_bytes());
        hash.update(self.limit.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..16])
    }
}

/// All that the answer depends on, but for the place.
fn question(body: &Value, kind: Kind, caller: &str) -> Vec<u8> {
    let part = |name: &str| body.get(name).map_or_else(String::new, Value::to_string);
    let parts = ["subject", "action", "resource", "context"].map(part);
    format!("{kind:?}\n{caller}\n{}", parts.join("\n")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_bound_to_its_search() {
        let mut body = json!({ "subject": { "type": "user" }, "page": { "limit": 2 } });
        let first = Place::of(&body, Kind::Subject, "a").unwrap();
        assert_eq!((first.from, first.limit), (0, 2));
        body["page"] = json!({ "token": first.token(7) });
        let next = Place::of(&body, Kind::Subject, "a").unwrap();
        assert_eq!((next.from, next.limit), (7, 2));
        assert!(Place::of(&body, Kind::Resource, "a").is_err());
        assert!(Place::of(&body, Kind::Subject, "b").is_err());
        body["subject"] = json!({ "type": "client" });
        assert!(Place::of(&body, Kind::Subject, "a").is_err());
        body["subject"] = json!({ "type": "user" });
        body["page"]["limit"] = json!(3);
        assert!(Place::of(&body, Kind::Subject, "a").is_err());
        for bad in
            [json!("x"), json!({ "token": "!" }), json!({ "token": 1 }), json!({ "limit": -1 }), json!([])]
        {
            body["page"] = bad;
            assert!(Place::of(&body, Kind::Subject, "a").is_err());
        }
    }
}
