//! Open connections that wait for work. A connection comes back only from work that went well, so
//! a broken one is never handed out twice, and a new one is opened as soon as it is wanted.

use std::sync::{Mutex, PoisonError};

/// A stack of idle connections: the one used last is the warmest.
pub(super) struct Idle<C> {
    waiting: Mutex<Vec<C>>,
    most: usize,
}

impl<C> Idle<C> {
    /// Keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Mutex::new(Vec::with_capacity(most)), most }
    }

    /// The connection used last.
    pub(super) fn take(&self) -> Option<C> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Gives a sound connection back.
    pub(super) fn give(&self, connection: C) {
        let surplus = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < self.most {
                waiting.push(connection);
                None
            } else {
                Some(connection)
            }
        };
        // Closing may take a while, so it happens outside the lock.
        drop(surplus);
    }

    /// Closes them all: when one was lost, the others probably were too.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        drop(all);
    }
}
