//! A pull request, from the mistake in it to the server that follows the merge: the commands that a reviewer and a
//! CI job run, on a real repository.

use std::time::{Duration, Instant};

use crate::harness::{
    Backend, Client, JWT_BEARER, Options, Repository, Server, backend, eventually, policies, scope,
};

/// The client whose document the pull request edits.
const ID: &str = "suite_report";
/// How soon a merge is in force: the two seconds.
const FOLLOWS: Duration = Duration::from_secs(2);

fn document(entries: &[&str]) -> String {
    policies::service("Report", entries)
}

fn client() -> Client {
    Client::of_file(ID)
}

/// `main`: the client may list and read forms, and a policy test says that it never deletes one.
fn repository() -> Repository {
    let repository = Repository::new();
    let name = format!("clients/{ID}.yaml");
    repository.write(&name, &document(&[scope::FIND, scope::FIND_ONE]));
    repository.write(
        "tests/suite_report.yaml",
        &format!(
            "tests:\n  - name: the report deletes nothing\n    client: {ID}\n    grant: jwt-bearer\n    \
             scope: {}\n    expect: deny\n",
            scope::DELETE
        ),
    );
    repository.commit("A report that lists and reads forms");
    repository
}

/// The change widens the client by accident. It is valid, so `check` passes; `test` fails with the case, `plan` names
/// the client, the scope and the line, and `prove` gives a request that shows it.
fn mistake(repository: &Repository) {
    let name = format!("clients/{ID}.yaml");
    repository.git(&["checkout", "-q", "-b", "tidy-up"]);
    // "It reads everything about forms, one line is enough."
    repository.write(&name, &document(&["api::form.form.*"]));
    repository.commit("Fewer lines for the report");
    let line = "policies/clients/suite_report.yaml:7";

    repository.grantwood(&["check"]).ends(0).says(&["policies is valid", "0 warnings"]);
    repository.grantwood(&["test"]).ends(4).says(&[
        "policies/tests/suite_report.yaml:2:5",
        "the report deletes nothing",
        "expected deny, the decision is allow by client.suite_report",
        "1 failed",
    ]);
    repository.grantwood(&["plan", "main..HEAD", "--fail-on", "gain"]).ends(5).says(&[
        "gains",
        ID,
        scope::DELETE,
        "jwt-bearer",
        line,
        "never → always",
    ]);
    let markdown = repository.grantwood(&["plan", "main", "tidy-up", "--format", "markdown"]).ends(0);
    markdown.says(&["➕ gains", &format!("`{ID}`"), line]);
    let json = repository.grantwood(&["plan", "main..tidy-up", "--format", "json"]).ends(0);
    let plan: serde_json::Value = serde_json::from_str(&json.text).expect("JSON");
    assert_eq!(plan["clients"][0]["client"], ID, "{plan}");
    assert_eq!(plan["clients"][0]["change"], "gains", "{plan}");
    if solver() {
        let found = repository.grantwood(&["prove", "main..HEAD"]).ends(5).says(&[
            "REFUTED",
            "Client::\"suite_report\"",
            "client.suite_report",
        ]);
        // The counterexample is a request that one can run: the new set permits it, the old one does not.
        let command =
            found.text.lines().find_map(|line| line.split_once("grantwood why ")).expect("a command").1;
        let words: Vec<&str> = command.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let ask: Vec<&str> = ["why"].into_iter().chain(words).collect();
        repository.grantwood(&ask).ends(0).says(&["ALLOW", "client.suite_report"]);
    }
    repository
        .grantwood(&["prove", "main..HEAD", "--solver", "/absent/cvc5"])
        .ends(7)
        .says(&["apt-get install cvc5"]);
}

/// The corrected change passes all four.
fn corrected(repository: &Repository) {
    repository.write(&format!("clients/{ID}.yaml"), &document(&[scope::FIND]));
    repository.commit("The report only lists forms");
    repository.grantwood(&["check"]).ends(0).says(&["policies is valid", "0 warnings"]);
    repository.grantwood(&["test"]).ends(0).says(&[" passed, 0 failed"]);
    repository.grantwood(&["plan", "main..HEAD", "--fail-on", "gain"]).ends(0).says(&[
        "loses",
        ID,
        scope::FIND_ONE,
        "policies/clients/suite_report.yaml:8",
    ]);
    if solver() {
        repository.grantwood(&["prove", "main..HEAD"]).ends(0).says(&["proven", "Assumed:"]);
        repository.grantwood(&["prove", "--invariants", "--policies", "HEAD"]).ends(0).says(&["proven"]);
    }
    // The same as a folder and as a bundle.
    repository.git(&["archive", "--format=tar.gz", "-o", "main.tgz", "main"]);
    repository.grantwood(&["plan", "main.tgz", "policies"]).ends(0).says(&["loses", ID]);
    repository.git(&["clean", "-fdq"]);
}

fn solver() -> bool {
    let found = std::process::Command::new("cvc5").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("GRANTWOOD_TEST_REQUIRE_SOLVER").is_none(), "cvc5 is required");
    found
}

fn follows(repository: &Repository) -> Options {
    let path = repository.path().display().to_string();
    Options::default().env("GRANTWOOD_POLICIES__SOURCE__GIT__PATH", &path)
}

fn commit_of(server: &Server) -> String {
    server.ready()["policy_commit"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_change_from_the_mistake_to_the_merge() {
    let repository = repository();
    backend::run_alone(Backend::Sqlite, follows(&repository), |server| {
        let before = repository.git(&["rev-parse", "main"]);
        assert_eq!(commit_of(server), before);
        let token = server.present(&client().assertion(server).sign()).access_token();
        mistake(&repository);
        corrected(&repository);
        assert_eq!(commit_of(server), before, "what is not merged is not in force");
        touched(&repository, server);

        repository.git(&["checkout", "-q", "main"]);
        repository.git(&["merge", "-q", "--no-ff", "-m", "Merge: the report only lists forms", "tidy-up"]);
        let merged = repository.git(&["rev-parse", "main"]);
        let began = Instant::now();
        eventually("the merge is in force", FOLLOWS, || commit_of(server) == merged);
        println!("in force after {:?}", began.elapsed());
        // A token that is out lost what the merge took.
        let scopes = server.introspect(&client(), &token).ok().json()["scope"].clone();
        assert_eq!(scopes, scope::FIND);

        let ready = server.ready();
        assert_eq!(ready["policy_commit_author"], "Ann Editor", "{ready}");
        assert_eq!(ready["policy_commit_subject"], "Merge: the report only lists forms", "{ready}");
        assert!(ready["policy_commit_time"].as_str().is_some_and(|time| time.ends_with('Z')), "{ready}");
        assert_eq!(ready["policy_source"]["kind"], "git", "{ready}");
        let metrics = server.get("/metrics").text();
        assert!(metrics.contains(&format!("commit=\"{merged}\"")), "policy_info names the commit");
        assert!(
            server.log().contains(&merged) && server.log().contains("only lists forms"),
            "so does the log"
        );
        explained(server, &merged);
        history(server, &before, &merged);
    });
}

/// The token that is out is counted, from the database and from the running server.
fn touched(repository: &Repository, server: &Server) {
    let counted = ["Live tokens", "1 asked, 1 lose scopes (0 all of them)", scope::FIND_ONE];
    repository.grantwood(&["plan", "main..tidy-up", "--database", server.database()]).ends(0).says(&counted);
    let file = server.folder().join("token");
    std::fs::write(&file, server.admin().jwt(server)).expect("written");
    let (url, file) = (server.url(""), file.display().to_string());
    let arguments = ["plan", "main..tidy-up", "--server", &url, "--token-file", &file];
    repository.grantwood(&arguments).ends(0).says(&counted);
    std::fs::write(&file, "nonsense").expect("written");
    repository.grantwood(&arguments).ends(2).says(&["401"]);
    repository.grantwood(&["plan", "main..tidy-up", "--database", "sqlite:/absent/x.db"]).ends(2);
}

/// `why` names the commit that decides now: on the command line, and asked of the running server.
fn explained(server: &Server, merged: &str) {
    let question = serde_json::json!({ "client": ID, "scope": scope::FIND_ONE, "grant": "jwt-bearer" });
    let reply = server.manage(reqwest::Method::POST, "decisions/explain").json(&question).send();
    assert_eq!(reply.status, 200, "{reply:?}");
    let now = reply.json()["data"]["now"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    assert_eq!((&now["commit"], &now["decision"]), (&merged.into(), &"deny".into()), "{now}");
    let out = server.cli(&["why", "--client", ID, "--scope", scope::FIND_ONE, "-o", "json"], "");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.contains(merged), "{text}{}", String::from_utf8_lossy(&out.stderr));
}

/// The history has both commits, the difference, and the lines.
fn history(server: &Server, before: &str, merged: &str) {
    let list = |path: &str| server.manage(reqwest::Method::GET, path).send().ok().json();
    eventually("the history has the merge", FOLLOWS, || {
        list("policies/reloads")["data"][0]["commit"]["id"] == merged
    });
    let rows = list("policies/reloads");
    let row = &rows["data"][0];
    assert_eq!(row["outcome"], "loaded", "{rows}");
    assert_eq!(row["commit"]["author"], "Ann Editor <ann@example.com>", "{rows}");
    assert_eq!(
        row["changes"]["documents"]["changed"],
        serde_json::json!(["clients/suite_report.yaml"]),
        "{rows}"
    );
    assert!(row["changes"]["policies"]["changed"].to_string().contains("client.suite_report"), "{rows}");
    assert!(row.get("diff").is_none(), "the list has no diffs: {rows}");
    assert_eq!(rows["data"][1]["outcome"], "started", "{rows}");
    assert_eq!(rows["data"][1]["commit"]["id"], before, "{rows}");
    let id = row["documentId"].as_str().expect("an id");
    let one = list(&format!("policies/reloads/{id}"));
    assert!(
        one["data"]["diff"].as_str().is_some_and(|diff| diff.contains(&format!("-  - {}", scope::FIND_ONE))),
        "{one}"
    );
    assert_eq!(server.manage(reqwest::Method::GET, "policies/reloads/absent").send().status, 404);
    let reply = server.manage(reqwest::Method::GET, "policies/reloads?pageSize=0").send();
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(server.get("/oauth2/policies/reloads").status, 401);
}

/// What a role loses, the live tokens of its users lose; the database and the running server say the same.
#[test]
fn a_role_that_loses_an_action_touches_its_users() {
    let repository = repository();
    backend::run_alone(Backend::Sqlite, follows(&repository), |server| {
        let (editor, delegate) = (server.editor(), server.delegate());
        let assertion = delegate.assertion(server).claim("sub", editor.id(server)).sign();
        let wanted = format!("{} {}", scope::FIND, scope::UPDATE);
        let form = [("grant_type", JWT_BEARER), ("assertion", &assertion), ("scope", &wanted)];
        server.token(&form).access_token();
        repository.git(&["checkout", "-q", "-b", "narrow"]);
        repository.write("roles/suite_editor.yaml", "title: Editors\nactions:\n  - api::form.form.find\n");
        repository.commit("Editors only list forms");
        let counted = ["1 asked, 1 lose scopes (0 all of them)", scope::UPDATE];
        repository
            .grantwood(&["plan", "main..narrow", "--database", server.database()])
            .ends(0)
            .says(&counted);
        let file = server.folder().join("token");
        std::fs::write(&file, server.admin().jwt(server)).expect("written");
        let (url, file) = (server.url(""), file.display().to_string());
        let arguments = ["plan", "main..narrow", "--server", &url, "--token-file", &file];
        repository.grantwood(&arguments).ends(0).says(&counted);
    });
}
