//! The three kinds of trees are one to the loader, and what does not belong into a policy set is refused in each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Git, Here, Tree, resolve, resolve_pair};
use crate::policy::tests::{options, shipped};
use crate::policy::{Engine, LoadFailed, Options};

/// Runs git in a folder as a person would.
pub(in crate::policy) fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => fs::write(to.join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

/// A repository with the shipped policies in `policies/`, committed on `main`.
pub(super) fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    copy(&shipped(), &dir.path().join("policies"));
    commit(dir.path(), "The shipped policies");
    dir
}

pub(super) fn commit(folder: &Path, subject: &str) -> String {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", subject]);
    git(folder, &["rev-parse", "HEAD"])
}

fn here(folder: &Path) -> Here {
    Here { folder: folder.to_owned(), subfolder: "policies".to_owned() }
}

fn load(tree: Tree) -> Result<Engine, LoadFailed> {
    Engine::open(Options { tree, ..options(Path::new("")) })
}

fn revision(tree: Tree) -> String {
    load(tree).unwrap_or_else(|failed| panic!("{failed}")).current().revision().to_string()
}

#[track_caller]
fn refused(tree: Tree, file: &str, why: &str) {
    let failed = load(tree).err().expect("loaded").to_string();
    assert!(failed.contains(file) && failed.contains(why), "{failed}");
}

#[test]
fn a_folder_a_commit_and_a_bundle_are_one_set() {
    let repo = repository();
    let root = repo.path();
    let wanted = revision(Tree::Folder(shipped()));
    let id = git(root, &["rev-parse", "HEAD"]);
    for name in ["HEAD", "main", &id, "HEAD:policies", "main:policies/"] {
        assert_eq!(revision(resolve(name, &here(root)).unwrap()), wanted, "{name}");
    }
    let engine = load(resolve("main", &here(&root.join("policies/clients"))).unwrap()).ok().unwrap();
    let snapshot = engine.current();
    let info = snapshot.commit_info().unwrap();
    assert_eq!((info.id.as_str(), info.subject.as_str()), (id.as_str(), "The shipped policies"));
    assert_eq!(info.author, "Ann <ann@example.com>");
    assert!(info.time_s > 1_700_000_000);
    assert_eq!(resolve(&root.display().to_string(), &here(root)), Ok(Tree::Folder(root.join("policies"))));

    let tar = |arguments: &[&str]| {
        let done = Command::new("tar").current_dir(root).args(arguments).status().unwrap();
        assert!(done.success());
    };
    tar(&["czf", "a.tgz", "policies"]);
    tar(&["cf", "b.tar", "-C", "policies", "."]);
    git(root, &["archive", "--format=tar.gz", "--prefix=repo-1/", "-o", "c.tgz", "HEAD"]);
    for bundle in ["a.tgz", "b.tar", "c.tgz"] {
        assert_eq!(revision(resolve(bundle, &here(root)).unwrap()), wanted, "{bundle}");
    }
}

#[test]
fn what_stands_in_the_work_tree_does_not_count() {
    let repo = repository();
    let root = repo.path();
    fs::write(root.join("policies/global.yaml"), "scopes: [nonsense]\n").unwrap();
    git(root, &["add", "-A"]);
    assert_eq!(revision(resolve("HEAD", &here(root)).unwrap()), revision(Tree::Folder(shipped())));
    commit(root, "Broken");
    let failed = load(resolve("HEAD", &here(root)).unwrap()).err().unwrap();
    let found = &failed.0[0];
    assert_eq!((found.file.as_str(), found.line, found.column), ("policies/global.yaml", 1, 10), "{found}");
    assert_eq!(found.snippet.as_deref(), Some("scopes: [nonsense]"));
}

#[test]
fn pairs() {
    let repo = repository();
    let root = repo.path();
    let first = git(root, &["rev-parse", "HEAD"]);
    git(root, &["checkout", "-q", "-b", "change"]);
    fs::remove_file(root.join("policies/clients/partner.yaml")).unwrap();
    let second = commit(root, "Change");
    git(root, &["checkout", "-q", "main"]);
    fs::remove_file(root.join("policies/rules/owners.cedar")).unwrap();
    commit(root, "Meanwhile");
    let ids = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let (old, new) = resolve_pair(&arguments, &here(root)).unwrap();
        (old.commit().unwrap().id, new.commit().unwrap().id)
    };
    assert_eq!(ids(&["main~1..change"]), (first.clone(), second.clone()));
    assert_eq!(ids(&["main...change"]), (first.clone(), second.clone()));
    assert_eq!(ids(&["main~1", "change"]), (first, second));
    for wrong in ["absent", "--output=/tmp/x", "main:absent", "main:../x", "main:/etc", "main\n"] {
        assert!(resolve(wrong, &here(root)).is_err(), "{wrong:?}");
    }
    let outside = tempfile::tempdir().unwrap();
    assert!(resolve("main", &here(outside.path())).unwrap_err().contains("no git repository"));
}

#[test]
fn y9_links_submodules_and_large_files_of_a_commit_are_refused() {
    let repo = repository();
    let root = repo.path();
    let head = || resolve("HEAD", &here(root)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("policies/rules/link.cedar")).unwrap();
    commit(root, "A link");
    refused(head(), "policies/rules/link.cedar", "symbolic link");
    git(root, &["rm", "-q", "policies/rules/link.cedar"]);

    let id = git(root, &["rev-parse", "HEAD"]);
    git(root, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},policies/keys")]);
    git(root, &["commit", "-q", "-m", "A submodule"]);
    refused(head(), "policies/keys", "submodule");
    git(root, &["rm", "-q", "--cached", "policies/keys"]);

    fs::write(root.join("policies/rules/large.cedar"), "/".repeat((1 << 20) + 1)).unwrap();
    commit(root, "Large");
    refused(head(), "policies/rules/large.cedar", "larger than 1 MiB");
    fs::write(root.join("policies/rules/large.cedar"), "a\0b").unwrap();
    commit(root, "NUL");
    refused(head(), "policies/rules/large.cedar", "NUL");
    fs::remove_file(root.join("policies/rules/large.cedar")).unwrap();
    fs::create_dir_all(root.join("policies/clients/deep.yaml")).unwrap();
    fs::write(root.join("policies/clients/deep.yaml/x"), "").unwrap();
    commit(root, "A folder");
    refused(head(), "policies/clients/deep.yaml", "not a regular file");
}

#[test]
fn nothing_of_a_repository_is_carried_out() {
    let repo = repository();
    let root = repo.path();
    let canary = root.join("canary");
    let script = format!("#!/bin/sh\ntouch {}\n", canary.display());
    let tool = root.join("tool");
    fs::write(&tool, &script).unwrap();
    let done = Command::new("chmod").arg("+x").arg(&tool).status().unwrap();
    assert!(done.success());
    let shown = tool.display().to_string();
    for hook in ["post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"] {
        fs::copy(&tool, root.join(".git/hooks").join(hook)).unwrap();
    }
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
        "filter.x.smudge",
        "diff.x.textconv",
    ] {
        git(root, &["config", key, &shown]);
    }
    fs::write(root.join(".git/info/attributes"), "* filter=x diff=x\n").unwrap();
    // A replaced commit: what the id names counts, not what the repository says instead of it.
    let id = git(root, &["rev-parse", "HEAD"]);
    let other = git(root, &["commit-tree", "-m", "Other", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"]);
    git(root, &["replace", &id, &other]);
    let _ = fs::remove_file(&canary);
    assert_eq!(revision(resolve(&id, &here(root)).unwrap()), revision(Tree::Folder(shipped())));
    assert!(!canary.exists(), "a program of the repository ran");
    assert!(Git::around(root).unwrap().commit_id("main").is_ok());
}

/// A tar with one hostile entry beside a good document.
fn bundle(dir: &Path, name: &[u8], kind: tar::EntryType, size: u64, link: Option<&str>) -> PathBuf {
    let path = dir.join("x.tar");
    let mut builder = tar::Builder::new(fs::File::create(&path).unwrap());
    let mut add = |name: &[u8], kind, size: u64, body: &[u8], link: Option<&str>| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        if let Some(link) = link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        builder.append(&header, body).unwrap();
    };
    add(b"global.yaml", tar::EntryType::Regular, 11, b"scopes: []\n", None);
    add(name, kind, size, b"", link);
    drop(builder);
    path
}

#[test]
fn hostile_bundles() {
    let dir = tempfile::tempdir().unwrap();
    use tar::EntryType as Type;
    type Row = (&'static [u8], Type, u64, Option<&'static str>, &'static str);
    let rows: [Row; 7] = [
        (b"../../etc/x.yaml", Type::Regular, 0, None, "leaves the policy folder"),
        (b"clients/../../x.yaml", Type::Regular, 0, None, "leaves the policy folder"),
        (b"/etc/passwd", Type::Regular, 0, None, "leaves the policy folder"),
        (b"clients/x.yaml", Type::Symlink, 0, Some("/etc/passwd"), "a link"),
        (b"clients/x.yaml", Type::Link, 0, Some("global.yaml"), "a link"),
        (b"clients/x.yaml", Type::Fifo, 0, None, "not a regular file"),
        (b"global.yaml", Type::Regular, 0, None, "stands twice"),
    ];
    for (name, kind, size, link, why) in rows {
        let path = bundle(dir.path(), name, kind, size, link);
        refused(Tree::Bundle(path), "x.tar", why);
    }
    let huge = bundle(dir.path(), b"clients/x.yaml", Type::Regular, 8 << 30, None);
    refused(Tree::Bundle(huge), "x.tar", "");

    let zeros = dir.path().join("bomb.tgz");
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(&zeros).unwrap(), flate2::Compression::best());
    let mut header = tar::Header::new_gnu();
    header.set_path("clients/x.yaml").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    use std::io::Write as _;
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..300 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap();
    refused(Tree::Bundle(zeros), "bomb.tgz", "256 MiB");

    fs::write(dir.path().join("text"), "not an archive").unwrap();
    refused(Tree::Bundle(dir.path().join("text")), "text", "not a tar archive");
    refused(Tree::Bundle(PathBuf::from("/dev/zero")), "/dev/zero", "not a regular file");
}
