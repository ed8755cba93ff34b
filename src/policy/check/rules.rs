//! Lints of rules: those that can never apply, and those that change nothing beside the others.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy};

use super::super::catalog::is_admin;
use super::super::diagnostics::line_column;
use super::super::files::{Kind, Source};
use super::reach::{Reach, Who, World, kind};
use super::{Linter, allow, codes, conditions};
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// A policy that others are held against.
struct Known {
    id: String,
    source: String,
    reach: Reach,
    /// None = it is no rule of the folder.
    rule: Option<usize>,
}

impl Linter<'_> {
    /// Holds each rule against the documents, the schema's types and the other policies.
    pub fn lint_rules(&mut self) {
        let world = World::new(self.snapshot);
        let known = self.known(&world);
        for (index, one) in known.iter().enumerate().filter(|(_, one)| one.rule.is_some()) {
            if let Some(why) = self.never(one, &world) {
                self.about_rule(one, codes::NEVER_APPLIES, &why);
            } else if let Some(why) = self.above_ceiling(one, &world) {
                self.about_rule(one, codes::ABOVE_CEILING, &why);
            } else if let Some(why) = self.shadowed(index, &known, &world) {
                self.about_rule(one, codes::SHADOWED, &why);
            }
        }
        self.void_documents(&known, &world);
        self.public_by_rule(&known, &world);
        self.empty_rule_files();
    }

    fn known(&self, world: &World) -> Vec<Known> {
        let rules: BTreeSet<&str> = self.rules.iter().map(|one| one.rule.id.as_str()).collect();
        let others = self.snapshot.policies.iter().filter(|one| !rules.contains(one.id.as_str()));
        let mut known: Vec<Known> = others
            .filter_map(|one| {
                let reach = Reach::new(&Policy::parse(None, &one.text).ok()?, world);
                Some(Known { id: one.id.clone(), source: one.source.clone(), reach, rule: None })
            })
            .collect();
        known.extend(self.rules.iter().enumerate().map(|(index, one)| Known {
            id: one.rule.id.clone(),
            source: one.rule.source.clone(),
            reach: Reach::new(&one.rule.policy, world),
            rule: Some(index),
        }));
        known
    }

    fn about_rule(&mut self, known: &Known, code: &'static str, why: &str) {
        let Some(one) = known.rule.map(|index| &self.rules[index]) else { return };
        if allow::by_annotation(&one.rule.policy, code) {
            return;
        }
        let offset = one.rule.origin.as_ref().map_or(0, |origin| origin.offset);
        let (source, place) = (one.source, line_column(&one.source.text, offset));
        self.report(source, place, code, why);
        self.hint(format!("take it out, or say that it is meant: @allow(\"{code}\")"));
    }

    /// Why a rule can never apply.
    fn never(&self, known: &Known, world: &World) -> Option<String> {
        let rule = &self.rules[known.rule?].rule;
        if let Some(why) = conditions::contradiction(&rule.policy) {
            return Some(format!("{} can never apply: {why}", known.id));
        }
        // A forbid that is not needed today may be meant for tomorrow.
        if known.reach.effect == Effect::Forbid || !known.reach.is_about_grants(world) {
            return None;
        }
        let clients = self.clients(&known.reach.principal, world)?;
        let names = || clients.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
        if clients.is_empty() {
            return None;
        }
        if clients.iter().all(|one| !one.active) {
            return Some(format!("{} can never apply: {} is not active", known.id, names()));
        }
        let wanted = |grant: &GrantType| {
            known.reach.actions.iter().any(|number| world.action(*number) == grant.action())
        };
        if !clients.iter().any(|one| one.grants.iter().any(wanted)) {
            return Some(format!("{} can never apply: {} has no such grant", known.id, names()));
        }
        None
    }

    fn clients(&self, who: &Who, world: &World) -> Option<Vec<&Client>> {
        if self.unread.any(Kind::Client) {
            return None;
        }
        let ids = world.clients(who)?;
        let found = ids.into_iter().filter_map(|id| self.snapshot.client(&ClientId::parse(id)?));
        Some(found.map(AsRef::as_ref).collect())
    }

    /// Why what a rule permits never reaches a token.
    fn above_ceiling(&self, known: &Known, world: &World) -> Option<String> {
        if known.reach.effect == Effect::Forbid {
            return None;
        }
        let scopes: Vec<Scope> = if known.reach.is_about_grants(world) {
            self.scopes(&known.reach.resource)?
        } else {
            let ids = known.reach.actions.iter().map(|number| world.action(*number));
            ids.map(Scope::parse).collect::<Result<_, _>>().ok()?
        };
        let gone = |scope: &Scope| !self.snapshot.in_ceiling(scope) && !is_admin(scope);
        if scopes.is_empty() || !scopes.iter().all(gone) {
            return None;
        }
        let names: Vec<&str> = scopes.iter().take(3).map(Scope::as_str).collect();
        Some(format!("{} has no effect: {} is not in the global scopes", known.id, names.join(", ")))
    }

    /// The scopes that a resource part names; none = it is no list of scopes.
    fn scopes(&self, who: &Who) -> Option<Vec<Scope>> {
        match who {
            Who::One(uid) if kind(uid) == "Scope" => Some(vec![Scope::parse(uid.id().unescaped()).ok()?]),
            Who::In(_, uid) if kind(uid) == "ContentType" => {
                self.snapshot.catalog().content_type(uid.id().unescaped()).map(|kind| kind.actions.clone())
            }
            _ => None,
        }
    }

    /// Why a rule changes nothing beside another policy.
    fn shadowed(&self, index: usize, known: &[Known], world: &World) -> Option<String> {
        let one = &known[index];
        for (at, other) in known.iter().enumerate().filter(|(at, _)| *at != index) {
            let voids = other.reach.effect == Effect::Forbid;
            if (!voids && one.reach.effect == Effect::Forbid) || !other.reach.covers(&one.reach, world) {
                continue;
            }
            // Of two that say the same, the second one is too many.
            let same = one.reach.effect == other.reach.effect && one.reach.covers(&other.reach, world);
            if same && at > index {
                continue;
            }
            let (id, other) = (&one.id, format!("{} ({})", other.id, other.source));
            return Some(match (voids, one.reach.effect) {
                (true, Effect::Permit) => format!("{id} has no effect: {other} forbids all of it"),
                (true, Effect::Forbid) => format!("{id} changes nothing: {other} forbids all of it already"),
                (false, _) => format!("{id} changes nothing: {other} permits all of it already"),
            });
        }
        self.listed(one, world)
    }

    /// Whether the one client that a permit names lists all that it permits.
    fn listed(&self, one: &Known, world: &World) -> Option<String> {
        if one.reach.effect == Effect::Forbid || !one.reach.is_about_grants(world) {
            return None;
        }
        let clients = self.clients(&one.reach.principal, world)?;
        let scopes = self.scopes(&one.reach.resource)?;
        let [client] = clients.as_slice() else { return None };
        let all = !scopes.is_empty() && scopes.iter().all(|scope| client.lists(scope));
        all.then(|| {
            format!("{} changes nothing: the document of {} lists all of it already", one.id, client.id)
        })
    }

    /// Documents whose permits an unconditional forbid takes away whole.
    fn void_documents(&mut self, known: &[Known], world: &World) {
        let void = |one: &&Known| {
            one.rule.is_some() && one.reach.effect == Effect::Forbid && one.reach.conditions.is_empty()
        };
        let forbids: Vec<&Known> = known.iter().filter(void).collect();
        for role in known.iter().filter(|one| one.id.starts_with("role.") && one.rule.is_none()) {
            let Some(forbid) = forbids.iter().find(|forbid| forbid.reach.covers(&role.reach, world)) else {
                continue;
            };
            let why = format!("{} ({}) forbids all of what this permits", forbid.id, forbid.source);
            self.about_source(&role.source, &why);
        }
        for loaded in self.snapshot.clients.values() {
            let all = |one: &&&Known| {
                let actions: BTreeSet<&str> = one.reach.actions.iter().map(|n| world.action(*n)).collect();
                one.reach.principal.may_be(&loaded.client)
                    && loaded.client.grants.iter().all(|grant| actions.contains(grant.action()))
                    && matches!(&one.reach.resource, Who::Any)
            };
            if let Some(forbid) = forbids.iter().find(all) {
                let why = format!("{} ({}) forbids everything to this client", forbid.id, forbid.source);
                self.about_source(&loaded.source, &why);
            }
        }
    }

    /// Reports that a document's permits are void, where the document has its list.
    fn about_source(&mut self, place: &str, why: &str) {
        let Some((path, line)) = place.rsplit_once(':') else { return };
        let relative = path.strip_prefix("policies/").unwrap_or(path);
        let found = self.folder.sources.iter().find(|source| source.relative == relative);
        if let Some(source) = found {
            self.report(source, (line.parse().unwrap_or(0), 1), codes::SHADOWED, why);
        }
    }

    fn empty_rule_files(&mut self) {
        let sources: Vec<&Source> = self.sources(Kind::Rule).collect();
        for source in sources {
            let read = !self.unread.has(Kind::Rule, &source.stem);
            if read && !self.rules.iter().any(|one| std::ptr::eq(one.source, source)) {
                self.report(source, (0, 0), codes::GRANTS_NOTHING, "the file holds no policy");
            }
        }
    }

    /// Permits by hand that may give a destructive scope to a public client.
    fn public_by_rule(&mut self, known: &[Known], world: &World) {
        let snapshot = self.snapshot;
        let destructive: Vec<Scope> = super::documents::destructive(snapshot);
        let public: Vec<&Client> =
            snapshot.clients().map(AsRef::as_ref).filter(|one| super::documents::is_exposed(one)).collect();
        for one in known.iter().filter(|one| one.rule.is_some() && one.reach.effect == Effect::Permit) {
            if !one.reach.is_about_grants(world) {
                continue;
            }
            let who = |client: &&&Client| one.reach.principal.may_be(client);
            let what = |scope: &&Scope| match &one.reach.resource {
                Who::Any => true,
                Who::Is(kind) => kind == "Scope",
                other => self.scopes(other).is_some_and(|list| list.contains(scope)),
            };
            if let (Some(client), Some(scope)) = (public.iter().find(who), destructive.iter().find(what)) {
                let why = format!("{} may give {scope} to {}, a public client", one.id, client.id);
                self.about_rule(one, codes::PUBLIC_DESTRUCTIVE, &why);
            }
        }
    }
}
