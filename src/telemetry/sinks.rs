//! Where lines go: standard output or error, a file that is rotated by size, or several. What cannot be written is
//! counted, and tears no line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where lines go.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    /// To standard output.
    pub stdout: bool,
    /// To standard error.
    pub stderr: bool,
    /// To this file, readable by its owner only.
    pub file: Option<PathBuf>,
    /// The file is rotated before it grows beyond so many bytes.
    pub rotate_bytes: u64,
    /// Rotated files that are kept: `file.1` is the latest.
    pub keep: u32,
}

/// The thread's side: what is gathered, and where it goes.
pub(super) struct Writer {
    sinks: Sinks,
    file: Option<(File, u64)>,
    gathered: Vec<u8>,
    /// Lines in what is gathered.
    lines: u64,
    /// Lines that could not be written.
    pub(super) lost: u64,
    /// The file ends within a line.
    torn: bool,
    failed: bool,
}

impl Writer {
    pub(super) fn open(sinks: Sinks) -> io::Result<Self> {
        let file = sinks.file.as_deref().map(open).transpose()?;
        Ok(Self { sinks, file, gathered: Vec::new(), lines: 0, lost: 0, torn: false, failed: false })
    }

    pub(super) fn add(&mut self, line: &[u8]) {
        // A line is never torn between two files.
        let size = self.file.as_ref().map_or(0, |(_, size)| *size) + self.gathered.len() as u64;
        if self.sinks.file.is_some() && size > 0 && size + line.len() as u64 > self.sinks.rotate_bytes {
            self.write();
            self.rotate();
        }
        self.gathered.extend_from_slice(line);
        self.lines += 1;
        if self.gathered.len() >= 1 << 18 {
            self.write();
        }
    }

    /// Writes what is gathered. A log that cannot be written is no reason to stop; it is told once.
    pub(super) fn write(&mut self) {
        let mut out = io::stdout();
        let streams = [
            self.sinks.stdout.then(|| out.write_all(&self.gathered).and_then(|()| out.flush())),
            self.sinks.stderr.then(|| io::stderr().write_all(&self.gathered)),
        ];
        let file = self.write_file();
        let lines = std::mem::take(&mut self.lines);
        self.gathered.clear();
        match streams.into_iter().flatten().chain([file]).find_map(Result::err) {
            Some(error) => {
                self.lost += lines;
                if !std::mem::replace(&mut self.failed, true) && !self.sinks.stderr {
                    tracing::error!(%error, "the decision log cannot be written");
                }
            }
            None => self.failed = false,
        }
    }

    fn write_file(&mut self) -> io::Result<()> {
        let Some(path) = self.sinks.file.clone() else { return Ok(()) };
        // Somebody else may have rotated the file, or removed it.
        let in_place = self.file.as_ref().is_some_and(|(file, _)| same(file, &path));
        if !in_place {
            self.file = Some(open(&path)?);
        }
        let Some((file, size)) = &mut self.file else { return Ok(()) };
        // A full disk takes a part of a line: the next one begins after it, not within it.
        if std::mem::take(&mut self.torn) {
            self.gathered.insert(0, b'\n');
        }
        let (done, result) = write_what_fits(file, &self.gathered);
        if result.is_ok() {
            *size += done;
        } else {
            // The file ends as it did before, unless somebody else writes to it as well.
            let alone = file.metadata().is_ok_and(|meta| meta.len() == *size + done);
            self.torn = !(alone && file.set_len(*size).is_ok());
        }
        result
    }

    fn rotate(&mut self) {
        let Some(path) = self.sinks.file.clone() else { return };
        // Another process writes to the same file; whoever comes first rotates it.
        if self.file.as_ref().is_some_and(|(file, _)| same(file, &path)) {
            for number in (1..self.sinks.keep).rev() {
                let _ = std::fs::rename(numbered(&path, number), numbered(&path, number + 1));
            }
            let _ = std::fs::rename(&path, numbered(&path, 1));
        }
        self.file = open(&path).ok();
    }
}

/// Writes until an error; answers how many bytes went in.
fn write_what_fits(file: &mut File, bytes: &[u8]) -> (u64, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done as u64, Err(error)),
        }
    }
    (done as u64, Ok(()))
}

/// `decisions.jsonl.1`
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn same(file: &File, path: &Path) -> bool {
    let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    file.metadata()
        .map(id)
        .ok()
        .is_some_and(|mine| std::fs::metadata(path).map(id).is_ok_and(|theirs| mine == theirs))
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f24_what_cannot_be_written_is_counted_and_tears_nothing() {
        // A file that takes nothing more, as on a full disk: the bound is on this thread's own writer.
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(Sinks {
            file: Some(folder.path().join("log")),
            rotate_bytes: 1 << 20,
            keep: 2,
            ..Sinks::default()
        })
        .unwrap();
        writer.add(b"1\n");
        writer.write();
        let path = folder.path().join("log");
        writer.file = Some((OpenOptions::new().read(true).open(&path).unwrap(), 2));
        writer.add(b"2\n");
        writer.add(b"3\n");
        writer.write();
        assert_eq!((writer.lost, writer.torn), (2, true), "a file that cannot be mended is torn");
        writer.file = Some(open(&path).unwrap());
        writer.add(b"4\n");
        writer.write();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n\n4\n", "what comes next begins a line");
        assert!(!writer.torn && !writer.failed);
    }
}
