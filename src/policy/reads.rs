//! What a policy reads of the circumstances: whether an answer may be remembered while documents, client and user
//! stay as they are (design §4). In doubt it may not.

use cedar_policy::Policy;
use serde_json::Value;

/// What differs from one use of a token to the next.
const FLEETING: [&str; 4] = ["now", "ip", "http", "age"];

/// Whether a policy reads neither the time, nor the caller's address, nor the request.
pub fn is_steady(policy: &Policy) -> bool {
    policy.to_json().is_ok_and(|json| steady(&json))
}

/// Every `context` stands below `.` or `has` with a name that does not differ from use to use. A `context` that is
/// handed on whole, or that is read in a way unknown here, counts as reading all of it.
fn steady(json: &Value) -> bool {
    match json {
        Value::Object(fields) => {
            if fields.get("Var").and_then(Value::as_str) == Some("context") {
                return false;
            }
            fields.iter().all(|(operator, inner)| match named_attribute(operator, inner) {
                Some(name) => !FLEETING.contains(&name),
                None => steady(inner),
            })
        }
        Value::Array(items) => items.iter().all(steady),
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
            is_steady(&Policy::parse(None, &text).unwrap())
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
        assert!(is_steady(&head));
    }
}
