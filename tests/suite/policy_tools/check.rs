//! `check`: exit codes, formats, where a set may stand, and what is never printed. Attack rows Y5, Y7, Y9, Y10.

use std::os::unix::fs::symlink;

use super::{repository, run};
use crate::harness::policies::write;

/// The shipped policies with a warning and a mistake of each kind.
fn broken() -> tempfile::TempDir {
    let dir = repository();
    let folder = dir.path().join("policies");
    write(&folder.join("clients/wide.yaml"), "type: public\nscopes:\n  - api::form.form.*\n");
    write(&folder.join("clients/bad.yaml"), "type: public\nscops: []\n");
    write(
        &folder.join("rules/bad.cedar"),
        "@id(\"x\")\npermit (principal, action == Action::\"nope\", resource);\n",
    );
    dir
}

#[test]
fn exit_codes() {
    let dir = repository();
    let good = run(dir.path(), &["check"]).ended(0);
    assert!(good.out.is_empty() && good.err.contains("policies is valid"), "{good:?}");
    run(dir.path(), &["check", "nowhere"]).ended(2);
    run(dir.path(), &["check", "--format", "nonsense"]).ended(2);
    let both = dir.path().join("policies/clients/wide.yaml");
    write(&both, "type: confidential\nscopes:\n  - api::form.form.find\n");
    run(dir.path(), &["check"]).ended(0);
    run(dir.path(), &["check", "--deny-warnings"]).ended(3);
    run(dir.path(), &["check", "--strict"]).ended(3);
    let test = "tests:\n  - name: wrong\n    client: spa\n    grant: code\n    expect: deny\n";
    write(&dir.path().join("policies/tests/wrong.yaml"), test);
    // What start-up does not look at is `test`'s, and `check`'s where start-up looks at it.
    let valid = run(dir.path(), &["check", "policies"]).ended(0);
    assert!(valid.out.is_empty() || !valid.out.contains("test.failed"), "{valid:?}");
    run(dir.path(), &["test", "policies"]).ended(4);
    for arguments in [&["check", "--tests"][..], &["check", "--set", "policies.run_tests=true"]] {
        let failed = run(dir.path(), arguments).ended(4);
        assert!(
            failed.out.contains("policies/tests/wrong.yaml:2:5") && failed.out.contains("test.failed"),
            "{failed:?}"
        );
    }
    write(&both, "type: nobody\n");
    run(dir.path(), &["check"]).ended(3);
}

#[test]
fn settings_and_policies_in_one_run() {
    let dir = broken();
    write(&dir.path().join("config/grantwood.yaml"), "tokens:\n  acces_ttl: 5\n");
    let all = run(dir.path(), &["check"]).ended(3);
    assert!(all.out.contains("did you mean") && all.out.contains("config/grantwood.yaml"), "{all:?}");
    assert!(
        all.out.contains("policies/clients/bad.yaml:2:1") && all.out.contains("policies/rules/bad.cedar:2"),
        "{all:?}"
    );
    assert!(all.out.contains("scops: []\n   | ^"), "the line and a caret: {}", all.out);
    // A key that cannot sign is found before the server is started with it.
    write(&dir.path().join("config/grantwood.yaml"), "keys:\n  signing_key_file: config/grantwood.yaml\n");
    let key = run(dir.path(), &["check"]).ended(3);
    assert!(key.out.contains("keys.signing_key_file") && !key.out.contains("PRIVATE"), "{key:?}");
}

#[test]
fn formats() {
    let dir = broken();
    let rows = run(dir.path(), &["check", "--format", "json"]).ended(3).json();
    let rows = rows.as_array().expect("a list");
    let bad = rows.iter().find(|row| row["file"] == "policies/clients/bad.yaml").expect("the mistake");
    assert_eq!((bad["line"].as_u64(), bad["column"].as_u64()), (Some(2), Some(1)));
    assert_eq!((bad["severity"].as_str(), bad["code"].as_str()), (Some("error"), Some("policy.invalid")));

    let github = run(dir.path(), &["check", "--format", "github"]).ended(3).out;
    assert!(
        github.contains(
            "::error file=policies/clients/bad.yaml,line=2,col=1,title=policy.invalid::unknown key scops"
        ),
        "{github}"
    );
    assert!(
        github.lines().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")),
        "{github}"
    );

    let sarif = run(dir.path(), &["check", "--format", "sarif"]).ended(3).json();
    assert_eq!(sarif["version"], "2.1.0");
    let schema = serde_json::from_str(&crate::source::read("tests/fixtures/sarif/sarif-schema-2.1.0.json"));
    let schema = jsonschema::draft7::new(&schema.expect("JSON")).expect("a schema");
    let wrong: Vec<String> = schema.iter_errors(&sarif).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(!schema.is_valid(&serde_json::json!({ "version": "2.1.0" })), "the schema refuses something");
    let driver = &sarif["runs"][0]["tool"]["driver"];
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert!(results.len() >= 2, "{sarif}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(driver["rules"][index]["id"], result["ruleId"]);
        assert!(
            result["message"]["text"].is_string()
                && ["error", "warning"].contains(&result["level"].as_str().unwrap_or(""))
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert!(
            place["artifactLocation"]["uri"].as_str().expect("a uri").starts_with("policies/"),
            "{result}"
        );
    }
    let good = repository();
    assert_eq!(run(good.path(), &["check", "--format", "json"]).ended(0).json(), serde_json::json!([]));
}

/// One run says all: what could be read is linted beside the mistakes of what could not, and what only follows from
/// a mistake is not said.
#[test]
fn lints_stand_beside_errors() {
    let dir = broken();
    let folder = dir.path().join("policies");
    let rule = |id: &str, name: &str| {
        format!(
            "@id(\"{id}\")\nforbid (principal == Client::\"{name}\", action in Action::\"grant\", resource);\n"
        )
    };
    write(&folder.join("rules/names.cedar"), rule("a", "reportin") + &rule("b", "bad"));
    write(&folder.join("tests/names.yaml"), "tests: []\n");
    write(&folder.join("tests/bad.yaml"), "tests: {}\n");
    let all = run(dir.path(), &["check"]).ended(3).out;
    for part in [
        "policies/clients/bad.yaml:2:1",
        "policies/rules/bad.cedar:2",
        "policies/tests/bad.yaml:1",
        "lint.unknown-client",
        "did you mean reporting?",
        "lint.public-destructive",
        "the file holds no test",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("Client::\"bad\""), "what is declared with a mistake is declared: {all}");

    // Without a ceiling, and without a content type, nothing is said that only follows from that.
    let dir = repository();
    write(&dir.path().join("policies/global.yaml"), "scops: []\n");
    let all = run(dir.path(), &["check"]).ended(3);
    assert!(all.out.contains("global.yaml:1:1") && !all.out.contains("warning"), "{}", all.out);
    assert!(all.err.contains("1 errors, 0 warnings"), "{}", all.err);
    let dir = repository();
    write(&dir.path().join("policies/catalog/form.yaml"), "content_type: {}\n");
    write(
        &dir.path().join("policies/clients/x.yaml"),
        "type: confidential\nscopes: [api::form.form.find, api::invoice.invoice.fnd]\n",
    );
    let all = run(dir.path(), &["check"]).ended(3);
    for part in ["catalog/form.yaml:1:1", "unknown action api::invoice.invoice.fnd, did you mean"] {
        assert!(all.out.contains(part), "{part}: {}", all.out);
    }
    assert!(all.err.contains("2 errors, 0 warnings"), "{}\n{}", all.err, all.out);
}

#[test]
fn a_folder_a_revision_and_a_bundle() {
    let dir = repository();
    let git = |arguments: &[&str]| super::ci::git(dir.path(), arguments);
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "good"]);
    write(&dir.path().join("policies/clients/bad.yaml"), "type: public\nscops: []\n");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "bad"]);
    for arguments in [
        &["check", "HEAD~1"][..],
        &["check", "--revision", "HEAD~1"],
        &["check", "--revision", "HEAD~1", "policies"],
        &["check", "HEAD~1:policies"],
    ] {
        run(dir.path(), arguments).ended(0);
    }
    let bad = run(dir.path(), &["check", "main"]).ended(3);
    assert!(bad.out.contains("policies/clients/bad.yaml:2:1"), "{bad:?}");
    run(dir.path(), &["test", "HEAD~1"]).ended(0);
    git(&["archive", "--output", "good.tar", "HEAD~1:policies"]);
    run(dir.path(), &["check", "good.tar"]).ended(0);
    run(dir.path(), &["check", "no-such-branch"]).ended(2);
}

/// Y5: a file that a document lists and that is gone is an error, not a client with one key less.
#[test]
fn y05_a_listed_file_that_is_missing() {
    let dir = repository();
    let client = "type: confidential\npublic_keys: [keys/gone.pem]\nscopes: [api::form.form.find]\n";
    write(&dir.path().join("policies/clients/x.yaml"), client);
    let all = run(dir.path(), &["check"]).ended(3);
    assert!(all.out.contains("keys/gone.pem: no such key file"), "{all:?}");
}

/// Y7: kinds of files that nobody reads, and keys that nobody knows, are errors.
#[test]
fn y07_nothing_is_ignored_in_silence() {
    for (file, part) in [
        ("policies/rules/x.yaml", "unexpected file"),
        ("policies/clients/x.yml", "unexpected file"),
        ("policies/rule/x.cedar", "did you mean rules?"),
        ("policies/clients/deep/x.yaml", "unexpected file"),
        ("policies/extra.cedar", "unexpected file or folder"),
    ] {
        let dir = repository();
        write(&dir.path().join(file), "permit (principal, action, resource);\n");
        let all = run(dir.path(), &["check"]).ended(3);
        assert!(all.out.contains(part), "{file}: {all:?}");
    }
}

/// Y9, Y10: foreign, huge, deep and unreadable files: a clear error, and nothing of what lies outside the folder.
#[test]
fn y09_y10_strange_files_are_refused_without_their_content() {
    let dir = repository();
    let secret = dir.path().join("secret.yaml");
    write(&secret, "canary: hunter2\n");
    let folder = dir.path().join("policies");
    symlink("../../secret.yaml", folder.join("clients/link.yaml")).expect("a link");
    std::fs::hard_link(&secret, folder.join("roles/hard.yaml")).expect("a link");
    write(&folder.join("keys/k.json"), "{\"kty\": \"oct\", \"k\": \"canary-key\"} broken");
    write(&folder.join("clients/keyed.yaml"), "type: confidential\npublic_keys: [keys/k.json]\n");
    write(&folder.join("clients/huge.yaml"), format!("name: {}\ntype: public\n", "x".repeat(2 << 20)));
    write(&folder.join("clients/deep.yaml"), format!("type: public\nscopes: {}\n", "[".repeat(100_000)));
    let parens = format!(
        "@id(\"d\")\npermit (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    write(&folder.join("rules/deep.cedar"), parens);
    write(&folder.join("rules/bytes.cedar"), b"\xfe\xff\x00");
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("rules/pipe.cedar")).status();
    assert!(pipe.is_ok_and(|status| status.success()), "mkfifo");
    let vast = std::fs::File::create(folder.join("roles/vast.yaml")).expect("a file");
    vast.set_len(1 << 30).expect("a gibibyte of nothing");
    let aliases: String = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let before = format!("*a{}, ", level - 1).repeat(8);
        format!("{text}a{level}: &a{level} [{}]\n", before.trim_end_matches(", "))
    });
    write(&folder.join("roles/bomb.yaml"), aliases);
    for format in ["pretty", "json", "github", "sarif"] {
        let all = run(dir.path(), &["check", "--format", format]).ended(3);
        for file in [
            "link.yaml",
            "hard.yaml",
            "keyed.yaml",
            "huge.yaml",
            "deep.yaml",
            "deep.cedar",
            "bytes.cedar",
            "pipe.cedar",
            "vast.yaml",
            "bomb.yaml",
        ] {
            assert!(all.out.contains(file), "{format}: {file} is not named");
        }
        let everything = format!("{}{}", all.out, all.err);
        assert!(!everything.contains("canary") && !everything.contains("hunter2"), "{format}: {everything}");
        assert!(everything.len() < 60_000, "{format}: {} bytes", everything.len());
    }
    let laid = run(dir.path(), &["fmt", "--check"]).ended(3);
    assert!(!format!("{}{}", laid.out, laid.err).contains("canary"), "{laid:?}");
}

#[test]
fn schemas_and_the_table_are_printed() {
    let dir = repository();
    for name in ["config", "catalog", "global", "client", "role", "tests", "invariants"] {
        let schema = run(dir.path(), &["schema", name]).ended(0).json();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
    let unknown = run(dir.path(), &["schema", "nothing"]).ended(2);
    assert!(unknown.err.contains("there are: config"), "{unknown:?}");
    let table = run(dir.path(), &["policy", "table"]).ended(0).out;
    assert!(
        table == crate::source::read("tests/golden/policy.txt"),
        "grantwood policy table > tests/golden/policy.txt"
    );
}
