//! The vocabulary of OAuth: pure types and rules, no storage, no network, no policy engine.
//!
//! What is made here is right by construction ("parse, don't validate"); what is not yet
//! checked says so in its name.

pub mod assertion;
pub mod client;
pub mod error_code;
pub mod grant;
pub mod host;
pub mod jwk;
pub mod pkce;
pub mod redirect_uri;
pub mod reject;
pub mod request_path;
pub mod scope;
pub mod secret;
pub mod user;

/// The candidate most like a mistyped name, for "did you mean"; nothing if none is near.
pub fn similar<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (typed.len() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate, most), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, given up beyond `most`.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row[b.len()]
}
