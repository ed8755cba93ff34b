//! The host of a request in its one spelling: lower case, without the dot of a fully qualified name and without
//! the port that its scheme has anyway (attack row Z5).

/// Longest host with its port.
const LONGEST: usize = 260;

/// A host name or address, with a port where it is not the default one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestHost(String);

impl RequestHost {
    /// Reads `example.com`, `Example.com.:443`, `192.0.2.1:8080` or `[2001:db8::1]:8080` as the host of a
    /// request by `scheme`. Without a scheme both default ports mean no port.
    pub fn parse(text: &str, scheme: Option<&str>) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (text, None),
        };
        let name = name.to_ascii_lowercase();
        let plain = name.strip_suffix('.').unwrap_or(&name);
        let is_name = plain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        let is_address = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
        if !is_name && !is_address {
            return None;
        }
        let Some(port) = port else { return Some(Self(plain.to_owned())) };
        let number: u16 = port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()))?;
        let default = match scheme {
            Some("https") => number == 443,
            Some(_) => number == 80,
            None => number == 80 || number == 443,
        };
        Some(Self(if default { plain.to_owned() } else { format!("{plain}:{number}") }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str, scheme: &str) -> Option<String> {
        RequestHost::parse(text, Some(scheme)).map(|host| host.0)
    }

    #[test]
    fn z05_one_spelling_of_a_host() {
        for (text, scheme, expected) in [
            ("a.B.test", "https", "a.b.test"),
            ("A.test.", "http", "a.test"),
            ("a.test.:443", "https", "a.test"),
            ("a.test:80", "http", "a.test"),
            ("a.test:80", "https", "a.test:80"),
            ("a.test:443", "http", "a.test:443"),
            ("a.test:08080", "http", "a.test:8080"),
            ("127.0.0.1:8080", "http", "127.0.0.1:8080"),
            ("[::1]", "http", "[::1]"),
            ("[::1]:80", "http", "[::1]"),
        ] {
            assert_eq!(host(text, scheme).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "",
            ".",
            "a..test",
            "a.test:",
            "a.test:x",
            "a.test:99999",
            "a.test:+1",
            "a,b",
            "a b",
            "a/b",
            "a@b",
            "a.test, b.test",
            "[::1",
            "::1",
            "[x]",
            "a\0",
            "é.test",
            "a.test#",
            "a.test?",
            "a\\b",
            "a%2eb",
        ] {
            assert_eq!(host(bad, "http"), None, "{bad:?}");
        }
    }
}
