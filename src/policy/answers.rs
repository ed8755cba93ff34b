//! Answers to grant questions, remembered where another time and address would give the same ones: a code and its
//! token ask within a second what was asked before, and most clients ask the same again and again.
//!
//! A memory belongs to one policy set and goes with it. What is found is believed only for a client and a user that
//! no policy can tell from those of the question.

use std::sync::Arc;

use moka::sync::Cache;

use super::question::{Decision, GrantFacts, GrantQuestion};
use super::snapshot::{Snapshot, looks_alike};
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::jwk::PublicKeys;
use crate::oauth::scope::Scope;
use crate::oauth::user::User;

/// What a question weighs beside its scopes.
const BASE: usize = 8;
/// The weight of all that is kept: 4,000 questions about a scope, or 300 about a hundred.
const KEPT: u64 = 36_000;

/// Every answer of one request: may it start, and each scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// May this grant start at all.
    pub start: Decision,
    /// Each scope that was asked about, in order. What is told of a refused start has none.
    pub scopes: Vec<(Scope, Decision)>,
}

/// Answers of one policy set.
pub(super) struct Memory(Cache<Name, Arc<Known>>);

/// What tells questions apart, but for what entities say.
#[derive(PartialEq, Eq, Hash)]
struct Name {
    client: ClientId,
    user: Option<Arc<str>>,
    grant: GrantType,
    facts: GrantFacts,
    scopes: Vec<Scope>,
}

struct Known {
    client: Client,
    active: bool,
    user: Option<User>,
    answers: Arc<Answers>,
}

impl Default for Memory {
    fn default() -> Self {
        let weight = |name: &Name, _: &Arc<Known>| {
            let consented = name.facts.consented.as_ref().map_or(0, Vec::len);
            u32::try_from(BASE + name.scopes.len() + consented).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(weight).max_capacity(KEPT).build())
    }
}

impl Name {
    fn of(question: &GrantQuestion<'_>, scopes: &[Scope]) -> Self {
        Self {
            client: question.client.id.clone(),
            user: question.user.map(|user| Arc::clone(&user.id)),
            grant: question.grant,
            facts: question.facts.timeless(),
            scopes: scopes.to_vec(),
        }
    }
}

impl Known {
    fn of(question: &GrantQuestion<'_>, answers: &Arc<Answers>) -> Self {
        // What no policy sees is not kept: many answers about one client would each have its keys.
        let client = Client {
            name: String::new(),
            redirect_uris: Vec::new(),
            keys: PublicKeys::default(),
            ..question.client.clone()
        };
        Self { client, active: question.active, user: question.user.cloned(), answers: Arc::clone(answers) }
    }

    fn answers(&self, question: &GrantQuestion<'_>) -> bool {
        self.active == question.active
            && self.user.as_ref() == question.user
            && self.client.scopes == question.client.scopes
            && looks_alike(&self.client, question.client)
    }
}

impl Snapshot {
    /// Which of these scopes does the grant give, from memory where that holds.
    pub fn preview(&self, question: &GrantQuestion<'_>, scopes: &[Scope]) -> Vec<(Scope, Decision)> {
        match self.answers(question, scopes) {
            Ok(answers) => answers.scopes.clone(),
            Err(why) => self.all_failed(scopes, &why),
        }
    }

    /// A no to each scope of a question that could not be put.
    pub(super) fn all_failed(&self, scopes: &[Scope], why: &str) -> Vec<(Scope, Decision)> {
        scopes.iter().map(|scope| (scope.clone(), self.decider().failed(why.to_owned()))).collect()
    }

    /// May this grant start, and which of these scopes does it give; the scopes are answered even where the start is
    /// refused.
    ///
    /// # Errors
    /// What could not be put into Cedar's words: a no to all of it.
    pub(super) fn answers(
        &self,
        question: &GrantQuestion<'_>,
        scopes: &[Scope],
    ) -> Result<Arc<Answers>, String> {
        // Who counts what policies are asked must see each question.
        if self.decider().probe.is_some() {
            return Ok(Arc::new(self.asked_anew(question, scopes)?.0));
        }
        let name = Name::of(question, scopes);
        if let Some(known) = self.memory.0.get(&name).filter(|known| known.answers(question)) {
            // Debug builds, and so every test, ask again what is remembered.
            if cfg!(debug_assertions) {
                let anew = self.asked_anew(question, scopes)?.0;
                assert_eq!(*known.answers, anew, "a remembered answer is another one today");
            }
            return Ok(Arc::clone(&known.answers));
        }
        let (answers, steady) = self.asked_anew(question, scopes)?;
        let answers = Arc::new(answers);
        if steady {
            self.memory.0.insert(name, Arc::new(Known::of(question, &answers)));
        }
        Ok(answers)
    }

    /// How many answers are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> u64 {
        self.memory.0.run_pending_tasks();
        self.memory.0.entry_count()
    }

    fn asked_anew(&self, question: &GrantQuestion<'_>, scopes: &[Scope]) -> Result<(Answers, bool), String> {
        let prepared = self.prepare(question, scopes)?;
        let start = self.start(question, &prepared);
        let each = self.each(question, scopes, &prepared);
        let went_well =
            start.errors.is_empty() && each.iter().all(|(_, decision)| decision.errors.is_empty());
        let steady = went_well && self.is_steady(question, scopes, &prepared);
        Ok((Answers { start, scopes: each }, steady))
    }
}
