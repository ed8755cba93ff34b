//! Lints of policy tests: names that no document declares. A case about a client that does not exist fails by itself;
//! a role that does not exist, or a scope, only makes a case that shows nothing.

use super::super::diagnostics::{did_you_mean, line_column};
use super::super::files::{Kind, Source};
use super::super::testing::documents::TestUser;
use super::super::yaml::Step;
use super::{Linter, codes};
use crate::oauth::scope::Scope;

impl Linter<'_> {
    /// Looks at every case and table.
    pub fn lint_cases(&mut self) {
        let sources: Vec<&Source> = self.sources(Kind::Test).collect();
        let snapshot = self.snapshot;
        for source in sources {
            let file = self.options.tree.label().join(&source.relative).display().to_string();
            let Some(loaded) = snapshot.tests.iter().find(|loaded| loaded.file == file) else { continue };
            let document = &loaded.document;
            if document.tests.is_empty() && document.tables.is_empty() {
                self.report(source, (0, 0), codes::GRANTS_NOTHING, "the file holds no test");
            }
            for (index, case) in document.tests.iter().enumerate() {
                let here = loaded.tree.place(&[Step::Key("tests"), Step::Item(index)]);
                let at = |key| loaded.tree.place(&[Step::Key("tests"), Step::Item(index), Step::Key(key)]);
                self.roles_of(source, case.user.as_ref(), at("user"));
                let scopes = case.scope.iter().map(|one| (one, at("scope")));
                let action = case.action.iter().filter(|one| *one != "user:sign_in");
                let actions = action.map(|one| (one, at("action")));
                let token = case.token.iter().flatten().map(|one| (one, at("token")));
                let consented = case.context.consented.iter().flatten().map(|one| (one, here));
                let all: Vec<_> = scopes.chain(actions).chain(token).chain(consented).collect();
                for (scope, place) in all {
                    self.known_scope(source, scope, place);
                }
            }
            for (index, table) in document.tables.iter().enumerate() {
                let at = |key| loaded.tree.place(&[Step::Key("tables"), Step::Item(index), Step::Key(key)]);
                self.roles_of(source, table.user.as_ref(), at("user"));
                table.roles.iter().for_each(|role| self.known_role(source, role, at("roles")));
            }
        }
    }

    fn roles_of(&mut self, source: &Source, user: Option<&TestUser>, place: (usize, usize)) {
        for role in user.into_iter().flat_map(|user| &user.roles) {
            self.known_role(source, role, place);
        }
    }

    fn known_role(&mut self, source: &Source, role: &str, place: (usize, usize)) {
        if self.snapshot.roles.contains_key(role) || self.unread.has(Kind::Role, role) {
            return;
        }
        let near = did_you_mean(role, self.snapshot.roles.keys().map(String::as_str));
        let place = nearest(source, place, role);
        let shown = super::super::catalog::shown(role);
        self.report(source, place, codes::UNKNOWN_ROLE, format!("no role {shown}{near}"));
    }

    fn known_scope(&mut self, source: &Source, scope: &str, place: (usize, usize)) {
        let known = Scope::parse(scope).ok().filter(|scope| self.snapshot.catalog().action(scope).is_some());
        if known.is_some() {
            return;
        }
        let catalog = self.snapshot.catalog();
        let near = did_you_mean(scope, catalog.actions().map(|action| action.scope.as_str()));
        let place = nearest(source, place, scope);
        let shown = super::super::catalog::shown(scope);
        self.report(source, place, codes::UNKNOWN_SCOPE, format!("unknown action {shown}{near}"));
    }
}

/// Where a word stands, looked for from a place on.
fn nearest(source: &Source, place: (usize, usize), word: &str) -> (usize, usize) {
    let start =
        source.text.split_inclusive('\n').take(place.0.saturating_sub(1)).map(str::len).sum::<usize>();
    let found = source.text.get(start..).and_then(|rest| rest.find(word));
    found.map_or(place, |at| line_column(&source.text, start + at))
}
