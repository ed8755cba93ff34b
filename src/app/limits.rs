//! Limits on failures: counted before the attempt is checked, so that parallel tries cannot slip past.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

/// Most keys that a limiter remembers; beyond it, the oldest windows are dropped first.
const MAX_KEYS: usize = 100_000;

/// Counts failures per key within a window.
///
/// An attempt takes a place first and gives it back when it succeeds (attack rows F13, T6).
pub struct FailureLimit<K> {
    most: u32,
    window_ms: u64,
    counts: Mutex<HashMap<K, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since_ms: u64,
    failures: u32,
}

impl<K: Eq + Hash + Clone> FailureLimit<K> {
    /// A limit of so many failures within so many milliseconds.
    pub fn new(most: u32, window_ms: u64) -> Self {
        Self { most, window_ms, counts: Mutex::new(HashMap::new()) }
    }

    /// Whether an attempt would find a place; takes none.
    ///
    /// # Errors
    /// As [`FailureLimit::begin`].
    pub fn check(&self, key: &K, steady_ms: u64) -> Result<(), u64> {
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match counts.get(key).and_then(|count| self.left(count, steady_ms)) {
            Some(seconds) => Err(seconds),
            None => Ok(()),
        }
    }

    /// Takes a place for an attempt.
    ///
    /// # Errors
    /// The number of seconds after which the window ends, when all places are taken.
    pub fn begin(&self, key: &K, steady_ms: u64) -> Result<(), u64> {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counts.len() >= MAX_KEYS && !counts.contains_key(key) {
            self.make_room(&mut counts, steady_ms);
        }
        let count = counts.entry(key.clone()).or_insert(Count { since_ms: steady_ms, failures: 0 });
        if steady_ms.saturating_sub(count.since_ms) >= self.window_ms {
            *count = Count { since_ms: steady_ms, failures: 0 };
        }
        if let Some(seconds) = self.left(count, steady_ms) {
            return Err(seconds);
        }
        count.failures += 1;
        Ok(())
    }

    /// Seconds until the window ends, when all of its places are taken.
    fn left(&self, count: &Count, steady_ms: u64) -> Option<u64> {
        let left = (count.since_ms + self.window_ms).saturating_sub(steady_ms);
        (count.failures >= self.most && left > 0).then(|| left.div_ceil(1_000).max(1))
    }

    /// Gives the place back: the attempt succeeded, or was never made.
    pub fn succeeded(&self, key: &K) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = counts.get_mut(key) {
            count.failures = count.failures.saturating_sub(1);
            if count.failures == 0 {
                counts.remove(key);
            }
        }
    }

    fn make_room(&self, counts: &mut HashMap<K, Count>, steady_ms: u64) {
        counts.retain(|_, count| steady_ms.saturating_sub(count.since_ms) < self.window_ms);
        if counts.len() >= MAX_KEYS {
            let oldest = counts.iter().min_by_key(|(_, c)| c.since_ms).map(|(key, _)| key.clone());
            if let Some(key) = oldest {
                counts.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_counts_before_the_check_and_forgives_success() {
        let limit = FailureLimit::new(2, 1_000);
        assert!(limit.begin(&"a", 0).is_ok());
        assert!(limit.begin(&"a", 0).is_ok());
        assert_eq!(limit.begin(&"a", 0), Err(1));
        assert_eq!(limit.check(&"a", 0), Err(1));
        assert!(limit.begin(&"b", 0).is_ok(), "another key is not affected");
        assert!(limit.check(&"b", 0).is_ok() && limit.check(&"c", 0).is_ok());
        limit.succeeded(&"a");
        assert!(limit.begin(&"a", 500).is_ok());
        assert!(limit.begin(&"a", 500).is_err());
        assert!(limit.check(&"a", 1_000).is_ok() && limit.begin(&"a", 1_000).is_ok(), "a new window");
    }
}
