//! One path, one spelling: what a proxy and the router could read differently is not served (attack row A12).

/// Whether a path is the only way to write itself: no empty, `.` or `..` segment, no trailing slash, no
/// parameter (`;`), no backslash, and no escape of what needs none.
pub fn is_canonical(path: &str) -> bool {
    if path == "/" {
        return true;
    }
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.split('/').all(|segment| !matches!(segment, "" | "." | "..") && is_plain_segment(segment))
}

fn is_plain_segment(segment: &str) -> bool {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits =
                    [bytes.next(), bytes.next()].map(|digit| digit.and_then(|d| (d as char).to_digit(16)));
                let [Some(high), Some(low)] = digits else { return false };
                let byte = u8::try_from(high * 16 + low).unwrap_or(0);
                let needless = byte.is_ascii_alphanumeric() || b"-._~/\\;%".contains(&byte);
                if needless || byte.is_ascii_control() {
                    return false;
                }
                decoded.push(byte);
            }
            b';' | b'\\' => return false,
            byte if byte.is_ascii_graphic() => decoded.push(byte),
            _ => return false,
        }
    }
    String::from_utf8(decoded).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Whether `path` is `prefix` or lies below it.
pub fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path for a log line or nothing worse: printable ASCII, at most 120 characters, up to the first `;`.
pub fn for_log(path: &str) -> String {
    path.chars()
        .take_while(|c| !matches!(c, ';' | '?'))
        .take(120)
        .map(|c| if c.is_ascii_graphic() { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_other_spellings_are_not_paths() {
        for bad in [
            "//oauth2/token",
            "/oauth2//token",
            "/oauth2/token/",
            "/./oauth2/token",
            "/oauth2/../oauth2/token",
            "/oauth2/token;x",
            "/oauth2/token%2f",
            "/%6fauth2/token",
            "/oauth2%5ctoken",
            "/oauth2/%2e%2e/x",
            "/oauth2/token%00",
            "/a%3bb",
            "/a%252fb",
            "/a\\b",
            "*",
            "",
            "oauth2",
            "/a%ff",
            "/a%4",
            "/a%c2%85",
        ] {
            assert!(!is_canonical(bad), "{bad}");
        }
        for good in [
            "/",
            "/oauth2/token",
            "/clients/a_b-c",
            "/a/jos%C3%A9",
            "/a%20b",
            "/.well-known/jwks.json",
            "/...",
        ] {
            assert!(is_canonical(good), "{good}");
        }
    }

    #[test]
    fn below_ends_at_a_segment() {
        assert!(
            below("/oauth2/clients", "/oauth2/clients") && below("/oauth2/clients/x", "/oauth2/clients/")
        );
        assert!(!below("/oauth2/clients-rotate", "/oauth2/clients"));
    }

    #[test]
    fn w3_a_logged_path_is_one_plain_word() {
        assert_eq!(for_log("/a\u{1b}[31m\n/b;code=x"), "/a_[31m_/b");
        assert_eq!(for_log(&"/a".repeat(100)).len(), 120);
    }
}
