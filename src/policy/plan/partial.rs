//! What remains of a policy's condition when the client, the action and the scope are known and the circumstances
//! are not: nothing (it applies, or it does not), or the part that speaks of the circumstances.
//!
//! Only `&&`, `||`, `!` and `if` are taken apart here; what mentions nothing unknown is put to Cedar, and
//! what mentions something unknown stays as it is. So an answer of yes or no is Cedar's own.

use cedar_policy::Policy;
use serde_json::{Value, json};

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Truth {
    /// Never.
    No,
    /// Always.
    Yes,
    /// If this holds; Cedar's JSON form of an expression.
    If(Value),
}

/// Puts an expression without unknowns to Cedar; none = it fails to evaluate, which nobody can build on.
pub(super) type Evaluate<'a> = &'a mut dyn FnMut(&Value) -> Option<bool>;

/// The conditions of a policy: every `when` holds and no `unless` does.
pub(super) fn conditions(list: &[(bool, Value)], unknown: &[&str], evaluate: Evaluate<'_>) -> Truth {
    let mut all = Truth::Yes;
    for (when, body) in list {
        let holds = truth(body, unknown, evaluate);
        let holds = if *when { holds } else { not(holds) };
        all = and(all, holds);
        if all == Truth::No {
            break;
        }
    }
    all
}

fn truth(expression: &Value, unknown: &[&str], evaluate: Evaluate<'_>) -> Truth {
    if !mentions(expression, unknown) {
        return match evaluate(expression) {
            Some(true) => Truth::Yes,
            Some(false) => Truth::No,
            None => Truth::If(expression.clone()),
        };
    }
    let part = |name: &str, side: &str| expression.get(name).and_then(|operands| operands.get(side));
    if let (Some(left), Some(right)) = (part("&&", "left"), part("&&", "right")) {
        let left = truth(left, unknown, evaluate);
        return if left == Truth::No { left } else { and(left, truth(right, unknown, evaluate)) };
    }
    if let (Some(left), Some(right)) = (part("||", "left"), part("||", "right")) {
        let left = truth(left, unknown, evaluate);
        return if left == Truth::Yes { left } else { or(left, truth(right, unknown, evaluate)) };
    }
    if let Some(argument) = part("!", "arg") {
        return not(truth(argument, unknown, evaluate));
    }
    if let (Some(condition), Some(then), Some(otherwise)) =
        (part("if-then-else", "if"), part("if-then-else", "then"), part("if-then-else", "else"))
    {
        match truth(condition, unknown, evaluate) {
            Truth::Yes => return truth(then, unknown, evaluate),
            Truth::No => return truth(otherwise, unknown, evaluate),
            Truth::If(_) => {}
        }
    }
    Truth::If(expression.clone())
}

fn not(truth: Truth) -> Truth {
    match truth {
        Truth::No => Truth::Yes,
        Truth::Yes => Truth::No,
        Truth::If(expression) => match expression.get("!").and_then(|operands| operands.get("arg")) {
            Some(inner) => Truth::If(inner.clone()),
            None => Truth::If(json!({ "!": { "arg": expression } })),
        },
    }
}

fn and(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::No, _) => Truth::No,
        (Truth::Yes, other) | (other, Truth::Yes) => other,
        // What may fail on the left must not be forgotten: a failing policy is not one that does not apply.
        (Truth::If(left), Truth::No) if !may_fail(&left) => Truth::No,
        (Truth::If(left), Truth::No) => {
            Truth::If(json!({ "&&": { "left": left, "right": { "Value": false } } }))
        }
        (Truth::If(left), Truth::If(right)) => Truth::If(json!({ "&&": { "left": left, "right": right } })),
    }
}

fn or(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::Yes, _) => Truth::Yes,
        (Truth::No, other) | (other, Truth::No) => other,
        (Truth::If(left), Truth::Yes) if !may_fail(&left) => Truth::Yes,
        (Truth::If(left), Truth::Yes) => {
            Truth::If(json!({ "||": { "left": left, "right": { "Value": true } } }))
        }
        (Truth::If(left), Truth::If(right)) => Truth::If(json!({ "||": { "left": left, "right": right } })),
    }
}

/// An expression's kind and operands: Cedar's JSON form has one key an expression.
pub(super) fn node(expression: &Value) -> Option<(&str, &Value)> {
    let (kind, operands) = expression.as_object()?.iter().next()?;
    Some((kind, operands))
}

/// The expressions inside an expression. A literal has none, whatever its text looks like.
pub(super) fn parts(expression: &Value) -> Vec<&Value> {
    match node(expression) {
        None | Some(("Value" | "Var" | "Slot", _)) => Vec::new(),
        Some((_, Value::Object(operands))) => operands.values().filter(|part| part.is_object()).collect(),
        Some((_, Value::Array(operands))) => operands.iter().collect(),
        Some(_) => Vec::new(),
    }
}

/// Whether an expression speaks of a variable.
pub(super) fn mentions(expression: &Value, variables: &[&str]) -> bool {
    match node(expression) {
        Some(("Var", Value::String(name))) => variables.contains(&name.as_str()),
        _ => parts(expression).into_iter().any(|part| mentions(part, variables)),
    }
}

/// Whether evaluating a valid expression may fail: arithmetic can overflow.
fn may_fail(expression: &Value) -> bool {
    const FALLIBLE: [&str; 8] = ["+", "-", "*", "neg", "offset", "durationSince", "toDate", "toTime"];
    node(expression).is_some_and(|(kind, _)| FALLIBLE.contains(&kind))
        || parts(expression).into_iter().any(may_fail)
}

/// A policy that permits everything under one condition.
pub(super) fn permit_if(expression: &Value) -> Option<Policy> {
    let all = json!({ "op": "All" });
    Policy::from_json(
        None,
        json!({
            "effect": "permit", "principal": all, "action": all, "resource": all,
            "conditions": [{ "kind": "when", "body": expression }],
        }),
    )
    .ok()
}

/// An expression as people write it, in one line.
pub(super) fn shown(expression: &Value) -> String {
    let text = permit_if(expression).map(|policy| policy.to_string()).unwrap_or_default();
    let body = text.split_once("when {").map_or(text.as_str(), |(_, body)| body);
    let body = body.trim_end().trim_end_matches(';').trim_end().trim_end_matches('}');
    body.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The conditions of a policy in Cedar's JSON form: whether it is a `when`, and the expression.
pub(super) fn conditions_of(policy: &Policy) -> Vec<(bool, Value)> {
    let json = policy.to_json().unwrap_or_default();
    let list = json.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    list.into_iter()
        .map(|condition| (condition["kind"] == "when", condition.get("body").cloned().unwrap_or_default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residual(text: &str) -> String {
        let policy = Policy::parse(None, format!("forbid(principal, action, resource) {text};")).unwrap();
        let list = conditions_of(&policy);
        // The only fact of these tests.
        let mut known = |expression: &Value| match mentions(expression, &["principal"]) {
            true => Some(true),
            false => Some(expression.get("Value")? == &Value::Bool(true)),
        };
        match conditions(&list, &["context"], &mut known) {
            Truth::No => "no".to_owned(),
            Truth::Yes => "yes".to_owned(),
            Truth::If(expression) => shown(&expression),
        }
    }

    #[test]
    fn what_is_known_falls_away() {
        assert_eq!(residual(""), "yes");
        assert_eq!(residual("when { principal.active }"), "yes");
        assert_eq!(residual("unless { principal.active }"), "no");
        assert_eq!(residual("unless { principal.active || context.x }"), "no");
        assert_eq!(residual("when { context.x && principal.active }"), "context.x");
        assert_eq!(residual("when { context.x && false }"), "no");
        assert_eq!(residual("when { context.n + 1 > 2 && false }"), "((context.n + 1) > 2) && false");
        assert_eq!(
            residual("when { context.x } unless { principal.active && context.y }"),
            "context.x && (!context.y)"
        );
        assert_eq!(residual("when { if principal.active then context.x else context.y }"), "context.x");
        assert_eq!(residual("unless { !context.x }"), "context.x");
        assert_eq!(residual("when { \"context\" == principal.name }"), "yes");
    }
}
