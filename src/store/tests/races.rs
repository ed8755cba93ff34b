//! What may happen once happens once, whoever is quickest.

use std::future::Future;

use super::*;

/// Runs 16 of them at once and collects the answers.
async fn sixteen<T, F>(make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..16).map(|n| tokio::spawn(make(n))).collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

on_each! {
    async fn one_code_has_one_winner(s) {
        for round in 0..20 {
            let name = format!("k{round}");
            s.insert_code(code(&name)).await.unwrap();
            let answers = sixteen(|n| {
                let (s, name) = (s.clone(), name.clone());
                async move { s.redeem(hash(&name), NOW, token(&format!("{name}-{n}"), "c", None)).await.unwrap() }
            })
            .await;
            assert_eq!(answers.iter().filter(|a| **a == Redeemed::Now).count(), 1);
            // The losers end what the winner got, and only one of them finds it live.
            let revoked: usize = answers
                .iter()
                .map(|a| match a { Redeemed::Before { revoked } => *revoked, Redeemed::Now => 0 })
                .sum();
            assert_eq!(revoked, 1);
            assert_eq!(s.count_live_tokens(NOW).await.unwrap(), 0);
        }
    }
}

on_each! {
    async fn one_assertion_has_one_winner(s) {
        for round in 0..20 {
            let answers = sixteen(|n| {
                let s = s.clone();
                let usage = AssertionUse { issuer: "i".into(), replay_key: round.to_string(), expires_at: NOW };
                async move {
                    let token = token(&format!("{round}-{n}"), "c", None);
                    s.insert_token_with_assertion(token, usage).await.unwrap()
                }
            })
            .await;
            assert_eq!(answers.iter().filter(|a| **a == Inserted::Now).count(), 1);
            assert_eq!(s.count_live_tokens(NOW).await.unwrap(), round + 1);
        }
    }
}

on_each! {
    async fn one_first_user_and_one_first_key(s) {
        let users = sixteen(|n| {
            let s = s.clone();
            async move { s.insert_first_user(user(&format!("admin{n}"))).await.unwrap() }
        })
        .await;
        assert_eq!(users.iter().filter(|won| **won).count(), 1);
        assert_eq!(s.count_users().await.unwrap(), 1);
        let keys = sixteen(|n| {
            let s = s.clone();
            let key = KeyRow {
                kid: n.to_string(), alg: "RS256".into(), private_pem: String::new(), public_jwk: String::new(),
                created_at: NOW, active_from: NOW, retired_at: None,
            };
            async move { s.insert_first_key(key).await.unwrap() }
        })
        .await;
        assert_eq!(keys.iter().filter(|won| **won).count(), 1);
    }
}

on_each! {
    async fn agreements_at_once_are_all_remembered(s) {
        sixteen(|n| {
            let s = s.clone();
            let consent = NewConsent {
                document_id: n.to_string(), user_id: "u".into(), client_id: "c".into(),
                scopes: vec![format!("s{n:02}")],
            };
            async move { s.grant_consent(consent, NOW).await.unwrap() }
        })
        .await;
        let scopes = s.consent("u", "c").await.unwrap().unwrap().scopes;
        assert_eq!(scopes.split(' ').count(), 16);
    }
}

on_each! {
    async fn withdrawal_wins_over_a_redemption_at_the_same_time(s) {
        for round in 0..20 {
            let name = format!("k{round}");
            let consent = NewConsent {
                document_id: name.clone(), user_id: "u".into(), client_id: "c".into(), scopes: vec!["a".into()],
            };
            s.grant_consent(consent, NOW).await.unwrap();
            s.insert_code(code(&name)).await.unwrap();
            let redeeming = {
                let (s, name) = (s.clone(), name.clone());
                tokio::spawn(async move { s.redeem(hash(&name), NOW, token(&name, "c", Some("u"))).await })
            };
            s.withdraw("u", ConsentKey::Client("c".into()), NOW).await.unwrap().unwrap();
            redeeming.await.unwrap().unwrap();
            assert_eq!(s.count_live_tokens(NOW).await.unwrap(), 0, "round {round}");
        }
    }
}

on_each! {
    async fn writers_of_one_feature_do_not_deadlock(s) {
        sixteen(|n| {
            let s = s.clone();
            async move {
                for round in 0..10 {
                    s.insert_client(client(&format!("c{n}-{round}"))).await.unwrap();
                    s.insert_client(client("shared")).await.unwrap();
                    s.rotate_secret("doc-shared", hash("x"), None, NOW).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(s.count_clients(ClientFilter::default()).await.unwrap(), 161);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn replicas_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite:{}", folder.path().join("new/g.db").display())];
    // A schema that is still empty.
    let db = Db::postgres();
    if let Some(db) = &db {
        let Schema { server, name: schema } = db.schema.as_ref().unwrap();
        let again = format!("DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}");
        PgConnection::establish(server).unwrap().batch_execute(&again).unwrap();
        urls.push(db.url.clone());
    }
    for url in urls {
        let starting: Vec<_> = (0..6)
            .map(|n| {
                let url = url.clone();
                tokio::task::spawn_blocking(move || Store::open(&url).unwrap_or_else(|e| panic!("{n}: {e}")))
            })
            .collect();
        let mut stores = Vec::new();
        for one in starting {
            stores.push(one.await.unwrap());
        }
        // All of them are the same database.
        stores[0].insert_token(token("t", "c", None)).await.unwrap();
        for store in &stores {
            assert!(store.token("t").await.unwrap().is_some());
        }
    }
}

on_each! {
    /// T6: as many attempts as there are places pass, however many come at once; a window later they do again.
    async fn t06_failed_sign_ins_are_counted_once_each(s) {
        let address = Place { hash: hash("address"), most: 12 };
        let account = Place { hash: hash("account"), most: 5 };
        let take = |places: Vec<Place>, now: i64| {
            let s = s.clone();
            async move { s.take_sign_in_places(places, 1_000, now).await.unwrap() }
        };
        let passed = |answers: &[Option<i64>]| answers.iter().filter(|end| end.is_none()).count();
        let answers = sixteen(|_| take(vec![address, account], NOW)).await;
        assert_eq!(passed(&answers), 5);
        assert!(answers.iter().flatten().all(|end| *end == NOW + 1_000), "{answers:?}");
        // The other account of the address has what the address has left, which is nothing: sixteen attempts took 12.
        let other = Place { hash: hash("other"), most: 5 };
        assert!(take(vec![address, other], NOW).await.is_some());
        assert!(take(vec![other], NOW + 999).await.is_none(), "another address is not affected");
        // A success gives a place back; nothing goes below none.
        s.give_back_sign_in_places(vec![account.hash, hash("nobody")]).await.unwrap();
        assert_eq!(passed(&sixteen(|_| take(vec![account], NOW + 1)).await), 1);
        // The window ends, and a clock that was wrong does not lock anybody out for longer.
        assert_eq!(passed(&sixteen(|_| take(vec![account], NOW + 1_000)).await), 5);
        assert_eq!(passed(&sixteen(|_| take(vec![account], NOW - DAY)).await), 5);
        s.cleanup(NOW + DAY, 10).await.unwrap();
        assert!(take(vec![account], NOW).await.is_none());
    }
}
