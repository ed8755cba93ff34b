//! View models of the pages of users and roles.

use serde::Serialize;

use super::{Choice, ChoiceLine, FieldError, shows};
use crate::pages::components::{Column, Pager};
use crate::pages::shell::Shell;

shows! {
    UsersPage: "users.html";
    NewUserPage: "user_new.html";
    UserPage: "user.html";
    UserOncePage: "user_once.html";
    RolesPage: "roles.html";
}

/// The list of users.
#[derive(Clone, Debug, Serialize)]
pub struct UsersPage {
    /// The frame.
    pub shell: Shell,
    /// Words in the name or the address.
    pub search: String,
    /// A role or all.
    pub role: String,
    /// `true`, `false` or all.
    pub blocked: String,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// Whether anything is narrowed.
    pub any: bool,
    /// Headings.
    pub columns: Vec<Column>,
    /// Rows.
    pub lines: Vec<UserLine>,
    /// The way on.
    pub pager: Pager,
    /// Whether this person may make users.
    pub may_create: bool,
}

/// A user in the list.
#[derive(Clone, Debug, Serialize)]
pub struct UserLine {
    /// The document id.
    pub id: String,
    /// Their page.
    pub href: String,
    /// Sign-in name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Roles.
    pub roles: Vec<String>,
    /// `Active`, `Blocked` or `Unconfirmed`.
    pub status: &'static str,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds.
    pub updated: i64,
}

/// The fields of a user's form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UserForm {
    /// Sign-in name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Roles.
    pub roles: Vec<ChoiceLine>,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// The form of a new user.
#[derive(Clone, Debug, Serialize)]
pub struct NewUserPage {
    /// The frame.
    pub shell: Shell,
    /// What was typed.
    pub form: UserForm,
}

/// A user.
#[derive(Clone, Debug, Serialize)]
pub struct UserPage {
    /// The frame.
    pub shell: Shell,
    /// The line of the list.
    pub line: UserLine,
    /// Their settings.
    pub form: UserForm,
    /// Their sessions, if this person may see them.
    pub sessions: Option<Vec<SessionLine>>,
    /// Applications that they agreed to.
    pub applications: Vec<ApplicationLine>,
    /// Whether this person may change them.
    pub may_update: bool,
    /// Whether this person may delete them.
    pub may_delete: bool,
    /// Whether this person may end their sessions.
    pub may_end: bool,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionLine {
    /// The id that pages show.
    pub id: String,
    /// With what program.
    pub agent: String,
    /// Where from.
    pub ip: String,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds.
    pub seen: i64,
}

/// An application that the user agreed to.
#[derive(Clone, Debug, Serialize)]
pub struct ApplicationLine {
    /// The client's id.
    pub client_id: String,
    /// The client's name.
    pub name: String,
    /// The client's page.
    pub href: String,
    /// What they agreed to.
    pub scopes: Vec<String>,
    /// Milliseconds.
    pub first: i64,
    /// Milliseconds.
    pub last: Option<i64>,
}

/// What was made for a user just now.
#[derive(Clone, Debug, Serialize)]
pub struct UserOncePage {
    /// The frame.
    pub shell: Shell,
    /// Sign-in name.
    pub username: String,
    /// The user's page.
    pub back: String,
    /// A password.
    pub password: Option<String>,
    /// Where they set one.
    pub setup_url: Option<String>,
}

/// The roles.
#[derive(Clone, Debug, Serialize)]
pub struct RolesPage {
    /// The frame.
    pub shell: Shell,
    /// Words in a role's name, title or actions.
    pub search: String,
    /// Roles.
    pub lines: Vec<RoleLine>,
}

/// A role.
#[derive(Clone, Debug, Serialize)]
pub struct RoleLine {
    /// The name of its document.
    pub name: String,
    /// What people read.
    pub title: String,
    /// What it permits.
    pub actions: Vec<String>,
    /// The file that declares it.
    pub file: String,
    /// How many users have it.
    pub users: i64,
    /// Those users.
    pub href: String,
}
