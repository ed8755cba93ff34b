//! One case for each lint: found at its place with its code, allowed where the team says so, silent otherwise.

use super::mistakes::{copy, write};
use super::{options, shipped};
use crate::policy::check::{check, codes};
use crate::policy::{Diagnostic, LoadFailed, Options, Severity};

fn found(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let dir = copy();
    files.iter().for_each(|(file, text)| write(dir.path(), file, text));
    // The shipped policy tests may well fail beside a new rule; that is not what is asked here.
    check(&options(dir.path())).found
}

/// File, text, code, line, part of the message.
type Case = (&'static str, &'static str, &'static str, usize, &'static str);

const RULES: &[Case] = &[
    (
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal == Client::\"reportin\", action in Action::\"grant\", resource);\n",
        codes::UNKNOWN_CLIENT,
        2,
        "did you mean reporting?",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal in Role::\"editr\", action in Action::\"api\", resource);\n",
        codes::UNKNOWN_ROLE,
        2,
        "did you mean editor?",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal in ClientGroup::\"partnrs\", action in Action::\"grant\", resource);\n",
        codes::UNKNOWN_GROUP,
        2,
        "did you mean partners?",
    ),
    (
        "rules/x.cedar",
        "\n@id(\"x\")\npermit (principal == Client::\"reporting\", action == Action::\"grant:authorization_code\", resource == Scope::\"api::form.form.create\");\n",
        codes::NEVER_APPLIES,
        2,
        "reporting has no such grant",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal == Client::\"reporting\", action in Action::\"grant\", resource == Scope::\"api::form.form.create\") when { principal == Client::\"spa\" };\n",
        codes::NEVER_APPLIES,
        1,
        "principal cannot be",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal == Client::\"reporting\", action in Action::\"grant\", resource == Scope::\"api::invoice.invoice.approve\");\n",
        codes::ABOVE_CEILING,
        1,
        "is not in the global scopes",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal in Role::\"editor\", action == Action::\"api::invoice.invoice.approve\", resource) when { context.ip.isLoopback() };\n",
        codes::ABOVE_CEILING,
        1,
        "is not in the global scopes",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal == Client::\"reporting\", action in Action::\"grant\", resource == Scope::\"api::form.form.find\") when { context.ip.isLoopback() };\n",
        codes::SHADOWED,
        1,
        "the document of reporting lists all of it",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal in Role::\"editor\", action == Action::\"api::form.form.find\", resource == ContentType::\"api::form.form\") when { context.ip.isLoopback() };\n",
        codes::SHADOWED,
        1,
        "role.editor.api::form.form (policies/roles/editor.yaml",
    ),
    (
        "rules/x.cedar",
        "@id(\"a\")\nforbid (principal == Client::\"spa\", action in Action::\"grant\", resource is Scope);\n\n@id(\"b\")\npermit (principal == Client::\"spa\", action == Action::\"grant:authorization_code\", resource == Scope::\"api::form.form.update\");\n",
        codes::SHADOWED,
        4,
        "b has no effect: a (policies/rules/x.cedar:1) forbids all of it",
    ),
    (
        "rules/x.cedar",
        "@id(\"a\")\nforbid (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource) when { context.ttl > duration(\"5m\") && context.ip.isLoopback() };\n\n@id(\"b\")\nforbid (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource) when { context.ip.isLoopback() } when { context.ttl > duration(\"5m\") };\n",
        codes::SHADOWED,
        4,
        "b changes nothing: a (policies/rules/x.cedar:1) forbids all of it already",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal is Client, action in Action::\"grant\", resource == Scope::\"api::form.form.delete\") when { context.ip.isLoopback() };\n",
        codes::PUBLIC_DESTRUCTIVE,
        1,
        "x may give api::form.form.delete to spa, a public client",
    ),
    ("rules/x.cedar", "// nothing yet\n", codes::GRANTS_NOTHING, 0, "holds no policy"),
    (
        "rules/x.cedar",
        "forbid (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource) when { context.ttl > duration(\"14m\") };\n",
        codes::NO_ID,
        1,
        "has no @id",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\n@eror(\"y\")\nforbid (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource) when { context.ttl > duration(\"14m\") };\n",
        codes::UNKNOWN_ANNOTATION,
        1,
        "did you mean error?",
    ),
];

const DOCUMENTS: &[Case] = &[
    (
        "clients/x.yaml",
        "type: confidential\ngrants: [jwt-bearer]\nscopes: []\n",
        codes::GRANTS_NOTHING,
        3,
        "it lists no scopes",
    ),
    (
        "clients/x.yaml",
        "type: confidential\ngrants: [jwt-bearer]\nscopes:\n  - api::invoice.invoice.approve\n",
        codes::GRANTS_NOTHING,
        3,
        "none of its scopes",
    ),
    (
        "clients/x.yaml",
        "type: confidential\ngrants: [jwt-bearer]\nscopes:\n  - api::form.form.find\n  - api::invoice.invoice.approve\n",
        codes::ABOVE_CEILING,
        5,
        "is not in the global scopes, so it is denied",
    ),
    (
        "clients/x.yaml",
        "type: public\nredirect_uris: ['http://127.0.0.1/cb']\nscopes:\n  - api::form.form.find\n  - api::form.form.*\n",
        codes::PUBLIC_DESTRUCTIVE,
        5,
        "a public client may get api::form.form.delete",
    ),
    (
        "clients/x.yaml",
        "type: public\nscopes: [api::form.form.find]\n",
        codes::NO_REDIRECT_URI,
        1,
        "no redirect URI",
    ),
    (
        "clients/x.yaml",
        "type: confidential\ngrants: [jwt-bearer]\nact_for: [role:editr]\nscopes: [api::form.form.find]\n",
        codes::UNKNOWN_ROLE,
        3,
        "did you mean editor?",
    ),
    ("roles/x.yaml", "actions: []\n", codes::GRANTS_NOTHING, 1, "it lists no actions"),
    (
        "roles/x.yaml",
        "actions:\n  - api::invoice.invoice.approve\n",
        codes::GRANTS_NOTHING,
        1,
        "none of its actions",
    ),
    (
        "roles/x.yaml",
        "actions:\n  - api::form.form.find\n  - api::invoice.invoice.approve\n",
        codes::ABOVE_CEILING,
        3,
        "no token carries it",
    ),
    (
        "catalog/x.yaml",
        "content_types:\n  api::x.x: { actions: {} }\n",
        codes::GRANTS_NOTHING,
        2,
        "has no actions",
    ),
    ("tests/x.yaml", "tests: []\n", codes::GRANTS_NOTHING, 0, "holds no test"),
    (
        "tests/x.yaml",
        "tests:\n  - name: x\n    client: web-app\n    action: api::form.form.find\n    user:\n      roles: [autenticated]\n    expect: deny\n",
        codes::UNKNOWN_ROLE,
        6,
        "did you mean authenticated?",
    ),
    (
        "tests/x.yaml",
        "tests:\n  - name: x\n    client: web-app\n    grant: code\n    scope: api::form.form.fnd\n    expect: deny\n",
        codes::UNKNOWN_SCOPE,
        5,
        "did you mean api::form.form.find?",
    ),
];

#[test]
fn every_lint_finds_its_case_and_can_be_allowed() {
    let mut wrong = Vec::new();
    for (file, text, code, line, part) in RULES.iter().chain(DOCUMENTS) {
        let all = found(&[(file, text)]);
        let hit = all.iter().find(|d| d.file.ends_with(file) && d.code == *code && d.message.contains(part));
        match hit {
            Some(hit) if hit.line == *line && hit.severity == Severity::Warning => {}
            _ => wrong.push(format!("{code} at {line}: {part}\n{text}--- {}", LoadFailed(all))),
        }
        let allowed = match file.ends_with(".cedar") {
            true => text.replace("@id", &format!("@allow(\"{code}\")\n@id")),
            false => format!("# allow: {code}\n{text}"),
        };
        // A file without a policy, and a policy without an id, have nothing to annotate in this table.
        if file.ends_with(".cedar") && !text.contains("@id") {
            continue;
        }
        let rest = found(&[(file, &allowed)]);
        if rest.iter().any(|d| d.file.ends_with(file) && d.code == *code) {
            wrong.push(format!("not allowed: {code}\n{allowed}--- {}", LoadFailed(rest)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}

#[test]
fn documents_that_a_forbid_makes_void() {
    let rule = "@id(\"x\")\nforbid (principal in ClientGroup::\"closed\", action in Action::\"grant\", resource);\n\n\
                @id(\"y\")\nforbid (principal in Role::\"gone\", action in Action::\"api\", resource);\n";
    let all = found(&[
        ("rules/x.cedar", rule),
        (
            "clients/x.yaml",
            "type: confidential\ngrants: [jwt-bearer]\ngroups: [closed]\nscopes:\n  - api::form.form.find\n",
        ),
        ("roles/gone.yaml", "actions:\n  - api::form.form.find\n"),
    ]);
    let at =
        |file: &str| all.iter().find(|d| d.file.ends_with(file) && d.code == codes::SHADOWED).map(|d| d.line);
    assert_eq!((at("clients/x.yaml"), at("roles/gone.yaml")), (Some(4), Some(2)), "{}", LoadFailed(all));
}

#[test]
fn rules_that_do_something_are_left_in_peace() {
    for rule in [
        "@id(\"x\")\npermit (principal in ClientGroup::\"partners\", action in Action::\"grant\", resource == Scope::\"api::form.form.find\");\n",
        "@id(\"x\")\npermit (principal in Role::\"authenticated\", action == Action::\"api::form.form.update\", resource) when { context.ip.isLoopback() };\n",
        "@id(\"x\")\nforbid (principal, action in Action::\"grant\", resource is Scope) when { resource.sensitive };\n",
        "@id(\"x\")\nforbid (principal == Client::\"reporting\", action == Action::\"grant:client_credentials\", resource);\n",
    ] {
        let all = found(&[("rules/x.cedar", rule)]);
        assert!(all.is_empty(), "{rule}{}", LoadFailed(all));
    }
}

#[test]
fn unknown_scopes_and_content_types_are_errors_that_nobody_allows() {
    for (resource, code) in [
        ("Scope::\"api::form.form.fnd\"", codes::UNKNOWN_SCOPE),
        ("ContentType::\"api::from.form\"", codes::UNKNOWN_CONTENT_TYPE),
    ] {
        let action = if code == codes::UNKNOWN_SCOPE { "grant" } else { "api" };
        let rule = format!(
            "@id(\"x\")\n@allow(\"{code}\")\nforbid (principal, action in Action::\"{action}\", resource == {resource});\n"
        );
        let all = found(&[("rules/x.cedar", &rule)]);
        assert!(all.iter().any(|d| d.code == code && d.severity == Severity::Error), "{}", LoadFailed(all));
    }
}

#[test]
fn the_shipped_folder_has_no_findings() {
    let options = Options { run_tests: true, ..options(&shipped()) };
    let checked = check(&options);
    assert!(checked.found.is_empty(), "{}", LoadFailed(checked.found));
    assert!(checked.tests.iter().all(|outcome| outcome.failure.is_none()));
    assert!(checked.tests.len() > 150 && checked.snapshot.is_some());
}
