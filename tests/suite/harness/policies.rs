//! The policy folder of a server under test: the shipped one, and documents of the suite's own.

use std::path::Path;

use super::keys;

/// A role that may list and read forms.
pub const READER: &str = "suite_reader";
/// A role that may do everything with forms.
pub const EDITOR: &str = "suite_editor";
/// A client in a file that may act for editors by jwt-bearer, with the fixture key.
pub const DELEGATE: &str = "suite_delegate";
/// A client in a file in the plugin's assertion style, owned by `admin`.
pub const OWNER_STYLE: &str = "suite_owner_style";

const DOCUMENTS: [(&str, &str); 4] = [
    (
        "roles/suite_reader.yaml",
        "title: Readers of the suite\nactions:\n  - api::form.form.find\n  - api::form.form.findOne\n",
    ),
    ("roles/suite_editor.yaml", "title: Editors of the suite\nactions:\n  - api::form.form.*\n"),
    (
        "clients/suite_delegate.yaml",
        "name: Delegate of the suite\ntype: confidential\ngrants: [jwt-bearer]\nauth: private_key_jwt\n\
         act_for: [role:suite_editor]\npublic_keys: [keys/suite.pem]\nscopes:\n  - api::form.form.*\n",
    ),
    (
        "clients/suite_owner_style.yaml",
        "name: Owner style of the suite\ntype: confidential\ngrants: [jwt-bearer]\nauth: private_key_jwt\n\
         owner: admin\nassertion_style: owner\npublic_keys: [keys/suite.pem]\nscopes:\n  - api::form.form.find\n",
    ),
];

/// Copies the repository's `policies/` to a folder.
pub fn copy_shipped(to: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), to);
}

/// Adds the suite's roles and file clients.
pub fn add_suite_documents(to: &Path) {
    for (path, content) in DOCUMENTS {
        write(&to.join(path), content);
    }
    write(&to.join("keys/suite.pem"), keys::CLIENT.public);
}

/// A document of a confidential client that acts for itself by jwt-bearer, with the fixture key.
pub fn service(name: &str, entries: &[&str]) -> String {
    let list: String = entries.iter().map(|entry| format!("  - {entry}\n")).collect();
    format!(
        "name: {name}\ntype: confidential\ngrants: [jwt-bearer]\nauth: private_key_jwt\n\
         public_keys: [keys/suite.pem]\nscopes:\n{list}"
    )
}

/// Writes a document as an editor does: beside it, then renamed over it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    let folder = path.parent().expect("a file in a folder");
    std::fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let name = path.file_name().expect("a file").to_string_lossy();
    let beside = folder.join(format!(".{name}.new~"));
    std::fs::write(&beside, content).unwrap_or_else(|e| panic!("{}: {e}", beside.display()));
    std::fs::rename(&beside, path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
    let entries = std::fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    for entry in entries {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
        }
    }
}
