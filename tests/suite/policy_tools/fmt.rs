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
    assert_eq!(check.out, "policies/clients/x.yaml\npolicies/rules/x.cedar\n");
    let before = run(dir.path(), &["policy", "show", "x.cedar", "--format", "json"]).ended(0);
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
    run(dir.path(), &["fmt", "policies/README.md"]).ended(3);
}
