//! Texts and templates fit each other, so that a team that replaces every text has replaced every word.

use std::collections::BTreeSet;

use super::super::{Templates, texts};

/// The keys of `t("…")` in all templates; those that end in a dot begin a family.
fn keys() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in Templates::iter() {
        let file = Templates::get(&name).unwrap();
        let source = String::from_utf8(file.data.into_owned()).unwrap();
        for part in source.split("t(\"").skip(1) {
            let key = part.split('"').next().unwrap();
            if key.contains('.') && !key.contains(' ') && !key.contains('/') {
                found.insert(key.to_owned());
            }
        }
    }
    found
}

fn known() -> BTreeSet<String> {
    texts::Texts::default().keys().map(ToOwned::to_owned).collect()
}

#[test]
fn every_text_that_a_template_says_is_there() {
    let (keys, known) = (keys(), known());
    assert!(keys.len() > 80, "{keys:?}");
    for key in &keys {
        let there = match key.ends_with('.') {
            true => known.iter().any(|text| text.starts_with(key.as_str())),
            false => known.contains(key),
        };
        assert!(there, "there is no text {key}");
    }
}

#[test]
fn every_text_is_said_somewhere() {
    let keys = keys();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http");
    let mut sources = String::new();
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for text in known() {
        let family = keys.iter().any(|key| key.ends_with('.') && text.starts_with(key.as_str()));
        let in_code = sources.contains(&format!("\"{text}\""));
        // `columns(…)` of the account pages names the last words alone.
        let column =
            text.strip_prefix("account.").is_some_and(|word| sources.contains(&format!("\"{word}\"")));
        assert!(keys.contains(&text) || family || in_code || column, "nothing says the text {text}");
    }
}

/// Public pages, account pages and what surrounds all pages have no word of their own.
#[test]
fn no_word_stands_in_a_public_template() {
    for name in Templates::iter() {
        let public = !name.starts_with("admin/");
        let file = Templates::get(&name).unwrap();
        let source = String::from_utf8(file.data.into_owned()).unwrap();
        if !public {
            continue;
        }
        let source = without(&without(&without(&source, "{#", "#}"), "{%", "%}"), "{{", "}}");
        let bare = without(&source, "<", ">").replace("&larr;", "");
        let words: Vec<&str> = bare
            .split_whitespace()
            .filter(|word| word.chars().any(char::is_alphabetic))
            // Parts of attributes, which a macro makes.
            .filter(|word| !word.contains('=') && !word.starts_with('-'))
            .collect();
        assert!(words.is_empty(), "{name} says {words:?}");
    }
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        kept.push_str(before);
        kept.push(' ');
        rest = after.split_once(close).map_or("", |(_, behind)| behind);
    }
    kept + rest
}
