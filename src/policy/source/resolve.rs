//! What a command's argument names: a folder, a bundle, or a revision of the repository around the working folder.

use std::path::{Path, PathBuf};

use super::Tree;
use super::commit::CommitTree;
use super::git::Git;
use crate::policy::files::{Kind, Top, top};

/// Where arguments are looked up.
#[derive(Clone, Debug)]
pub struct Here {
    /// The working folder.
    pub folder: PathBuf,
    /// The policy folder in a commit where the argument names none.
    pub subfolder: String,
}

impl Here {
    /// The process's working folder, and `policies`.
    ///
    /// # Errors
    /// In words, if the working folder is gone.
    pub fn now() -> Result<Self, String> {
        let folder = std::env::current_dir().map_err(|error| error.to_string())?;
        Ok(Self { folder, subfolder: "policies".to_owned() })
    }
}

/// The tree that an argument names: a folder, a bundle, `REV` or `REV:subfolder`.
///
/// # Errors
/// In words.
pub fn resolve(argument: &str, here: &Here) -> Result<Tree, String> {
    let path = here.folder.join(argument);
    // Paths are shown as they were given, where that means the same.
    let given = std::env::current_dir().is_ok_and(|folder| folder == here.folder);
    let shown = if given { PathBuf::from(argument) } else { path.clone() };
    if path.is_dir() {
        return Ok(Tree::Folder(policies_in(shown, &path, &here.subfolder)));
    }
    if path.exists() {
        return Ok(Tree::Bundle(shown));
    }
    revision(argument, here)
        .map_err(|why| format!("{argument}: no such folder or file; as a git revision: {why}"))
}

/// Two trees: two arguments, or one `A..B` (`A...B` = from where the two went apart).
///
/// # Errors
/// In words.
pub fn resolve_pair(arguments: &[String], here: &Here) -> Result<(Tree, Tree), String> {
    match arguments {
        [old, new] => Ok((resolve(old, here)?, resolve(new, here)?)),
        [range] => {
            if let Some((old, new)) = range.split_once("...") {
                let git = Git::around(&here.folder)?;
                let (old, new) = (git.commit_id(or_head(old))?, git.commit_id(or_head(new))?);
                let base = git.merge_base(&old, &new)?;
                return Ok((revision(&base, here)?, revision(&new, here)?));
            }
            let (old, new) =
                range.split_once("..").ok_or("name two policy sets, as OLD NEW or A..B (git revisions)")?;
            Ok((revision(or_head(old), here)?, revision(or_head(new), here)?))
        }
        _ => Err("name two policy sets, as OLD NEW or A..B (git revisions)".to_owned()),
    }
}

fn or_head(revision: &str) -> &str {
    if revision.is_empty() { "HEAD" } else { revision }
}

/// A checkout stands for the policy folder in it.
fn policies_in(shown: PathBuf, path: &Path, subfolder: &str) -> PathBuf {
    let counts = |path: &Path| {
        let names = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|name| {
            matches!(
                top(&name),
                Top::Global | Top::Documents(Kind::Client | Kind::Catalog | Kind::Role | Kind::Rule, _)
            )
        })
    };
    let inner = path.join(subfolder);
    if !counts(path) && counts(&inner) { shown.join(subfolder) } else { shown }
}

fn revision(argument: &str, here: &Here) -> Result<Tree, String> {
    let git = Git::around(&here.folder)?;
    let (revision, subfolder) = match argument.split_once(':') {
        Some((revision, subfolder)) => (revision, Some(subfolder)),
        None => (argument, None),
    };
    let id = git.commit_id(or_head(revision))?;
    let tree = match subfolder {
        Some(subfolder) => CommitTree::open(&git, &id, subfolder)?,
        // A repository may hold nothing but policies.
        None => CommitTree::open(&git, &id, &here.subfolder).or_else(|why| {
            let root = CommitTree::open(&git, &id, "")?;
            if root.git.tree_id(&id, "clients").is_some() || root.git.tree_id(&id, "catalog").is_some() {
                return Ok(root);
            }
            Err(why)
        })?,
    };
    Ok(Tree::Commit(Box::new(tree)))
}
