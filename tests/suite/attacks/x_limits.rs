//! Section X1: limits on what a request may weigh.

use crate::harness::{Http, raw};

on_both! {
    /// X1: bodies above 64 kB.
    fn x01_bodies(server: &Server) {
        for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
            let reply = Http::post(server.endpoint(endpoint))
                .raw_form(format!("token={}", "a".repeat(1 << 20)))
                .try_send();
            // The server may close while the body is still on its way.
            if let Some(reply) = reply {
                assert_eq!(reply.status, 413, "{endpoint}: {reply:?}");
            }
        }
        let claimed = format!("Host: {}\r\n", server.listen());
        let head = format!(
            "POST {} HTTP/1.1\r\n{claimed}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999999\r\n\r\n",
            server.path("token_endpoint")
        );
        assert_eq!(raw::status(&raw::exchange(server, head.as_bytes())), 413);
        assert!(server.lives());
    }

    /// X1: long headers, many headers, long targets.
    fn x01_heads(server: &Server) {
        let long = format!("X-A: {}\r\n", "a".repeat(40_000));
        let many = (0..200).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
        for (lines, target, expected) in [
            (long.as_str(), "/healthz".to_owned(), [431, 400]),
            (many.as_str(), "/healthz".to_owned(), [431, 400]),
            ("", format!("/healthz?{}", "a".repeat(20_000)), [414, 431]),
        ] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: {}\r\n{lines}Connection: close\r\n\r\n",
                server.listen()
            );
            let status = raw::status(&raw::exchange(server, request.as_bytes()));
            assert!(expected.contains(&status), "{status}, one of {expected:?} was expected");
        }
        assert_eq!(server.get("/healthz").status, 200);
    }
}
