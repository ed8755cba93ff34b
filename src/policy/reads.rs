//! What a policy reads of the circumstances: whether an answer may be remembered while documents, client and user
//! stay as they are (design §4). In doubt it may not.

use cedar_policy::Policy;
use serde_json::Value;

/// What differs from one use of a token to the next, and from one grant to the next.
const FLEETING: [&str; 5] = ["now", "ip", "http", "age", "auth_age"];
/// What a caller of the decision API may state, and what it differs in from one question to the next.
const STATED: [&str; 3] = ["resource", "action", "subject"];

/// For how many questions an answer holds, while documents, client, user and token stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// For this one: a policy reads the time, the address or the request, or one failed.
    #[default]
    Once,
    /// For all in which nothing is stated.
    Unstated,
    /// For all, whatever is stated.
    Stated,
}

/// For how many questions the answer of a policy holds.
pub fn holds(policy: &Policy) -> Holds {
    let Ok(json) = policy.to_json() else { return Holds::Once };
    match (without(&json, &FLEETING), without(&json, &STATED)) {
        (false, _) => Holds::Once,
        (true, false) => Holds::Unstated,
        (true, true) => Holds::Stated,
    }
}

/// Whether every `context` stands below `.` or `has` with another name than these. A `context` that is handed on
/// whole, or that is read in a way unknown here, counts as reading all of it.
fn without(json: &Value, names: &[&str]) -> bool {
    match json {
        Value::Object(fields) => {
            if fields.get("Var").and_then(Value::as_str) == Some("context") {
                return false;
            }
            fields.iter().all(|(operator, inner)| match named_attribute(operator, inner) {
                Some(name) => !names.contains(&name),
                None => without(inner, names),
            })
        }
        Value::Array(items) => items.iter().all(|item| without(item, names)),
        _ => true,
    }
}

/// The name in `context.name` or `context has name`.
fn named_attribute<'a>(operator: &str, inner: &'a Value) -> Option<&'a str> {
    let of_context = inner.get("left")?.get("Var")?.as_str()? == "context";
    (matches!(operator, "." | "has") && of_context).then(|| inner.get("attr")?.as_str()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_use_to_use_is_found_wherever_it_stands() {
        let of = |condition: &str| {
            let text = format!("permit (principal, action, resource) when {{ {condition} }};");
            holds(&Policy::parse(None, &text).unwrap()) > Holds::Once
        };
        for steady in [
            "true",
            "context.scopes.contains(action)",
            "context has client && context.client.active",
            "context.grant == Action::\"grant:jwt_bearer\"",
            "principal has now && principal.now == \"http\"",
            "resource.ip == \"context.ip\"",
        ] {
            assert!(of(steady), "{steady}");
        }
        for fleeting in [
            "context.now > datetime(\"2026-01-01\")",
            "context.ip.isLoopback()",
            "context has http",
            "context has http.method && context.http.method == \"GET\"",
            "!(context.age > duration(\"1h\"))",
            "context has auth_age && context.auth_age < duration(\"5m\")",
            "[context.ip].contains(context.ip)",
            "if context.client.active then context.http.params.hasTag(\"id\") else true",
            "{a: context.now} has a",
            "context == {now: 1}",
            "context[\"now\"] == context[\"now\"]",
            "principal.seen.contains(context)",
        ] {
            assert!(!of(fleeting), "{fleeting}");
        }
        let head = Policy::parse(None, "forbid (principal, action, resource);").unwrap();
        assert_eq!(holds(&head), Holds::Stated);
    }

    #[test]
    fn what_is_stated_is_told_apart() {
        let of = |condition: &str| {
            let text = format!("permit (principal, action, resource) when {{ {condition} }};");
            holds(&Policy::parse(None, &text).unwrap())
        };
        for unread in ["true", "context.scopes.contains(action)", "resource.action == principal.subject"] {
            assert_eq!(of(unread), Holds::Stated, "{unread}");
        }
        for read in [
            "context has resource",
            "context has resource && context.resource.id == \"1\"",
            "context has action && context.action.properties.hasTag(\"x\")",
            "context has subject.properties",
        ] {
            assert!(of(read) < Holds::Stated, "{read}");
        }
        assert_eq!(of("context has resource && context.now > datetime(\"2026-01-01\")"), Holds::Once);
    }
}
