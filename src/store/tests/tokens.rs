//! Codes, tokens, assertions.

use super::*;

on_each! {
    async fn a_token_is_found_and_revoked(s) {
        s.insert_token(token("t1", "c", Some("u"))).await.unwrap();
        let row = s.token("t1").await.unwrap().unwrap();
        assert_eq!((row.client_id.as_str(), row.user_id.as_deref()), ("c", Some("u")));
        assert_eq!((row.token_hash, row.revoked_at, row.used_at), (hash("t1"), None, None));
        assert_eq!(row.status(NOW), TokenStatus::Active);
        assert_eq!(row.status(NOW + 3_600_000), TokenStatus::Expired);
        assert!(s.token("t2").await.unwrap().is_none());
        assert!(s.token("t\0").await.unwrap().is_none());

        assert!(s.revoke("t1", NOW + 5).await.unwrap());
        assert!(s.revoke("t1", NOW + 9).await.unwrap());
        assert!(!s.revoke("t2", NOW).await.unwrap());
        assert_eq!(s.token("t1").await.unwrap().unwrap().revoked_at, Some(NOW + 5));
    }
}

on_each! {
    async fn tokens_are_revoked_together(s) {
        for (jti, client, user) in
            [("a", "c1", Some("u1")), ("b", "c1", Some("u2")), ("c", "c2", Some("u1")), ("d", "c2", None)]
        {
            s.insert_token(token(jti, client, user)).await.unwrap();
        }
        assert_eq!(s.revoke_of("u1", "c1", NOW).await.unwrap(), 1);
        assert_eq!(s.revoke_of_user("u1", NOW + 1).await.unwrap(), 1);
        assert_eq!(s.token("a").await.unwrap().unwrap().revoked_at, Some(NOW));
        assert_eq!(s.revoke_of_client("c1", NOW).await.unwrap(), 1);
        for n in 0..5 {
            s.insert_token(token(&format!("m{n}"), "many", Some("many"))).await.unwrap();
        }
        assert_eq!(s.revoke_of_client("many", NOW).await.unwrap(), 5);
        assert_eq!(s.revoke_of_user("many", NOW).await.unwrap(), 0);
        let many = vec!["d".to_owned(), "a".into(), "none".into()];
        assert_eq!(s.revoke_many(many, NOW).await.unwrap(), 1);
        assert_eq!(s.count_live_tokens(NOW).await.unwrap(), 0);
    }
}

on_each! {
    async fn a_code_is_good_once(s) {
        s.insert_code(code("k")).await.unwrap();
        let row = s.code(hash("k")).await.unwrap().unwrap();
        assert_eq!(row, code("k"));
        assert!(s.code(hash("other")).await.unwrap().is_none());

        assert_eq!(s.redeem(hash("k"), NOW, token("t", "c", Some("u"))).await.unwrap(), Redeemed::Now);
        assert_eq!(s.token("t").await.unwrap().unwrap().code_hash, Some(hash("k")));
        assert_eq!(s.code(hash("k")).await.unwrap().unwrap().used_at, Some(NOW));
        let second = s.redeem(hash("k"), NOW + 1, token("t2", "c", Some("u"))).await.unwrap();
        assert_eq!(second, Redeemed::Before { revoked: 1 });
        assert_eq!(s.token("t").await.unwrap().unwrap().revoked_at, Some(NOW + 1));
        assert!(s.token("t2").await.unwrap().is_none());
        let third = s.redeem(hash("k"), NOW + 2, token("t3", "c", Some("u"))).await.unwrap();
        assert_eq!(third, Redeemed::Before { revoked: 0 });
    }
}

on_each! {
    async fn a_code_expires_or_is_burnt(s) {
        s.insert_code(code("late")).await.unwrap();
        let late = s.redeem(hash("late"), NOW + 60_000, token("t", "c", None)).await.unwrap();
        assert_eq!(late, Redeemed::Before { revoked: 0 });
        assert!(!s.burn_code(hash("late"), NOW + 60_000).await.unwrap());

        s.insert_code(code("burnt")).await.unwrap();
        assert!(s.burn_code(hash("burnt"), NOW).await.unwrap());
        assert!(!s.burn_code(hash("burnt"), NOW).await.unwrap());
        let after = s.redeem(hash("burnt"), NOW, token("t", "c", None)).await.unwrap();
        assert_eq!(after, Redeemed::Before { revoked: 0 });
        assert!(s.token("t").await.unwrap().is_none());
    }
}

on_each! {
    async fn what_a_code_produced_can_be_revoked(s) {
        s.insert_code(code("k")).await.unwrap();
        s.redeem(hash("k"), NOW, token("t", "c", Some("u"))).await.unwrap();
        assert_eq!(s.revoke_by_code(hash("k"), NOW).await.unwrap(), 1);
        assert_eq!(s.revoke_by_code(hash("k"), NOW).await.unwrap(), 0);
    }
}

on_each! {
    async fn a_code_whose_token_cannot_be_written_stays_good(s) {
        s.insert_token(token("t", "c", None)).await.unwrap();
        s.insert_code(code("k")).await.unwrap();
        // The jti is there already: the whole transaction is taken back.
        assert!(s.redeem(hash("k"), NOW, token("t", "c", None)).await.is_err());
        assert_eq!(s.redeem(hash("k"), NOW, token("t2", "c", None)).await.unwrap(), Redeemed::Now);
    }
}

on_each! {
    async fn an_assertion_is_good_once(s) {
        let usage = AssertionUse { issuer: "i".into(), replay_key: "j".into(), expires_at: NOW };
        assert!(s.record_assertion(usage.clone()).await.unwrap());
        assert!(!s.record_assertion(usage.clone()).await.unwrap());
        let other = AssertionUse { issuer: "i2".into(), ..usage.clone() };
        let first = s.insert_token_with_assertion(token("t", "c", None), other.clone()).await.unwrap();
        assert_eq!(first, Inserted::Now);
        let second = s.insert_token_with_assertion(token("t2", "c", None), other).await.unwrap();
        assert_eq!(second, Inserted::Replayed);
        assert!(s.token("t").await.unwrap().is_some());
        assert!(s.token("t2").await.unwrap().is_none());
        // A token that cannot be written does not use the assertion up.
        let third = AssertionUse { issuer: "i3".into(), ..usage };
        assert!(s.insert_token_with_assertion(token("t", "c", None), third.clone()).await.is_err());
        assert!(s.record_assertion(third).await.unwrap());
    }
}

on_each! {
    async fn tokens_are_listed(s) {
        for n in 0..7 {
            let user = (n % 2 == 0).then_some("Ann");
            let client = if n < 4 { "one" } else { "two_x" };
            let t = NewToken { created_at: NOW + n, ..token(&format!("t{n}"), client, user) };
            s.insert_token(t).await.unwrap();
        }
        s.revoke("t0", NOW).await.unwrap();
        let list = |filter: TokenFilter, sort, page| {
            let filter = TokenFilter { now: NOW, ..filter };
            async move {
                let listed = s.list_tokens(filter, TokenSort::parse(sort).unwrap(), page).await.unwrap();
                (listed.rows.into_iter().map(|t| t.jti).collect::<Vec<_>>().join(" "), listed.total)
            }
        };
        let all = TokenFilter::default();
        let page = |page, size| Page { page, size };
        assert_eq!(list(all.clone(), "createdAt:desc", page(1, 3)).await, ("t6 t5 t4".into(), 7));
        assert_eq!(list(all.clone(), "createdAt:desc", page(3, 3)).await, ("t0".into(), 7));
        assert_eq!(list(all.clone(), "createdAt", page(4, 3)).await, (String::new(), 7));
        assert_eq!(list(all.clone(), "client:asc", page(1, 9)).await.0, "t0 t1 t2 t3 t4 t5 t6");
        let of = |status| TokenFilter { status: Some(status), ..TokenFilter::default() };
        assert_eq!(list(of(TokenStatus::Revoked), "createdAt", page(1, 9)).await, ("t0".into(), 1));
        assert_eq!(list(of(TokenStatus::Active), "createdAt", page(1, 9)).await.1, 6);
        assert_eq!(list(of(TokenStatus::Expired), "createdAt", page(1, 9)).await.1, 0);
        let ann = TokenFilter { user: Some("Ann".into()), client: Some("two_x".into()), ..all.clone() };
        assert_eq!(list(ann, "usedAt", page(1, 9)).await.0, "t4 t6");
        let search = |words: &str| TokenFilter { search: Some(words.into()), ..TokenFilter::default() };
        assert_eq!(list(search("aNN"), "createdAt", page(1, 9)).await.1, 4);
        assert_eq!(list(search("o_x"), "createdAt", page(1, 9)).await.1, 3);
        assert_eq!(list(search("e_"), "createdAt", page(1, 9)).await.1, 0);
        assert_eq!(list(search("%"), "createdAt", page(1, 9)).await.1, 0);
        assert_eq!(list(search("FORM.find"), "createdAt", page(1, 9)).await.1, 7);
        let grant = TokenFilter { grant: Some("client_credentials".into()), ..all };
        assert_eq!(s.count_tokens(grant).await.unwrap(), 0);
        assert_eq!(s.count_live_tokens(NOW).await.unwrap(), 6);
        assert!(TokenSort::parse("secret").is_none() && TokenSort::parse("createdAt:up").is_none());
    }
}

on_each! {
    async fn times_of_use_never_go_back(s) {
        s.insert_token(token("t", "c", None)).await.unwrap();
        s.insert_client(client("c")).await.unwrap();
        let before = s.counters().await.unwrap();
        let uses = vec![("t".into(), NOW + 5), ("none".into(), NOW), ("t".into(), NOW + 3)];
        s.touch_tokens(uses).await.unwrap();
        s.touch_tokens(vec![("t".into(), NOW + 1)]).await.unwrap();
        s.touch_clients((0..600).map(|n| ("c".into(), NOW + n)).collect()).await.unwrap();
        assert_eq!(s.token("t").await.unwrap().unwrap().used_at, Some(NOW + 5));
        assert_eq!(s.client("c").await.unwrap().unwrap().last_used_at, Some(NOW + 599));
        assert_eq!(s.counters().await.unwrap(), before);
    }
}
