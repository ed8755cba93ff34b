//! Policies that may fail to evaluate. The server denies then, while Cedar and its symbolic compiler leave out the
//! policy that failed: an old set may refuse more than the solver believes, and what the new one permits in such a
//! case is a gain.

use cedar_policy::{Policy, PolicyId, Schema};
use cedar_policy_symcc::CompiledPolicy;
use serde_json::{Value, json};

use super::environment::{Environment, Stated};
use super::solver::{Answer, Prover, Query};

/// Whether a policy evaluates without an error in every request of a kind that may be assumed.
pub(super) async fn never_fails(
    policy: &Policy,
    assumed: &[Policy],
    environment: &Environment,
    schema: &Schema,
    prover: &mut Prover,
) -> bool {
    let Some(guarded) = guarded(policy, assumed) else { return false };
    match CompiledPolicy::compile(&guarded, &environment.env, schema) {
        // What is not known to evaluate may fail.
        Err(_) => false,
        Ok(compiled) => matches!(prover.ask(&Query::NeverFails(&compiled)).await, Answer::Holds),
    }
}

/// The same policy, which looks at its own conditions only where the assumptions hold.
fn guarded(policy: &Policy, assumed: &[Policy]) -> Option<Policy> {
    let mut conditions = Vec::new();
    for one in assumed {
        let mut json = one.to_json().ok()?;
        let everybody = ["principal", "action", "resource"].iter().all(|part| json[part]["op"] == "All");
        let Some([condition]) = json["conditions"].as_array_mut().map(Vec::as_mut_slice) else { continue };
        // An assumption is what its forbid leaves.
        let kind = if condition["kind"] == "when" { "unless" } else { "when" };
        if everybody {
            condition["kind"] = json!(kind);
            conditions.push(condition.take());
        }
    }
    let mut json = policy.to_json().ok()?;
    if let Value::Array(own) = json["conditions"].take() {
        conditions.extend(own);
    }
    json["conditions"] = Value::Array(conditions);
    Policy::from_json(Some(policy.id().clone()), json).ok()
}

/// A forbid for everything that a policy is about: what it stands for where it fails.
pub(super) fn refusal(stated: &Stated) -> Option<Stated> {
    let mut json = stated.policy.to_json().ok()?;
    json["conditions"] = json!([]);
    json["effect"] = json!("forbid");
    json["annotations"] = json!({});
    let id = PolicyId::new(format!("{} may fail", stated.id));
    Some(Stated::new(Policy::from_json(Some(id), json).ok()?, &stated.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(condition: &str) -> Policy {
        Policy::parse(None, format!("permit (principal, action, resource) when {{ {condition} }};")).unwrap()
    }

    #[test]
    fn assumptions_stand_first() {
        let assumed = [
            Policy::parse(None, "forbid (principal, action, resource) when { context.now < 1 };").unwrap(),
            Policy::parse(None, "forbid (principal, action, resource) unless { resource.a };").unwrap(),
            Policy::parse(None, "forbid (principal == C::\"x\", action, resource) when { true };").unwrap(),
        ];
        let text = guarded(&policy("context.ttl + 1 > 2"), &assumed).unwrap().to_string();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        assert!(at("unless") < at("context.now") && at("context.now") < at("resource.a"), "{text}");
        assert!(at("resource.a") < at("context.ttl"), "{text}");
        assert!(!text.contains("C::\"x\"") && text.matches("when").count() == 2, "{text}");
    }

    #[test]
    fn a_refusal_is_about_the_same() {
        let text = "@id(\"a\") permit (principal is User, action, resource) when { context.ttl + 1 > 2 };";
        let stated = Stated::new(Policy::parse(Some(PolicyId::new("a")), text).unwrap(), "x:1");
        let refusal = refusal(&stated).unwrap();
        assert!(refusal.forbids && refusal.id == "a may fail" && refusal.source == "x:1");
        let text = refusal.policy.to_string();
        assert!(text.contains("principal is User") && !text.contains("ttl"), "{text}");
    }
}
