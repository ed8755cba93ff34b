//! Hot reload: an edit counts within a second, a broken one changes nothing but the status (Y2, Y6, F9).

use std::path::PathBuf;

use crate::harness::{BOUND, Backend, Client, Options, Server, backend, eventually, policies, scope};

/// The client whose document the stories edit.
const ID: &str = "suite_reloaded";

fn document(scopes: &[&str]) -> String {
    policies::service("Reloaded", scopes)
}

fn client() -> Client {
    Client::of_file(ID)
}

fn path(server: &Server, name: &str) -> PathBuf {
    server.policies().join(name)
}

fn edit(server: &Server, name: &str, content: &str) {
    policies::write(&path(server, name), content);
}

/// The scopes that a fresh token gets, or the error.
fn granted(server: &Server) -> String {
    let reply = server.present(&client().assertion(server).sign());
    if reply.status == 200 { reply.scopes().join(" ") } else { reply.error() }
}

/// The scopes that a live token has now, or nothing when it is inactive.
fn lives(server: &Server, token: &str) -> String {
    let body = server.introspect(&client(), token).ok().json();
    body["scope"].as_str().unwrap_or_default().to_owned()
}

fn becomes(what: &str, ask: impl Fn() -> String, expected: &str) {
    eventually(&format!("{what} becomes {expected:?}"), BOUND, || ask() == expected);
}

fn alone(kind: Backend, story: impl FnOnce(&Server)) {
    let content = document(&[scope::FIND, scope::FIND_ONE]);
    backend::run_alone(kind, Options::default().document(&format!("clients/{ID}.yaml"), &content), story);
}

/// A client's document: the next decision and the next introspection of a live token.
#[test]
fn a_clients_document() {
    for kind in Backend::present() {
        alone(kind, |server| {
            let both = format!("{} {}", scope::FIND, scope::FIND_ONE);
            assert_eq!(granted(server), both);
            let token = server.machine_token(&client(), &both);
            edit(server, &format!("clients/{ID}.yaml"), &document(&[scope::FIND]));
            becomes("the grant", || granted(server), scope::FIND);
            becomes("the live token", || lives(server, &token), scope::FIND);
            edit(server, &format!("clients/{ID}.yaml"), &document(&[scope::FIND, scope::FIND_ONE]));
            becomes("the grant", || granted(server), &both);
            std::fs::remove_file(path(server, &format!("clients/{ID}.yaml"))).expect("removed");
            becomes("the grant without a document", || granted(server), "invalid_grant");
        });
    }
}

/// The ceiling: a scope that leaves it leaves every token.
#[test]
fn the_global_document() {
    alone(Backend::Sqlite, |server| {
        let token = server.machine_token(&client(), &format!("{} {}", scope::FIND, scope::FIND_ONE));
        let original = std::fs::read_to_string(path(server, "global.yaml")).expect("global.yaml");
        edit(server, "global.yaml", &format!("scopes:\n  - {}\n", scope::FIND));
        becomes("the grant", || granted(server), scope::FIND);
        becomes("the live token", || lives(server, &token), scope::FIND);
        edit(server, "global.yaml", &original);
        let both = format!("{} {}", scope::FIND, scope::FIND_ONE);
        becomes("the live token again", || lives(server, &token), &both);
    });
}

/// Y6: a content type makes another schema; what is granted follows when it comes and when it goes.
#[test]
fn y06_a_content_type_comes_and_goes() {
    const NEW: &str = "api::suite.suite.find";
    alone(Backend::Sqlite, |server| {
        let ready = || server.ready()["policy_revision"].to_string();
        let global = std::fs::read_to_string(path(server, "global.yaml")).expect("global.yaml");
        let plain = document(&[scope::FIND]);
        let step = |name: &str, content: &str| {
            let before = ready();
            edit(server, name, content);
            // Another schema is another validation of everything, which takes a debug build its time.
            eventually(&format!("{name} is in force"), 10 * BOUND, || ready() != before);
        };
        step("catalog/suite.yaml", "content_types:\n  api::suite.suite:\n    actions:\n      find: {}\n");
        step("global.yaml", &format!("{global}  - {NEW}\n"));
        edit(server, &format!("clients/{ID}.yaml"), &document(&[scope::FIND, NEW]));
        becomes("the grant", || granted(server), &format!("{} {NEW}", scope::FIND));
        let token = server.machine_token(&client(), &format!("{} {NEW}", scope::FIND));
        // A rule may name the new action at once.
        let rule = "@id(\"suite.new\")\nforbid (principal is Client, action == Action::\"api::suite.suite.find\", resource);\n";
        step("rules/suite.cedar", rule);
        std::fs::remove_file(path(server, "rules/suite.cedar")).expect("removed");
        edit(server, &format!("clients/{ID}.yaml"), &plain);
        becomes("the live token", || lives(server, &token), scope::FIND);
        edit(server, "global.yaml", &global);
        std::fs::remove_file(path(server, "catalog/suite.yaml")).expect("removed");
        becomes("the grant without it", || granted(server), scope::FIND);
        assert_eq!(server.present_for(&client().assertion(server).sign(), NEW).error(), "invalid_scope");
    });
}

/// Y6: a hand-written rule applies when it comes and no longer when it goes.
#[test]
fn y06_a_rule_comes_and_goes() {
    alone(Backend::Sqlite, |server| {
        let token = server.machine_token(&client(), scope::FIND);
        let rule = format!(
            "@id(\"suite.no\")\nforbid (\n  principal == Client::\"{ID}\",\n  action in Action::\"grant\",\n  resource\n);\n"
        );
        edit(server, "rules/suite.cedar", &rule);
        becomes("the live token", || lives(server, &token), "");
        assert_ne!(server.present(&client().assertion(server).sign()).status, 200);
        std::fs::rename(path(server, "rules/suite.cedar"), path(server, "rules/renamed.cedar"))
            .expect("renamed");
        std::thread::sleep(BOUND);
        assert_eq!(lives(server, &token), "", "a renamed rule still applies");
        std::fs::remove_file(path(server, "rules/renamed.cedar")).expect("removed");
        becomes("the live token without the rule", || lives(server, &token), scope::FIND);
    });
}

/// Y2, F9: what breaks the set is held back and shown; what was in force stays in force.
#[test]
fn y02_broken_edits_change_nothing_but_the_status() {
    let file = format!("clients/{ID}.yaml");
    let whole = document(&[scope::DELETE]);
    let rows: [(&str, Vec<u8>); 10] = [
        ("garbage", (0_u8..=255).collect()),
        ("empty", Vec::new()),
        ("half-written", b"name: Reloaded\ntype: confid".to_vec()),
        ("an unknown action", document(&["api::form.form.fnd"]).into_bytes()),
        ("an unknown key", format!("{whole}scops: []\n").into_bytes()),
        ("a key twice", format!("{whole}name: Twice\n").into_bytes()),
        ("two documents", format!("{whole}---\n{whole}").into_bytes()),
        ("an alias bomb", bomb().into_bytes()),
        ("deep nesting", format!("name: {}\n", "[".repeat(100_000)).into_bytes()),
        ("a tab", whole.replace("  - ", "\t- ").into_bytes()),
    ];
    alone(Backend::Sqlite, |server| {
        let both = format!("{} {}", scope::FIND, scope::FIND_ONE);
        let clean = server.ready();
        for (what, content) in &rows {
            policies::write(&path(server, &file), content);
            // Only what counts is bound to a second; a debug build reads a bomb for two until it gives up.
            eventually(&format!("{what} is reported"), 10 * BOUND, || {
                server.ready().to_string().contains(ID)
            });
            assert_eq!(granted(server), both, "{what}");
            assert!(server.lives(), "{what}");
            // Clean again between the rows, so that each is seen to be reported for itself.
            edit(server, &file, &document(&[scope::FIND, scope::FIND_ONE]));
            eventually(&format!("clean after {what}"), 2 * BOUND, || server.ready() == clean);
        }
        assert!(server.log().contains(ID), "the log names the file");
    });
}

/// F9, Y9, Y10: broken rules and odd kinds of files.
#[test]
fn y09_y10_odd_files_and_broken_rules() {
    alone(Backend::Sqlite, |server| {
        let both = format!("{} {}", scope::FIND, scope::FIND_ONE);
        let rule = path(server, "rules/odd.cedar");
        let secret = server.folder().join("outside.cedar");
        std::fs::write(&secret, "canary-of-a-foreign-file").expect("written");
        let nested = format!(
            "permit (principal, action, resource) when {{ {}true{} }};",
            "(".repeat(100_000),
            ")".repeat(100_000)
        );
        let reported = || server.ready().to_string().contains("odd");
        let check = |what: &str| {
            eventually(&format!("{what} is reported"), 3 * BOUND, reported);
            assert_eq!(granted(server), both, "{what}");
            assert!(!server.ready().to_string().contains("canary"), "{what}: foreign content is shown");
            assert!(server.lives(), "{what}");
            // Clean again between the rows, so that each is seen to be reported for itself.
            std::fs::remove_file(&rule).or_else(|_| std::fs::remove_dir(&rule)).expect("removed");
            eventually(&format!("clean after {what}"), 2 * BOUND, || !reported());
        };
        for (what, content) in [
            ("syntax", "forbid (principal, action".to_owned()),
            (
                "an unknown attribute",
                "forbid (principal, action, resource) when { principal.nothing };".to_owned(),
            ),
            ("an unknown type", "forbid (principal == Nobody::\"x\", action, resource);".to_owned()),
            ("deep nesting", nested),
        ] {
            policies::write(&rule, content);
            check(what);
        }
        std::os::unix::fs::symlink(&secret, &rule).expect("a link");
        check("a link out of the folder");
        std::fs::create_dir(&rule).expect("a folder");
        check("a folder in place of a file");
        let made = std::process::Command::new("mkfifo").arg(&rule).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        check("a FIFO");
    });
}

/// F9: a hundred files at once, as a checkout writes them, with requests all the while.
#[test]
fn a_checkout_of_many_files_fails_no_request() {
    alone(Backend::Sqlite, |server| {
        let both = format!("{} {}", scope::FIND, scope::FIND_ONE);
        std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                for number in 0..100 {
                    edit(server, &format!("clients/suite_many_{number}.yaml"), &document(&[scope::FIND]));
                }
            });
            while !writer.is_finished() {
                assert_eq!(granted(server), both);
            }
        });
        let mut last = client();
        last.id = "suite_many_99".to_owned();
        eventually("the last file counts", 2 * BOUND, || {
            server.present(&last.assertion(server).sign()).status == 200
        });
    });
}

/// Y6: SIGHUP reloads, and the same content is the same revision (Y8).
#[test]
fn y08_the_same_files_are_the_same_revision() {
    alone(Backend::Sqlite, |server| {
        let before = server.ready().to_string();
        for _ in 0..10 {
            server.hang_up();
            edit(server, &format!("clients/{ID}.yaml"), &document(&[scope::FIND, scope::FIND_ONE]));
            assert_eq!(granted(server), format!("{} {}", scope::FIND, scope::FIND_ONE));
        }
        std::thread::sleep(BOUND);
        assert_eq!(server.ready().to_string(), before);
    });
}

fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = format!("*a{}, ", level - 1).repeat(9);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", aliases.trim_end_matches(", ")));
    }
    text
}
