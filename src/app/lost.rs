//! What the policies of now took away from tokens that are out, as it was found at the last look.

use std::sync::Arc;

use super::App;
use crate::policy::Snapshot;

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

impl Lost {
    /// What a look found that began at that time.
    pub fn new(
        tokens: Vec<LostToken>,
        complete: bool,
        of: Generations,
        begun_ms: i64,
        last: Option<&Self>,
    ) -> Self {
        let same = last.filter(|last| last.of == of);
        let since_ms = same.map_or(begun_ms, |last| last.since_ms);
        Self { tokens, complete, of, since_ms, made_ms: begun_ms }
    }

    /// Whether another look would find the same.
    pub fn stands(&self, of: &Generations) -> bool {
        let known = of.clients.is_some() && of.users.is_some();
        known && self.of == *of && self.made_ms - self.since_ms >= SETTLES_MS
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

    #[test]
    fn a_look_stands_once_nothing_can_be_on_its_way_any_more() {
        let of = |revision: &str, users| Generations { revision: revision.into(), clients: Some(1), users };
        let look = |at, generations: &Generations, last: Option<&Lost>| {
            Lost::new(Vec::new(), true, generations.clone(), at, last)
        };
        let now = of("a", Some(1));
        let first = look(0, &now, None);
        assert!(!first.stands(&now));
        let early = look(SETTLES_MS - 1, &now, Some(&first));
        assert!(!early.stands(&now));
        let late = look(SETTLES_MS, &now, Some(&early));
        assert!(late.stands(&now));
        assert!(!late.stands(&of("b", Some(1))) && !late.stands(&of("a", Some(2))));
        // What the database does not confirm stands for nothing.
        let unknown = of("a", None);
        assert!(!look(SETTLES_MS, &unknown, Some(&look(0, &unknown, None))).stands(&unknown));
        let changed = look(SETTLES_MS + 1, &of("b", Some(1)), Some(&late));
        assert!(!changed.stands(&of("b", Some(1))));
    }
}
