//! Reading the policy folder: every file that counts, nothing from outside, and never a surprise in silence.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::diagnostics::Diagnostic;
use crate::oauth::client::is_name;

/// Largest file, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;
/// Most files of one folder.
pub const MAX_FILES: usize = 50_000;

/// What a file is, by the folder that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `global.yaml`
    Global,
    /// `catalog/*.yaml`
    Catalog,
    /// `clients/*.yaml`
    Client,
    /// `roles/*.yaml`
    Role,
    /// `rules/*.cedar`
    Rule,
    /// `tests/*.yaml`
    Test,
    /// `keys/*.pem`, `keys/*.json`, `keys/*.jwks`
    Key,
    /// `invariants/*.yaml`
    Invariant,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is.
    pub kind: Kind,
    /// Its name without folder and ending.
    pub stem: String,
    /// `clients/reporting.yaml`.
    pub relative: String,
    /// The content.
    pub text: String,
}

/// Everything in the folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// The files, sorted by name.
    pub sources: Vec<Source>,
    /// What could not be read.
    pub errors: Vec<Diagnostic>,
}

const FOLDERS: [(&str, Kind, &[&str]); 7] = [
    ("catalog", Kind::Catalog, &["yaml"]),
    ("clients", Kind::Client, &["yaml"]),
    ("roles", Kind::Role, &["yaml"]),
    ("rules", Kind::Rule, &["cedar"]),
    ("tests", Kind::Test, &["yaml"]),
    ("keys", Kind::Key, &["pem", "json", "jwks"]),
    ("invariants", Kind::Invariant, &["yaml"]),
];

/// What a name at the top of a policy folder is.
pub(super) enum Top {
    /// It is there for people or editors.
    Ignored,
    /// `global.yaml`.
    Global,
    /// A folder of documents, with the endings that its files may have.
    Documents(Kind, &'static [&'static str]),
    /// Nothing that belongs here.
    Unknown,
}

/// What a name at the top of a policy folder is.
pub(super) fn top(name: &str) -> Top {
    match name {
        name if hidden(name) => Top::Ignored,
        "README.md" | "schema.cedarschema" => Top::Ignored,
        "global.yaml" => Top::Global,
        _ => match FOLDERS.iter().find(|(known, ..)| *known == name) {
            Some((_, kind, endings)) => Top::Documents(*kind, endings),
            None => Top::Unknown,
        },
    }
}

/// The error about something that does not belong at the top of a policy folder.
pub(super) fn unexpected(shown: String, name: &str) -> Diagnostic {
    let known = FOLDERS.iter().map(|(known, ..)| *known).chain(["global.yaml"]);
    let near = super::diagnostics::did_you_mean(name, known);
    Diagnostic::file(shown, format!("unexpected file or folder{near}")).hint(
        "a policy folder holds global.yaml, catalog/, clients/, roles/, rules/, tests/, keys/, invariants/",
    )
}

/// The id of a document, by its file's name; none = a file that nobody reads.
pub(super) fn stem<'n>(
    shown: &str,
    name: &'n str,
    kind: Kind,
    endings: &[&str],
) -> Result<Option<&'n str>, Diagnostic> {
    if name == "README.md" || hidden(name) {
        return Ok(None);
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if endings.contains(&ending) => {
            if is_name(stem) || kind == Kind::Catalog && is_name(&stem.replace('.', "-")) {
                return Ok(Some(stem));
            }
            let message = "a document is named with 1 to 64 of A-Z a-z 0-9 _ -";
            Err(Diagnostic::file(shown, message))
        }
        _ => Err(Diagnostic::file(shown, "unexpected file")
            .hint(format!("files here end in .{}", endings.join(", .")))),
    }
}

/// Dot-files (a ConfigMap's `..data`, editors' swap files) and backups.
fn hidden(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

/// What a file holds, if it is text that counts: at most [`MAX_BYTES`] of UTF-8 without a byte order mark.
/// The error never holds content.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err("larger than 1 MiB".to_owned());
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err("begins with a byte order mark; save it as plain UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    if text.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    Ok(text)
}

impl Folder {
    /// Reads the folder. A folder that is not there is an error as well.
    pub fn read(folder: &Path) -> Self {
        let mut this = Self::default();
        let root = match fs::canonicalize(folder) {
            Ok(root) => root,
            Err(error) => {
                this.errors.push(Diagnostic::file(folder.display().to_string(), reason(&error)));
                return this;
            }
        };
        this.top(folder, &root);
        this.sources.sort_by(|a, b| a.relative.cmp(&b.relative));
        if this.sources.len() > MAX_FILES {
            let message = format!("more than {MAX_FILES} files");
            this.errors.push(Diagnostic::file(folder.display().to_string(), message));
        }
        this
    }

    /// The digest that names this content.
    pub fn digest(&self, seed: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(seed.as_bytes());
        for source in &self.sources {
            hash.update((source.relative.len() as u64).to_be_bytes());
            hash.update(source.relative.as_bytes());
            hash.update((source.text.len() as u64).to_be_bytes());
            hash.update(source.text.as_bytes());
        }
        hex(&hash.finalize())
    }

    fn top(&mut self, folder: &Path, root: &Path) {
        for (name, path) in self.list(folder, folder) {
            let shown = folder.join(&name).display().to_string();
            match top(&name) {
                Top::Ignored => {}
                Top::Global => self.file(folder, root, &path, Kind::Global, "global".to_owned(), name),
                Top::Documents(kind, endings) => self.folder(folder, root, &path, kind, endings),
                Top::Unknown => self.errors.push(unexpected(shown, &name)),
            }
        }
    }

    fn folder(&mut self, base: &Path, root: &Path, path: &Path, kind: Kind, endings: &[&str]) {
        let shown = path.display().to_string();
        match fs::canonicalize(path) {
            Ok(real) if !real.starts_with(root) => {
                self.errors.push(Diagnostic::file(shown, "a link that leaves the policy folder"));
                return;
            }
            Ok(real) if !real.is_dir() => {
                self.errors.push(Diagnostic::file(shown, "this must be a folder"));
                return;
            }
            Ok(_) => {}
            Err(error) => {
                self.errors.push(Diagnostic::file(shown, reason(&error)));
                return;
            }
        }
        for (name, path) in self.list(path, base) {
            let shown = path.display().to_string();
            match stem(&shown, &name, kind, endings) {
                Ok(None) => {}
                Ok(Some(stem)) => {
                    let relative = path.strip_prefix(base).unwrap_or(&path).display().to_string();
                    self.file(base, root, &path, kind, stem.to_owned(), relative);
                }
                Err(found) => self.errors.push(found),
            }
        }
    }

    /// The entries of a folder, sorted, without dot-files (a ConfigMap's `..data`, editors' swap files) and backups.
    fn list(&mut self, folder: &Path, base: &Path) -> Vec<(String, PathBuf)> {
        let mut entries = Vec::new();
        let listing = match fs::read_dir(folder) {
            Ok(listing) => listing,
            Err(error) => {
                self.errors.push(Diagnostic::file(folder.display().to_string(), reason(&error)));
                return entries;
            }
        };
        for entry in listing {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.errors.push(Diagnostic::file(folder.display().to_string(), reason(&error)));
                    continue;
                }
            };
            match entry.file_name().into_string() {
                Ok(name) if hidden(&name) => {}
                Ok(name) => entries.push((name, entry.path())),
                Err(_) => {
                    self.errors
                        .push(Diagnostic::file(base.display().to_string(), "a file's name is not UTF-8"));
                }
            }
        }
        entries.sort();
        entries
    }

    fn file(&mut self, base: &Path, root: &Path, path: &Path, kind: Kind, stem: String, relative: String) {
        match read_inside(root, path) {
            Ok(text) => self.sources.push(Source { kind, stem, relative, text }),
            Err(why) => self.errors.push(Diagnostic::file(base.join(&relative).display().to_string(), why)),
        }
    }
}

/// Reads a regular file inside the root, at most [`MAX_BYTES`], as UTF-8 without a byte order mark.
/// The error never holds content.
pub(super) fn read_inside(root: &Path, path: &Path) -> Result<String, String> {
    let real = fs::canonicalize(path).map_err(|error| reason(&error))?;
    if !real.starts_with(root) {
        return Err("a link that leaves the policy folder".to_owned());
    }
    // Asked before opening, since opening a device may do something; asked again of what was opened.
    if !fs::metadata(&real).map_err(|error| reason(&error))?.is_file() {
        return Err("not a regular file".to_owned());
    }
    // NONBLOCK: opening a FIFO must not wait; NOFOLLOW: the real path has no link, unless somebody swaps it now.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(&real)
        .map_err(|error| reason(&error))?;
    let meta = file.metadata().map_err(|error| reason(&error))?;
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    if meta.nlink() > 1 {
        return Err("the file has a second name (a hard link), so its content may not belong here; copy it"
            .to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    text(bytes)
}

/// The system's reason, without a path: paths of links must not show where they lead.
pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "not found".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => format!("cannot be read: {kind}"),
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
