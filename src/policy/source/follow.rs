//! Follows a ref of a repository: asks where it stands, has the commit's objects at hand, and accepts the commit.
//! A remote repository is fetched into a private bare mirror; one on this machine is read where it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Tree;
use super::commit::CommitTree;
use super::git::Git;
use super::process::{Bounds, Failed, output, without_credentials};

/// Where the mirror keeps what it fetched.
const FETCHED: &str = "refs/grantwood/followed";
/// What `ssh` may do here: everything but ask somebody.
const SSH: &str = "ssh -oBatchMode=yes -oConnectTimeout=10";
/// What of the environment a fetch may see: how to reach the remote, and with which key.
const KEPT: [&str; 14] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Which ref of which repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The repository.
    pub from: Repository,
    /// Branch, tag or full name of a ref.
    pub reference: String,
    /// The policy folder in it; empty = its root.
    pub subfolder: String,
    /// How long a fetch may take.
    pub timeout: Duration,
    /// Only commits with an SSH signature by a key of this file are accepted (`ssh-keygen(1)`, allowed signers).
    pub signers: Option<PathBuf>,
}

/// A repository to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repository {
    /// On this machine: a worked tree or a bare repository.
    Local(PathBuf),
    /// Somewhere else (`https`, `ssh`, `file`), with the folder of the private mirror.
    Remote {
        /// Its URL.
        url: String,
        /// The mirror's folder.
        mirror: PathBuf,
    },
}

/// Follows a ref.
#[derive(Debug)]
pub struct Follower {
    followed: Followed,
    /// The commit that was accepted last; it need not be verified again. Held while it looks.
    accepted: Mutex<Option<CommitTree>>,
}

/// Where the ref stands.
#[derive(Debug)]
pub struct Sight {
    /// The policy folder of its commit.
    pub tree: Tree,
    /// Why the remote could not be asked; the tree is what was fetched before then.
    pub problem: Option<String>,
}

impl Follower {
    /// Nothing is asked yet.
    pub fn new(followed: Followed) -> Self {
        Self { followed, accepted: Mutex::new(None) }
    }

    /// What it follows, for people: without the name and the password of a URL.
    pub fn title(&self) -> String {
        let place = match &self.followed.from {
            Repository::Local(path) => path.display().to_string(),
            Repository::Remote { url, .. } => without_credentials(url),
        };
        format!("{place} {}:{}", self.followed.reference, self.followed.subfolder)
    }

    /// Asks where the ref stands. Blocks, at most for about the timeout.
    ///
    /// # Errors
    /// In words: there is no commit to load, or it is not to be trusted.
    pub fn look(&self) -> Result<Sight, String> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let (git, reference, problem) = match &self.followed.from {
            Repository::Local(path) => (Git::around(path)?, self.followed.reference.as_str(), None),
            Repository::Remote { url, mirror } => {
                let git = mirror_at(mirror)?;
                let problem = self.fetch(&git, url).err();
                (git, FETCHED, problem)
            }
        };
        let id = git.commit_id(reference).map_err(|why| problem.clone().unwrap_or(why))?;
        if let Some(tree) = accepted.as_ref().filter(|tree| tree.commit.id == id) {
            return Ok(Sight { tree: Tree::Commit(Box::new(tree.clone())), problem });
        }
        self.verify(&git, &id)?;
        let tree = CommitTree::open(&git, &id, &self.followed.subfolder)?;
        *accepted = Some(tree.clone());
        Ok(Sight { tree: Tree::Commit(Box::new(tree)), problem })
    }

    fn fetch(&self, git: &Git, url: &str) -> Result<(), String> {
        let reference = &self.followed.reference;
        if !is_ref(reference) || url.starts_with('-') {
            return Err(format!("{} is no ref to follow", reference.escape_debug()));
        }
        let mut command = git.command();
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", SSH);
        }
        command.env("GIT_ALLOW_PROTOCOL", "https:ssh:file");
        command.args(["-c", "transfer.fsckObjects=true", "-c", "transfer.bundleURI=false"]);
        command.args([
            "fetch",
            "--quiet",
            "--force",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
        ]);
        command.args(["--depth=1", "--end-of-options", url, &format!("+{reference}:{FETCHED}")]);
        let bounds = Bounds { time: self.followed.timeout, bytes: 1 << 20 };
        match output(command, Vec::new(), bounds) {
            Ok(_) => Ok(()),
            Err(Failed::Said(_, why)) => Err(format!("{}: {why}", without_credentials(url))),
            Err(error) => Err(format!("{}: {error}", without_credentials(url))),
        }
    }

    /// A commit is accepted if nothing asks for a signature, or if it has a good one of a known key.
    fn verify(&self, git: &Git, id: &str) -> Result<(), String> {
        let Some(signers) = &self.followed.signers else { return Ok(()) };
        let signers = std::path::absolute(signers).map_err(|error| error.to_string())?;
        let mut command = git.command();
        // Signatures of OpenPGP and X.509 would be held to whatever keyring this user has.
        command.args([
            "-c",
            "gpg.program=false",
            "-c",
            "gpg.openpgp.program=false",
            "-c",
            "gpg.x509.program=false",
        ]);
        command.args(["-c", "gpg.format=ssh", "-c"]);
        command.arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        command.args(["-c", "gpg.ssh.revocationFile=", "-c", "gpg.minTrustLevel=fully", "verify-commit", id]);
        let bounds = Bounds { time: Duration::from_secs(10), bytes: 1 << 20 };
        let short = &id[..id.len().min(12)];
        match output(command, Vec::new(), bounds) {
            Ok(_) => Ok(()),
            Err(Failed::Said(_, why)) if why.is_empty() => Err(format!("commit {short} is not signed")),
            Err(Failed::Said(_, why)) => {
                Err(format!("commit {short} has no signature of a known key: {why}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Opens the mirror, or makes it. It belongs to the server alone.
fn mirror_at(folder: &Path) -> Result<Git, String> {
    if !folder.join("HEAD").is_file() {
        let mut command = Command::new("git");
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("LC_ALL", "C")]);
        // No template: it could bring hooks.
        command.args(["init", "--quiet", "--bare", "--template=", "--"]).arg(folder);
        let bounds = Bounds { time: Duration::from_secs(10), bytes: 1 << 20 };
        output(command, Vec::new(), bounds).map_err(|error| error.to_string())?;
    }
    Git::around(folder)
}

/// The name of a ref, and nothing that `git` would read as more than that.
fn is_ref(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with(['-', '/', '.'])
        && !name.contains("..")
        && name.chars().all(plain)
}
