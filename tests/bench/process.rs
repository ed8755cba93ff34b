//! The processes under measurement, and what the kernel says of them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server process; killed when it is let go of.
pub struct Process {
    child: Child,
    /// Host and port.
    pub address: String,
    /// From the start of the process to its first answer.
    pub start: Duration,
}

impl Process {
    /// Starts a command and waits until `path` answers 200.
    pub fn start(mut command: Command, address: &str, path: &str, log: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let begin = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one more handle"))
            .stderr(log)
            .spawn()
            .expect("the program runs");
        let mut process = Self { child, address: address.to_owned(), start: Duration::ZERO };
        while !answers(address, path) {
            assert!(matches!(process.child.try_wait(), Ok(None)), "the program ended at its start");
            assert!(begin.elapsed() < Duration::from_secs(60), "no answer within a minute");
            std::thread::sleep(Duration::from_millis(1));
        }
        process.start = begin.elapsed();
        process
    }

    /// Processor seconds that the process has used, user and system time of all its threads.
    pub fn cpu(&self) -> f64 {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id");
        let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
        // SAFETY: both write into the places that they are given.
        let read = unsafe {
            libc::clock_getcpuclockid(pid, &raw mut clock) | libc::clock_gettime(clock, &raw mut time)
        };
        assert_eq!(read, 0, "the process lives");
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    /// Resident memory now, in MiB.
    pub fn resident(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most resident memory so far, in MiB.
    pub fn peak(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        kib / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One plain request by hand: a client library would take longer to set up than the server to start.
fn answers(address: &str, path: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut head = [0_u8; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head.ends_with(b"200")
}

/// A port that nobody listens on at this moment.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}
