//! The pages below `/admin`, as a person without scripts uses them: signed in by the form, cookies kept.

mod bugs;
mod clients;
mod clients_edit;
mod explained;
mod odd;
mod permissions;
mod server;
mod snippets;
mod tokens;
mod users;

use crate::harness::browser::Browser;
use crate::harness::client::Reply;
use crate::harness::{Server, fixtures};

/// The pages that are read.
pub const PAGES: [&str; 19] = [
    "/admin",
    "/admin/clients",
    "/admin/clients/new",
    "/admin/clients/reporting",
    "/admin/clients/reporting/access",
    "/admin/scopes",
    "/admin/tokens",
    "/admin/keys",
    "/admin/policies",
    "/admin/policies/document?file=policies/global.yaml",
    "/admin/policies/bench",
    "/admin/audit",
    "/admin/audit/export",
    "/admin/settings",
    "/admin/policies/reloads",
    "/admin/users",
    "/admin/users/new",
    "/admin/users/admin",
    "/admin/roles",
];

/// The pages of one client, below its address.
pub const CLIENT_PAGES: [&str; 8] =
    ["", "/scopes", "/credentials", "/tokens", "/access", "/activity", "/once", "/delete"];

/// The forms.
pub const FORMS: [&str; 21] = [
    "/admin/clients/new",
    "/admin/clients/reporting",
    "/admin/clients/reporting/scopes",
    "/admin/clients/reporting/activate",
    "/admin/clients/reporting/deactivate",
    "/admin/clients/reporting/rotate-secret",
    "/admin/clients/reporting/keypair",
    "/admin/clients/reporting/public-key",
    "/admin/clients/reporting/delete",
    "/admin/scopes",
    "/admin/tokens/revoke",
    "/admin/keys/rotate",
    "/admin/policies/reload",
    "/admin/users/new",
    "/admin/users/admin",
    "/admin/users/admin/block",
    "/admin/users/admin/unblock",
    "/admin/users/admin/reset",
    "/admin/users/admin/sessions",
    "/admin/users/admin/withdraw",
    "/admin/users/admin/delete",
];

/// A browser in which the administrator has signed in.
pub fn admin(server: &Server) -> Browser<'_> {
    Browser::of(server, server.admin())
}

/// Posts a form with the token of a page that shows one.
pub fn post(browser: &Browser<'_>, path: &str, pairs: &[(&str, &str)]) -> Reply {
    let token = csrf(&browser.get("/account"), browser);
    let mut all = vec![("csrf", token.as_str())];
    all.extend_from_slice(pairs);
    browser.post(path, &all)
}

/// The token of any form of the session; every page of the frame has the sign-out form.
fn csrf(page: &Reply, browser: &Browser<'_>) -> String {
    let has = |page: &Reply| page.text().contains("name=\"csrf\"");
    let page = if has(page) { page.clone() } else { browser.get("/admin") };
    assert!(has(&page), "a page with a form was expected: {page:?}");
    let text = page.text();
    let rest = text.split("name=\"csrf\" value=\"").nth(1).expect("a token");
    rest.split('"').next().expect("a value").to_owned()
}

/// Opens a page and expects it.
#[track_caller]
pub fn page(browser: &Browser<'_>, path: &str) -> String {
    let reply = browser.get(path);
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    let text = plain(&reply);
    assert!(text.contains("<title>") && text.contains("</html>"), "{path} is whole: {text}");
    text
}

/// Posts a form and expects to be sent on; answers where to.
#[track_caller]
pub fn posted(browser: &Browser<'_>, path: &str, pairs: &[(&str, &str)]) -> String {
    let reply = post(browser, path, pairs);
    assert_eq!(reply.status, 303, "{path}: {reply:?}\n{}", refusal(&reply));
    reply.header("location").expect("a Location").to_owned()
}

/// A page's text; slashes are escaped in it, which no test wants to know.
pub fn plain(reply: &Reply) -> String {
    reply.text().replace("&#x2f;", "/")
}

/// The texts of a page's alerts, for messages.
pub fn refusal(reply: &Reply) -> String {
    let text = reply.text();
    text.split("role=\"alert\"").nth(1).map_or_else(String::new, |rest| rest.chars().take(600).collect())
}

/// How many rows of a page's table have a status.
pub fn rows_with(text: &str, status: &str) -> usize {
    between(text, "<tbody>", "</tbody>").map_or(0, |rows| rows.matches(&format!(">{status}<")).count())
}

/// The text between two others.
pub fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(found, _)| found)
}

/// The address of a client's pages.
pub fn address(client: &fixtures::Client) -> String {
    format!("/admin/clients/{}", client.document_id)
}
