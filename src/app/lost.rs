//! What the policies of now took away from tokens that are out, as it was found at the last look.

use std::sync::Arc;

use super::App;
use crate::policy::Snapshot;

/// A look is followed by at least so many times its own length without one.
const RESTS: i64 = 10;
/// After a change, tokens may still be issued by a replica that does not know it yet: for so long each look is a new one.
const SETTLES_MS: i64 = 60_000;

/// Tokens that carry less than they were issued with.
#[derive(Debug)]
pub struct Lost {
    /// The tokens.
    pub tokens: Vec<LostToken>,
    /// Whether all tokens were looked at.
    pub complete: bool,
    of: Generations,
    since_ms: i64,
    made_ms: i64,
    rests_ms: i64,
}

/// A live token that lost scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostToken {
    /// Its id.
    pub jti: String,
    /// When it expires, in milliseconds.
    pub expires_at: i64,
    /// What it still carries, separated by spaces; empty = nothing.
    pub scope: String,
}

/// What the answer depends on; none = it is not known to be current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    revision: Arc<str>,
    clients: Option<u64>,
    users: Option<u64>,
}

/// When a look was made.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When it began, in milliseconds.
    pub begun_ms: i64,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// Longest time for which it may stand where it need not be true any more, in milliseconds.
    pub most_ms: i64,
}

impl Lost {
    /// What a look found.
    pub fn new(
        tokens: Vec<LostToken>,
        complete: bool,
        of: Generations,
        look: Look,
        last: Option<&Self>,
    ) -> Self {
        let same = last.filter(|last| last.of == of);
        let since_ms = same.map_or(look.begun_ms, |last| last.since_ms);
        let rests_ms = look.took_ms.saturating_mul(RESTS).min(look.most_ms);
        Self { tokens, complete, of, since_ms, made_ms: look.begun_ms, rests_ms }
    }

    /// Whether another look would find the same, or comes too soon after one that took long.
    pub fn stands(&self, of: &Generations, now_ms: i64) -> bool {
        let known = of.clients.is_some() && of.users.is_some();
        let settled = known && self.of == *of && self.made_ms - self.since_ms >= SETTLES_MS;
        settled || (0..self.rests_ms).contains(&(now_ms - self.made_ms))
    }
}

impl App {
    /// To be asked before tokens are looked at.
    pub fn generations(&self, snapshot: &Snapshot) -> Generations {
        Generations {
            revision: Arc::clone(snapshot.revision()),
            clients: self.freshness.clients(&self.clock),
            users: self.freshness.users(&self.clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(revision: &str, users: Option<u64>) -> Generations {
        Generations { revision: revision.into(), clients: Some(1), users }
    }

    fn look(at: i64, took_ms: i64, generations: &Generations, last: Option<&Lost>) -> Lost {
        let look = Look { begun_ms: at, took_ms, most_ms: 10_000 };
        Lost::new(Vec::new(), true, generations.clone(), look, last)
    }

    #[test]
    fn a_look_stands_once_nothing_can_be_on_its_way_any_more() {
        let now = of("a", Some(1));
        let first = look(0, 0, &now, None);
        assert!(!first.stands(&now, 1));
        let early = look(SETTLES_MS - 1, 0, &now, Some(&first));
        assert!(!early.stands(&now, SETTLES_MS));
        let late = look(SETTLES_MS, 0, &now, Some(&early));
        assert!(late.stands(&now, i64::MAX));
        assert!(!late.stands(&of("b", Some(1)), SETTLES_MS) && !late.stands(&of("a", Some(2)), SETTLES_MS));
        // What the database does not confirm stands for nothing.
        let unknown = of("a", None);
        let last = look(0, 0, &unknown, None);
        assert!(!look(SETTLES_MS, 0, &unknown, Some(&last)).stands(&unknown, SETTLES_MS));
        let changed = look(SETTLES_MS + 1, 0, &of("b", Some(1)), Some(&late));
        assert!(!changed.stands(&of("b", Some(1)), SETTLES_MS + 2));
    }

    #[test]
    fn a_look_that_took_long_is_followed_by_a_rest() {
        let long = look(1_000, 300, &of("a", Some(1)), None);
        let other = of("b", Some(2));
        assert!(long.stands(&other, 1_000) && long.stands(&other, 3_999) && !long.stands(&other, 4_000));
        assert!(!long.stands(&other, 999), "a clock that was set back makes nothing last");
        let longer = look(0, 5_000, &of("a", Some(1)), None);
        assert!(
            longer.stands(&other, 9_999) && !longer.stands(&other, 10_000),
            "never longer than a list may be kept"
        );
    }
}
