//! Conditions as Cedar's JSON has them: compared by their form, and searched for contradictions.

use std::collections::BTreeMap;

use cedar_policy::Policy;
use serde_json::{Value, json};

/// Kind and body of each `when` and `unless`; what stands on both sides of a `when`'s `&&` counts as two.
pub fn of(policy: &Policy) -> Vec<Value> {
    let Ok(est) = policy.to_json() else { return Vec::new() };
    let mut found = Vec::new();
    for condition in est["conditions"].as_array().into_iter().flatten() {
        if condition["kind"] == "when" {
            let mut parts = Vec::new();
            conjuncts(&condition["body"], &mut parts);
            found.extend(parts.into_iter().map(|body| json!({ "kind": "when", "body": body })));
        } else {
            found.push(condition.clone());
        }
    }
    found
}

/// Why a policy's own parts contradict each other: a value that would have to be two things at once.
pub fn contradiction(policy: &Policy) -> Option<String> {
    let est = policy.to_json().ok()?;
    let mut fixed: BTreeMap<String, Value> = BTreeMap::new();
    for part in ["principal", "action", "resource"] {
        if est[part]["op"] == "==" {
            fixed.insert(json!({ "Var": part }).to_string(), json!({ "__entity": est[part]["entity"] }));
        }
    }
    for condition in of(policy) {
        let Some((what, value)) = equality(&condition["body"]) else { continue };
        let name = what.to_string();
        let clash = match (condition["kind"] == "when", fixed.get(&name)) {
            (true, Some(other)) => *other != value,
            (false, Some(other)) => *other == value,
            (true, None) => {
                fixed.insert(name.clone(), value.clone());
                false
            }
            (false, None) => false,
        };
        if clash {
            let (what, other) = (shown(what), shown(&json!({ "Value": fixed[&name] })));
            return Some(match condition["kind"] == "when" {
                true => format!("{what} cannot be {other} and {} at once", shown(&json!({ "Value": value }))),
                false => format!("{what} is {other}, which unless rules out"),
            });
        }
    }
    None
}

fn conjuncts<'v>(body: &'v Value, into: &mut Vec<&'v Value>) {
    match body.get("&&") {
        Some(and) => {
            conjuncts(&and["left"], into);
            conjuncts(&and["right"], into);
        }
        None => into.push(body),
    }
}

/// `x == literal`, either way round.
fn equality(body: &Value) -> Option<(&Value, Value)> {
    let sides = body.get("==")?;
    let literal = |side: &Value| side.get("Value").filter(|value| !value.is_array()).cloned();
    match (literal(&sides["left"]), literal(&sides["right"])) {
        (None, Some(value)) => Some((&sides["left"], value)),
        (Some(value), None) => Some((&sides["right"], value)),
        _ => None,
    }
}

/// An expression as people write it, as far as messages need it.
fn shown(expression: &Value) -> String {
    if let Some(name) = expression["Var"].as_str() {
        return name.to_owned();
    }
    if let Some(access) = expression.get(".") {
        return format!("{}.{}", shown(&access["left"]), access["attr"].as_str().unwrap_or_default());
    }
    match expression["Value"].get("__entity") {
        Some(uid) => {
            format!("{}::{}", uid["type"].as_str().unwrap_or_default(), uid["id"])
        }
        None if expression.get("Value").is_some() => expression["Value"].to_string(),
        None => "a value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions() {
        let why = |text: &str| contradiction(&Policy::parse(None, text).unwrap());
        let clash =
            why("permit (principal == Client::\"a\", action, resource) when { principal == Client::\"b\" };");
        assert_eq!(clash.unwrap(), "principal cannot be Client::\"a\" and Client::\"b\" at once");
        let clash =
            why("forbid (principal, action, resource) when { context.a == 1 && true && 2 == context.a };");
        assert_eq!(clash.unwrap(), "context.a cannot be 1 and 2 at once");
        let clash = why(
            "forbid (principal == Client::\"a\", action, resource) unless { principal == Client::\"a\" };",
        );
        assert_eq!(clash.unwrap(), "principal is Client::\"a\", which unless rules out");
        assert_eq!(
            why("permit (principal, action, resource) when { context.a == 1 || context.a == 2 };"),
            None
        );
        assert_eq!(
            why("permit (principal, action, resource) when { context.a == 1 && context.b == 2 };"),
            None
        );
    }

    #[test]
    fn a_when_in_its_parts() {
        let policy = |text: &str| of(&Policy::parse(None, text).unwrap());
        let two = policy(
            "permit (principal, action, resource) when { context.a && context.b } unless { context.c };",
        );
        assert_eq!(two.len(), 3);
        assert!(two.contains(&policy("permit (principal, action, resource) when { context.b };")[0]));
    }
}
