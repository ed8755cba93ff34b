//! Hand-written Cedar: split into policies, guarded against texts that would exhaust the stack, parsed, linted.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Policy, PolicyId};

use super::check::{allow, codes};
use super::diagnostics::{Diagnostic, Severity, did_you_mean, line_column};

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 48;
/// Most `if` of one policy.
const MAX_IFS: usize = 48;
/// Most operators of one policy: a chain of them is as deep as it is long.
const MAX_OPERATORS: usize = 400;
/// Most dots of one policy.
const MAX_DOTS: usize = 2_000;
/// Annotation keys that mean something here.
const ANNOTATIONS: [&str; 8] = ["id", "error", "source", "advice", "acr_values", "max_age", "title", "allow"];
/// Beginnings of ids that the server gives.
const RESERVED: [&str; 6] = ["kernel.", "base.", "client.", "role.", "global.", "rule."];

/// One parsed policy with the place that it comes from.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The policy, under its own id.
    pub policy: Policy,
    /// Its id.
    pub id: String,
    /// `policies/rules/partners.cedar:12`.
    pub source: String,
    /// Its text as it was written.
    pub text: String,
    /// What decides whether it is valid under a schema.
    pub shape: String,
    /// The file, for messages; none = not a file of the folder.
    pub origin: Option<Origin>,
}

/// Where a hand-written policy begins.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file, for messages.
    pub file: String,
    /// Byte offset of the policy.
    pub offset: usize,
}

/// What the documents declare, for the lints.
#[derive(Debug, Default)]
pub struct Declared {
    /// Names by entity type.
    pub names: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Where a policy stands in a text: byte offsets.
pub struct Statement {
    /// Its first byte.
    pub start: usize,
    /// Behind its semicolon.
    pub end: usize,
}

/// Reads a text of Cedar. `label` is how `@source` names it, `file` how messages do.
pub fn read(file: &str, label: &str, text: &str, reserved_ids: bool) -> (Vec<Rule>, Vec<Diagnostic>) {
    let mut rules = Vec::new();
    let mut found = Vec::new();
    let statements = match split(text) {
        Ok(statements) => statements,
        Err((offset, why)) => {
            let (line, column) = line_column(text, offset);
            return (rules, vec![Diagnostic::at(file, line, column, why).snippet(text)]);
        }
    };
    for statement in statements {
        let body = &text[statement.start..statement.end];
        match Policy::parse(None, body) {
            Ok(policy) => {
                let mut linted = lint(file, text, statement.start, &policy, reserved_ids);
                linted.retain(|d| d.severity == Severity::Error || !allow::by_annotation(&policy, d.code));
                found.extend(linted);
                let (line, column) = line_column(text, statement.start);
                let id = match policy.annotation("id") {
                    Some(id) if !id.is_empty() => id.to_owned(),
                    _ => unnamed(file, line, column),
                };
                rules.push(Rule {
                    policy: policy.new_id(PolicyId::new(&id)),
                    source: format!("{label}:{line}"),
                    text: body.to_owned(),
                    shape: body.to_owned(),
                    origin: Some(Origin { file: file.to_owned(), offset: statement.start }),
                    id,
                });
            }
            Err(errors) => {
                for error in errors.iter() {
                    found.push(place(file, text, statement.start, error));
                }
            }
        }
    }
    (rules, found)
}

/// A finding of Cedar's, at its place in the file.
pub fn place(file: &str, text: &str, base: usize, error: &(impl miette::Diagnostic + ?Sized)) -> Diagnostic {
    let labels: Vec<_> = error.labels().into_iter().flatten().collect();
    let offset = labels.first().map_or(0, miette::LabeledSpan::offset);
    let (line, column) = line_column(text, base + offset);
    let mut message: String = error.to_string().chars().take(400).collect();
    if let Some(label) = labels.first().and_then(|label| label.label()) {
        message = format!("{message}: {}", label.chars().take(200).collect::<String>());
    }
    let diagnostic = Diagnostic::at(file, line, column, message).snippet(text);
    match error.help() {
        Some(help) => diagnostic.hint(help.to_string()),
        None => diagnostic,
    }
}

fn lint(file: &str, text: &str, start: usize, policy: &Policy, reserved_ids: bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (line, column) = line_column(text, start);
    let mut report = |message: String| found.push(Diagnostic::at(file, line, column, message).snippet(text));
    match policy.annotation("id") {
        None => {}
        Some(id) if !is_rule_id(id) => {
            report("an @id has 1 to 128 of A-Z a-z 0-9 . _ - and begins with a letter".to_owned());
        }
        Some(id) if !reserved_ids && RESERVED.iter().any(|prefix| id.starts_with(prefix)) => {
            report(format!("ids that begin with {} are the server's own", RESERVED.join(" ")));
        }
        Some(_) => {}
    }
    for (key, _) in policy.annotations().filter(|(key, _)| !ANNOTATIONS.contains(key)) {
        let message = format!("annotation @{key} means nothing here{}", did_you_mean(key, ANNOTATIONS));
        found.push(
            Diagnostic::at(file, line, column, message)
                .code(codes::UNKNOWN_ANNOTATION)
                .snippet(text)
                .warning(),
        );
    }
    if policy.annotation("id").is_none() {
        found.push(
            Diagnostic::at(file, line, column, "the policy has no @id; logs will name its file and line")
                .code(codes::NO_ID)
                .hint("write @id(\"what-it-says\") above it")
                .snippet(text)
                .warning(),
        );
        return found;
    }
    let mut report = |message: String| found.push(Diagnostic::at(file, line, column, message).snippet(text));
    if let Some(code) = policy.annotation("error") {
        if code.is_empty() || !code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            report("an @error is an OAuth error code such as access_denied".to_owned());
        }
        if policy.effect() == cedar_policy::Effect::Permit {
            report("@error belongs to a forbid; a permit refuses nothing".to_owned());
        }
    }
    found
}

/// The id of a policy that has none of its own: its file and line.
fn unnamed(file: &str, line: usize, column: usize) -> String {
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".cedar");
    if column == 1 { format!("rule.{stem}.{line}") } else { format!("rule.{stem}.{line}.{column}") }
}

fn is_rule_id(id: &str) -> bool {
    id.len() <= 128
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Names in a rule that no document declares. Scopes and content types come from the catalog alone, so an
/// unknown one is a mistake; clients and roles may live elsewhere, so an unknown one is only suspicious.
pub fn unknown_names(rule: &Rule, declared: &Declared, file_text: &str) -> Vec<Diagnostic> {
    let Some(origin) = &rule.origin else { return Vec::new() };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for uid in rule.policy.entity_literals() {
        let (kind, id) = (uid.type_name().to_string(), uid.id().unescaped().to_owned());
        let Some(names) = declared.names.get(kind.as_str()) else { continue };
        if names.contains(&id) || !seen.insert(uid.to_string()) {
            continue;
        }
        let offset = rule.text.find(&uid.to_string()).unwrap_or(0);
        let (line, column) = line_column(file_text, origin.offset + offset);
        let near = did_you_mean(&id, names.iter().map(String::as_str));
        let message = format!("no document declares {}{near}", super::catalog::shown(&uid.to_string()));
        let diagnostic = Diagnostic::at(&origin.file, line, column, message).snippet(file_text);
        let (code, certain) = match kind.as_str() {
            "Scope" => (codes::UNKNOWN_SCOPE, true),
            "ContentType" => (codes::UNKNOWN_CONTENT_TYPE, true),
            "Role" => (codes::UNKNOWN_ROLE, false),
            "ClientGroup" => (codes::UNKNOWN_GROUP, false),
            _ => (codes::UNKNOWN_CLIENT, false),
        };
        let diagnostic = diagnostic.code(code);
        if certain {
            found.push(diagnostic);
        } else if !allow::by_annotation(&rule.policy, code) {
            found.push(diagnostic.warning());
        }
    }
    found
}

#[derive(Default)]
struct Counts {
    depth: usize,
    ifs: usize,
    operators: usize,
    dots: usize,
}

/// Splits a text at its semicolons, and refuses what is nested so deeply that parsing or evaluating it
/// could overflow a stack, which would end the process (attack row Y10).
pub fn split(text: &str) -> Result<Vec<Statement>, (usize, String)> {
    let bytes = text.as_bytes();
    let mut statements = Vec::new();
    let mut start = None;
    let mut counts = Counts::default();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => {}
        }
        start.get_or_insert(at);
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b';' => {
                statements.push(Statement { start: start.take().unwrap_or(at), end: at + 1 });
                counts = Counts::default();
                at += 1;
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let length =
                    bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                counts.ifs += usize::from(&bytes[at..at + length] == b"if");
                at += length;
            }
            other => {
                counts.take(other);
                at += 1;
            }
        }
        counts.check().map_err(|why| (at.saturating_sub(1), why))?;
    }
    if let Some(start) = start {
        statements.push(Statement { start, end: text.trim_end().len().max(start) });
    }
    Ok(statements)
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

impl Counts {
    fn take(&mut self, byte: u8) {
        match byte {
            b'(' | b'[' | b'{' => self.depth += 1,
            b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b'&' | b'|' | b'+' | b'-' | b'*' | b'!' => self.operators += 1,
            b'.' => self.dots += 1,
            _ => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.depth > MAX_DEPTH || self.ifs > MAX_IFS {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        // && and || are two bytes each.
        if self.operators > 2 * MAX_OPERATORS || self.dots > MAX_DOTS {
            return Err(format!("more than {MAX_OPERATORS} operators in one policy; write several"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y10_nesting_is_refused_without_a_crash() {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("if true then true else ", ""), ("!", ""), ("-", ""), ("1 + ", "")]
        {
            let deep = format!(
                "@id(\"x\") permit(principal, action, resource) when {{ {}1{} }};",
                open.repeat(100_000),
                close.repeat(100_000)
            );
            let (rules, found) = read("f", "l", &deep, false);
            assert!(rules.is_empty() && !found.is_empty(), "{open}");
        }
        let chain = format!(
            "@id(\"x\") permit(principal, action, resource) when {{ context{} }};",
            ".a".repeat(100_000)
        );
        assert!(!read("f", "l", &chain, false).1.is_empty());
    }

    #[test]
    fn every_policy_of_a_file_is_read_on_its_own() {
        let text = "// one; two\n@id(\"a\")\npermit (principal, action, resource);\n\n@id(\"b;\\\"\")\nforbid (principal, action resource);\npermit (principal, action, resource);";
        let (rules, found) = read("f", "l", text, false);
        assert_eq!(rules[0].source, "l:2");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].line, found[0].column), (6, 27), "{found:?}");
        assert_eq!(found[1].line, 7);
        assert!(found[1].message.contains("@id"));
    }

    #[test]
    fn lints() {
        for (text, expected) in [
            ("@id(\"kernel.x\") permit(principal, action, resource);", "server's own"),
            ("@id(\"x\") @eror(\"y\") forbid(principal, action, resource);", "did you mean error?"),
            ("@id(\"x\") @error(\"y\") permit(principal, action, resource);", "belongs to a forbid"),
            ("@id(\"x y\") permit(principal, action, resource);", "an @id has"),
            ("@id(\"x\") permit(principal == ?principal, action, resource);", "template"),
            ("@id(\"x\") permit(principal, action, resource)", "unexpected end of input"),
        ] {
            let (_, found) = read("f", "l", text, false);
            assert!(found.iter().any(|d| d.message.contains(expected)), "{text}: {found:?}");
        }
    }
}
