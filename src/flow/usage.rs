//! Use questions, for forward-auth and for the decision API: answered from memory where nothing that the answer
//! depends on has changed, put to the policies otherwise, and recorded.

use std::sync::Arc;
use std::time::Instant;

use super::Ask;
use crate::app::App;
use crate::app::live::Kind;
use crate::oauth::scope::Scope;
use crate::policy::{Asked, Decision, Holds, Snapshot, Trace, UseQuestion};

/// Where decisions about a subject are remembered, and how far its questions differ from each other.
#[derive(Clone, Copy, Debug)]
pub struct Remembered<'a> {
    /// None = nothing may be remembered.
    pub kind: Option<&'a Arc<Kind>>,
    /// For how many questions an answer must hold to be one to the question at hand.
    pub needed: Holds,
}

impl Remembered<'_> {
    /// A yes that needs no line in the log: the question need not even be made. As a re-check that is answered
    /// from memory, it is no new decision.
    pub fn allowed(&self, app: &App, ask: &Ask, action: &Scope) -> Option<Arc<Decision>> {
        let decision = self.decision(action)?;
        (decision.allowed && !app.decisions.wants_allows(&ask.request_id)).then_some(decision)
    }

    fn decision(&self, action: &Scope) -> Option<Arc<Decision>> {
        self.kind?.uses.decision(action, self.needed)
    }
}

/// Decides and records. `put` asks the policies; it is called only where memory has no answer.
pub fn decided(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    remembered: Remembered<'_>,
    (question, jti): (&UseQuestion<'_>, Option<&str>),
    put: impl FnOnce() -> (Decision, Holds),
) -> Arc<Decision> {
    let started = Instant::now();
    let decision = remembered.decision(question.action).unwrap_or_else(|| {
        let (decision, holds) = put();
        let decision = Arc::new(decision);
        // The answer to a question in which something is stated says nothing about those in which nothing is.
        if let Some(kind) = remembered.kind.filter(|_| holds >= remembered.needed) {
            kind.uses.remember(question.action, holds, &decision);
        }
        decision
    });
    let took = started.elapsed();
    app.metrics.decided(question.action.as_str(), decision.allowed, decision.errors.len(), took);
    let trace = Trace { request_id: &ask.request_id, jti, took };
    app.decisions.record(snapshot, &Asked::Use(*question), &decision, trace);
    decision
}
