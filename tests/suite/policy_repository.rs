//! Policies from a git repository: what is wrong with a repository, a remote or a commit changes the status, and
//! nothing else.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::{Backend, Options, Repository, Server, backend, eventually, scope};

/// How soon the status follows.
const SOON: Duration = Duration::from_secs(4);

fn option(name: &str) -> String {
    format!("GRANTWOOD_POLICIES__SOURCE__GIT__{name}")
}

fn local(repository: &Repository) -> Options {
    Options::default().env(&option("PATH"), &repository.path().display().to_string())
}

/// The scopes of a fresh token of the suite's own client.
fn grants(server: &Server) -> usize {
    let reply = server.present_for(&server.delegate().assertion(server).sign(), scope::FIND);
    usize::from(reply.status == 200)
}

#[test]
fn a_bad_commit_a_lost_branch_and_hooks() {
    let repository = Repository::new();
    let canary = repository.path().join("canary");
    for hook in ["post-checkout", "post-merge", "reference-transaction", "post-index-change"] {
        let path = repository.path().join(".git/hooks").join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", canary.display())).expect("a hook");
        let made = std::process::Command::new("chmod").arg("+x").arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()));
    }
    repository.git(&["config", "core.fsmonitor", &format!("touch {}", canary.display())]);
    backend::run_alone(Backend::Sqlite, local(&repository), |server| {
        let first = server.ready()["policy_commit"].clone();
        repository.write("global.yaml", "scopes: [nonsense]\n");
        repository.commit("Broken");
        // The commands of the test itself run the repository's hooks; from here on nobody but the server is at work.
        let _ = std::fs::remove_file(&canary);
        eventually("the broken commit is reported", SOON, || server.ready()["policy_stale"] == true);
        let ready = server.ready();
        assert_eq!(ready["policy_commit"], first, "{ready}");
        assert_eq!(ready["policy_errors"][0]["file"], "policies/global.yaml", "{ready}");
        assert_eq!(grants(server), 1);
        // Asked by hand, it is tried again, and refused again.
        assert_eq!(server.manage(reqwest::Method::POST, "policies/reload").send().status, 409);
        assert!(!canary.exists(), "something of the repository ran");
        repository.git(&["branch", "-m", "main", "away"]);
        eventually("the lost branch is reported", SOON, || {
            server.ready()["policy_errors"][0]["error"]
                .as_str()
                .is_some_and(|why| why.contains("no commit main"))
        });
        assert_eq!(grants(server), 1);
        repository.git(&["branch", "-m", "away", "main"]);
        repository.git(&["revert", "--no-edit", "HEAD"]);
        eventually("all is well again", SOON, || server.ready()["policy_stale"] == false);
        let rows = server.manage(reqwest::Method::GET, "policies/reloads").send().ok().json();
        let outcomes: Vec<&str> =
            rows["data"].as_array().expect("rows").iter().filter_map(|row| row["outcome"].as_str()).collect();
        assert!(outcomes.contains(&"failed") && outcomes.contains(&"started"), "{rows}");
        assert!(rows.to_string().contains("nonsense"), "the error is kept: {rows}");
        // Nothing is written into a commit.
        let reply = server
            .manage(reqwest::Method::PUT, "global-settings/global")
            .json(&serde_json::json!({ "data": { "scopes": [scope::FIND] } }))
            .send();
        assert!([404, 409].contains(&reply.status), "{reply:?}");
    });
}

#[test]
fn a_remote_that_vanishes_or_hangs_changes_nothing_but_the_status() {
    let repository = Repository::new();
    let url = format!("file://{}", repository.path().display());
    let options =
        Options::default().env(&option("URL"), &url).env(&option("POLL"), "1").env(&option("TIMEOUT"), "2");
    backend::run_alone(Backend::Sqlite, options, |server| {
        repository
            .write("clients/suite_more.yaml", "type: public\nredirect_uris: [\"http://127.0.0.1/cb\"]\n");
        let second = repository.commit("One more");
        eventually("the remote is followed", 2 * SOON, || server.ready()["policy_commit"] == second.as_str());
        assert!(server.folder().join("data/policies.git/HEAD").is_file(), "a mirror of its own");
        let moved = repository.path().with_extension("moved");
        std::fs::rename(repository.path(), &moved).expect("moved");
        eventually("the loss is reported", 2 * SOON, || {
            server.ready()["policy_source"]["problem"].is_string()
        });
        let ready = server.ready();
        assert_eq!(
            (&ready["policy_commit"], &ready["policy_stale"]),
            (&second.as_str().into(), &false.into())
        );
        assert_eq!(grants(server), 1);
        // A restart without the remote begins with what was fetched.
        server.crash_and_restart();
        assert_eq!(server.ready()["policy_commit"], second.as_str());
        std::fs::rename(&moved, repository.path()).expect("moved back");
        eventually("the remote is back", 2 * SOON, || server.ready()["policy_source"]["problem"].is_null());
    });

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://127.0.0.1:{}/policies.git", silent.local_addr().expect("bound").port());
    let began = Instant::now();
    let log = Server::try_start(Options::default().env(&option("URL"), &url).env(&option("TIMEOUT"), "1"))
        .err()
        .expect("started without policies");
    assert!(log.contains("does not answer within 1 s"), "{log}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_unsigned_commit_is_held_back_where_signatures_are_required() {
    let repository = Repository::new();
    let keys = tempfile::tempdir().expect("a folder");
    let key = keys.path().join("ann");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ssh-keygen");
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    let signers = keys.path().join("allowed_signers");
    std::fs::write(&signers, format!("ann@example.com {public}")).expect("written");
    let options = local(&repository)
        .env(&option("SIGNED__REQUIRE"), "true")
        .env(&option("SIGNED__ALLOWED_SIGNERS"), &signers.display().to_string());
    let log = Server::try_start(options.clone()).err().expect("started with an unsigned commit");
    assert!(log.contains("is not signed"), "{log}");
    let signing = format!("user.signingkey={}", key.display());
    let sign = |subject: &str| {
        repository.git(&[
            "-c",
            "gpg.format=ssh",
            "-c",
            &signing,
            "commit",
            "-q",
            "-S",
            "--allow-empty",
            "-m",
            subject,
        ]);
        repository.git(&["rev-parse", "HEAD"])
    };
    let signed = sign("Signed");
    backend::run_alone(Backend::Sqlite, options, |server| {
        assert_eq!(server.ready()["policy_commit"], signed.as_str());
        repository
            .write("clients/suite_more.yaml", "type: public\nredirect_uris: [\"http://127.0.0.1/cb\"]\n");
        repository.commit("Not signed");
        eventually("it is held back", SOON, || server.ready()["policy_stale"] == true);
        assert_eq!(server.ready()["policy_commit"], signed.as_str());
        let after = sign("Signed again");
        eventually("a signed one is followed", SOON, || server.ready()["policy_commit"] == after.as_str());
    });
}
