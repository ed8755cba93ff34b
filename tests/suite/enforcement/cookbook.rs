//! The cookbook of `config/examples/`, as it is shipped: nginx and caddy in front of an application that records
//! what reaches it, with a tap on the line to the server that records what was judged.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::line::{self, Tap, Upstream};
use super::passes;
use crate::harness::server::free_port;
use crate::harness::{Options, Server, backend, eventually, scope, watchdog};
use crate::source;

/// A program in front of the application.
pub(super) struct Front {
    child: Child,
    pub(super) port: u16,
    // Removed with the front.
    folder: tempfile::TempDir,
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        watchdog::gone(self.child.id());
    }
}

/// A server that protects one port of this machine, the tap before it, and the application behind the proxy.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) tap: Tap,
    pub(super) upstream: Upstream,
    port: u16,
}

impl Stage {
    pub(super) fn new() -> Self {
        let port = free_port();
        let config = format!(
            "forward_auth:\n  hosts: [\"http://127.0.0.1:{port}\"]\n  trusted_proxies: [127.0.0.0/8]\n  \
             login_url: https://app.test/login?to={{url}}\n"
        );
        let server = Server::start(Options { config: Some(config), ..Options::default() });
        let tap = Tap::to(server.listen());
        Self { tap, upstream: Upstream::new(), port, server }
    }

    /// A shipped file with the ports of this stage.
    fn file(&self, path: &str) -> String {
        source::read(path)
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.tap.port))
            .replace("127.0.0.1:9000", &format!("127.0.0.1:{}", self.upstream.port))
            .replace("127.0.0.1:8088", &format!("127.0.0.1:{}", self.port))
    }

    pub(super) fn nginx(&self) -> Option<Front> {
        is_here("nginx", "-v")?;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display();
        let main = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;\n\
             uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\ninclude api.conf;\n}}\n"
        );
        for (name, text) in [
            ("nginx.conf", main),
            ("api.conf", self.file("config/examples/nginx/api.conf")),
            ("forward-auth.conf", self.file("config/examples/nginx/forward-auth.conf")),
        ] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .arg("-e")
            .arg(folder.path().join("error.log"));
        Some(self.started(command, folder))
    }

    pub(super) fn caddy(&self) -> Option<Front> {
        is_here("caddy", "version")?;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Caddyfile");
        let text = self.file("config/examples/caddy/Caddyfile");
        std::fs::write(&file, format!("{{\n\tadmin off\n}}\n{text}")).expect("written");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, folder.path());
        }
        Some(self.started(command, folder))
    }

    fn started(&self, mut command: Command, folder: tempfile::TempDir) -> Front {
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it runs");
        watchdog::server(child.id());
        let front = Front { child, port: self.port, folder };
        eventually("the proxy listens", Duration::from_secs(20), || {
            std::net::TcpStream::connect(("127.0.0.1", front.port)).is_ok()
        });
        front
    }

    pub(super) fn token(&self) -> String {
        self.server.machine_token(&self.server.jwt_client(&[]), "")
    }
}

impl Front {
    /// Sends a request as bytes; answers with the status.
    fn send(&self, method: &str, target: &str, lines: &str) -> (u16, String) {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{lines}\r\n",
            self.port
        );
        let answer = line::exchange(self.port, request.as_bytes());
        let log = || std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default();
        assert!(!answer.is_empty(), "no answer to {target}; {}", log());
        (crate::harness::raw::status(&answer), answer)
    }
}

/// Whether a program of Debian's packages is here; says once that it is left out.
fn is_here(program: &str, argument: &str) -> Option<()> {
    let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(());
    }
    let required = std::env::var("GRANTWOOD_TEST_REQUIRE_PROXIES").as_deref() == Ok("1");
    assert!(!required, "GRANTWOOD_TEST_REQUIRE_PROXIES=1, and {program} is not installed");
    backend::say(&format!("LEFT OUT: {program} in front of an API; it is not installed"));
    None
}

/// Targets with one spelling, and with more than one.
const TARGETS: [&str; 34] = [
    "/api/forms",
    "/api/forms?x=/public&y=a%2fb",
    "/api/forms/7",
    "/api/forms/a%20b",
    "/api/forms/jos%C3%A9",
    "/api/forms/%252e%252e",
    "/api/forms/a,b",
    "/api/forms%2f7",
    "/api%2fforms",
    "/api/forms%5c7",
    "/api/forms\\7",
    "/api/%2e%2e/api/forms",
    "/api/../api/forms",
    "/x/%2e%2e/api/forms",
    "/./api/forms",
    "/api/forms/.",
    "/api/forms/..",
    "/api/forms/../../api/forms/7",
    "/api/forms%00",
    "/api/forms;x",
    "/api;x/forms",
    "/api/forms%3bx",
    "//api/forms",
    "/api//forms",
    "/api/forms/",
    "/%61pi/forms",
    "/api/f%6Frms",
    "/api/forms%0a",
    "/api/forms/%c0%ae%c0%ae",
    "/api/forms/%ff",
    "/api/forms/%zz",
    "/api/forms#/public",
    "/api/forms%23/public",
    "/api/forms%3f/public",
];

/// Z12: for the whole list, what reached the application is exactly what was judged, or nothing reached it.
fn path_confusion(stage: &Stage, front: &Front, judged_by: &str) {
    let token = stage.token();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let mut passed = 0;
    for target in TARGETS {
        stage.upstream.clear();
        stage.tap.clear();
        let (status, answer) = front.send("GET", target, &bearer);
        let served = stage.upstream.targets();
        let judged = stage.tap.header(judged_by).map(|value| without_origin(&value));
        match served.as_slice() {
            [] => assert!(status >= 400, "{target}: {answer}"),
            [one] => {
                passed += 1;
                assert_eq!(Some(one), judged.as_ref(), "{target}");
                let direct = crate::harness::Http::get(stage.server.url("/forward-auth/nginx"))
                    .header("X-Original-URL", &format!("http://127.0.0.1:{}{one}", stage.port))
                    .header("X-Original-Method", "GET")
                    .bearer(&token);
                passes(&direct.send());
            }
            several => panic!("{target}: {several:?}"),
        }
    }
    assert!(passed >= 6, "only {passed} targets passed");
}

pub(super) fn without_origin(value: &str) -> String {
    match value.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned()),
        None => value.to_owned(),
    }
}

/// The ordinary cases, and callers that say who they are themselves (Z7) or which request it is (Z6).
fn ordinary(stage: &Stage, front: &Front) {
    let token = stage.token();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let jti = crate::harness::jwt::claims(&token)["jti"].as_str().expect("jti").to_owned();
    let lies = "X-Client-Id: root\r\nX-User-Id: root\r\nX-Scopes: all\r\nX-Token-Id: x\r\n";
    let (status, answer) = front.send("GET", "/api/forms", &format!("{bearer}{lies}"));
    assert_eq!(status, 200, "{answer}");
    let [seen] = &stage.upstream.requests()[..] else { panic!("one request") };
    assert_eq!(line::header(seen, "x-token-id"), [jti.as_str()]);
    assert_eq!(line::header(seen, "x-client-id").len(), 1);
    assert!(!seen.contains("root"), "{seen}");
    assert!(line::header(seen, "x-user-id").iter().all(|value| value.is_empty()), "{seen}");
    stage.upstream.clear();
    // Nobody, with and without an own opinion about the request.
    let opinions = [
        "",
        "X-Original-URL: http://x/public\r\n",
        "X-Forwarded-Uri: /public\r\n",
        "X_Forwarded_Uri: /public\r\n",
        "X-HTTP-Method-Override: GET\r\n",
        "Forwarded: host=x\r\n",
    ];
    for opinion in opinions {
        let (status, answer) = front.send("GET", "/api/forms", opinion);
        assert!(status == 401 || (status >= 400 && !opinion.is_empty()), "{opinion}: {answer}");
        if opinion.is_empty() {
            let lower = answer.to_ascii_lowercase();
            assert!(lower.matches("www-authenticate: bearer").count() == 1, "{answer}");
            assert!(lower.contains("resource_metadata="), "{answer}");
        }
        let (status, answer) = front.send("DELETE", "/nowhere", &format!("{bearer}{opinion}"));
        assert!(status >= 400, "{opinion}: {answer}");
    }
    let (status, answer) = front.send("GET", "/api/forms?x=1", "Accept: text/html\r\n");
    assert_eq!(status, 302, "{answer}");
    let way_back =
        format!("https://app.test/login?to=http%3A%2F%2F127.0.0.1%3A{}%2Fapi%2Fforms%3Fx%3D1", stage.port);
    assert!(answer.contains(&way_back), "{answer}");
    let (status, answer) = front.send("GET", "/.well-known/oauth-protected-resource", "");
    assert!(status == 200 && answer.contains("authorization_servers"), "{answer}");
    assert!(stage.upstream.requests().is_empty(), "{:?}", stage.upstream.requests());
    // HEAD is GET without content; a body does not reach the question.
    assert_eq!(front.send("HEAD", "/api/forms", &bearer).0, 200);
    let body = format!("{bearer}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
    let request =
        format!("POST /api/forms HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{body}", front.port);
    let answer = line::exchange(front.port, request.as_bytes());
    assert_eq!(crate::harness::raw::status(&answer), 200, "{answer}");
    // BB1: without the server nothing passes.
    stage.upstream.clear();
    stage.server.kill();
    let (status, answer) = front.send("GET", "/api/forms", &bearer);
    assert!(matches!(status, 502 | 503), "{answer}");
    assert!(stage.upstream.requests().is_empty());
}

/// nginx hands on what the server says: the status, the challenge and the body, also of what `auth_request` does not
/// know (BB1, Z1).
fn nginx_refusals(stage: &Stage, front: &Front) {
    let token = stage.token();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let weak = stage.server.machine_token(&stage.server.jwt_client(&[scope::FIND]), "");
    let weak = format!("Authorization: Bearer {weak}\r\n");
    for (method, target, lines, status, error) in [
        ("GET", "/api/forms", "", 401, "invalid_token"),
        ("GET", "/api/forms", "Authorization: Bearer x\r\n", 401, "invalid_token"),
        ("DELETE", "/api/forms/7", weak.as_str(), 403, "insufficient_scope"),
        ("GET", "/nowhere", bearer.as_str(), 403, "access_denied"),
        ("GET", "/api//forms", bearer.as_str(), 400, "invalid_request"),
        ("GET", "/api/forms/7;x", bearer.as_str(), 400, "invalid_request"),
        ("PROPFIND", "/api/forms", bearer.as_str(), 400, "invalid_request"),
    ] {
        let (got, answer) = front.send(method, target, lines);
        assert_eq!(got, status, "{method} {target}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(line::header(head, "content-type"), ["application/json"], "{answer}");
        assert_eq!(line::header(head, "cache-control"), ["no-store"], "{answer}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        assert_eq!(body["error"], error, "{answer}");
        assert!(body["error_description"].is_string() && body["error_uri"].is_string(), "{answer}");
        assert_eq!(
            line::header(head, "www-authenticate").len(),
            usize::from(error != "access_denied"),
            "{answer}"
        );
        assert!(super::IDENTITY.iter().all(|name| line::header(head, name).is_empty()), "{answer}");
        assert!(line::header(head, "x-refusal").is_empty(), "{answer}");
    }
    // A policy that fails is the server's fault: 503, and when to come again.
    let rule = "@id(\"breaks\") forbid (principal, action == Action::\"api::form.form.find\", resource)\n\
                when { 9223372036854775807 + 1 > 0 };\n";
    crate::harness::policies::write(&stage.server.policies().join("rules/breaks.cedar"), rule);
    eventually("the rule is in force", crate::harness::BOUND, || {
        front.send("GET", "/api/forms", &bearer).0 == 503
    });
    stage.upstream.clear();
    let (_, answer) = front.send("GET", "/api/forms", &bearer);
    assert!(
        answer.contains("server_error") && answer.to_ascii_lowercase().contains("retry-after"),
        "{answer}"
    );
    assert!(stage.upstream.requests().is_empty(), "{:?}", stage.upstream.requests());
    std::fs::remove_file(stage.server.policies().join("rules/breaks.cedar")).expect("removed");
    eventually("it is gone", crate::harness::BOUND, || front.send("GET", "/api/forms", &bearer).0 == 200);
    stage.upstream.clear();
}

#[test]
fn z12_nginx() {
    let stage = Stage::new();
    let Some(front) = stage.nginx() else { return };
    path_confusion(&stage, &front, "x-original-url");
    stage.upstream.clear();
    nginx_refusals(&stage, &front);
    ordinary(&stage, &front);
}

#[test]
fn z12_caddy() {
    let stage = Stage::new();
    let Some(front) = stage.caddy() else { return };
    path_confusion(&stage, &front, "x-forwarded-uri");
    stage.upstream.clear();
    ordinary(&stage, &front);
}

/// The one command of the README: a call passes, the next is refused, an edit is followed.
#[test]
fn the_example_runs() {
    if is_here("nginx", "-v").is_none() || is_here("python3", "--version").is_none() {
        return;
    }
    let output = Command::new(source::root().join("config/examples/protect/run"))
        .arg("--once")
        .env("GRANTWOOD", env!("CARGO_BIN_EXE_grantwood"))
        .env("AUTH_PORT", free_port().to_string())
        .env("API_PORT", free_port().to_string())
        .env("NGINX_PORT", free_port().to_string())
        .output()
        .expect("bash runs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "-> 401",
        "-> 200",
        "\"caller\": \"reporting\"",
        "-> 403",
        "insufficient_scope",
        "DENY",
        scope::DELETE,
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Traefik's and Envoy's files name what the server answers and needs; their questions are replayed in `replay.rs`.
#[test]
fn the_other_files_fit() {
    let traefik: serde_json::Value = yaml("config/examples/traefik/dynamic.yaml");
    let middleware = &traefik["http"]["middlewares"]["grantwood"]["forwardAuth"];
    assert_eq!(middleware["address"], "http://127.0.0.1:8080/forward-auth/traefik");
    assert_eq!(middleware["trustForwardHeader"], false);
    let names: Vec<String> = super::IDENTITY.iter().map(|name| (*name).to_owned()).collect();
    let listed = middleware["authResponseHeaders"].as_array().expect("a list");
    let listed: Vec<String> =
        listed.iter().filter_map(|name| name.as_str()).map(str::to_ascii_lowercase).collect();
    assert_eq!(listed, names);
    assert_eq!(traefik["http"]["routers"]["api"]["middlewares"][1], "grantwood");
    let envoy = yaml("config/examples/envoy/envoy.yaml");
    let manager =
        &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let filter = &manager["http_filters"][0]["typed_config"];
    assert_eq!(filter["http_service"]["path_prefix"], "/forward-auth/envoy");
    assert_eq!(filter["failure_mode_allow"], false);
    let upstream = filter["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
        .as_array()
        .expect("a list");
    let listed: Vec<&str> = upstream.iter().filter_map(|pattern| pattern["exact"].as_str()).collect();
    assert_eq!(listed, names);
    let allowed = filter["allowed_headers"]["patterns"].to_string();
    assert!(
        ["x-forwarded-for", "x-forwarded-proto", "accept"].iter().all(|name| allowed.contains(name)),
        "{allowed}"
    );
    assert!(
        ["-uri", "-host", "-method", "x-original"].iter().all(|name| !allowed.contains(name)),
        "{allowed}"
    );
    let removed = manager["early_header_mutation_extensions"].to_string();
    assert!(names.iter().all(|name| removed.contains(name.as_str())), "{removed}");
}

fn yaml(path: &str) -> serde_json::Value {
    serde_yaml::from_str(&source::read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
