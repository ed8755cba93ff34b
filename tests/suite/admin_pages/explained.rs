//! Why: refused pages, decisions of the past, effective access and consent say it by the one explanation.

use super::{page, plain, post};
use crate::harness::browser::Browser;
use crate::harness::{Backend, Http, Options, Pkce, Server, backend, scope};

/// A role that reads policies and nothing else.
const READER: &str = "title: Policy readers\nactions:\n  - admin:policy.read\n";

fn with_reader(story: impl Fn(&Server, &Browser<'_>)) {
    for kind in Backend::present() {
        let options = Options::default().document("roles/suite_reads_policies.yaml", READER);
        backend::run_alone(kind, options, |server| {
            let user = server.user("suite_reads_policies");
            story(server, &Browser::of(server, &user));
        });
    }
}

/// A refused page and a refused form say which permission is missing, which permit comes nearest, and what would
/// allow it; `/admin/decisions/<request id>` says what was recorded of them.
#[test]
fn a_refusal_explains_itself_to_who_may_read_policies() {
    with_reader(|server, browser| {
        let pages =
            ["/admin/keys", "/admin/tokens", "/admin/audit", "/admin/settings", "/admin/clients/reporting"];
        for path in pages {
            let reply = browser.get(path);
            let text = plain(&reply);
            assert_eq!(reply.status, 403, "{path}: {text}");
            for part in [
                "Missing permission",
                "id=\"explained\"",
                "What comes nearest",
                "role.administrator",
                "What would allow it",
                "give user",
            ] {
                assert!(text.contains(part), "{path} has no {part}: {text}");
            }
        }
        let reply = post(browser, "/admin/clients/reporting/deactivate", &[]);
        let text = plain(&reply);
        assert!(
            reply.status == 403 && text.contains("Client::") && text.contains("What would allow it"),
            "{text}"
        );
        let request = reply.header("x-request-id").expect("a request id");
        assert!(text.contains(&format!("/admin/decisions/{request}")), "{text}");
        let told = page(browser, &format!("/admin/decisions/{request}"));
        for part in ["What was decided then", "What is decided now", "admin:client.", ">Deny<", "reporting"] {
            assert!(told.contains(part), "no {part}: {told}");
        }
        assert_eq!(browser.get("/admin/decisions/nothing-of-that-id").status, 404);
        // The API's refusal says where that page is, to anybody.
        let reader = server.reader();
        let reply = Http::get(server.mounted("keys")).bearer(reader.jwt(server)).send();
        let request = reply.header("x-request-id").expect("a request id");
        let page = format!("{}/admin/decisions/{request}", server.issuer());
        assert!(
            reply.status == 403 && reply.json()["error"]["details"]["explanation"] == page.as_str(),
            "{reply:?}"
        );
    });
}

on_both! {
    /// Others see the permission and the request, and nothing of where policies stand.
    fn others_see_no_policy(server: &Server) {
        let browser = Browser::of(server, &server.reader());
        for path in ["/admin/keys", "/admin/decisions/x"] {
            let text = plain(&browser.get(path));
            assert!(text.contains("Missing permission"), "{text}");
            for part in ["explained", "What comes nearest", "roles/", ".yaml", "give user"] {
                assert!(!text.contains(part), "{path} tells {part}: {text}");
            }
        }
    }

    /// The audit log, a token's page and the page behind `error_uri` lead to the explanation.
    fn what_was_recorded_is_explained(server: &Server) {
        let (browser, client) = (super::admin(server), server.confidential_client(&[scope::FIND]));
        let reply = server.present_for(&client.assertion(server).sign(), scope::FIND);
        let request = reply.header("x-request-id").expect("a request id").to_owned();
        let told = page(&browser, &format!("/admin/decisions/{request}"));
        assert!(told.contains("grant:jwt_bearer") && told.contains(&format!("client.{}", client.id)), "{told}");
        let jti = crate::harness::jwt::claims(&reply.access_token())["jti"].as_str().expect("a jti").to_owned();
        let told = page(&browser, &format!("/admin/decisions/{jti}"));
        assert!(told.contains("What is decided now") && told.contains(&format!("/admin/tokens/{jti}")), "{told}");
        assert!(page(&browser, &format!("/admin/tokens/{jti}")).contains(&format!("/admin/decisions/{jti}")));
        let refused = server.present_for(&client.assertion(server).sign(), scope::DELETE);
        let uri = refused.json()["error_uri"].as_str().expect("a URI").to_owned();
        let errors = plain(&Http::get(&uri).send());
        let request = refused.header("x-request-id").expect("a request id");
        assert!(errors.contains(&format!("href=\"/admin/decisions/{request}\"")), "{errors}");
        let told = page(&browser, &format!("/admin/decisions/{request}"));
        assert!(told.contains("invalid_scope") && told.contains("What would allow it"), "{told}");
        let entries = page(&browser, &format!("/admin/audit?target={}", client.id));
        let entry = super::between(&entries, "<a href=\"/admin/audit/", "\"").expect("an entry").to_owned();
        let text = page(&browser, &format!("/admin/audit/{entry}"));
        assert!(text.contains("href=\"/admin/decisions/"), "{text}");
    }

    /// Effective access gives the explanation's reason and leads to the test bench, which tells the change.
    fn effective_access_leads_to_the_bench(server: &Server) {
        let (browser, client) = (super::admin(server), server.confidential_client(&[scope::FIND]));
        let path = format!("/admin/clients/{}/access?grantType=jwt-bearer", client.document_id);
        let text = page(&browser, &path);
        assert!(text.contains("no policy permits it; nearest:") && text.contains(" lists find"), "{text}");
        let all = text.split("href=\"").filter_map(|part| part.split('"').next());
        let bench = all.map(|href| href.replace("&amp;", "&")).find(|href| href.contains("/bench?")).expect("a link");
        let told = page(&browser, &bench);
        assert!(told.contains("What would allow it") && told.contains("to the scopes of client"), "{told}");
    }

    /// The consent page says why in the user's words; who reads policies sees the policy beside them.
    fn consent_says_why(server: &Server) {
        let client = server.confidential_client(&[scope::FIND]);
        let asked = format!("{} {}", scope::FIND, scope::DELETE);
        let of = |user: &crate::harness::User| {
            let browser = Browser::of(server, user);
            plain(&browser.authorize(&client, &[("scope", &asked)], &Pkce::s256()))
        };
        let ordinary = of(&server.reader());
        assert!(ordinary.contains("the application may not have it"), "{ordinary}");
        assert!(!ordinary.contains("nearest:") && !ordinary.contains("client."), "{ordinary}");
        let admin = of(server.admin());
        assert!(admin.contains("the application may not have it") && admin.contains("nearest:"), "{admin}");
        let wide = server.confidential_client(&[scope::FIND, scope::DELETE]);
        let browser = Browser::of(server, &server.reader());
        let text = plain(&browser.authorize(&wide, &[("scope", &asked)], &Pkce::s256()));
        assert!(text.contains("your roles do not permit it"), "{text}");
    }

    /// The scopes page counts the clients of each scope; the list that it leads to has as many.
    fn scopes_count_their_clients(server: &Server) {
        let browser = super::admin(server);
        server.confidential_client(&[scope::FIND]);
        server.client(&crate::harness::fixtures::NewClient::confidential().with("scopes", serde_json::json!(["api::form.form.*"])));
        let text = page(&browser, "/admin/scopes");
        for name in [scope::FIND, scope::DELETE] {
            let (_, rest) = text.rsplit_once(&format!("<code>{name}</code></a>")).expect("the scope");
            let said = super::between(rest, ": ", "</li>").expect("a number").to_owned();
            let number: i64 = said.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{said}"));
            let list = page(&browser, &format!("/admin/clients?pageSize=100&scope={name}"));
            assert_eq!(number, list.matches("data-label=\"Client ID\"").count() as i64, "{name}: {list}");
            assert!(number > 0, "{name}");
        }
    }
}
