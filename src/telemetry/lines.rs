//! A log of lines beside the requests: whoever hands a line in never waits for a disk, or for a pipe that nobody reads.
//!
//! Lines wait in a bounded buffer; a thread turns them into text and writes them, many at a time. What does not
//! fit, or cannot be written, is counted and lost. Where lines go is `sinks.rs`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::sinks::{Sinks, Writer};

/// Most lines that wait; beyond it they are lost, and counted.
const WAITING: usize = 65_536;

/// How long the thread lets lines gather, so that it wakes fifty times a second at most.
const GATHER: Duration = Duration::from_millis(20);

/// How long a log that is flushed or ended is waited for: a pipe that nobody reads must not hold the process.
const END: Duration = Duration::from_secs(1);

/// The way to the thread that writes. Dropped = all that waits is written, and the thread ends within a second or is
/// left behind.
pub struct Lines<T> {
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<()>>,
}

/// Writes a line, with its line feed, behind what is there; false = it cannot be written as text.
type Append<T> = fn(&T, &mut Vec<u8>) -> bool;

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    moved: Condvar,
    append: Append<T>,
    lost: AtomicU64,
}

struct Queue<T> {
    waiting: Vec<T>,
    /// The thread has taken lines that it has not written yet.
    writing: bool,
    /// Nothing more will come.
    ending: bool,
    /// The thread has written everything and is gone.
    ended: bool,
}

impl<T: Serialize + Send + 'static> Lines<T> {
    /// Starts the thread, for JSON lines; nothing if there is nowhere to write to.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no thread.
    pub fn start(name: &str, sinks: Sinks) -> io::Result<Option<Self>> {
        Self::open(name, sinks, |line, text| {
            let written = serde_json::to_writer(&mut *text, line).is_ok();
            text.push(b'\n');
            written
        })
    }
}

impl Lines<String> {
    /// Starts the thread, for lines that are text already, each with its line feed.
    ///
    /// # Errors
    /// As [`Lines::start`].
    pub fn of_text(name: &str, sinks: Sinks) -> io::Result<Option<Self>> {
        Self::open(name, sinks, |line, text| {
            text.extend_from_slice(line.as_bytes());
            true
        })
    }
}

impl<T: Send + 'static> Lines<T> {
    fn open(name: &str, sinks: Sinks, append: Append<T>) -> io::Result<Option<Self>> {
        if !sinks.stdout && !sinks.stderr && sinks.file.is_none() {
            return Ok(None);
        }
        let mut writer = Writer::open(sinks)?;
        let queue = Queue { waiting: Vec::new(), writing: false, ending: false, ended: false };
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            moved: Condvar::new(),
            append,
            lost: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(&theirs, &mut writer))?;
        Ok(Some(Self { shared, thread: Some(thread) }))
    }

    /// Hands a line in; false = the buffer was full, and the line is lost and counted.
    pub fn push(&self, line: T) -> bool {
        let mut queue = self.shared.queue();
        if queue.waiting.len() >= WAITING {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
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

    /// How many lines were lost since this was asked last: the buffer was full, or they could not be written.
    pub fn take_lost(&self) -> u64 {
        self.shared.lost.swap(0, Ordering::Relaxed)
    }

    /// Waits until all that was handed in is written, a second at most.
    pub fn flush(&self) {
        let queue = self.shared.queue();
        let busy = |queue: &mut Queue<T>| queue.writing || !queue.waiting.is_empty();
        drop(self.shared.moved.wait_timeout_while(queue, END, busy));
    }
}

impl<T> Shared<T> {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Lines<T> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.ending = true;
        self.shared.moved.notify_all();
        let waited = self.shared.moved.wait_timeout_while(queue, END, |queue| !queue.ended);
        let ended = waited.is_ok_and(|(queue, _)| queue.ended);
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            // It has written everything; how it ended changes nothing.
            let _ = thread.join();
        }
    }
}

fn serve<T>(shared: &Shared<T>, writer: &mut Writer) {
    let mut taken = Vec::new();
    let mut text = Vec::new();
    loop {
        let queue = shared.queue();
        let idle = |queue: &mut Queue<T>| queue.waiting.is_empty() && !queue.ending;
        let mut queue = shared.moved.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        let (nothing, ending) = (queue.waiting.is_empty(), queue.ending);
        queue.ended = nothing;
        drop(queue);
        match (nothing, ending) {
            (true, _) => {
                shared.moved.notify_all();
                return;
            }
            (false, true) => {}
            (false, false) => std::thread::sleep(GATHER),
        }
        let mut queue = shared.queue();
        std::mem::swap(&mut taken, &mut queue.waiting);
        queue.writing = true;
        drop(queue);
        for line in taken.drain(..) {
            text.clear();
            match (shared.append)(&line, &mut text) {
                true => writer.add(&text),
                false => writer.lost += 1,
            }
        }
        writer.write();
        shared.lost.fetch_add(std::mem::take(&mut writer.lost), Ordering::Relaxed);
        shared.queue().writing = false;
        shared.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    fn sinks(folder: &Path, rotate_bytes: u64, keep: u32) -> Sinks {
        Sinks { file: Some(folder.join("log")), rotate_bytes, keep, ..Sinks::default() }
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
    fn f24_a_pipe_that_nobody_reads_holds_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("log");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let lines =
            Lines::of_text("t", Sinks { file: Some(fifo), rotate_bytes: 1 << 30, ..Sinks::default() });
        let lines = lines.unwrap().unwrap();
        let begun = std::time::Instant::now();
        let taken =
            (0..WAITING + 60_000).filter(|_| lines.push("a line of some length\n".to_owned())).count();
        assert!(taken < WAITING + 60_000, "the buffer has an end");
        assert_eq!(lines.take_lost(), (WAITING + 60_000 - taken) as u64);
        assert_eq!(lines.take_lost(), 0);
        drop(lines);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(reader);
    }

    #[test]
    fn nowhere_to_write_is_no_log() {
        assert!(Lines::<u8>::start("t", Sinks::default()).unwrap().is_none());
        let nowhere = Sinks { file: Some("/no/such/folder/log".into()), ..Sinks::default() };
        assert!(Lines::<u8>::start("t", nowhere).is_err());
    }
}
