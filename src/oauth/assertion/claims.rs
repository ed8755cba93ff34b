//! The claims of an assertion. A claim of a wrong type is refused, never treated as absent (attack row G4).

use serde_json::{Map, Value};

use super::{AssertionError, EXPIRY_LEEWAY_S, Expectation};

/// The last second of the year 9999: a date beyond it is no date.
const LAST_SECOND: u64 = 253_402_300_799;
/// How many audiences an array may name.
const MAX_AUDIENCES: usize = 20;

/// Claims with their right types; times in milliseconds.
#[derive(Debug)]
pub(super) struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: Audience,
    pub expires_ms: i64,
    pub issued_ms: Option<i64>,
    pub not_before_ms: Option<i64>,
    pub jti: Option<String>,
    pub scope: Option<String>,
}

/// `aud`, in the form in which it came (RFC 7519 §4.1.3).
#[derive(Debug)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    /// Reads the claims that RFC 7523 §3 names, and `scope`. Others are ignored.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, AssertionError> {
        Ok(Self {
            issuer: name(claims, "iss")?.ok_or(AssertionError::Missing("iss"))?,
            subject: name(claims, "sub")?.ok_or(AssertionError::Missing("sub"))?,
            audience: audience(claims)?,
            expires_ms: date(claims, "exp")?.ok_or(AssertionError::Missing("exp"))?,
            issued_ms: date(claims, "iat")?,
            not_before_ms: date(claims, "nbf")?,
            jti: name(claims, "jti")?,
            scope: match claims.get("scope") {
                None => None,
                Some(Value::String(scope)) => Some(scope.clone()),
                Some(_) => return Err(AssertionError::Claim("scope")),
            },
        })
    }

    /// The same of a user's token, which need not have a `sub`: another claim may name the user.
    pub fn read_of_user(claims: &Map<String, Value>) -> Result<Self, AssertionError> {
        match claims.get("sub") {
            None => {
                let mut claims = claims.clone();
                claims.insert("sub".to_owned(), "-".into());
                Self::read(&claims)
            }
            Some(_) => Self::read(claims),
        }
    }

    /// `exp`, `iat` and `nbf` against the clock.
    pub fn check_time(&self, expect: &Expectation<'_>) -> Result<(), AssertionError> {
        let Self { expires_ms, issued_ms, not_before_ms, .. } = *self;
        let ahead_ms = expect.now_ms.saturating_add(millis(expect.skew_s));
        let leeway_ms = millis(EXPIRY_LEEWAY_S.min(expect.skew_s));
        if expires_ms.saturating_add(leeway_ms) <= expect.now_ms {
            return Err(AssertionError::Expired);
        }
        if not_before_ms.is_some_and(|at| at > ahead_ms) {
            return Err(AssertionError::NotYet);
        }
        if let Some(at) = issued_ms {
            if at > ahead_ms {
                return Err(AssertionError::IssuedAhead);
            }
            if expires_ms <= at {
                return Err(AssertionError::Backwards);
            }
            if expires_ms - at > millis(expect.max_ttl_s) {
                return Err(AssertionError::TooLongLived);
            }
        }
        // Without this bound the table of used assertions grows as long as a client likes (attack row G3).
        if expires_ms > ahead_ms.saturating_add(millis(expect.max_ttl_s)) {
            return Err(AssertionError::TooLongLived);
        }
        Ok(())
    }

    /// `aud` against the names of this server.
    pub fn check_audience(&self, expect: &Expectation<'_>) -> Result<(), AssertionError> {
        let names_us = |name: &String| expect.audiences.contains(&name.as_str());
        let named = match &self.audience {
            Audience::One(name) => names_us(name),
            Audience::Many(_) if !expect.allow_audience_array => return Err(AssertionError::AudienceArray),
            Audience::Many(names) => names.iter().any(names_us),
        };
        if named { Ok(()) } else { Err(AssertionError::Audience) }
    }

    /// The life in whole seconds: `exp - iat`, or what is left of it where there is no `iat`.
    pub fn ttl_s(&self, now_ms: i64) -> u64 {
        let start_ms = self.issued_ms.unwrap_or(now_ms);
        u64::try_from((self.expires_ms - start_ms) / 1000).unwrap_or(0)
    }
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// A text of 1 to 255 bytes without control characters: it may reach a log line or a database.
fn name(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<String>, AssertionError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) if is_name(text) => Ok(Some(text.clone())),
        Some(_) => Err(AssertionError::Claim(claim)),
    }
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A NumericDate (RFC 7519 §2): a finite number, not negative, no later than the year 9999.
fn date(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<i64>, AssertionError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let millis = match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(seconds), _) => (seconds <= LAST_SECOND).then(|| seconds * 1000),
            (None, Some(seconds)) => {
                (0.0..=LAST_SECOND as f64).contains(&seconds).then_some((seconds * 1000.0) as u64)
            }
            (None, None) => None,
        },
        _ => None,
    };
    let millis = millis.and_then(|millis| i64::try_from(millis).ok());
    millis.map(Some).ok_or(AssertionError::Claim(claim))
}

fn audience(claims: &Map<String, Value>) -> Result<Audience, AssertionError> {
    let wrong = AssertionError::Claim("aud");
    match claims.get("aud") {
        None => Err(AssertionError::Missing("aud")),
        Some(Value::String(one)) if !one.is_empty() => Ok(Audience::One(one.clone())),
        Some(Value::Array(list)) if (1..=MAX_AUDIENCES).contains(&list.len()) => {
            let texts = list.iter().map(|item| item.as_str().filter(|text| !text.is_empty()));
            let texts = texts.map(|text| text.map(str::to_owned)).collect::<Option<Vec<_>>>();
            texts.map(Audience::Many).ok_or(wrong)
        }
        Some(_) => Err(wrong),
    }
}
