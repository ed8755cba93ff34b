//! Ways back after signing in: paths of this server only.

/// Longest path to come back to after signing in, in bytes.
const LONGEST_NEXT: usize = 2_048;

/// Whether a text is a path of this server that a browser cannot mistake for another host's: no scheme, no
/// `//`, no backslash, no control character in any spelling, no dot segment (attack row C8).
pub fn is_own_path(text: &str) -> bool {
    let (path, _) = text.split_once('?').unwrap_or((text, ""));
    let lower = path.to_ascii_lowercase();
    let odd = ["%2f", "%5c", "%2e", "//", "/./", "/../", "\\"].into_iter().any(|part| lower.contains(part));
    text.len() <= LONGEST_NEXT
        && text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'))
        && !(odd
            || lower.ends_with("/.")
            || lower.ends_with("/..")
            || lower.contains("%0")
            || lower.contains("%1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c8_only_paths_of_ours_are_ways_back() {
        for own in ["/account", "/admin/clients?page=2&search=a%2Fb", "/", "/consent?request=gwt_x"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in [
            "",
            "//evil",
            "/\\evil",
            "/%09/evil",
            "/\t\\\\evil",
            "https:evil",
            "https://evil",
            "/.//evil",
            "/..//evil",
            "evil",
            "/a//b",
            "/a\\b",
            "/%5cevil",
            "/%2fevil",
            "/%2F/evil",
            "/a b",
            "/a#b",
            "/a\nb",
            "/./",
            "/a/..",
            "/%2e%2e/",
            "javascript:alert(1)",
            "/ä",
        ] {
            assert!(!is_own_path(other), "{other:?}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(3_000))));
    }
}
