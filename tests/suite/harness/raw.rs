//! HTTP by hand, for what no client library would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::server::Server;

/// Sends bytes as they are and reads until the server closes or is silent for two seconds.
pub fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // The server may close before it has read everything: that is an answer too.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 16 * 1024];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..count]);
        if complete(&answer) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer; 0 = none came.
pub fn status(answer: &str) -> u16 {
    answer
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| answer.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// A form `POST` with lines of one's own between the request line and the length.
pub fn post(path: &str, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\n{lines}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A connection with a read limit of two seconds.
pub fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.listen()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a limit");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Whether a whole answer with a known length has come.
fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .is_some_and(|length| body.len() >= length)
}
