//! Which line of a document a scope, a role's action or a setting stands in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::{Cause, Loaded};
use crate::oauth::scope::Scope;
use crate::policy::documents::{ClientDocument, GlobalDocument, RoleDocument};
use crate::policy::shapes;
use crate::policy::yaml::{Node, Shape, Step, parse};

/// The lines of one set's documents, read when they are asked for.
pub(super) struct Lines<'a> {
    loaded: &'a Loaded,
    documents: RefCell<HashMap<String, Option<Rc<Document>>>>,
}

struct Document {
    tree: Node,
    /// The entries of the document's list of scopes or actions.
    entries: Vec<String>,
    /// The scopes of each entry.
    scopes: HashMap<Scope, usize>,
    list: &'static str,
    text: String,
}

impl<'a> Lines<'a> {
    pub fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, documents: RefCell::default() }
    }

    /// The number of the list entry that names a scope.
    pub fn index(&self, relative: &str, scope: &Scope) -> Option<usize> {
        self.document(relative)?.scopes.get(scope).copied()
    }

    /// The list entry that names a scope: `+` where it is new, `-` where it is gone.
    pub fn entry(&self, relative: &str, scope: &Scope, sign: char) -> Option<Cause> {
        let document = self.document(relative)?;
        let index = *document.scopes.get(scope)?;
        let line = document.tree.place(&[Step::Key(document.list), Step::Item(index)]).0;
        Some(self.cause(relative, line, format!("{sign} {}", document.entries[index])))
    }

    /// A field of a document; its first line where it has none.
    pub fn field(&self, relative: &str, field: &str, sign: char) -> Cause {
        let Some(document) = self.document(relative) else {
            return self.cause(relative, 0, format!("{sign} {field}"));
        };
        let line = document.tree.place_of_field(field).0;
        let text = document.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
        let text = if text.starts_with(field) { text.chars().take(120).collect() } else { field.to_owned() };
        self.cause(relative, line, format!("{sign} {text}"))
    }

    /// A document as a whole.
    pub fn file(&self, relative: &str, text: impl Into<String>) -> Cause {
        self.cause(relative, 0, text.into())
    }

    /// The line that `@source` names (`policies/rules/partners.cedar:12`), as this set's files are shown.
    pub fn source(&self, source: &str, text: impl Into<String>) -> Cause {
        match source.strip_prefix("policies/").and_then(|rest| rest.rsplit_once(':')) {
            Some((relative, line)) => self.cause(relative, line.parse().unwrap_or(0), text.into()),
            None => Cause { place: source.to_owned(), text: text.into() },
        }
    }

    fn cause(&self, relative: &str, line: usize, text: String) -> Cause {
        let file = self.loaded.tree.label().join(relative).display().to_string();
        Cause { place: if line == 0 { file } else { format!("{file}:{line}") }, text }
    }

    fn document(&self, relative: &str) -> Option<Rc<Document>> {
        if let Some(known) = self.documents.borrow().get(relative) {
            return known.clone();
        }
        let read = self.read(relative).map(Rc::new);
        self.documents.borrow_mut().insert(relative.to_owned(), read.clone());
        read
    }

    fn read(&self, relative: &str) -> Option<Document> {
        let source = self.loaded.file(relative)?;
        let (tree, entries, list) = match relative.split('/').next()? {
            "clients" => typed::<ClientDocument>(source, &shapes::CLIENT, "scopes", |d| d.scopes)?,
            "roles" => typed::<RoleDocument>(source, &shapes::ROLE, "actions", |d| d.actions)?,
            "global.yaml" => typed::<GlobalDocument>(source, &shapes::GLOBAL, "scopes", |d| d.scopes)?,
            _ => return None,
        };
        let mut scopes = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            for scope in self.loaded.snapshot.catalog().expand(entry).unwrap_or_default() {
                scopes.entry(scope).or_insert(index);
            }
        }
        Some(Document { tree, entries, scopes, list, text: source.to_owned() })
    }
}

type Read = (Node, Vec<String>, &'static str);

fn typed<T: DeserializeOwned>(
    text: &str,
    shape: &Shape,
    list: &'static str,
    entries: impl Fn(T) -> Vec<String>,
) -> Option<Read> {
    let parsed = parse::<T>("", text, shape).ok()?;
    Some((parsed.tree, entries(parsed.document), list))
}
