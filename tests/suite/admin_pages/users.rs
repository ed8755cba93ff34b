//! Users and roles: made, changed, blocked, given a new password; their sessions and applications.

use super::{admin, between, page, post, posted};
use crate::harness::browser::Browser;
use crate::harness::fixtures::User;
use crate::harness::{scope, unique};

on_both! {
    /// A user made by the form signs in with the password that was shown once.
    fn a_user_is_made_and_signs_in(server: &Server) {
        let browser = admin(server);
        let name = unique("made");
        let email = format!("{name}@suite.test");
        let fields = [("username", name.as_str()), ("email", &email), ("role", "suite_reader"), ("confirmed", "on"), ("credential", "made")];
        let once = posted(&browser, "/admin/users/new", &fields);
        let text = page(&browser, &once);
        let password = between(text.split_once("id=\"shown-password\"").expect("a password").1, ">", "<").expect("text").to_owned();
        assert!(!page(&browser, &once).contains(&password), "shown once");
        let user = User::existing(&name, &password);
        Browser::of(server, &user);
        let list = page(&browser, &format!("/admin/users?search={name}"));
        assert!(list.contains(&email) && list.contains("suite_reader"), "{list}");
        for (field, value) in [("username", "no spaces here"), ("email", "nothing"), ("role", "no_such_role"), ("username", "admin")] {
            let mut wrong = fields.to_vec();
            wrong.retain(|(name, _)| *name != field);
            wrong.push((field, value));
            let reply = post(&browser, "/admin/users/new", &wrong);
            assert!([400, 409].contains(&reply.status), "{field}: {reply:?}");
        }
    }

    /// Blocked at once, let in again; sessions end one by one and together.
    fn a_user_is_blocked_and_signed_out(server: &Server) {
        let (browser, user) = (admin(server), server.reader());
        let path = format!("/admin/users/{}", user.id(server));
        let theirs = Browser::of(server, &user);
        assert_eq!(theirs.get("/account").status, 200);
        let text = page(&browser, &path);
        let session = between(&text, "name=\"session\" value=\"", "\"").expect("a session").to_owned();
        posted(&browser, &format!("{path}/sessions"), &[("session", &session)]);
        assert_eq!(theirs.get("/account").status, 303);
        theirs.sign_in(&user);
        posted(&browser, &format!("{path}/block"), &[]);
        assert_eq!(theirs.get("/account").status, 303);
        assert!(page(&browser, &path).contains("Blocked"));
        posted(&browser, &format!("{path}/unblock"), &[]);
        Browser::of(server, &user);
    }

    /// A new password ends the old one; the link to set one is shown once.
    fn a_password_is_reset(server: &Server) {
        let (browser, user) = (admin(server), server.reader());
        let path = format!("/admin/users/{}", user.id(server));
        let once = posted(&browser, &format!("{path}/reset"), &[("credential", "link")]);
        let text = page(&browser, &once);
        assert!(text.contains("shown-setup-url") && text.contains(server.issuer()), "{text}");
        assert_ne!(user.sign_in(server).status, 200);
    }

    /// What a user agreed to is seen and withdrawn: the tokens end at once.
    fn an_application_is_withdrawn(server: &Server) {
        let (browser, client) = (admin(server), server.confidential_client(&[]));
        let token = server.user_token(&client, &[scope::FIND]);
        let text = page(&browser, "/admin/users/admin");
        assert!(text.contains(&client.id), "{text}");
        posted(&browser, "/admin/users/admin/withdraw", &[("client", &client.id)]);
        assert!(!server.is_active(&client, &token));
        assert_eq!(post(&browser, "/admin/users/admin/withdraw", &[("client", "nobody")]).status, 404);
    }

    /// A user goes only if the name was typed.
    fn deletion_wants_the_name(server: &Server) {
        let (browser, user) = (admin(server), server.reader());
        let path = format!("/admin/users/{}", user.id(server));
        assert_eq!(post(&browser, &format!("{path}/delete"), &[("confirm", "x")]).status, 400);
        posted(&browser, &format!("{path}/delete"), &[("confirm", &user.username)]);
        assert_eq!(browser.get(&path).status, 404);
    }

    /// Roles are documents of the folder, with what they permit.
    fn roles_are_shown_with_their_file(server: &Server) {
        let text = page(&admin(server), "/admin/roles");
        assert!(text.contains("roles/administrator.yaml") && text.contains("admin:client.read"), "{text}");
        let found = page(&admin(server), "/admin/roles?search=suite_reader");
        assert!(found.contains("suite_reader") && !found.contains("administrator.yaml"), "{found}");
    }

    /// AA10: a blocked administrator's pages end at once.
    fn aa10_a_blocked_administrators_session_ends(server: &Server) {
        let user = server.user("administrator");
        let browser = Browser::of(server, &user);
        page(&browser, "/admin/clients");
        server.block_user(&user);
        crate::harness::eventually("the session ends", crate::harness::BOUND, || browser.get("/admin/clients").status == 303);
    }
}
