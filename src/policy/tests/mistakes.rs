//! One case for each kind of mistake: found, at its place, with a hint, and never loaded.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{engine_of, open, shipped};
use crate::policy::{Diagnostic, Engine, Options};

/// A copy of the shipped folder, without its tests.
pub fn copy() -> tempfile::TempDir {
    fn copy_folder(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy_folder(&entry.path(), &target)
            } else {
                fs::copy(entry.path(), target).map(|_| ()).unwrap()
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    copy_folder(&shipped(), dir.path());
    dir
}

pub fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn errors(root: &Path) -> Vec<Diagnostic> {
    open(root).err().map(|failed| failed.0).unwrap_or_default()
}

/// File, text, place of the error, part of its message or hint.
type Case = (&'static str, &'static str, (usize, usize), &'static str);

const TEXTS: &[Case] = &[
    ("clients/x.yaml", "type: public\nscops: []\n", (2, 1), "unknown key scops, did you mean scopes?"),
    ("clients/x.yaml", "type: public\nname: a\nname: b\n", (3, 1), "key name stands twice, first in line 2"),
    (
        "clients/x.yaml",
        "type: public\nscopes:\n  - api::form.form.find\n  - api::form.form.fnd\n",
        (4, 5),
        "unknown action api::form.form.fnd, did you mean api::form.form.find?",
    ),
    (
        "clients/x.yaml",
        "type: public\nscopes: [api::from.form.*]\n",
        (2, 10),
        "did you mean api::form.form.*?",
    ),
    ("clients/x.yaml", "type: pubic\n", (1, 7), "public"),
    ("clients/x.yaml", "name: x\n", (1, 1), "type"),
    ("clients/x.yaml", "type: public\nactive: yes\n", (2, 9), ""),
    ("clients/x.yaml", "type: public\nactive: on\n", (2, 9), ""),
    (
        "clients/x.yaml",
        "type: public\ngrants: [jwt-bearer]\n",
        (2, 10),
        "a public client cannot use jwt-bearer",
    ),
    (
        "clients/x.yaml",
        "type: public\ngrants: [code, client-credentials]\n",
        (2, 16),
        "a public client cannot use client-credentials",
    ),
    ("clients/x.yaml", "type: public\ngrants: []\n", (2, 1), "at least one grant"),
    ("clients/x.yaml", "type: public\nauth: client_secret\n", (2, 1), "auth is none"),
    ("clients/x.yaml", "type: confidential\nauth: none\n", (2, 1), "a confidential client authenticates"),
    ("clients/x.yaml", "type: public\npkce: optional\n", (2, 1), "never optional"),
    ("clients/x.yaml", "type: public\nredirect_uris:\n  - https://a.test/cb#x\n", (3, 5), "fragment"),
    (
        "clients/x.yaml",
        "type: public\nredirect_uris: ['http://a.test/cb', 'https://*.a.test/']\n",
        (2, 17),
        "https",
    ),
    ("clients/x.yaml", "type: confidential\npublic_keys:\n  - keys/none.pem\n", (3, 5), "no such key file"),
    (
        "clients/x.yaml",
        "type: confidential\npublic_keys: [../../etc/passwd]\n",
        (2, 15),
        "stands in the policy folder",
    ),
    (
        "clients/x.yaml",
        "type: confidential\npublic_keys: [/etc/passwd]\n",
        (2, 15),
        "stands in the policy folder",
    ),
    ("clients/x.yaml", "type: confidential\nact_for: [authenticated]\n", (2, 11), "role:<role>"),
    ("clients/x.yaml", "type: confidential\nassertion_style: owner\n", (2, 1), "needs an owner"),
    ("clients/x.yaml", "type: public\ngroups: ['a b']\n", (2, 10), "a group is named"),
    ("clients/x.yaml", "type: public\naccess_token_ttl: 15 minutes\n", (2, 19), "a length of time"),
    ("clients/x.yaml", "type: public\naccess_token_ttl: 60d\n", (2, 1), "31 days"),
    ("clients/x.yaml", "type: public\n---\ntype: public\n", (3, 1), "document"),
    ("clients/x.yaml", "type: public\n\tname: x\n", (1, 7), ""),
    ("clients/x.yaml", "{", (1, 1), ""),
    ("clients/x.yaml", "[[[[", (1, 4), ""),
    ("clients/x.yaml", "", (1, 1), ""),
    ("clients/x y.yaml", "type: public\n", (0, 0), "a document is named with"),
    ("clients/x.yml", "type: public\n", (0, 0), "unexpected file"),
    ("clients/sub/x.yaml", "type: public\n", (0, 0), "unexpected file"),
    ("client/x.yaml", "type: public\n", (0, 0), "did you mean clients?"),
    ("rules/x.yaml", "", (0, 0), "unexpected file"),
    ("roles/x.yaml", "actions: [api::form.form.delte]\n", (1, 11), "did you mean api::form.form.delete?"),
    ("roles/x.yaml", "action: []\n", (1, 1), "did you mean actions?"),
    ("global.yaml", "scopes: [openid]\n", (1, 10), "unknown action openid"),
    ("global.yaml", "managed_by: somebody\nscopes: []\n", (1, 13), "admin"),
    ("catalog/x.yaml", "content_types:\n  form: { actions: {} }\n", (2, 3), "a content type is named as"),
    ("catalog/x.yaml", "content_types:\n  api::form.form: { actions: {} }\n", (2, 3), "is declared in"),
    (
        "catalog/x.yaml",
        "content_types:\n  admin:client: { actions: {} }\n",
        (2, 3),
        "a content type is named as",
    ),
    (
        "catalog/x.yaml",
        "content_types:\n  api::x.x:\n    actions:\n      'a b': {}\n",
        (4, 7),
        "an action is named with",
    ),
    (
        "catalog/x.yaml",
        "content_types:\n  api::x.x:\n    actions:\n      a: { routes: [\"GET /x\", \"get /x\"] }\n",
        (4, 31),
        "unknown method get",
    ),
    (
        "catalog/x.yaml",
        "content_types:\n  api::x.x:\n    actions:\n      a: { routes: [\"GET /api/forms/:other\"] }\n",
        (4, 21),
        "belongs to api::form.form.findOne already",
    ),
    (
        "catalog/x.yaml",
        "content_types:\n  api::x.x:\n    actions:\n      a: { route: [] }\n",
        (4, 12),
        "did you mean routes?",
    ),
    ("rules/x.cedar", "@id(\"client.x\")\npermit (principal, action, resource);", (1, 1), "the server's own"),
    (
        "rules/x.cedar",
        "@id(\"partners.ttl\")\npermit (principal, action, resource);",
        (1, 1),
        "is taken by policies/rules/partners.cedar:27",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal, action == Action::\"api::form.form.fnd\", resource);",
        (2, 30),
        "did you mean `Action::\"api::form.form.find\"`",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal, action, resource)\nwhen { principal.nmae == \"x\" };",
        (3, 8),
        "nmae",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal, action in Action::\"grant\", resource)\nwhen { context.pkce == \"none\" };",
        (3, 8),
        "",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal is Client, action in Action::\"grant\", resource == Scope::\"api::form.form.fnd\");",
        (2, 69),
        "did you mean api::form.form.find?",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal is User, action in Action::\"api\", resource == ContentType::\"api::from.form\");",
        (2, 65),
        "did you mean api::form.form?",
    ),
    (
        "rules/x.cedar",
        "@id(\"x\")\npermit (principal is User, action == Action::\"user:sign_in\", resource is Scope);",
        (1, 1),
        "can never apply",
    ),
    ("rules/x.cedar", "@id(\"x\")\npermit (principal, action, resource) when { true ", (0, 0), ""),
    ("tests/x.yaml", "tests:\n  - name: x\n    expct: allow\n", (3, 5), "did you mean expect?"),
];

#[test]
fn every_mistake_has_its_place() {
    let mut wrong = Vec::new();
    for (file, text, place, part) in TEXTS {
        let dir = copy();
        write(dir.path(), file, text);
        let found = errors(dir.path());
        let hit = found.iter().find(|d| {
            let said = format!("{} {}", d.message, d.hint.as_deref().unwrap_or_default());
            d.file.ends_with(file.trim_end_matches("/x.yaml"))
                || d.file.ends_with(file) && said.contains(part)
        });
        let told = hit.is_some_and(|hit| {
            let said = format!("{} {}", hit.message, hit.hint.as_deref().unwrap_or_default());
            let there = place.0 == 0 || ((hit.line, hit.column) == *place);
            said.contains(part)
                && there
                && (hit.line == 0 || hit.snippet.is_some() || text.lines().count() < hit.line)
        });
        if !told {
            wrong.push(format!(
                "{file} at {place:?} with {part:?}:\n{text}\n--- {}",
                crate::policy::LoadFailed(found)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}

#[test]
fn all_mistakes_at_once() {
    let dir = copy();
    write(dir.path(), "clients/a.yaml", "type: public\nscopes: [a.b, c.d]\nredirect_uris: ['x']\n");
    write(dir.path(), "clients/b.yaml", "type: public\nnaem: x\nscpoes: []\n");
    write(
        dir.path(),
        "rules/x.cedar",
        "permit (principal, action, resource);\n@id(\"y\") permit (principal, action);\n",
    );
    write(dir.path(), "roles/r.yaml", "actions: [a.b]\n");
    let found = errors(dir.path());
    assert!(found.len() >= 7, "{found:#?}");
}

#[test]
fn warnings_do_not_hold_a_set_back() {
    let dir = copy();
    write(
        dir.path(),
        "clients/a.yaml",
        "type: confidential\nact_for: [role:editr]\nscopes:\n  - api::invoice.invoice.approve\n",
    );
    write(
        dir.path(),
        "rules/x.cedar",
        "@id(\"x\")\nforbid (principal in ClientGroup::\"partnres\", action in Action::\"grant\", resource);\n",
    );
    let warnings = engine_of(dir.path()).status().warnings;
    let has = |part: &str| warnings.iter().any(|w| w.message.contains(part) && w.line > 0);
    assert!(has("api::invoice.invoice.approve is not in the global scopes"), "{warnings:#?}");
    assert!(has("no role editr, did you mean editor?"), "{warnings:#?}");
    assert!(has("did you mean partners?"), "{warnings:#?}");
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
}

#[test]
fn y3_y4_absent_and_empty_folders() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open(&dir.path().join("absent")).is_err());
    assert!(open(dir.path()).is_err());
    write(dir.path(), "global.yaml", "scopes: []\n");
    let found = errors(dir.path());
    assert!(found.iter().any(|d| d.message.contains("no client, role or rule")), "{found:?}");
    write(dir.path(), "clients/a.yaml", "");
    assert!(open(dir.path()).is_err(), "an empty file is no document");
    let options = |folder: std::path::PathBuf| Options {
        tree: folder.into(),
        public_url: String::new(),
        allow_empty: true,
        run_tests: false,
    };
    Engine::open(options(dir.path().join("absent"))).unwrap_or_else(|failed| panic!("{failed}"));
    fs::remove_file(dir.path().join("clients/a.yaml")).unwrap();
    assert!(Engine::open(options(dir.path().to_owned())).is_ok());
    write(dir.path(), "clients/a.yaml", "type: public\n");
    fs::remove_file(dir.path().join("global.yaml")).unwrap();
    assert!(errors(dir.path()).iter().any(|d| d.file.ends_with("global.yaml") && d.message == "not found"));
}

#[test]
fn y9_nothing_from_outside_and_nothing_strange() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.yaml");
    fs::write(&secret, "password: hunter2\n").unwrap();
    type Make<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Make<'_>); 7] = [
        ("link out", &|root| symlink(&secret, root.join("clients/x.yaml")).unwrap()),
        ("folder link out", &|root| {
            fs::remove_dir_all(root.join("tests")).unwrap();
            symlink(outside.path(), root.join("tests")).unwrap();
        }),
        ("hard link", &|root| fs::hard_link(&secret, root.join("clients/x.yaml")).unwrap()),
        ("fifo", &|root| {
            let path = std::ffi::CString::new(root.join("rules/x.cedar").to_str().unwrap()).unwrap();
            assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        }),
        ("device", &|root| symlink("/dev/zero", root.join("rules/x.cedar")).unwrap()),
        ("folder", &|root| fs::create_dir(root.join("rules/x.cedar")).unwrap()),
        ("dangling link", &|root| symlink("nothing.yaml", root.join("clients/x.yaml")).unwrap()),
    ];
    for (name, make) in cases {
        let dir = copy();
        make(dir.path());
        let failed = open(dir.path()).err().unwrap_or_else(|| panic!("{name}")).to_string();
        assert!(!failed.contains("hunter2") && !failed.contains("secret.yaml"), "{name}: {failed}");
    }
}

#[test]
fn y9_key_files_are_never_quoted() {
    let dir = copy();
    write(dir.path(), "keys/x.json", "{\"kty\": \"oct\", \"k\": \"hunter2\"} <<< broken");
    write(dir.path(), "clients/x.yaml", "type: confidential\npublic_keys: [keys/x.json]\n");
    if let Err(failed) = open(dir.path()) {
        assert!(!failed.to_string().contains("hunter2"), "{failed}");
    }
}

#[test]
fn y9_a_config_map_inside_the_folder_works() {
    let dir = copy();
    let clients = dir.path().join("clients");
    fs::create_dir(clients.join("..v1")).unwrap();
    fs::rename(clients.join("spa.yaml"), clients.join("..v1/spa.yaml")).unwrap();
    symlink("..v1", clients.join("..data")).unwrap();
    symlink("..data/spa.yaml", clients.join("spa.yaml")).unwrap();
    let engine = engine_of(dir.path());
    assert_eq!(super::client(&engine.current(), "spa").name, "Example single-page application");
}

#[test]
fn y10_what_is_not_text() {
    let huge = format!("name: \"{}\"\ntype: public\n", "x".repeat(2 << 20));
    let deep = format!("type: public\nscopes: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let parens = format!(
        "@id(\"x\") permit (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let ifs = format!(
        "@id(\"x\") permit (principal, action, resource) when {{ {}true{} }};",
        "if true then ".repeat(30_000),
        " else true".repeat(30_000)
    );
    let laughs = "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n";
    let cases: &[(&str, &[u8])] = &[
        ("clients/x.yaml", huge.as_bytes()),
        ("clients/x.yaml", deep.as_bytes()),
        ("clients/x.yaml", laughs.as_bytes()),
        ("clients/x.yaml", b"name: \xff\ntype: public\n"),
        ("clients/x.yaml", b"\xef\xbb\xbftype: public\n"),
        ("clients/x.yaml", b"type: public\n\0"),
        ("rules/x.cedar", parens.as_bytes()),
        ("rules/x.cedar", ifs.as_bytes()),
        ("rules/x.cedar", b"\xfe\xff"),
    ];
    for (file, bytes) in cases {
        let dir = copy();
        write(dir.path(), file, bytes);
        assert!(
            open(dir.path()).is_err(),
            "{file}: {:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
        );
    }
    let dir = copy();
    write(dir.path(), "clients/x.yaml", "type: public\r\nname: CRLF is fine\r\n");
    write(
        dir.path(),
        "rules/x.cedar",
        "// crlf\r\n@id(\"x\")\r\npermit (principal, action, resource is Server);\r\n",
    );
    engine_of(dir.path());
}

#[test]
fn y5_an_unreadable_file_is_not_a_removed_rule() {
    let dir = copy();
    let rule = dir.path().join("rules/partners.cedar");
    fs::set_permissions(&rule, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything, so there is nothing to see as root.
    if fs::read(&rule).is_err() {
        assert!(errors(dir.path()).iter().any(|d| d.message == "permission denied"));
    }
}
