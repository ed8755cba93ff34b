//! The repository's own text, as the structure tests read it.

use std::path::{Path, PathBuf};

/// A file of the repository.
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// Its lines, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The part before the file's own unit tests.
    pub fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&self.text)
    }
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with one of these endings under a folder of the root, sorted by path.
pub fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)))
        .map(|path| File {
            path: path.strip_prefix(root()).expect("under the root").to_string_lossy().replace('\\', "/"),
            text: std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        })
        .collect()
}

/// All Rust files of `src/`.
pub fn src() -> Vec<File> {
    files("src", &[".rs"])
}

/// All Rust files of `tests/`.
pub fn tests() -> Vec<File> {
    files("tests", &[".rs"])
}

/// One file of the root, or an empty text.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Fails with all findings at once, so that one run shows everything.
#[track_caller]
pub fn none(findings: &[String], what: &str) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "node_modules" && name != "target" && name != ".git" {
                walk(&path, into);
            }
        } else {
            into.push(path);
        }
    }
}
