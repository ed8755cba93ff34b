//! Lints of documents: those without effect, and clients that may do more than their kind should.

use std::collections::BTreeSet;

use cedar_policy::Effect;
use serde::de::IgnoredAny;

use super::super::catalog::is_admin;
use super::super::documents::{CatalogDocument, ClientDocument, GlobalDocument, RoleDocument};
use super::super::files::{Kind, Source};
use super::super::snapshot::Snapshot;
use super::super::yaml::{Node, Shape, Step, parse};
use super::reach::{Reach, Who, World};
use super::{Linter, codes};
use crate::oauth::client::{Client, ClientId, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// Scopes within the ceiling that a public client should not have: marked as sensitive, or carried out by DELETE.
pub fn destructive(snapshot: &Snapshot) -> Vec<Scope> {
    let actions = snapshot
        .catalog()
        .actions()
        .filter(|action| action.sensitive || action.routes.iter().any(|route| route.method == "DELETE"));
    actions.map(|action| action.scope.clone()).filter(|scope| snapshot.in_ceiling(scope)).collect()
}

/// Whether a client is one that nobody can authenticate.
pub fn is_exposed(client: &Client) -> bool {
    client.kind == ClientType::Public && client.active
}

impl Linter<'_> {
    /// Looks at each document by itself.
    pub fn lint_documents(&mut self) {
        let destructive: BTreeSet<Scope> = destructive(self.snapshot).into_iter().collect();
        let permitted = self.permitted_by_rules();
        let sources: Vec<&Source> = self.folder.sources.iter().collect();
        for source in sources {
            match source.kind {
                Kind::Client => self.client(source, &destructive, &permitted),
                Kind::Role => self.role(source),
                Kind::Global => self.global(source),
                Kind::Catalog => self.catalog(source),
                Kind::Rule | Kind::Test | Kind::Invariant | Kind::Key => {}
            }
        }
    }

    /// Who may be granted something by a permit by hand.
    fn permitted_by_rules(&self) -> Vec<Who> {
        let world = World::new(self.snapshot);
        let permits =
            self.rules.iter().map(|one| &one.rule.policy).filter(|one| one.effect() == Effect::Permit);
        let reaches = permits.map(|policy| Reach::new(policy, &world));
        reaches.filter(|reach| reach.grants(&world)).map(|reach| reach.principal).collect()
    }

    fn client(&mut self, source: &Source, destructive: &BTreeSet<Scope>, permitted: &[Who]) {
        let Some(client) = ClientId::parse(&source.stem).and_then(|id| self.snapshot.client(&id)).cloned()
        else {
            return;
        };
        let field = |field: &str| tree(source).map_or((0, 0), |tree| tree.place_of_field(field));
        let kept = client.scopes.iter().any(|scope| self.snapshot.in_ceiling(scope));
        if !kept && !permitted.iter().any(|who| who.may_be(&client)) {
            let why = match client.scopes.is_empty() {
                true => "the document grants nothing: it lists no scopes",
                false => "the document grants nothing: none of its scopes is in the global scopes",
            };
            self.report(source, field("scopes"), codes::GRANTS_NOTHING, why);
        }
        if client.grants.contains(&GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
            let why = "the client has the code grant and no redirect URI to send a code to";
            self.report(source, field("redirect_uris"), codes::NO_REDIRECT_URI, why);
        }
        if is_exposed(&client) && client.scopes.iter().any(|scope| destructive.contains(scope)) {
            self.exposed(source, destructive);
        }
    }

    /// Reports each entry of a public client's list that gives something destructive.
    fn exposed(&mut self, source: &Source, destructive: &BTreeSet<Scope>) {
        let Some((document, tree)) = read::<ClientDocument>(source) else { return };
        for (index, entry) in document.scopes.iter().enumerate() {
            let scopes = self.snapshot.catalog().expand(entry).unwrap_or_default();
            let found: Vec<&str> =
                scopes.iter().filter(|scope| destructive.contains(*scope)).map(Scope::as_str).collect();
            let Some(first) = found.first() else { continue };
            let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
            let why = format!("a public client may get {first}{more}, which is sensitive or deletes");
            let place = tree.place(&[Step::Key("scopes"), Step::Item(index)]);
            self.report(source, place, codes::PUBLIC_DESTRUCTIVE, why);
            self.hint(
                "anybody can pose as a public client; if it is meant: # allow: lint.public-destructive",
            );
        }
    }

    fn role(&mut self, source: &Source) {
        let Some((document, tree)) = read::<RoleDocument>(source) else { return };
        let actions: Vec<Scope> = document
            .actions
            .iter()
            .flat_map(|entry| self.snapshot.catalog().expand(entry).unwrap_or_default())
            .collect();
        // Administration on the pages needs no token, so the ceiling says nothing about it.
        let why = match actions.iter().any(|scope| self.snapshot.in_ceiling(scope) || is_admin(scope)) {
            true => return,
            false if actions.is_empty() => "the document permits nothing: it lists no actions",
            false => "the document permits nothing: none of its actions is in the global scopes",
        };
        self.report(source, tree.place_of_field("actions"), codes::GRANTS_NOTHING, why);
    }

    fn global(&mut self, source: &Source) {
        let Some((document, tree)) = read::<GlobalDocument>(source) else { return };
        if document.scopes.is_empty() {
            let why = "no token carries anything: the list of global scopes is empty";
            self.report(source, tree.place_of_field("scopes"), codes::GRANTS_NOTHING, why);
        }
    }

    fn catalog(&mut self, source: &Source) {
        let Some((document, tree)) = read::<CatalogDocument>(source) else { return };
        for (name, content_type) in &document.content_types {
            if content_type.actions.is_empty() {
                let place = tree.place(&[Step::Key("content_types"), Step::Key(name)]);
                let why = format!("content type {name} has no actions, so nothing can name it");
                self.report(source, place, codes::GRANTS_NOTHING, why);
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(source: &Source) -> Option<(T, Node)> {
    parse::<T>(&source.relative, &source.text, &Shape::Any).ok().map(|parsed| (parsed.document, parsed.tree))
}

fn tree(source: &Source) -> Option<Node> {
    read::<IgnoredAny>(source).map(|(_, tree)| tree)
}
