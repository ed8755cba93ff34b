//! `pages.templates`: templates and texts of a team's own.

use crate::harness::browser::Browser;
use crate::harness::{Options, Pkce, Server};

/// A server with these files in its folder of templates; the error is its log.
fn started(files: &[(&str, &str)]) -> Result<Server, String> {
    let folder = tempfile::Builder::new().prefix("templates-").tempdir().expect("a folder").keep();
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, content).expect("a file");
    }
    let folder = folder.display().to_string();
    Server::try_start(Options::default().env("GRANTWOOD_PAGES__TEMPLATES", &folder))
}

const LOGIN: &str = "{% extends \"builtin/login.html\" %}{% block main %}<p id=\"ours\">Example Corp</p>{{ super() }}{% endblock %}";

/// A template extends the built-in one, and a sentence is another; the forms still work.
#[test]
fn templates_and_texts_are_replaced() {
    let texts = "login.submit: Anmelden\nconsent.allow: \"Ja <b>gern</b>\"\n";
    let server =
        started(&[("login.html", LOGIN), ("texts.yaml", texts), ("README.md", "notes")]).expect("it starts");
    let browser = Browser::new(&server);
    let page = browser.get("/login");
    assert!(page.text().contains("id=\"ours\"") && page.text().contains("Anmelden"), "{page:?}");
    let user = server.reader();
    assert_eq!(browser.sign_in_at(&page, &user).status, 303);
    let client = server.confidential_client(&[]);
    let page = browser.authorize(&client, &[], &Pkce::s256());
    // W2: a sentence is text, whatever is in it.
    assert!(page.text().contains("Ja &lt;b&gt;gern&lt;"), "{page:?}");
}

/// What is wrong is told at the start with file and line, and the server does not start.
#[test]
fn mistakes_are_told_with_file_and_line() {
    for (name, content, told) in [
        (
            "login.html",
            "{% extends \"base.html\" %}\n{% block main %}\n{{ nothing }}\n{% endblock %}",
            "login.html:3",
        ),
        ("login.html", "line\n{% if %}", "login.html:2"),
        ("login.html", "{% include \"../../secret.html\" %}", "login.html:1"),
        (
            "login.html",
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
            "login.html:1",
        ),
        ("texts.yaml", "login.titel: x", "login.titel"),
        ("texts.yaml", "login.title: \"{who}\"", "who"),
        ("texts.yaml", "- x", "texts.yaml"),
        ("logo.png", "x", "logo.png"),
    ] {
        let log = started(&[(name, content)]).err().unwrap_or_else(|| panic!("{name}: {content} was taken"));
        assert!(log.contains("pages.templates") && log.contains(told), "{told}: {log}");
    }
}

/// A link out of the folder is not followed.
#[test]
fn nothing_outside_the_folder_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("login.html")).expect("a link");
    let path = folder.path().display().to_string();
    let refused = Server::try_start(Options::default().env("GRANTWOOD_PAGES__TEMPLATES", &path));
    assert!(refused.err().expect("refused").contains("out of the folder"));
}

/// A template that fails on a page that was not tried out at the start: the built-in one is shown.
#[test]
fn a_template_that_fails_later_is_replaced_by_the_built_in_one() {
    let template = "{% extends \"shell.html\" %}\n{% block main %}{{ nothing }}{% endblock %}";
    let server = started(&[("account/profile.html", template)]).expect("it starts");
    let user = server.reader();
    let page = Browser::of(&server, &user).open("/account");
    assert!(page.status == 200 && page.text().contains(&user.username), "{page:?}");
    assert!(server.log().contains("profile.html:2"), "{}", server.log());
}
