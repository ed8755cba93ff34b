//! The system's `git`, as a reader of objects. Nothing of a repository is carried out: no hook, no filter, no
//! helper of its configuration; nothing of the machine's configuration is read; nothing is checked out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{Bounds, Failed, output};

/// For questions to a repository on this machine.
const LOCAL: Bounds = Bounds { time: Duration::from_secs(30), bytes: 512 << 20 };
/// Settings of a repository that would start programs or reach elsewhere, each overridden.
const OFF: [&str; 15] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.askPass=",
    "core.alternateRefsCommand=true",
    "core.sshCommand=",
    "core.gitProxy=",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "gpg.program=gpg",
    "gpg.ssh.program=ssh-keygen",
    // The folder may belong to another user (a volume of a container); what it could do then is what is off here.
    "safe.directory=*",
];

/// A repository, worked tree or bare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    folder: PathBuf,
}

/// A commit, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id, hexadecimal.
    pub id: String,
    /// `Ann <ann@example.com>`; empty where only the id is known.
    pub author: String,
    /// When it was committed (seconds since 1970, UTC); 0 where only the id is known.
    pub time_s: i64,
    /// The first line of its message.
    pub subject: String,
}

impl CommitInfo {
    /// A commit of which only the id is known.
    pub fn only(id: String) -> Self {
        Self { id, ..Self::default() }
    }

    /// Enough of the id to find it.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

impl Git {
    /// The repository around a folder, or the bare repository that it is.
    ///
    /// # Errors
    /// In words: no repository, no `git`.
    pub fn around(folder: &Path) -> Result<Self, String> {
        let this = Self { folder: folder.to_owned() };
        match this.ask(&["rev-parse", "--git-dir"]) {
            Ok(_) => Ok(this),
            Err(Failed::Said(..)) => Err(format!("{} is in no git repository", folder.display())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The folder that it was found by.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of the commit that a revision names.
    ///
    /// # Errors
    /// In words.
    pub fn commit_id(&self, revision: &str) -> Result<String, String> {
        if revision.is_empty() || revision.starts_with('-') || revision.chars().any(char::is_control) {
            return Err(format!("{} is no git revision", revision.escape_debug()));
        }
        self.id(&format!("{revision}^{{commit}}"))
            .ok_or_else(|| format!("no commit {revision} in the repository of {}", self.folder.display()))
    }

    /// The commit from which two went apart.
    ///
    /// # Errors
    /// In words.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<String, String> {
        let out = self.ask(&["merge-base", a, b]).map_err(|_| "the two have no common commit".to_owned())?;
        hash(&out).ok_or_else(|| "git answers no commit".to_owned())
    }

    /// The id of the tree of a folder of a commit.
    pub(super) fn tree_id(&self, commit: &str, subfolder: &str) -> Option<String> {
        let id = self.id(&format!("{commit}:{subfolder}"))?;
        (self.ask(&["cat-file", "-t", &id]).ok()?.trim_ascii() == b"tree").then_some(id)
    }

    fn id(&self, what: &str) -> Option<String> {
        hash(&self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", what]).ok()?)
    }

    /// What a commit says about itself.
    ///
    /// # Errors
    /// In words.
    pub fn info(&self, id: &str) -> Result<CommitInfo, String> {
        let bytes = self.ask(&["cat-file", "commit", id]).map_err(|error| error.to_string())?;
        Ok(parse_commit(id, &String::from_utf8_lossy(&bytes)))
    }

    /// Asks the repository. The arguments are ours, or were checked not to be options.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, Failed> {
        self.ask_with(arguments, Vec::new())
    }

    /// Asks with an input.
    pub(super) fn ask_with(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, Failed> {
        let mut command = self.command();
        // A missing object must not be fetched from whatever place the repository names.
        command.env("GIT_ALLOW_PROTOCOL", "none").args(arguments);
        output(command, input, LOCAL)
    }

    /// `git` with nothing from outside.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ]);
        command.arg("--no-pager").arg("-C").arg(&self.folder);
        for setting in OFF {
            command.args(["-c", setting]);
        }
        command
    }
}

/// Reads the answer of a question for an id.
fn hash(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    (matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// `author Ann <ann@example.com> 1767614400 +0000`, an empty line, the message.
fn parse_commit(id: &str, text: &str) -> CommitInfo {
    let mut info = CommitInfo::only(id.to_owned());
    let (head, message) = text.split_once("\n\n").unwrap_or((text, ""));
    for line in head.lines() {
        if let Some(rest) = line.strip_prefix("author ") {
            info.author = line_of(rest.rsplit_once('>').map_or(rest, |(name, _)| name)) + ">";
        } else if let Some(rest) = line.strip_prefix("committer ") {
            let stamp = rest.rsplit_once("> ").map_or("", |(_, stamp)| stamp);
            info.time_s = stamp.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
        }
    }
    info.subject = line_of(message.lines().next().unwrap_or_default());
    info
}

/// A text of somebody else's in one printable line.
fn line_of(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says() {
        let info = parse_commit(
            "id",
            "tree x\nauthor A B <a@b> 1 +0000\ncommitter C <c@d> 1767614400 +0100\n\nSubject\x1b\n\nmore",
        );
        assert_eq!((info.author.as_str(), info.time_s), ("A B <a@b>", 1_767_614_400));
        assert_eq!(info.subject, "Subject?");
        assert_eq!(parse_commit("id", "").author, "");
    }
}
