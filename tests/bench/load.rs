//! The load generator: keep-alive connections on one thread, latencies of every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::process::Process;

/// A request that is sent over and over, or one of a list of which each is sent once.
#[derive(Clone, Debug)]
pub struct Shot {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path.
    pub path: String,
    /// `Authorization`, if any.
    pub authorization: Option<String>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Form or JSON; empty for `GET`.
    pub body: Bytes,
}

impl Shot {
    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            authorization: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A form `POST`.
    pub fn post(path: &str, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self {
            method: "POST",
            path: path.to_owned(),
            authorization: None,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// A JSON `POST`.
    pub fn json(path: &str, body: &serde_json::Value) -> Self {
        Self {
            method: "POST",
            path: path.to_owned(),
            authorization: None,
            headers: Vec::new(),
            body: body.to_string().into(),
        }
    }

    /// With an `Authorization` header.
    pub fn authorized(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// With a further header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn request(&self, host: &str) -> hyper::Request<Full<Bytes>> {
        let mut builder = hyper::Request::builder().method(self.method).uri(&self.path).header("host", host);
        if let Some(value) = &self.authorization {
            builder = builder.header("authorization", value);
        }
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        if !self.body.is_empty() {
            let json = self.body.starts_with(b"{");
            let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
            builder = builder.header("content-type", kind);
        }
        builder.body(Full::new(self.body.clone())).expect("a request")
    }
}

/// What to send.
pub enum Plan {
    /// The same one for so long.
    Repeat(Shot, Duration),
    /// Each once.
    Each(Vec<Shot>),
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers with 200.
    pub done: usize,
    /// Every other answer, and broken connections.
    pub failed: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The server's processor time in seconds.
    pub cpu: f64,
    /// Latencies in seconds, sorted.
    pub latencies: Vec<f64>,
    /// Bodies of the answers, when they were asked for.
    pub bodies: Vec<Bytes>,
}

impl Outcome {
    /// Requests per second of wall time.
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds
    }

    /// Requests per second of the server's processor time.
    pub fn per_cpu_second(&self) -> f64 {
        self.done as f64 / self.cpu.max(0.01)
    }

    /// This and more of the same.
    pub fn and(mut self, more: Self) -> Self {
        self.done += more.done;
        self.failed += more.failed;
        self.seconds += more.seconds;
        self.cpu += more.cpu;
        self.latencies.extend(more.latencies);
        self.latencies.sort_by(f64::total_cmp);
        self.bodies.extend(more.bodies);
        self
    }

    /// The latency that so many in a hundred stay below, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        let index = ((self.latencies.len() as f64) * percent / 100.0) as usize;
        self.latencies
            .get(index.min(self.latencies.len().saturating_sub(1)))
            .map_or(0.0, |seconds| seconds * 1_000.0)
    }
}

/// Runs a plan against a process over so many connections.
pub fn run(process: &Process, plan: Plan, connections: usize, keep_bodies: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (shots, limit) = match plan {
        Plan::Repeat(shot, limit) => (Arc::new(vec![shot]), Some(limit)),
        Plan::Each(shots) => (Arc::new(shots), None),
    };
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, begin) = (process.cpu(), Instant::now());
    let parts = runtime.block_on(async {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let job = Job {
                    address: process.address.clone(),
                    shots: Arc::clone(&shots),
                    next: Arc::clone(&next),
                    until: limit.map(|limit| begin + limit),
                    keep_bodies,
                };
                tokio::spawn(job.work())
            })
            .collect();
        finished(workers).await
    });
    gather(parts, begin, process.cpu() - cpu)
}

async fn finished(workers: Vec<tokio::task::JoinHandle<Outcome>>) -> Vec<Outcome> {
    let mut parts = Vec::new();
    for worker in workers {
        parts.push(worker.await.expect("a worker ends"));
    }
    parts
}

fn gather(parts: Vec<Outcome>, begin: Instant, cpu: f64) -> Outcome {
    let mut all = Outcome { seconds: begin.elapsed().as_secs_f64(), cpu, ..Outcome::default() };
    for part in parts {
        all.done += part.done;
        all.failed += part.failed;
        all.latencies.extend(part.latencies);
        all.bodies.extend(part.bodies);
    }
    all.latencies.sort_by(f64::total_cmp);
    all
}

struct Job {
    address: String,
    shots: Arc<Vec<Shot>>,
    next: Arc<AtomicUsize>,
    until: Option<Instant>,
    keep_bodies: bool,
}

impl Job {
    fn next(&self) -> Option<&Shot> {
        match self.until {
            Some(until) => (Instant::now() < until).then(|| &self.shots[0]),
            None => self.shots.get(self.next.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn work(self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut visitor = Visitor::new(&self.address).await;
        while let Some(shot) = self.next() {
            let begin = Instant::now();
            match visitor.ask(shot).await {
                Some(answer) if answer.status == 200 => {
                    outcome.done += 1;
                    outcome.latencies.push(begin.elapsed().as_secs_f64());
                    if self.keep_bodies {
                        outcome.bodies.push(answer.body);
                    }
                }
                _ => outcome.failed += 1,
            }
        }
        outcome
    }
}

/// What came back for one request.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Location`, if any.
    pub location: Option<String>,
    /// The first `Set-Cookie`, without its attributes.
    pub cookie: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

/// One keep-alive connection, opened anew when it breaks.
pub struct Visitor {
    address: String,
    connection: Option<Sender>,
}

impl Visitor {
    /// Connects.
    pub async fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: connect(address).await }
    }

    /// Sends a request; nothing comes back from a connection that broke.
    pub async fn ask(&mut self, shot: &Shot) -> Option<Answer> {
        let answer = match &mut self.connection {
            Some(sender) => exchange(sender, shot.request(&self.address)).await,
            None => None,
        };
        if answer.is_none() {
            self.connection = connect(&self.address).await;
        }
        answer
    }
}

/// Runs journeys of several requests, each once, over so many connections; a journey is done when it says so.
pub fn journeys<J>(process: &Process, count: usize, connections: usize, journey: J) -> Outcome
where
    J: AsyncFn(&mut Visitor) -> bool + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (journey, next) = (std::rc::Rc::new(journey), Arc::new(AtomicUsize::new(0)));
    let (cpu, begin) = (process.cpu(), Instant::now());
    let local = tokio::task::LocalSet::new();
    let parts = local.block_on(&runtime, async {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let (journey, next) = (std::rc::Rc::clone(&journey), Arc::clone(&next));
                let address = process.address.clone();
                tokio::task::spawn_local(async move {
                    let mut outcome = Outcome::default();
                    let mut visitor = Visitor::new(&address).await;
                    while next.fetch_add(1, Ordering::Relaxed) < count {
                        let begin = Instant::now();
                        if journey(&mut visitor).await {
                            outcome.done += 1;
                            outcome.latencies.push(begin.elapsed().as_secs_f64());
                        } else {
                            outcome.failed += 1;
                        }
                    }
                    outcome
                })
            })
            .collect();
        finished(workers).await
    });
    gather(parts, begin, process.cpu() - cpu)
}

type Sender = http1::SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Option<Sender> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

async fn exchange(sender: &mut Sender, request: hyper::Request<Full<Bytes>>) -> Option<Answer> {
    sender.ready().await.ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let text = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
    let (location, cookie) = (text("location"), text("set-cookie"));
    let cookie = cookie.and_then(|line| Some(line.split(';').next()?.to_owned()));
    Some(Answer { status, location, cookie, body: answer.into_body().collect().await.ok()?.to_bytes() })
}
