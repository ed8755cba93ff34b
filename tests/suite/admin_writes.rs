//! Who may write which document (design §3): `policies.admin_writes`, `managed_by`, and the 409 that names the file.

use serde_json::json;

use crate::harness::fixtures::NewClient;
use crate::harness::{Backend, Options, Server, backend, scope};

const SETTING: &str = "GRANTWOOD_POLICIES__ADMIN_WRITES";

fn file_of(server: &Server, client_id: &str) -> std::path::PathBuf {
    server.policies().join(format!("clients/{client_id}.yaml"))
}

/// `files`: a client of the API is a document of the folder, in force when the answer comes.
#[test]
fn d20_files_become_documents() {
    for kind in [Backend::Sqlite, Backend::Postgres] {
        backend::run_alone(kind, Options::default().env(SETTING, "files"), |server| {
            let made = server.try_client(&NewClient::confidential());
            assert_eq!(made.status, 201, "{made:?}");
            let data = made.json()["data"].clone();
            let id = data["clientId"].as_str().expect("clientId").to_owned();
            assert_eq!(data["createdType"], "FILE");
            assert!(data["clientSecret"].is_string(), "the secret is shown this once");
            let text = std::fs::read_to_string(file_of(server, &id)).expect("a document");
            assert!(text.contains("managed_by: admin") && !text.contains("gws_"), "{text}");
            let path = format!("clients/{id}");
            let changed = server
                .manage(reqwest::Method::PUT, &path)
                .json(&json!({ "data": { "scopes": [scope::FIND] } }))
                .send();
            assert_eq!(changed.status, 200, "{changed:?}");
            assert_eq!(changed.json()["data"]["scopes"], json!([scope::FIND]));
            assert_eq!(server.manage(reqwest::Method::DELETE, &path).send().status, 204);
            assert!(!file_of(server, &id).exists());
            assert_eq!(server.manage(reqwest::Method::GET, &path).send().status, 404);
        });
    }
}

/// `off`: clients are files, and the answer says so.
#[test]
fn d20_off_refuses() {
    backend::run_alone(Backend::Sqlite, Options::default().env(SETTING, "off"), |server| {
        let refused = server.try_client(&NewClient::confidential());
        assert_eq!(refused.status, 409, "{refused:?}");
        assert!(refused.text().contains("policies/clients"), "{refused:?}");
    });
}

/// The ceiling is written where its document says so, with its comments kept, and not where git manages it.
#[test]
fn d20_the_ceiling_is_written_where_it_says_so() {
    backend::run_alone(Backend::Sqlite, Options::default(), |server| {
        let path = server.policies().join("global.yaml");
        let before = std::fs::read_to_string(&path).expect("global.yaml");
        let put = |scopes: &[&str]| {
            server
                .manage(reqwest::Method::PUT, "global-settings/global")
                .json(&json!({ "data": { "scopes": scopes } }))
                .send()
        };
        assert_eq!(put(&["api::form.form.fnd"]).status, 400);
        assert_eq!(std::fs::read_to_string(&path).expect("unchanged"), before);
        let done = put(&[scope::FIND, scope::FIND_ONE]);
        assert_eq!(done.status, 200, "{done:?}");
        assert_eq!(done.json()["data"]["scopes"], json!([scope::FIND, scope::FIND_ONE]));
        let after = std::fs::read_to_string(&path).expect("global.yaml");
        assert_eq!(after.lines().next(), before.lines().next(), "the comments stay");
        crate::harness::policies::write(&path, after.replace("managed_by: admin\n", ""));
        crate::harness::eventually("git manages it", crate::harness::BOUND, || {
            put(&[scope::FIND]).status == 409
        });
    });
}
