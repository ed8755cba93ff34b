//! The issuer's list of revoked tokens, followed by its cursor: offline verification that is a few seconds behind.
//!
//! The list is a JWT that the issuer's published key signs. Until a first list has come, and once the last one is too
//! old, nothing is let through.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::claims::{Claims, signed};
use super::fetch::{Fetch, basic};
use super::keys::Keys;
use super::refusal::Refusal;

/// Pages of one update: each has 10,000 tokens at most.
const MOST_PAGES: usize = 100;
/// Between two requests while there is no list yet, in milliseconds.
const FIRST_MS: i64 = 1_000;
/// Type of the list.
const TYPE: &str = "revoked-tokens+jwt";
/// Longest list that is read, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// What is known of the list.
#[derive(Default)]
struct State {
    cursor: Option<String>,
    /// Tokens, each until it would have expired, in seconds since 1970.
    tokens: HashMap<String, i64>,
    clients: HashSet<String>,
    users: HashSet<String>,
    /// What tokens still carry that lost scopes.
    lost: HashMap<String, String>,
    asked_ms: Option<i64>,
    good_ms: Option<i64>,
}

/// The list of one issuer.
pub(super) struct Revoked {
    url: Url,
    authorization: String,
    issuer: String,
    every_ms: i64,
    client: Arc<dyn Fetch>,
    state: Mutex<State>,
    /// One update at a time.
    asking: tokio::sync::Mutex<()>,
}

impl Revoked {
    pub(super) fn new(
        url: Url,
        issuer: &str,
        (id, secret): (&str, &str),
        every: Duration,
        client: Arc<dyn Fetch>,
    ) -> Self {
        Self {
            url,
            authorization: basic(id, secret),
            issuer: issuer.to_owned(),
            every_ms: i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1),
            client,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// The claims of a verified token, less what the list says that it lost.
    ///
    /// # Errors
    /// [`Refusal::Token`] for a token that the list names, [`Refusal::Unavailable`] while there is no list that stands.
    pub(super) async fn check(&self, claims: Claims, keys: &Keys, now_ms: i64) -> Result<Claims, Refusal> {
        if self.state().is_due(now_ms, self.every_ms) {
            self.update(keys, now_ms).await;
        }
        let state = self.state();
        let stands =
            state.good_ms.is_some_and(|good| now_ms.saturating_sub(good) <= self.every_ms.saturating_mul(3));
        if !stands {
            return Err(Refusal::Unavailable);
        }
        let jti = claims.jti().ok_or(Refusal::Token("the token has no id"))?;
        let dead = state.tokens.contains_key(jti)
            || state.clients.contains(claims.client_id())
            || state.users.contains(claims.subject());
        match state.lost.get(jti) {
            _ if dead => Err(Refusal::Token("the token was revoked")),
            Some(left) if left.is_empty() => Err(Refusal::Token("the token was revoked")),
            Some(left) => Ok(claims.with_scope(left)),
            None => Ok(claims),
        }
    }

    async fn update(&self, keys: &Keys, now_ms: i64) {
        // Whoever comes while somebody asks goes by what is known; before the first list there is nothing to go by.
        let first = self.state().good_ms.is_none();
        let _one = match self.asking.try_lock() {
            Ok(one) => one,
            Err(_) if first => self.asking.lock().await,
            Err(_) => return,
        };
        if !self.state().is_due(now_ms, self.every_ms) {
            return;
        }
        self.state().asked_ms = Some(now_ms);
        for _ in 0..MOST_PAGES {
            match self.page(keys, now_ms).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(why) => {
                    tracing::warn!(event = "guard.revoked", url = %self.url, why, "no list of revoked tokens");
                    return;
                }
            }
        }
    }

    /// Reads one page; whether there is more.
    async fn page(&self, keys: &Keys, now_ms: i64) -> Result<bool, &'static str> {
        let cursor = self.state().cursor.clone();
        let mut url = self.url.clone();
        if let Some(cursor) = &cursor {
            url.query_pairs_mut().append_pair("since", cursor);
        }
        let answer = self.client.get_as(&url, &self.authorization).await.map_err(|_| "no answer")?;
        if answer.status != 200 {
            return Err("refused");
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| "no text")?;
        let body = signed(text, TYPE, LONGEST, keys, now_ms).await.map_err(|_| "the signature is wrong")?;
        let fresh = body
            .get("exp")
            .and_then(Value::as_i64)
            .is_some_and(|end| now_ms / 1_000 <= end.saturating_add(30));
        if body.get("iss").and_then(Value::as_str) != Some(&*self.issuer) || !fresh {
            return Err("of another issuer or too old");
        }
        let more = body.get("more").and_then(Value::as_bool).ok_or("no list")?;
        self.state().take(&body, more, now_ms).ok_or("no list")?;
        Ok(more)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_due(&self, now_ms: i64, every_ms: i64) -> bool {
        let every_ms = if self.good_ms.is_some() { every_ms } else { every_ms.min(FIRST_MS) };
        self.asked_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= every_ms || now_ms < asked)
    }

    /// Takes a page over: tokens are added, everything else is as of now.
    fn take(&mut self, body: &Map<String, Value>, more: bool, now_ms: i64) -> Option<()> {
        let texts = |name: &str| -> Option<HashSet<String>> {
            body.get(name)?.as_array()?.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect()
        };
        let (clients, users) = (texts("clients")?, texts("users")?);
        let mut tokens = Vec::new();
        for row in body.get("revoked")?.as_array()? {
            tokens.push((row.get("jti")?.as_str()?.to_owned(), row.get("exp")?.as_i64()?));
        }
        let mut lost = HashMap::new();
        for row in body.get("lost")?.as_array()? {
            lost.insert(row.get("jti")?.as_str()?.to_owned(), row.get("scope")?.as_str()?.to_owned());
        }
        self.cursor = Some(body.get("cursor")?.as_str()?.to_owned());
        self.tokens.retain(|_, end| *end >= now_ms / 1_000 - 60);
        self.tokens.extend(tokens);
        (self.clients, self.users, self.lost) = (clients, users, lost);
        if !more {
            self.good_ms = Some(now_ms);
        }
        Some(())
    }
}
