//! The programs that a new client's page shows, run as they stand: each kind of client, each language.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{admin, between, page, posted};
use crate::harness::browser::{Browser, at_client};
use crate::harness::{Backend, Options, Server, backend, jwt, python, scope};

/// What the page shows: the environment file and the programs, in a folder of their own.
struct Shown {
    folder: tempfile::TempDir,
    id: String,
}

impl Shown {
    /// Creates a client by the form and keeps what the next page shows.
    fn of(server: &Server, kind: &str) -> Self {
        let browser = admin(server);
        let fields = [
            ("kind", kind),
            ("name", "First request"),
            ("redirect_uris", "http://127.0.0.1/cb"),
            ("scope", scope::FIND),
            ("step", "create"),
        ];
        let fields: Vec<_> =
            fields.into_iter().filter(|(name, _)| *name != "redirect_uris" || kind != "service").collect();
        let once = posted(&browser, "/admin/clients/new", &fields);
        let text = page(&browser, &once);
        let id =
            between(&text, "id=\"shown-client-id\"", "</output>").and_then(|rest| rest.split('>').nth(1));
        let id = id.expect("a client id").to_owned();
        let folder = tempfile::tempdir().expect("a folder");
        let env = between(&text, "<pre id=\"shown-env\"", "</pre>").and_then(|rest| rest.split_once('>'));
        let env = plain_text(env.expect("an environment file").1);
        std::fs::write(folder.path().join(format!("{id}.env")), env).expect("a file");
        let programs: Vec<&str> = text.split("<pre tabindex=\"0\"").skip(1).collect();
        assert_eq!(programs.len(), 3, "{text}");
        for (name, program) in ["first.sh", "first.mjs", "first.py"].iter().zip(programs) {
            let program = between(program, "<code>", "</code>").expect("a program");
            std::fs::write(folder.path().join(name), plain_text(program)).expect("a file");
        }
        Self { folder, id }
    }

    /// The commands: those that this machine can run.
    fn commands(&self) -> Vec<Command> {
        let env = format!("{}.env", self.id);
        let mut shell = Command::new("bash");
        shell.arg("first.sh");
        let mut all = vec![shell];
        if Command::new("node").arg("--version").output().is_ok() {
            let mut node = Command::new("node");
            node.arg(format!("--env-file={env}")).arg("first.mjs");
            all.push(node);
        } else {
            backend::say("LEFT OUT: a client's first request in JavaScript; node is not installed");
        }
        if let Some(interpreter) =
            python::environment("example-fastapi", "config/examples/fastapi/requirements.txt")
        {
            let mut python = Command::new("bash");
            let interpreter: PathBuf = interpreter;
            python.args(["-c", &format!("set -a; . ./{env}; set +a; {} first.py", interpreter.display())]);
            all.push(python);
        }
        all.iter_mut().for_each(|command| {
            command
                .current_dir(self.folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        });
        all
    }
}

fn plain_text(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Runs a program; a code flow is walked through by a browser in which the administrator is signed in.
fn token_of(server: &Server, mut command: Command) -> String {
    let mut child = command.spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("its input");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).expect("a line") == 0 {
            break;
        }
        if let Some(address) = line.trim().strip_prefix("Open ") {
            let path = address.strip_prefix(server.issuer()).expect("the server's own address");
            let browser = Browser::of(server, server.admin());
            let page = browser.open(path);
            let answer = match page.status {
                303 => page,
                _ => browser.submit(&page, "/consent", &[("decision", "approve"), ("scope", scope::FIND)]),
            };
            writeln!(input, "{}", at_client(&answer).uri).expect("it reads");
        }
        all.push_str(&line);
    }
    let mut told = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut told).expect("text");
    assert!(child.wait().expect("it ends").success(), "{command:?}: {all}{told}");
    let json = all.find('{').map(|at| &all[at..]).unwrap_or_else(|| panic!("{command:?}: {all}{told}"));
    let answer: serde_json::Value =
        serde_json::from_str(json.trim()).unwrap_or_else(|e| panic!("{e}: {all}{told}"));
    assert!(
        answer["access_token"].is_string()
            && answer["scope"].as_str().is_some_and(|s| s.contains(scope::FIND)),
        "{command:?}: {answer}"
    );
    answer["access_token"].as_str().unwrap_or_default().to_owned()
}

/// A confidential client and a public one walk through the code flow, a service signs an assertion: in each language.
#[test]
fn the_programs_of_a_new_client_work_as_they_stand() {
    backend::run_alone(Backend::Sqlite, Options::default(), |server| {
        for kind in ["confidential", "public", "service"] {
            let shown = Shown::of(server, kind);
            for command in shown.commands() {
                let token = token_of(server, command);
                assert_eq!(jwt::claims(&token)["client_id"], shown.id.as_str(), "{kind}");
            }
            assert!(!has_key(shown.folder.path()), "no program leaves a key behind");
        }
    });
}

fn has_key(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .any(|file| file.path().extension().is_some_and(|end| end == "pem"))
}
