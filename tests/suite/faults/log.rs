//! Nobody reads the log, or nothing can be printed (fault F24).

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Http, Options, Server};

/// F24: standard error is a pipe that nobody reads. Requests go on, and SIGTERM still ends the process.
#[test]
fn f24_nobody_reads_the_log() {
    let server = Server::start(Options { unread_log: true, ..Options::default() });
    server.metadata();
    let start = Instant::now();
    // A line of some 250 bytes each; a pipe holds 64 KiB.
    for _ in 0..700 {
        let reply = Http::post(server.endpoint("token_endpoint")).form(&[("grant_type", "x")]).send();
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(server.get("/metrics").text().contains("grantwood_log_lines_lost_total"));
    assert_eq!(server.terminate(Duration::from_secs(12)), Some(0));
}

/// F24: a subcommand whose output goes to a full disk says so in a sentence, and ends with 1.
#[test]
fn f24_output_to_a_full_disk() {
    for arguments in [["schema", "client"], ["completions", "bash"], ["policy", "schema"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("the device");
        let output = Command::new(env!("CARGO_BIN_EXE_grantwood"))
            .args(arguments)
            .current_dir(crate::source::root())
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("grantwood: ") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}
