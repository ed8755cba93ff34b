//! A client's document becomes a client: one set of rules for files, API writes and database rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalog::{Catalog, shown};
use super::documents::ClientDocument;
use crate::oauth::client::{ActFor, AssertionStyle, Client, ClientAuth, ClientId, ClientType, PkceRule, UriOrigin, is_name};
use crate::oauth::grant::GrantType;
use crate::oauth::jwk::PublicKeys;
use crate::oauth::redirect_uri::{MAX_URIS, RedirectUri};
use crate::oauth::scope::Scope;

/// Longest life that a document may give to access tokens, in seconds: 31 days, the kernel's own ceiling.
pub const MAX_TTL_S: u64 = 31 * 86_400;

/// How strictly a document outside the folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A write: unknown scopes and scopes above the ceiling are refused.
    Strict,
    /// A row that was written before: unknown scopes are dropped, scopes above the ceiling stay and are denied.
    Stored,
}

/// What is wrong with a field of a document; list items are named as `scopes[2]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field, as the document names it.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// Where a document stands, and what it may refer to.
pub(super) struct Surroundings<'a> {
    pub catalog: &'a Catalog,
    pub ceiling: &'a BTreeSet<Scope>,
    pub place: Place<'a>,
}

/// Where a document stands.
pub(super) enum Place<'a> {
    /// In the folder: keys are files, `{public_url}` is known, an unknown scope is an error, one above the ceiling a warning.
    Folder { public_url: &'a str, keys: &'a dyn Fn(&str) -> Result<PublicKeys, String> },
    /// In the database.
    Database(Mode),
}

/// A client with what is remarkable about it, or everything that is wrong.
pub(super) struct Built {
    pub client: Client,
    pub warnings: Vec<FieldProblem>,
}

struct Builder<'a> {
    around: &'a Surroundings<'a>,
    errors: Vec<FieldProblem>,
    warnings: Vec<FieldProblem>,
}

/// Reads a document.
pub(super) fn build(id: &ClientId, doc: &ClientDocument, around: &Surroundings<'_>) -> Result<Built, Vec<FieldProblem>> {
    let mut builder = Builder { around, errors: Vec::new(), warnings: Vec::new() };
    let keys = builder.keys(doc);
    let grants = builder.grants(doc);
    let auth = builder.auth(doc, &keys);
    let pkce = builder.pkce(doc);
    let client = Client {
        id: id.clone(),
        name: builder.name(id, doc),
        kind: doc.kind,
        active: doc.active,
        owner: builder.owner(doc),
        grants,
        auth,
        pkce,
        assertion_style: doc.assertion_style.unwrap_or_default(),
        require_secret: doc.require_secret,
        act_for: builder.act_for(doc),
        groups: builder.groups(doc),
        redirect_uris: builder.redirect_uris(doc),
        keys,
        access_token_ttl: builder.ttl(doc),
        scopes: builder.scopes(doc),
    };
    if builder.errors.is_empty() { Ok(Built { client, warnings: builder.warnings }) } else { Err(builder.errors) }
}

impl Builder<'_> {
    fn error(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldProblem { field: field.into(), message: message.into() });
    }

    fn name(&mut self, id: &ClientId, doc: &ClientDocument) -> String {
        let name = doc.name.clone().unwrap_or_else(|| id.to_string());
        if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
            self.error("name", "a name has 1 to 255 characters and no control characters");
        }
        name
    }

    fn owner(&mut self, doc: &ClientDocument) -> Option<String> {
        let owner = doc.owner.clone();
        if owner.as_ref().is_some_and(|o| o.is_empty() || o.len() > 255 || o.chars().any(char::is_control)) {
            self.error("owner", "an owner is a user's name or id");
        }
        if owner.is_none() && doc.assertion_style == Some(AssertionStyle::Owner) {
            self.error("assertion_style", "assertion style owner needs an owner");
        }
        owner
    }

    fn grants(&mut self, doc: &ClientDocument) -> BTreeSet<GrantType> {
        let default = match doc.kind {
            ClientType::Confidential => vec![GrantType::AuthorizationCode, GrantType::JwtBearer],
            ClientType::Public => vec![GrantType::AuthorizationCode],
        };
        let listed = doc.grants.clone().unwrap_or(default);
        for (index, grant) in listed.iter().enumerate() {
            if doc.kind == ClientType::Public && *grant != GrantType::AuthorizationCode {
                let message = format!("a public client cannot use {}: it cannot keep a credential", grant.short());
                self.error(format!("grants[{index}]"), message);
            }
            if listed[..index].contains(grant) {
                self.error(format!("grants[{index}]"), format!("{} stands twice", grant.short()));
            }
        }
        if listed.is_empty() {
            self.error("grants", "a client has at least one grant; set active: false to switch it off");
        }
        listed.into_iter().collect()
    }

    fn auth(&mut self, doc: &ClientDocument, keys: &PublicKeys) -> ClientAuth {
        match (doc.kind, doc.auth) {
            (ClientType::Public, None | Some(ClientAuth::None)) => ClientAuth::None,
            (ClientType::Public, Some(auth)) => {
                self.error("auth", "a public client does not authenticate: auth is none");
                auth
            }
            (ClientType::Confidential, Some(ClientAuth::None)) => {
                self.error("auth", "a confidential client authenticates: client_secret or private_key_jwt");
                ClientAuth::None
            }
            (ClientType::Confidential, Some(auth)) => auth,
            (ClientType::Confidential, None) if keys.is_empty() && doc.public_keys.is_empty() => ClientAuth::Secret,
            (ClientType::Confidential, None) => ClientAuth::Key,
        }
    }

    fn pkce(&mut self, doc: &ClientDocument) -> PkceRule {
        let rule = doc.pkce.unwrap_or_default();
        if rule == PkceRule::Optional && doc.kind == ClientType::Public {
            self.error("pkce", "PKCE is never optional for a public client");
        }
        rule
    }

    fn act_for(&mut self, doc: &ClientDocument) -> Vec<ActFor> {
        let mut list = Vec::new();
        for (index, text) in doc.act_for.iter().enumerate() {
            match ActFor::parse(text) {
                Some(who) => list.push(who),
                None => {
                    let message = format!("{} is neither role:<role> nor user:<name or id>", shown(text));
                    self.error(format!("act_for[{index}]"), message);
                }
            }
        }
        if !list.is_empty() && doc.kind == ClientType::Public {
            self.error("act_for", "a public client makes no assertions, so it acts for nobody");
        }
        list
    }

    fn groups(&mut self, doc: &ClientDocument) -> Vec<String> {
        for (index, group) in doc.groups.iter().enumerate() {
            if !is_name(group) {
                self.error(format!("groups[{index}]"), "a group is named with 1 to 64 of A-Z a-z 0-9 _ -");
            }
        }
        if doc.groups.len() > 64 {
            self.error("groups", "at most 64 groups");
        }
        let unique: BTreeSet<String> = doc.groups.iter().cloned().collect();
        unique.into_iter().collect()
    }

    fn redirect_uris(&mut self, doc: &ClientDocument) -> Vec<(RedirectUri, UriOrigin)> {
        let mut uris: Vec<(RedirectUri, UriOrigin)> = Vec::new();
        for (index, text) in doc.redirect_uris.iter().enumerate() {
            let text = match self.around.place {
                Place::Folder { public_url, .. } => text.replace("{public_url}", public_url.trim_end_matches('/')),
                Place::Database(_) => text.clone(),
            };
            match RedirectUri::parse(&text) {
                Ok(uri) if uris.iter().any(|(other, _)| *other == uri) => {
                    self.error(format!("redirect_uris[{index}]"), format!("{} stands twice", shown(&text)));
                }
                Ok(uri) => uris.push((uri, UriOrigin::User)),
                Err(why) => self.error(format!("redirect_uris[{index}]"), format!("{}: {why}", shown(&text))),
            }
        }
        if doc.redirect_uris.len() > MAX_URIS {
            self.error("redirect_uris", format!("at most {MAX_URIS} redirect URIs"));
        }
        uris
    }

    fn keys(&mut self, doc: &ClientDocument) -> PublicKeys {
        let mut keys = PublicKeys::default();
        for (index, entry) in doc.public_keys.iter().enumerate() {
            let inline = entry.trim_start().starts_with(['{', '-']);
            let parsed = match &self.around.place {
                Place::Folder { keys, .. } if !inline => keys(entry),
                // The texts of key errors name no part of the key.
                _ => PublicKeys::parse(entry).map_err(|why| why.to_string()),
            };
            match parsed {
                Ok(more) => keys = keys.merged(&more),
                Err(why) => self.error(format!("public_keys[{index}]"), why),
            }
        }
        if doc.kind == ClientType::Public && !doc.public_keys.is_empty() {
            self.error("public_keys", "a public client has no keys");
        }
        keys
    }

    fn ttl(&mut self, doc: &ClientDocument) -> Option<u64> {
        let ttl = doc.access_token_ttl?.0;
        if !(1..=MAX_TTL_S).contains(&ttl) {
            self.error("access_token_ttl", "a life of 1 second to 31 days");
        }
        Some(ttl)
    }

    fn scopes(&mut self, doc: &ClientDocument) -> Arc<[Scope]> {
        let mut all = BTreeSet::new();
        for (index, entry) in doc.scopes.iter().enumerate() {
            let field = format!("scopes[{index}]");
            match self.around.catalog.expand(entry) {
                Ok(scopes) => {
                    self.above_ceiling(&field, entry, &scopes);
                    all.extend(scopes);
                }
                Err(_) if matches!(self.around.place, Place::Database(Mode::Stored)) => {}
                Err(message) => self.error(field, message),
            }
        }
        all.into_iter().collect()
    }

    fn above_ceiling(&mut self, field: &str, entry: &str, scopes: &[Scope]) {
        let above: Vec<&str> =
            scopes.iter().filter(|scope| !self.around.ceiling.contains(*scope)).map(Scope::as_str).collect();
        if above.is_empty() {
            return;
        }
        // A wildcard means "whatever the ceiling leaves": nobody is surprised by what it does not give.
        if entry.ends_with('*') && above.len() < scopes.len() {
            return;
        }
        let message = format!("{} is not in the global scopes", above.join(", "));
        match self.around.place {
            Place::Folder { .. } => {
                let message = format!("{message}, so it is denied");
                self.warnings.push(FieldProblem { field: field.to_owned(), message });
            }
            Place::Database(Mode::Strict) => self.error(field, message),
            Place::Database(Mode::Stored) => {}
        }
    }
}
