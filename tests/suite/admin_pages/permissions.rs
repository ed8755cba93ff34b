//! Who may see and press what: the policy decides each page and each button.

use super::{CLIENT_PAGES, FORMS, PAGES, page, plain, post};
use crate::harness::browser::Browser;
use crate::harness::{Backend, Http, Options, backend};

/// A role that reads everything and changes nothing.
const AUDITOR: &str = "title: Auditors\nactions:\n  - admin:client.read\n  - admin:token.read\n  - admin:settings.read\n  - admin:scope.read\n  - admin:policy.read\n  - admin:key.read\n  - admin:audit.read\n  - admin:user.read\n  - admin:session.read\n";

on_both! {
    /// Every admin page without a session leads to sign-in, and back afterwards; every form to sign-in.
    fn without_a_session_every_page_leads_to_sign_in(server: &Server) {
        let of_client = CLIENT_PAGES.map(|part| format!("/admin/clients/reporting{part}"));
        for path in PAGES.iter().map(|path| (*path).to_owned()).chain(of_client) {
            let reply = server.get(&path);
            assert_eq!(reply.status, 303, "{path}: {reply:?}");
            let location = reply.header("location").expect("a Location");
            assert!(location.starts_with("/login?next=%2Fadmin"), "{path}: {location}");
        }
        for path in ["/admin/validate/redirect-uri?value=x", "/admin/suggest/users?q=a"] {
            assert_eq!(server.get(path).status, 303, "{path}");
        }
        for path in FORMS {
            let reply = Http::post(server.url(path)).form(&[("csrf", "x")]).send();
            assert_eq!(reply.status, 303, "{path}: {reply:?}");
        }
    }

    /// AA1: somebody whose roles permit no administration sees no page and posts no form; each answer names the
    /// missing permission and the request.
    fn aa01_an_ordinary_user_is_refused_everywhere(server: &Server) {
        let browser = Browser::of(server, &server.reader());
        for path in PAGES {
            let reply = browser.get(path);
            assert_eq!(reply.status, 403, "{path}: {reply:?}");
            let text = plain(&reply);
            let request = reply.header("x-request-id").expect("a request id");
            assert!(text.contains("Missing permission") && text.contains("admin:"), "{path}: {text}");
            assert!(text.contains(request), "{path} names the request: {text}");
            assert!(!text.contains("href=\"/admin/clients\""), "{path}: the menu shows nothing to them");
        }
        for path in FORMS {
            let reply = post(&browser, path, &[("scope", "admin:client.read"), ("jti", "x"), ("name", "x")]);
            assert_eq!(reply.status, 403, "{path}: {reply:?}");
        }
        for path in ["/admin/validate/redirect-uri?value=x", "/admin/suggest/users?q=a", "/admin/decisions/x"] {
            assert_eq!(browser.get(path).status, 403, "{path}");
        }
    }

    /// T2: a form without the session's own token changes nothing.
    fn a_form_needs_the_sessions_token(server: &Server) {
        let browser = super::admin(server);
        for path in FORMS {
            for token in ["", "x"] {
                let reply = browser.post(path, &[("csrf", token)]);
                assert_eq!(reply.status, 403, "{path}: {reply:?}");
            }
        }
        let reply = browser.get("/admin/clients/reporting");
        assert!(plain(&reply).contains("Active"), "{reply:?}");
    }

    /// Unknown things below /admin are pages of the frame, not bare errors.
    fn what_is_not_there_is_said_in_the_frame(server: &Server) {
        let browser = super::admin(server);
        for path in ["/admin/clients/nobody", "/admin/tokens/none", "/admin/audit/none", "/admin/policies/document?file=x"] {
            let reply = browser.get(path);
            assert_eq!(reply.status, 404, "{path}: {reply:?}");
            assert!(plain(&reply).contains("href=\"/admin/clients\""), "{path} has the menu");
        }
    }

    /// AA7, AA8: parameters that cannot be are refused with a page.
    fn aa08_odd_parameters_are_refused(server: &Server) {
        let browser = super::admin(server);
        for path in [
            "/admin/clients?page=0",
            "/admin/clients?pageSize=1000",
            "/admin/clients?sort=secret_hash",
            "/admin/clients?active=maybe",
            "/admin/tokens?after=x",
            "/admin/tokens?after=eA&before=eA",
            "/admin/tokens?sort=token_hash",
            "/admin/tokens?status=Dead",
            "/admin/audit?since=yesterday",
            "/admin/audit?after=%3Cscript%3E",
        ] {
            let reply = browser.get(path);
            assert_eq!(reply.status, 400, "{path}: {reply:?}");
            assert!(!plain(&reply).contains("<script>"), "{path}");
        }
    }
}

/// AA1: a reader of everything sees each page, and no button that would be refused.
#[test]
fn aa01_a_reader_sees_pages_and_no_buttons() {
    for kind in Backend::present() {
        let options = Options::default().document("roles/suite_auditor.yaml", AUDITOR);
        backend::run_alone(kind, options, |server| {
            let client = server.confidential_client(&[]);
            let auditor = server.user("suite_auditor");
            let browser = Browser::of(server, &auditor);
            for path in PAGES.iter().filter(|path| !path.ends_with("/new") && !path.ends_with("export")) {
                page(&browser, path);
            }
            let list = page(&browser, "/admin/clients");
            assert!(!list.contains("id=\"create-client\"") && !list.contains("/deactivate"), "{list}");
            for part in CLIENT_PAGES.iter().filter(|part| **part != "/delete") {
                let text = page(&browser, &format!("/admin/clients/{}{part}", client.document_id));
                assert!(
                    !text.contains("id=\"delete-client\"") && !text.contains("/deactivate"),
                    "{part}: {text}"
                );
                assert!(
                    !text.contains("id=\"client-form\"") && !text.contains("id=\"rotate-form\""),
                    "{part}: {text}"
                );
            }
            let settings = page(&browser, &format!("/admin/clients/{}", client.document_id));
            assert!(settings.contains("needs <code>admin:client.update</code>"), "{settings}");
            server.machine_token(&client, "");
            let tokens = page(&browser, "/admin/tokens");
            assert!(!tokens.contains("Revoke<"), "{tokens}");
            let keys = page(&browser, "/admin/keys");
            assert!(!keys.contains("action=\"/admin/keys/rotate\""), "{keys}");
            for path in FORMS {
                let reply =
                    post(&browser, path, &[("scope", "api::form.form.find"), ("jti", "x"), ("name", "x")]);
                assert_eq!(reply.status, 403, "{path}: {reply:?}");
                assert!(plain(&reply).contains("Missing permission"), "{path}: {reply:?}");
            }
        });
    }
}
