//! The one layout of policy files. Cedar is laid out by Cedar's own formatter, policy by policy; YAML line by line.
//! No comment is lost and no meaning changes: what was laid out is read again and compared, and a file of which that
//! cannot be shown is left alone.

mod cedar;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::diagnostics::Diagnostic;
use super::files::{Folder, Kind, Top, read_inside, reason, top};
use super::write;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Laid {
    /// It had the layout already.
    Same,
    /// It gets this text.
    Changed(String),
    /// It stays as it is, and why.
    Left(String),
}

/// A file that has a layout.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it is.
    pub path: PathBuf,
    text: String,
    cedar: bool,
}

/// The files below a policy folder, those of one of its folders, or one file; and what could not be read.
pub fn documents(path: &Path) -> (Vec<Document>, Vec<Diagnostic>) {
    if path.is_dir() && !is_policy_folder(path) {
        return folder(path);
    }
    if path.is_dir() {
        let Folder { sources, errors } = Folder::read(path);
        let documents =
            sources.into_iter().filter(|source| source.kind != Kind::Key).map(|source| Document {
                path: path.join(&source.relative),
                cedar: source.kind == Kind::Rule,
                text: source.text,
            });
        return (documents.collect(), errors);
    }
    match is_cedar(path) {
        Some(cedar) => file(path, cedar),
        None => {
            let why = "only .cedar and .yaml files have a layout";
            (Vec::new(), vec![Diagnostic::file(path.display().to_string(), why)])
        }
    }
}

/// By the file's ending; none = a file without a layout.
fn is_cedar(path: &Path) -> Option<bool> {
    match path.extension()?.to_str()? {
        "cedar" => Some(true),
        "yaml" => Some(false),
        _ => None,
    }
}

/// Whether a folder is a whole policy folder, or else one of its parts such as `rules/`.
fn is_policy_folder(path: &Path) -> bool {
    let known = |name: &str| matches!(top(name), Top::Global | Top::Documents(..));
    fs::read_dir(path).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| known(name) && (name == "global.yaml" || entry.path().is_dir()))
        })
    })
}

/// The files of a part of a policy folder.
fn folder(path: &Path) -> (Vec<Document>, Vec<Diagnostic>) {
    let shown = path.display().to_string();
    let mut names: Vec<PathBuf> = match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => return (Vec::new(), vec![Diagnostic::file(shown, reason(&error))]),
    };
    let hidden = |name: &PathBuf| {
        name.file_name().and_then(|name| name.to_str()).is_none_or(|name| matches!(top(name), Top::Ignored))
    };
    names.retain(|name| !hidden(name));
    names.sort();
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        if let Some(cedar) = is_cedar(&name) {
            let (mut read, wrong) = file(&name, cedar);
            documents.append(&mut read);
            errors.extend(wrong);
        }
    }
    if documents.is_empty() && errors.is_empty() {
        errors.push(Diagnostic::file(shown, "holds no .cedar or .yaml files"));
    }
    (documents, errors)
}

fn file(path: &Path, cedar: bool) -> (Vec<Document>, Vec<Diagnostic>) {
    let shown = path.display().to_string();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let read = fs::canonicalize(folder).map_err(|error| error.kind().to_string());
    match read.and_then(|root| read_inside(&root, path)) {
        Ok(text) => (vec![Document { path: path.to_owned(), text, cedar }], Vec::new()),
        Err(why) => (Vec::new(), vec![Diagnostic::file(shown, why)]),
    }
}

impl Document {
    /// What a text would change, for people: a unified diff.
    pub fn diff(&self, text: &str) -> String {
        let name = self.path.display().to_string();
        let diff = TextDiff::from_lines(self.text.as_str(), text);
        let all = diff.unified_diff().context_radius(3).header(&name, &name).to_string();
        all.chars().map(|c| if c == '\n' || c == '\t' || !c.is_control() { c } else { '?' }).collect()
    }

    /// What the layout makes of it.
    pub fn laid(&self) -> Laid {
        lay(&self.text, self.cedar)
    }

    /// Writes a text in place of the file's, whole or not at all.
    ///
    /// # Errors
    /// In words.
    pub fn write(&self, text: &str) -> Result<(), String> {
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.file_type().is_symlink()) {
            return Err(format!("{}: a link; lay out what it points to", self.path.display()));
        }
        write::replace(&self.path, text).map_err(|error| error.to_string())
    }
}

/// Lays a text out, and shows that nothing but the layout changed.
fn lay(text: &str, cedar: bool) -> Laid {
    let once = |text: &str| if cedar { cedar::lay(text) } else { yaml::lay(text) };
    let new = match once(text) {
        Ok(new) => new,
        Err(why) => return Laid::Left(why),
    };
    if new == text {
        return Laid::Same;
    }
    let same = if cedar { cedar::same(text, &new) } else { yaml::same(text, &new) };
    if !same {
        return Laid::Left("the layout would change more than the layout".to_owned());
    }
    match once(&new) {
        Ok(again) if again == new => Laid::Changed(new),
        _ => Laid::Left("the layout does not come to rest".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn changed(text: &str, cedar: bool) -> String {
        match lay(text, cedar) {
            Laid::Changed(new) => new,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn yaml_gets_two_spaces_and_keeps_every_comment() {
        let text = "\n\n# head\r\nname:   x   # kept  \ntype: public\n\n\n\nscopes:\n- a\n#  - b\n-   c # why\n# end of the list\nact_for:\n      # deep\n      - role:x\n      # last\ncontext:\n    ttl: 1\n    deep:\n       - name: q\n         roles: [a,\n              b]\n# tail\n\n";
        let expected = "# head\nname:   x   # kept\ntype: public\n\nscopes:\n  - a\n  #  - b\n  - c # why\n# end of the list\nact_for:\n  # deep\n  - role:x\n  # last\ncontext:\n  ttl: 1\n  deep:\n    - name: q\n      roles: [a,\n           b]\n# tail\n";
        assert_eq!(changed(text, false), expected);
        assert_eq!(lay(expected, false), Laid::Same);
    }

    #[test]
    fn yaml_that_is_not_understood_is_left_alone() {
        for text in
            ["key: two\n   lines\n", "key: \"two\n   lines\"\n", "a: 1\n---\nb: 2\n", "a: [1\n", "- - 1\n"]
        {
            assert!(matches!(lay(text, false), Laid::Left(_)), "{text}: {:?}", lay(text, false));
        }
    }

    #[test]
    fn texts_move_with_their_key() {
        let text = "list:\n-   key: |\n      one\n\n\n        two  \n    more: 1\n# end\n";
        let expected = "list:\n  - key: |\n      one\n\n\n        two  \n    more: 1\n# end\n";
        assert_eq!(changed(text, false), expected);
    }

    #[test]
    fn cedar_keeps_comments_and_meaning() {
        let text = "// head\n\n\n\n// about it\n@id(\"a\") permit(principal,action,resource)\nwhen{ context.x==\"//no\" /* */ || true}; // after\n// the next\n@id(\"b\")\nforbid (principal, action, resource) unless { // why\n principal.active };\n\n// tail";
        let text = text.replace("/* */ ", "");
        let expected = "// head\n\n// about it\n@id(\"a\")\npermit (principal, action, resource)\nwhen { context.x == \"//no\" || true }; // after\n\n// the next\n@id(\"b\")\nforbid (principal, action, resource)\nunless\n{ // why\n  principal.active };\n\n// tail\n";
        let new = changed(&text, true);
        for comment in ["// head", "// about it", "// after", "// the next", "// why", "// tail"] {
            assert_eq!(new.matches(comment).count(), 1, "{new}");
        }
        assert!(new.starts_with(&expected[..expected.find("unless").unwrap()]), "{new}");
        assert_eq!(lay(&new, true), Laid::Same);
        assert!(matches!(lay("permit (principal", true), Laid::Left(_)));
    }

    #[test]
    fn the_shipped_files_have_the_layout() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let (documents, errors) = documents(&folder);
        assert!(errors.is_empty() && documents.len() > 10, "{errors:?}");
        for document in documents {
            if std::env::var_os("GRANTWOOD_WRITE").is_some()
                && let Laid::Changed(text) = document.laid()
            {
                document.write(&text).unwrap();
                continue;
            }
            assert_eq!(document.laid(), Laid::Same, "{}: run `grantwood fmt`", document.path.display());
        }
    }
}
