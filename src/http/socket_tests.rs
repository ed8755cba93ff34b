//! The server and its guard over real sockets, byte by byte.

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

#[tokio::test]
async fn a13_a_request_names_one_host() {
    let server = plain().await;
    let own = server.address.clone();
    for request in [
        "GET /hello HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /hello HTTP/1.1\r\nHost: {own}\r\nHost: {own}\r\n\r\n"),
        format!("GET http://evil.test/hello HTTP/1.1\r\nHost: {own}\r\n\r\n"),
        "GET /hello HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
    ] {
        let answer = server.raw(&request).await;
        assert_eq!(status(&answer), 400, "{request}\n{answer}");
        assert_eq!(error(&answer)["error"], "invalid_request");
    }
    let absolute = server.raw(&format!("GET http://{own}/hello HTTP/1.1\r\nHOST\r\n")).await;
    assert_eq!(status(&absolute), 200, "{absolute}");
}

#[tokio::test]
async fn a13_ambiguous_framing_is_refused() {
    let server = plain().await;
    for headers in [
        "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "X-Lone: a\n\r\n",
        "X-Folded: a\r\n b\r\n\r\n",
        "X-Space : a\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n",
    ] {
        let answer = server.raw(&format!("POST /oauth2/token HTTP/1.1\r\nHOST{headers}")).await;
        assert_eq!(status(&answer), 400, "{headers}\n{answer}");
    }
}

#[tokio::test]
async fn a12_another_spelling_of_a_path_is_another_path() {
    let server = plain().await;
    let paths = [
        "/oauth2/token/",
        "//oauth2/token",
        "/./oauth2/token",
        "/oauth2/token;x",
        "/oauth2/token%2f",
        "/oauth2/%74oken",
    ];
    for path in paths.into_iter().chain(["/oauth2/Token", "/nothing", "/oauth2/../oauth2/token"]) {
        let answer = server.post(path, "Content-Length: 1\r\n", "x").await;
        assert_eq!(status(&answer), 404, "{path}");
        assert_eq!(error(&answer)["error"], "not_found");
    }
}

#[tokio::test]
async fn a8_a_wrong_method_is_405_with_allow() {
    let server = plain().await;
    let answer = server.get("/oauth2/token", "X-HTTP-Method-Override: POST\r\n").await;
    assert_eq!(status(&answer), 405);
    assert!(answer.contains("allow: POST\r\n"), "{answer}");
    assert_eq!(error(&answer)["error"], "invalid_request");
    let head = server.raw("HEAD /oauth2/token HTTP/1.1\r\nHOSTConnection: close\r\n\r\n").await;
    assert_eq!(status(&head), 405);
    assert!(head.contains("allow: POST\r\n"));
    let managed = server.post("/oauth2/clients/1", "Content-Length: 0\r\n", "").await;
    assert!(managed.contains("allow: GET, HEAD\r\n"), "{managed}");
    assert_eq!(error(&managed)["error"]["name"], "MethodNotAllowedError");
}

#[tokio::test]
async fn a14_two_authorization_headers_are_refused() {
    let server = plain().await;
    let answer = server.get("/hello", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n").await;
    assert_eq!(status(&answer), 400);
    error(&answer);
}

#[tokio::test]
async fn a10_a_chunked_body_works() {
    let server = plain().await;
    let answer = server
        .post("/oauth2/token", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("abcde"), "{answer}");
    let bad = server.post("/oauth2/token", "Transfer-Encoding: chunked\r\n", "zz\r\n").await;
    assert_eq!(status(&bad), 400);
}

#[tokio::test]
async fn x1_a_large_body_is_413_announced_or_not() {
    let server = plain().await;
    let big = "x".repeat(70_000);
    let announced = server.post("/oauth2/token", "Content-Length: 70000\r\n", &big).await;
    assert_eq!(status(&announced), 413);
    assert!(announced.to_ascii_lowercase().contains("connection: close"));
    error(&announced);
    let chunk = format!("{:x}\r\n{big}\r\n0\r\n\r\n", big.len());
    let chunked = server.post("/oauth2/token", "Transfer-Encoding: chunked\r\n", &chunk).await;
    assert_eq!(status(&chunked), 413);
    let fits = "x".repeat(64 * 1024);
    let answer = server.post("/oauth2/token", "Content-Length: 65536\r\n", &fits).await;
    assert_eq!(status(&answer), 200);
}

#[tokio::test]
async fn x1_a_413_does_not_wait_for_the_body() {
    let server = plain().await;
    let before = Instant::now();
    let mut stream = server.connect().await;
    let head =
        format!("POST /oauth2/token HTTP/1.1\r\nHost: {}\r\nContent-Length: 9000000\r\n\r\n", server.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    assert!(before.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn x1_large_heads_are_431_and_414() {
    let server = plain().await;
    let long = server.get(&format!("/hello?a={}", "x".repeat(17_000)), "").await;
    assert_eq!(status(&long), 414);
    error(&long);
    let large = server.get("/hello", &format!("X-Large: {}\r\n", "x".repeat(33_000))).await;
    assert_eq!(status(&large), 431);
    error(&large);
    let huge = server.get("/hello", &format!("X-Large: {}\r\n", "x".repeat(200_000))).await;
    assert_eq!(status(&huge), 431);
    let many = server.get("/hello", &"X-Many: 1\r\n".repeat(101)).await;
    assert_eq!(status(&many), 431);
}

#[tokio::test]
async fn x2_a_dripping_head_is_closed() {
    let server = plain().await;
    let mut stream = server.connect().await;
    let before = Instant::now();
    for byte in b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: aaaaaaaaaaaaaaaaaaaaaa" {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if before.elapsed() > Duration::from_millis(900) {
            break;
        }
    }
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_millis(200), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open after {:?}", before.elapsed());
}

#[tokio::test]
async fn x2_silence_and_half_a_preface_are_closed() {
    let server = plain().await;
    for start in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(start).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_millis(600), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{start:?}");
    }
}

#[tokio::test]
async fn x2_a_kept_alive_connection_may_be_idle_longer_than_a_head() {
    let server = plain().await;
    let mut stream = server.connect().await;
    let head = format!("GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut buffer = [0; 4096];
    for _ in 0..2 {
        stream.write_all(head.as_bytes()).await.unwrap();
        let got = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..got].starts_with(b"HTTP/1.1 200"));
        // Longer than `head`, shorter than `idle`.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the idle connection is closed in the end");
}

#[tokio::test]
async fn x2_a_slow_body_is_408() {
    let server = start(short(), |settings| settings.body_deadline = Duration::from_millis(200)).await;
    let answer = server.post("/oauth2/token", "Content-Length: 10\r\n", "abc").await;
    assert_eq!(status(&answer), 408, "{answer}");
    error(&answer);
}

#[tokio::test]
async fn x2_a_request_has_a_deadline() {
    let server = start(short(), |settings| settings.deadline = Duration::from_millis(100)).await;
    let answer = server.get("/slow", "").await;
    assert_eq!(status(&answer), 503);
    assert!(answer.contains("retry-after: "));
    assert_eq!(error(&answer)["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn x3_an_address_has_only_so_many_connections() {
    let server = start(ServerSettings { connections_per_ip: 2, ..short() }, |_| {}).await;
    let first = server.connect().await;
    let _second = server.connect().await;
    assert_eq!(server.get("/hello", "").await, "");
    drop(first);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(status(&server.get("/hello", "").await), 200);
}

#[tokio::test]
async fn a_refused_request_with_a_body_ends_the_connection() {
    let server = plain().await;
    let bad = "POST /nothing;x HTTP/1.1\r\nHOSTContent-Length: 4\r\n\r\na\nb\n";
    let answer = server.raw(&format!("{bad}GET /hello HTTP/1.1\r\nHOST\r\n")).await;
    assert_eq!(status(&answer), 404);
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_all_answered() {
    let server = plain().await;
    let answer = server
        .raw("GET /hello HTTP/1.1\r\nHOST\r\nPOST /oauth2/token HTTP/1.1\r\nHOSTContent-Length: 2\r\n\r\nabGET /hello HTTP/1.1\r\nHOSTConnection: close\r\n\r\n")
        .await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
}

#[tokio::test]
async fn bb4_a_panic_is_an_answer_and_the_server_lives() {
    let server = plain().await;
    let answer = server.get("/panic", "").await;
    assert_eq!(status(&answer), 500);
    assert_eq!(error(&answer)["error"], "server_error");
    assert!(!answer.contains("on purpose"));
    assert_eq!(status(&server.get("/hello", "").await), 200);
}

#[tokio::test]
async fn v4_an_unknown_host_is_misdirected_but_probes_answer() {
    let server = plain().await;
    let answer = server.bytes(b"GET /hello HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), 421);
    error(&answer);
    let probe = server.bytes(b"GET /healthz HTTP/1.1\r\nHost: 10.1.2.3\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&probe), 200);
}

#[tokio::test]
async fn v2_the_address_comes_from_the_peer_or_a_trusted_proxy() {
    let server = plain().await;
    assert!(server.get("/ip", "X-Forwarded-For: 198.51.100.7\r\n").await.ends_with("127.0.0.1"));
    let trusting = start(short(), |settings| {
        settings.trusted_proxies = Networks::parse(&["127.0.0.1"]).unwrap();
    })
    .await;
    assert!(
        trusting.get("/ip", "X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n").await.ends_with("198.51.100.7")
    );
}

#[tokio::test]
async fn the_plugins_mount_is_an_alias() {
    let server = plain().await;
    let answer = server.post("/strapi-plugin-oauth2/token", "Content-Length: 2\r\n", "ab").await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(status(&server.get("/strapi-plugin-oauth2/clients/1?x=1", "").await), 200);
    assert_eq!(status(&server.get("/strapi-plugin-oauth2x/clients/1", "").await), 404);
    let without = start(short(), |settings| settings.alias = false).await;
    assert_eq!(status(&without.get("/strapi-plugin-oauth2/clients/1", "").await), 404);
}

#[tokio::test]
async fn u1_every_answer_has_the_headers() {
    let server = plain().await;
    for answer in
        [server.get("/hello", "").await, server.get("/nothing", "").await, server.get("/panic", "").await]
    {
        let lower = answer.to_ascii_lowercase();
        for header in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "x-request-id: ",
        ] {
            assert!(lower.contains(header), "{header}\n{answer}");
        }
        assert!(!lower.contains("\r\nserver:") && !lower.contains("opener-policy"));
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_server_stops() {
    let server = plain().await;
    let request = format!("GET /slow HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut stream = server.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    server.entered.notified().await;
    let mut idle = server.connect().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.stop.cancel();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
    tokio::time::timeout(Duration::from_secs(2), server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(&server.address).await.is_err());
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let server = start(ServerSettings { drain: Duration::from_millis(100), ..short() }, |_| {}).await;
    let mut stream = server.connect().await;
    let request = format!("GET /slow HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    server.entered.notified().await;
    let before = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(280), "{:?}", before.elapsed());
}

#[tokio::test]
async fn http2_by_prior_knowledge_works() {
    let server = plain().await;
    let stream = server.connect().await;
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let body = http_body_util::Full::new(bytes::Bytes::from_static(b"abc"));
    let request = hyper::Request::post(format!("http://{}/oauth2/token", server.address)).body(body).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}
