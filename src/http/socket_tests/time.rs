//! Deadlines, bounds on connections, and the end of the server.

use super::*;

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
