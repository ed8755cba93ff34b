//! The account pages, in a browser without scripts.

use crate::harness::browser::{Browser, field};
use crate::harness::{Authorization, Http, Pkce, User, scope, unique};

on_both! {
    /// Whoever is not signed in signs in first, and comes back.
    fn strangers_sign_in_first(server: &Server) {
        for path in ["/account", "/account/sessions", "/account/applications", "/account/activity"] {
            let reply = Browser::new(server).get(path);
            let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
            assert_eq!((reply.status, reply.header("location")), (303, Some(format!("/login?next={next}").as_str())));
        }
        let user = server.reader();
        let browser = Browser::new(server);
        let page = browser.open("/account/sessions");
        let reply = browser.sign_in_at(&page, &user);
        assert_eq!(reply.header("location"), Some("/account/sessions"));
        // T2: posts of strangers change nothing and show nothing.
        let reply = Browser::new(server).post("/account/password", &[("csrf", "x"), ("password", "x")]);
        assert_eq!(reply.status, 303);
    }

    /// T9, T1: a password is changed with the current one, and every other session and user token ends.
    fn t09_password(server: &Server) {
        let user = server.reader();
        let (browser, elsewhere) = (Browser::of(server, &user), Browser::of(server, &user));
        let jwt = user.jwt(server).to_owned();
        let page = browser.open("/account");
        let new = "quite another password";
        let wrong = browser.submit(&page, "/account/password", &[("current", "wrong"), ("password", new)]);
        assert!(wrong.status == 400 && wrong.text().contains("current password is wrong"), "{wrong:?}");
        let short = browser.submit(&page, "/account/password", &[("current", &user.password), ("password", "short")]);
        assert_eq!(short.status, 400);
        let none = browser.submit(&page, "/account/password", &[("password", new)]);
        assert_eq!(none.status, 400);
        assert_eq!(elsewhere.get("/account").status, 200, "nothing happened so far");
        let before = browser.session();
        let reply = browser.submit(&page, "/account/password", &[("current", &user.password), ("password", new)]);
        assert_eq!(reply.status, 303, "{reply:?}");
        assert_ne!(browser.session(), before);
        let page = browser.follow(reply);
        assert!(page.status == 200 && page.text().contains("The password is changed"), "{page:?}");
        assert_eq!(elsewhere.get("/account").status, 303);
        assert_eq!(Http::get(server.mounted("consents")).bearer(&jwt).send().status, 401);
        assert_eq!(user.sign_in(server).status, 401);
        assert_eq!(User::existing(&user.username, new).sign_in(server).status, 200);
    }

    /// T9, AA3: name and address need the password; roles are nobody's own to change.
    fn t09_profile(server: &Server) {
        let user = server.reader();
        let (browser, elsewhere) = (Browser::of(server, &user), Browser::of(server, &user));
        let page = browser.open("/account");
        let name = unique("new");
        let email = format!("{name}@suite.test");
        let fields = |current: &'static str| [("username", name.clone()), ("email", email.clone()), ("current", current.to_owned())];
        let refused = fields("wrong");
        let refused: Vec<(&str, &str)> = refused.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(browser.submit(&page, "/account/profile", &refused).status, 400);
        let pairs = [("username", name.as_str()), ("email", email.as_str()), ("current", user.password.as_str()), ("roles", "administrator"), ("confirmed", "true"), ("blocked", "false")];
        let reply = browser.follow(browser.submit(&page, "/account/profile", &pairs));
        assert!(reply.status == 200 && reply.text().contains(&email) && reply.text().contains("Saved"), "{reply:?}");
        assert!(!reply.text().contains("administrator"), "{reply:?}");
        assert_eq!(elsewhere.get("/account").status, 303);
        let taken = browser.submit(&reply, "/account/profile", &[("username", "admin"), ("email", &email), ("current", &user.password)]);
        assert!(taken.status == 400 && taken.text().contains("taken"), "{taken:?}");
        // T6: wrong passwords here count as failed sign-ins.
        let mut last = taken;
        for _ in 0..9 {
            last = browser.submit(&reply, "/account/profile", &refused);
        }
        assert!(last.text().contains("Too many attempts"), "{last:?}");
    }

    /// Sessions with their device; one ended, all others ended.
    fn sessions(server: &Server) {
        let user = server.reader();
        let (here, there, third) = (Browser::of(server, &user), Browser::of(server, &user), Browser::of(server, &user));
        let page = here.open("/account/sessions");
        let text = page.text();
        assert_eq!(text.matches("data-label=\"Browser\"").count(), 3, "{text}");
        assert_eq!(text.matches("this one").count(), 1, "{text}");
        let id = text.split("name=\"id\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id").to_owned();
        let csrf = field(&page, "csrf");
        let stranger = Browser::of(server, &server.reader());
        let theirs = field(&stranger.open("/account/sessions"), "csrf");
        assert_eq!(stranger.post("/account/sessions/end", &[("csrf", &theirs), ("id", &id)]).status, 404);
        assert_eq!(here.post("/account/sessions/end", &[("csrf", &theirs), ("id", &id)]).status, 403);
        assert_eq!(here.post("/account/sessions/end", &[("csrf", &csrf), ("id", &id)]).status, 303);
        let alive = |browser: &Browser<'_>| browser.get("/account").status == 200;
        assert_eq!([&there, &third].iter().filter(|browser| alive(browser)).count(), 1);
        assert_eq!(here.post("/account/sessions/end-others", &[("csrf", &csrf)]).status, 303);
        assert!(alive(&here) && !alive(&there) && !alive(&third));
        assert_eq!(here.get("/account/sessions/end").status, 405);
    }

    /// T10: what was granted is listed and revoked, and the tokens are worth nothing at once.
    fn t10_applications(server: &Server) {
        let (one, two, user, pkce) = (server.confidential_client(&[]), server.confidential_client(&[]), server.editor(), Pkce::s256());
        let token = |client: &crate::harness::Client| {
            let code = Authorization::of(client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
            server.redeem(client, &code, &pkce).access_token()
        };
        let (first, second) = (token(&one), token(&two));
        let browser = Browser::of(server, &user);
        let page = browser.open("/account/applications");
        let text = page.text();
        assert!(text.contains(&one.id) && text.contains(&two.id) && text.contains("List forms") && text.contains("<time"), "{text}");
        let csrf = field(&page, "csrf");
        assert_eq!(browser.post("/account/applications/revoke", &[("csrf", "x"), ("client", &one.id)]).status, 403);
        assert!(server.is_active(&one, &first));
        assert_eq!(browser.post("/account/applications/revoke", &[("csrf", &csrf), ("client", &one.id)]).status, 303);
        assert!(!server.is_active(&one, &first) && server.is_active(&two, &second));
        // It is asked again now.
        let page = browser.authorize(&one, &[("scope", scope::FIND)], &pkce);
        assert!(page.status == 200 && page.text().contains("value=\"approve\""), "{page:?}");
        assert_eq!(browser.post("/account/applications/revoke-all", &[("csrf", &csrf)]).status, 303);
        assert!(!server.is_active(&two, &second));
        assert!(browser.open("/account/applications").text().contains("No application"));
        // AA2: another's consent is not there.
        assert_eq!(browser.post("/account/applications/revoke", &[("csrf", &csrf), ("client", &two.id)]).status, 404);
    }
    /// What happened to the account is shown to its user: sign-ins, failed ones too, changes, what was allowed and
    /// revoked; nothing of anybody else's.
    fn recent_activity(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        assert_eq!(User::existing(&user.username, "not the password").sign_in(server).status, 401);
        let browser = Browser::of(server, &user);
        let code = Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
        server.redeem(&client, &code, &pkce).ok();
        let csrf = field(&browser.open("/account/applications"), "csrf");
        browser.post("/account/applications/revoke", &[("csrf", &csrf), ("client", &client.id)]);
        let [_left, gone] = [(); 2].map(|()| Browser::of(server, &user));
        let theirs = field(&gone.open("/account"), "csrf");
        assert_eq!(gone.post("/logout", &[("csrf", &theirs)]).status, 303);
        let before = browser.open("/account/activity").text();
        assert!(before.contains("Signed out") && !before.contains("A session was ended"), "{before}");
        assert_eq!(browser.post("/account/sessions/end-others", &[("csrf", &csrf)]).status, 303);
        let page = browser.open("/account");
        let new = [("current", user.password.as_str()), ("password", "quite another password")];
        assert_eq!(browser.submit(&page, "/account/password", &new).status, 303);
        let text = browser.open("/account/activity").text();
        for said in ["A sign-in failed", "Signed in", "An application was allowed", "An application was revoked", "Password changed", "A session was ended", "127."] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let other = Browser::of(server, &server.reader()).open("/account/activity").text();
        assert!(other.contains("Signed in") && !other.contains("Password changed"), "{other}");
        // The administrators' log has the same.
        let log = crate::admin_pages::page(&crate::admin_pages::admin(server), "/admin/audit?kind=account");
        assert!(log.contains("account:password") && log.contains(&user.username), "{log}");
    }

    /// The last use of what was agreed to is that of its last token.
    fn a_consent_says_when_it_was_used(server: &Server) {
        let (client, user, pkce) = (server.confidential_client(&[]), server.editor(), Pkce::s256());
        let path = server.mounted("consents");
        let last = || Http::get(&path).bearer(user.jwt(server)).send().ok().json()["data"][0]["lastUsedAt"].clone();
        let code = Authorization::of(&client).scopes(&[scope::FIND]).pkce(&pkce).code(server, &user);
        assert!(last().is_null(), "agreed to, and not used yet");
        server.redeem(&client, &code, &pkce).ok();
        let patience = std::time::Duration::from_secs(20);
        crate::harness::eventually("the use is written", patience, || last().is_string());
    }
}
