//! Cedar: each policy by Cedar's formatter, whose cost grows with the square of the text; what stands between
//! policies by hand.

use cedar_policy::Policy;
use cedar_policy_formatter::{Config, policies_str_to_pretty};

use crate::policy::rules::split;

const LAYOUT: Config = Config { line_width: 100, indent_width: 2 };

/// The text in the layout.
pub fn lay(text: &str) -> Result<String, String> {
    let text = &text.replace("\r\n", "\n");
    let statements = split(text).map_err(|(_, why)| why)?;
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for statement in &statements {
        between(&text[end..statement.start], end > 0, &mut out);
        let policy = policies_str_to_pretty(&text[statement.start..statement.end], &LAYOUT)
            .map_err(|_| "it is not Cedar; `grantwood check` says more".to_owned())?;
        out.push_str(policy.trim());
        out.push('\n');
        end = statement.end;
    }
    between(&text[end..], end > 0, &mut out);
    while out.ends_with("\n\n") {
        out.pop();
    }
    Ok(out)
}

/// What stands before a policy: comments, and empty lines as they divide them, one at most. A comment right behind the
/// policy before it stays there.
fn between(gap: &str, after_policy: bool, out: &mut String) {
    let mut lines = gap.split('\n').map(str::trim);
    if after_policy {
        let behind = lines.next().unwrap_or_default();
        if !behind.is_empty() {
            out.truncate(out.trim_end().len());
            out.push(' ');
            out.push_str(behind);
            out.push('\n');
        }
        out.push('\n');
    }
    let lines: Vec<&str> = lines.collect();
    // What follows the last line break is the indentation of the policy.
    for line in &lines[..lines.len().saturating_sub(1)] {
        match line.is_empty() {
            true if out.is_empty() || out.ends_with("\n\n") => {}
            true => out.push('\n'),
            false => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    if let Some(last) = lines.last().filter(|last| !last.is_empty()) {
        out.push_str(last);
        out.push('\n');
    }
}

/// Whether two texts have the same policies and the same comments.
pub fn same(old: &str, new: &str) -> bool {
    let policies = |text: &str| -> Option<Vec<_>> {
        let statements = split(text).ok()?;
        statements
            .iter()
            .map(|one| Policy::parse(None, &text[one.start..one.end]).ok()?.to_json().ok())
            .collect()
    };
    policies(old).is_some_and(|list| policies(new) == Some(list)) && comments(old) == comments(new)
}

/// The comments, in order.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let (mut quoted, mut escaped, mut slash) = (false, false, false);
        for (at, c) in line.char_indices() {
            if c == '/' && slash && !quoted {
                found.push(line[at + 1..].trim().to_owned());
                break;
            }
            slash = c == '/' && !quoted;
            match c {
                '"' if !escaped => quoted = !quoted,
                '\\' if quoted => escaped = !escaped,
                _ => escaped = false,
            }
            escaped &= c == '\\';
        }
    }
    found
}
