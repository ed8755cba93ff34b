//! A program that is run for its output: within a time, up to a size, and gone with all its children afterwards.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Most that is kept of what a program complains about, in bytes.
const MAX_COMPLAINT: u64 = 4_096;
/// Between two looks at a program that has said everything but has not ended.
const LOOK: Duration = Duration::from_millis(2);

/// What a program may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Its life.
    pub time: Duration,
    /// Its output, in bytes.
    pub bytes: u64,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It is not installed, or may not be run.
    #[error("{0} cannot be run: {1}")]
    Start(String, std::io::Error),
    /// It was ended by us.
    #[error("{0} does not answer within {1} s")]
    Time(String, u64),
    /// It says more than anybody would read.
    #[error("{0} answers more than {1} bytes")]
    Size(String, u64),
    /// It failed; its own words.
    #[error("{0}: {1}")]
    Said(String, String),
}

/// Runs a program with an input and answers with its output.
pub fn output(mut command: Command, input: Vec<u8>, bounds: Bounds) -> Result<Vec<u8>, Failed> {
    let name = command.get_program().to_string_lossy().into_owned();
    let began = Instant::now();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| Failed::Start(name.clone(), error))?;
    let said = listen(child.stderr.take(), MAX_COMPLAINT);
    let answer = listen(child.stdout.take(), bounds.bytes + 1);
    if let Some(mut stdin) = child.stdin.take() {
        // A program that reads nothing leaves this thread waiting until it is ended.
        std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
    }
    let left = || bounds.time.saturating_sub(began.elapsed());
    let late = || Failed::Time(name.clone(), bounds.time.as_secs());
    let Ok(bytes) = answer.recv_timeout(left()) else {
        end(&mut child);
        return Err(late());
    };
    if bytes.len() as u64 > bounds.bytes {
        end(&mut child);
        return Err(Failed::Size(name.clone(), bounds.bytes));
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if !left().is_zero() => std::thread::sleep(LOOK),
            _ => {
                end(&mut child);
                return Err(late());
            }
        }
    };
    if status.success() {
        return Ok(bytes);
    }
    let said = said.recv_timeout(left()).unwrap_or_default();
    Err(Failed::Said(name, plain(&String::from_utf8_lossy(&said))))
}

/// Reads to the end in a thread, keeping the beginning.
fn listen(pipe: Option<impl Read + Send + 'static>, keep: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(keep).read_to_end(&mut kept);
            let full = kept.len() as u64 == keep;
            let _ = sender.send(kept);
            if full {
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
        }
    });
    receiver
}

/// Ends a program and everything that it started: they are one process group.
fn end(child: &mut Child) {
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: sends a signal to the group that this child leads; it was not waited for, so the number is its own.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A program's complaint in one line: printable, without what it shows of names and passwords in URLs.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.take(3).collect::<Vec<_>>().join("; ");
    let words = line.split(' ').map(without_credentials).collect::<Vec<_>>().join(" ");
    words.chars().map(|c| if c.is_control() { '?' } else { c }).take(400).collect()
}

/// `https://user:secret@host` → `https://host`.
pub fn without_credentials(word: &str) -> String {
    match word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => {
            let quote = if scheme.starts_with('\'') { "'" } else { "" };
            format!("{quote}{}://{rest}", scheme.trim_start_matches('\''))
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, input: &str, millis: u64) -> Result<String, Failed> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let bounds = Bounds { time: Duration::from_millis(millis), bytes: 100 };
        output(command, input.as_bytes().to_vec(), bounds).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_a_program_may_do() {
        assert_eq!(sh("cat", "x", 5_000).unwrap(), "x");
        assert!(matches!(sh("sleep 60 & sleep 60", "", 100), Err(Failed::Time(..))));
        assert!(matches!(sh("yes", "", 5_000), Err(Failed::Size(..))));
        let Err(Failed::Said(_, why)) = sh("echo at https://a:b@c/d >&2; exit 3", "", 5_000) else {
            panic!()
        };
        assert_eq!(why, "at https://c/d");
        assert!(matches!(
            output(Command::new("/absent"), Vec::new(), Bounds { time: Duration::ZERO, bytes: 1 }),
            Err(Failed::Start(..))
        ));
    }
}
