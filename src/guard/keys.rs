//! The issuer's public keys, kept for as long as their answer permits (RFC 9111 §5.2.2.1).
//!
//! An unknown key is asked for at once, for keys rotate, but not more often than every few seconds, or anybody could
//! make the guard ask. An issuer that does not answer is forgiven for an hour; then nothing is verified any more.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use super::fetch::{Answer, Fetch};
use super::refusal::Refusal;
use crate::oauth::jwk::{PublicKey, PublicKeys};

/// Shortest and longest life of an answer, in milliseconds, and what stands in for an answer that says nothing.
const LIFE_MS: (i64, i64, i64) = (5_000, 24 * 3_600_000, 300_000);
/// Between two requests, in milliseconds.
const FLOOR_MS: i64 = 5_000;
/// How long keys stand beyond their life while the issuer does not answer, in milliseconds.
const STALE_MS: i64 = 3_600_000;

/// The keys of one address.
pub(super) struct Keys {
    url: Url,
    client: Arc<dyn Fetch>,
    state: Mutex<State>,
    /// One request at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: PublicKeys,
    fresh_until_ms: i64,
    /// The last request; none = there was none yet.
    asked_ms: Option<i64>,
}

impl State {
    fn may_ask(&self, now_ms: i64) -> bool {
        self.asked_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= FLOOR_MS)
    }

    fn stands(&self, now_ms: i64) -> bool {
        now_ms < self.fresh_until_ms.saturating_add(STALE_MS)
    }
}

impl Keys {
    pub(super) fn new(url: Url, client: Arc<dyn Fetch>) -> Self {
        Self { url, client, state: Mutex::default(), asking: tokio::sync::Mutex::new(()) }
    }

    /// The way to the issuer.
    pub(super) fn client(&self) -> Arc<dyn Fetch> {
        Arc::clone(&self.client)
    }

    /// The key of that name; nothing if the issuer has none.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] if there are no keys that still stand.
    pub(super) async fn get(&self, kid: &str, now_ms: i64) -> Result<Option<PublicKey>, Refusal> {
        let mut state = self.state();
        let known = |state: &State| state.keys.get(kid).cloned();
        if now_ms >= state.fresh_until_ms || known(&state).is_none() {
            let _one = self.asking.lock().await;
            state = self.state();
            let needed = now_ms >= state.fresh_until_ms || known(&state).is_none();
            if needed && state.may_ask(now_ms) {
                state = self.ask(now_ms).await;
            }
        }
        if state.keys.is_empty() || !state.stands(now_ms) {
            return Err(Refusal::Unavailable);
        }
        Ok(known(&state))
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, now_ms: i64) -> State {
        let answer = self.client.get(&self.url).await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_ms = Some(now_ms);
        match answer {
            Ok(answer) if answer.status == 200 => {
                let keys = keys_of(&answer);
                if !keys.is_empty() {
                    state.keys = keys;
                    state.fresh_until_ms = now_ms.saturating_add(life_ms(&answer));
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(event = "guard.keys", url = %self.url, %error, "no keys from the issuer")
            }
        }
        state.clone()
    }
}

/// The keys of a JWKS, each by itself: keys of kinds that we do not know are left out (RFC 7517 §5).
fn keys_of(answer: &Answer) -> PublicKeys {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let keys = document["keys"].as_array().into_iter().flatten();
    keys.filter_map(|key| PublicKeys::parse(&key.to_string()).ok())
        .fold(PublicKeys::default(), |all, one| all.merged(&one))
}

fn life_ms(answer: &Answer) -> i64 {
    let (least, most, ordinary) = LIFE_MS;
    let directives = answer.cache_control.as_deref().unwrap_or_default().split(',').map(str::trim);
    let mut life = ordinary;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => life = least,
            "max-age" => {
                let seconds: i64 = value.trim_matches('"').parse().unwrap_or(0);
                life = seconds.saturating_mul(1_000);
            }
            _ => {}
        }
    }
    life.clamp(least, most)
}
