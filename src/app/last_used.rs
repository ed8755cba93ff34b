//! Times of last use: noted in memory, written in batches, never in the request (design §8).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most entries between two writes; beyond it notes are dropped, since they are informational.
const MAX_NOTES: usize = 50_000;

/// Notes of use since the last write.
#[derive(Default)]
pub struct LastUsed {
    tokens: Mutex<HashMap<String, i64>>,
    clients: Mutex<HashMap<String, i64>>,
}

impl LastUsed {
    /// A token was used.
    pub fn token(&self, jti: &str, now_ms: i64) {
        note(&self.tokens, jti, now_ms);
    }

    /// A client obtained a token.
    pub fn client(&self, client_id: &str, now_ms: i64) {
        note(&self.clients, client_id, now_ms);
    }

    /// Takes what is to be written: tokens, then clients.
    pub fn take(&self) -> (Vec<(String, i64)>, Vec<(String, i64)>) {
        (drained(&self.tokens), drained(&self.clients))
    }
}

fn note(notes: &Mutex<HashMap<String, i64>>, key: &str, now_ms: i64) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = notes.get_mut(key) {
        *at = now_ms;
    } else if notes.len() < MAX_NOTES {
        notes.insert(key.to_owned(), now_ms);
    }
}

fn drained(notes: &Mutex<HashMap<String, i64>>) -> Vec<(String, i64)> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
}
