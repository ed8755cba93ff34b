//! The decisions of one grant in one piece, for the audit table.

use serde::{Deserialize, Serialize};

use super::{Record, Verdict};

/// The decisions of one grant, with what they share written once: for the audit table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Packed {
    /// May it start.
    pub first: Record,
    /// Each scope.
    #[serde(default)]
    pub more: Vec<More>,
}

/// What differs from the first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct More {
    resource: String,
    decision: Verdict,
    policies: Vec<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

/// [`Packed`] as it is written, without a copy of anything.
#[derive(Serialize)]
struct Packing<'a> {
    first: &'a Record,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more: Vec<Another<'a>>,
}

/// [`More`], in the same way.
#[derive(Serialize)]
struct Another<'a> {
    resource: &'a str,
    decision: Verdict,
    policies: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    errors: &'a [String],
}

impl Packed {
    /// Packs the decisions of one request into a text; an empty one for none.
    pub fn text(records: &[Record]) -> String {
        let Some((first, rest)) = records.split_first() else { return String::new() };
        let more = rest.iter().map(|record| Another {
            resource: &record.resource,
            decision: record.decision,
            policies: &record.policies,
            error: record.error.as_deref(),
            errors: &record.errors,
        });
        serde_json::to_string(&Packing { first, more: more.collect() }).unwrap_or_default()
    }

    /// The decisions, whole again.
    pub fn records(self) -> Vec<Record> {
        let first = self.first;
        let whole = |more: More| Record {
            resource: more.resource,
            decision: more.decision,
            policies: more.policies,
            error: more.error,
            errors: more.errors,
            ..first.clone()
        };
        let rest: Vec<Record> = self.more.into_iter().map(whole).collect();
        std::iter::once(first.clone()).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let first: Record = serde_json::from_str(
            r#"{"event":"decision","time":"2026-11-24T00:04:11.000Z","kind":"grant","decision":"allow",
                "principal":"Client::\"c\"","action":"grant:jwt_bearer","resource":"Server::\"self\"","client":"c",
                "policies":["base.start"],"revision":"r","request_id":"q","ip":"127.0.0.1","us":9,
                "facts":{"t":1795478651000,"ip":"127.0.0.1","ttl":900}}"#,
        )
        .unwrap();
        let scope = Record {
            resource: "Scope::\"a.b\"".to_owned(),
            decision: Verdict::Deny,
            policies: vec!["global.ceiling".to_owned()],
            error: Some("invalid_scope".to_owned()),
            ..first.clone()
        };
        let records = vec![first, scope];
        let text = Packed::text(&records);
        assert!(text.len() < 700, "{text}");
        let packed: Packed = serde_json::from_str(&text).unwrap();
        assert_eq!(packed.records(), records);
        assert_eq!((records[1].scope(), records[0].scope()), (Some("a.b"), None));
        assert_eq!((records[0].at_ms(), records[0].actor()), (1_795_478_651_000, ("c".to_owned(), "client")));
        assert_eq!(Packed::text(&[]), "");
    }
}
