//! What a request may be, and what comes back.

use super::*;

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
