//! A log of JSON lines beside the requests: whoever hands a line in never waits for a disk.
//!
//! Lines wait in a bounded buffer; a thread turns them into text and writes them, many at a time. What does not
//! fit is counted and lost. Standard output, a file that is rotated by size, or both.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

/// Most lines that wait; beyond it they are lost, and counted.
const WAITING: usize = 65_536;

/// How long the thread lets lines gather, so that it wakes fifty times a second at most.
const GATHER: Duration = Duration::from_millis(20);

/// Where lines go.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    /// To standard output.
    pub stdout: bool,
    /// To this file, readable by its owner only.
    pub file: Option<PathBuf>,
    /// The file is rotated before it grows beyond so many bytes.
    pub rotate_bytes: u64,
    /// Rotated files that are kept: `file.1` is the latest.
    pub keep: u32,
}

/// The way to the thread that writes. Dropped = all that waits is written and the thread ends.
pub struct Lines<T> {
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    moved: Condvar,
}

struct Queue<T> {
    waiting: Vec<T>,
    /// The thread has taken lines that it has not written yet.
    writing: bool,
    /// Nothing more will come.
    ending: bool,
}

impl<T: Serialize + Send + 'static> Lines<T> {
    /// Starts the thread; nothing if there is nowhere to write to.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no thread.
    pub fn start(name: &str, sinks: Sinks) -> io::Result<Option<Self>> {
        if !sinks.stdout && sinks.file.is_none() {
            return Ok(None);
        }
        let mut writer = Writer::open(sinks)?;
        let queue = Mutex::new(Queue { waiting: Vec::new(), writing: false, ending: false });
        let shared = Arc::new(Shared { queue, moved: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(&theirs, &mut writer))?;
        Ok(Some(Self { shared, thread: Some(thread) }))
    }

    /// Hands a line in; false = the buffer was full and the line is lost.
    pub fn push(&self, line: T) -> bool {
        let mut queue = self.shared.queue();
        if queue.waiting.len() >= WAITING {
            return false;
        }
        queue.waiting.push(line);
        let first = queue.waiting.len() == 1;
        drop(queue);
        // One wake for all that gather; waking for each line would cost more than the line.
        if first {
            self.shared.moved.notify_all();
        }
        true
    }

    /// Waits until all that was handed in is written, a second at most.
    pub fn flush(&self) {
        let queue = self.shared.queue();
        let busy = |queue: &mut Queue<T>| queue.writing || !queue.waiting.is_empty();
        drop(self.shared.moved.wait_timeout_while(queue, Duration::from_secs(1), busy));
    }
}

impl<T> Shared<T> {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Lines<T> {
    fn drop(&mut self) {
        self.shared.queue().ending = true;
        self.shared.moved.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve<T: Serialize>(shared: &Shared<T>, writer: &mut Writer) {
    let mut taken = Vec::new();
    let mut text = Vec::new();
    loop {
        let queue = shared.queue();
        let idle = |queue: &mut Queue<T>| queue.waiting.is_empty() && !queue.ending;
        let queue = shared.moved.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        let (nothing, ending) = (queue.waiting.is_empty(), queue.ending);
        drop(queue);
        match (nothing, ending) {
            (true, _) => return,
            (false, true) => {}
            (false, false) => std::thread::sleep(GATHER),
        }
        let mut queue = shared.queue();
        std::mem::swap(&mut taken, &mut queue.waiting);
        queue.writing = true;
        drop(queue);
        for line in taken.drain(..) {
            text.clear();
            if serde_json::to_writer(&mut text, &line).is_ok() {
                text.push(b'\n');
                writer.add(&text);
            }
        }
        writer.write();
        shared.queue().writing = false;
        shared.moved.notify_all();
    }
}

/// The thread's side: what is gathered, and where it goes.
struct Writer {
    sinks: Sinks,
    file: Option<(File, u64)>,
    gathered: Vec<u8>,
    failed: bool,
}

impl Writer {
    fn open(sinks: Sinks) -> io::Result<Self> {
        let file = sinks.file.as_deref().map(open).transpose()?;
        Ok(Self { sinks, file, gathered: Vec::new(), failed: false })
    }

    fn add(&mut self, line: &[u8]) {
        // A line is never torn between two files.
        let size = self.file.as_ref().map_or(0, |(_, size)| *size) + self.gathered.len() as u64;
        if self.sinks.file.is_some() && size > 0 && size + line.len() as u64 > self.sinks.rotate_bytes {
            self.write();
            self.rotate();
        }
        self.gathered.extend_from_slice(line);
        if self.gathered.len() >= 1 << 18 {
            self.write();
        }
    }

    /// Writes what is gathered. A log that cannot be written is no reason to stop; it is told once.
    fn write(&mut self) {
        if self.sinks.stdout {
            let mut out = io::stdout().lock();
            let _ = out.write_all(&self.gathered).and_then(|()| out.flush());
        }
        let written = self.write_file();
        self.gathered.clear();
        match written {
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::error!(%error, "the decision log cannot be written");
            }
            Err(_) => {}
            Ok(()) => self.failed = false,
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
        file.write_all(&self.gathered)?;
        *size += self.gathered.len() as u64;
        Ok(())
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

    fn sinks(folder: &Path, rotate_bytes: u64, keep: u32) -> Sinks {
        Sinks { stdout: false, file: Some(folder.join("log")), rotate_bytes, keep }
    }

    fn read(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn lines_come_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let lines = Lines::start("t", sinks(folder.path(), 1 << 20, 2)).unwrap().unwrap();
        assert!((0..1_000).all(|n| lines.push(n)));
        lines.flush();
        let expected: String = (0..1_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(read(folder.path(), "log"), expected);
        lines.push(1_000);
        drop(lines);
        assert!(read(folder.path(), "log").ends_with("\n1000\n"), "the end loses nothing");
        let mode = std::fs::metadata(folder.path().join("log")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn files_are_rotated_by_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let lines = Lines::start("t", sinks(folder.path(), 40, 2)).unwrap().unwrap();
        let long = "x".repeat(14);
        assert!((0..9).all(|n| lines.push(format!("{long}{n}"))));
        drop(lines);
        // 18 bytes a line: two fit into 40.
        let names: Vec<usize> =
            ["log", "log.1", "log.2"].iter().map(|name| read(folder.path(), name).lines().count()).collect();
        assert_eq!(names, [1, 2, 2]);
        assert!(!folder.path().join("log.3").exists());
        assert!(read(folder.path(), "log").contains("x8"));
    }

    #[test]
    fn a_file_that_was_moved_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let lines = Lines::start("t", sinks(folder.path(), 1 << 20, 2)).unwrap().unwrap();
        lines.push(1);
        lines.flush();
        std::fs::rename(folder.path().join("log"), folder.path().join("old")).unwrap();
        lines.push(2);
        drop(lines);
        assert_eq!((read(folder.path(), "old"), read(folder.path(), "log")), ("1\n".into(), "2\n".into()));
    }

    #[test]
    fn nowhere_to_write_is_no_log() {
        assert!(Lines::<u8>::start("t", Sinks::default()).unwrap().is_none());
        let nowhere = Sinks { file: Some("/no/such/folder/log".into()), ..Sinks::default() };
        assert!(Lines::<u8>::start("t", nowhere).is_err());
    }
}
