//! Nobody reads the log (fault F24).

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
