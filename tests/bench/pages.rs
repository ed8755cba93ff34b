//! The admin pages with many rows: 10,000 clients and 1,000,000 tokens, of which each page shows a few.

use std::time::Duration;

use crate::load::{Plan, Shot, run};
use crate::report::Report;
use crate::rows;
use crate::setup::{Bench, Site};

/// Milliseconds that a page may take on the server (issue 3).
const LIMIT_MS: f64 = 50.0;

/// Each page, one request at a time, over and over: the p99 is the page's own time.
pub fn pages(bench: &Bench, report: &mut Report) {
    let site = Site::new("ES256");
    let process = site.start();
    let client = site.client();
    let first = run(&process, Plan::Each(site.grants(&client.id, 1)), 1, true);
    assert!(first.done == 1, "no token was issued:\n{}", site.log());
    drop(process);
    fill(bench, &site, &client.id);
    let process = site.start();
    let cookie = site.sign_in();
    let (clients, tokens) = (bench.many_clients / 10, bench.many_rows);
    let word = &client.id[..6];
    let pages = [
        ("overview", "/admin".to_owned()),
        ("clients", "/admin/clients".to_owned()),
        ("clients, by name, deep", format!("/admin/clients?sort=name:asc&page={}", clients / 25)),
        ("clients, searched", format!("/admin/clients?search={word}")),
        ("client", format!("/admin/clients/{}", client.id)),
        ("client, effective access", format!("/admin/clients/{}/access", client.id)),
        ("clients of a scope", "/admin/clients?scope=api::form.form.find".to_owned()),
        ("global scopes", "/admin/scopes".to_owned()),
        ("tokens", "/admin/tokens?pageSize=100".to_owned()),
        ("tokens, by expiry", "/admin/tokens?sort=expiresAt:asc".to_owned()),
        ("tokens, live", "/admin/tokens?status=Active".to_owned()),
        ("tokens, revoked", "/admin/tokens?status=Revoked".to_owned()),
        ("tokens of one client", format!("/admin/clients/{}/tokens", client.id)),
        (
            "tokens of one client, by expiry",
            format!("/admin/clients/{}/tokens?sort=expiresAt:desc", client.id),
        ),
        ("audit log", "/admin/audit?kind=all".to_owned()),
        ("policies", "/admin/policies".to_owned()),
        ("users", "/admin/users".to_owned()),
        ("account", "/account".to_owned()),
    ];
    for (name, path) in pages {
        let shot = Shot::get(&path).header("cookie", &cookie);
        let outcome = run(&process, Plan::Repeat(shot, Duration::from_secs(2)), 1, false);
        assert!(outcome.done > 0 && outcome.failed == 0, "{path}:\n{}", site.log());
        let what = format!("page {name}, {clients} clients, {tokens} tokens");
        report.row(&what, &outcome);
        report.at_most(&format!("{what}: p99 in ms"), Some(outcome.percentile(99.0)), LIMIT_MS);
    }
}

/// Rows as they come in life: each token and client a little older than the one before.
fn fill(bench: &Bench, site: &Site, client_id: &str) {
    let fresh = [
        ("jti", "hex(randomblob(16))"),
        ("document_id", "hex(randomblob(16))"),
        ("token_hash", "randomblob(32)"),
        ("created_at", "created_at - i * 100"),
        ("expires_at", "expires_at + i"),
        ("revoked_at", "CASE WHEN i % 1000 = 0 THEN created_at END"),
    ];
    rows::multiply(&site.database(), "access_tokens", "1", &fresh, bench.many_rows);
    let fresh = [
        ("document_id", "hex(randomblob(16))"),
        ("client_id", "hex(randomblob(16))"),
        ("name", "'Client ' || hex(randomblob(4))"),
        ("created_at", "created_at - i * 1000"),
        // Each client has a list of scopes of its own.
        ("document", "json_insert(document, '$.scopes[#]', 'api::form.form.gone' || i)"),
    ];
    let pattern = format!("client_id = '{client_id}'");
    rows::multiply(&site.database(), "clients", &pattern, &fresh, bench.many_clients / 10);
}
