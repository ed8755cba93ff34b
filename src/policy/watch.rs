//! Notices changes of the policy folder. The kernel's notifications only make it quick; a comparison at short
//! intervals is what guarantees that no change is missed, whatever becomes of the folder meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Between two comparisons. With the settling it stays within the second that an edit may take.
const TICK: Duration = Duration::from_millis(500);
/// How long the folder must be quiet before it is read, so that a checkout of hundreds of files is read once.
const SETTLE: Duration = Duration::from_millis(100);
/// The longest that a folder that is never quiet is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How deep the folder is looked into.
const DEPTH: usize = 4;

/// Watches until `stop` is set (noticed within a tick). `on_change` runs on the watcher's own thread.
pub fn watch(
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    on_change: impl Fn() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    // Taken before the thread starts: what changes from here on is noticed.
    let before = signature(&folder);
    std::thread::Builder::new()
        .name("policy-watch".to_owned())
        .spawn(move || run(&folder, &stop, before, &on_change))
}

fn run(folder: &Path, stop: &AtomicBool, mut before: u64, on_change: &dyn Fn()) {
    let (sender, events) = channel();
    let mut eyes = Eyes { watcher: watcher(sender), places: BTreeSet::new() };
    while !stop.load(Ordering::Relaxed) {
        eyes.open(folder);
        match events.recv_timeout(TICK) {
            Ok(()) => settle(&events),
            Err(RecvTimeoutError::Timeout) => {}
            // Without notifications the comparison alone does the work.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
        }
        let mut now = signature(folder);
        if now == before {
            continue;
        }
        // A tick may fall into the middle of a checkout of which no notification came.
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            std::thread::sleep(SETTLE);
            let next = signature(folder);
            if next == now {
                break;
            }
            now = next;
        }
        before = now;
        on_change();
    }
}

/// Waits until nothing happens for a moment.
fn settle(events: &Receiver<()>) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE && events.recv_timeout(SETTLE / 2).is_ok() {}
}

fn watcher(sender: Sender<()>) -> Option<RecommendedWatcher> {
    let handler = move |event: notify::Result<notify::Event>| {
        // Reading is an event too; reacting to it would mean reading for ever.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            let _ = sender.send(());
        }
    };
    notify::recommended_watcher(handler).ok()
}

struct Eyes {
    watcher: Option<RecommendedWatcher>,
    places: BTreeSet<(PathBuf, u64)>,
}

impl Eyes {
    /// Watches every folder there is now: a folder made anew, or a link that leads elsewhere, needs a new watch.
    fn open(&mut self, folder: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let places = places(folder);
        for (path, _) in self.places.difference(&places) {
            let _ = watcher.unwatch(path);
        }
        for (path, _) in places.difference(&self.places) {
            let _ = watcher.watch(path, RecursiveMode::NonRecursive);
        }
        self.places = places;
    }
}

/// The folder, its subfolders, and where links among them lead; with their inodes. Not the parent: a log or a
/// database beside the policies would wake the watcher at each write, and the tick sees a folder that is swapped.
fn places(folder: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut found = BTreeSet::new();
    let mut add = |path: &Path| {
        let real = fs::canonicalize(path).ok()?;
        let meta = fs::metadata(&real).ok().filter(fs::Metadata::is_dir)?;
        found.insert((real, meta.ino()));
        Some(())
    };
    let _ = add(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            let _ = add(&entry.path());
        }
    }
    found
}

/// A number that changes with any change of the folder's content: names, links, sizes, times, inodes.
fn signature(folder: &Path) -> u64 {
    let mut hash = DefaultHasher::new();
    look(folder, DEPTH, &mut hash);
    hash.finish()
}

fn look(path: &Path, depth: usize, hash: &mut DefaultHasher) {
    let Ok(meta) = fs::metadata(path) else {
        hash.write_u8(0);
        return;
    };
    let (size, modified) =
        if meta.is_dir() { (0, 0) } else { (meta.size(), meta.mtime_nsec() ^ meta.mtime()) };
    let changed = if meta.is_dir() { (0, 0) } else { (meta.ctime(), meta.ctime_nsec()) };
    (meta.ino(), meta.mode(), size, modified, changed).hash(hash);
    if !meta.is_dir() || depth == 0 {
        return;
    }
    let Ok(listing) = fs::read_dir(path) else {
        hash.write_u8(1);
        return;
    };
    let mut names: Vec<_> = listing.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    // Dot-files are followed only through the links that lead into them.
    for name in names.into_iter().filter(|name| !name.as_encoded_bytes().starts_with(b".")) {
        name.hash(hash);
        look(&path.join(&name), depth - 1, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Watched {
        stop: Arc<AtomicBool>,
        changes: Arc<AtomicUsize>,
        thread: Option<JoinHandle<()>>,
    }

    impl Watched {
        fn new(folder: &Path) -> Self {
            let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let counter = Arc::clone(&changes);
            let thread = watch(folder.to_owned(), Arc::clone(&stop), move || {
                counter.fetch_add(1, Ordering::SeqCst);
            });
            Self { stop, changes, thread: Some(thread.unwrap()) }
        }

        /// Does something and waits until it is noticed.
        fn notices(&self, what: &str, change: impl FnOnce()) {
            let before = self.changes.load(Ordering::SeqCst);
            let began = Instant::now();
            change();
            while self.changes.load(Ordering::SeqCst) == before {
                assert!(began.elapsed() < Duration::from_secs(5), "{what} was not noticed");
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::Relaxed);
            self.thread.take().map(JoinHandle::join);
        }
    }

    #[test]
    fn y9_every_way_in_which_files_change_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("policies");
        let file = folder.join("clients/a.yaml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "a").unwrap();
        let watched = Watched::new(&folder);
        watched.notices("a write", || fs::write(&file, "b").unwrap());
        watched.notices("a rename over", || {
            fs::write(dir.path().join("new"), "c").unwrap();
            fs::rename(dir.path().join("new"), &file).unwrap();
        });
        watched.notices("a second rename over", || {
            fs::write(dir.path().join("new"), "d").unwrap();
            fs::rename(dir.path().join("new"), &file).unwrap();
        });
        watched.notices("a new folder", || {
            fs::create_dir(folder.join("roles")).unwrap();
            fs::write(folder.join("roles/r.yaml"), "r").unwrap();
        });
        watched.notices("removal of the folder", || fs::remove_dir_all(&folder).unwrap());
        watched.notices("its return", || {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "e").unwrap();
        });
        watched.notices("a write after its return", || fs::write(&file, "ff").unwrap());
        let count = watched.changes.load(Ordering::SeqCst);
        let _ = fs::read_to_string(&file);
        std::thread::sleep(TICK * 2);
        assert_eq!(watched.changes.load(Ordering::SeqCst), count, "reading is no change");
    }

    #[test]
    fn y9_a_config_map_swap_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("clients");
        for (name, text) in [("..1", "a"), ("..2", "b"), ("..3", "c")] {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join("a.yaml"), text).unwrap();
        }
        let point = |to: &str| {
            std::os::unix::fs::symlink(to, folder.join("..tmp")).unwrap();
            fs::rename(folder.join("..tmp"), folder.join("..data")).unwrap();
        };
        point("..1");
        std::os::unix::fs::symlink("..data/a.yaml", folder.join("a.yaml")).unwrap();
        let watched = Watched::new(dir.path());
        watched.notices("the first swap", || point("..2"));
        watched.notices("the second swap", || point("..3"));
    }
}
