//! A connection's bytes, with the deadlines that the HTTP library leaves to us.
//!
//! A request's head must be complete some seconds after its first byte, however it drips; an idle kept-alive
//! connection may wait longer, so that a proxy's pool does not race our closing. A peer that does not read its
//! answer is cut off. Closing lingers, so that an answer given before the whole request was read arrives.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::head::HeadScan;

/// Bytes that a lingering close throws away at most.
const MOST_DISCARDED: usize = 1 << 20;

/// What a connection's reader and its requests tell each other.
#[derive(Debug, Default)]
pub struct Activity {
    /// Requests that are being answered.
    open: AtomicUsize,
    /// A first byte of a request's head has come, and the request has not begun.
    head: AtomicBool,
    /// The head that has come could be read in two ways.
    ambiguous: AtomicBool,
}

impl Activity {
    /// A request has begun; it ends when the value is dropped.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.open.fetch_add(1, Ordering::AcqRel);
        self.head.store(false, Ordering::Release);
        let ambiguous = self.ambiguous.swap(false, Ordering::AcqRel);
        Busy { activity: Arc::clone(self), ambiguous }
    }

    /// Whether no request is being answered.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Busy {
    activity: Arc<Activity>,
    /// The request's head could be read in two ways.
    pub ambiguous: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Without progress while an answer is written.
    pub write: Duration,
    /// For the peer to close after we have.
    pub linger: Duration,
}

/// A TCP stream under deadlines.
pub struct Wire {
    stream: TcpStream,
    activity: Arc<Activity>,
    deadlines: Deadlines,
    /// Only HTTP/1 has a head in plain bytes.
    scan: Option<HeadScan>,
    head_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
}

struct Linger {
    timer: Pin<Box<Sleep>>,
    discarded: usize,
}

impl Wire {
    /// Watches a stream.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, deadlines: Deadlines, watch_head: bool) -> Self {
        let scan = watch_head.then(HeadScan::new);
        Self { stream, activity, deadlines, scan, head_timer: None, write_timer: None, linger: None }
    }

    /// Arms the head's timer at its first byte, and looks at the head's bytes.
    fn note_read(&mut self, bytes: &[u8]) {
        let Some(scan) = self.scan.as_mut().filter(|_| self.activity.is_idle() && !bytes.is_empty()) else {
            return;
        };
        if !self.activity.head.swap(true, Ordering::AcqRel) {
            self.head_timer = Some(timer(self.deadlines.head));
            *scan = HeadScan::new();
        }
        scan.feed(bytes);
        self.activity.ambiguous.store(scan.is_ambiguous(), Ordering::Release);
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.activity.head.load(Ordering::Acquire) {
            self.head_timer = None;
        }
        self.head_timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }

    /// Passes a write's result on, unless nothing has moved for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write_timer = None;
            return result;
        }
        let deadline = self.deadlines.write;
        let timer = self.write_timer.get_or_insert_with(|| timer(deadline));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn timer(after: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep_until(Instant::now() + after))
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if result.is_ready() {
            this.note_read(&buf.filled()[before..]);
        }
        // Asked after every read, so that a drip does not outrun its timer.
        if this.head_is_late(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(cx, result)
    }

    /// Sends FIN, then reads what the peer was still sending: closing a socket with unread bytes resets the
    /// connection, and the peer may lose an answer such as 413.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.linger = Some(Linger { timer: timer(this.deadlines.linger), discarded: 0 });
        }
        let Some(linger) = this.linger.as_mut() else { return Poll::Ready(Ok(())) };
        let mut scratch = [0_u8; 4096];
        while linger.timer.as_mut().poll(cx).is_pending() && linger.discarded < MOST_DISCARDED {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => linger.discarded += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
