//! Following a ref: what a remote, a signature or a repository does wrong changes nothing but the status.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::follow::{Followed, Follower, Repository};
use super::tests::{commit, git, repository};
use crate::policy::tests::options;
use crate::policy::{Engine, Options, Reload};

fn follower(from: Repository, signers: Option<PathBuf>) -> Follower {
    Follower::new(Followed {
        from,
        reference: "main".to_owned(),
        subfolder: "policies".to_owned(),
        timeout: Duration::from_secs(1),
        signers,
    })
}

fn remote(url: &str, mirror: &Path) -> Repository {
    Repository::Remote { url: url.to_owned(), mirror: mirror.join("policies.git") }
}

fn id(follower: &Follower) -> String {
    follower.look().unwrap().tree.commit().unwrap().id
}

#[test]
fn a_remote_is_mirrored_and_may_vanish() {
    let repo = repository();
    let data = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repo.path().display());
    // What the remote would run on a fetch, and what it would bring along.
    for hook in ["post-checkout", "reference-transaction", "post-merge"] {
        let canary = data.path().join("canary");
        fs::write(data.path().join(hook), format!("#!/bin/sh\ntouch {}\n", canary.display())).unwrap();
    }
    let follows = follower(remote(&url, data.path()), None);
    let first = id(&follows);
    assert_eq!(first, git(repo.path(), &["rev-parse", "main"]));
    fs::remove_file(repo.path().join("policies/clients/partner.yaml")).unwrap();
    let second = commit(repo.path(), "Without partner");
    assert_eq!(id(&follows), second);
    assert!(!data.path().join("canary").exists());
    assert!(!data.path().join("policies.git/hooks").exists(), "no template brought hooks");

    // Force-pushed: the ref is where it is.
    git(repo.path(), &["reset", "-q", "--hard", &first]);
    assert_eq!(id(&follows), first);

    let moved = data.path().join("elsewhere");
    fs::rename(repo.path(), &moved).unwrap();
    let sight = follows.look().unwrap();
    assert_eq!(sight.tree.commit().unwrap().id, first);
    assert!(sight.problem.is_some(), "the status says so");
    // A server that starts now starts with what was fetched.
    assert_eq!(id(&follower(remote(&url, data.path()), None)), first);
    let nothing = tempfile::tempdir().unwrap();
    assert!(follower(remote(&url, nothing.path()), None).look().is_err());
    fs::rename(&moved, repo.path()).unwrap();
    assert!(follows.look().unwrap().problem.is_none());
}

#[test]
fn a_remote_that_hangs_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/policies.git", silent.local_addr().unwrap().port());
    let data = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let why = follower(remote(&url, data.path()), None).look().unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(why.contains("does not answer within 1 s"), "{why}");
}

#[test]
fn only_three_protocols() {
    let data = tempfile::tempdir().unwrap();
    let canary = data.path().join("canary");
    let command = format!("ext::sh -c touch% {}", canary.display());
    for url in [command.as_str(), "http://127.0.0.1:1/x", "git://127.0.0.1:1/x", "--upload-pack=/bin/true"] {
        assert!(follower(remote(url, data.path()), None).look().is_err(), "{url}");
    }
    assert!(!canary.exists());
    let secret = follower(remote("https://ann:s3cret@127.0.0.1:1/x", data.path()), None);
    assert!(!secret.title().contains("s3cret") && !secret.look().unwrap_err().contains("s3cret"));
}

#[test]
fn only_signed_commits_if_that_is_asked() {
    let repo = repository();
    let root = repo.path();
    let keys = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = keys.path().join(name);
        let mut command = std::process::Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path);
        assert!(command.status().unwrap().success());
        (path.display().to_string(), fs::read_to_string(path.with_extension("pub")).unwrap())
    };
    let ((ann, ann_public), (eve, _)) = (make("ann"), make("eve"));
    let signers = keys.path().join("allowed_signers");
    fs::write(&signers, format!("ann@example.com {ann_public}")).unwrap();
    let follows = follower(Repository::Local(root.to_owned()), Some(signers.clone()));
    let sign = |key: &str, subject: &str| {
        let key = format!("user.signingkey={key}");
        git(
            root,
            &["-c", "gpg.format=ssh", "-c", &key, "commit", "-q", "--allow-empty", "-S", "-m", subject],
        );
        git(root, &["rev-parse", "HEAD"])
    };
    assert!(follows.look().unwrap_err().contains("is not signed"));
    let good = sign(&ann, "Signed by Ann");
    assert_eq!(id(&follows), good);
    sign(&eve, "Signed by Eve");
    let why = follows.look().unwrap_err();
    assert!(why.contains("no signature of a known key"), "{why}");
    // The repository cannot bring its own keys or its own judge.
    git(root, &["config", "gpg.ssh.allowedSignersFile", keys.path().join("eve.pub").to_str().unwrap()]);
    git(root, &["config", "gpg.ssh.program", "/bin/true"]);
    assert!(follows.look().is_err());
    assert_eq!(id(&follower(Repository::Local(root.to_owned()), None)), git(root, &["rev-parse", "HEAD"]));
    git(root, &["reset", "-q", "--hard", &good]);
    assert_eq!(id(&follows), good);
    // A commit that is signed over other content.
    let raw = git(root, &["cat-file", "commit", &good]).replace("Signed by Ann", "Signed by Bob") + "\n";
    fs::write(keys.path().join("forged"), raw).unwrap();
    let path = keys.path().join("forged").display().to_string();
    let forged = git(root, &["hash-object", "-t", "commit", "-w", &path]);
    git(root, &["update-ref", "refs/heads/main", &forged]);
    assert!(follows.look().is_err());
}

#[test]
fn the_engine_follows_and_remembers() {
    let repo = repository();
    let root = repo.path();
    let follows = follower(Repository::Local(root.to_owned()), None);
    let engine = Engine::open(Options { tree: follows.look().unwrap().tree, ..options(root) }).unwrap();
    let yes = |_: &crate::policy::Snapshot| Ok(());
    let step = |at| engine.follow(follows.look().unwrap().tree, false, at, &yes);
    assert_eq!(step(1), Reload::Unchanged);
    fs::remove_file(root.join("policies/clients/partner.yaml")).unwrap();
    let second = commit(root, "Without partner");
    assert!(matches!(step(2), Reload::Swapped { .. }));
    assert_eq!(engine.current().commit(), Some(second.as_str()));
    // Another commit with the same policies is the commit in force from then on.
    fs::write(root.join("README"), "x").unwrap();
    let third = commit(root, "Something else");
    assert!(matches!(step(3), Reload::Swapped { .. }));
    assert_eq!(engine.current().commit(), Some(third.as_str()));
    fs::write(root.join("policies/global.yaml"), "scopes: [nonsense]\n").unwrap();
    let bad = commit(root, "Bad");
    assert_eq!((step(4), step(5)), (Reload::Kept, Reload::Unchanged));
    assert_eq!(engine.status().commit_id(), Some(third.as_str()));
    assert_eq!(engine.status().held_back[0].file, "policies/global.yaml");
    git(root, &["branch", "-m", "gone"]);
    let why = follows.look().unwrap_err();
    assert_eq!((engine.refuse("x", &why, 6), engine.refuse("x", &why, 7)), (Reload::Kept, Reload::Unchanged));
    git(root, &["branch", "-m", "main"]);
    git(root, &["revert", "--no-edit", "HEAD"]);
    assert!(matches!(step(8), Reload::Swapped { .. }));
    assert!(engine.status().held_back.is_empty());

    let attempts = engine.take_attempts();
    let outcomes: Vec<&str> = attempts.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, ["started", "loaded", "loaded", "failed", "failed", "loaded"]);
    assert_eq!(attempts[1].changes.documents.removed, ["clients/partner.yaml"]);
    assert!(attempts[1].changes.policies.removed.contains(&"client.partner".to_owned()));
    assert!(attempts[1].diff.contains("--- a/clients/partner.yaml\n+++ /dev/null"), "{}", attempts[1].diff);
    assert_eq!(attempts[3].commit.as_ref().map(|commit| commit.id.as_str()), Some(bad.as_str()));
    assert!(
        attempts[3].errors[0].message.contains("nonsense")
            && attempts[3].diff.contains("+scopes: [nonsense]")
    );
    assert!(engine.take_attempts().is_empty());
}
