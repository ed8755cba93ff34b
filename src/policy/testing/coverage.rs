//! Which policies and which conditions no test exercised. A policy is exercised when scope and conditions agreed in
//! some case, also where another policy decided; a condition when it was true in one case and false in another; and so
//! each operand of its `&&`, `||`, `!` and `if`, where it is evaluated at all.
//!
//! Counted is what the folder holds: rules, and what documents compile to. The server's own policies are counted
//! where that is asked for. A client's permit for machine tokens counts only if the client can get such tokens.

use super::probe::Probe;
use super::{Outcome, Suite};
use crate::oauth::grant::GrantType;
use crate::policy::snapshot::{PolicyInfo, Snapshot};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Rules and documents.
    Folder,
    /// And what the server itself forbids and permits.
    All,
}

/// What tests reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Policies that are counted.
    pub policies: usize,
    /// Of them, those that applied in a case.
    pub applied: usize,
    /// Outcomes of conditions and of their operands that are counted: two for each.
    pub outcomes: usize,
    /// Of them, those that were seen.
    pub seen: usize,
    /// What no case reached, in the order of the set.
    pub gaps: Vec<Gap>,
}

/// Something that no case reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The policy.
    pub policy: String,
    /// `policies/rules/partners.cedar:12`
    pub place: String,
    /// `never applies in a test`, or `when { … } is never false`.
    pub what: String,
}

/// Runs the tests of a snapshot with an eye on what they reach.
pub fn run(mut snapshot: Snapshot, filter: Option<&str>, counted: Counted) -> (Vec<Outcome>, Coverage) {
    snapshot.decider.probe = Some(Probe::new(&snapshot).with_operands());
    let outcomes = Suite::of(&snapshot, filter).run();
    let coverage = match &snapshot.decider.probe {
        Some(probe) => measure(&snapshot, probe, counted),
        None => Coverage::default(),
    };
    (outcomes, coverage)
}

fn measure(snapshot: &Snapshot, probe: &Probe, counted: Counted) -> Coverage {
    let mut coverage = Coverage::default();
    for policy in snapshot.policies().filter(|one| counts(snapshot, one, counted)) {
        let Some(parts) = probe.parts(&policy.id) else { continue };
        let seen = probe.seen(&policy.id).unwrap_or_default();
        let mut gap = |place: String, what: String| {
            coverage.gaps.push(Gap { policy: policy.id.clone(), place, what });
        };
        coverage.policies += 1;
        coverage.applied += usize::from(seen.applied);
        if !seen.applied {
            gap(policy.source.clone(), "applies in no test".to_owned());
        }
        let mut outcomes = |reached: (bool, bool), offset: usize, what: &dyn Fn(&str) -> String| {
            coverage.outcomes += 2;
            coverage.seen += usize::from(reached.0) + usize::from(reached.1);
            for (_, outcome) in [(reached.0, "true"), (reached.1, "false")].iter().filter(|(seen, _)| !seen) {
                gap(place(&policy, offset), what(outcome));
            }
        };
        for (index, clause) in parts.clauses.iter().enumerate() {
            let reached = seen.clauses.get(index).copied().unwrap_or_default();
            let word = if clause.when { "when" } else { "unless" };
            let text = brief(&clause.text);
            outcomes(reached, clause.offset, &|outcome| {
                format!("{word} {{ {text} }} is {outcome} in no test")
            });
            // What no case came to has no operands to speak of either.
            let known = probe.operands(&policy.id, index).filter(|_| reached != (false, false));
            let Some(operands) = known else { continue };
            for (number, operand) in operands.all.iter().enumerate() {
                let reached = seen.operands.get(index).and_then(|all| all.get(number)).copied();
                let text = brief(&operand.text);
                outcomes(reached.unwrap_or_default(), clause.body + operand.offset, &|outcome| {
                    format!("{text} (in {word}) is {outcome} in no test")
                });
            }
        }
    }
    coverage
}

fn counts(snapshot: &Snapshot, policy: &PolicyInfo, counted: Counted) -> bool {
    if policy.source.starts_with("builtin/") {
        return counted == Counted::All;
    }
    let Some(client) = policy.id.strip_prefix("client.").and_then(|rest| rest.strip_suffix(".use")) else {
        return true;
    };
    let client = snapshot.clients().find(|one| one.id.as_str() == client);
    client.is_none_or(|one| one.grants.iter().any(|grant| *grant != GrantType::AuthorizationCode))
}

/// Where a part of a policy stands. What a document compiles to stands where the document's list does.
fn place(policy: &PolicyInfo, offset: usize) -> String {
    match policy.source.rsplit_once(':') {
        Some((file, line)) if file.ends_with(".cedar") => {
            let below = policy.text[..offset].matches('\n').count();
            line.parse::<usize>()
                .map_or_else(|_| policy.source.clone(), |line| format!("{file}:{}", line + below))
        }
        _ => policy.source.clone(),
    }
}

/// A condition on one line.
fn brief(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
