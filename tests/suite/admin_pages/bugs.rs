//! The faults of the plugin's admin panel (reference §8, "UI bugs"): each has a test, so that none comes back.

use super::{address, admin, between, page, plain, post, posted, rows_with};
use crate::harness::browser::Browser;
use crate::harness::fixtures::NewClient;
use crate::harness::unique;

on_both! {
    /// Every live token read "Revoked", and no revoke button was ever shown, because a null date counted as 1970.
    fn a_live_token_is_active_and_can_be_revoked(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        let token = server.machine_token(&client, "");
        let path = format!("{}/tokens", address(&client));
        let text = page(&browser, &path);
        assert_eq!((rows_with(&text, "Active"), rows_with(&text, "Revoked")), (1, 0), "{text}");
        assert!(server.is_active(&client, &token));
        let jti = between(&text, "name=\"one\" value=\"", "\"").expect("a revoke button").to_owned();
        assert!(posted(&browser, "/admin/tokens/revoke", &[("one", &jti), ("here", &path)]).starts_with(&path));
        assert!(!server.is_active(&client, &token));
        let text = page(&browser, &path);
        assert!(rows_with(&text, "Revoked") == 1 && !text.contains("name=\"one\""), "{text}");
    }

    /// A client whose owner is absent or deleted crashed the whole page.
    fn clients_without_an_owner_are_clients(server: &Server) {
        let browser = admin(server);
        let word = unique("orphan");
        let ownerless = server.client(&NewClient::confidential().with("name", format!("{word} a")));
        let user = server.reader();
        let id = user.id(server);
        let owned = server.client(&NewClient::confidential().with("name", format!("{word} b")).with("user", id.as_str()));
        server.delete_user(&user);
        let text = page(&browser, &format!("/admin/clients?search={word}"));
        assert!(text.contains(&format!("{word} a")) && text.contains(&format!("{word} b")), "{text}");
        assert!(text.contains(">none<"), "{text}");
        // The server learns within a second what the command line did.
        crate::harness::eventually("the owner is gone", crate::harness::BOUND, || {
            page(&browser, &format!("/admin/clients?search={word}")).contains("deleted user")
        });
        for client in [&ownerless, &owned] {
            for part in super::CLIENT_PAGES {
                page(&browser, &format!("{}{part}", address(client)));
            }
        }
        let text = page(&browser, &address(&owned));
        assert!(text.contains("is no user any more"), "{text}");
    }

    /// The user search ignored what was typed and proposed the first ten users.
    fn a_user_search_finds_what_was_typed(server: &Server) {
        let browser = admin(server);
        let (one, other) = (server.reader(), server.reader());
        let found = browser.get(&format!("/admin/suggest/users?q={}", one.username)).json();
        let names: Vec<&str> = found.as_array().expect("a list").iter().filter_map(|user| user["value"].as_str()).collect();
        assert!(names.contains(&one.username.as_str()) && !names.contains(&other.username.as_str()), "{names:?}");
        let nobody = browser.get("/admin/suggest/users?q=nobody-has-this-name").json();
        assert_eq!(nobody.as_array().expect("a list").len(), 0, "{nobody}");
        // A filter written as JSON is a text like any other.
        let odd = browser.get("/admin/suggest/users?q=%7B%22username%22%3A%7B%22%24contains%22%3A%22a%22%7D%7D").json();
        assert_eq!(odd.as_array().expect("a list").len(), 0, "{odd}");
    }

    /// The title of all tokens was the first row's client.
    fn the_title_is_that_of_the_filter(server: &Server) {
        let browser = admin(server);
        let name = unique("Titled ");
        let client = server.client(&NewClient::jwt(crate::harness::keys::CLIENT).with("name", name.as_str()));
        server.machine_token(&client, "");
        let title = |text: &str| between(text, "<h1>", "</h1>").unwrap_or_default().to_owned();
        let all = page(&browser, "/admin/tokens");
        assert!(all.contains(&name), "the newest token is on the first page: {all}");
        assert_eq!(title(&all), "Access tokens");
        let own = page(&browser, &format!("{}/tokens", address(&client)));
        assert!(between(&own, "<title>", "</title>").is_some_and(|title| title.contains(&name)), "{own}");
    }

    /// Buttons were shown to people who could not use them.
    fn a_button_is_shown_to_who_may_use_it(server: &Server) {
        let client = server.jwt_client(&[]);
        server.machine_token(&client, "");
        let administrator = page(&admin(server), "/admin/tokens");
        assert!(administrator.contains("Revoke selected"), "{administrator}");
        let reader = Browser::of(server, &server.reader());
        let refused = reader.get("/admin/tokens");
        assert!(refused.status == 403 && !plain(&refused).contains("Revoke"), "{refused:?}");
    }

    /// There was no switch, and a name could not be edited.
    fn there_is_a_switch_and_a_name_can_be_edited(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        let text = page(&browser, &address(&client));
        assert!(text.contains(&format!("action=\"{}/deactivate\"", address(&client))) || text.contains("/deactivate"), "{text}");
        let input = between(&text, "id=\"name\"", ">").expect("a field for the name");
        assert!(!input.contains("disabled") && !input.contains("readonly"), "{input}");
        let fields = [("name", "A better name"), ("grant", "authorization_code"), ("auth", "client_secret"), ("pkce", "S256"), ("assertion_style", "rfc7523"), ("redirect_uris", "https://c1.test/cb")];
        posted(&browser, &address(&client), &fields);
        assert!(page(&browser, "/admin/clients?search=A+better+name").contains(&client.id));
        posted(&browser, &format!("{}/deactivate", address(&client)), &[]);
        assert!(page(&browser, &address(&client)).contains("Inactive"));
    }

    /// Failures were told as "something went wrong": the server's reason is shown.
    fn a_refusal_says_why(server: &Server) {
        let browser = admin(server);
        let reply = post(&browser, "/admin/clients/new", &[("kind", "public"), ("name", "x"), ("redirect_uris", "ftp://x"), ("step", "create")]);
        assert!(reply.status == 400 && plain(&reply).contains("private-use scheme has a dot"), "{reply:?}");
    }

    /// Actions were cut off at the window's edge: here they stand in a column that stays in sight.
    fn actions_stand_in_a_column_that_stays(server: &Server) {
        server.confidential_client(&[]);
        let text = page(&admin(server), "/admin/clients");
        assert!(text.contains("class=\"actions-column\""), "{text}");
        let css = server.get("/assets/style.css").text();
        let rule = between(&css, "td.actions-column {", "}").expect("a rule");
        assert!(rule.contains("position: sticky") && rule.contains("right: 0"), "{rule}");
    }
}
