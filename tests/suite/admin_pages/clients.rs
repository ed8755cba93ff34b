//! Clients made by the form, listed, found, sorted, and given up.

use super::{admin, between, page, plain, post, posted};
use crate::harness::browser::Browser;
use crate::harness::client::{Http, Reply};
use crate::harness::{JWT_BEARER, scope, unique};

/// Makes a client by the form and opens the page that shows its credentials.
fn create(browser: &Browser<'_>, fields: &[(&str, &str)]) -> (String, Reply) {
    let once = posted(browser, "/admin/clients/new", fields);
    assert!(once.ends_with("/once"), "{once}");
    let reply = browser.get(&once);
    assert_eq!(reply.status, 200, "{reply:?}");
    (once, reply)
}

fn shown(page: &Reply, id: &str) -> Option<String> {
    let text = page.text();
    let rest = text.split_once(&format!("id=\"{id}\""))?.1;
    let value = between(rest, ">", "<")?;
    Some(value.replace("&#x2f;", "/").replace("&#x2b;", "+"))
}

on_both! {
    /// A confidential client: its credentials are shown once, and work.
    fn a_confidential_client_and_its_secret(server: &Server) {
        let browser = admin(server);
        let name = unique("Shop ");
        let fields = [
            ("kind", "confidential"), ("name", name.as_str()), ("owner", "admin"),
            ("redirect_uris", "https://shop.test/cb\r\nhttps://shop.test/other"),
            ("scope", scope::FIND), ("scope", scope::CREATE), ("step", "create"),
        ];
        let (once, reply) = create(&browser, &fields);
        let (id, secret) = (shown(&reply, "shown-client-id").expect("an id"), shown(&reply, "shown-client-secret").expect("a secret"));
        assert!(shown(&reply, "shown-private-key").is_some_and(|pem| pem.contains("PRIVATE KEY")), "{reply:?}");
        let answer = Http::post(server.endpoint("introspection_endpoint")).form(&[("token", "x")]).basic(&id, &secret).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        // AA5: never again, here or anywhere.
        let again = browser.get(&once);
        assert!(again.status == 200 && !plain(&again).contains(&secret) && plain(&again).contains("nothing to show"), "{again:?}");
        assert!(!server.database_holds(&secret) && !server.log().contains(&secret));
        let text = page(&browser, once.trim_end_matches("/once"));
        assert!(text.contains("https://shop.test/other") && !text.contains(&secret), "{text}");
    }

    /// AA5: the ticket of one administrator's credentials opens nothing for another.
    fn aa05_credentials_are_for_whoever_made_them(server: &Server) {
        let (browser, other) = (admin(server), Browser::of(server, &server.user("administrator")));
        let name = unique("Mine ");
        let once = posted(&browser, "/admin/clients/new", &[("kind", "confidential"), ("name", &name), ("step", "create")]);
        let (cookie, ticket) = browser.cookies().into_iter().find(|(name, _)| name.ends_with("once")).expect("a ticket");
        other.set_cookie(&cookie, &ticket);
        let text = plain(&other.get(&once));
        assert!(!text.contains("shown-client-secret"), "{text}");
    }

    /// A public client gets no secret, a service a key and no secret.
    fn public_clients_and_services(server: &Server) {
        let browser = admin(server);
        let name = unique("App ");
        let (_, reply) = create(&browser, &[("kind", "public"), ("name", &name), ("redirect_uris", "http://127.0.0.1/cb"), ("scope", scope::FIND), ("step", "create")]);
        assert!(shown(&reply, "shown-client-secret").is_none() && shown(&reply, "shown-private-key").is_none(), "{reply:?}");
        let name = unique("Job ");
        let (_, reply) = create(&browser, &[("kind", "service"), ("name", &name), ("scope", scope::FIND), ("step", "create")]);
        assert!(shown(&reply, "shown-client-secret").is_none(), "{reply:?}");
        let pem = shown(&reply, "shown-private-key").expect("a key");
        let id = shown(&reply, "shown-client-id").expect("an id");
        let now = crate::harness::now_s();
        let claims = serde_json::json!({ "iss": id, "sub": id, "aud": server.issuer(), "exp": now + 60, "iat": now, "jti": unique("j") });
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a private key");
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        let assertion = jsonwebtoken::encode(&header, &claims, &key).expect("signs");
        let reply = server.token(&[("grant_type", JWT_BEARER), ("assertion", &assertion)]);
        assert_eq!(reply.ok().scopes(), [scope::FIND]);
    }

    /// What is wrong with the form is said at its field, and what was typed stays.
    fn a_form_with_mistakes_keeps_what_was_typed(server: &Server) {
        let browser = admin(server);
        for (field, value, expected) in [
            ("redirect_uris", "http://evil.test/cb", "loopback"),
            ("owner", "nobody-at-all", "Owner"),
            ("name", "\u{202e}evil", "Name"),
            ("scope", "api::nothing.nothing.find", "Scopes"),
        ] {
            let mut fields = vec![("kind", "confidential"), ("name", "Typed <b>name</b>"), ("step", "create")];
            fields.retain(|(name, _)| *name != field);
            fields.push((field, value));
            let reply = post(&browser, "/admin/clients/new", &fields);
            assert_eq!(reply.status, 400, "{field}: {reply:?}");
            let text = plain(&reply);
            assert!(text.contains("This needs a change") && text.contains(expected), "{field}: {text}");
            if field != "name" {
                assert!(text.contains("Typed &lt;b&gt;name"), "{field}: {text}");
            }
        }
    }

    /// While somebody types, the server judges; the judgement is that of the form.
    fn redirect_uris_are_judged_while_typing(server: &Server) {
        let browser = admin(server);
        for (value, valid) in [("https%3A%2F%2Fa.test%2Fcb", true), ("http%3A%2F%2F127.0.0.1%2Fcb", true), ("http%3A%2F%2Fa.test", false), ("javascript%3A1", false), ("", false)] {
            let reply = browser.get(&format!("/admin/validate/redirect-uri?value={value}"));
            assert_eq!(reply.json()["valid"], valid, "{value}: {reply:?}");
            assert!(!reply.member("message").is_empty());
        }
    }

    /// Only what the ceiling has can be ticked; the rest is shown with the reason.
    fn the_picker_shows_why_a_scope_cannot_be_chosen(server: &Server) {
        let text = page(&admin(server), "/admin/clients/new");
        assert!(text.contains(&format!("value=\"{}\"", scope::FIND)), "{text}");
        assert!(text.contains("outside the global scopes") || !text.contains("cannot be chosen"), "{text}");
    }

    /// Search, filters, sorting and pages are links with a query.
    fn the_list_is_found_sorted_and_paged(server: &Server) {
        let browser = admin(server);
        let word = unique("zebra");
        for number in 0..12 {
            let name = format!("{word} {number:02}");
            posted(&browser, "/admin/clients/new", &[("kind", if number % 2 == 0 { "public" } else { "confidential" }), ("name", &name), ("step", "create")]);
        }
        let names = |text: &str| -> Vec<String> {
            text.split(&format!("title=\"{word} ")).skip(1).map(|rest| rest.chars().take(2).collect()).collect()
        };
        let first = page(&browser, &format!("/admin/clients?search={word}&sort=name:asc&pageSize=10"));
        assert_eq!(names(&first).len(), 10, "{first}");
        assert!(first.contains("1-10 of 12") && names(&first)[0] == "00", "{first}");
        let next = between(&first, "rel=\"next\"", "Next").is_some();
        assert!(next, "{first}");
        let second = page(&browser, &format!("/admin/clients?search={word}&sort=name:asc&pageSize=10&page=2"));
        assert_eq!(names(&second), ["10", "11"]);
        let down = page(&browser, &format!("/admin/clients?search={word}&sort=name:desc&pageSize=100"));
        assert_eq!(names(&down)[0], "11");
        assert!(down.contains("aria-sort=\"descending\""), "{down}");
        let public = page(&browser, &format!("/admin/clients?search={word}&clientType=PUBLIC&pageSize=100"));
        assert_eq!(names(&public).len(), 6, "{public}");
        let nothing = page(&browser, &format!("/admin/clients?search={word}&clientType=PUBLIC&active=false"));
        assert!(nothing.contains("None match."), "{nothing}");
        let owned = page(&browser, &format!("/admin/clients?search={word}&owner=admin"));
        assert!(owned.contains("None match."), "these have no owner: {owned}");
    }

    /// Which clients use a scope, through wildcards too.
    fn the_list_shows_who_uses_a_scope(server: &Server) {
        let browser = admin(server);
        let with = server.confidential_client(&[scope::DELETE]);
        let without = server.confidential_client(&[scope::FIND]);
        let text = page(&browser, &format!("/admin/clients?scope={}&pageSize=100", scope::DELETE));
        assert!(text.contains(&with.id) && !text.contains(&without.id), "{text}");
        let text = page(&browser, "/admin/clients?scope=admin:client.read&pageSize=100");
        assert!(text.contains("Swagger UI") && !text.contains("Reporting service"), "{text}");
    }
}
