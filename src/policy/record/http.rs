//! The request of a use as the log keeps it: short segments of its path, and headers that the operator declared
//! harmless (attack row W4).

use serde::{Deserialize, Serialize};

use super::MAX_SEGMENT;
use crate::policy::question::HttpFacts;

/// Longest path that is kept, in bytes.
const MAX_PATH: usize = 1_024;
/// Longest value of a header that is kept, in bytes.
const MAX_HEADER: usize = 256;

/// The request of a use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRecord {
    /// In upper case.
    pub method: String,
    /// Without query; a segment too long to be an id is `~`.
    pub path: String,
    /// Parameters of the route's path that are short enough to be ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<(String, String)>,
    /// Headers that the operator declared harmless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

impl HttpRecord {
    pub(super) fn of(http: &HttpFacts, headers: &[String]) -> Self {
        let kept = http.headers.iter().filter(|(name, value)| {
            headers.contains(name) && value.len() <= MAX_HEADER && !value.chars().any(char::is_control)
        });
        let params = http.params.iter().filter(|(_, value)| value.len() <= MAX_SEGMENT);
        Self {
            method: http.method.clone(),
            path: short_path(&http.path),
            params: params.cloned().collect(),
            headers: kept.cloned().collect(),
        }
    }
}

/// A path whose long segments are left out.
fn short_path(path: &str) -> String {
    let path = path.split(['?', '#', ';']).next().unwrap_or_default();
    let short = |segment: &str| if segment.len() > MAX_SEGMENT { "~".to_owned() } else { segment.to_owned() };
    let mut kept: String = path.split('/').map(short).collect::<Vec<_>>().join("/");
    if kept.len() > MAX_PATH {
        kept = "/~".to_owned();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w4_a_path_keeps_ids_and_loses_tokens() {
        assert_eq!(short_path("/api/forms/3?token=s3cret"), "/api/forms/3");
        let id = "0b7c1c4e-5a60-4c0e-9d5c-1d1f5d3a9b10";
        assert_eq!(short_path(&format!("/a/{id}")), format!("/a/{id}"));
        assert_eq!(short_path(&format!("/reset/{}/x", "s".repeat(49))), "/reset/~/x");
        assert_eq!(short_path(&"/a".repeat(1_000)), "/~");
    }

    #[test]
    fn w4_headers_are_kept_by_name_only() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let http = HttpFacts {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            params: Vec::new(),
            headers: vec![header("authorization", "Bearer s3cret"), header("x-tenant", "t1")],
        };
        assert_eq!(HttpRecord::of(&http, &["x-tenant".to_owned()]).headers, [header("x-tenant", "t1")]);
        assert!(HttpRecord::of(&http, &[]).headers.is_empty());
    }
}
