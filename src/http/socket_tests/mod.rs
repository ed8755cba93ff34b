//! The server and its guard over real sockets, byte by byte.

mod requests;
mod time;

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::{Method, StatusCode};
use poem::web::Data;
use poem::{EndpointExt, IntoResponse, Request, Response, Route, get, handler, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::address::{Networks, client_ip};
use super::guard::{Guard, GuardSettings};
use super::methods::Methods;
use super::server::{ServerSettings, serve};

#[handler]
async fn echo(body: String) -> String {
    body
}

#[handler]
fn hello() -> &'static str {
    "hello"
}

#[handler]
fn who(request: &Request) -> String {
    client_ip(request).to_string()
}

#[handler]
fn broken() -> Response {
    panic!("on purpose")
}

#[handler]
async fn slow(gate: Data<&Arc<tokio::sync::Notify>>) -> impl IntoResponse {
    gate.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    "done"
}

struct Server {
    address: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
    entered: Arc<tokio::sync::Notify>,
}

async fn start(server: ServerSettings, change: impl FnOnce(&mut GuardSettings)) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut settings = GuardSettings::new(format!("http://{address}").parse().unwrap());
    settings.methods =
        Methods::default().at("/oauth2/token", &[Method::POST]).at("/oauth2/clients/:id", &[Method::GET]);
    change(&mut settings);
    let entered = Arc::new(tokio::sync::Notify::new());
    let api = Route::new().at("/token", post(echo)).at("/clients/:id", get(hello));
    let routes = Route::new()
        .nest("/oauth2", api)
        .at("/hello", get(hello))
        .at("/ip", get(who))
        .at("/panic", get(broken))
        .at("/healthz", get(hello))
        .at("/slow", get(slow.data(Arc::clone(&entered))));
    let stop = CancellationToken::new();
    let guard = Guard::new(routes, settings);
    let task = tokio::spawn({
        let stop = stop.clone();
        async move { serve(listener, guard, server, stop).await.unwrap() }
    });
    Server { address, stop, task, entered }
}

/// Bounds that a test can wait for.
fn short() -> ServerSettings {
    ServerSettings {
        first_byte: Duration::from_millis(200),
        head: Duration::from_millis(300),
        idle: Duration::from_millis(1_500),
        drain: Duration::from_millis(600),
        ..ServerSettings::default()
    }
}

async fn plain() -> Server {
    start(short(), |_| {}).await
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// Sends bytes with `HOST` filled in, and reads until the server closes or is quiet.
    async fn raw(&self, bytes: &str) -> String {
        self.bytes(bytes.replace("HOST", &format!("Host: {}\r\n", self.address)).as_bytes()).await
    }

    async fn bytes(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that has answered may close before it has everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_millis(700), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn post(&self, path: &str, headers: &str, body: &str) -> String {
        self.raw(&format!("POST {path} HTTP/1.1\r\nHOST{headers}Connection: close\r\n\r\n{body}")).await
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHOST{headers}Connection: close\r\n\r\n")).await
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The body of an answer that must be an error in JSON.
fn error(answer: &str) -> serde_json::Value {
    assert!(answer.to_ascii_lowercase().contains("content-type: application/json"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(body["error"].is_string() || body["error"]["name"].is_string(), "{answer}");
    body
}
