//! Yesterday's decisions put to other policies: which of them would differ.
//!
//! A log says the same over and over. What no policy of a question's slice reads (the time, the address, ages, the
//! request) does not tell two questions apart, so most lines are answered from memory.

use std::collections::HashMap;

use super::decide::Case;
use super::question::{Decision, Owned};
use super::record::{Kind, Missing, Record, Verdict};
use super::snapshot::Snapshot;
use crate::oauth::client::Client;

/// A decision that would be another one.
#[derive(Clone, Debug)]
pub struct Difference {
    /// As it was recorded.
    pub record: Record,
    /// As it would be.
    pub now: Decision,
}

/// What became of one line of a log.
#[derive(Debug)]
pub enum Outcome {
    /// The same answer by the same policies.
    Same,
    /// The same answer by other policies.
    OtherPolicies,
    /// Another answer.
    Differs(Box<Difference>),
    /// It cannot be asked again.
    Missing(Missing),
}

/// Puts records to a policy set. One for each thread.
pub struct Replay<'a> {
    snapshot: &'a Snapshot,
    find: &'a (dyn Fn(&str) -> Option<Client> + Sync),
    /// Which of [`VOLATILE`] the policies of a question read, by what is left of it without them.
    reads: HashMap<String, [bool; VOLATILE.len()]>,
    answers: HashMap<String, Decision>,
}

/// What changes from one request to the next, by the names that policies know it by.
const VOLATILE: [&str; 5] = ["now", "ip", "age", "auth_age", "http"];

/// Most answers that are kept.
const MOST: usize = 200_000;

impl<'a> Replay<'a> {
    /// For a policy set; `find` knows the clients of now.
    pub fn new(snapshot: &'a Snapshot, find: &'a (dyn Fn(&str) -> Option<Client> + Sync)) -> Self {
        Self { snapshot, find, reads: HashMap::new(), answers: HashMap::new() }
    }

    /// Asks about one record again.
    pub fn again(&mut self, record: Record) -> Outcome {
        let steady = steady_part(&record);
        let known = self.reads.get(&steady).map(|reads| key(&steady, &record, reads));
        if let Some(now) = known.as_ref().and_then(|key| self.answers.get(key)) {
            return compare(record, now.clone());
        }
        let owned = match record.question(&|id: &str| (self.find)(id)) {
            Ok(owned) => owned,
            Err(missing) => return Outcome::Missing(missing),
        };
        let now = self.snapshot.decide(&owned.asked());
        if self.answers.len() < MOST {
            let reads = self.read_by(&owned);
            self.answers.insert(key(&steady, &record, &reads), now.clone());
            self.reads.insert(steady, reads);
        }
        compare(record, now)
    }

    /// What the policies read that can matter to a question.
    fn read_by(&self, owned: &Owned) -> [bool; VOLATILE.len()] {
        let Ok(cases) = self.snapshot.cases(&owned.asked()) else { return [true; VOLATILE.len()] };
        let mut reads = [false; VOLATILE.len()];
        let texts = cases.iter().flat_map(|case: &Case| {
            let slice = self.snapshot.decider().index.slice(case.key.clone());
            slice.map(|set| set.policies().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default()
        });
        for text in texts {
            for (read, name) in reads.iter_mut().zip(VOLATILE) {
                *read |= mentions(&text, name);
            }
        }
        reads
    }
}

fn compare(record: Record, now: Decision) -> Outcome {
    match (record.decision == Verdict::Allow) == now.allowed {
        false => Outcome::Differs(Box::new(Difference { record, now })),
        true if record.policies == now.policies => Outcome::Same,
        true => Outcome::OtherPolicies,
    }
}

/// Whether a policy speaks of a part of the context, or of the context as a whole.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let at_word = |word: &str, fits: &dyn Fn(&str) -> bool| {
        text.match_indices(word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !before.ends_with(is_word) && !after.starts_with(is_word) && fits(after)
        })
    };
    let whole = |after: &str| !after.starts_with(['.', '[']) && !after.trim_start().starts_with("has");
    at_word(name, &|_| true) || at_word("context", &whole)
}

/// Everything of a question that tells it apart but for [`VOLATILE`], as text.
fn steady_part(record: &Record) -> String {
    let facts = record.facts.as_ref().map(|facts| {
        let mut facts = facts.clone();
        (facts.now_ms, facts.ip, facts.auth_age_s) = (0, std::net::Ipv4Addr::UNSPECIFIED.into(), None);
        facts
    });
    let token = record.token.as_ref().map(|token| (&token.scopes, token.grant));
    format!(
        "{:?} {} {} {} {:?} {} {:?} {facts:?} {token:?} {:?}",
        record.kind,
        record.principal,
        record.action,
        record.resource,
        record.client,
        record.client_off,
        record.user,
        record.stated
    )
}

/// The same with those volatile parts that policies read.
fn key(steady: &str, record: &Record, reads: &[bool; VOLATILE.len()]) -> String {
    use std::fmt::Write as _;
    let mut key = steady.to_owned();
    for (name, _) in VOLATILE.iter().zip(reads).filter(|(_, read)| **read) {
        // Writing to a string cannot fail.
        let _ = match *name {
            "now" => {
                write!(key, " t{:?} {}", record.facts.as_ref().map(|facts| facts.now_ms), moment(record))
            }
            "ip" => write!(key, " {} {:?}", record.ip, record.facts.as_ref().map(|facts| facts.ip)),
            "age" => write!(key, " a{:?}", record.token.as_ref().map(|token| token.age)),
            "auth_age" => write!(key, " s{:?}", record.facts.as_ref().map(|facts| facts.auth_age_s)),
            _ => write!(key, " {:?}", record.http),
        };
    }
    key
}

/// The time of a record whose question has it from there.
fn moment(record: &Record) -> &str {
    if matches!(record.kind, Kind::Grant | Kind::Recheck) { "" } else { &record.time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_policies_read() {
        let reads = |text: &str| VOLATILE.map(|name| mentions(text, name));
        assert_eq!(
            reads("forbid (principal, action, resource) when { context.ttl > duration(\"1m\") };"),
            [false; 5]
        );
        assert_eq!(reads("when { context.now.toTime() > x };"), [true, false, false, false, false]);
        assert_eq!(
            reads("when { context has http && context.auth_age > x }"),
            [false, false, false, true, true]
        );
        assert_eq!(reads("when { context[\"ip\"].isLoopback() }"), [false, true, false, false, false]);
        assert_eq!(reads("when { context == resource.shape }"), [true; 5]);
    }
}
