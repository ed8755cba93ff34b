//! Account pages: profile, sessions, applications, and the page that a set-up link leads to.

use serde::Serialize;

use super::View;
use super::components::Column;
use super::shell::Shell;

/// What is wrong with a field, or with the form where there is no field.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FormError {
    /// The id of the field.
    pub field: &'static str,
    /// A sentence.
    pub message: String,
}

/// Name, address and password.
#[derive(Clone, Debug, Serialize)]
pub struct ProfilePage {
    /// The frame.
    pub shell: Shell,
    /// The form's token.
    pub csrf: String,
    /// The sign-in name, as it is or as it was typed.
    pub username: String,
    /// The address, as it is or as it was typed.
    pub email: String,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// Names of role documents.
    pub roles: Vec<String>,
    /// What is wrong with the form on top.
    pub profile_errors: Vec<FormError>,
    /// What is wrong with the form of the password.
    pub password_errors: Vec<FormError>,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// The browser and its system, as far as they are known.
    pub device: String,
    /// What the browser says of itself.
    pub agent: String,
    /// Where from.
    pub ip: String,
    /// When it began.
    pub began_ms: i64,
    /// When it was last used.
    pub seen_ms: i64,
    /// Whether it is this one.
    pub current: bool,
}

/// Where the user is signed in.
#[derive(Clone, Debug, Serialize)]
pub struct SessionsPage {
    /// The frame.
    pub shell: Shell,
    /// The form's token.
    pub csrf: String,
    /// The table's columns.
    pub columns: Vec<Column>,
    /// The sessions, the latest first.
    pub sessions: Vec<SessionLine>,
}

/// An application that the user agreed to.
#[derive(Clone, Debug, Serialize)]
pub struct ApplicationLine {
    /// Its `client_id`.
    pub client_id: String,
    /// Its name; none = it is gone.
    pub name: Option<String>,
    /// What the user agreed to: name and title.
    pub scopes: Vec<(String, String)>,
    /// The first time.
    pub first_ms: i64,
    /// The last use.
    pub last_ms: Option<i64>,
}

/// What the user agreed to.
#[derive(Clone, Debug, Serialize)]
pub struct ApplicationsPage {
    /// The frame.
    pub shell: Shell,
    /// The form's token.
    pub csrf: String,
    /// The table's columns.
    pub columns: Vec<Column>,
    /// The applications, the latest first.
    pub applications: Vec<ApplicationLine>,
}

/// Something that happened to the account.
#[derive(Clone, Debug, Serialize)]
pub struct ActivityLine {
    /// When.
    pub at_ms: i64,
    /// What: the end of the key of a text, `activity.` before it.
    pub what: String,
    /// The application, where one was concerned.
    pub application: Option<String>,
    /// Where from.
    pub ip: String,
}

/// What happened to the account of late.
#[derive(Clone, Debug, Serialize)]
pub struct ActivityPage {
    /// The frame.
    pub shell: Shell,
    /// The table's columns.
    pub columns: Vec<Column>,
    /// The latest first.
    pub lines: Vec<ActivityLine>,
}

/// The page that a set-up link leads to.
#[derive(Clone, Debug, Serialize)]
pub struct SetPasswordPage {
    /// The form's token.
    pub csrf: String,
    /// The link's secret.
    pub link: String,
    /// Whose password it is.
    pub username: String,
    /// What is wrong with what was typed.
    pub errors: Vec<FormError>,
}

impl View for ProfilePage {
    const TEMPLATE: &'static str = "account/profile.html";
}

impl View for SessionsPage {
    const TEMPLATE: &'static str = "account/sessions.html";
}

impl View for ApplicationsPage {
    const TEMPLATE: &'static str = "account/applications.html";
}

impl View for ActivityPage {
    const TEMPLATE: &'static str = "account/activity.html";
}

impl View for SetPasswordPage {
    const TEMPLATE: &'static str = "account/set_password.html";
}
