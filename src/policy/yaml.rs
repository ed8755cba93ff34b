//! YAML with places: a document is read twice, once into a tree that knows every line and column,
//! once into its type. The tree finds unknown and repeated keys and the places of list items.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::diagnostics::{Diagnostic, did_you_mean};

/// A value with its place.
#[derive(Debug)]
pub struct Node {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What it holds.
    pub kind: Kind,
}

/// What a value is; scalars are not kept.
#[derive(Debug)]
pub enum Kind {
    /// Text, number, boolean or null.
    Scalar,
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, repeats included.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Node {
    /// The place of a field such as `scopes[2]` or `content_types.x.actions`; of the nearest known parent otherwise.
    ///
    /// A key that names the last step gives the place of the key's value in lists, of the key itself in mappings.
    pub fn place(&self, path: &[Step<'_>]) -> (usize, usize) {
        let Some((first, rest)) = path.split_first() else {
            return (self.line, self.column);
        };
        match (first, &self.kind) {
            (Step::Key(name), Kind::Map(pairs)) => match pairs.iter().find(|(key, _)| key.name == *name) {
                Some((key, _)) if rest.is_empty() => (key.line, key.column),
                Some((_, value)) => value.place(rest),
                None => (self.line, self.column),
            },
            (Step::Item(index), Kind::List(items)) => {
                items.get(*index).map_or((self.line, self.column), |item| item.place(rest))
            }
            _ => (self.line, self.column),
        }
    }

    /// The place of a field written as `scopes[2]` or `active`.
    pub fn place_of_field(&self, field: &str) -> (usize, usize) {
        match field.split_once('[').and_then(|(key, rest)| Some((key, rest.strip_suffix(']')?.parse().ok()?))) {
            Some((key, index)) => self.place(&[Step::Key(key), Step::Item(index)]),
            None => self.place(&[Step::Key(field)]),
        }
    }
}

/// One step of a path into a document.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A key of a mapping.
    Key(&'a str),
    /// An item of a list.
    Item(usize),
}

/// Which keys a mapping may have, all the way down.
#[derive(Debug)]
pub enum Shape {
    /// Nothing more is known.
    Any,
    /// A mapping with these keys.
    Keys(&'static [(&'static str, Shape)]),
    /// A mapping with free keys.
    Each(&'static Shape),
    /// A list.
    Items(&'static Shape),
}

/// A document in both of its forms.
pub struct Parsed<T> {
    /// The typed document.
    pub document: T,
    /// The places.
    pub tree: Node,
}

/// Reads one document: exactly one, of this type, with known keys and without repeats.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str, shape: &Shape) -> Result<Parsed<T>, Vec<Diagnostic>> {
    let tree = tree(file, text).map_err(|d| vec![d])?;
    let mut found = Vec::new();
    check(file, text, &tree, shape, &mut found);
    if !found.is_empty() {
        return Err(found);
    }
    match serde_yaml::from_str_with_options::<T>(text, options()) {
        Ok(document) => Ok(Parsed { document, tree }),
        Err(error) => Err(vec![diagnose(file, text, &error)]),
    }
}

fn tree(file: &str, text: &str) -> Result<Node, Diagnostic> {
    let mut options = options();
    options.duplicate_keys = serde_yaml::DuplicateKeyPolicy::PassThrough;
    serde_yaml::from_str_with_options::<Node>(text, options).map_err(|error| diagnose(file, text, &error))
}

fn options() -> serde_yaml::Options {
    // Error texts must not quote neighbouring lines; the snippet is ours. YAML 1.1's yes/no/on/off are no booleans.
    serde_yaml::options! {
        with_snippet: false,
        strict_booleans: true,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        emit_comments: false,
    }
}

fn diagnose(file: &str, text: &str, error: &serde_yaml::Error) -> Diagnostic {
    let (line, column) = error
        .location()
        .map_or((1, 1), |at| (usize::try_from(at.line()).unwrap_or(1), usize::try_from(at.column()).unwrap_or(1)));
    let whole = error.without_snippet().to_string();
    let message: String = whole.lines().next().unwrap_or("not YAML").chars().take(300).collect();
    Diagnostic::at(file, line.max(1), column.max(1), message).snippet(text)
}

fn check(file: &str, text: &str, node: &Node, shape: &Shape, found: &mut Vec<Diagnostic>) {
    if let Kind::Map(pairs) = &node.kind {
        let mut seen = std::collections::HashMap::new();
        for (key, _) in pairs {
            if let Some(first) = seen.insert(key.name.as_str(), key.line) {
                let message = format!("key {} stands twice, first in line {first}", key.name);
                found.push(Diagnostic::at(file, key.line, key.column, message).snippet(text));
            }
        }
    }
    match (shape, &node.kind) {
        (Shape::Keys(known), Kind::Map(pairs)) => {
            for (key, value) in pairs {
                match known.iter().find(|(name, _)| *name == key.name) {
                    Some((_, inner)) => check(file, text, value, inner, found),
                    None => {
                        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                        let message = format!("unknown key {}{}", key.name, did_you_mean(&key.name, names.clone()));
                        found.push(
                            Diagnostic::at(file, key.line, key.column, message)
                                .hint(format!("known keys: {}", names.join(", ")))
                                .snippet(text),
                        );
                    }
                }
            }
        }
        (Shape::Each(inner), Kind::Map(pairs)) => {
            pairs.iter().for_each(|(_, value)| check(file, text, value, inner, found));
        }
        (Shape::Items(inner), Kind::List(items)) => {
            items.iter().for_each(|item| check(file, text, item, inner, found));
        }
        _ => {}
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        let (line, column) = place(&spanned.referenced);
        Ok(Self { line, column, kind: spanned.value })
    }
}

fn place(at: &serde_yaml::Location) -> (usize, usize) {
    (usize::try_from(at.line()).unwrap_or(1).max(1), usize::try_from(at.column()).unwrap_or(1).max(1))
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let (line, column) = place(&key.referenced);
            pairs.push((Key { name: key.value, line, column }, map.next_value()?));
        }
        Ok(Kind::Map(pairs))
    }
}
