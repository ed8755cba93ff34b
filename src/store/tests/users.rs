//! Users, sessions, consents.

use super::*;

on_each! {
    async fn a_user_lives(s) {
        assert!(s.insert_first_user(user("Ann")).await.unwrap());
        assert!(!s.insert_first_user(user("Eve")).await.unwrap());
        assert!(s.insert_user(user("Bob")).await.unwrap());
        assert!(!s.insert_user(UserRow { id: "x".into(), ..user("Bob") }).await.unwrap());
        let sly = UserRow { username: "ann@x.test".into(), username_key: "ann@x.test".into(), ..user("Sly") };
        assert!(!s.insert_user(sly).await.unwrap(), "another's address is no name");
        assert_eq!(s.count_users().await.unwrap(), 2);
        assert_eq!(s.user("id-Ann").await.unwrap().unwrap(), user("Ann"));
        for key in ["ann", "ann@x.test"] {
            assert_eq!(s.user_by_identifier(key).await.unwrap().unwrap().id, "id-Ann");
        }
        assert!(s.user_by_identifier("ANN").await.unwrap().is_none());
        assert!(s.user_by_identifier("a\0").await.unwrap().is_none());
        assert!(!format!("{:?}", user("Ann")).contains("argon2"));

        let before = s.counters().await.unwrap().users;
        let change = UserChange { blocked: Some(true), updated_at: NOW + 1, ..UserChange::default() };
        assert_eq!(s.update_user("id-Ann", change.clone(), None).await.unwrap(), Written::Done);
        assert_eq!(s.update_user("none", change, None).await.unwrap(), Written::Absent);
        for email in ["bob@x.test", "bob"] {
            let change = UserChange { email: Some(email.into()), updated_at: NOW, ..UserChange::default() };
            assert_eq!(s.update_user("id-Ann", change, None).await.unwrap(), Written::Taken);
        }
        let same = UserChange { email: Some("ann@x.test".into()), updated_at: NOW, ..UserChange::default() };
        s.insert_session(session("a", "id-Ann")).await.unwrap();
        let taken = UserChange { email: Some("bob@x.test".into()), tokens_valid_from: Some(NOW), updated_at: NOW, ..UserChange::default() };
        assert_eq!(s.update_user("id-Ann", taken, None).await.unwrap(), Written::Taken);
        assert!(s.session(hash("a")).await.unwrap().is_some(), "nothing was changed");
        assert_eq!(s.update_user("id-Ann", same, None).await.unwrap(), Written::Done);
        assert!(s.user("id-Ann").await.unwrap().unwrap().blocked);
        let seen = s.counters().await.unwrap().users;
        assert!(seen > before);
        let change = UserChange { blocked: Some(false), updated_at: NOW, ..UserChange::default() };
        assert_eq!(s.update_user("id-Ann", change.clone(), Some(before)).await.unwrap(), Written::Stale);
        assert_eq!(s.delete_user("id-Ann", NOW, Some(before)).await.unwrap(), Written::Stale);
        assert_eq!(s.update_user("id-Ann", change, Some(seen)).await.unwrap(), Written::Done);
    }
}

on_each! {
    async fn a_new_password_ends_what_the_old_one_opened(s) {
        s.insert_user(user("u")).await.unwrap();
        s.insert_session(session("a", "id-u")).await.unwrap();
        s.insert_session(session("b", "other")).await.unwrap();
        s.insert_code(CodeRow { user_id: "id-u".into(), ..code("k") }).await.unwrap();
        assert!(s.set_password("id-u", "$new".into(), NOW + 7).await.unwrap());
        assert!(!s.set_password("none", "$new".into(), NOW).await.unwrap());
        let row = s.user("id-u").await.unwrap().unwrap();
        assert_eq!((row.password_hash.as_str(), row.tokens_valid_from), ("$new", NOW + 7));
        assert!(s.session(hash("a")).await.unwrap().is_none());
        assert!(s.session(hash("b")).await.unwrap().is_some());
        assert!(s.code(hash("k")).await.unwrap().is_none());
    }
}

on_each! {
    async fn users_are_listed(s) {
        for (n, name) in ["Carl", "ann", "Bob"].into_iter().enumerate() {
            let roles = if n == 1 { "[\"admin\",\"authenticated\"]" } else { "[\"authenticated\"]" };
            let row = UserRow { roles: roles.into(), created_at: NOW + n as i64, ..user(name) };
            s.insert_user(row).await.unwrap();
        }
        let list = |filter, sort: &'static str| async move {
            let sort = UserSort::parse(sort).unwrap();
            let listed = s.list_users(filter, sort, Page::first(2)).await.unwrap();
            (listed.rows.into_iter().map(|u| u.username).collect::<Vec<_>>().join(" "), listed.total)
        };
        assert_eq!(list(UserFilter::default(), "username").await, ("ann Bob".into(), 3));
        assert_eq!(list(UserFilter::default(), "createdAt:desc").await, ("Bob ann".into(), 3));
        let admin = UserFilter { role: Some("admin".into()), ..UserFilter::default() };
        assert_eq!(list(admin, "email").await, ("ann".into(), 1));
        let part = UserFilter { role: Some("auth".into()), ..UserFilter::default() };
        assert_eq!(list(part, "email").await.1, 0);
        let search = UserFilter { search: Some("BOB@".into()), blocked: Some(false), ..UserFilter::default() };
        assert_eq!(list(search, "updatedAt").await.0, "Bob");
        let unconfirmed = UserFilter { confirmed: Some(false), ..UserFilter::default() };
        assert_eq!(list(unconfirmed, "blocked").await.1, 0);
        assert!(UserSort::parse("password").is_none());
    }
}

on_each! {
    async fn sessions_begin_and_end(s) {
        for (name, user) in [("a", "u"), ("b", "u"), ("c", "u"), ("d", "v")] {
            s.insert_session(session(name, user)).await.unwrap();
        }
        assert_eq!(s.session(hash("a")).await.unwrap().unwrap(), session("a", "u"));
        s.touch_sessions(vec![(hash("b"), NOW + 5), (hash("b"), NOW - 5)]).await.unwrap();
        let listed = s.sessions_of_user("u", NOW).await.unwrap();
        assert_eq!(listed.iter().map(|x| x.id.as_str()).collect::<Vec<_>>(), ["s-b", "s-a", "s-c"]);
        assert!(s.sessions_of_user("u", NOW + DAY).await.unwrap().is_empty());
        assert!(s.end_session(hash("a")).await.unwrap());
        assert!(!s.end_session(hash("a")).await.unwrap());
        assert!(!s.end_session_of_user("u", "s-d").await.unwrap(), "another's");
        assert!(s.end_session_of_user("v", "s-d").await.unwrap());
        assert_eq!(s.end_sessions_of_user("u", Some(hash("b"))).await.unwrap(), 1);
        assert_eq!(s.end_sessions_of_user("u", None).await.unwrap(), 1);
    }
}

fn consent(scopes: &str) -> NewConsent {
    NewConsent {
        document_id: format!("d-{scopes}"),
        user_id: "u".into(),
        client_id: "c".into(),
        scopes: scopes.split_whitespace().map(Into::into).collect(),
    }
}

on_each! {
    async fn consent_grows_until_it_is_withdrawn(s) {
        assert!(s.consent("u", "c").await.unwrap().is_none());
        s.grant_consent(consent("b a"), NOW).await.unwrap();
        let row = s.grant_consent(consent("c a"), NOW + 1).await.unwrap();
        assert_eq!((row.scopes.as_str(), row.document_id.as_str()), ("a b c", "d-b a"));
        assert_eq!(s.consent("u", "c").await.unwrap().unwrap(), row);
        assert_eq!((row.created_at, row.updated_at), (NOW, NOW + 1));
        s.grant_consent(NewConsent { client_id: "z".into(), ..consent("q") }, NOW).await.unwrap();
        let listed = s.consents_of_user("u", Page::first(1)).await.unwrap();
        assert_eq!((listed.rows[0].client_id.as_str(), listed.total), ("c", 2));
        let pair = ("u".to_owned(), "c".to_owned());
        s.touch_consents(vec![(pair.clone(), NOW + 2), (pair, NOW + 1)]).await.unwrap();
        assert_eq!(s.consent("u", "c").await.unwrap().unwrap().last_used_at, Some(NOW + 2));
        assert_eq!(s.consent("u", "z").await.unwrap().unwrap().last_used_at, None);

        s.insert_code(code("open")).await.unwrap();
        s.insert_code(code("used")).await.unwrap();
        s.redeem(hash("used"), NOW, token("t", "c", Some("u"))).await.unwrap();
        s.insert_token(token("v", "c", Some("v"))).await.unwrap();
        let key = ConsentKey::Document(row.document_id);
        assert!(s.withdraw("v", key.clone(), NOW).await.unwrap().is_none(), "another's");
        let done = s.withdraw("u", key, NOW).await.unwrap().unwrap();
        assert_eq!(done, Withdrawn { client_id: "c".into(), tokens: 1, codes: 4 });
        assert!(s.withdraw("u", ConsentKey::Client("c".into()), NOW).await.unwrap().is_none());
        assert!(s.withdraw("u", ConsentKey::Client("z".into()), NOW).await.unwrap().is_some());
        assert!(s.consent("u", "c").await.unwrap().is_none());
        assert!(s.code(hash("open")).await.unwrap().is_none());
        assert!(s.code(hash("used")).await.unwrap().is_some(), "a second use must still be seen");
        assert!(s.token("v").await.unwrap().unwrap().revoked_at.is_none());
    }
}

on_each! {
    async fn a_code_relies_on_a_consent_that_covers_it(s) {
        let wanted = |name: &str, scopes: &str| CodeRow { scopes: scopes.into(), ..code(name) };
        assert!(!s.rely(wanted("never", "a")).await.unwrap());
        let before = s.grant_consent(consent("b a"), NOW).await.unwrap();
        assert!(s.rely(wanted("less", "a")).await.unwrap() && s.rely(wanted("same", "a b")).await.unwrap());
        assert!(!s.rely(wanted("more", "a c")).await.unwrap());
        assert!(!s.rely(CodeRow { user_id: "v".into(), ..wanted("other", "a") }).await.unwrap());
        assert_eq!(s.consent("u", "c").await.unwrap(), Some(before), "nobody agreed again");
        for (name, written) in [("less", true), ("same", true), ("never", false), ("more", false), ("other", false)] {
            assert_eq!(s.code(hash(name)).await.unwrap().is_some(), written, "{name}");
        }
        let (row, agreed) = s.presented_code(hash("less")).await.unwrap().unwrap();
        assert_eq!((row, agreed.as_deref()), (wanted("less", "a"), Some("a b")));
        s.insert_code(CodeRow { user_id: "v".into(), ..code("alone") }).await.unwrap();
        assert_eq!(s.presented_code(hash("alone")).await.unwrap().unwrap().1, None);
        assert!(s.presented_code(hash("none")).await.unwrap().is_none());
        s.withdraw("u", ConsentKey::Client("c".into()), NOW).await.unwrap();
        assert!(!s.rely(wanted("late", "a")).await.unwrap() && s.consent("u", "c").await.unwrap().is_none());
    }
}
