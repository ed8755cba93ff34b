//! Parameters as they came, decoded strictly: the one parser behind forms and queries.
//!
//! `a=1&a=2`, a bad `%` escape or a NUL mean different things to different parsers; here they mean nothing
//! (attack rows A3-A7, A11).

use std::collections::BTreeMap;

use crate::oauth::reject::Reject;

/// Most parameters of one request.
const MOST: usize = 100;
/// Most of one form of our own pages: a box for each scope of a catalog.
const MOST_BOXES: usize = 2_000;

/// The parameters that specifications allow to stand more than once (RFC 8707 §2, RFC 8693 §2.1).
const MAY_REPEAT: [&str; 2] = ["resource", "audience"];

/// What may stand in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// One line: no control character at all.
    Line,
    /// Line breaks and tabs too: text areas of our own pages.
    Lines,
}

/// Decoded parameters by name. An empty value is kept here, and absent to whoever takes it
/// (RFC 6749 §3.1: "Parameters sent without a value MUST be treated as if they were omitted").
#[derive(Clone, Default)]
pub struct Pairs {
    values: BTreeMap<String, Vec<String>>,
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Pairs {
    /// Decodes `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// `Malformed` for more than 100 parameters (2,000 of a page's form), a bad `%` escape, bytes that are not UTF-8, and control
    /// or non-characters.
    pub fn parse(raw: &[u8], text: Text) -> Result<Self, Reject> {
        let most = if text == Text::Lines { MOST_BOXES } else { MOST };
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (seen, pair) in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if seen >= most {
                return Err(Reject::Malformed("too many parameters"));
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &pair[pair.len()..]),
            };
            let name = decode(name, Text::Line)?;
            values.entry(name).or_default().push(decode(value, text)?);
        }
        Ok(Self { values })
    }

    /// Takes the value, if there is a non-empty one. Of a repeated parameter, the first.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.take_all(name).into_iter().next()
    }

    /// Takes every non-empty value, in their order: for check boxes and `resource`.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let mut all = self.values.remove(name).unwrap_or_default();
        all.retain(|value| !value.is_empty());
        all
    }

    /// Takes a value that must be there.
    ///
    /// # Errors
    /// `Missing` if it is absent or empty.
    pub fn require(&mut self, name: &'static str) -> Result<String, Reject> {
        self.take(name).ok_or(Reject::Missing(name))
    }

    /// Whether the name stands more than once, with or without values.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|all| all.len() > 1)
    }

    /// Names that stand more than once and may not.
    pub fn repeated(&self) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter(|(name, all)| all.len() > 1 && !MAY_REPEAT.contains(&name.as_str()))
            .map(|(name, _)| name.as_str())
    }

    /// Refuses a repeated parameter, known or unknown (RFC 6749 §3.2: "Request and response parameters
    /// MUST NOT be included more than once").
    ///
    /// # Errors
    /// `Repeated` with the name, or `Malformed` where the name is not one that is safe to say back.
    pub fn once(&self) -> Result<(), Reject> {
        match self.repeated().next() {
            None => Ok(()),
            Some(name) if is_plain(name) => Err(Reject::Repeated(name.to_owned())),
            Some(_) => Err(Reject::Malformed("a parameter is repeated")),
        }
    }

    /// Whether the two have a name in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.values.keys().any(|name| other.values.contains_key(name))
    }

    /// Whether nothing came, or everything was taken.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Names that a description may repeat (A16: the caller's input is never echoed).
fn is_plain(name: &str) -> bool {
    name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Decodes a name or a value.
fn decode(raw: &[u8], text: Text) -> Result<String, Reject> {
    let bytes =
        if raw.iter().any(|byte| matches!(byte, b'%' | b'+')) { unescape(raw)? } else { raw.to_vec() };
    let value = String::from_utf8(bytes).map_err(|_| Reject::Malformed("a parameter is not UTF-8"))?;
    let printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable && value.chars().any(|c| !is_text(c, text)) {
        return Err(Reject::Malformed("a parameter has control characters"));
    }
    Ok(value)
}

/// Decodes `%XX` and `+`.
fn unescape(raw: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = (rest.next().copied().and_then(hex), rest.next().copied().and_then(hex));
                let (Some(high), Some(low)) = digits else {
                    return Err(Reject::Malformed("a parameter has an invalid percent escape"));
                };
                high << 4 | low
            }
            other => *other,
        });
    }
    Ok(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Neither a control character nor one of Unicode's non-characters.
fn is_text(c: char, text: Text) -> bool {
    let code = u32::from(c);
    // A tab breaks no line; where it does not belong, the parameter's own grammar refuses it (F9).
    let breaks = c == '\t' || (text == Text::Lines && matches!(c, '\r' | '\n'));
    let noncharacter = code & 0xFFFE == 0xFFFE || (0xFDD0..=0xFDEF).contains(&code);
    breaks || !(c.is_control() || noncharacter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<Pairs, Reject> {
        Pairs::parse(raw.as_bytes(), Text::Line)
    }

    #[test]
    fn a11_what_cannot_be_text_is_refused() {
        for raw in
            ["a=%", "a=%4", "a=%zz", "a=%+1", "%00=a", "a=%00", "a=%0d%0a", "a=%ff", "a=%c3", "a=%ef%bf%bf"]
        {
            assert!(matches!(parse(raw), Err(Reject::Malformed(_))), "{raw}");
        }
        assert!(Pairs::parse(b"a=\xff", Text::Line).is_err());
        assert!(Pairs::parse(b"a=x%0d%0ay%09", Text::Lines).is_ok());
        assert!(Pairs::parse(b"a=%1b", Text::Lines).is_err());
    }

    #[test]
    fn f4_values_come_out_as_they_were_meant() {
        let mut pairs = parse("state=a+b%20c%2B%C3%A9%F0%9F%98%80&b&c=&=x&&d=1=2").unwrap();
        assert_eq!(pairs.take("state").as_deref(), Some("a b c+é😀"));
        assert_eq!(pairs.take("d").as_deref(), Some("1=2"));
    }

    #[test]
    fn a6_an_empty_value_is_an_absent_one() {
        let mut pairs = parse("scope=&code_challenge").unwrap();
        assert_eq!(pairs.take("scope"), None);
        assert_eq!(pairs.require("code_challenge"), Err(Reject::Missing("code_challenge")));
    }

    #[test]
    fn a4_a_repeated_name_is_told_but_never_echoed() {
        assert_eq!(parse("scope=a&scope=a").unwrap().once(), Err(Reject::Repeated("scope".into())));
        assert_eq!(parse("x=&x=1").unwrap().once(), Err(Reject::Repeated("x".into())));
        assert_eq!(
            parse("%3Cb%3E=1&%3Cb%3E=2").unwrap().once(),
            Err(Reject::Malformed("a parameter is repeated"))
        );
        assert_eq!(parse("resource=a&resource=b").unwrap().once(), Ok(()));
        let pairs = parse("client_id=a&client_id=b&state=1").unwrap();
        assert!(pairs.is_repeated("client_id") && !pairs.is_repeated("state"));
    }

    #[test]
    fn x5_a_hundred_parameters_and_no_more() {
        let many = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(parse(&many(100)).is_ok());
        assert!(parse(&many(101)).is_err());
        assert!(Pairs::parse(many(2_000).as_bytes(), Text::Lines).is_ok());
        assert!(Pairs::parse(many(2_001).as_bytes(), Text::Lines).is_err());
    }
}
