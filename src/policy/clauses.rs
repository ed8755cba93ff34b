//! A policy in its parts: its scope, and each `when` and `unless` with the place where it stands.

use std::str::FromStr as _;

use cedar_policy::{Expression, Policy, PolicyId};

/// A policy's parts.
#[derive(Clone)]
pub struct Parts {
    /// The scope alone, as a permit with the policy's own id: applies where the policy's scope matches.
    pub head: Policy,
    /// The conditions, in order.
    pub clauses: Vec<Clause>,
}

/// One condition.
#[derive(Clone)]
pub struct Clause {
    /// `when`, or else `unless`.
    pub when: bool,
    /// What stands between the braces.
    pub text: String,
    /// Byte offset of `when` or `unless` in the policy's text.
    pub offset: usize,
    /// Byte offset of what stands between the braces.
    pub body: usize,
    /// The same, ready to be evaluated.
    pub expression: Expression,
}

impl Clause {
    /// Whether the condition looks at the circumstances, which no document knows.
    pub fn reads_context(&self) -> bool {
        words(&self.text).any(|word| word == "context")
    }

    /// Whether the condition looks at the thing that the question is about.
    pub fn reads_resource(&self) -> bool {
        words(&self.text).any(|word| word == "resource")
    }
}

/// Splits a policy's text; none if it is not one policy.
pub fn split(id: &str, text: &str) -> Option<Parts> {
    let mut tokens = Tokens { text, at: 0 };
    let effect_end = loop {
        let (start, token) = tokens.next()?;
        if token == "@" {
            // The annotation's name may be any word.
            tokens.next()?;
        } else if matches!(token, "permit" | "forbid") {
            break start + token.len();
        }
    };
    let head_end = tokens.closing("(", ")")?.1;
    let head = format!("permit {};", &text[effect_end..head_end]);
    let head = Policy::parse(Some(PolicyId::new(id)), head).ok()?;
    let mut clauses = Vec::new();
    while let Some((offset, word)) = tokens.next() {
        if !matches!(word, "when" | "unless") {
            return (word == ";").then_some(Parts { head, clauses });
        }
        let (open, close) = tokens.closing("{", "}")?;
        let inner = &text[open..close - 1];
        let start = open + inner.len() - inner.trim_start().len();
        let body = inner.trim().to_owned();
        let expression = Expression::from_str(&body).ok()?;
        clauses.push(Clause { when: word == "when", text: body, offset, body: start, expression });
    }
    None
}

/// The words of a text that stand outside strings and comments.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut tokens = Tokens { text, at: 0 };
    let mut after_dot = false;
    std::iter::from_fn(move || tokens.next()).filter_map(move |(_, token)| {
        let field = after_dot;
        after_dot = token == ".";
        (!field && token.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(token)
    })
}

/// Words, strings and single characters, without comments and white space.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    fn next(&mut self) -> Option<(usize, &'t str)> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                self.at += first.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                break;
            }
        }
        let start = self.at;
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let length = match bytes[start] {
            b'"' => string_length(&self.text[start..]),
            first if is_word(first) => bytes[start..].iter().take_while(|b| is_word(**b)).count(),
            _ => self.text[start..].chars().next()?.len_utf8(),
        };
        self.at = start + length;
        Some((start, &self.text[start..self.at]))
    }

    /// From the bracket that comes next to the one that closes it: the place after the first, and after the last.
    fn closing(&mut self, open: &str, close: &str) -> Option<(usize, usize)> {
        let (start, token) = self.next()?;
        if token != open {
            return None;
        }
        let mut depth = 1;
        while depth > 0 {
            let (_, token) = self.next()?;
            depth += i32::from(token == open) - i32::from(token == close);
        }
        Some((start + open.len(), self.at))
    }
}

/// Length of a string with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_in_its_parts() {
        let text = "// when\n@id(\"permit (\")\n@when(\"x\")\nforbid (principal, action, resource)\n\
                    when { context has a && { b: \"}\" }.b == \"}\" // }\n }\nunless { principal.context };";
        let parts = split("x", text).unwrap();
        let shown: Vec<_> = parts.clauses.iter().map(|c| (c.when, c.reads_context())).collect();
        assert_eq!(shown, [(true, true), (false, false)]);
        assert!(text[parts.clauses[1].offset..].starts_with("unless"));
        assert!(text[parts.clauses[1].body..].starts_with("principal.context"));
        assert_eq!(AsRef::<str>::as_ref(parts.head.id()), "x");
        assert!(split("x", "permit (principal, action, resource)").is_none());
        assert!(split("x", "").is_none());
    }
}
