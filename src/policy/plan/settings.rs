//! What else is another: settings of clients, actions of the catalog, rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::clients::Differences;
use super::side::Side;
use super::view::View;
use super::{Loaded, RuleRow, SettingRow};
use crate::policy::documents::ClientDocument;

/// Longest value that is shown.
const MAX_SHOWN: usize = 200;

/// The catalog's actions with what rules may know about them.
pub(super) fn actions(loaded: &Loaded) -> BTreeMap<String, bool> {
    let actions = loaded.snapshot.catalog().actions();
    actions.map(|action| (action.scope.to_string(), action.sensitive)).collect()
}

/// Settings that differ. Lists of scopes are left out: they are the table of clients.
pub(super) fn rows(before: &Side<'_>, after: &Side<'_>) -> Vec<SettingRow> {
    let (a, b) = (before.loaded, after.loaded);
    let mut rows = Vec::new();
    let ids: BTreeSet<_> = a.snapshot.clients.keys().chain(b.snapshot.clients.keys()).collect();
    for id in ids {
        let (old, new) = (a.snapshot.clients.get(id), b.snapshot.clients.get(id));
        let relative = format!("clients/{id}.yaml");
        let (Some(old), Some(new)) = (old, new) else {
            let is = |there: bool| there.then(|| "declared".to_owned());
            let lines = if new.is_some() { &after.lines } else { &before.lines };
            rows.push(SettingRow {
                of: format!("client {id}"),
                field: "document".to_owned(),
                before: is(old.is_some()),
                after: is(new.is_some()),
                place: lines.file(&relative, "").place,
            });
            continue;
        };
        // Key files keep their names when their content changes.
        let keys = |side: &Loaded, document: &ClientDocument| -> Vec<String> {
            document.public_keys.iter().filter_map(|name| side.file(name)).map(ToOwned::to_owned).collect()
        };
        let renewed_keys = keys(a, &old.document) != keys(b, &new.document);
        if old.document == new.document && !renewed_keys {
            continue;
        }
        let fields = |document| serde_json::to_value(document).unwrap_or_default();
        let (x, y) = (fields(&old.document), fields(&new.document));
        let fields_of = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
        let names: BTreeSet<String> =
            fields_of(&x).into_iter().flatten().chain(fields_of(&y).into_iter().flatten()).collect();
        for field in names.into_iter().filter(|field| field != "scopes") {
            let renewed = field == "public_keys" && x.get(&field) == y.get(&field) && renewed_keys;
            if x.get(&field) == y.get(&field) && !renewed {
                continue;
            }
            let (old, new) = (shown(x.get(&field)), shown(y.get(&field)));
            let new = if renewed { new.map(|names| format!("{names} with other content")) } else { new };
            rows.push(SettingRow {
                of: format!("client {id}"),
                place: after.lines.field(&relative, &field, '+').place,
                field,
                before: old,
                after: new,
            });
        }
    }
    rows.extend(catalog(before, after));
    rows
}

fn catalog(before: &Side<'_>, after: &Side<'_>) -> Vec<SettingRow> {
    let (old, new) = (actions(before.loaded), actions(after.loaded));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let said = |sensitive: &bool| if *sensitive { "sensitive".to_owned() } else { "known".to_owned() };
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed
        .map(|name| SettingRow {
            of: format!("catalog {name}"),
            field: "action".to_owned(),
            before: old.get(name).map(said),
            after: new.get(name).map(said),
            place: after.lines.file("catalog", "").place,
        })
        .collect()
}

fn shown(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN).collect())
}

/// Hand-written rules that differ.
pub(super) fn rules(before: &Side<'_>, after: &Side<'_>, differ: &Differences) -> Vec<RuleRow> {
    let written = |view: &&View| !view.built_in && !view.id.starts_with("role.");
    let of = |side: &Side<'_>, list: &[usize]| -> Vec<usize> {
        list.iter().copied().filter(|index| written(&&side.views[*index])).collect()
    };
    let (old, new) = (of(before, &differ.old), of(after, &differ.new));
    let known: HashMap<&str, usize> =
        old.iter().map(|index| (before.views[*index].id.as_str(), *index)).collect();
    let effect = |view: &View| if view.forbids { "forbid" } else { "permit" };
    let mut rows = Vec::new();
    for view in new.iter().map(|index| &after.views[*index]) {
        let changed = known.contains_key(view.id.as_str());
        rows.push(RuleRow {
            change: if changed { "changed" } else { "added" },
            id: view.id.clone(),
            effect: effect(view),
            place: after.lines.source(&view.source, "").place,
            may_widen: changed || !view.forbids,
        });
    }
    let still: BTreeSet<&str> = new.iter().map(|index| after.views[*index].id.as_str()).collect();
    for view in old.iter().map(|index| &before.views[*index]).filter(|view| !still.contains(view.id.as_str()))
    {
        rows.push(RuleRow {
            change: "removed",
            id: view.id.clone(),
            effect: effect(view),
            place: before.lines.source(&view.source, "").place,
            may_widen: view.forbids,
        });
    }
    rows
}
