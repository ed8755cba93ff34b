//! The catalog: content types, their actions and routes. Administration is a part of it, so that
//! `admin:client.read` is a scope like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::ContentTypeDocument;
use super::routes::{Route, Routes};
use super::stated::Properties;
use crate::oauth::client::is_name;
use crate::oauth::host::RequestHost;
use crate::oauth::scope::Scope;

/// Everything that a scope may name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: BTreeMap<String, ContentType>,
    actions: BTreeMap<Scope, CatalogAction>,
    routes: Routes,
    /// Content types by the name that callers of the decision API use.
    resource_types: BTreeMap<String, String>,
    /// A document of it could not be read, so that a content type that is not here may be declared all the same.
    incomplete: bool,
}

/// A kind of thing that an API serves.
#[derive(Clone, Debug)]
pub struct ContentType {
    /// Such as `api::form.form`.
    pub name: String,
    /// What people see.
    pub title: String,
    /// Its actions, sorted by name.
    pub actions: Vec<Scope>,
    /// The file that declares it; none = built in.
    pub file: Option<String>,
    /// Resources of this type that the catalog lists, by id, for the decision API.
    pub resources: BTreeMap<String, Properties>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct CatalogAction {
    /// The scope that permits it.
    pub scope: Scope,
    /// Its own name, such as `find`.
    pub name: String,
    /// What people see.
    pub title: String,
    /// The requests that perform it.
    pub routes: Vec<Route>,
    /// Whether rules may ask more of it.
    pub sensitive: bool,
    /// Whether its routes need no token.
    pub public: bool,
}

/// Resource types of the decision API that no content type may call itself.
const RESERVED_TYPES: [&str; 2] = ["content_type", "route"];

/// Name, title, sensitive.
pub type AdminAction = (&'static str, &'static str, bool);

/// The actions of administration: content type, title, and action, title, sensitive.
pub const ADMIN: [(&str, &str, &[AdminAction]); 10] = [
    (
        "admin:client",
        "Clients",
        &[
            ("create", "Create clients", true),
            ("read", "Read clients", false),
            ("update", "Change clients", true),
            ("delete", "Delete clients", true),
            ("rotate_secret", "Rotate a client's secret", true),
            ("rotate_keys", "Rotate a client's keys", true),
        ],
    ),
    (
        "admin:token",
        "Tokens",
        &[
            ("read", "Read tokens", false),
            ("revoke", "Revoke tokens", true),
            ("revoked", "Read the list of revoked tokens", false),
        ],
    ),
    ("admin:settings", "Settings", &[("read", "Read settings", false), ("update", "Change settings", true)]),
    ("admin:scope", "Scopes", &[("read", "Read the catalog of scopes", false)]),
    ("admin:policy", "Policies", &[("read", "Read policies", false), ("reload", "Reload policies", false)]),
    (
        "admin:user",
        "Users",
        &[
            ("create", "Create users", true),
            ("read", "Read users", false),
            ("update", "Change users", true),
            ("delete", "Delete users", true),
        ],
    ),
    (
        "admin:session",
        "Sessions",
        &[("read", "Read users' sessions", false), ("end", "End users' sessions", true)],
    ),
    (
        "admin:key",
        "Signing keys",
        &[("read", "Read signing keys", false), ("rotate", "Rotate signing keys", true)],
    ),
    (
        "admin:decision",
        "Decisions",
        &[
            ("evaluate", "Ask for decisions", false),
            ("search", "Search who may do what", false),
            ("assert", "State facts for decisions and be believed", true),
        ],
    ),
    ("admin:audit", "Audit log", &[("read", "Read the audit log", false)]),
];

impl Catalog {
    /// A catalog with administration only.
    pub fn built_in() -> Self {
        let mut catalog = Self::default();
        for (name, title, actions) in ADMIN {
            let actions = actions.iter().filter_map(|(action, title, sensitive)| {
                Some(CatalogAction {
                    scope: Scope::parse(&format!("{name}.{action}")).ok()?,
                    name: (*action).to_owned(),
                    title: (*title).to_owned(),
                    routes: Vec::new(),
                    sensitive: *sensitive,
                    public: false,
                })
            });
            catalog.insert(name, title, None, actions.collect());
        }
        catalog
    }

    fn insert(&mut self, name: &str, title: &str, file: Option<String>, actions: Vec<CatalogAction>) {
        let mut scopes: Vec<Scope> = actions.iter().map(|action| action.scope.clone()).collect();
        scopes.sort();
        let (resources, title) = (BTreeMap::new(), title.to_owned());
        let kind = ContentType { name: name.to_owned(), title, actions: scopes, file, resources };
        self.types.insert(name.to_owned(), kind);
        self.actions.extend(actions.into_iter().map(|action| (action.scope.clone(), action)));
    }

    /// Adds a content type of a file; answers with the mistakes: the action (none = the content type itself),
    /// the route's number, and what is wrong.
    pub fn add(&mut self, file: &str, name: &str, document: &ContentTypeDocument) -> Vec<CatalogMistake> {
        let mut mistakes = Vec::new();
        if !is_content_type(name) {
            mistakes.push((None, None, "a content type is named as api::form.form".to_owned()));
            return mistakes;
        }
        if let Some(other) = self.types.get(name) {
            let place = other.file.as_deref().unwrap_or("the server");
            mistakes.push((None, None, format!("content type {name} is declared in {place} as well")));
            return mistakes;
        }
        let mut hosts = BTreeSet::new();
        for text in &document.hosts {
            match RequestHost::parse(text, None) {
                Some(host) => drop(hosts.insert(host.as_str().to_owned())),
                None => {
                    mistakes.push((None, None, format!("{} is no host such as api.example.com", shown(text))))
                }
            }
        }
        let mut actions = Vec::new();
        for (action, document) in &document.actions {
            let scope = Scope::parse(&format!("{name}.{action}"));
            let Some(scope) = scope.ok().filter(|_| is_name(action)) else {
                mistakes.push((
                    Some(action.clone()),
                    None,
                    "an action is named with A-Z a-z 0-9 _ -".to_owned(),
                ));
                continue;
            };
            let mut routes = Vec::new();
            for (index, text) in document.routes.iter().enumerate() {
                let added = Route::parse(text, &hosts).and_then(|route| {
                    self.routes.add(route.clone(), &scope, document.public).map(|()| route)
                });
                match added {
                    Ok(route) => routes.push(route),
                    Err(why) => mistakes.push((Some(action.clone()), Some(index), why)),
                }
            }
            let title = document.title.clone().unwrap_or_else(|| action.clone());
            actions.push(CatalogAction {
                scope,
                name: action.clone(),
                title,
                routes,
                sensitive: document.sensitive,
                public: document.public,
            });
        }
        let title = document.title.clone().unwrap_or_else(|| name.to_owned());
        self.insert(name, &title, Some(file.to_owned()), actions);
        mistakes.extend(self.add_resources(name, document).map(|why| (None, None, why)));
        mistakes
    }

    /// What the decision API knows of a content type beside its actions; answers with the first mistake.
    fn add_resources(&mut self, name: &str, document: &ContentTypeDocument) -> Option<String> {
        if let Some(alias) = &document.resource_type {
            if !is_name(alias) || RESERVED_TYPES.contains(&alias.as_str()) {
                let reserved = RESERVED_TYPES.join(" and ");
                return Some(format!("a resource_type has A-Z a-z 0-9 _ - and is not {reserved}"));
            }
            if let Some(other) = self.resource_types.insert(alias.clone(), name.to_owned()) {
                return Some(format!("resource_type {alias} belongs to {other} already"));
            }
        }
        let mut resources = BTreeMap::new();
        for (id, properties) in &document.resources {
            match Properties::of_json(properties) {
                Ok(properties) => drop(resources.insert(id.clone(), properties)),
                Err(why) => return Some(format!("resource {}: {why}", shown(id))),
            }
        }
        if let Some(kind) = self.types.get_mut(name) {
            kind.resources = resources;
        }
        None
    }

    /// The content type that a caller of the decision API names, by its own name or its `resource_type`.
    pub fn resource_type(&self, name: &str) -> Option<&ContentType> {
        self.types.get(self.resource_types.get(name).map_or(name, String::as_str))
    }

    /// Which action a request performs.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Content types by name.
    pub fn content_types(&self) -> impl Iterator<Item = &ContentType> {
        self.types.values()
    }

    /// One content type.
    pub fn content_type(&self, name: &str) -> Option<&ContentType> {
        self.types.get(name)
    }

    /// Every action, sorted by scope.
    pub fn actions(&self) -> impl Iterator<Item = &CatalogAction> {
        self.actions.values()
    }

    /// Everything that either catalog knows; where both know it, the other's word counts.
    pub fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.actions.extend(other.actions.iter().map(|(scope, action)| (scope.clone(), action.clone())));
        for (name, kind) in &other.types {
            match merged.types.get_mut(name) {
                None => _ = merged.types.insert(name.clone(), kind.clone()),
                Some(mine) => {
                    mine.actions.extend(kind.actions.iter().cloned());
                    mine.actions.sort();
                    mine.actions.dedup();
                }
            }
        }
        merged
    }

    /// Says that a document of it could not be read. The set is refused for that; what names a content type that
    /// is missing here is no further mistake.
    pub fn is_incomplete(&mut self) {
        self.incomplete = true;
    }

    /// What the catalog knows about a scope.
    pub fn action(&self, scope: &Scope) -> Option<&CatalogAction> {
        self.actions.get(scope)
    }

    /// How many actions there are.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The scopes of an entry of a list: an action, `<content type>.*`, or `admin:*`. Otherwise what is wrong.
    pub fn expand(&self, entry: &str) -> Result<Vec<Scope>, String> {
        if entry == "admin:*" {
            return Ok(self.actions.keys().filter(|scope| is_admin(scope)).cloned().collect());
        }
        let name = entry.rsplit_once('.').map_or(entry, |(name, _)| name);
        if self.incomplete && is_content_type(name) && !self.types.contains_key(name) {
            return Ok(Vec::new());
        }
        if let Some(name) = entry.strip_suffix(".*") {
            return self.types.get(name).map(|kind| kind.actions.clone()).ok_or_else(|| {
                let near = super::diagnostics::nearest(name, self.types.keys().map(String::as_str));
                let near = near.map_or_else(String::new, |near| format!(", did you mean {near}.*?"));
                format!("unknown content type {}{near}", shown(name))
            });
        }
        match Scope::parse(entry).ok().and_then(|scope| self.actions.get_key_value(&scope)) {
            Some((scope, _)) => Ok(vec![scope.clone()]),
            None => {
                let near = super::diagnostics::did_you_mean(entry, self.actions.keys().map(Scope::as_str));
                Err(format!("unknown action {}{near}", shown(entry)))
            }
        }
    }
}

/// An action, a route's number, and what is wrong with it.
pub type CatalogMistake = (Option<String>, Option<usize>, String);

/// Whether a scope is one of administration.
pub fn is_admin(scope: &Scope) -> bool {
    scope.as_str().starts_with("admin:")
}

fn is_content_type(name: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    name.len() <= 160
        && name.split_once("::").is_some_and(|(left, right)| part(left) && part(right))
        && !name.ends_with('.')
}

/// A word of a document, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administration_is_in_the_catalog() {
        let catalog = Catalog::built_in();
        assert_eq!(catalog.expand("admin:*").unwrap().len(), catalog.len());
        assert_eq!(catalog.expand("admin:client.*").unwrap().len(), 6);
        assert_eq!(
            catalog.expand("admin:client.raed").unwrap_err(),
            "unknown action admin:client.raed, did you mean admin:client.read?"
        );
        assert!(catalog.expand("*").is_err());
        assert!(catalog.expand("admin:clint.*").unwrap_err().contains("did you mean admin:client.*"));
    }
}
