//! Live tokens as they are remembered: the row, what it still carries, and decisions about its use. An entry is
//! believed only while nothing that it depends on has changed, here or on another replica.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::clients::ClientState;
use super::users::UserState;
use super::{App, LiveKey};
use crate::oauth::scope::Scope;
use crate::oauth::secret::SecretHash;
use crate::policy::{Decision, Holds, Snapshot};
use crate::store::TokenRow;

/// Most decisions that are kept of one kind.
const MOST_DECISIONS: usize = 128;

/// A token that lived when it was looked at, with all that this was decided on.
#[derive(Debug)]
pub struct KnownToken {
    /// Its row.
    pub row: Arc<TokenRow>,
    /// What it still carries.
    pub kind: Arc<Kind>,
    /// Its client.
    pub client: Arc<ClientState>,
    /// The user behind it.
    pub user: Option<UserState>,
    revocations: Revocations,
}

/// What a token still carries, and what was decided about its use. Tokens that no policy can tell apart share one.
/// A subject of the decision API that acts without a token has one as well.
#[derive(Debug)]
pub struct Kind {
    /// Scopes that the policy of now permits.
    pub scopes: Arc<[Scope]>,
    /// What may be done with a content type.
    pub uses: Memory,
    /// What may be administered.
    pub administers: Memory,
    key: LiveKey,
}

/// Decisions about actions that hold for more than the question that they were made for.
#[derive(Debug, Default)]
pub struct Memory(RwLock<HashMap<Scope, (Holds, Arc<Decision>)>>);

/// Which revocations a row was read after: of all replicas, and of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocations {
    polled: u64,
    own: u64,
}

impl KnownToken {
    /// What may be remembered of a token.
    pub fn new(
        row: Arc<TokenRow>,
        kind: Arc<Kind>,
        client: Arc<ClientState>,
        user: Option<UserState>,
        revocations: Revocations,
    ) -> Self {
        Self { row, kind, client, user, revocations }
    }
}

impl Kind {
    /// What was decided for this policy set, client and user.
    pub fn new(scopes: Arc<[Scope]>, key: LiveKey) -> Self {
        Self { scopes, key, uses: Memory::default(), administers: Memory::default() }
    }
}

impl Memory {
    /// What was decided about an action, if it holds for so many questions.
    pub fn decision(&self, action: &Scope, needed: Holds) -> Option<Arc<Decision>> {
        let decisions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = decisions.get(action).filter(|(holds, _)| *holds >= needed);
        found.map(|(_, decision)| Arc::clone(decision))
    }

    /// Keeps a decision that depends on nothing but what its kind depends on.
    pub fn remember(&self, action: &Scope, holds: Holds, decision: &Arc<Decision>) {
        if holds == Holds::Once {
            return;
        }
        let mut decisions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() < MOST_DECISIONS {
            decisions.entry(action.clone()).or_insert_with(|| (holds, Arc::clone(decision)));
        }
    }
}

impl App {
    /// To be asked before a token's row is read; nothing while that is not known to be current.
    pub fn revocations(&self) -> Option<Revocations> {
        let polled = self.freshness.tokens(&self.clock)?;
        Some(Revocations { polled, own: self.store.token_generation() })
    }

    /// The token of that text, if all that is remembered of it is still true. Expiry is the caller's question.
    pub fn known_token(&self, snapshot: &Snapshot, hash: &SecretHash) -> Option<Arc<KnownToken>> {
        let known = self.known_tokens.get(hash)?;
        let current = self.revocations() == Some(known.revocations)
            && Arc::ptr_eq(&known.kind.key.revision, snapshot.revision())
            && self.freshness.clients(&self.clock) == Some(known.client.generation)
            && known
                .user
                .as_ref()
                .is_none_or(|user| self.freshness.users(&self.clock) == Some(user.generation()));
        current.then_some(known)
    }

    /// Remembers a token under the hash of its text.
    pub fn remember_token(&self, hash: SecretHash, known: Arc<KnownToken>) {
        self.known_tokens.insert(hash, known);
    }

    /// The kind of that name, if it was decided on the same policy set, client and user.
    pub fn kind(&self, name: &str, key: &LiveKey) -> Option<Arc<Kind>> {
        self.kinds.get(name).filter(|kind| kind.key == *key)
    }

    /// The kind of whoever acts without a token. A blank begins its name, as it begins no token's.
    pub fn kind_without_token(
        &self,
        name: std::fmt::Arguments<'_>,
        key: LiveKey,
        scopes: impl FnOnce() -> Arc<[Scope]>,
    ) -> Arc<Kind> {
        let name = format!(" {name}");
        self.kind(&name, &key).unwrap_or_else(|| {
            let kind = Arc::new(Kind::new(scopes(), key));
            self.remember_kind(name, Arc::clone(&kind));
            kind
        })
    }

    /// Remembers a kind.
    pub fn remember_kind(&self, name: String, kind: Arc<Kind>) {
        self.kinds.insert(name, kind);
    }
}
