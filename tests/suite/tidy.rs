//! Habits that a machine can check: sizes, headers, words that must not stay, spelling of citations.

use std::collections::BTreeSet;

use crate::source::{self, File};

/// No file of code is longer (house.md, habit 24: about 400).
const MAX_FILE: usize = 450;
/// No function is longer (house.md, habit 24: about 60).
const MAX_FUNCTION: usize = 70;

/// Files that are longer; a line here may go, and none may come.
const LONG_FILES: [&str; 0] = [];
/// Functions that are longer, as `path: name`; a line here may go, and none may come.
const LONG_FUNCTIONS: [&str; 1] = [
    // One table from reason to the wire: shorter in parts would be harder to read.
    "src/oauth/reject.rs: wire",
];

fn code() -> Vec<File> {
    source::src().into_iter().chain(source::tests()).collect()
}

#[test]
fn files_are_short() {
    let long: Vec<(String, usize)> =
        code().iter().map(|f| (f.path.clone(), f.lines().count())).filter(|(_, n)| *n > MAX_FILE).collect();
    let found: Vec<String> = long
        .iter()
        .filter(|(path, _)| !LONG_FILES.contains(&path.as_str()))
        .map(|(path, count)| format!("{path}: {count} lines, at most {MAX_FILE}"))
        .collect();
    source::none(&found, "files that are too long");
    let stale: Vec<String> = LONG_FILES
        .iter()
        .filter(|path| !long.iter().any(|(found, _)| found == *path))
        .map(|path| (*path).to_owned())
        .collect();
    source::none(&stale, "no longer too long: take them off the list");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for file in code() {
        for (name, line, length) in functions(&file) {
            if length > MAX_FUNCTION {
                long.push((format!("{}: {name}", file.path), line, length));
            }
        }
    }
    let found: Vec<String> = long
        .iter()
        .filter(|(id, _, _)| !LONG_FUNCTIONS.contains(&id.as_str()))
        .map(|(id, line, length)| format!("{id} (line {line}): {length} lines, at most {MAX_FUNCTION}"))
        .collect();
    source::none(&found, "functions that are too long");
    let stale: Vec<String> = LONG_FUNCTIONS
        .iter()
        .filter(|id| !long.iter().any(|(found, _, _)| found == *id))
        .map(|id| (*id).to_owned())
        .collect();
    source::none(&stale, "no longer too long: take them off the list");
}

#[test]
fn every_file_says_what_it_is() {
    let bare: Vec<String> =
        code().iter().filter(|file| !file.text.starts_with("//!")).map(|file| file.path.clone()).collect();
    source::none(&bare, "files without a `//!` header");
}

#[test]
fn nothing_is_left_for_later() {
    // Written in halves, so that this file does not find itself.
    let words =
        [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("todo", "!("), ("unimplemented", "!("), ("dbg", "!(")];
    let mut found = Vec::new();
    for file in code() {
        for (number, line) in file.lines() {
            for (left, right) in words {
                if contains_word(line, &format!("{left}{right}")) {
                    found.push(format!("{}:{number}: {left}{right}", file.path));
                }
            }
        }
    }
    source::none(&found, "left for later");
}

#[test]
fn nothing_tells_of_the_machine_that_it_was_written_on() {
    let words = [
        ("/work", "/"),
        ("/root", "/"),
        ("/home", "/runner"),
        ("registry.npm", "js.org"),
        ("static.crates", ".io"),
        ("index.crates", ".io"),
        ("deb.debian", ".org"),
        ("files.python", "hosted"),
        ("proxy.golang", ".org"),
    ];
    let endings =
        [".rs", ".yaml", ".toml", ".json", ".md", ".sql", ".mjs", ".sh", "run", ".cedar", ".html", ".js"];
    let mut found = Vec::new();
    for folder in ["src", "tests", "config", "policies", "migrations", "openapi", ".ci"] {
        for file in source::files(folder, &endings) {
            for (number, line) in file.lines() {
                for (left, right) in words {
                    if line.contains(&format!("{left}{right}")) {
                        found.push(format!("{}:{number}: {left}{right}", file.path));
                    }
                }
            }
        }
    }
    for name in ["README.md", "Cargo.toml"] {
        let text = source::read(name);
        let hit = words.iter().find(|(left, right)| text.contains(&format!("{left}{right}")));
        found.extend(hit.map(|(left, right)| format!("{name}: {left}{right}")));
    }
    source::none(&found, "paths of a machine or names of registry hosts");
}

/// One spelling: `RFC 7636 §4.6`, `RFC 7636 Appendix B`; in later mentions of a sentence `§4.6` alone.
#[test]
fn citations_have_one_spelling() {
    let mut found = Vec::new();
    for file in code() {
        for (number, line) in file.lines() {
            for (at, _) in line.match_indices("RFC") {
                if let Some(why) = misspelt(&line[at + 3..]) {
                    found.push(format!("{}:{number}: {why}: {}", file.path, line.trim()));
                }
            }
        }
    }
    source::none(&found, "write citations as `RFC 7636 §4.6`");
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |kind: &str| -> BTreeSet<String> {
        std::fs::read_dir(source::root().join("migrations").join(kind))
            .map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default()
    };
    assert_eq!(names("sqlite"), names("postgres"), "migrations/sqlite and migrations/postgres differ");
}

/// Rows of the attack catalogue that this suite answers for; each is cited where it is tested, by the name of
/// the test (`e03_…`) or in a comment beside the row of a table (`E3`).
#[test]
fn every_row_of_the_catalogue_is_cited() {
    let texts: Vec<String> = source::tests()
        .into_iter()
        .filter(|file| file.path != "tests/suite/tidy.rs")
        .chain(source::src())
        .map(|file| file.text)
        .collect();
    let wanted = [
        ("A", 1..=16),
        ("B", 1..=15),
        ("C", 1..=9),
        ("D-", 1..=8),
        ("E", 1..=12),
        ("F", 1..=15),
        ("G", 1..=16),
        ("I", 1..=9),
        ("J", 1..=6),
        ("K", 1..=6),
        ("L", 1..=5),
        ("M", 8..=8),
        ("S", 1..=3),
        ("T", 1..=12),
        ("U", 1..=4),
        ("V", 1..=4),
        ("W", 2..=4),
        ("X", 1..=1),
        ("Y", 1..=13),
        ("Z", 1..=12),
        ("AA", 1..=11),
        ("BB", 1..=5),
    ];
    let missing: Vec<String> = wanted
        .into_iter()
        .flat_map(|(section, rows)| rows.map(move |row| (section, row)))
        .filter(|(section, row)| !texts.iter().any(|text| cites(text, section, *row)))
        .map(|(section, row)| format!("{section}{row}"))
        .collect();
    source::none(&missing, "rows of the attack catalogue that no test cites");
}

/// Whether a text cites a row: `E3` as a word, or a function whose name starts with `e03_`.
fn cites(text: &str, section: &str, row: u32) -> bool {
    let letters = section.trim_end_matches('-').to_ascii_lowercase();
    contains_word(text, &format!("{section}{row}")) || text.contains(&format!("fn {letters}{row:02}_"))
}

fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let after = line[at + word.len()..].chars().next();
        !is_part(line[..at].chars().next_back()) && (word.ends_with('(') || !is_part(after))
    })
}

/// Why what follows `RFC` is no citation of the one spelling.
fn misspelt(rest: &str) -> Option<&'static str> {
    let Some(number) = rest.strip_prefix(' ') else {
        let glued = rest.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        return glued.then_some("a space after RFC");
    };
    let digits = number.chars().take_while(char::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let after = number[digits..].trim_start_matches(',').trim_start();
    let lower = after.to_ascii_lowercase();
    let spelt_out = lower.starts_with("section") || lower.starts_with("sec.") || after.starts_with("§ ");
    spelt_out.then_some("§ and the number, without a space between")
}

/// Name, first line and length in lines of every function: from `fn` to the brace that closes it.
fn functions(file: &File) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        // rustfmt closes a function with a brace at its own indentation.
        let close = format!("{}}}", " ".repeat(indent));
        let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
        if one_line {
            continue;
        }
        if let Some(length) = lines[index..].iter().position(|l| *l == close) {
            found.push((name, index + 1, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    if line.starts_with("//") || line.starts_with('"') {
        return None;
    }
    let at = line.find("fn ")?;
    let before = line[..at].trim_end();
    let is_item = before.is_empty()
        || before.split_whitespace().all(|word| {
            matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"")
                || word.starts_with("pub")
                || word.starts_with("in")
                || word.ends_with(')')
        });
    let name: String =
        line[at + 3..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (is_item && !name.is_empty()).then_some(name)
}

#[test]
fn the_readers_read_what_they_should() {
    assert!(misspelt(" 7636 §4.6").is_none() && misspelt(" 7636 Appendix B").is_none());
    assert!(misspelt("7636 §4.6").is_some() && misspelt(" 7636 section 4.6").is_some());
    assert!(cites("fn e03_race() {}", "E", 3) && cites("// AA5, AA6", "AA", 5) && cites("fn d01_x", "D-", 1));
    assert!(!cites("// AA5", "A", 5) && !cites("fn e03_race() {}", "E", 30));
    let text = "pub fn a() {\n    x();\n}\n\nimpl T {\n    fn b(&self) -> u8 {\n        1\n    }\n}\n";
    let file = File { path: String::new(), text: text.to_owned() };
    let lengths: Vec<_> = functions(&file).into_iter().map(|(name, _, length)| (name, length)).collect();
    assert_eq!(lengths, [("a".to_owned(), 3), ("b".to_owned(), 3)]);
}
