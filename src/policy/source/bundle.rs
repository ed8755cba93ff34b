//! A bundle: a tar or tar.gz of a policy folder. It is read as a stream and never unpacked to a disk.

use std::fs::OpenOptions;
use std::io::{BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::arrange::{Entry, Wanted, arrange};
use super::commit::MAX_TOTAL;
use crate::policy::diagnostics::Diagnostic;
use crate::policy::files::{Folder, MAX_BYTES, MAX_FILES, Source, Top, reason, text, top};

/// How deep the policy folder may stand in the bundle.
const MAX_DEPTH: usize = 4;

/// Reads every file that counts.
pub(super) fn read(path: &Path) -> Folder {
    let entries = match entries(path) {
        Ok(entries) => entries,
        Err(why) => {
            let errors = vec![Diagnostic::file(path.display().to_string(), why)];
            return Folder { sources: Vec::new(), errors };
        }
    };
    let (wanted, mut errors) = arrange(path, rooted(entries));
    let mut sources = Vec::with_capacity(wanted.len());
    for Wanted { kind, stem, relative, what } in wanted {
        match text(what) {
            Ok(text) => sources.push(Source { kind, stem, relative, text }),
            Err(why) => errors.push(Diagnostic::file(path.join(relative).display().to_string(), why)),
        }
    }
    Folder { sources, errors }
}

fn entries(path: &Path) -> Result<Vec<Entry<Vec<u8>>>, String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| reason(&error))?;
    if !file.metadata().map_err(|error| reason(&error))?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut file = BufReader::new(file);
    let zipped = {
        use std::io::BufRead as _;
        file.fill_buf().map_err(|error| reason(&error))?.starts_with(&[0x1f, 0x8b])
    };
    let stream: Box<dyn Read> =
        if zipped { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    unpack(stream)
}

fn unpack(stream: impl Read) -> Result<Vec<Entry<Vec<u8>>>, String> {
    // Headers count too: whatever a bundle says about itself, no more than this is ever read of it.
    let mut archive = tar::Archive::new(stream.take(MAX_TOTAL));
    let broken = |_| "not a tar archive, damaged, or larger than 256 MiB".to_owned();
    let mut found = Vec::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        let name = entry.path_bytes().into_owned();
        if found.len() > 2 * MAX_FILES {
            return Err(format!("more than {} entries", 2 * MAX_FILES));
        }
        let name = String::from_utf8(name).map_err(|_| "a file's name is not UTF-8".to_owned())?;
        let what = if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        } else if kind.is_symlink() || kind.is_hard_link() {
            Err("a link; a bundle's policy files are regular files".to_owned())
        } else if !kind.is_file() {
            Err("not a regular file".to_owned())
        } else if entry.size() > MAX_BYTES {
            Err("larger than 1 MiB".to_owned())
        } else {
            let mut bytes = Vec::new();
            entry.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(broken)?;
            Ok(bytes)
        };
        let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
        found.push((name, what));
    }
    if found.is_empty() {
        return Err("no files in this bundle".to_owned());
    }
    Ok(found)
}

/// The entries as the policy folder names them: it may be the archive's root, `policies/`, or the only folder.
fn rooted(mut entries: Vec<Entry<Vec<u8>>>) -> Vec<Entry<Vec<u8>>> {
    for _ in 0..MAX_DEPTH {
        let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
        let here = |path: &str| matches!(top(&first(path)), Top::Global | Top::Documents(..));
        if entries.iter().any(|(path, _)| here(path)) {
            break;
        }
        let mut folders: Vec<String> = entries
            .iter()
            .filter(|(path, _)| path.contains('/') && !path.starts_with(['.', '/']))
            .map(|(path, _)| first(path))
            .collect();
        folders.sort();
        folders.dedup();
        let inner = match folders.as_slice() {
            [only] => only.clone(),
            many if many.iter().any(|name| name == "policies") => "policies".to_owned(),
            _ => break,
        };
        // What leads out of the archive stays, to be refused by name.
        entries.retain_mut(|(path, _)| {
            let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
            match path.strip_prefix(&format!("{inner}/")) {
                Some(rest) if !outside => *path = rest.to_owned(),
                _ => return outside,
            }
            true
        });
    }
    entries
}
