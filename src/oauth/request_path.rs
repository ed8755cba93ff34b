//! The path of an HTTP request, where it has exactly one spelling: what a proxy, a router and an application
//! could read differently is no path here, and is never repaired into one (attack rows A12, Z3).

use std::borrow::Cow;

/// Most segments of a path.
const MOST_SEGMENTS: usize = 64;

/// A path in its one spelling, with its segments decoded once. A doubly encoded escape stays data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    raw: &'a str,
    segments: Vec<Cow<'a, str>>,
}

impl<'a> RequestPath<'a> {
    /// Reads a path without query and fragment. Refused: an empty, `.` or `..` segment and so a slash at the
    /// end, `;` parameters, backslashes, escapes of what needs none, of `/`, `\` and `;`, control characters,
    /// bytes that are not UTF-8 once decoded (overlong forms with them), and what RFC 3986 §3.3 has no place for.
    pub fn parse(raw: &'a str) -> Option<Self> {
        let rest = raw.strip_prefix('/')?;
        if rest.is_empty() {
            return Some(Self { raw, segments: Vec::new() });
        }
        let mut segments = Vec::with_capacity(6);
        for segment in rest.split('/') {
            if segments.len() == MOST_SEGMENTS || matches!(segment, "" | "." | "..") {
                return None;
            }
            segments.push(decoded(segment)?);
        }
        Some(Self { raw, segments })
    }

    /// As it came.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// Its segments, decoded; none for `/`.
    pub fn segments(&self) -> &[Cow<'a, str>] {
        &self.segments
    }
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if segment.bytes().all(is_plain) {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| (digit as char).to_digit(16));
                let [Some(high), Some(low)] = digits else { return None };
                let byte = u8::try_from(high * 16 + low).ok()?;
                if is_unreserved(byte) || b"/\\;".contains(&byte) || byte.is_ascii_control() {
                    return None;
                }
                bytes.push(byte);
            }
            byte if is_plain(byte) => bytes.push(byte),
            _ => return None,
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(Cow::Owned(text))
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What a segment has without an escape (RFC 3986 §3.3), less the `;` that some servers cut at.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z03_what_two_readers_could_read_differently_is_no_path() {
        for bad in [
            "",
            "*",
            "a",
            "//a",
            "/a//b",
            "/a/",
            "/./a",
            "/a/.",
            "/a/../b",
            "/..",
            "/a%2fb",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/%2e%2e/b",
            "/%2e/b",
            "/.%2e/b",
            "/a%00",
            "/a\0",
            "/a;x",
            "/a;x=1/b",
            "/a%3bx",
            "/%61",
            "/a%c0%af",
            "/a%c0%ae",
            "/a%e0%80%af",
            "/a%ff",
            "/a%c2%85",
            "/a%0d%0ab",
            "/a%7f",
            "/a\t",
            "/a b",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%+1",
            "/a#b",
            "/a?b",
            "/a\"",
            "/a<",
            "/é",
            "/a|b",
            "/a^",
            "/a`",
            "/{a}",
        ] {
            assert!(RequestPath::parse(bad).is_none(), "{bad:?}");
        }
        assert!(RequestPath::parse(&"/a".repeat(65)).is_none());
    }

    #[test]
    fn z03_a_doubly_encoded_escape_is_data() {
        let path = RequestPath::parse("/a/%252e%252e/%252f").unwrap();
        assert_eq!(path.segments(), ["a", "%2e%2e", "%2f"]);
        assert_eq!(path.as_str(), "/a/%252e%252e/%252f");
        let path = RequestPath::parse("/jos%C3%A9/a%20b/x,y/a@b:c").unwrap();
        assert_eq!(path.segments(), ["josé", "a b", "x,y", "a@b:c"]);
        assert!(RequestPath::parse("/").unwrap().segments().is_empty());
        assert!(RequestPath::parse("/...").is_some() && RequestPath::parse("/.well-known").is_some());
    }
}
