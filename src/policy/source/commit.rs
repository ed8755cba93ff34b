//! The policy files of a commit, from git's objects.

use std::collections::HashMap;
use std::path::Path;

use super::arrange::{Entry, Wanted, arrange};
use super::git::{CommitInfo, Git};
use crate::policy::diagnostics::Diagnostic;
use crate::policy::files::{Folder, MAX_BYTES, Source, text};

/// Most bytes of all files together.
pub(super) const MAX_TOTAL: u64 = 256 << 20;

/// A folder of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTree {
    /// The repository.
    pub git: Git,
    /// The commit.
    pub commit: CommitInfo,
    /// The policy folder in it, without slashes at its ends; empty = the commit's root.
    pub subfolder: String,
}

#[derive(Clone)]
struct Blob {
    id: String,
    size: u64,
}

impl CommitTree {
    /// A folder of a commit; asks whether it is there.
    ///
    /// # Errors
    /// In words.
    pub fn open(git: &Git, commit_id: &str, subfolder: &str) -> Result<Self, String> {
        let subfolder = clean(subfolder)?;
        let commit = git.info(commit_id)?;
        if git.tree_id(commit_id, &subfolder).is_none() {
            return Err(format!("commit {} has no folder {subfolder}", commit.short()));
        }
        Ok(Self { git: git.clone(), commit, subfolder })
    }

    /// Reads every file that counts.
    pub(super) fn read(&self) -> Folder {
        let label = Path::new(&self.subfolder);
        let failed = |why: String| {
            let file = if self.subfolder.is_empty() { "." } else { &self.subfolder };
            Folder { sources: Vec::new(), errors: vec![Diagnostic::file(file, why)] }
        };
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(why) => return failed(why),
        };
        let (wanted, mut errors) = arrange(label, entries);
        if wanted.iter().map(|one| one.what.size).sum::<u64>() > MAX_TOTAL {
            return failed(format!("more than {} MiB", MAX_TOTAL >> 20));
        }
        let contents = match self.contents(&wanted) {
            Ok(contents) => contents,
            Err(why) => return failed(why),
        };
        let mut sources = Vec::with_capacity(wanted.len());
        for Wanted { kind, stem, relative, what } in wanted {
            let bytes = contents.get(&what.id).cloned().ok_or_else(|| "the object is missing".to_owned());
            match bytes.and_then(text) {
                Ok(text) => sources.push(Source { kind, stem, relative, text }),
                Err(why) => errors.push(Diagnostic::file(label.join(relative).display().to_string(), why)),
            }
        }
        Folder { sources, errors }
    }

    /// Everything under the folder: `<mode> <type> <id> <size>\t<path>\0`.
    fn entries(&self) -> Result<Vec<Entry<Blob>>, String> {
        let tree = self
            .git
            .tree_id(&self.commit.id, &self.subfolder)
            .ok_or_else(|| format!("no such folder in commit {}", self.commit.short()))?;
        let listing = self
            .git
            .ask(&["ls-tree", "-r", "-z", "-l", "--full-tree", &tree])
            .map_err(|error| error.to_string())?;
        listing.split(|byte| *byte == 0).filter(|row| !row.is_empty()).map(entry).collect()
    }

    /// The content of the files, by object.
    fn contents(&self, wanted: &[Wanted<Blob>]) -> Result<HashMap<String, Vec<u8>>, String> {
        let mut ids: Vec<&str> = wanted.iter().map(|one| one.what.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let input = ids.join("\n") + "\n";
        let answer = match ids.is_empty() {
            true => Vec::new(),
            false => self
                .git
                .ask_with(&["cat-file", "--batch", "--buffer"], input.into_bytes())
                .map_err(|error| error.to_string())?,
        };
        let mut contents = HashMap::with_capacity(ids.len());
        let mut rest = answer.as_slice();
        for id in ids {
            let (bytes, after) = one_object(rest, id).ok_or_else(|| format!("object {id} cannot be read"))?;
            contents.insert(id.to_owned(), bytes.to_vec());
            rest = after;
        }
        Ok(contents)
    }
}

fn entry(row: &[u8]) -> Result<Entry<Blob>, String> {
    let row = std::str::from_utf8(row).map_err(|_| "a file's name is not UTF-8".to_owned())?;
    let (head, path) = row.split_once('\t').ok_or("git answers no listing")?;
    let mut fields = head.split_ascii_whitespace();
    let (Some(mode), Some(kind), Some(id), Some(size)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("git answers no listing".to_owned());
    };
    let what = match (mode, kind) {
        ("100644" | "100664" | "100755", "blob") => match size.parse() {
            Ok(size) if size <= MAX_BYTES => Ok(Blob { id: id.to_owned(), size }),
            _ => Err("larger than 1 MiB".to_owned()),
        },
        ("120000", _) => Err("a symbolic link; a commit's policy files are regular files".to_owned()),
        ("160000", _) => Err("a submodule; policies stand in the repository itself".to_owned()),
        _ => Err("not a regular file".to_owned()),
    };
    Ok((path.to_owned(), what))
}

/// `<id> blob <size>\n<content>\n`.
fn one_object<'a>(answer: &'a [u8], id: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let size: usize = head.strip_prefix(id)?.strip_prefix(" blob ")?.parse().ok()?;
    let body = &answer[end + 1..];
    (body.get(size) == Some(&b'\n')).then(|| (&body[..size], &body[size + 1..]))
}

/// A folder's name in a commit: relative, and not outside.
fn clean(subfolder: &str) -> Result<String, String> {
    let parts: Vec<&str> = subfolder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if subfolder.starts_with('/') || subfolder.chars().any(char::is_control) || parts.contains(&"..") {
        return Err(format!("{} is no folder of a commit", subfolder.escape_debug()));
    }
    Ok(parts.join("/"))
}
