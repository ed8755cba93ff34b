//! Times of last use: noted in memory, written in batches, never in the request (design §8).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::oauth::secret::SecretHash;

/// Most entries between two writes; beyond it notes are dropped, since they are informational.
const MAX_NOTES: usize = 50_000;

/// Notes of use since the last write.
#[derive(Default)]
pub struct LastUsed {
    tokens: Mutex<HashMap<String, i64>>,
    clients: Mutex<HashMap<String, i64>>,
    consents: Mutex<HashMap<(String, String), i64>>,
    sessions: Mutex<HashMap<SecretHash, i64>>,
}

/// What is to be written.
#[derive(Default)]
pub struct Uses {
    /// By `jti`.
    pub tokens: Vec<(String, i64)>,
    /// By client id.
    pub clients: Vec<(String, i64)>,
    /// By user id and client id.
    pub consents: Vec<((String, String), i64)>,
    /// By the hash of the cookie.
    pub sessions: Vec<(SecretHash, i64)>,
}

impl LastUsed {
    /// A token was used.
    pub fn token(&self, jti: &str, now_ms: i64) {
        note(&self.tokens, jti.to_owned(), now_ms);
    }

    /// A client obtained a token.
    pub fn client(&self, client_id: &str, now_ms: i64) {
        note(&self.clients, client_id.to_owned(), now_ms);
    }

    /// A client obtained a token by what a user agreed to.
    pub fn consent(&self, user_id: &str, client_id: &str, now_ms: i64) {
        note(&self.consents, (user_id.to_owned(), client_id.to_owned()), now_ms);
    }

    /// A browser session was used.
    pub fn session(&self, hash: SecretHash, now_ms: i64) {
        note(&self.sessions, hash, now_ms);
    }

    /// Takes what is to be written.
    pub fn take(&self) -> Uses {
        Uses {
            tokens: drained(&self.tokens),
            clients: drained(&self.clients),
            consents: drained(&self.consents),
            sessions: drained(&self.sessions),
        }
    }
}

fn note<K: Eq + Hash>(notes: &Mutex<HashMap<K, i64>>, key: K, now_ms: i64) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    if notes.len() < MAX_NOTES || notes.contains_key(&key) {
        notes.insert(key, now_ms);
    }
}

fn drained<K: Eq + Hash>(notes: &Mutex<HashMap<K, i64>>) -> Vec<(K, i64)> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
}
