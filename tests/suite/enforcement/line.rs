//! What passes on a line: an application that records its requests, and a tap that forwards and records.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Seen = Arc<Mutex<Vec<u8>>>;

/// An application that answers every request with 200 and remembers its head.
pub struct Upstream {
    /// Where it listens.
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Listens on a free port.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    if let Some(head) = read_head(&mut stream) {
                        kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                        drop(stream.write_all(
                            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                        ));
                    }
                });
            }
        });
        Self { port, heads }
    }

    /// The heads of all requests since the last [`Upstream::clear`].
    pub fn requests(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Their targets.
    pub fn targets(&self) -> Vec<String> {
        let of = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.requests().iter().map(of).collect()
    }

    /// Forgets them.
    pub fn clear(&self) {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Forwards to an address and remembers what was sent there.
pub struct Tap {
    /// Where it listens.
    pub port: u16,
    seen: Seen,
}

impl Tap {
    /// A tap on the line to `address`.
    pub fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (seen, address) = (Seen::default(), address.to_owned());
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&address) else { continue };
                let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { continue };
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || pass(near, far, Some(&kept)));
                std::thread::spawn(move || pass(far_too, near_too, None));
            }
        });
        Self { port, seen }
    }

    /// The last value of a header that was sent.
    pub fn header(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&seen).into_owned();
        header(&text, name).last().map(|value| (*value).to_owned())
    }

    /// Forgets what was sent.
    pub fn clear(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The values of a header in the lines of a head.
pub fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// Sends bytes and reads until the other side closes, or is silent for ten seconds.
pub fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut head = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&head).into_owned();
        if let Some((lines, body)) = text.split_once("\r\n\r\n") {
            let length = header(lines, "content-length").first().and_then(|value| value.parse().ok());
            // Closing with unread bytes would reset the connection.
            if body.len() >= length.unwrap_or(0) {
                return Some(lines.to_owned());
            }
        }
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&buffer[..count]);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: Option<&Seen>) {
    let mut buffer = [0_u8; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        if let Some(kept) = kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}
