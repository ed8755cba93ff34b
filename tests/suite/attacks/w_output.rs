//! Section W: what names and texts do where they are shown. (W1: the server makes no outbound request; W5 is in
//! aa_admin.rs.)

use serde_json::json;

use crate::harness::browser::Browser;
use crate::harness::fixtures::NewClient;
use crate::harness::{Http, Pkce, scope, unique};

on_both! {
    /// W2: a client's name is text on the consent page, on the account page and in JSON.
    fn w02_names_are_inert(server: &Server) {
        let user = server.editor();
        for name in ["<img src=x onerror=alert(1)>", "\"><svg onload=x>", "'-alert(1)-'", "{{ 7*7 }}", "${7*7}", "javascript:alert(1)"] {
            let client = server.client(&NewClient::confidential().with("name", name));
            let browser = Browser::of(server, &user);
            let page = browser.authorize(&client, &[("scope", scope::FIND)], &Pkce::s256());
            let text = page.text();
            for raw in ["<img src=x", "<svg onload", ">49<", "href=\"javascript:"] {
                assert!(!text.contains(raw), "{name}: {text}");
            }
            browser.submit(&page, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]);
            let text = browser.open("/account/applications").text();
            assert!(text.contains(&client.id) && !text.contains("<img src=x") && !text.contains("<svg onload"), "{text}");
        }
        // Names that deceive, or are longer than any page, are not taken.
        let long = "<b>".repeat(3_400);
        for name in ["abc\u{202e}cba", "a\u{0}b", "a\nb", &long] {
            let reply = server.try_client(&NewClient::confidential().with("name", name));
            assert_eq!(reply.status, 400, "{reply:?}");
        }
    }

    /// W2: what is typed into the sign-in page comes back as text.
    fn w02_typed_text_is_inert(server: &Server) {
        let browser = Browser::new(server);
        let page = browser.get("/login?next=%22%3E%3Cscript%3E&signed_out=%3Cb%3E");
        assert!(!page.text().contains("<script>") && !page.text().contains("<b>"), "{page:?}");
        let reply = browser.submit(&page, "/login", &[("identifier", "\"><img src=x>"), ("password", "x")]);
        assert!(!reply.text().contains("<img src=x"), "{reply:?}");
    }

    /// W3: line breaks and escape sequences in any field stay within one line of the log.
    fn w03_log_lines_are_single(server: &Server) {
        let mark = unique("mark");
        let nasty = format!("{mark}\r\n{{\"event\":\"forged\"}}\u{1b}[31m");
        let agent = format!("{mark} agent");
        Http::post(server.url("/auth/local")).json(&json!({ "identifier": nasty, "password": nasty })).header("User-Agent", &agent).send();
        server.authorize(&[("client_id", &nasty), ("state", &nasty), ("redirect_uri", &nasty)]);
        server.token(&[("grant_type", &nasty), ("client_id", &nasty), ("code", &nasty)]);
        let log = server.log();
        assert!(!log.contains('\u{1b}'), "escape sequences");
        assert!(!log.lines().any(|line| line.trim_start().starts_with("{\"event\":\"forged\"")), "a forged line");
    }

    /// W4: passwords, cookies and form tokens are in no log and in no database.
    fn w04_secrets_of_pages_are_not_kept(server: &Server) {
        let user = server.editor();
        let (client, pkce) = (server.confidential_client(&[]), Pkce::s256());
        let browser = Browser::new(server);
        let page = browser.authorize(&client, &[("scope", scope::FIND)], &pkce);
        let question = browser.follow(browser.sign_in_at(&page, &user));
        let mut secrets = vec![user.password.clone()];
        secrets.extend(browser.cookies().into_values());
        for name in ["csrf", "request"] {
            secrets.push(crate::harness::browser::field(&page, name));
            secrets.push(crate::harness::browser::field(&question, name));
        }
        let answer = browser.submit(&question, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]);
        let code = crate::harness::browser::at_client(&answer).get("code").expect("a code");
        server.redeem(&client, &code, &pkce).ok();
        secrets.push(code);
        let log = server.log();
        for secret in secrets {
            assert!(secret.len() > 10 && !log.contains(&secret), "in the log: {secret}");
            assert!(!server.database_holds(&secret), "in the database: {secret}");
        }
    }
}
