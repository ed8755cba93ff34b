//! What nobody does on purpose: every page still works.

use super::{address, admin, page, plain, post};

use crate::harness::fixtures::NewClient;

on_both! {
    /// A client with the most redirect URIs that there may be, each as long as it may be.
    fn the_most_redirect_uris(server: &Server) {
        let browser = admin(server);
        let uris: Vec<String> = (0..20).map(|n| format!("https://c{n:02}.test/{}", "a".repeat(1_200))).collect();
        let client = server.client(&NewClient::confidential().with("redirectUris", uris.clone()));
        for part in super::CLIENT_PAGES {
            page(&browser, &format!("{}{part}", address(&client)));
        }
        let text = uris.join("\r\n");
        let fields = [("name", "Many"), ("grant", "authorization_code"), ("auth", "client_secret"), ("pkce", "S256"), ("assertion_style", "rfc7523"), ("redirect_uris", text.as_str())];
        super::posted(&browser, &address(&client), &fields);
        let more = format!("{text}\r\nhttps://one.test/more");
        let mut fields = fields.to_vec();
        fields.pop();
        fields.push(("redirect_uris", &more));
        assert_eq!(post(&browser, &address(&client), &fields).status, 400);
    }

    /// A name, a search and every other text of 10 kB of markup: inert, and an answer.
    fn ten_kilobytes_of_markup(server: &Server) {
        let browser = admin(server);
        let markup = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>".repeat(180);
        let inert = |text: &str, what: &str| {
            assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{what}: {text}");
        };
        for field in ["name", "owner", "redirect_uris", "kind", "scope", "owner_choice"] {
            let mut fields = vec![("kind", "confidential"), ("name", "x"), ("step", "create")];
            fields.retain(|(name, _)| *name != field);
            fields.push((field, markup.as_str()));
            let reply = post(&browser, "/admin/clients/new", &fields);
            assert_eq!(reply.status, 400, "{field}: {reply:?}");
            inert(&plain(&reply), field);
        }
        let coded = crate::harness::client::form_encoded(&markup);
        for path in ["/admin/clients?search=", "/admin/tokens?search=", "/admin/tokens?client=", "/admin/tokens?user=", "/admin/audit?target=", "/admin/audit?actor=", "/admin/policies?search=", "/admin/scopes?search=", "/admin/settings?search=", "/admin/policies/document?file=", "/admin/policies/bench?ask=yes&action=", "/admin/suggest/users?q="] {
            let reply = browser.get(&format!("{path}{coded}"));
            assert!([200, 400, 404, 414].contains(&reply.status), "{path}: {reply:?}");
            inert(&plain(&reply), path);
        }
    }

    /// The longest name that a client may have, in markup, on every page that shows it.
    fn a_name_of_markup_is_inert(server: &Server) {
        let browser = admin(server);
        let name = "<b>\"'&<img src=x onerror=alert(1)>".to_owned() + &"<i>".repeat(22);
        let client = server.client(&NewClient::jwt(crate::harness::keys::CLIENT).with("name", name.as_str()));
        server.machine_token(&client, "");
        let pages = super::CLIENT_PAGES.map(|part| format!("{}{part}", address(&client)));
        for path in pages.iter().map(String::as_str).chain(["/admin/clients", "/admin/tokens", "/admin/audit"]) {
            let text = page(&browser, path);
            assert!(!text.contains("<img src=x") && !text.contains("<i><i>"), "{path}: {text}");
        }
        let reply = post(&browser, &format!("{}/delete", address(&client)), &[("confirm", &name)]);
        assert_eq!(reply.status, 303, "{reply:?}");
    }

    /// What is no id of anything is not found, however it is written.
    fn aa07_odd_ids(server: &Server) {
        let browser = admin(server);
        for id in ["0", "-1", "99999999999999999999", "%00", "'%20OR%201=1", "%F0%9F%98%80", &"a".repeat(3_000)] {
            for path in ["/admin/clients/", "/admin/tokens/", "/admin/audit/"] {
                let reply = browser.get(&format!("{path}{id}"));
                assert!([400, 404].contains(&reply.status), "{path}{id}: {reply:?}");
            }
        }
    }
}
