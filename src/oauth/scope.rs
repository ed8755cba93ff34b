//! Scopes: the words that a token carries (RFC 6749 §3.3).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest scope token, in bytes. No catalog needs more, and comparing stays cheap.
pub const MAX_SCOPE_BYTES: usize = 256;
/// Most scope tokens in one request.
pub const MAX_SCOPES: usize = 1_000;

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )`, compared byte by byte (RFC 6749 §3.3).
///
/// Its name is the name of the action that it permits, such as `api::form.form.find`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Arc<str>);

/// Why a text is no scope or no list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside RFC 6749 §3.3, or a space too many.
    #[error("a scope is one or more printable ASCII characters without space, quote or backslash")]
    Grammar,
    /// Longer than [`MAX_SCOPE_BYTES`], or more than [`MAX_SCOPES`] tokens.
    #[error("too many or too long scopes")]
    TooMany,
}

impl Scope {
    /// Parses one scope token.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_SCOPE_BYTES {
            return Err(ScopeError::TooMany);
        }
        let fits = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(ScopeError::Grammar);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The scope as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The content type that the scope's action belongs to: all before the last dot.
    pub fn content_type(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(group, _)| group)
    }

    /// The action's own name: all after the last dot.
    pub fn action(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, action)| action)
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;
    fn try_from(text: String) -> Result<Self, ScopeError> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0.as_ref().to_owned()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Parses a request's `scope`: tokens with one space between, order kept, repeats dropped.
pub fn parse_list(text: &str) -> Result<Vec<Scope>, ScopeError> {
    let mut scopes: Vec<Scope> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (index, token) in text.split(' ').enumerate() {
        if index >= MAX_SCOPES {
            return Err(ScopeError::TooMany);
        }
        let scope = Scope::parse(token)?;
        if seen.insert(scope.clone()) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Writes scopes as RFC 6749 §3.3 does: one space between.
pub fn join<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> String {
    let mut text = String::new();
    for scope in scopes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(scope.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_keeps_order_and_drops_repeats() {
        let list = parse_list("b.find a.find b.find").unwrap();
        assert_eq!(join(&list), "b.find a.find");
    }

    #[test]
    fn f9_grammar_refuses_what_only_looks_like_a_scope() {
        for bad in ["", " a", "a ", "a  b", "a\tb", "\u{430}dmin", "a\u{a0}b", "a\"", "a\\", "a\u{200b}"] {
            assert!(parse_list(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_list(&"a ".repeat(10_000)), Err(ScopeError::TooMany));
    }
}
