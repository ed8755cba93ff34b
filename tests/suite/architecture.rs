//! The house's plan, held to the imports: a floor uses only what stands before it, and each big library is
//! named in one folder.

use std::collections::BTreeSet;

use crate::source::{self, File};

/// Each floor, and the floors that it may use. `policy` and `keys` know nothing of `store`, nor it of them.
const FLOORS: [(&str, &[&str]); 13] = [
    ("oauth", &[]),
    ("guard", &["oauth"]),
    ("config", &["oauth"]),
    ("telemetry", &["oauth", "config"]),
    ("policy", &["oauth", "config", "telemetry"]),
    ("keys", &["oauth", "config", "telemetry", "policy"]),
    ("store", &["oauth", "config", "telemetry"]),
    ("app", &["oauth", "config", "telemetry", "policy", "keys", "store"]),
    ("flow", &["oauth", "config", "telemetry", "policy", "keys", "store", "app"]),
    ("pages", &["oauth", "config", "telemetry", "policy", "keys", "store", "app", "flow"]),
    ("http", &["oauth", "config", "telemetry", "policy", "keys", "store", "app", "flow", "pages"]),
    (
        "cli",
        &["oauth", "guard", "config", "telemetry", "policy", "keys", "store", "app", "flow", "pages", "http"],
    ),
    (
        "main",
        &["oauth", "config", "telemetry", "policy", "keys", "store", "app", "flow", "pages", "http", "cli"],
    ),
];

/// A floor beside the stack, which other programs use, and the libraries that it may name as well.
const BESIDE: (&str, &[&str]) = ("guard", &["poem"]);

/// Each library, and the only floor that names it.
const ONLY: [(&str, &str); 7] = [
    ("cedar_policy", "policy"),
    ("diesel", "store"),
    ("diesel_migrations", "store"),
    ("poem", "http"),
    ("poem_openapi", "http"),
    ("minijinja", "pages"),
    ("clap", "cli"),
];

#[test]
fn a_floor_uses_only_what_stands_before_it() {
    let mut findings = Vec::new();
    for file in source::src() {
        let floor = floor(&file.path);
        if floor == "lib" {
            continue;
        }
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
            findings.push(format!("{}: no floor {floor} in the plan", file.path));
            continue;
        };
        for used in uses(&file) {
            let known = FLOORS.iter().any(|(name, _)| *name == used);
            if known && used != floor && !allowed.contains(&used.as_str()) {
                findings.push(format!("{}: {floor} may not use {used}", file.path));
            }
        }
    }
    source::none(&findings, "the direction of house.md is broken");
}

#[test]
fn each_library_is_named_on_one_floor_only() {
    let mut findings = Vec::new();
    for file in source::src() {
        let floor = floor(&file.path);
        for (number, line) in code_lines(&file) {
            for (library, home) in ONLY {
                let beside = floor == BESIDE.0 && BESIDE.1.contains(&library);
                if floor != home && !beside && names(line, library) {
                    findings.push(format!("{}:{number}: only src/{home} names {library}", file.path));
                }
            }
        }
    }
    source::none(&findings, "a library is named outside its folder");
}

#[test]
fn the_map_names_every_floor_and_nothing_else() {
    let map = source::read("src/lib.rs");
    let map: String =
        map.lines().filter(|line| line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(source::root().join("src")).expect("src").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let shown = if entry.path().is_dir() { format!("{name}/") } else { name.clone() };
        if name != "lib.rs" && !map.contains(&shown) && !map.contains(name.trim_end_matches(".rs")) {
            findings.push(format!("src/lib.rs does not name {shown}"));
        }
    }
    for word in map.split(|c: char| !(c.is_ascii_alphanumeric() || "_/.".contains(c))) {
        let looks_like_a_path = word.ends_with(".rs") || (word.ends_with('/') && word.len() > 1);
        let word = word.trim_start_matches("src/");
        let exists =
            [source::root().join("src").join(word), source::root().join(word)].iter().any(|p| p.exists());
        if looks_like_a_path && !word.is_empty() && !word.contains("//") && !exists {
            findings.push(format!("src/lib.rs names {word}, which does not exist"));
        }
    }
    source::none(&findings, "the map in src/lib.rs is not true");
}

#[test]
fn only_the_policy_floor_can_make_a_permit() {
    let mut findings = Vec::new();
    for file in source::src() {
        for (number, line) in code_lines(&file) {
            if floor(&file.path) != "policy" && line.contains("Permit::new") {
                findings.push(format!("{}:{number}", file.path));
            }
        }
    }
    source::none(&findings, "a permit is made outside src/policy");
    let permit = source::read("src/policy/permit.rs");
    assert!(permit.contains("pub(in crate::policy) fn new"), "Permit::new must stay private to src/policy");
}

/// `src/flow/token.rs` → `flow`; `src/app.rs` → `app`.
fn floor(path: &str) -> String {
    let rest = path.trim_start_matches("src/");
    rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs").to_owned()
}

/// The floors that a file names by `crate::…`, also in groups, or from the binary by `grantwood::…`.
fn uses(file: &File) -> BTreeSet<String> {
    let text: String = code_lines(file).map(|(_, line)| format!("{line}\n")).collect();
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "grantwood::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            match rest.strip_prefix('{') {
                None => found.extend(word(rest)),
                Some(group) => found.extend(top_level(group).into_iter().filter_map(word)),
            }
        }
    }
    found
}

/// The parts of `a::b, c::{d, e}, f}` between its own commas.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Lines that are no comments.
fn code_lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.lines().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line names a crate as a path: `poem::`, `use poem;`, but not `my_poem::` nor `poem_openapi::`.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + library.len()..];
        let starts = !before
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '"' || c == '.');
        starts && (after.starts_with("::") || (line.contains("use ") && after.starts_with([';', ' ', ','])))
    })
}

#[test]
fn the_reader_of_imports_reads_groups() {
    let file = File {
        path: "src/flow/x.rs".into(),
        text: "use crate::{app::App, oauth::{scope, grant}, store};\nlet x = crate::policy::decide();\n// crate::http\n".into(),
    };
    assert_eq!(uses(&file).into_iter().collect::<Vec<_>>(), ["app", "oauth", "policy", "store"]);
    assert!(names("use poem::Route;", "poem") && !names("use poem_openapi::Object;", "poem"));
}
