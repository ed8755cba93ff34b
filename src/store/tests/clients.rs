//! Clients.

use super::*;

on_each! {
    async fn a_client_lives(s) {
        let start = s.counters().await.unwrap();
        assert!(s.insert_client(client("c")).await.unwrap());
        let twin = ClientRow { document_id: "other".into(), ..client("c") };
        assert!(!s.insert_client(twin).await.unwrap());
        assert_eq!(s.client("c").await.unwrap().unwrap(), client("c"));
        assert_eq!(s.client_by_document("doc-c").await.unwrap().unwrap(), client("c"));
        assert!(s.client("C").await.unwrap().is_none());
        assert!(s.client("c\0").await.unwrap().is_none());

        let change = ClientChange {
            name: Some("New".into()),
            active: Some(false),
            document: Some(None),
            owner: Some(Some("ann".into())),
            updated_at: NOW + 1,
            ..ClientChange::default()
        };
        assert!(s.update_client("doc-c", change.clone()).await.unwrap());
        assert!(!s.update_client("none", change).await.unwrap());
        let row = s.client("c").await.unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.active, row.document), ("New", false, None));
        assert_eq!((row.owner.as_deref(), row.secret_hash), (Some("ann"), Some(hash("c"))));
        let counters = s.counters().await.unwrap();
        assert!(counters.clients > start.clients);
        assert_eq!((counters.users, counters.keys), (start.users, start.keys));
    }
}

on_each! {
    async fn a_secret_rotates(s) {
        s.insert_client(client("c")).await.unwrap();
        assert!(s.rotate_secret("doc-c", hash("new"), Some(NOW + 9), NOW).await.unwrap());
        let row = s.client("c").await.unwrap().unwrap();
        assert_eq!((row.secret_hash, row.old_secret_hash), (Some(hash("new")), Some(hash("c"))));
        assert_eq!(row.old_secret_until, Some(NOW + 9));
        assert!(s.rotate_secret("doc-c", hash("newer"), None, NOW).await.unwrap());
        let row = s.client("c").await.unwrap().unwrap();
        assert_eq!((row.secret_hash, row.old_secret_hash), (Some(hash("newer")), None));
        assert_eq!(row.old_secret_until, None);
        assert!(!s.rotate_secret("none", hash("x"), None, NOW).await.unwrap());
        assert!(!format!("{row:?}").contains("SecretHash(["));
    }
}

on_each! {
    async fn a_client_goes_with_all_it_had(s) {
        s.insert_client(client("c")).await.unwrap();
        s.insert_client(client("other")).await.unwrap();
        for n in 0..5 {
            s.insert_token(token(&format!("t{n}"), "c", Some("u"))).await.unwrap();
        }
        s.insert_token(token("kept", "other", Some("u"))).await.unwrap();
        s.insert_code(code("k")).await.unwrap();
        s.insert_authorization(authorization("a"), 9, NOW).await.unwrap();
        let consent = NewConsent {
            document_id: "d".into(), user_id: "u".into(), client_id: "c".into(), scopes: vec!["x".into()],
        };
        s.grant_consent(consent, NOW).await.unwrap();

        assert!(s.delete_client("doc-c", NOW).await.unwrap());
        assert!(!s.delete_client("doc-c", NOW).await.unwrap());
        assert!(s.client("c").await.unwrap().is_none());
        assert!(s.code(hash("k")).await.unwrap().is_none());
        assert!(s.consent("u", "c").await.unwrap().is_none());
        assert!(s.authorization(hash("a")).await.unwrap().is_none());
        assert!(s.token("t4").await.unwrap().is_none());
        assert_eq!(s.count_tokens(TokenFilter::default()).await.unwrap(), 1);
        assert!(s.token("kept").await.unwrap().is_some());
    }
}

fn file(id: &str, name: &str) -> FileClient {
    FileClient {
        document_id: format!("file-{id}"),
        client_id: id.into(),
        name: name.into(),
        client_type: "PUBLIC".into(),
        owner: None,
    }
}

on_each! {
    async fn clients_of_files_have_rows(s) {
        s.insert_client(client("db")).await.unwrap();
        let files = vec![file("f1", "One"), file("f2", "Two"), file("db", "Mine")];
        let first = s.ensure_file_clients(files.clone(), NOW).await.unwrap();
        assert_eq!(first, FileClients { added: 2, refreshed: 0, taken: vec!["db".into()] });
        let counters = s.counters().await.unwrap();
        let again = s.ensure_file_clients(files, NOW + 1).await.unwrap();
        assert_eq!((again.added, again.refreshed), (0, 0));
        assert_eq!(s.counters().await.unwrap(), counters, "nothing changed, nothing to load");

        let off = ClientChange { active: Some(false), updated_at: NOW, ..ClientChange::default() };
        s.update_client("file-f1", off).await.unwrap();
        let renamed = FileClient { document_id: "ignored".into(), ..file("f1", "Uno") };
        assert_eq!(s.ensure_file_clients(vec![renamed], NOW + 2).await.unwrap().refreshed, 1);
        let row = s.client("f1").await.unwrap().unwrap();
        assert_eq!((row.document_id.as_str(), row.name.as_str(), row.active), ("file-f1", "Uno", false));
        assert_eq!(row.origin, ORIGIN_FILE);
        assert_eq!(s.client("db").await.unwrap().unwrap().name, "Client db");

        let among = ["f1", "db", "none"].map(String::from).to_vec();
        assert_eq!(s.database_ids(among).await.unwrap(), ["db"]);
        let loaded = s.database_clients().await.unwrap();
        assert_eq!(loaded.into_iter().map(|c| c.client_id).collect::<Vec<_>>(), ["db"]);
    }
}

on_each! {
    async fn clients_are_listed(s) {
        for (n, (id, name, owner)) in
            [("b", "50% off", None), ("a", "50 off", Some("Ann")), ("c", "ÄPFEL_x", None)].into_iter().enumerate()
        {
            let row = ClientRow {
                name: name.into(), owner: owner.map(Into::into), created_at: NOW + n as i64,
                active: n != 2, ..client(id)
            };
            s.insert_client(row).await.unwrap();
        }
        let list = |filter: ClientFilter, sort: &'static str| async move {
            let sort = ClientSort::parse(sort).unwrap();
            let listed = s.list_clients(filter.clone(), sort, Page::first(10)).await.unwrap();
            assert_eq!(listed.total, s.count_clients(filter).await.unwrap());
            listed.rows.into_iter().map(|c| c.client_id).collect::<Vec<_>>().join(" ")
        };
        let search = |words: &str| ClientFilter { search: Some(words.into()), ..ClientFilter::default() };
        assert_eq!(list(ClientFilter::default(), "clientId").await, "a b c");
        assert_eq!(list(ClientFilter::default(), "createdAt:desc").await, "c a b");
        assert_eq!(list(search("0% O"), "name").await, "b");
        assert_eq!(list(search("ann"), "name").await, "a");
        assert_eq!(list(search("äpfel_"), "name").await, "c");
        assert_eq!(list(search("l_o"), "name").await, "");
        assert_eq!(list(search("\\"), "name").await, "");
        assert_eq!(list(search("x\0"), "name").await, "c");
        let filter = ClientFilter {
            ids: Some(vec!["a".into(), "c".into()]), active: Some(true), kind: Some("CONFIDENTIAL".into()),
            origin: Some(ORIGIN_DATABASE.into()), owner: Some("Ann".into()),
            ..ClientFilter::default()
        };
        assert_eq!(list(filter, "lastUsedAt").await, "a");
        assert_eq!(list(ClientFilter { ids: Some(vec![]), ..ClientFilter::default() }, "name").await, "");
        assert!(ClientSort::parse("secretHash").is_none());
    }
}
