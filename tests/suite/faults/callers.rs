//! Callers who hang up before they have their answer.

use std::io::Write as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Server, eventually, raw, unique};

/// Sends a request of the administrator and hangs up after a while.
fn hang_up(server: &Server, method: &str, path: &str, body: &str, after: Duration) {
    let url = url::Url::parse(&server.mounted(path)).expect("a URL");
    let request = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        url.path(),
        server.listen(),
        server.admin().jwt(server),
        body.len()
    );
    let mut stream = raw::connect(server);
    stream.write_all(request.as_bytes()).expect("sent");
    std::thread::sleep(after);
    drop(stream);
}

on_both! {
    /// AA7: a change is in the audit log, also where whoever made it did not wait for the answer. The request is
    /// carried out to its end, or not at all.
    fn aa07_no_change_without_its_entry(server: &Server) {
        let client = server.public_client(&[]);
        let path = format!("clients/{}", client.document_id);
        let marker = unique("hangup");
        let tries: u32 = 24;
        for turn in 0..tries {
            let body = json!({ "data": { "name": format!("{marker}.{turn}.") } }).to_string();
            hang_up(server, "PUT", &path, &body, Duration::from_micros(400) * turn);
        }
        let audited = || {
            let log = server.manage(Method::GET, "audit/export").query(&[("format", "jsonl")]).send().ok().text();
            (0..tries).filter(|turn| log.contains(&format!("{marker}.{turn}."))).count()
        };
        eventually("every change has its entry", Duration::from_secs(5), || audited() == tries as usize);
        let now = server.manage(Method::GET, &path).send().json()["data"]["name"].to_string();
        assert!(now.contains(&marker), "{now}");
    }
}
