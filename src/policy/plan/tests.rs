//! What a plan says of changes, each held against what the sets decide.

use std::fs;
use std::path::Path;

use super::{Change, Level, Loaded, Plan, markdown, plan, text};
use crate::policy::tests::mistakes::copy;
use crate::policy::tests::{options, shipped};

fn load(folder: &Path) -> Loaded {
    Loaded::open(&options(folder)).unwrap_or_else(|failed| panic!("{failed}"))
}

/// The plan of an edit of the shipped set.
fn edited(file: &str, edit: impl Fn(&str) -> String) -> Plan {
    let dir = copy();
    let path = dir.path().join(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, edit(&before)).unwrap();
    plan(&load(&shipped()), &load(dir.path()))
}

#[test]
fn the_same_set_is_no_change() {
    let found = edited("rules/partners.cedar", |text| format!("\n// A comment moves every line.\n{text}"));
    assert!(found.is_empty() && !found.may_gain(), "{}", text(&found));
    let found = edited("clients/spa.yaml", |text| text.replace("scopes:\n", "scopes: # a comment\n"));
    assert!(found.is_empty(), "{}", text(&found));
}

#[test]
fn a_scope_of_one_client() {
    let found = edited("clients/reporting.yaml", |text| format!("{text}  - api::form.form.delete\n"));
    assert_eq!((found.clients.len(), found.roles.len(), found.rules.len()), (1, 0, 0), "{}", text(&found));
    let row = &found.clients[0];
    assert_eq!((row.client.as_str(), row.change), ("reporting", Change::Gains));
    assert_eq!(row.scopes[0].as_str(), "api::form.form.delete");
    assert_eq!(row.grants, ["jwt-bearer"]);
    assert_eq!((row.before.level, row.after.level), (Level::Never, Level::Always));
    let dir = fs::read_to_string(shipped().join("clients/reporting.yaml")).unwrap();
    let line = dir.lines().count() + 1;
    assert!(row.because[0].place.ends_with(&format!("clients/reporting.yaml:{line}")), "{:?}", row.because);
    assert_eq!(row.because[0].text, "+ - api::form.form.delete".replace("- ", ""));
    assert!(found.may_gain());
    let shown = markdown(&found);
    assert!(shown.contains("➕ gains") && shown.contains("`api::form.form.delete`"), "{shown}");
}

#[test]
fn the_ceiling_reaches_those_who_list_it() {
    let found = edited("global.yaml", |text| text.replace("  - api::form.form.find\n", ""));
    let losers: Vec<&str> = found.clients.iter().map(|row| row.client.as_str()).collect();
    assert!(losers.contains(&"reporting") && losers.contains(&"spa") && !losers.contains(&"partner"));
    assert!(found.clients.iter().all(|row| row.change == Change::Loses));
    assert!(
        found.clients.iter().all(|row| row.because[0].place.contains("global.yaml:")),
        "{}",
        text(&found)
    );
    assert!(!found.may_gain());
}

#[test]
fn conditions_of_rules_are_shown() {
    let found = edited("clients/partner.yaml", |text| format!("{text}  - api::form.form.find\n"));
    let row = &found.clients[0];
    assert_eq!((row.change, row.after.level), (Change::Gains, Level::Conditional));
    assert!(
        row.after.conditions.iter().any(|c| c.contains("partners.network") && c.contains("isInRange")),
        "{row:?}"
    );

    let wider = edited("rules/partners.cedar", |text| text.replace("203.0.113.0/24", "203.0.0.0/16"));
    assert_eq!(wider.rules.len(), 1);
    assert!(wider.rules[0].may_widen && wider.may_gain());
    assert!(wider.clients.iter().all(|row| row.client == "partner" && row.change == Change::Changes));
    assert_eq!(wider.clients.iter().map(|row| row.scopes.len()).sum::<usize>(), 3, "{}", text(&wider));
    assert!(wider.clients[0].because.iter().any(|cause| cause.text == "+ partners.network"));
}

#[test]
fn rules_that_permit_are_followed_through() {
    let rule = "@id(\"x\") permit (principal in ClientGroup::\"partners\", action == Action::\"grant:jwt_bearer\", \
                resource in ContentType::\"api::form.form\") when { !resource.sensitive };";
    let found = edited("rules/x.cedar", |_| rule.to_owned());
    assert!(found.clients.iter().all(|row| row.client == "partner"), "{}", text(&found));
    let scopes: Vec<&str> =
        found.clients.iter().flat_map(|row| &row.scopes).map(|scope| scope.as_str()).collect();
    assert!(
        scopes.contains(&"api::form.form.find") && !scopes.contains(&"api::form.form.delete"),
        "{scopes:?}"
    );
    let found = edited("rules/x.cedar", |_| {
        "@id(\"x\") forbid (principal == Client::\"spa\", action, resource is Server);".to_owned()
    });
    assert!(found.clients.iter().all(|row| row.client == "spa" && row.change == Change::Loses));
    assert_eq!(found.clients.len(), 1, "{}", text(&found));
}

#[test]
fn grants_settings_and_clients() {
    let found = edited("clients/reporting.yaml", |text| {
        text.replace("grants: [jwt-bearer]", "grants: [jwt-bearer, client-credentials]")
    });
    assert!(found.clients.iter().all(|row| row.grants == ["client-credentials"]), "{}", text(&found));
    assert!(found.settings.iter().any(|row| row.field == "grants"));
    let found = edited("clients/spa.yaml", |text| {
        text.replace("redirect_uris:", "redirect_uris:\n  - https://evil.example/")
    });
    assert!(found.clients.is_empty() && found.settings[0].field == "redirect_uris", "{}", text(&found));
    let found = edited("clients/more.yaml", |_| {
        "type: public\nredirect_uris: [\"https://a.example/\"]\nscopes: [api::form.form.find]\n".to_owned()
    });
    assert_eq!((found.clients[0].client.as_str(), found.clients[0].change), ("more", Change::Gains));
    assert_eq!(found.clients[0].because[0].text, "+ new client");
}

#[test]
fn roles() {
    let found = edited("roles/authenticated.yaml", |text| format!("{text}  - api::invoice.invoice.update\n"));
    assert_eq!((found.clients.len(), found.roles.len()), (0, 1), "{}", text(&found));
    let row = &found.roles[0];
    // The rule that keeps invoices for editors still stands in the way.
    assert_eq!(
        (row.role.as_str(), row.change, row.after.level),
        ("authenticated", Change::Gains, Level::Conditional)
    );
    assert!(row.because[0].place.contains("roles/authenticated.yaml:"), "{row:?}");
}
