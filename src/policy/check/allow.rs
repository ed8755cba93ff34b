//! How a team says that a lint's finding is meant: `@allow("lint.shadowed")` on a policy, and in a YAML document
//! the comment `# allow: lint.public-destructive`: on the line itself, on the lines right above it, or among the
//! comments at the head of the file for the whole of it. Errors cannot be allowed.

use std::collections::HashMap;

use cedar_policy::Policy;

use super::super::diagnostics::{Diagnostic, Severity};
use super::super::files::{Folder, Kind};
use super::super::load::Options;

/// Whether a policy allows the finding of a code about itself.
pub fn by_annotation(policy: &Policy, code: &str) -> bool {
    policy.annotation("allow").is_some_and(|list| names(list, code))
}

/// Takes out the findings that documents allow.
pub fn filter(found: &mut Vec<Diagnostic>, options: &Options, folder: &Folder) {
    if !found.iter().any(allowable) {
        return;
    }
    let documents = folder.sources.iter().filter(|s| !matches!(s.kind, Kind::Rule | Kind::Key));
    let texts: HashMap<String, &str> = documents
        .map(|s| (options.tree.label().join(&s.relative).display().to_string(), s.text.as_str()))
        .collect();
    found.retain(|d| {
        !(allowable(d) && texts.get(&d.file).is_some_and(|text| by_comment(text, d.line, d.code)))
    });
}

fn allowable(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Warning && finding.code.starts_with("lint.")
}

/// Whether the comments of a document allow a code on a line (from 1; 0 = the file as a whole).
fn by_comment(text: &str, line: usize, code: &str) -> bool {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let lines: Vec<&str> = text.lines().collect();
    let head = lines.iter().take_while(|line| is_comment(line) || line.trim().is_empty());
    let own = line.checked_sub(1).and_then(|at| lines.get(at));
    let above =
        lines[..line.saturating_sub(1).min(lines.len())].iter().rev().take_while(|line| is_comment(line));
    head.chain(own).chain(above).any(|line| comment_allows(line, code))
}

fn comment_allows(line: &str, code: &str) -> bool {
    line.match_indices('#').any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let comment = before.is_none_or(char::is_whitespace).then(|| line[at + 1..].trim_start());
        comment.and_then(|text| text.strip_prefix("allow:")).is_some_and(|list| names(list, code))
    })
}

fn names(list: &str, code: &str) -> bool {
    list.split(|c: char| c == ',' || c.is_whitespace()).any(|word| word == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_allows_its_line_the_next_or_the_file() {
        let text = "# about it\n\nname: x\n# allow: lint.a, lint.b since it is meant\nscopes:\n  - y # allow: lint.c\n  - z\n";
        assert!(by_comment(text, 5, "lint.a") && by_comment(text, 5, "lint.b"));
        assert!(!by_comment(text, 6, "lint.a") && !by_comment(text, 5, "lint.c"));
        assert!(by_comment(text, 6, "lint.c") && !by_comment(text, 7, "lint.c"));
        let head = "# allow: lint.a\n\nname: x\n";
        assert!(
            by_comment(head, 0, "lint.a") && by_comment(head, 99, "lint.a") && !by_comment(head, 3, "lint.b")
        );
    }
}
