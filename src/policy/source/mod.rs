//! Where a policy set stands: a folder, a folder of a commit of a git repository, or a bundle. All three are read
//! into the same files with the same diagnostics; what is loaded from them cannot tell them apart.

mod arrange;
mod bundle;
mod checkout;
mod commit;
pub mod follow;
#[cfg(test)]
mod follow_tests;
mod git;
mod process;
mod resolve;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use commit::CommitTree;
pub use git::{CommitInfo, Git};
pub use process::without_credentials;
pub use resolve::{Here, resolve, resolve_pair};

use super::files::Folder;

/// A tree of policy files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A folder.
    Folder(PathBuf),
    /// A folder of a commit; never a half-checked-out one.
    Commit(Box<CommitTree>),
    /// A tar or tar.gz of a folder.
    Bundle(PathBuf),
}

impl Tree {
    /// What the paths of its files begin with, for people; of a commit they are those of the repository.
    pub fn label(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Bundle(path) => path,
            Self::Commit(tree) => Path::new(&tree.subfolder),
        }
    }

    /// How it is named to people: a path, or the commit.
    pub fn title(&self) -> String {
        match self {
            Self::Folder(path) | Self::Bundle(path) => path.display().to_string(),
            Self::Commit(tree) => format!("{}:{}", tree.commit.short(), tree.subfolder),
        }
    }

    /// The folder on the disk, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Commit(_) | Self::Bundle(_) => None,
        }
    }

    /// The commit: the one that it is of, or the one that is checked out around a folder.
    pub fn commit(&self) -> Option<CommitInfo> {
        match self {
            Self::Folder(path) => checkout::commit(path).map(CommitInfo::only),
            Self::Commit(tree) => Some(tree.commit.clone()),
            Self::Bundle(_) => None,
        }
    }

    /// Reads every file that counts, and what is wrong with the rest.
    pub(super) fn read(&self) -> Folder {
        match self {
            Self::Folder(path) => Folder::read(path),
            Self::Commit(tree) => tree.read(),
            Self::Bundle(path) => bundle::read(path),
        }
    }
}

impl From<PathBuf> for Tree {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<&Path> for Tree {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}
