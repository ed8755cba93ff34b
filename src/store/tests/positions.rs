//! Long lists by position, and bytes that are read once. The window of the tests is 8 rows.

use super::*;

/// Walks a list to its end; answers the jtis page by page.
async fn walk(s: &Store, filter: &TokenFilter, clock: TokenClock, descending: bool) -> Vec<Vec<String>> {
    let mut stretch = Stretch::first(3);
    let mut pages = Vec::new();
    loop {
        let part = s.scan_tokens(filter.clone(), clock, descending, stretch).await.unwrap();
        pages.push(part.rows.iter().map(|row| row.jti.clone()).collect());
        match part.after {
            None => return pages,
            Some(from) => stretch = Stretch { from: Some(from), back: false, size: 3 },
        }
        assert!(pages.len() < 50, "{pages:?}");
    }
}

on_each! {
    async fn a_walk_meets_each_token_once(s) {
        for n in 0..20_i64 {
            let mut new = token(&format!("t{n:02}"), if n % 4 == 0 { "few" } else { "many" }, Some("u"));
            // Three of a time, so that the identifier decides among them.
            new.created_at = NOW + n / 3;
            new.expires_at = NOW + 1_000 - n;
            s.insert_token(new).await.unwrap();
        }
        s.revoke("t07", NOW).await.unwrap();
        let all = TokenFilter { now: NOW, ..TokenFilter::default() };
        for clock in [TokenClock::Created, TokenClock::Expires] {
            for descending in [true, false] {
                let mut seen: Vec<String> = walk(s, &all, clock, descending).await.concat();
                assert_eq!(seen.len(), 20, "{clock:?} {descending}");
                seen.sort();
                seen.dedup();
                assert_eq!(seen.len(), 20);
            }
        }
        let few = TokenFilter { client: Some("few".into()), now: NOW, ..TokenFilter::default() };
        for clock in [TokenClock::Created, TokenClock::Expires] {
            assert_eq!(walk(s, &few, clock, true).await.concat().len(), 5, "{clock:?}");
        }
        // What the window does not reach is found by going on, also when a page is empty.
        let revoked = TokenFilter { status: Some(TokenStatus::Revoked), user: Some("u".into()), now: NOW, ..TokenFilter::default() };
        let pages = walk(s, &revoked, TokenClock::Created, true).await;
        assert_eq!(pages.concat(), ["t07"]);
        assert!(pages.len() > 1, "the first window held none: {pages:?}");
        let count = s.count_tokens_nearby(all).await.unwrap();
        assert!(count.or_more && count.found == WINDOW, "{count:?}");
        let count = s.count_tokens_nearby(few).await.unwrap();
        assert_eq!(count, Counted { found: 5, or_more: false });
    }
}

on_each! {
    async fn a_walk_goes_back_the_way_it_came(s) {
        for n in 0..7 {
            let mut new = token(&format!("t{n}"), "c", None);
            new.created_at = NOW + n / 2;
            s.insert_token(new).await.unwrap();
        }
        let all = TokenFilter { now: NOW, ..TokenFilter::default() };
        let first = s.scan_tokens(all.clone(), TokenClock::Created, true, Stretch::first(3)).await.unwrap();
        assert!(first.before.is_none() && !first.window_ended);
        let second = Stretch { from: first.after, back: false, size: 3 };
        let second = s.scan_tokens(all.clone(), TokenClock::Created, true, second).await.unwrap();
        let back = Stretch { from: second.before, back: true, size: 3 };
        let back = s.scan_tokens(all, TokenClock::Created, true, back).await.unwrap();
        assert_eq!(back.rows, first.rows);
        assert!(back.before.is_none() && back.after.is_some());
    }
}

on_each! {
    async fn sealed_bytes_are_taken_once_by_their_user(s) {
        s.keep_once(hash("k"), "ann", vec![1, 2], NOW + 10, NOW).await.unwrap();
        assert_eq!(s.take_once(hash("k"), "bob", NOW).await.unwrap(), None);
        // Whoever asks wrongly has spoilt it: it is never there for a second guess.
        assert_eq!(s.take_once(hash("k"), "ann", NOW).await.unwrap(), None);
        s.keep_once(hash("k"), "ann", vec![1, 2], NOW + 10, NOW).await.unwrap();
        assert_eq!(s.take_once(hash("k"), "ann", NOW).await.unwrap(), Some(vec![1, 2]));
        assert_eq!(s.take_once(hash("k"), "ann", NOW).await.unwrap(), None);
        s.keep_once(hash("late"), "ann", vec![3], NOW + 10, NOW).await.unwrap();
        assert_eq!(s.take_once(hash("late"), "ann", NOW + 10).await.unwrap(), None);
    }
}

on_each! {
    async fn the_audit_log_goes_by_position(s) {
        for n in 0..12 {
            s.insert_audit(AuditRow {
                id: format!("a{n:02}"), at: NOW + n / 2, actor: "ann".into(), actor_kind: "user".into(),
                action: if n == 1 { "admin:rare" } else { "admin:often" }.into(), target: "t".into(),
                decision: "allow".into(), policies: String::new(), revision: String::new(),
                request_id: String::new(), ip: String::new(), detail: "{}".into(),
                kind: if n % 2 == 0 { KIND_GRANT } else { KIND_ADMIN }.into(), jti: None,
            }).await.unwrap();
        }
        let walk = |filter: AuditFilter| async move {
            let (mut stretch, mut found) = (Stretch::first(2), Vec::new());
            loop {
                let part = s.scan_audit(filter.clone(), stretch).await.unwrap();
                found.extend(part.rows.into_iter().map(|row| row.id));
                match part.after {
                    None => return found,
                    Some(from) => stretch = Stretch { from: Some(from), back: false, size: 2 },
                }
            }
        };
        assert_eq!(walk(AuditFilter::default()).await.len(), 12);
        let administration = AuditFilter { kind: Some(KIND_ADMIN.into()), ..AuditFilter::default() };
        assert_eq!(walk(administration.clone()).await, ["a11", "a09", "a07", "a05", "a03", "a01"]);
        let rare = AuditFilter { action: Some("admin:rare".into()), ..AuditFilter::default() };
        assert_eq!(walk(rare).await, ["a01"], "beyond the first window");
        let count = s.count_audit_nearby(administration).await.unwrap();
        assert_eq!(count, Counted { found: 6, or_more: false });
        assert!(s.audit_entry("a03").await.unwrap().is_some() && s.audit_entry("x").await.unwrap().is_none());
    }
}
