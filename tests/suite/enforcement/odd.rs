//! Requests that no ordinary client sends, through the real proxies of the cookbook: whatever reaches the application is
//! what was judged, once, with the caller's identity on it.

use super::cookbook::{Front, Stage};
use super::line;
use crate::harness::{jwt, raw};

/// What is sent: `{port}` and `{bearer}` are filled in.
const ODD: [&str; 44] = [
    // Versions and forms of the request line.
    "GET /api/forms HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{bearer}\r\n",
    "GET /api/forms HTTP/1.0\r\n{bearer}\r\n",
    "GET /api/forms HTTP/1.1\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms\r\n\r\n",
    "GET /api/forms HTTP/2.0\r\nHost: 127.0.0.1:{port}\r\n{bearer}\r\n",
    "GET http://127.0.0.1:{port}/api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET http://evil.test/api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET http://127.0.0.1:{port}/api/forms HTTP/1.1\r\nHost: evil.test\r\n{bearer}Connection: close\r\n\r\n",
    "GET http://127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET http:/api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET *  HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "CONNECT /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET ?/api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    // Methods.
    "get /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "Get /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "HEAD /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "TRACE /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "OPTIONS /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: https://a.test\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n",
    "PURGE /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    // Hosts.
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1.:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: [::1]:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: [::ffff:127.0.0.1]:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: localhost:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}@evil.test\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: evil.test\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}, evil.test\r\n{bearer}Connection: close\r\n\r\n",
    // Headers that stand twice, are folded, hide behind blanks, or name others as belonging to the connection.
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Authorization: Bearer x\r\nConnection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer x\r\n{bearer}Connection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}X-Forwarded-Uri : /public\r\nConnection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}X-A: b\r\n X-Original-URL: http://x/\r\nConnection: close\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close, X-Client-Id, X-Token-Id, X-User-Id, X-Scopes\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close, X-Forwarded-Uri, X-Forwarded-Method, X-Original-URL\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: close, Authorization\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}X-Client-Id: root\r\nx_client_id: root\r\nX-Client_Id: root\r\nConnection: close\r\n\r\n",
    // Bodies.
    "POST /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "POST /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Transfer-Encoding: chunked\r\nContent-Length: 4\r\nConnection: close\r\n\r\n0\r\n\r\nGET /api/secret HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    "GET /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Content-Length: 64\r\nConnection: close\r\n\r\nDELETE /api/forms/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX: yyyyyyyyyyyyy\r\n\r\n",
    "POST /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Content-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}",
    "POST /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}Transfer-Encoding: xchunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
];

/// Sends all of them. `target` and `method` are the headers by which the proxy asks.
fn through(stage: &Stage, front: &Front, (target, method): (&str, &str)) {
    let token = stage.token();
    let jti = jwt::claims(&token)["jti"].as_str().expect("jti").to_owned();
    let (mut served, mut refused) = (0, 0);
    for text in ODD {
        stage.upstream.clear();
        stage.tap.clear();
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let request = text.replace("{port}", &front.port.to_string()).replace("{bearer}", &bearer);
        let answer = line::exchange(front.port, request.as_bytes());
        let shown = text.escape_debug();
        let heads = stage.upstream.requests();
        let Some(head) = heads.first() else {
            let status = raw::status(&answer);
            // Caddy answers an empty 200 of its own where no site has the host.
            let own = answer.to_ascii_lowercase().contains("content-length: 0");
            assert!(status == 0 || status >= 400 || own, "{shown}: {answer}");
            refused += 1;
            continue;
        };
        assert_eq!(heads.len(), 1, "{shown}: {heads:?}");
        let mut words = head.split(' ');
        let judged = stage.tap.header(target).map(|value| super::cookbook::without_origin(&value));
        assert_eq!(stage.tap.header(method).as_deref(), words.next(), "{shown}: {head}");
        assert_eq!(judged.as_deref(), words.next(), "{shown}: {head}");
        assert_eq!(line::header(head, "x-token-id"), [jti.as_str()], "{shown}: {head}");
        assert_eq!(line::header(head, "x-client-id").len(), 1, "{shown}: {head}");
        assert!(!head.contains("root"), "{shown}: {head}");
        served += 1;
    }
    assert!(served >= 6 && refused >= 20, "{served} reached the application, {refused} did not");
}

/// Z6, Z7, Z11, Z12.
#[test]
fn z12_nginx_and_odd_requests() {
    let stage = Stage::new();
    let Some(front) = stage.nginx() else { return };
    through(&stage, &front, ("x-original-url", "x-original-method"));
}

/// Z6, Z7, Z11, Z12.
#[test]
fn z12_caddy_and_odd_requests() {
    let stage = Stage::new();
    let Some(front) = stage.caddy() else { return };
    through(&stage, &front, ("x-forwarded-uri", "x-forwarded-method"));
}
