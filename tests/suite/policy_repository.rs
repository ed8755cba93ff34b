//! Policies from a git repository: what is wrong with a repository, a remote or a commit changes the status, and
//! nothing else.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::{Backend, GitHttps, Options, Repository, Server, backend, eventually, scope};

/// How soon the status follows.
const SOON: Duration = Duration::from_secs(4);

/// The same over https, where git starts several programs for each look and gives up a silent remote after eight seconds.
const AFAR: Duration = Duration::from_secs(20);

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
        // The revert is the test's own, and git must not believe a monitor that tells it nothing.
        repository.git(&["config", "--unset", "core.fsmonitor"]);
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

/// Somebody whose signature is known to the server.
struct Signer {
    folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("ann");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "ssh-keygen");
        let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
        std::fs::write(folder.path().join("signers"), format!("ann@example.com {public}")).expect("written");
        Self { folder }
    }

    /// Only what this one signed is accepted.
    fn required(&self, options: Options) -> Options {
        let signers = self.folder.path().join("signers").display().to_string();
        options.env(&option("SIGNED__REQUIRE"), "true").env(&option("SIGNED__ALLOWED_SIGNERS"), &signers)
    }

    /// Commits what there is, or nothing, with a signature.
    fn commits(&self, repository: &Repository, subject: &str) -> String {
        let key = format!("user.signingkey={}", self.folder.path().join("ann").display());
        repository.git(&["add", "-A"]);
        let commit = ["commit", "-q", "-S", "--allow-empty", "-m", subject];
        repository.git(&[&["-c", "gpg.format=ssh", "-c", &key][..], &commit].concat());
        repository.git(&["rev-parse", "HEAD"])
    }
}

/// A public client's document.
const ONE_MORE: &str = "type: public\nredirect_uris: [\"http://127.0.0.1/cb\"]\n";

#[test]
fn an_unsigned_commit_is_held_back_where_signatures_are_required() {
    let repository = Repository::new();
    let signer = Signer::new();
    let options = signer.required(local(&repository));
    let log = Server::try_start(options.clone()).err().expect("started with an unsigned commit");
    assert!(log.contains("is not signed"), "{log}");
    let signed = signer.commits(&repository, "Signed");
    backend::run_alone(Backend::Sqlite, options, |server| {
        assert_eq!(server.ready()["policy_commit"], signed.as_str());
        repository.write("clients/suite_more.yaml", ONE_MORE);
        repository.commit("Not signed");
        eventually("it is held back", SOON, || server.ready()["policy_stale"] == true);
        assert_eq!(server.ready()["policy_commit"], signed.as_str());
        let after = signer.commits(&repository, "Signed again");
        eventually("a signed one is followed", SOON, || server.ready()["policy_commit"] == after.as_str());
    });
}

/// Y13: a remote over https, with git's own server at the other end: followed, and never believed more than the
/// settings say. What it does wrong changes nothing but the status.
#[test]
fn y13_a_remote_over_https() {
    let repository = Repository::new();
    let signer = Signer::new();
    let first = signer.commits(&repository, "Signed");
    let parent = repository.path().parent().expect("a folder");
    let name = repository.path().file_name().expect("a name").to_string_lossy().into_owned();
    let Some(mut remote) = GitHttps::serve(parent) else { return };
    let options = signer.required(
        Options::default()
            .env(&option("URL"), &remote.url(&name))
            .env(&option("POLL"), "1")
            .env(&option("TIMEOUT"), "8"),
    );
    // A certificate that nobody vouches for is no remote.
    let log = Server::try_start(options.clone()).err().expect("started with an unknown certificate");
    assert!(log.to_lowercase().contains("certificate"), "{log}");
    let options = options.env("GIT_SSL_CAINFO", &remote.authority().display().to_string());
    backend::run_alone(Backend::Sqlite, options, |server| {
        let commit = || server.ready()["policy_commit"].as_str().unwrap_or_default().to_owned();
        let problem = || server.ready()["policy_source"]["problem"].is_string();
        assert_eq!(commit(), first);
        repository.write("clients/suite_more.yaml", ONE_MORE);
        let second = signer.commits(&repository, "One more");
        eventually("the remote is followed", AFAR, || commit() == second);
        repository.write("clients/suite_less.yaml", ONE_MORE);
        repository.commit("Not signed");
        eventually("what is not signed is held back", AFAR, || server.ready()["policy_stale"] == true);
        assert_eq!((commit(), grants(server)), (second.clone(), 1));
        // Somebody takes it back, and what was before as well: the ref is where it is.
        repository.git(&["reset", "-q", "--hard", &first]);
        eventually("a ref that moves backwards is followed", AFAR, || commit() == first);
        assert_eq!(server.ready()["policy_stale"], false);
        for (state, what) in [("hang", "silence"), ("fail", "an error")] {
            remote.state(state);
            eventually(&format!("{what} is reported"), AFAR, problem);
            assert_eq!((commit(), grants(server)), (first.clone(), 1), "{what}");
            assert_eq!(server.ready()["policy_stale"], false, "{what} is no mistake in the policies");
            remote.state("");
            eventually(&format!("{what} is over"), AFAR, || !problem());
        }
        remote.stop();
        eventually("the loss is reported", AFAR, problem);
        assert_eq!((commit(), grants(server)), (first.clone(), 1));
    });
}

/// Where policies come from git, nothing is written beside them, whoever asks and whatever a document says.
#[test]
fn y13_nothing_is_written_beside_a_commit() {
    let repository = Repository::new();
    let managed = crate::harness::policies::service("Managed", &[scope::FIND]) + "managed_by: admin\n";
    repository.write("clients/suite_managed.yaml", &managed);
    repository.commit("A client that the server may write");
    let options = local(&repository).env("GRANTWOOD_POLICIES__ADMIN_WRITES", "files");
    backend::run_alone(Backend::Sqlite, options, |server| {
        let new = crate::harness::fixtures::NewClient::confidential();
        let reply = server.try_client(&new);
        assert_eq!(reply.status, 409, "{reply:?}");
        assert!(reply.text().contains("git repository"), "{reply:?}");
        let list = server
            .manage(reqwest::Method::GET, "clients")
            .query(&[("search", "suite_managed")])
            .send()
            .ok()
            .json();
        let id = list["data"][0]["documentId"].as_str().expect("the client of the commit").to_owned();
        for (method, body) in [
            (reqwest::Method::PUT, serde_json::json!({ "data": { "scopes": [scope::FIND_ONE] } })),
            (reqwest::Method::DELETE, serde_json::Value::Null),
        ] {
            let reply = server.manage(method, &format!("clients/{id}")).json(&body).send();
            assert_eq!(reply.status, 409, "{reply:?}");
            assert!(reply.text().contains("suite_managed"), "it names the file: {reply:?}");
        }
        let commit = repository.git(&["rev-parse", "HEAD"]);
        assert_eq!(server.ready()["policy_commit"], commit.as_str());
        assert_eq!(repository.git(&["status", "--porcelain"]), "", "nothing was written");
        let clients = server.policies().join("clients");
        let written: Vec<_> = std::fs::read_dir(&clients)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("Managed")))
            .collect();
        assert!(written.is_empty(), "{written:?}");
    });
}

/// Commands that name no policies look at the commit of the settings' repository, not at a folder that lies about.
#[test]
fn commands_use_the_repository_of_the_settings() {
    let repository = Repository::new();
    repository.write("clients/suite_git.yaml", &crate::harness::policies::service("Git", &[scope::FIND]));
    repository.commit("A client");
    let here = Repository::new();
    let set = format!("policies.source.git.path={}", repository.path().display());
    let run = |arguments: &[&str]| here.grantwood(&[&["--set", &set][..], arguments].concat());
    run(&["check"]).ends(0).says(&["is valid"]);
    run(&["test"]).ends(0).says(&[" passed, 0 failed"]);
    run(&["why", "--client", "suite_git", "--scope", scope::FIND]).ends(0).says(&["ALLOW"]);
    run(&["plan", "policies"]).ends(0).says(&["loses", "suite_git"]);
    let line = serde_json::json!({
        "event": "decision", "kind": "grant", "request_id": "r", "at_ms": 1_767_614_400_000_i64,
    });
    here.write("../log.jsonl", &format!("{line}\nno JSON\n"));
    run(&["replay", "log.jsonl"]).ends(0);
    // The repository's next commit is what counts then.
    repository.write("global.yaml", "scopes: [nonsense]\n");
    repository.commit("Broken");
    run(&["check"]).ends(3).says(&["policies/global.yaml:1"]);
    run(&["replay", "log.jsonl"]).ends(3).says(&["policies/global.yaml:1"]);
    here.grantwood(&["check"]).ends(0);
}
