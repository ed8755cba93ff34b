//! View models of the pages below `/admin`; their templates are in `templates/admin/`.

mod audit;
mod clients;
mod explained;
mod policies;
mod server;
mod tokens;
mod users;

use serde::Serialize;

pub use audit::{AuditDetail, AuditLine, AuditPage};
pub use clients::{
    AccessLine, AccessPage, ActivityPage, ChoiceLine, ClientForm, ClientHead, ClientLine, ClientListFilter,
    ClientTokensPage, ClientsPage, CredentialsPage, DeleteClientPage, EditClientPage, KindCard,
    NewClientPage, OncePage, OwnerProposal, ScopesPage,
};
pub use explained::{ChangeLine, ConditionLine, DecisionPage, ExplainedView, NearLine, RecordedLine};
pub use policies::{
    BenchForm, BenchPage, DocumentLine, DocumentPage, PoliciesPage, PolicyLine, ProblemLine, ReloadLine,
    ReloadPage, ReloadsPage,
};
pub use server::{
    GlobalScopesPage, KeyLine, KeysPage, OverviewPage, RefusedPage, SettingLine, SettingsPage, Stat, Step,
};
pub use tokens::{TokenFilterForm, TokenLine, TokenPage, TokensPage};
pub use users::{
    ApplicationLine, NewUserPage, RoleLine, RolesPage, SessionLine, UserForm, UserLine, UserOncePage,
    UserPage, UsersPage,
};

/// Names the template of each page.
macro_rules! shows {
    ($($page:ident: $template:literal;)+) => {
        $(impl crate::pages::View for $page {
            const TEMPLATE: &'static str = concat!("admin/", $template);
        })+
    };
}
use shows;

/// An entry of a list to choose from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What people read.
    pub label: String,
}

impl Choice {
    /// Makes one.
    pub fn new(value: &str, label: &str) -> Self {
        Self { value: value.to_owned(), label: label.to_owned() }
    }
}

/// What is wrong with a field of a form.
#[derive(Clone, Debug, Serialize)]
pub struct FieldError {
    /// The id of the field; empty = the form as a whole.
    pub field: String,
    /// A sentence.
    pub message: String,
}

/// The scopes of a content type, to be ticked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScopeGroup {
    /// The content type.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Scopes that can be ticked.
    pub scopes: Vec<ScopeChoice>,
    /// Scopes that cannot, with the reason.
    pub refused: Vec<ScopeChoice>,
}

/// A scope to be ticked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScopeChoice {
    /// Its name.
    pub name: String,
    /// The catalog's title.
    pub title: String,
    /// Whether it is ticked.
    pub checked: bool,
    /// Whether the catalog marks it.
    pub sensitive: bool,
    /// What to know about it, or why it cannot be ticked.
    pub note: String,
    /// The clients that use it.
    pub href: String,
    /// How many those are, for somebody who may see clients.
    pub clients: Option<i64>,
}
