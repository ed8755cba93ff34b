//! What differs between two loads of the policy files, for the history: documents, policies, and the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use similar::TextDiff;

use super::snapshot::Snapshot;

/// Longest diff, in bytes.
const MAX_DIFF: usize = 64 << 10;
/// Longest file that is compared line by line, in bytes: comparing costs more than linear time.
const MAX_FILE: usize = 256 << 10;
/// Most names of one list.
const MAX_NAMES: usize = 200;

/// Names that were added, removed or changed; at most 200 of each, with how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// New ones.
    pub added: Vec<String>,
    /// Gone ones.
    pub removed: Vec<String>,
    /// Others with the same name.
    pub changed: Vec<String>,
    /// All of them, also those that are not named.
    pub count: usize,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// By path in the policy folder.
    pub documents: Names,
    /// By id; only of sets that could both be loaded.
    pub policies: Names,
}

/// Files by their path in the policy folder.
pub type Files = BTreeMap<String, String>;

impl Names {
    fn of<'n>(old: &BTreeMap<&'n str, &str>, new: &BTreeMap<&'n str, &str>) -> Self {
        let mut names = Self::default();
        let all: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        for name in all {
            let list = match (old.get(name), new.get(name)) {
                (None, _) => &mut names.added,
                (_, None) => &mut names.removed,
                (Some(a), Some(b)) if a != b => &mut names.changed,
                _ => continue,
            };
            names.count += 1;
            if list.len() < MAX_NAMES {
                list.push(name.to_owned());
            }
        }
        names
    }
}

/// What differs between the files, and between the sets if there is a new one.
pub fn changes(old: &Files, new: &Files, sets: Option<(&Snapshot, &Snapshot)>) -> Changes {
    let documents = Names::of(&texts(old), &texts(new));
    let policies = match sets {
        None => Names::default(),
        Some((before, after)) => {
            // Only those of documents that differ: with ten thousand clients all of them would be much to compare.
            let touched: BTreeSet<&str> = [&documents.added, &documents.removed, &documents.changed]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            let of = |set: &Snapshot| -> BTreeMap<String, String> {
                let all = set.policies().filter(|policy| {
                    let place = policy.source.strip_prefix("policies/").unwrap_or_default();
                    touched.contains(place.rsplit_once(':').map_or(place, |(file, _)| file))
                });
                all.map(|policy| (policy.id, super::plan::unplaced(&policy.text))).collect()
            };
            let (before, after) = (of(before), of(after));
            Names::of(&texts(&before), &texts(&after))
        }
    };
    Changes { documents, policies }
}

fn texts(files: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// The unified diff of the files. The content of key files is left out.
pub fn diff(old: &Files, new: &Files) -> String {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut out = String::new();
    for name in names {
        let (a, b) = (old.get(name), new.get(name));
        if a == b {
            continue;
        }
        if out.len() > MAX_DIFF {
            out.push_str("… more files differ\n");
            break;
        }
        let from = if a.is_some() { format!("a/{name}") } else { "/dev/null".to_owned() };
        let to = if b.is_some() { format!("b/{name}") } else { "/dev/null".to_owned() };
        let (a, b) = (a.map_or("", String::as_str), b.map_or("", String::as_str));
        if name.starts_with("keys/") {
            let _ = write!(out, "--- {from}\n+++ {to}\n(a key file; its content is not shown)\n");
            continue;
        }
        if a.len().max(b.len()) > MAX_FILE {
            let _ = write!(out, "--- {from}\n+++ {to}\n({} → {} bytes)\n", a.len(), b.len());
            continue;
        }
        let text = TextDiff::from_lines(a, b).unified_diff().context_radius(2).header(&from, &to).to_string();
        let room = MAX_DIFF.saturating_sub(out.len());
        let cut =
            text.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last().unwrap_or_default();
        match text.len() > room {
            true => {
                out.push_str(&text[..cut]);
                out.push_str("\n… the rest is left out\n");
                break;
            }
            false => out.push_str(&text),
        }
    }
    out.chars().map(|c| if c == '\n' || c == '\t' || !c.is_control() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_differs() {
        let old = files(&[("global.yaml", "a\nb\n"), ("clients/x.yaml", "x\n"), ("keys/k.pem", "one")]);
        let new = files(&[("global.yaml", "a\nc\n"), ("clients/y.yaml", "y\n"), ("keys/k.pem", "two")]);
        let found = changes(&old, &new, None).documents;
        assert_eq!(
            (found.added, found.removed),
            (vec!["clients/y.yaml".to_owned()], vec!["clients/x.yaml".to_owned()])
        );
        assert_eq!(found.changed, ["global.yaml", "keys/k.pem"]);
        let text = diff(&old, &new);
        assert!(
            text.contains("--- a/global.yaml\n+++ b/global.yaml\n") && text.contains("-b\n+c\n"),
            "{text}"
        );
        assert!(text.contains("--- /dev/null\n+++ b/clients/y.yaml") && !text.contains("two"), "{text}");
        let long = files(&[("a.yaml", &"x\n".repeat(60_000)), ("b.yaml", "y")]);
        assert!(diff(&Files::new(), &long).len() < MAX_DIFF + 200);
    }
}
