//! The files that pages name: one style sheet, one module, the theme's few lines, an icon.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file below `/assets/`.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The path under which it is served.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub text: &'static str,
}

/// All of them.
pub const FILES: [File; 4] = [
    File {
        path: "/assets/style.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("assets/style.css"),
    },
    File {
        path: "/assets/app.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/app.js"),
    },
    File {
        path: "/assets/theme.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("assets/theme.js"),
    },
    File { path: "/assets/icon.svg", content_type: "image/svg+xml", text: include_str!("assets/icon.svg") },
];

/// Names the state of the files; pages put it into their addresses, so that a new release is never drawn
/// with the old style.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut digest = Sha256::new();
        FILES.iter().for_each(|file| digest.update(file.text));
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    });
    &VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_is_made_from_text() {
        for file in FILES {
            for bad in ["http://", "https://", "@import", "url(", "eval(", "innerHTML", "document.write"] {
                let known = file.text.replace("http://www.w3.org/2000/svg", "");
                assert!(!known.contains(bad), "{}: {bad}", file.path);
            }
        }
        assert_eq!(version().len(), 12);
    }
}
