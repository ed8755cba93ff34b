//! Callers who hang up before they have their answer.

use std::io::Write as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Client, Server, eventually, raw, unique};

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
        let clients: Vec<Client> = (0..24).map(|_| server.public_client(&[])).collect();
        let marker = unique("hangup");
        for (client, turn) in clients.iter().zip(0_u32..) {
            let body = json!({ "data": { "name": format!("{marker}.{turn}.") } }).to_string();
            let path = format!("clients/{}", client.document_id);
            hang_up(server, "PUT", &path, &body, Duration::from_micros(400) * turn);
        }
        let state = || {
            let log = server.manage(Method::GET, "audit/export").send().ok().text();
            clients.iter().zip(0_u32..).map(|(client, turn)| {
                let path = format!("clients/{}", client.document_id);
                let now = server.manage(Method::GET, &path).send().ok().text();
                let name = format!("{marker}.{turn}.");
                (now.contains(&name), log.contains(&name))
            }).collect::<Vec<_>>()
        };
        eventually("every change has its entry, and every entry its change", Duration::from_secs(5), || {
            state().iter().all(|(changed, entered)| changed == entered)
        });
        assert!(state().iter().filter(|(changed, _)| *changed).count() > 3, "nothing was changed, so nothing was tried");
    }
}
