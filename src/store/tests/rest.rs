//! Pending authorizations, keys, audit, cleanup, migrations.

use super::*;

on_each! {
    async fn an_authorization_is_answered_once(s) {
        for name in ["a", "b"] {
            assert!(s.insert_authorization(authorization(name), 2, NOW).await.unwrap());
        }
        assert!(!s.insert_authorization(authorization("c"), 2, NOW).await.unwrap());
        assert_eq!(s.authorization(hash("a")).await.unwrap().unwrap(), authorization("a"));
        assert!(s.update_authorization(hash("a"), "{\"x\":1}".into(), NOW).await.unwrap());
        assert_eq!(s.authorization(hash("a")).await.unwrap().unwrap().request, "{\"x\":1}");
        assert!(s.finish_authorization(hash("a"), NOW).await.unwrap());
        assert!(!s.finish_authorization(hash("a"), NOW).await.unwrap());
        assert!(!s.update_authorization(hash("a"), "{}".into(), NOW).await.unwrap());
        assert!(!s.finish_authorization(hash("b"), NOW + 600_000).await.unwrap(), "past its time");
        // An answered one makes room.
        assert!(s.insert_authorization(authorization("c"), 2, NOW).await.unwrap());
        assert!(!s.insert_authorization(authorization("d"), 2, NOW).await.unwrap());
        // So does time.
        assert!(s.insert_authorization(authorization("d"), 2, NOW + 600_000).await.unwrap());
    }
}

fn key(kid: &str) -> KeyRow {
    KeyRow {
        kid: kid.into(),
        alg: "RS256".into(),
        private_pem: "-----BEGIN PRIVATE KEY-----".into(),
        public_jwk: "{}".into(),
        created_at: NOW,
        active_from: NOW,
        retired_at: None,
    }
}

on_each! {
    async fn keys_come_and_go(s) {
        assert!(s.insert_first_key(key("k1")).await.unwrap());
        assert!(!s.insert_first_key(key("k2")).await.unwrap());
        assert!(s.insert_first_key(KeyRow { alg: "ES256".into(), ..key("k3") }).await.unwrap());
        assert!(s.insert_key(key("k2")).await.unwrap());
        assert!(!s.insert_key(key("k2")).await.unwrap());
        assert!(s.retire_key("k1", NOW + 1).await.unwrap());
        assert!(!s.retire_key("k1", NOW + 2).await.unwrap());
        let keys = s.keys().await.unwrap();
        let seen: Vec<_> = keys.iter().map(|k| (k.kid.as_str(), k.retired_at)).collect();
        assert_eq!(seen, [("k1", Some(NOW + 1)), ("k2", None), ("k3", None)]);
        assert!(s.delete_key("k1").await.unwrap());
        assert!(!s.delete_key("k1").await.unwrap());
        assert!(s.counters().await.unwrap().keys >= 5);
        assert!(!format!("{:?}", key("k")).contains("PRIVATE"));
    }
}

on_each! {
    async fn the_audit_log_is_read_back(s) {
        for n in 0..5 {
            let entry = AuditRow {
                id: format!("a{n}"),
                at: NOW + n,
                actor: if n < 2 { "ann" } else { "bob" }.into(),
                actor_kind: "user".into(),
                action: "admin:client.update".into(),
                target: format!("c{n}"),
                decision: if n == 4 { "deny" } else { "allow" }.into(),
                policies: "p1 p2".into(),
                revision: "r".into(),
                request_id: "q".into(),
                ip: String::new(),
                detail: "{}".into(),
                kind: KIND_ADMIN.into(),
                jti: None,
            };
            s.insert_audit(entry).await.unwrap();
        }
        let list = |filter| async move {
            let listed = s.list_audit(filter, Page { page: 1, size: 2 }).await.unwrap();
            (listed.rows.into_iter().map(|a| a.id).collect::<Vec<_>>().join(" "), listed.total)
        };
        let all = AuditFilter::default();
        assert_eq!(list(all.clone()).await, ("a4 a3".into(), 5));
        assert_eq!(list(AuditFilter { actor: Some("ann".into()), ..all.clone() }).await, ("a1 a0".into(), 2));
        assert_eq!(list(AuditFilter { decision: Some("deny".into()), ..all.clone() }).await.1, 1);
        assert_eq!(list(AuditFilter { target: Some("c3".into()), ..all.clone() }).await.0, "a3");
        assert_eq!(list(AuditFilter { action: Some("x".into()), ..all.clone() }).await.1, 0);
        let some = AuditFilter { since: Some(NOW + 1), until: Some(NOW + 3), ..all };
        assert_eq!(list(some).await, ("a2 a1".into(), 2));
    }
}

on_each! {
    async fn what_expired_goes_in_its_time(s) {
        for n in 0..5 {
            s.insert_token(token(&format!("t{n}"), "c", None)).await.unwrap();
            s.insert_code(code(&format!("k{n}"))).await.unwrap();
            let usage = AssertionUse { issuer: "i".into(), replay_key: n.to_string(), expires_at: NOW };
            s.record_assertion(usage).await.unwrap();
            s.insert_session(session(&n.to_string(), "u")).await.unwrap();
            s.insert_authorization(authorization(&n.to_string()), 99, NOW).await.unwrap();
        }
        s.insert_token(NewToken { expires_at: NOW + 9 * DAY, ..token("live", "c", None) }).await.unwrap();
        assert_eq!(s.cleanup(NOW, 2).await.unwrap(), Cleaned::default());
        let first = s.cleanup(NOW + DAY, 2).await.unwrap();
        let expected = Cleaned { assertions: 5, sessions: 5, authorizations: 5, ..Cleaned::default() };
        assert_eq!(first, expected, "codes and tokens stay for a day after their time");
        let second = s.cleanup(NOW + DAY + 3_600_000, 2).await.unwrap();
        assert_eq!(second, Cleaned { codes: 5, tokens: 5, ..Cleaned::default() });
        assert!(s.token("live").await.unwrap().is_some());
    }
}

on_each! {
    async fn nul_is_a_fault_of_ours_and_no_outage(s) {
        if s.backend() == "postgres" {
            let outcome = s.insert_token(token("a\0b", "c", None)).await;
            assert!(matches!(outcome, Err(Fault::Inconsistent(_))), "{outcome:?}");
        }
        let twice = [s.insert_token(token("t", "c", None)).await, s.insert_token(token("t", "c", None)).await];
        assert!(matches!(twice, [Ok(()), Err(Fault::Inconsistent(_))]), "{twice:?}");
        s.ping().await.unwrap();
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| {
        let folder = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

on_each! {
    async fn grants_are_found_by_request_and_token_and_go_with_time(s) {
        let entry = |id: &str, kind: &str, request: &str, jti: Option<&str>, at| AuditRow {
            id: id.into(),
            at,
            actor: "c".into(),
            actor_kind: "client".into(),
            action: "grant:jwt_bearer".into(),
            target: String::new(),
            decision: "allow".into(),
            policies: String::new(),
            revision: "r".into(),
            request_id: request.into(),
            ip: String::new(),
            detail: "{}".into(),
            kind: kind.into(),
            jti: jti.map(str::to_owned),
        };
        let rows = vec![
            entry("r1", KIND_GRANT, "r1", Some("j1"), NOW),
            // A second entry of one id is none: the first stays.
            entry("r1", KIND_GRANT, "r1", Some("j9"), NOW),
            entry("r2", KIND_GRANT, "r2", None, NOW + 10),
            entry("a1", KIND_ADMIN, "r3", None, NOW),
        ];
        s.insert_audits(rows).await.unwrap();
        let ids = |request: &'static str| async move {
            s.audit_of_request(request).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!((ids("r1").await, ids("r3").await), (vec!["r1".to_owned()], vec!["a1".to_owned()]));
        assert!(ids("a1").await.is_empty() && ids("nobody\0").await.is_empty());
        assert_eq!(s.audit_of_token("j1").await.unwrap().map(|row| row.id), Some("r1".to_owned()));
        assert!(s.audit_of_token("j9").await.unwrap().is_none());
        assert_eq!(s.cleanup_grants(NOW, 1).await.unwrap(), 1);
        assert!(ids("r1").await.is_empty());
        assert_eq!((ids("r2").await.len(), ids("r3").await.len()), (1, 1));
    }
}
