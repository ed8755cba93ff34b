//! YAML: two spaces a level, list items one level below their key, one empty line at most, nothing behind the last
//! word of a line. Words themselves, their order and their spacing within a line stay: tables stay tables. A text after
//! `|` or `>` moves with its key; other texts over several lines are not understood and left alone.

use crate::policy::yaml::{Shape, parse};

#[derive(Clone, Copy, Debug)]
struct Level {
    old: usize,
    new: usize,
    list: bool,
}

#[derive(Default)]
struct Writer {
    out: String,
    levels: Vec<Level>,
    /// Comments and empty lines that wait for the line that they stand before.
    waiting: Vec<(usize, String)>,
    /// Brackets that are open, and how far the line that opened them was moved.
    open: i32,
    moved: isize,
    /// Within a text after `|` or `>`: the indentation of its key.
    block: Option<usize>,
}

/// The text in the layout.
pub fn lay(text: &str) -> Result<String, String> {
    let mut writer = Writer::default();
    for line in text.lines() {
        if writer.block_line(line) {
            continue;
        }
        let line = line.trim_end();
        let content = line.trim_start_matches(' ');
        writer.line(line.len() - content.len(), content)?;
    }
    if writer.open > 0 {
        return Err("a bracket is not closed".to_owned());
    }
    writer.comments(0, 0);
    let out = writer.out.trim_matches('\n');
    Ok(format!("{out}\n"))
}

/// Whether two texts hold the same document and the same comments.
pub fn same(old: &str, new: &str) -> bool {
    let value =
        |text: &str| parse::<serde_json::Value>("", text, &Shape::Any).ok().map(|parsed| parsed.document);
    value(old).is_some_and(|document| value(new) == Some(document)) && comments(old) == comments(new)
}

impl Writer {
    /// Takes a line of a text after `|` or `>` as it is, moved with its key.
    fn block_line(&mut self, line: &str) -> bool {
        let Some(key) = self.block else { return false };
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if !content.is_empty() && indent <= key {
            self.block = None;
            return false;
        }
        let indent = if content.is_empty() { 0 } else { indent.saturating_add_signed(self.moved) };
        self.push(indent, content);
        true
    }

    fn line(&mut self, indent: usize, content: &str) -> Result<(), String> {
        if self.open > 0 {
            let scan = scan(content)?;
            let indent = indent.saturating_add_signed(self.moved);
            self.push(indent, content);
            self.open += scan.depth;
            return Ok(());
        }
        if content.is_empty() || content.starts_with('#') {
            self.waiting.push((indent, content.to_owned()));
            return Ok(());
        }
        if content.starts_with('\t') || matches!(content, "---" | "...") || content.starts_with("--- ") {
            return Err("tabs and several documents have no layout".to_owned());
        }
        let (list, rest) = match content.strip_prefix('-') {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => (true, rest.trim_start()),
            _ => (false, content),
        };
        let scan = scan(rest)?;
        if list && (rest.starts_with("- ") || rest == "-") || !list && !scan.key {
            return Err("lists in lists and texts over several lines have no layout".to_owned());
        }
        let new = self.level(indent, list);
        self.comments(indent, new);
        if list && scan.key {
            let old = indent + (content.len() - rest.len());
            self.levels.push(Level { old, new: new + 2, list: false });
        }
        let written = if list { format!("- {rest}") } else { rest.to_owned() };
        self.push(new, written.trim_end());
        self.open = scan.depth;
        self.moved = new.cast_signed() - indent.cast_signed();
        if scan.block {
            let own = if list && scan.key { content.len() - rest.len() } else { 0 };
            // A key behind a dash moves with what stands between the two.
            self.moved += if own > 0 { 2 - own.cast_signed() } else { 0 };
            self.block = Some(indent + own);
        }
        Ok(())
    }

    /// The new indentation of a line.
    fn level(&mut self, indent: usize, list: bool) -> usize {
        while let Some(top) = self.levels.last() {
            // A list may stand right below its key, so the key's level ends it.
            let ends = top.old > indent || (top.old == indent && top.list && !list);
            if !ends {
                break;
            }
            self.keep_inner_comments(indent);
            self.levels.pop();
        }
        match self.levels.last().copied() {
            Some(top) if top.old == indent && top.list == list => top.new,
            top => {
                let new = top.map_or(0, |top| top.new + 2);
                self.levels.push(Level { old: indent, new, list });
                new
            }
        }
    }

    /// Comments at the end of a block that is deeper than the next line stay in it.
    fn keep_inner_comments(&mut self, next: usize) {
        let inner = |(indent, text): &(usize, String)| *indent > next && !text.is_empty();
        let Some(last) = self.waiting.iter().rposition(inner) else { return };
        if !self.waiting[..=last].iter().all(|one| one.1.is_empty() || inner(one)) {
            return;
        }
        let rest = self.waiting.split_off(last + 1);
        self.comments(0, 0);
        self.waiting = rest;
    }

    /// Writes the comments that wait: at the level that they stood at, else before the line that comes.
    fn comments(&mut self, indent: usize, new: usize) {
        for (own, text) in std::mem::take(&mut self.waiting) {
            if text.is_empty() {
                if !self.out.is_empty() && !self.out.ends_with("\n\n") {
                    self.out.push('\n');
                }
                continue;
            }
            let level = self.levels.iter().rev().find(|level| level.old == own);
            let new = match level {
                Some(level) if own != indent => level.new,
                _ => new,
            };
            self.push(new, &text);
        }
    }

    fn push(&mut self, indent: usize, text: &str) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.out.push_str(text);
        self.out.push('\n');
    }
}

/// What a line says about its structure.
struct Scan {
    /// It begins with `key:`.
    key: bool,
    /// Brackets opened less brackets closed.
    depth: i32,
    /// A text begins on the next line.
    block: bool,
}

/// Reads a line outside of quotes and comments.
fn scan(line: &str) -> Result<Scan, String> {
    let mut scan = Scan { key: false, depth: 0, block: false };
    let mut quote = None;
    let mut before = ' ';
    let mut value = String::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('"'), '\\') => {
                characters.next();
            }
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '#') if before.is_whitespace() => break,
            // A quote opens a text only where a value begins.
            (None, '"' | '\'') if value.is_empty() || matches!(before, '[' | '{' | ',') => quote = Some(c),
            (None, '[' | '{') if value.is_empty() || scan.depth > 0 => scan.depth += 1,
            (None, ']' | '}') => scan.depth -= 1,
            (None, ':') if characters.peek().is_none_or(|next| next.is_whitespace()) => {
                scan.key |= scan.depth == 0;
                value.clear();
                before = c;
                continue;
            }
            _ => {}
        }
        if !c.is_whitespace() {
            value.push(c);
            before = c;
        } else if before == ',' || before == '[' || before == '{' {
            value.clear();
        } else {
            before = c;
        }
    }
    if quote.is_some() {
        return Err("texts over several lines have no layout".to_owned());
    }
    scan.block = value.starts_with(['|', '>']);
    Ok(scan)
}

/// The comments, in order.
fn comments(text: &str) -> Vec<String> {
    let of = |line: &str| {
        let found = line.match_indices('#').map(|(at, _)| at);
        let mut found = found.filter(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
        found.next().map(|at| line[at..].trim().to_owned())
    };
    text.lines().filter_map(of).collect()
}
