//! Writing documents of the folder that say `managed_by: admin`. A reader sees the old file or the new one,
//! never a part; the file's leading comments are the team's and stay.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::documents::{ClientDocument, ManagedBy};
use super::files::{Folder, Kind};
use super::yaml;
use crate::oauth::client::ClientId;

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file does not say `managed_by: admin`; people edit it, so the answer is 409 with its name.
    #[error("{0} is kept in git; change it there")]
    NotManaged(String),
    /// No such document.
    #[error("{0} does not exist")]
    Missing(String),
    /// The document cannot be written as YAML.
    #[error("cannot be written: {0}")]
    Form(String),
    /// The file system refused.
    #[error("{file}: {error}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Writes the ceiling. The caller has checked the entries, and reloads afterwards.
pub fn write_global(folder: &Path, entries: &[String]) -> Result<(), WriteError> {
    let path = folder.join("global.yaml");
    let old = managed(folder, &path, Kind::Global)?.ok_or_else(|| WriteError::Missing(shown(&path)))?;
    let mut text = leading_comments(&old);
    text.push_str("managed_by: admin\n");
    match entries {
        [] => text.push_str("scopes: []\n"),
        entries => {
            text.push_str("scopes:\n");
            entries.iter().for_each(|entry| text.push_str(&format!("  - {}\n", scalar(entry))));
        }
    }
    replace(&path, &text)
}

/// Writes a client's document: a new file, or one that says `managed_by: admin`.
pub fn write_client(folder: &Path, id: &ClientId, document: &ClientDocument) -> Result<(), WriteError> {
    let path = client_path(folder, id);
    let old = managed(folder, &path, Kind::Client)?;
    let document = ClientDocument { managed_by: Some(ManagedBy::Admin), ..document.clone() };
    let body = serde_yaml::to_string(&document).map_err(|error| WriteError::Form(error.to_string()))?;
    let text = format!("{}{body}", old.as_deref().map(leading_comments).unwrap_or_default());
    // What was just written must be what is read back, whatever a value looks like in YAML.
    let back = yaml::parse::<ClientDocument>("", &text, &super::shapes::CLIENT);
    if back.map(|parsed| parsed.document).ok().as_ref() != Some(&document) {
        return Err(WriteError::Form("the document does not survive YAML".to_owned()));
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| io(&path, error))?;
    }
    replace(&path, &text)
}

/// Removes a client's document that says `managed_by: admin`.
pub fn remove_client(folder: &Path, id: &ClientId) -> Result<(), WriteError> {
    let path = client_path(folder, id);
    managed(folder, &path, Kind::Client)?.ok_or_else(|| WriteError::Missing(shown(&path)))?;
    fs::remove_file(&path).map_err(|error| io(&path, error))?;
    sync_folder(&path)
}

fn client_path(folder: &Path, id: &ClientId) -> PathBuf {
    folder.join("clients").join(format!("{id}.yaml"))
}

/// The text of a file that may be written; none = it does not exist. Asked of the file itself, not of what was
/// loaded: a hand edit that has just taken it out of the API's hands counts.
fn managed(folder: &Path, path: &Path, kind: Kind) -> Result<Option<String>, WriteError> {
    #[derive(serde::Deserialize)]
    struct Only {
        managed_by: Option<ManagedBy>,
    }
    if !path.exists() && fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let found = Folder::read(folder);
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let source = found.sources.into_iter().find(|s| s.kind == kind && Path::new(&s.relative) == relative);
    let Some(source) = source else { return Err(WriteError::NotManaged(shown(path))) };
    // A link's target is not ours to replace by a file.
    let link = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink());
    let parsed = yaml::parse::<Only>("", &source.text, &yaml::Shape::Any);
    match parsed {
        Ok(parsed) if parsed.document.managed_by == Some(ManagedBy::Admin) && !link => Ok(Some(source.text)),
        _ => Err(WriteError::NotManaged(shown(path))),
    }
}

fn leading_comments(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty());
    lines.fold(String::new(), |all, line| all + line + "\n")
}

/// A scope is a plain YAML word unless it begins or ends with something that YAML knows.
fn scalar(entry: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
    let body = entry.strip_suffix('*').unwrap_or(entry);
    let safe = body.starts_with(|c: char| c.is_ascii_alphabetic())
        && body.chars().all(plain)
        && !entry.ends_with(':');
    if safe { entry.to_owned() } else { serde_json::Value::from(entry).to_string() }
}

/// Writes a file whole or not at all.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), WriteError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // A dot-file is not a document, so nobody loads the half of it. Each write has its own: two that come together
    // must not give the half of one the name of the other.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}.{write}.tmp", std::process::id()));
    let write = || -> std::io::Result<()> {
        let _ = fs::remove_file(&temporary);
        let mode = fs::metadata(path)
            .map_or(0o644, |meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()));
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode & 0o777).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        io(path, error)
    })?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> Result<(), WriteError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|dir| dir.sync_all()).map_err(|error| io(path, error))
}

fn io(path: &Path, error: std::io::Error) -> WriteError {
    WriteError::Io { file: shown(path), error }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::client::ClientType;
    use crate::policy::documents::Ttl;

    fn folder(global: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("global.yaml"), global).unwrap();
        dir
    }

    #[test]
    fn the_ceiling_keeps_its_comments() {
        let dir = folder("# ours\n\n# two\nmanaged_by: admin\nscopes: [a.b]\n");
        let entries = ["api::a.a.find", "admin:*", "api::a.a.*", "x\"y"].map(str::to_owned);
        write_global(dir.path(), &entries).unwrap();
        let text = fs::read_to_string(dir.path().join("global.yaml")).unwrap();
        assert_eq!(
            text,
            "# ours\n\n# two\nmanaged_by: admin\nscopes:\n  - api::a.a.find\n  - admin:*\n  - api::a.a.*\n  - \"x\\\"y\"\n"
        );
        let read = yaml::parse::<crate::policy::documents::GlobalDocument>("", &text, &yaml::Shape::Any);
        assert_eq!(read.ok().unwrap().document.scopes, entries);
        write_global(dir.path(), &[]).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn writes_that_come_together_leave_one_of_them_whole() {
        let dir = folder("managed_by: admin\nscopes: []\n");
        let texts: Vec<String> = (0..8).map(|writer| format!("{writer}").repeat(200_000)).collect();
        let path = dir.path().join("global.yaml");
        let write = |text: &String| (0..6).filter_map(|_| replace(&path, text).err()).next();
        let (path, write) = (&path, &write);
        let failed: Vec<String> = std::thread::scope(|threads| {
            let running: Vec<_> = texts.iter().map(|text| threads.spawn(move || write(text))).collect();
            let seen = (0..200).filter_map(|_| fs::read_to_string(path).ok());
            let torn = seen.filter(|text| text.len() != 200_000 && !text.starts_with("managed")).count();
            assert_eq!(torn, 0, "a reader saw a part");
            running.into_iter().filter_map(|one| one.join().unwrap()).map(|error| error.to_string()).collect()
        });
        assert_eq!(failed, [""; 0]);
        assert!(texts.contains(&fs::read_to_string(path).unwrap()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn only_what_says_so_is_written() {
        let dir = folder("scopes: []\n");
        assert!(matches!(write_global(dir.path(), &[]), Err(WriteError::NotManaged(_))));
        let dir = folder("managed_by: admin\n  broken");
        assert!(matches!(write_global(dir.path(), &[]), Err(WriteError::NotManaged(_))));
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(write_global(dir.path(), &[]), Err(WriteError::Missing(_))));
    }

    #[test]
    fn clients_come_and_go() {
        let dir = folder("scopes: []\n");
        let id = ClientId::parse("made").unwrap();
        let mut document = ClientDocument::new(ClientType::Confidential);
        document.name = Some("yes: no # \"é\" \u{1F600}".to_owned());
        document.access_token_ttl = Some(Ttl(900));
        document.public_keys = vec!["-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n".to_owned()];
        document.scopes = vec!["admin:*".to_owned()];
        write_client(dir.path(), &id, &document).unwrap();
        document.name = None;
        write_client(dir.path(), &id, &document).unwrap();
        remove_client(dir.path(), &id).unwrap();
        assert!(matches!(remove_client(dir.path(), &id), Err(WriteError::Missing(_))));
        fs::write(dir.path().join("clients/made.yaml"), "type: public\n").unwrap();
        assert!(matches!(write_client(dir.path(), &id, &document), Err(WriteError::NotManaged(_))));
        assert!(matches!(remove_client(dir.path(), &id), Err(WriteError::NotManaged(_))));
    }
}
