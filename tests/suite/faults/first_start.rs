//! A first start that is cut off (fault F11): the next one goes on, and the administrator has a password that works.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::server::free_port;
use crate::harness::{Http, eventually, policies, watchdog};

fn serve(folder: &Path, port: u16) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grantwood"));
    command.current_dir(folder).arg("serve");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRANTWOOD_") {
            command.env_remove(name);
        }
    }
    let child = command
        .env("GRANTWOOD_LISTEN", format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    watchdog::server(child.id());
    child
}

/// F11: killed at ten moments of its first start; then left alone.
#[test]
fn f11_killed_at_its_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    policies::copy_shipped(&folder.path().join("policies"));
    let port = free_port();
    let moments = [20, 40, 60, 80, 110, 150, 200, 260, 330, 420];
    for after in moments {
        let mut child = serve(folder.path(), port);
        std::thread::sleep(Duration::from_millis(after));
        child.kill().expect("killed");
        child.wait().expect("gone");
        watchdog::gone(child.id());
    }
    let mut child = serve(folder.path(), port);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    eventually("ready", Duration::from_secs(30), || {
        Http::get(url("/readyz")).try_send().is_some_and(|reply| reply.status == 200)
    });
    let read = |path: &str| std::fs::read_to_string(folder.path().join("data").join(path)).expect(path);
    let password = read("admin-password");
    let reply = Http::post(url("/auth/local"))
        .json(&json!({ "identifier": "admin", "password": password.trim_end() }))
        .send();
    assert_eq!(reply.status, 200, "the password of the file: {reply:?}");
    for client in ["reporting", "partner"] {
        let output = Command::new(env!("CARGO_BIN_EXE_grantwood"))
            .current_dir(folder.path())
            .env("GRANTWOOD_LISTEN", format!("127.0.0.1:{port}"))
            .args(["token", "--client", client])
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        // The partner's grants depend on address and hour; its key must be right all the same.
        let refused = ["invalid_scope", "access_denied"].iter().any(|error| said.contains(error));
        assert!(output.status.success() || (client == "partner" && refused), "{client}: {said}");
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    watchdog::gone(child.id());
}
