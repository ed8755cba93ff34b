//! Section Y: the policy engine at the start and in decisions. (Edits while it runs: reload.rs.)

use serde_json::json;

use crate::harness::fixtures::NewClient;
use crate::harness::{Backend, Options, Server, backend, keys, policies, scope};

/// Starting with this document must be refused, naming the file.
#[track_caller]
fn refuses(path: &str, content: &str) -> String {
    match Server::try_start(Options::default().document(path, content)) {
        Ok(_) => panic!("started with {path}:\n{content}"),
        Err(log) => {
            let file = path.rsplit('/').next().expect("a name");
            assert!(log.contains(file), "the error does not name {file}: {log}");
            log
        }
    }
}

/// Y1, D13, BB2: a forbid that errors while it is evaluated denies; Cedar alone would skip it.
#[test]
fn y01_an_erroring_forbid_denies() {
    let rule = format!(
        "forbid (principal == Client::\"{}\", action in Action::\"grant\", resource)\n\
         when {{ 9223372036854775807 + 1 > 0 }};\n",
        policies::DELEGATE
    );
    backend::run_alone(Backend::Sqlite, Options::default().document("rules/erring.cedar", &rule), |server| {
        let reply = server.present(&server.delegate().assertion(server).sign());
        assert_ne!(reply.status, 200, "{reply:?}");
        assert_ne!(reply.status, 500, "{reply:?}");
        let other = server.jwt_client(&[]);
        server.present(&other.assertion(server).sign()).access_token();
    });
}

/// Y3, Y5, Y7, Y10: a set with a mistake never starts, and the message says where it is.
#[test]
fn y03_y05_y07_y10_a_bad_set_refuses_to_start() {
    let client = "name: X\ntype: confidential\ngrants: [jwt-bearer]\nauth: private_key_jwt\n";
    refuses("rules/bad.cedar", "permit (principal, action");
    refuses("rules/bad.cedar", "permit (principal, action, resource) when { context.nothing == 1 };");
    refuses(
        "clients/bad.yaml",
        &format!("{client}public_keys: [keys/absent.pem]\nscopes:\n  - {}\n", scope::FIND),
    );
    let log = refuses(
        "clients/bad.yaml",
        &format!("{client}public_keys: [keys/suite.pem]\nscopes:\n  - api::form.form.fnd\n"),
    );
    assert!(log.contains(scope::FIND), "a hint with the nearest action: {log}");
    refuses("clients/bad.yaml", &format!("{client}public_keys: [keys/suite.pem]\nnonsense: 1\nscopes: []\n"));
    refuses("clients/bad.yaml", &format!("{client}name: Twice\npublic_keys: [keys/suite.pem]\nscopes: []\n"));
    refuses("roles/bad.yaml", "title: X\nactions:\n  - api::form.form.nothing\n");
    refuses("global.yaml", "scopes:\n  - api::form.form.find\nsurprise: yes\n");
}

/// Y3, Y4: no folder and an empty folder refuse the start too.
#[test]
fn y03_y04_no_policies() {
    let empty = tempfile::tempdir().expect("a folder");
    for folder in [empty.path().to_path_buf(), empty.path().join("absent")] {
        let options = Options { policies: Some(folder), ..Options::default() };
        assert!(Server::try_start(options).is_err(), "started without policies");
    }
}

/// Y9: a link out of the folder at the start; the message shows nothing of what it points to.
#[test]
fn y09_links_out_of_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = folder.path().join("policies");
    policies::copy_shipped(&set);
    std::fs::write(folder.path().join("secret"), "canary-of-a-foreign-file").expect("written");
    std::os::unix::fs::symlink("../../secret", set.join("rules/link.cedar")).expect("a link");
    let started = Server::try_start(Options { policies: Some(set), ..Options::default() });
    let log = started.err().expect("started with a link out of the folder");
    assert!(log.contains("link.cedar") && !log.contains("canary"), "{log}");
}

on_both! {
    /// Y11: administrators learn which policy set decided.
    fn y11_the_revision_is_named(server: &Server) {
        let revision = server.ready().to_string();
        let reply = server.manage(reqwest::Method::GET, "clients").send().ok();
        let named =
            reply.headers.iter().any(|(_, value)| value.len() >= 12 && revision.contains(value.as_str()));
        assert!(named, "no header names the revision: {reply:?}");
    }

    /// Y12: names cannot break out of the policies that are made from them.
    fn y12_no_policy_injection(server: &Server) {
        for name in [
            "a\"); permit(principal,action,resource); //",
            "${x}\n}",
            "\\\"",
            "User::\"admin\"",
            "\u{202e}",
            "-- '; DROP TABLE x",
        ] {
            let reply = server.try_client(&NewClient::confidential().with("name", name));
            assert!([201, 400].contains(&reply.status), "{name}: {reply:?}");
            for field in ["groups", "scopes"] {
                let reply = server.try_client(&NewClient::confidential().with(field, json!([name])));
                assert_eq!(reply.status, 400, "{field} {name}: {reply:?}");
            }
        }
        let client = server.jwt_client(&[scope::FIND]);
        assert_eq!(
            server.present_for(&client.assertion(server).sign(), scope::DELETE).error(),
            "invalid_scope"
        );
    }

    /// Y13, D20: documents of the folder are not written through the API unless they say so.
    fn y13_folder_documents_belong_to_git(server: &Server) {
        let list = server
            .manage(reqwest::Method::GET, "clients")
            .query(&[("pageSize", "100"), ("search", policies::DELEGATE)])
            .send()
            .ok()
            .json();
        let row = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["clientId"] == policies::DELEGATE)
            .cloned();
        let id = row.expect("file clients are listed")["documentId"].as_str().expect("documentId").to_owned();
        let path = format!("clients/{id}");
        let reply = server
            .manage(reqwest::Method::PUT, &path)
            .json(&json!({ "data": { "scopes": [scope::FIND] } }))
            .send();
        assert_eq!(reply.status, 409, "{reply:?}");
        assert!(reply.text().contains(policies::DELEGATE), "names the file: {reply:?}");
        assert_eq!(server.manage(reqwest::Method::DELETE, &path).send().status, 409);
    }

    /// Design §3: the same id in file and database is refused where it can be seen coming.
    fn a_key_of_a_file_client_is_the_files(server: &Server) {
        let delegate = server.delegate();
        assert_eq!(delegate.key.map(|key| key.public), Some(keys::CLIENT.public));
        server.present_for(&delegate.assertion(server).sign(), scope::FIND).access_token();
    }
}
