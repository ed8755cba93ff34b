//! Cleans up after the run, whatever ended it.
//!
//! Shared servers live in statics, which Rust never drops, and a killed test process runs no hook of its own.
//! So a small shell reads a pipe from the test process: when the pipe closes, the process is gone, and the
//! shell ends the servers, stops PostgreSQL and removes the folders.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

const SCRIPT: &str = r#"
servers=""; postgres=""; folders=""
while read -r what value; do
  case $what in
    server) servers="$servers $value" ;;
    gone) kept=""; for pid in $servers; do [ "$pid" = "$value" ] || kept="$kept $pid"; done; servers=$kept ;;
    postgres) postgres="$postgres $value" ;;
    folder) folders="$folders $value" ;;
  esac
done
for pid in $servers; do kill -KILL "$pid" 2>/dev/null; done
for data in $postgres; do
  read -r pid < "$data/postmaster.pid" && kill -INT "$pid" && for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
done 2>/dev/null
for folder in $folders; do rm -rf "$folder"; done
"#;

fn pipe() -> &'static Mutex<ChildStdin> {
    static PIPE: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    PIPE.get_or_init(|| {
        // It ends after us, so nobody can wait for it.
        #[allow(clippy::zombie_processes)]
        // A group of its own: Ctrl-C in the terminal must end the tests, not the one who cleans up.
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        Mutex::new(shell.stdin.take().expect("the pipe was asked for"))
    })
}

fn tell(what: &str, value: &str) {
    assert!(!value.contains(char::is_whitespace), "the watchdog reads words: {value:?}");
    let mut pipe = pipe().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    writeln!(pipe, "{what} {value}").expect("the watchdog listens");
}

/// A server runs: end it when the run ends.
pub fn server(pid: u32) {
    tell("server", &pid.to_string());
}

/// A server has ended; its number may be another's soon.
pub fn gone(pid: u32) {
    tell("gone", &pid.to_string());
}

/// A PostgreSQL cluster runs in this data folder.
pub fn postgres(data: &Path) {
    tell("postgres", &data.display().to_string());
}

/// A folder to remove when the run ends.
pub fn folder(path: &Path) {
    tell("folder", &path.display().to_string());
}
