//! Whether what is remembered is still true: counters of the database, polled at most 0.5 s apart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::clock::Clock;
use crate::store::Counters;

/// How long an answer of the database stands without a newer one, in milliseconds.
/// With a poll each 400 ms this keeps every replica within the second that attack row R6 allows.
const STANDS_FOR_MS: u64 = 900;

/// Generations of what is cached. A generation read before a row was read goes with the entry, so an
/// entry that raced with a change is never used.
///
/// Generations count from 1; 0 marks what must not be remembered.
#[derive(Debug)]
pub struct Freshness {
    clients: AtomicU64,
    users: AtomicU64,
    tokens: AtomicU64,
    polled_at: AtomicU64,
    polled: AtomicBool,
    seen: std::sync::Mutex<Counters>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            clients: AtomicU64::new(1),
            users: AtomicU64::new(1),
            tokens: AtomicU64::new(1),
            polled_at: AtomicU64::new(0),
            polled: AtomicBool::new(false),
            seen: std::sync::Mutex::default(),
        }
    }
}

impl Freshness {
    /// The clients' generation; nothing while the database does not answer the poll.
    pub fn clients(&self, clock: &Clock) -> Option<u64> {
        self.is_fresh(clock).then(|| self.clients.load(Ordering::Acquire))
    }

    /// The users' generation; nothing while the database does not answer the poll.
    pub fn users(&self, clock: &Clock) -> Option<u64> {
        self.is_fresh(clock).then(|| self.users.load(Ordering::Acquire))
    }

    /// The revocations' generation; nothing while the database does not answer the poll.
    pub fn tokens(&self, clock: &Clock) -> Option<u64> {
        self.is_fresh(clock).then(|| self.tokens.load(Ordering::Acquire))
    }

    /// A client changed here.
    pub fn clients_changed(&self) {
        self.clients.fetch_add(1, Ordering::AcqRel);
    }

    /// A user changed here.
    pub fn users_changed(&self) {
        self.users.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a poll's answer, begun at the given time; says whether signing keys changed.
    pub fn polled(&self, counters: Counters, begun_ms: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.clients != counters.clients {
            self.clients_changed();
        }
        if seen.users != counters.users {
            self.users_changed();
        }
        if seen.tokens != counters.tokens {
            self.tokens.fetch_add(1, Ordering::AcqRel);
        }
        let keys = seen.keys != counters.keys;
        *seen = counters;
        self.polled_at.store(begun_ms, Ordering::Release);
        self.polled.store(true, Ordering::Release);
        keys
    }

    fn is_fresh(&self, clock: &Clock) -> bool {
        self.polled.load(Ordering::Acquire)
            && clock.steady_ms().saturating_sub(self.polled_at.load(Ordering::Acquire)) < STANDS_FOR_MS
    }
}
