//! `fmt`: files are laid out in place, comments stay, and a second run has nothing to do.

use super::{repository, run};
use crate::harness::policies::write;

#[test]
fn files_are_laid_out_once() {
    let dir = repository();
    run(dir.path(), &["fmt", "--check"]).ended(0);
    let client = dir.path().join("policies/clients/x.yaml");
    let rule = dir.path().join("policies/rules/x.cedar");
    write(&client, "type: confidential   \n# the list\nscopes:\n- api::form.form.find # why\n\n\n");
    write(
        &rule,
        "// about\n@id(\"x\") forbid(principal,action in Action::\"grant\",resource) when{context.ttl>duration(\"1h\")};",
    );
    let check = run(dir.path(), &["fmt", "--check"]).ended(3);
    for part in [
        "--- policies/clients/x.yaml\n+++ policies/clients/x.yaml\n@@ -1,",
        "\n-- api::form.form.find # why\n",
        "\n+  - api::form.form.find # why\n",
        "--- policies/rules/x.cedar\n",
        "+forbid (",
    ] {
        assert!(check.out.contains(part), "{part}: {}", check.out);
    }
    // A part of the folder, or one file: the other files are not looked at.
    let rules = run(dir.path(), &["fmt", "--check", "policies/rules"]).ended(3).out;
    assert!(rules.contains("x.cedar") && !rules.contains("x.yaml"), "{rules}");
    run(dir.path(), &["fmt", "--check", "policies/rules/partners.cedar", "policies/catalog"]).ended(0);
    let before = run(dir.path(), &["policy", "show", "x.cedar", "--format", "json"]).ended(0);
    let changed = run(dir.path(), &["fmt", "policies/rules", "policies/clients/x.yaml"]).ended(0);
    assert_eq!(changed.out, "policies/rules/x.cedar\npolicies/clients/x.yaml\n");
    run(dir.path(), &["fmt"]).ended(0);
    let text = std::fs::read_to_string(&client).expect("the document");
    assert_eq!(text, "type: confidential\n# the list\nscopes:\n  - api::form.form.find # why\n");
    let text = std::fs::read_to_string(&rule).expect("the rule");
    assert!(text.starts_with("// about\n@id(\"x\")\nforbid (") && text.ends_with("};\n"), "{text}");
    assert!(before.out.contains("\"x\""));
    run(dir.path(), &["fmt", "--check"]).ended(0);
    run(dir.path(), &["check"]).ended(0);
}

#[test]
fn what_is_not_understood_stays() {
    let dir = repository();
    let text = "type: confidential\nname: two\n   lines\nscopes: [api::form.form.find]\n";
    let client = dir.path().join("policies/clients/x.yaml");
    write(&client, text);
    let left = run(dir.path(), &["fmt", "policies/clients/x.yaml"]).ended(0);
    assert!(left.err.contains("left alone"), "{left:?}");
    assert_eq!(std::fs::read_to_string(&client).expect("the document"), text);
    run(dir.path(), &["fmt", "policies/keys"]).ended(3);
    run(dir.path(), &["fmt", "policies/absent"]).ended(3);
    std::os::unix::fs::symlink("../../secret", dir.path().join("policies/rules/out.cedar")).expect("a link");
    write(&dir.path().join("secret"), "canary");
    let link = run(dir.path(), &["fmt", "--check", "policies/rules"]).ended(3);
    assert!(
        link.err.contains("out.cedar") && !format!("{}{}", link.out, link.err).contains("canary"),
        "{link:?}"
    );
    run(dir.path(), &["fmt", "policies/README.md"]).ended(3);
}
