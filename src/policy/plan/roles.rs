//! Role × action: what the users of a role may do that they might not before, and the other way round.

use std::collections::BTreeSet;

use super::clients::{Differences, direction};
use super::side::{Answers, Side, Texts, Verdict};
use super::{Cause, Change, RoleRow};
use crate::oauth::scope::Scope;

/// Every row, by role.
pub(super) fn rows(
    before: &Side<'_>,
    after: &Side<'_>,
    differ: &Differences,
    texts: &mut Texts,
) -> Vec<RoleRow> {
    let (a, b) = (&before.loaded.snapshot, &after.loaded.snapshot);
    let roles: BTreeSet<&str> = a.roles().chain(b.roles()).map(|(name, ..)| name).collect();
    let actions: BTreeSet<&Scope> =
        a.catalog().actions().chain(b.catalog().actions()).map(|action| &action.scope).collect();
    let mut rows = Vec::new();
    for role in roles {
        let same = !differ.catalog
            && !before.reaches_role(&differ.old, role)
            && !after.reaches_role(&differ.new, role);
        if same {
            continue;
        }
        let mut mine: Vec<RoleRow> = Vec::new();
        for action in &actions {
            let (old, new) = (before.role(role, action, texts), after.role(role, action, texts));
            if old.0 == new.0 {
                continue;
            }
            let row = row(before, after, role, action, &old, &new, texts);
            let alike = |other: &&mut RoleRow| {
                other.change == row.change
                    && other.because == row.because
                    && other.before == row.before
                    && other.after == row.after
            };
            match mine.iter_mut().find(alike) {
                Some(other) => other.actions.extend(row.actions),
                None => mine.push(row),
            }
        }
        rows.extend(mine);
    }
    rows
}

fn row(
    before: &Side<'_>,
    after: &Side<'_>,
    role: &str,
    action: &Scope,
    old: &(Verdict, Answers),
    new: &(Verdict, Answers),
    texts: &Texts,
) -> RoleRow {
    let change: Change = direction(&old.0, &new.0);
    RoleRow {
        change,
        role: role.to_owned(),
        actions: vec![action.clone()],
        before: before.access(&old.0, &old.1, texts),
        after: after.access(&new.0, &new.1, texts),
        because: because(before, after, role, action, &old.1, &new.1),
    }
}

fn because(
    before: &Side<'_>,
    after: &Side<'_>,
    role: &str,
    action: &Scope,
    old: &Answers,
    new: &Answers,
) -> Vec<Cause> {
    let relative = format!("roles/{role}.yaml");
    let lists = |side: &Side<'_>| side.lines.index(&relative, action).is_some();
    let mut because = Vec::new();
    match (lists(before), lists(after)) {
        (false, true) => because.extend(after.lines.entry(&relative, action, '+')),
        (true, false) => because.extend(before.lines.entry(&relative, action, '-')),
        _ => {}
    }
    let told = |side: &Side<'_>, answers: &Answers, other: &Side<'_>, others: &Answers, sign: char| {
        let mut causes = Vec::new();
        for (index, number) in answers {
            let view = &side.views[*index];
            let same = |(at, value): &(usize, u32)| value == number && other.views[*at].text == view.text;
            // A role's own policy is the list that was told.
            if !view.id.starts_with("role.") && !others.iter().any(same) {
                causes.push(side.lines.source(&view.source, format!("{sign} {}", view.id)));
            }
        }
        causes
    };
    because.extend(told(before, old, after, new, '-'));
    because.extend(told(after, new, before, old, '+'));
    if because.is_empty() {
        because.push(after.lines.file("catalog", action.to_string()));
    }
    because.truncate(12);
    because
}
