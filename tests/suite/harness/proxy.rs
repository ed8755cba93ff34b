//! A cable between the server and its database that a test can pull out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Forwards connections to a port of this machine until it is cut.
pub struct Cable {
    port: u16,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    /// A cable to a PostgreSQL URL's port, and the URL to use instead.
    pub fn to(url: &str) -> (Self, String) {
        let parsed = url::Url::parse(url).expect("a URL");
        let target = parsed.port().expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let cable = Self { port, cut: Arc::default(), open: Arc::default() };
        let (cut, open) = (Arc::clone(&cable.cut), Arc::clone(&cable.open));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    drop(stream.shutdown(Shutdown::Both));
                } else {
                    forward(stream, target, &open);
                }
            }
        });
        let mut through = parsed;
        through.set_port(Some(port)).expect("a port");
        (cable, through.to_string())
    }

    /// Breaks what is connected and refuses what comes.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }

    /// The port that the server connects to.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn forward(from: TcpStream, target: u16, open: &Mutex<Vec<TcpStream>>) {
    let Ok(to) = TcpStream::connect(("127.0.0.1", target)) else { return };
    let handle = |stream: &TcpStream| stream.try_clone().expect("one more handle");
    open.lock().unwrap_or_else(PoisonError::into_inner).extend([handle(&from), handle(&to)]);
    for (mut source, mut sink) in [(handle(&from), handle(&to)), (to, from)] {
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 16 * 1024];
            while let Ok(count) = source.read(&mut buffer) {
                if count == 0 || sink.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            drop(sink.shutdown(Shutdown::Both));
        });
    }
}
