//! Policy tests: the folder's own cases, run in process against the set that they came with. A document's cases and
//! the cells of its tables are read into questions once; putting them is all that a run does.

pub mod coverage;
pub mod documents;
mod operands;
mod prepare;
pub(in crate::policy) mod probe;

use super::check::codes;
use super::diagnostics::Diagnostic;
use super::question::Decision;
use super::snapshot::Snapshot;
use documents::Expected;
use prepare::Question;

/// So many cases are worth a thread of their own.
const WORTH_A_THREAD: usize = 1_000;

/// Every case of a snapshot, ready to be asked.
pub struct Suite<'s> {
    snapshot: &'s Snapshot,
    cases: Vec<Case<'s>>,
}

/// One case.
struct Case<'s> {
    name: String,
    file: &'s str,
    text: &'s str,
    place: (usize, usize),
    question: Result<Question, String>,
    expect: Expected,
    /// Sorted.
    policies: Option<Vec<String>>,
    error: Option<String>,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name; `table: column × row` for a cell.
    pub name: String,
    /// The file.
    pub file: String,
    /// Where it stands, if the answer was another one than expected.
    pub failure: Option<Diagnostic>,
}

/// How many cases a snapshot's documents have.
pub fn count(snapshot: &Snapshot) -> usize {
    Suite::of(snapshot, None).len()
}

/// Runs every case; answers with those that failed, each at its place.
pub fn failures(snapshot: &Snapshot) -> Vec<Diagnostic> {
    Suite::of(snapshot, None).run().into_iter().filter_map(|outcome| outcome.failure).collect()
}

impl<'s> Suite<'s> {
    /// The cases of a snapshot; with a filter, those whose name or file has it in it.
    pub fn of(snapshot: &'s Snapshot, filter: Option<&str>) -> Self {
        let mut cases = prepare::cases(snapshot);
        if let Some(filter) = filter {
            cases.retain(|case| case.name.contains(filter) || case.file.contains(filter));
        }
        Self { snapshot, cases }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Asks all of them, in order.
    pub fn run(&self) -> Vec<Outcome> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let part = self.cases.len().div_ceil(threads).max(WORTH_A_THREAD);
        let ask = |cases: &[Case<'s>]| cases.iter().map(|case| case.run(self.snapshot)).collect::<Vec<_>>();
        if self.cases.len() <= part {
            return ask(&self.cases);
        }
        std::thread::scope(|scope| {
            let parts: Vec<_> =
                self.cases.chunks(part).map(|cases| (cases, scope.spawn(move || ask(cases)))).collect();
            let joined = |(cases, handle): (&[Case<'s>], std::thread::ScopedJoinHandle<'_, Vec<Outcome>>)| {
                handle.join().unwrap_or_else(|_| cases.iter().map(Case::lost).collect())
            };
            parts.into_iter().flat_map(joined).collect()
        })
    }
}

impl Case<'_> {
    fn run(&self, snapshot: &Snapshot) -> Outcome {
        let decision = self.question.as_ref().map_err(String::clone).map(|question| question.ask(snapshot));
        self.outcome(decision.and_then(|decision| self.compare(&decision)).err())
    }

    /// A thread that ended by itself answers nothing, which is no success.
    fn lost(&self) -> Outcome {
        self.outcome(Some("the run ended before its answer; this is a bug".to_owned()))
    }

    fn outcome(&self, failure: Option<String>) -> Outcome {
        let failure = failure.map(|why| {
            let message = format!("test \"{}\": {why}", self.name);
            Diagnostic::at(self.file, self.place.0, self.place.1, message)
                .code(codes::TEST_FAILED)
                .snippet(self.text)
        });
        Outcome { name: self.name.clone(), file: self.file.to_owned(), failure }
    }

    fn compare(&self, decision: &Decision) -> Result<(), String> {
        let answer = if decision.allowed { Expected::Allow } else { Expected::Deny };
        let because = || match (decision.policies.is_empty(), decision.errors.first()) {
            (_, Some(error)) => format!("because of an evaluation error: {error}"),
            (true, None) => "because nothing permits it".to_owned(),
            (false, None) => format!("by {}", decision.policies.join(", ")),
        };
        if answer != self.expect {
            let word = |expected| if expected == Expected::Allow { "allow" } else { "deny" };
            let (expected, answer) = (word(self.expect), word(answer));
            return Err(format!("expected {expected}, the decision is {answer} {}", because()));
        }
        if let Some(expected) = &self.policies
            && *expected != decision.policies
        {
            let expected = expected.join(", ");
            return Err(format!("expected to be decided by [{expected}], it was decided {}", because()));
        }
        if self.error.is_some() && self.error != decision.error {
            let got = decision.error.as_deref().unwrap_or("none");
            return Err(format!("expected error {}, it is {got}", self.error.as_deref().unwrap_or("none")));
        }
        Ok(())
    }
}
