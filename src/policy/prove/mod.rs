//! Proofs about policy sets, by Cedar's symbolic compiler and an SMT solver: *the new set permits nothing that the
//! old one did not*, and *no policy permits X*. Either for every request that there could be, or a request that
//! shows the contrary.
//!
//! How a comparison is made small, and stays sound. Let U be the permits of clients that are the same in both sets
//! and of clients that only a database knows. For clients, two questions are put instead of one that names all of
//! them: (1) what the new forbids let pass, the old ones let pass, whatever is permitted; (2) without U, whatever
//! the new set permits, the old one permits. From both follows the comparison with any U: a request that the new
//! set permits is let pass by the old forbids (1), and it is permitted by U, which the old set has, or by (2).
//!
//! A policy that fails to evaluate denies in the server, and is left out by the symbolic compiler. Where the new set
//! has such a policy, the server permits less than the proof believes. A policy that only the old set has is proven
//! not to fail; one that may fail is taken to refuse all that it is about (`failing.rs`).

mod assume;
mod compare;
mod environment;
mod example;
mod failing;
mod invariants;
mod render;
mod solver;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use compare::compare;
pub use example::Example;
pub use invariants::{InvariantsDocument, invariants};
pub use render::text;
pub use solver::Prover;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds, under the assumptions.
    Proven,
    /// It does not.
    Refuted,
    /// Nobody knows.
    Unknown,
}

/// One statement and what came out.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// What was to be proven.
    pub statement: String,
    /// What came out.
    pub verdict: Verdict,
    /// Kinds of requests (client or user, action, resource) that the statement is about.
    pub environments: usize,
    /// Of these, the kinds that the solver was asked about; in the others both sets have the same policies.
    pub asked: usize,
    /// Requests that show the contrary, at most ten.
    pub examples: Vec<Example>,
    /// Where nobody knows, and why.
    pub unknown: Vec<String>,
    /// What is data and not policy: no proof sees it.
    pub data: Vec<String>,
    /// What somebody should look at, although it takes nothing from the statement.
    pub notes: Vec<String>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
}

/// Most examples of one proof.
const MAX_EXAMPLES: usize = 10;

impl Proof {
    fn new(statement: impl Into<String>) -> Self {
        Self {
            statement: statement.into(),
            verdict: Verdict::Proven,
            environments: 0,
            asked: 0,
            examples: Vec::new(),
            unknown: Vec::new(),
            data: Vec::new(),
            notes: Vec::new(),
            assumptions: assume::ASSUMED.map(ToOwned::to_owned).to_vec(),
        }
    }

    /// A request against it outweighs everything; a doubt outweighs a proof.
    fn conclude(&mut self) {
        self.verdict = match (self.examples.is_empty(), self.unknown.is_empty()) {
            (false, _) => Verdict::Refuted,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Proven,
        };
    }
}
