//! A folder of templates and texts that replace built-in ones: `pages.templates`.
//!
//! A file `login.html` replaces that template; it may extend or include any other, and the built-in one as
//! `builtin/login.html`. `texts.yaml` replaces sentences. Nothing outside the folder is read, whatever a template
//! or a link says.

use std::path::Path;

/// Largest file, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Most files.
const MOST: usize = 200;
/// Deepest folder.
const DEEPEST: usize = 4;

/// What the folder holds.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Name below the folder, and content.
    pub templates: Vec<(String, String)>,
    /// `texts.yaml`.
    pub texts: Option<String>,
}

/// Reads the folder.
///
/// # Errors
/// What is wrong, with the file.
pub(super) fn read(folder: &Path) -> Result<Overrides, String> {
    let root = folder.canonicalize().map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Overrides::default();
    walk(&root, &root, 0, &mut found)?;
    found.templates.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, depth: usize, found: &mut Overrides) -> Result<(), String> {
    let failed = |path: &Path, why: String| format!("{}: {why}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|e| failed(folder, e.to_string()))?;
    for entry in entries {
        let path = entry.map_err(|e| failed(folder, e.to_string()))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // A link that leads out of the folder would show what is there to everybody.
        let real = path.canonicalize().map_err(|e| failed(&path, e.to_string()))?;
        if !real.starts_with(root) {
            return Err(failed(&path, "leads out of the folder".to_owned()));
        }
        if real.is_dir() {
            if depth >= DEEPEST {
                return Err(failed(&path, "lies too deep".to_owned()));
            }
            walk(root, &path, depth + 1, found)?;
            continue;
        }
        let name = name_of(root, &path)?;
        if name == "texts.yaml" {
            found.texts = Some(text(&path)?);
        } else if name.ends_with(".html") {
            if found.templates.len() >= MOST {
                return Err(failed(root, "has more than 200 templates".to_owned()));
            }
            let source = text(&path)?;
            found.templates.push((name, source));
        } else if !name.ends_with(".md") {
            return Err(failed(&path, "is neither a template (.html) nor texts.yaml".to_owned()));
        }
    }
    Ok(())
}

fn name_of(root: &Path, path: &Path) -> Result<String, String> {
    let below = path.strip_prefix(root).map_err(|_| format!("{}: lies elsewhere", path.display()))?;
    let name = below.to_str().ok_or_else(|| format!("{}: is not named in UTF-8", path.display()))?;
    Ok(name.replace(std::path::MAIN_SEPARATOR, "/"))
}

fn text(path: &Path) -> Result<String, String> {
    let failed = |why: String| format!("{}: {why}", path.display());
    let meta = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(failed("is no file of 256 KiB or less".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))
}
