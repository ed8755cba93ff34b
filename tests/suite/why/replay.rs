//! `grantwood replay`: a recorded log of 100,000 decisions finds exactly the planted differences.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::Value;

use crate::harness::{Backend, Client, JWT_BEARER, Options, Server, backend, policies, scope};

/// Decisions of the log.
const MANY: usize = 100_000;

/// Real records of a server: three clients of files, allowed and refused, for themselves and for a user.
fn recorded(server: &Server) -> Vec<Value> {
    let editor = server.editor();
    for id in ["suite_replayed_a", "suite_replayed_b"] {
        let client = Client::of_file(id);
        for wanted in [scope::FIND, scope::FIND_ONE, scope::DELETE] {
            server.present_for(&client.assertion(server).sign(), wanted);
        }
        let token = server.machine_token(&client, scope::FIND);
        server.introspect(&client, &token).ok();
    }
    let delegate = server.delegate();
    let assertion = delegate.assertion(server).claim("sub", editor.id(server)).sign();
    server.token(&[("grant_type", JWT_BEARER), ("assertion", &assertion), ("scope", scope::FIND)]);
    server.manage(reqwest::Method::GET, "clients").send().ok();
    server.terminate(std::time::Duration::from_secs(20));
    let text = std::fs::read_to_string(server.folder().join("decisions.jsonl")).expect("the log");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Writes a log of so many lines out of real ones; answers the lines that must differ: grants and re-checks of
/// client a for findOne (planted: the new set takes it away) and of client b for delete (the new set gives it).
fn many(path: &std::path::Path, real: &[Value]) -> BTreeSet<u64> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    let mut planted = BTreeSet::new();
    // The planted kinds are rare in the log, so that a few lines must be found among many.
    let is = |line: &Value, client: &str, name: &str| {
        line["client"] == client && line["resource"] == format!("Scope::\"{name}\"").as_str()
    };
    let moves = |line: &Value| {
        is(line, "suite_replayed_a", scope::FIND_ONE) || is(line, "suite_replayed_b", scope::DELETE)
    };
    let (rare, common): (Vec<&Value>, Vec<&Value>) = real.iter().partition(|line| moves(line));
    assert!(rare.len() >= 2 && common.len() > 10, "{} rare, {} common", rare.len(), common.len());
    for number in 0..MANY {
        let planted_here = number % 997 == 500;
        let line = if planted_here { rare[number % rare.len()] } else { common[number % common.len()] };
        let mut line = line.clone();
        line["request_id"] = format!("r{number}").into();
        let second = number % 60;
        line["time"] = format!("2026-01-05T12:{:02}:{second:02}.000Z", number / 60 % 60).into();
        if line["facts"]["t"].is_i64() {
            line["facts"]["t"] = (1_767_614_400_000_i64 + number as i64 * 10).into();
        }
        if planted_here {
            planted.insert(number as u64 + 1);
        }
        writeln!(file, "{line}").expect("written");
    }
    planted
}

#[test]
fn a_log_of_100_000_decisions_finds_exactly_the_planted_differences() {
    let before = policies::service("Replayed", &[scope::FIND, scope::FIND_ONE]);
    let options = Options::default()
        .env("GRANTWOOD_DECISIONS__FILE", "decisions.jsonl")
        .document("clients/suite_replayed_a.yaml", &before)
        .document("clients/suite_replayed_b.yaml", &before);
    backend::run_alone(Backend::Sqlite, options, |server| {
        let real = recorded(server);
        let log = server.folder().join("many.jsonl");
        let planted = many(&log, &real);
        // To the policies that decided it: no difference.
        let output = server.cli(&["replay", "many.jsonl", "--fail-on-difference"], "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            said.trim(),
            format!("{MANY} decisions: {MANY} the same, 0 the same by other policies, 0 differ")
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // To the policies of a pull request: the planted ones.
        let new = server.folder().join("new-policies");
        policies::copy(&server.policies(), &new);
        policies::write(
            &new.join("clients/suite_replayed_a.yaml"),
            policies::service("Replayed", &[scope::FIND]),
        );
        let wider = policies::service("Replayed", &[scope::FIND, scope::FIND_ONE, scope::DELETE]);
        policies::write(&new.join("clients/suite_replayed_b.yaml"), &wider);
        let new_policies = ["--policies", "new-policies", "--fail-on-difference"];
        let output = server.cli(&[&["replay", "many.jsonl", "-o", "json"], &new_policies[..]].concat(), "");
        assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let differ = found["differ"].as_array().expect("a list");
        let lines: BTreeSet<u64> = differ.iter().filter_map(|one| one["line"].as_u64()).collect();
        assert_eq!((lines, found["asked"].as_u64()), (planted, Some(MANY as u64)));
        for one in differ {
            let gained = one["client"] == "suite_replayed_b";
            let (was, now) = if gained { ("deny", "allow") } else { ("allow", "deny") };
            assert_eq!(
                (&one["was"]["decision"], &one["now"]["decision"]),
                (&was.into(), &now.into()),
                "{one}"
            );
        }
        let gained = differ.iter().find(|one| one["client"] == "suite_replayed_b").expect("one");
        let place = gained["now"]["policies"][0].as_str().expect("a place");
        assert!(
            place.starts_with("client.suite_replayed_b policies/clients/suite_replayed_b.yaml:"),
            "{place}"
        );
        // The same for a person, of a part of the log.
        let text = std::fs::read_to_string(&log).expect("the log");
        let part: String = text.lines().take(2_000).map(|line| format!("{line}\n")).collect();
        std::fs::write(server.folder().join("part.jsonl"), part).expect("written");
        let output = server.cli(&[&["replay", "part.jsonl"], &new_policies[..]].concat(), "");
        assert_eq!(output.status.code(), Some(5));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("deny → allow") && said.contains("was no policy permits it"), "{said}");
        assert!(said.contains("2000 decisions") && said.contains("2 differ"), "{said}");
    });
}

/// Bad logs: a clear error, or a count of what is no decision.
#[test]
fn what_is_no_log_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    policies::copy_shipped(&folder.path().join("policies"));
    let run = |arguments: &[&str], content: &[u8]| {
        std::fs::write(folder.path().join("log"), content).expect("written");
        super::bare(folder.path(), &[&["replay"], arguments].concat())
    };
    let output = run(&["log"], b"no json\n{}\n\n{\"event\":\"token.issued\"}\n");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("0 decisions"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 lines are no decisions"));
    assert_eq!(run(&["nowhere"], b"").status.code(), Some(2));
    assert_eq!(run(&["log"], b"\xff\xfe\n").status.code(), Some(2));
    assert_eq!(run(&["log", "--policies", "no-such-revision"], b"").status.code(), Some(2));
}
