//! What surrounds account and admin pages: `templates/shell.html` draws it from the page's field `shell`.

use serde::Serialize;

/// The frame of a page.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shell {
    /// Where the name of the server leads.
    pub home: String,
    /// The areas that this person may enter, such as Account and Admin.
    pub places: Vec<Link>,
    /// The area's name, for the menu's label.
    pub area: String,
    /// The area's pages that this person may see.
    pub menu: Vec<Link>,
    /// Who is signed in.
    pub username: String,
    /// The token of every form on the page, the sign-out form's too.
    pub csrf: String,
    /// A standing warning above the page, such as an edit of the policies that is held back.
    pub banner: Option<String>,
    /// What the last form did.
    pub notice: Option<Notice>,
    /// Whether the page is text and forms rather than wide tables.
    pub narrow: bool,
    /// The request's id, for whoever reads the log.
    pub request_id: String,
}

/// A link of the menu, of tabs, or of a row of areas.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Link {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether it is the present page or area.
    pub current: bool,
}

impl Link {
    /// A link; `current` is the path of the present page: the link is current on its own page and below it.
    pub fn new(label: &str, href: &str, current: &str) -> Self {
        let below = current.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self { label: label.to_owned(), href: href.to_owned(), current: below }
    }
}

/// The outcome of the last form.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// `good`, `warn`, `bad` or `info`.
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}
