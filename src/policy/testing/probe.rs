//! What questions meet: each policy whose scope matches, and how each of its conditions turns out. The decision
//! itself is made as ever; this looks on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cedar_policy::{
    Authorizer, Entities, EntityUid, EvalResult, Expression, PolicySet, Request, eval_expression,
};

use super::super::clauses::{self, Parts};
use super::super::slice::Type;
use super::super::snapshot::Snapshot;
use super::operands::Operands;

/// Looks on while questions are decided.
pub struct Probe {
    parts: HashMap<String, Parts>,
    /// By policy and condition, where a condition joins several operands.
    operands: HashMap<String, Vec<Option<Operands>>>,
    /// Whether conditions after one that does not agree are looked at too.
    thorough: bool,
    seen: Mutex<HashMap<String, Seen>>,
}

/// What was seen of one policy.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Scope and conditions agreed at least once.
    pub applied: bool,
    /// By condition: was it ever true, was it ever false.
    pub clauses: Vec<(bool, bool)>,
    /// By condition and operand: the same.
    pub operands: Vec<Vec<(bool, bool)>>,
}

impl Probe {
    /// For the policies of a snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        let parts = snapshot.policies().filter_map(|one| {
            let parts = clauses::split(&one.id, &one.text)?;
            Some((one.id, parts))
        });
        Self { parts: parts.collect(), operands: HashMap::new(), thorough: false, seen: Mutex::default() }
    }

    /// Looks into conditions as well: at each operand of `&&`, `||`, `!` and `if`.
    pub fn with_operands(self) -> Self {
        let of = |parts: &Parts| parts.clauses.iter().map(|clause| Operands::of(&clause.text)).collect();
        let operands = self.parts.iter().map(|(id, parts)| (id.clone(), of(parts))).collect();
        Self { operands, ..self }
    }

    /// The operands of a policy's condition, where it joins several.
    pub fn operands(&self, id: &str, clause: usize) -> Option<&Operands> {
        self.operands.get(id)?.get(clause)?.as_ref()
    }

    /// Looks at every condition of a policy, whatever the others say.
    pub fn thorough(self) -> Self {
        Self { thorough: true, ..self }
    }

    /// What was seen since the last call, by policy: each of them had a scope that matched.
    pub fn take(&self) -> HashMap<String, Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A policy's parts.
    pub fn parts(&self, id: &str) -> Option<&Parts> {
        self.parts.get(id)
    }

    /// What was seen of a policy; none = no question came near it.
    pub fn seen(&self, id: &str) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Notes what Cedar is about to evaluate for a question.
    pub fn evaluated(&self, request: &Request, slice: &PolicySet, entities: &Entities) {
        let heads = slice.policies().filter_map(|policy| self.parts.get(AsRef::<str>::as_ref(policy.id())));
        let Ok(heads) = PolicySet::from_policies(heads.map(|parts| parts.head.clone())) else { return };
        let response = Authorizer::new().is_authorized(request, &heads, entities);
        for id in response.diagnostics().reason() {
            self.evaluate(id.as_ref(), request, entities);
        }
    }

    /// The conditions in Cedar's order: the first that does not agree ends the look.
    fn evaluate(&self, id: &str, request: &Request, entities: &Entities) {
        let Some(parts) = self.parts.get(id) else { return };
        let mut outcomes = Vec::new();
        for clause in &parts.clauses {
            let outcome = match eval_expression(request, entities, &clause.expression) {
                Ok(EvalResult::Bool(holds)) => Some(holds),
                _ => None,
            };
            self.look_into(id, outcomes.len(), request, entities);
            outcomes.push(outcome);
            if outcome != Some(clause.when) && !self.thorough {
                break;
            }
        }
        let applied = outcomes.len() == parts.clauses.len()
            && outcomes.iter().zip(&parts.clauses).all(|(outcome, clause)| *outcome == Some(clause.when));
        self.note(id, applied, &outcomes);
    }

    fn look_into(&self, id: &str, clause: usize, request: &Request, entities: &Entities) {
        let Some(operands) = self.operands(id, clause) else { return };
        let mut noted = Vec::new();
        let mut value = |expression: &Expression| match eval_expression(request, entities, expression) {
            Ok(EvalResult::Bool(holds)) => Some(holds),
            _ => None,
        };
        operands.look(&mut value, &mut |number, holds| noted.push((number, holds)));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut seen.entry(id.to_owned()).or_default().operands;
        seen.resize(seen.len().max(clause + 1), Vec::new());
        seen[clause].resize(operands.all.len(), (false, false));
        for (number, holds) in noted {
            let outcomes = &mut seen[clause][number];
            *outcomes = (outcomes.0 | holds, outcomes.1 | !holds);
        }
    }

    /// Notes what is looked up for a question: the ceiling and the client's own permits; their one condition is the
    /// list that they were made from.
    pub fn looked_up(
        &self,
        kinds: (Type, Type),
        principal: &EntityUid,
        forbid: Option<&str>,
        permit: Option<&str>,
    ) {
        if kinds == (Type::Client, Type::Scope) {
            self.note("global.ceiling", forbid.is_some(), &[Some(forbid.is_none())]);
            let own = format!("client.{}", principal.id().unescaped());
            self.note(&own, permit.is_some(), &[Some(permit.is_some())]);
        } else if let Some(id) = permit {
            self.note(id, true, &[]);
        }
    }

    fn note(&self, id: &str, applied: bool, outcomes: &[Option<bool>]) {
        let Some(parts) = self.parts.get(id) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(id.to_owned()).or_default();
        seen.clauses.resize(parts.clauses.len(), (false, false));
        seen.applied |= applied;
        for (noted, holds) in seen.clauses.iter_mut().zip(outcomes) {
            match holds {
                Some(true) => noted.0 = true,
                Some(false) => noted.1 = true,
                // An evaluation error is no outcome.
                None => {}
            }
        }
    }
}
