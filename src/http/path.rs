//! One path, one spelling: what a proxy and the router could read differently is not served (attack row A12).

use crate::oauth::request_path::RequestPath;

/// Whether a path is the only way to write itself. No path of ours has a percent sign in it, so a doubly
/// encoded escape is none either.
pub fn is_canonical(path: &str) -> bool {
    !path.contains("%25") && RequestPath::parse(path).is_some()
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
