//! Which commit a folder is at, read from `.git` by hand: no process is started.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The commit that is checked out in the repository around a folder.
pub fn commit(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder).ok()?;
    let dot_git = folder.ancestors().map(|dir| dir.join(".git")).find(|path| path.exists())?;
    let git = if dot_git.is_dir() { dot_git } else { linked(&dot_git)? };
    let head = small(&git.join("HEAD"))?;
    match head.trim().strip_prefix("ref: ") {
        None => hash(head.trim()),
        Some(reference) => resolve(&git, reference.trim()),
    }
}

/// A worktree's or submodule's `.git` is a file: `gitdir: <path>`.
fn linked(file: &Path) -> Option<PathBuf> {
    let text = small(file)?;
    let path = Path::new(text.trim().strip_prefix("gitdir: ")?.trim());
    Some(if path.is_absolute() { path.to_owned() } else { file.parent()?.join(path) })
}

fn resolve(git: &Path, reference: &str) -> Option<String> {
    if !reference.starts_with("refs/") || reference.split('/').any(|part| part == "..") {
        return None;
    }
    // Branches of a worktree live in the repository that it belongs to.
    let common = small(&git.join("commondir")).map_or_else(|| git.to_owned(), |text| git.join(text.trim()));
    let loose = [git, common.as_path()].into_iter().find_map(|dir| small(&dir.join(reference)));
    if let Some(text) = loose {
        return hash(text.trim());
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (id, name) = line.split_once(' ')?;
        (name == reference).then(|| hash(id)).flatten()
    })
}

fn hash(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(4_096).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn loose_packed_detached_and_worktree() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let policies = root.join("repo/policies");
        fs::create_dir_all(&policies).unwrap();
        let git = root.join("repo/.git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(commit(&policies), None);
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{ID} refs/heads/main\n")).unwrap();
        assert_eq!(commit(&policies).as_deref(), Some(ID));
        let other = ID.replace('0', "f");
        fs::write(git.join("refs/heads/main"), &other).unwrap();
        assert_eq!(commit(&policies).as_deref(), Some(other.as_str()));
        fs::write(git.join("HEAD"), ID).unwrap();
        assert_eq!(commit(&policies).as_deref(), Some(ID));

        let tree = git.join("worktrees/w");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(tree.join("commondir"), "../..\n").unwrap();
        let work = root.join("w/policies");
        fs::create_dir_all(&work).unwrap();
        fs::write(root.join("w/.git"), format!("gitdir: {}\n", tree.display())).unwrap();
        assert_eq!(commit(&work).as_deref(), Some(other.as_str()));
        fs::write(tree.join("HEAD"), "ref: refs/../../../etc/passwd\n").unwrap();
        assert_eq!(commit(&work), None);
    }
}
