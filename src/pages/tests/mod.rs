//! Every component once, and names that must stay inert wherever they are drawn.

mod texts;

use serde_json::{Value, json};

use super::components::{Column, Pager};
use super::shell::{Link, Notice, Shell};
use super::*;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"' autofocus onfocus=\"x\"><svg/onload=x>";

/// The frame around it.
fn shell() -> Shell {
    let menu = [
        "Overview",
        "Clients",
        "Scopes",
        "Tokens",
        "Users",
        "Roles",
        "Sessions",
        "Keys",
        "Policies",
        "Audit log",
    ];
    Shell {
        home: "/admin".to_owned(),
        places: vec![
            Link::new("Account", "/account", "/admin"),
            Link::new("Admin", "/admin", "/admin/clients"),
        ],
        area: "Admin".to_owned(),
        menu: menu
            .iter()
            .map(|label| Link::new(label, &format!("/admin/{}", label.to_lowercase()), "/admin/clients"))
            .collect(),
        username: HOSTILE.to_owned(),
        csrf: "gwc_x".to_owned(),
        banner: Some("The last edit of the policies is held back: policies/global.yaml:3:5".to_owned()),
        notice: Some(Notice { kind: "good", text: "The client was saved.".to_owned() }),
        narrow: false,
        request_id: "0a6c5a1c".to_owned(),
    }
}

/// A page that uses every component; `GRANTWOOD_TEST_GALLERY` names a file to look at it.
fn gallery() -> String {
    let mut pages = Pages::new().unwrap();
    let environment = Arc::get_mut(&mut pages.environment).unwrap();
    environment.add_template("gallery.html", include_str!("gallery.html")).unwrap();
    let href = |page: u32, size: u32| format!("?page={page}&pageSize={size}");
    let columns = vec![
        Column::sortable("Name", Some(true), |down| format!("?sort=name&down={down}")),
        Column::sortable("Type", Some(false), |down| format!("?sort=type&down={down}")),
        Column::plain("Owner"),
        Column::plain("Scopes"),
        Column::plain("Status"),
        Column { numeric: true, ..Column::plain("Tokens") },
        Column::plain("Last used"),
        Column::plain("Created"),
    ];
    let row = |name: &str, status: &str, used: Value| {
        json!({
            "name": name, "id": "reporting", "kind": "Confidential", "owner": "admin@localhost",
            "scopes": ["api::form.form.find", "api::form.form.findOne", "api::form.form.create", "api::form.form.delete"],
            "status": status, "tokens": "1,234", "used": used, "created": 1_795_633_219_000_i64,
        })
    };
    let scope = |name: &str, sensitive: bool| {
        json!({ "name": format!("api::form.form.{name}"), "title": format!("{name} forms"), "checked": true,
                "sensitive": sensitive, "note": if sensitive { "used by 3 clients" } else { "" } })
    };
    let context = json!({
        "shell": shell(),
        "hostile": HOSTILE,
        "tabs": [Link::new("Settings", "/admin/clients", "/admin/clients"), Link::new("Tokens", "/x", "/admin/clients")],
        "errors": [json!({ "field": "name", "message": HOSTILE }), json!({ "field": "", "message": "And this." })],
        "columns": columns,
        "rows": [row(HOSTILE, "Active", json!(1_795_633_219_000_i64)), row("Reporting", "Revoked", Value::Null),
                 row("Mobile app", "Inactive", Value::Null)],
        "pager": Pager::numbered(9, 10, 1_234, href),
        "cursors": Pager::cursors("10,000+".to_owned(), Some("?".to_owned()), None, Some("?after=x".to_owned()), 25, |size| format!("?{size}")),
        "groups": [
            json!({ "title": "Forms", "scopes": [scope("find", false), scope("delete", true)] }),
            json!({ "title": "Invoices", "scopes": [scope("find", false)] }),
        ],
    });
    pages.environment.get_template("gallery.html").unwrap().render(minijinja::value::Serde(&context)).unwrap()
}

#[test]
fn w2_every_component_draws_and_keeps_names_inert() {
    let html = gallery();
    if let Some(path) = std::env::var_os("GRANTWOOD_TEST_GALLERY") {
        std::fs::write(path, &html).unwrap();
    }
    assert!(
        !html.contains("<img") && !html.contains("<svg") && !html.contains("' autofocus onfocus"),
        "{html}"
    );
    // No script, style or handler stands in a page: its policy forbids them.
    assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"));
    assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/assets/").count() + 1);
    assert!(
        html.contains("<time datetime=\"2026-11-25T19:00:19Z\">25\u{a0}Nov\u{a0}2026, 19:00\u{a0}UTC</time>")
    );
    assert!(html.contains("aria-sort=\"descending\"") && html.contains("aria-current=\"page\""));
    assert!(html.contains("download=\"key.pem\" href=\"data:application/octet-stream;charset=utf-8,-----BEGIN%20PRIVATE%20KEY-----%0A"));
}

#[test]
fn every_id_that_a_page_refers_to_is_on_it() {
    let html = gallery();
    for attribute in [" for=\"", " aria-describedby=\"", " aria-labelledby=\"", " list=\""] {
        for (at, _) in html.match_indices(attribute) {
            let value = html[at + attribute.len()..].split('"').next().unwrap_or("");
            for id in value.split_whitespace() {
                assert!(html.contains(&format!(" id=\"{id}\"")), "{attribute}{value}");
            }
        }
    }
}

#[test]
fn w2_names_are_rendered_inert() {
    let page = LoginPage {
        request: Some("gwt_x".to_owned()),
        client_name: Some("<img src=x onerror=alert(1)>\"><svg".to_owned()),
        identifier: "\" autofocus onfocus=\"x".to_owned(),
        error: Some("login.wrong"),
        ..LoginPage::default()
    };
    let html = Pages::new().unwrap().render(&page).unwrap();
    assert!(!html.contains("<img") && !html.contains("<svg"), "{html}");
    assert!(!html.contains("\" autofocus onfocus"), "{html}");
}
