//! What is wrong with a policy folder, and where: every mistake has a file, a line, a column and a hint.

use std::fmt;

/// The code of errors that have none of their own.
pub const INVALID: &str = "policy.invalid";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The set is not loaded.
    Error,
    /// The set is loaded; somebody should look.
    Warning,
}

/// One finding. Lines and columns start at 1; 0 = the whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of finding it is, such as `lint.unknown-client`: stable, for `@allow` and for tools.
    pub code: &'static str,
    /// The file, as the configured folder names it.
    pub file: String,
    /// Line, from 1; 0 = the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<Box<str>>,
    /// The line of the file. Never of a key file or of a file outside the folder (attack row Y9).
    pub snippet: Option<Box<str>>,
}

/// Why a set was not loaded: all of its errors at once.
#[derive(Clone, Debug)]
pub struct LoadFailed(pub Vec<Diagnostic>);

impl Diagnostic {
    /// An error about a file as a whole.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::at(file, 0, 0, message)
    }

    /// An error at a place.
    pub fn at(file: impl Into<String>, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: INVALID,
            file: file.into(),
            line,
            column,
            message: message.into(),
            hint: None,
            snippet: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Names the kind of finding.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into());
        self
    }

    /// Adds the line of the file that it speaks of.
    #[must_use]
    pub fn snippet(mut self, text: &str) -> Self {
        if self.line > 0 {
            self.snippet = text.lines().nth(self.line - 1).map(|line| line.chars().take(160).collect());
        }
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.severity == Severity::Error { "error" } else { "warning" };
        match self.code {
            INVALID => write!(f, "{word}: {}", printable(&self.message))?,
            code => write!(f, "{word}[{code}]: {}", printable(&self.message))?,
        }
        write!(f, "\n  --> {}", printable(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column.max(1))?;
        }
        if let Some(snippet) = &self.snippet {
            let margin = self.line.to_string();
            let gap = " ".repeat(margin.len());
            let indent = " ".repeat(self.column.saturating_sub(1).min(160));
            write!(f, "\n {gap} |\n {margin} | {}\n {gap} | {indent}^", printable(snippet))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n   = help: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl fmt::Display for LoadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadFailed {}

/// A file's text on a terminal: control characters would let it move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\t' || c == '\n' || !c.is_control() { c } else { '?' }).collect()
}

/// Line and column (both from 1) of a byte offset.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// The candidate that was most likely meant, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 256 {
        return None;
    }
    let allowed = (word.chars().count() / 4).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(cost, _)| *cost <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `, did you mean x?`, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!(", did you mean {near}?"))
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = if ca == *cb { diagonal } else { 1 + diagonal.min(row[j]).min(row[j + 1]) };
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word() {
        assert_eq!(nearest("scops", ["scopes", "name"]), Some("scopes"));
        assert_eq!(nearest("zzz", ["scopes", "name"]), None);
        assert_eq!(
            did_you_mean("api::form.form.fnd", ["api::form.form.find", "api::form.form.findOne"]),
            ", did you mean api::form.form.find?"
        );
    }

    #[test]
    fn prints_place_snippet_and_hint() {
        let text =
            Diagnostic::at("policies/x.yaml", 2, 3, "bad").hint("do better").snippet("a\n  b\n").to_string();
        assert_eq!(
            text,
            "error: bad\n  --> policies/x.yaml:2:3\n   |\n 2 |   b\n   |   ^\n   = help: do better"
        );
    }

    #[test]
    fn places() {
        assert_eq!(line_column("ab\ncd", 4), (2, 2));
        assert_eq!(line_column("é", 1), (1, 1));
        assert_eq!(line_column("", 9), (1, 1));
    }
}
