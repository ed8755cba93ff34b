//! Forward-auth: what a decision costs anew and from memory, by clients and by routes, and behind nginx.

use std::fmt::Write as _;
use std::process::Command;

use crate::load::{Outcome, Plan, Shot, run};
use crate::measure::floor_beside;
use crate::process::{Process, free_address};
use crate::report::Report;
use crate::rows;
use crate::setup::{Bench, Client, Site, access_token};

/// Connections of the latency target.
const CONNECTIONS: usize = 64;
/// The protected host.
const HOST: &str = "api.bench.test";

/// A site that protects [`HOST`] and believes this machine.
fn site() -> Site {
    let site = Site::new("RS256");
    site.configure(&format!("forward_auth:\n  hosts: [{HOST}]\n  trusted_proxies: [127.0.0.1]\n"));
    site
}

/// nginx's question about `GET <path>`.
fn question(path: &str, token: &str) -> Shot {
    Shot::get("/forward-auth/nginx")
        .authorized(&format!("Bearer {token}"))
        .header("x-original-url", &format!("https://{HOST}{path}"))
        .header("x-original-method", "GET")
}

fn tokens(site: &Site, process: &Process, client: &Client, bench: &Bench, count: usize) -> Vec<String> {
    let issued = run(process, Plan::Each(site.grants(&client.id, count)), bench.connections, true);
    assert!(issued.done > 0, "no token was issued:\n{}", site.log());
    issued.bodies.iter().map(|body| access_token(body)).collect()
}

/// Each token once on a process that knows none of them; one token again and again where a rule reads the time, so
/// that every question is put to the policy; one token again and again where none does.
pub fn decisions(bench: &Bench, report: &mut Report) {
    let site = site();
    let process = site.start();
    let client = site.client();
    let tokens = tokens(&site, &process, &client, bench, bench.assertions);
    drop(process);
    let process = site.start();
    let shots = tokens.iter().map(|token| question("/api/forms", token)).collect();
    let each = run(&process, Plan::Each(shots), CONNECTIONS, false);
    report.row("forward-auth, each token once", &each);
    let cached = repeated(&process, &tokens[0], bench);
    report.row("forward-auth, one token again and again, from memory", &cached);
    drop(process);
    site.write_rule(
        "bench-now",
        "@id(\"bench-now\") forbid (principal, action in Action::\"api\", resource) when { context.now < datetime(\"2020-01-01\") };\n",
    );
    let process = site.start();
    let decided = repeated(&process, &tokens[0], bench);
    report.row("forward-auth, one token, every decision anew (a rule reads the time)", &decided);
    let floor = floor_beside(bench, report, "forward-auth");
    let of_floor = |outcome: &Outcome| Some(outcome.per_cpu_second() / floor);
    // 12,000 decisions where the floor carries 190,000.
    report.at_least("forward-auth anew, of the floor", of_floor(&decided), 0.063);
    report.at_least("forward-auth cached, of the floor", of_floor(&cached), 0.3);
    report.at_most("forward-auth, p99 ms at 64 connections", Some(cached.percentile(99.0)), 5.0);
}

fn repeated(process: &Process, token: &str, bench: &Bench) -> Outcome {
    let length = std::time::Duration::from_secs(bench.seconds);
    run(process, Plan::Repeat(question("/api/forms", token), length), CONNECTIONS, false)
}

/// A decision with few and with many clients in the database.
pub fn by_clients(bench: &Bench, report: &mut Report) {
    let site = site();
    let process = site.start();
    let client = site.client();
    let token = tokens(&site, &process, &client, bench, 1).remove(0);
    let mut process = Some(process);
    let outcomes = [10, bench.many_clients].map(|count| {
        drop(process.take());
        let fresh = [("document_id", "hex(randomblob(16))"), ("client_id", "hex(randomblob(16))")];
        rows::multiply(&site.database(), "clients", &format!("client_id = '{}'", client.id), &fresh, count);
        repeated(process.insert(site.start()), &token, bench)
    });
    report.row("forward-auth, 10 clients", &outcomes[0]);
    report.row(&format!("forward-auth, {} clients", bench.many_clients), &outcomes[1]);
    report.at_most("forward-auth, time by clients, few to many", ratio(&outcomes), 1.5);
}

/// A decision with few and with many routes in the catalog.
pub fn by_routes(bench: &Bench, report: &mut Report) {
    let site = site();
    let process = site.start();
    let client = site.client();
    let token = tokens(&site, &process, &client, bench, 1).remove(0);
    drop(process);
    let outcomes = [10, 2_000].map(|count| {
        let mut catalog = "content_types:\n".to_owned();
        for number in 0..count / 2 {
            let _ = write!(
                catalog,
                "  api::bench{number}.bench:\n    actions:\n      find: {{ routes: [\"GET /api/bench{number}\"] }}\n      \
                 findOne: {{ routes: [\"GET /api/bench{number}/:id\"] }}\n"
            );
        }
        site.write_policy("catalog/bench.yaml", &catalog);
        repeated(&site.start(), &token, bench)
    });
    report.row("forward-auth, 10 more routes", &outcomes[0]);
    report.row("forward-auth, 2,000 more routes", &outcomes[1]);
    report.at_most("forward-auth, time by routes, few to many", ratio(&outcomes), 1.5);
}

/// nginx with a static file: alone, with forward-auth, and with the framework's hello-world as its auth server.
/// Requests per second of wall time; the processors are shared by nginx, the auth server and the load.
pub fn nginx(bench: &Bench, report: &mut Report) {
    if Command::new("nginx").arg("-v").output().is_err() {
        report.figure("nginx with forward-auth", "left out: nginx is not installed");
        return;
    }
    let site = site();
    let process = site.start();
    let client = site.client();
    let token = tokens(&site, &process, &client, bench, 1).remove(0);
    let floor = free_address();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--floor", &floor]);
    let hello = Process::start(command, &floor, "/", &site.path("floor.log"));
    let front = free_address();
    std::fs::create_dir_all(site.path("www/api")).expect("a folder");
    for name in ["forms", "hello", "bare"] {
        std::fs::write(site.path(&format!("www/api/{name}")), "{\"data\":[]}").expect("written");
    }
    let text = configuration(&site.path("").display().to_string(), &front, &process.address, &hello.address);
    std::fs::write(site.path("nginx.conf"), text).expect("written");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(site.path("nginx.conf")).arg("-e").arg(site.path("nginx.log"));
    let proxy = Process::start(command, &front, "/api/bare", &site.path("nginx.log"));
    let length = std::time::Duration::from_secs(bench.seconds);
    let mut rates = Vec::new();
    for (path, what) in [
        ("/api/bare", "nginx, a static file, alone"),
        ("/api/hello", "nginx with the hello-world as auth_request server"),
        ("/api/forms", "nginx with forward-auth"),
    ] {
        let shot = Shot::get(path).authorized(&format!("Bearer {token}"));
        let outcome = run(&proxy, Plan::Repeat(shot, length), CONNECTIONS, false);
        report.row(what, &outcome);
        rates.push(outcome.per_second());
    }
    report.figure(
        "nginx: forward-auth, of the hello-world as auth server",
        &format!("{:.2}", rates[2] / rates[1]),
    );
}

fn configuration(folder: &str, front: &str, server: &str, hello: &str) -> String {
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n\
         access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
         uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         upstream auth {{ server {server}; keepalive 64; }}\nupstream hello {{ server {hello}; keepalive 64; }}\n\
         server {{\nlisten {front}; root {folder}/www;\nlocation /api/bare {{}}\n\
         location /api/hello {{ auth_request /_hello; }}\nlocation /api/forms {{ auth_request /_auth; }}\n\
         location = /_hello {{ internal; proxy_pass http://hello/; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; }}\n\
         location = /_auth {{ internal; proxy_pass http://auth/forward-auth/nginx; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header X-Original-Method $request_method;\n\
         proxy_set_header X-Original-URL https://{HOST}$request_uri; }}\n}}\n}}\n"
    )
}

/// Processor time per request, the second outcome's over the first's.
fn ratio(outcomes: &[Outcome; 2]) -> Option<f64> {
    Some(outcomes[0].per_cpu_second() / outcomes[1].per_cpu_second())
}
