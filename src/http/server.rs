//! The accept loop: who may connect, how long a request may take to arrive, and how the server stops.
//!
//! poem's own server has no deadline for a request's head, no cap on connections and no pause after a failed
//! `accept` (attack rows X2-X4), so hyper is driven here and poem only routes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::http::{Method, StatusCode};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Networks;
use super::wire::{Activity, Deadlines, Wire};

/// What every HTTP/2 connection starts with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a head that are read before the library itself answers 431. The guard's bounds are lower and
/// answer in JSON; this one only keeps memory bounded.
const HEAD_BUFFER: usize = 80 * 1024;

/// Bounds of the listener. [`Default`] has the values that the requirements name.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Most open connections; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Most open connections of one address; further ones are closed. Trusted proxies have no such bound.
    pub connections_per_ip: usize,
    /// Proxies that speak for many.
    pub trusted_proxies: Networks,
    /// From connecting to the first byte.
    pub first_byte: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// Without a request on a kept-alive connection.
    pub idle: Duration,
    /// Without progress while an answer is written.
    pub write: Duration,
    /// For the peer to close after we have.
    pub linger: Duration,
    /// For requests in flight when the server stops.
    pub drain: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_ip: 1_024,
            trusted_proxies: Networks::default(),
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            linger: Duration::from_millis(250),
            drain: Duration::from_secs(10),
        }
    }
}

/// The request's head could be read in two ways; the guard refuses it. Stored with the request.
#[derive(Clone, Copy, Debug)]
pub struct Ambiguous;

/// What all connections share.
struct Shared<E> {
    endpoint: E,
    settings: ServerSettings,
    per_ip: PerIp,
    /// Finish what is in flight, take no further request.
    stop: CancellationToken,
    /// The drain's time is over.
    kill: CancellationToken,
}

/// Serves until `stop` is cancelled, then lets requests in flight finish for at most
/// [`ServerSettings::drain`].
///
/// # Errors
/// None today: a failing `accept` is waited out.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: E,
    settings: ServerSettings,
    stop: CancellationToken,
) -> io::Result<()>
where
    E: Endpoint + 'static,
{
    let slots = Arc::new(Semaphore::new(settings.connections));
    let drain = settings.drain;
    let shared = Arc::new(Shared {
        endpoint,
        settings,
        per_ip: PerIp::default(),
        stop: stop.clone(),
        kill: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((slot, stream, remote)) => {
                pause.reset();
                if let Some(place) = shared.place(remote.ip()) {
                    tasks.spawn(connection(Arc::clone(&shared), stream, remote, (slot, place)));
                }
            }
            Err(error) => pause.after(&error, &stop).await,
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
        tracing::warn!(event = "server.drain_cut", open = tasks.len(), "connections did not finish in time");
        shared.kill.cancel();
        tasks.wait().await;
    }
    Ok(())
}

/// A slot first, then a connection: with no slot free, the kernel's queue waits instead of our memory.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    Ok((slot, stream, remote))
}

/// Waits after a failed `accept`, longer each time: out of descriptors, the next try fails at once as well
/// (attack row X3).
#[derive(Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    fn reset(&mut self) {
        self.failures = 0;
    }

    async fn after(&mut self, error: &io::Error, stop: &CancellationToken) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // These are the peer's doing; the next connection may be fine.
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | ConnectionRefused) {
            return;
        }
        if self.failures == 0 {
            tracing::warn!(event = "server.accept_failed", error = %error, "cannot accept connections");
        }
        self.failures = (self.failures + 1).min(6);
        let wait = Duration::from_millis(20 << self.failures);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Open connections of each address.
#[derive(Clone, Default)]
struct PerIp(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address; free again when dropped.
struct Place {
    counts: PerIp,
    ip: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

impl<E> Shared<E> {
    /// A place for the address, if it has not too many.
    fn place(&self, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical();
        let mut counts = self.per_ip.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= self.settings.connections_per_ip && !self.settings.trusted_proxies.contains(ip) {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.per_ip.clone(), ip })
    }
}

/// One connection, from its first byte to its end. `_held` is freed with it.
async fn connection<E: Endpoint + 'static>(
    shared: Arc<Shared<E>>,
    stream: TcpStream,
    remote: SocketAddr,
    _held: (OwnedSemaphorePermit, Place),
) {
    let _ = stream.set_nodelay(true);
    let sniffed = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return,
        sniffed = tokio::time::timeout(shared.settings.first_byte, is_http2(&stream)) => sniffed,
    };
    match sniffed {
        Ok(Ok(true)) => http2_connection(&shared, stream, remote).await,
        Ok(Ok(false)) => http1_connection(&shared, stream, remote).await,
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Whether the connection begins with the preface of HTTP/2. Reads nothing.
async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0_u8; PREFACE.len()];
    loop {
        let got = stream.peek(&mut start).await?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if start[..got] != PREFACE[..got] {
            return Ok(false);
        }
        if got == PREFACE.len() {
            return Ok(true);
        }
        // The peeked bytes stay readable, so readiness cannot tell when more have come.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn http1_connection<E: Endpoint + 'static>(
    shared: &Arc<Shared<E>>,
    stream: TcpStream,
    remote: SocketAddr,
) {
    let activity = Arc::new(Activity::default());
    let local = stream.local_addr().ok();
    let io = TokioIo::new(Wire::new(stream, Arc::clone(&activity), shared.deadlines(), true));
    let service =
        service_fn(|request| answer(Arc::clone(shared), Arc::clone(&activity), request, local, remote));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Counts idle time too; the head's own deadline is the wire's.
        .header_read_timeout(shared.settings.idle)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shared.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = shared.kill.cancelled() => {}
    }
}

async fn http2_connection<E: Endpoint + 'static>(
    shared: &Arc<Shared<E>>,
    stream: TcpStream,
    remote: SocketAddr,
) {
    let activity = Arc::new(Activity::default());
    let local = stream.local_addr().ok();
    let io = TokioIo::new(Wire::new(stream, Arc::clone(&activity), shared.deadlines(), false));
    let owned = Arc::clone(shared);
    let for_requests = Arc::clone(&activity);
    let service = service_fn(move |request| {
        answer(Arc::clone(&owned), Arc::clone(&for_requests), request, local, remote)
    });
    // Bounds against rapid resets, floods of settings or continuations, and slow readers (X4).
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .max_header_list_size(32 * 1024)
        .max_frame_size(16 * 1024)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shared.stop.cancelled() => {}
        () = stays_idle(&activity, shared.settings.idle) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shared.kill.cancelled() => {}
        // What is still open now is a head that never ends, or a reader that never reads.
        () = stays_idle(&activity, shared.settings.drain) => {}
    }
}

/// Returns once no request was in flight for so long.
async fn stays_idle(activity: &Activity, long: Duration) {
    let tick = (long / 4).max(Duration::from_millis(10));
    let mut idle = Duration::ZERO;
    while idle < long {
        tokio::time::sleep(tick).await;
        idle = if activity.is_idle() { idle + tick } else { Duration::ZERO };
    }
}

async fn answer<E: Endpoint + 'static>(
    shared: Arc<Shared<E>>,
    activity: Arc<Activity>,
    request: hyper::Request<Incoming>,
    local: Option<SocketAddr>,
    remote: SocketAddr,
) -> Result<hyper::Response<impl hyper::body::Body<Data = bytes::Bytes, Error = io::Error>>, Infallible> {
    let busy = activity.begin();
    let local = local.map_or_else(LocalAddr::default, |local| LocalAddr(local.into()));
    let mut request = Request::from((request, local, RemoteAddr(remote.into()), Scheme::HTTP));
    if busy.ambiguous {
        request.set_data(Ambiguous);
    }
    let response = if finishes_alone(&request) {
        let theirs = Arc::clone(&shared);
        let answered = tokio::spawn(async move { theirs.endpoint.get_response(request).await });
        answered.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into())
    } else {
        shared.endpoint.get_response(request).await
    };
    Ok(hyper::Response::from(response))
}

/// Whether the request is carried out to its end when its caller hangs up. The library drops what it has asked then,
/// and a change must not be left without the entry in the audit log that comes after it, or half done.
/// What reads, and what the token and decision endpoints do, is one step or none.
fn finishes_alone(request: &Request) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let path = request.uri().path();
    !reads && !path.ends_with("/token") && !path.ends_with("/introspect") && !path.starts_with("/access/")
}

impl<E> Shared<E> {
    fn deadlines(&self) -> Deadlines {
        Deadlines { head: self.settings.head, write: self.settings.write, linger: self.settings.linger }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn x3_a_failing_accept_is_waited_out_and_not_spun_on() {
        let stop = CancellationToken::new();
        let mut pause = Pause::default();
        let before = std::time::Instant::now();
        pause.after(&io::Error::from_raw_os_error(libc::EMFILE), &stop).await;
        pause.after(&io::Error::from_raw_os_error(libc::EMFILE), &stop).await;
        let waited = before.elapsed();
        assert!(waited >= Duration::from_millis(120), "{waited:?}");
        pause.after(&io::ErrorKind::ConnectionAborted.into(), &stop).await;
        stop.cancel();
        pause.after(&io::Error::from_raw_os_error(libc::EMFILE), &stop).await;
        assert!(before.elapsed() < waited + Duration::from_millis(100));
    }
}
