//! Client × scope × grant: who may be granted what that was not granted before, and the other way round.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::side::{Answers, Asked, Side, Texts, Verdict};
use super::view::View;
use super::{Cause, Change, ClientRow, Level, settings};
use crate::oauth::client::{Client, ClientId};
use crate::oauth::grant::GrantType;
use crate::oauth::scope::Scope;

/// What differs between the sets beside the clients' own documents.
pub(super) struct Differences {
    /// Policies of the old set whose words the new one has not, by number.
    pub old: Vec<usize>,
    /// The other way round.
    pub new: Vec<usize>,
    /// Whether the catalog is another.
    pub catalog: bool,
    /// Scopes that one ceiling has and the other has not.
    ceiling: BTreeSet<Scope>,
}

impl Differences {
    pub fn of(before: &Side<'_>, after: &Side<'_>) -> Self {
        let only = |a: &[View], b: &[View]| {
            let there: HashSet<&str> = b.iter().map(|view| view.text.as_str()).collect();
            (0..a.len()).filter(|index| !there.contains(a[*index].text.as_str())).collect()
        };
        let scopes = |side: &Side<'_>| side.loaded.snapshot.global().scopes.iter().cloned().collect();
        let (a, b): (BTreeSet<Scope>, BTreeSet<Scope>) = (scopes(before), scopes(after));
        Self {
            old: only(&before.views, &after.views),
            new: only(&after.views, &before.views),
            catalog: settings::actions(before.loaded) != settings::actions(after.loaded),
            ceiling: a.symmetric_difference(&b).cloned().collect(),
        }
    }

    /// Whether a policy that differs can be about a client.
    fn reach(&self, before: &Side<'_>, after: &Side<'_>, client: &Client) -> bool {
        before.reach(&self.old, client) || after.reach(&self.new, client)
    }
}

/// What makes two combinations of a client one row.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Alike {
    levels: [Level; 2],
    /// What the policies say; of the server's own only which they are, since they speak of each scope by name.
    answers: [Answers; 2],
    entries: [Option<usize>; 2],
    facts: [bool; 8],
}

/// A combination that stands for those that are alike.
struct Group {
    alike: Alike,
    before: (Verdict, Answers),
    after: (Verdict, Answers),
    members: Vec<(Scope, GrantType)>,
}

/// One client under both sets.
struct Pair<'p, 'a> {
    before: &'p mut Side<'a>,
    after: &'p mut Side<'a>,
    old: Option<Asked<'a>>,
    new: Option<Asked<'a>>,
}

/// Every row, by client.
pub(super) fn rows<'a>(
    before: &mut Side<'a>,
    after: &mut Side<'a>,
    differ: &Differences,
    texts: &mut Texts,
) -> Vec<ClientRow> {
    let (a, b) = (before.loaded, after.loaded);
    let ids: BTreeSet<&ClientId> = a.snapshot.clients.keys().chain(b.snapshot.clients.keys()).collect();
    let permits = before.permits_clients() || after.permits_clients();
    let mut rows = Vec::new();
    for id in ids {
        let (old, new) = (a.snapshot.clients.get(id), b.snapshot.clients.get(id));
        let same = match (old, new) {
            (Some(old), Some(new)) => old.document == new.document && !differ.catalog,
            _ => false,
        };
        let (old, new) = (old.map(|one| &*one.client), new.map(|one| &*one.client));
        let some = old.or(new);
        let listed = |scope: &Scope| [old, new].into_iter().flatten().any(|client| client.lists(scope));
        let reached = some.is_some_and(|client| differ.reach(before, after, client));
        if same && !reached && !permits && !differ.ceiling.iter().any(listed) {
            continue;
        }
        let old = old.and_then(|client| before.asked(client, texts));
        let new = new.and_then(|client| after.asked(client, texts));
        let mut pair = Pair { before, after, old, new };
        let all = pair.rules_permit();
        let mut candidates: BTreeSet<Scope> = match same && !reached {
            true => differ.ceiling.iter().filter(|scope| all || listed(scope)).cloned().collect(),
            false => {
                [&pair.old, &pair.new].into_iter().flatten().flat_map(|a| a.client.scopes.to_vec()).collect()
            }
        };
        if all && (!same || reached) {
            candidates.extend(a.snapshot.catalog().actions().map(|action| action.scope.clone()));
            candidates.extend(b.snapshot.catalog().actions().map(|action| action.scope.clone()));
        }
        pair.rows(id, &candidates, texts, &mut rows);
    }
    rows
}

impl Pair<'_, '_> {
    fn rules_permit(&self) -> bool {
        self.old.as_ref().is_some_and(|asked| self.before.permitted_by_rules(asked))
            || self.new.as_ref().is_some_and(|asked| self.after.permitted_by_rules(asked))
    }

    fn rows(
        &mut self,
        id: &ClientId,
        candidates: &BTreeSet<Scope>,
        texts: &mut Texts,
        rows: &mut Vec<ClientRow>,
    ) {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<Alike, usize> = HashMap::new();
        let relative = format!("clients/{id}.yaml");
        for scope in candidates {
            for grant in GrantType::ALL {
                let old = self.old.as_ref().map(|asked| self.before.verdict(asked, grant, scope, texts));
                let new = self.new.as_ref().map(|asked| self.after.verdict(asked, grant, scope, texts));
                let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
                if old.0 == new.0 {
                    continue;
                }
                let alike = self.alike(&relative, scope, grant, &old, &new);
                let member = (scope.clone(), grant);
                match places.get(&alike) {
                    Some(place) => groups[*place].members.push(member),
                    None => {
                        places.insert(alike.clone(), groups.len());
                        groups.push(Group { alike, before: old, after: new, members: vec![member] });
                    }
                }
            }
        }
        for group in groups {
            let members = &group.members;
            let because = self.because(&relative, &group, &members[0].0);
            let mut by_scope: Vec<(Vec<&'static str>, Vec<Scope>)> = Vec::new();
            for scope in members.iter().map(|(scope, _)| scope).collect::<BTreeSet<_>>() {
                let grants: Vec<&'static str> =
                    members.iter().filter(|(one, _)| one == scope).map(|(_, grant)| grant.short()).collect();
                match by_scope.iter_mut().find(|(known, _)| *known == grants) {
                    Some((_, scopes)) => scopes.push(scope.clone()),
                    None => by_scope.push((grants, vec![scope.clone()])),
                }
            }
            let change = direction(&group.before.0, &group.after.0);
            for (grants, scopes) in by_scope {
                rows.push(ClientRow {
                    change,
                    client: id.to_string(),
                    scopes,
                    grants,
                    before: self.before.access(&group.before.0, &group.before.1, texts),
                    after: self.after.access(&group.after.0, &group.after.1, texts),
                    because: because.clone(),
                });
            }
        }
    }

    fn alike(
        &self,
        relative: &str,
        scope: &Scope,
        grant: GrantType,
        before: &(Verdict, Answers),
        after: &(Verdict, Answers),
    ) -> Alike {
        let fact = |side: &Side<'_>, asked: &Option<Asked<'_>>| {
            let client = asked.as_ref().map(|asked| asked.client);
            let snapshot = &side.loaded.snapshot;
            [
                client.is_some_and(|client| client.lists(scope)),
                snapshot.in_ceiling(scope),
                client.is_some_and(|client| client.grants.contains(&grant)),
                snapshot.catalog().action(scope).is_some(),
            ]
        };
        let ([a, b, c, d], [e, f, g, h]) = (fact(self.before, &self.old), fact(self.after, &self.new));
        // Only lines that differ are told, so only they make rows differ.
        let entry = |side: &Side<'_>| match (a != e, b != f) {
            (true, _) => side.lines.index(relative, scope),
            (_, true) => side.lines.index("global.yaml", scope),
            _ => None,
        };
        let entries = [entry(self.before), entry(self.after)];
        let reduced = |side: &Side<'_>, answers: &Answers| {
            let one = |(index, number): &(usize, u32)| {
                (*index, if side.views[*index].built_in { 0 } else { *number })
            };
            answers.iter().map(one).collect()
        };
        Alike {
            levels: [before.0.level, after.0.level],
            answers: [reduced(self.before, &before.1), reduced(self.after, &after.1)],
            entries,
            facts: [a, b, c, d, e, f, g, h],
        }
    }

    /// The lines that are responsible for a difference.
    fn because(&self, relative: &str, group: &Group, scope: &Scope) -> Vec<Cause> {
        let (before, after) = (&self.before.lines, &self.after.lines);
        let [listed, ceiling, registered, known, now_listed, now_ceiling, now_registered, now_known] =
            group.alike.facts;
        let mut because = Vec::new();
        match (&self.old, &self.new) {
            (None, _) => because.push(after.file(relative, "+ new client")),
            (_, None) => because.push(before.file(relative, "- the client is gone")),
            (Some(old), Some(new)) => {
                if old.client.active != new.client.active {
                    because.push(after.field(relative, "active", '+'));
                }
                if registered != now_registered {
                    because.push(after.field(relative, "grants", if now_registered { '+' } else { '-' }));
                }
            }
        }
        let mut entry = |was: bool, is: bool, relative: &str| match (was, is) {
            (false, true) => because.extend(after.entry(relative, scope, '+')),
            (true, false) => because.extend(before.entry(relative, scope, '-')),
            _ => {}
        };
        entry(listed, now_listed, relative);
        entry(ceiling, now_ceiling, "global.yaml");
        if known != now_known {
            let (lines, sign) = if now_known { (after, '+') } else { (before, '-') };
            because.push(lines.file("catalog", format!("{sign} {scope}")));
        }
        because.extend(self.policies(relative, &group.before.1, &group.after.1));
        if because.is_empty() {
            because.push(after.file(relative, "settings of the client"));
        }
        because.dedup();
        because
    }

    /// The policies that answer otherwise than before.
    fn policies(&self, relative: &str, old: &Answers, new: &Answers) -> Vec<Cause> {
        let told = |side: &Side<'_>, answers: &Answers, other: &Side<'_>, others: &Answers, sign: char| {
            let mut causes = Vec::new();
            for (index, number) in answers {
                let view = &side.views[*index];
                let same = |(at, value): &(usize, u32)| value == number && other.views[*at].text == view.text;
                if others.iter().any(same) {
                    continue;
                }
                causes.push(match view.built_in {
                    // The server's own policies are the same; what they read of the client is not.
                    true => side.lines.file(relative, format!("{sign} settings that {} reads", view.id)),
                    false => side.lines.source(&view.source, format!("{sign} {}", view.id)),
                });
            }
            causes
        };
        // A client that is new or gone is reason enough.
        if self.old.is_none() || self.new.is_none() {
            return Vec::new();
        }
        let mut causes = told(self.before, old, self.after, new, '-');
        causes.extend(told(self.after, new, self.before, old, '+'));
        causes.truncate(12);
        causes
    }
}

/// Which way it goes. Conditions that are others count as a change, since nobody has compared them.
pub(super) fn direction(before: &Verdict, after: &Verdict) -> Change {
    match before.level.cmp(&after.level) {
        std::cmp::Ordering::Less => Change::Gains,
        std::cmp::Ordering::Greater => Change::Loses,
        std::cmp::Ordering::Equal => Change::Changes,
    }
}
