//! Introspection instead of keys (RFC 7662): what the policy permits now, at the price of a question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::claims::Claims;
use super::fetch::{Fetch, basic};
use super::refusal::Refusal;

/// Longest time that an answer is kept: how late a revocation may be.
const LONGEST: Duration = Duration::from_secs(1);
/// Answers that are kept at most.
const MOST: usize = 10_000;

/// When an answer came, in milliseconds since 1970, and what it was.
type Kept = (i64, Option<Claims>);

/// The issuer's introspection endpoint and its last answers.
pub(super) struct Introspection {
    url: Url,
    authorization: String,
    keep_ms: i64,
    client: Arc<dyn Fetch>,
    answers: Mutex<HashMap<[u8; 32], Kept>>,
}

impl Introspection {
    pub(super) fn new(url: Url, id: &str, secret: &str, keep: Duration, client: Arc<dyn Fetch>) -> Self {
        let keep_ms = i64::try_from(keep.min(LONGEST).as_millis()).unwrap_or(0);
        Self { url, authorization: basic(id, secret), keep_ms, client, answers: Mutex::default() }
    }

    /// What the issuer says about a token.
    ///
    /// # Errors
    /// [`Refusal::Token`] for one that is not active, [`Refusal::Unavailable`] where no answer can be had.
    pub(super) async fn claims(&self, token: &str, now_ms: i64) -> Result<Claims, Refusal> {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let answer = match self.kept(&key, now_ms) {
            Some(answer) => answer,
            None => {
                let answer = self.ask(token).await?;
                self.keep(key, now_ms, answer.clone());
                answer
            }
        };
        answer.ok_or(Refusal::Token("the token is not active"))
    }

    async fn ask(&self, token: &str) -> Result<Option<Claims>, Refusal> {
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let answer = self.client.post_form(&self.url, &self.authorization, form).await;
        let answer = answer.ok().filter(|answer| answer.status == 200).ok_or(Refusal::Unavailable)?;
        match serde_json::from_slice(&answer.body) {
            Ok(Value::Object(claims)) => match claims.get("active") {
                Some(Value::Bool(true)) => Ok(Some(Claims::new(claims))),
                Some(Value::Bool(false)) => Ok(None),
                _ => Err(Refusal::Unavailable),
            },
            _ => Err(Refusal::Unavailable),
        }
    }

    fn kept(&self, key: &[u8; 32], now_ms: i64) -> Option<Option<Claims>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, answer) = answers.get(key)?;
        // A clock that was set back must not make an answer last.
        (now_ms < *until && now_ms >= *until - self.keep_ms).then(|| answer.clone())
    }

    fn keep(&self, key: [u8; 32], now_ms: i64, answer: Option<Claims>) {
        if self.keep_ms == 0 {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(key, (now_ms + self.keep_ms, answer));
    }
}
