//! Tokens: found by what people know, paged by position, shown with their decision, revoked in numbers.

use reqwest::Method;

use super::{address, admin, between, page, post, posted, rows_with};
use crate::harness::browser::Browser;
use crate::harness::client::Http;
use crate::harness::scope;

fn jtis(text: &str) -> Vec<String> {
    text.split("id=\"token-")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

on_both! {
    /// Pages go on where the last one ended, forwards and back, without gap or repeat.
    fn pages_go_by_position(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        for _ in 0..23 {
            server.machine_token(&client, scope::FIND);
        }
        let base = format!("{}/tokens", address(&client));
        for sort in ["createdAt:desc", "createdAt:asc", "expiresAt:desc", "expiresAt:asc"] {
            let mut path = format!("{base}?pageSize=10&sort={sort}");
            let (mut seen, mut pages) = (Vec::new(), Vec::new());
            loop {
                let text = page(&browser, &path);
                assert!(text.contains("of 23"), "{text}");
                pages.push(jtis(&text));
                seen.extend(jtis(&text));
                let Some(link) = between(&text, "<li><a href=\"", "\" rel=\"next\"").map(|rest| rest.rsplit("<a href=\"").next().unwrap_or(rest).to_owned()) else { break };
                path = link.replace("&amp;", "&").replace("&#x2f;", "/");
            }
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3], "{sort}");
            let mut unique = seen.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), 23, "{sort}");
            let text = page(&browser, &path);
            let back = text.split("\" rel=\"prev\"").next().and_then(|part| part.rsplit("<a href=\"").next()).expect("a way back");
            let text = page(&browser, &back.replace("&amp;", "&").replace("&#x2f;", "/"));
            assert_eq!(jtis(&text), pages[1], "{sort}: back again");
        }
    }

    /// Filters: client, user, status, grant; search is exact.
    fn tokens_are_filtered(server: &Server) {
        let browser = admin(server);
        let (machine, web) = (server.jwt_client(&[]), server.confidential_client(&[]));
        server.machine_token(&machine, "");
        server.user_token(&web, &[scope::FIND]);
        let of = |query: &str| jtis(&page(&browser, &format!("/admin/tokens?{query}&pageSize=100"))).len();
        assert_eq!(of(&format!("client={}", machine.id)), 1);
        assert_eq!(of(&format!("search={}", web.id)), 1);
        assert_eq!(of(&format!("client={}&user=admin", web.id)), 1);
        assert_eq!(of(&format!("client={}&user=admin", machine.id)), 0);
        assert_eq!(of(&format!("client={}&grantType=code", web.id)), 1);
        assert_eq!(of(&format!("client={}&grantType=jwt-bearer", web.id)), 0);
        assert_eq!(of(&format!("client={}&status=Active", web.id)), 1);
        assert_eq!(of(&format!("client={}&status=Revoked", web.id)), 0);
        assert_eq!(of(&format!("client={}&status=Expired", web.id)), 0);
        assert_eq!(of("search=nothing-has-this-name"), 0);
        let jti = jtis(&page(&browser, &format!("/admin/tokens?client={}", web.id))).remove(0);
        assert_eq!(of(&format!("search={jti}")), 1);
        posted(&browser, "/admin/tokens/revoke", &[("one", &jti)]);
        assert_eq!(of(&format!("client={}&status=Revoked", web.id)), 1);
        assert!(of("status=Revoked") >= 1);
    }

    /// A token's page has its claims, the revision, and each deciding policy with its place.
    fn a_token_shows_what_decided(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        let token = server.machine_token(&client, scope::FIND);
        let claims = crate::harness::jwt::claims(&token);
        let jti = claims["jti"].as_str().expect("a jti");
        let text = page(&browser, &format!("/admin/tokens/{jti}"));
        for part in [jti, "at+jwt", &client.id, scope::FIND, &format!("client.{}", client.id), "in force", "permit ("] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains(&token), "the token itself is not kept");
        let body = server.manage(Method::GET, &format!("access-tokens/{jti}")).send().ok().json()["data"].clone();
        for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope"] {
            assert_eq!(body["claims"][name], claims[name], "{name}: {body}");
        }
        assert_eq!(body["token"]["status"], "Active");
        assert!(body["deciding"].as_array().is_some_and(|all| !all.is_empty()), "{body}");
        assert_eq!(server.manage(Method::GET, "access-tokens/none").send().status, 404);
    }

    /// Several at once: the ticked ones, by the page and by the API.
    fn tokens_are_revoked_together(server: &Server) {
        let (browser, client) = (admin(server), server.jwt_client(&[]));
        let tokens: Vec<String> = (0..4).map(|_| server.machine_token(&client, "")).collect();
        let path = format!("{}/tokens", address(&client));
        let found = jtis(&page(&browser, &path));
        let here = format!("{path}?status=Active");
        let location = posted(&browser, "/admin/tokens/revoke", &[("jti", &found[0]), ("jti", &found[1]), ("selected", "yes"), ("here", &here)]);
        assert_eq!(location, format!("{here}&done=revoked"));
        let text = page(&browser, &path);
        assert_eq!((rows_with(&text, "Revoked"), rows_with(&text, "Active")), (2, 2), "{text}");
        let none = posted(&browser, "/admin/tokens/revoke", &[("selected", "yes"), ("here", "//evil.test/")]);
        assert_eq!(none, "/admin/tokens?done=unchanged", "nothing ticked, and no way to another host");
        let revoke = |body: serde_json::Value| server.manage(Method::POST, "access-tokens/revoke-many").json(&body).send();
        assert_eq!(revoke(serde_json::json!({ "jtis": found })).ok().json()["revoked"], 2);
        for bad in [serde_json::json!({ "jtis": [] }), serde_json::json!({ "jtis": [{ "$notNull": true }] }), serde_json::json!({ "jtis": vec!["x"; 101] }), serde_json::json!({})] {
            assert_eq!(revoke(bad.clone()).status, 400, "{bad}");
        }
        assert!(tokens.iter().all(|token| !server.is_active(&client, token)));
        let reader = server.reader();
        let refused = Http::post(server.mounted("access-tokens/revoke-many")).bearer(reader.jwt(server)).json(&serde_json::json!({ "jtis": ["x"] })).send();
        assert_eq!(refused.status, 403, "{refused:?}");
        let reply = post(&Browser::of(server, &reader), "/admin/tokens/revoke", &[]);
        assert_eq!(reply.status, 403);
    }
}
