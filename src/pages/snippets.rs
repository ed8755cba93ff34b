//! A client's first request in three languages. The files of `snippets/` are what a person copies; the tests run them.

use serde::Serialize;

/// How a client obtains its first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRequest {
    /// The authorization code, with a secret if it has one.
    Code,
    /// An assertion that its private key signs.
    Assertion,
    /// Its secret alone.
    Credentials,
}

/// A program.
#[derive(Clone, Debug, Serialize)]
pub struct Snippet {
    /// The language, for people.
    pub label: &'static str,
    /// Its text.
    pub text: String,
}

/// The programs for a client; they read its environment file.
pub fn of(first: FirstRequest, client_id: &str) -> Vec<Snippet> {
    let texts = match first {
        FirstRequest::Code => [
            include_str!("snippets/code.sh"),
            include_str!("snippets/code.mjs"),
            include_str!("snippets/code.py"),
        ],
        FirstRequest::Assertion => [
            include_str!("snippets/jwt.sh"),
            include_str!("snippets/jwt.mjs"),
            include_str!("snippets/jwt.py"),
        ],
        FirstRequest::Credentials => [
            include_str!("snippets/credentials.sh"),
            include_str!("snippets/credentials.mjs"),
            include_str!("snippets/credentials.py"),
        ],
    };
    let of = |(label, text): (&'static str, &str)| Snippet {
        label,
        text: text.replace("CLIENT.", &format!("{client_id}.")),
    };
    ["Shell with curl", "JavaScript", "Python"].into_iter().zip(texts).map(of).collect()
}
