//! View models of the clients' pages.

use serde::Serialize;

use super::{AuditLine, Choice, FieldError, ScopeGroup, TokensPage, shows};
use crate::pages::components::{Column, Pager};
use crate::pages::shell::{Link, Shell};
use crate::pages::snippets::Snippet;

shows! {
    ClientsPage: "clients.html";
    NewClientPage: "client_new.html";
    EditClientPage: "client.html";
    ScopesPage: "client_scopes.html";
    CredentialsPage: "client_credentials.html";
    ClientTokensPage: "client_tokens.html";
    AccessPage: "client_access.html";
    ActivityPage: "client_activity.html";
    DeleteClientPage: "client_delete.html";
    OncePage: "client_once.html";
}

/// The list of clients.
#[derive(Clone, Debug, Serialize)]
pub struct ClientsPage {
    /// The frame.
    pub shell: Shell,
    /// What is looked for.
    pub filter: ClientListFilter,
    /// Headings.
    pub columns: Vec<Column>,
    /// Rows.
    pub lines: Vec<ClientLine>,
    /// The way on.
    pub pager: Pager,
    /// Whether this person may make clients.
    pub may_create: bool,
}

/// What the list of clients is narrowed to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClientListFilter {
    /// Words.
    pub search: String,
    /// `CONFIDENTIAL`, `PUBLIC` or all.
    pub kind: String,
    /// `true`, `false` or all.
    pub active: String,
    /// `database`, `file` or all.
    pub origin: String,
    /// The owner, by id or name.
    pub owner: String,
    /// A scope that they use.
    pub scope: String,
    /// Whether anything is narrowed.
    pub any: bool,
}

/// A client in the list.
#[derive(Clone, Debug, Serialize)]
pub struct ClientLine {
    /// The id of its elements on the page.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// `confidential` or `public`.
    pub kind: String,
    /// Who made it: `Administration`, `User`, or the file.
    pub created_by: String,
    /// The owner's name, or that there is none.
    pub owner: String,
    /// Whether the owner is no user any more.
    pub owner_gone: bool,
    /// How many scopes it lists; none = its document cannot be read.
    pub scopes: Option<usize>,
    /// `Active` or `Inactive`.
    pub status: &'static str,
    /// Milliseconds.
    pub last_used: Option<i64>,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds.
    pub updated: i64,
    /// Its tokens, if this person may see them.
    pub tokens: Option<String>,
    /// Where to switch it on or off, if this person may.
    pub toggle: Option<Link>,
}

/// What all pages of a client begin with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClientHead {
    /// Its name.
    pub name: String,
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// The address of its pages.
    pub base: String,
    /// `confidential` or `public`.
    pub kind: String,
    /// `Active` or `Inactive`.
    pub status: &'static str,
    /// The file that git manages; none = it can be changed here.
    pub file: Option<String>,
    /// Its pages.
    pub tabs: Vec<Link>,
    /// Whether this person may change it.
    pub may_update: bool,
    /// Whether this person may rotate its secret.
    pub may_rotate: bool,
    /// Whether this person may renew its keys.
    pub may_keys: bool,
    /// Whether this person may delete it.
    pub may_delete: bool,
    /// Whether it is switched on.
    pub on: bool,
}

/// The fields of a client's form, as they were typed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClientForm {
    /// The name that people see.
    pub name: String,
    /// `confidential`, `public` or `service`; of new clients.
    pub kind: String,
    /// A user's name, address or id.
    pub owner: String,
    /// One a line.
    pub redirect_uris: String,
    /// Grant types.
    pub grants: Vec<ChoiceLine>,
    /// `client_secret`, `private_key_jwt` or `none`.
    pub auth: String,
    /// `S256`, `plain` or `optional`.
    pub pkce: String,
    /// `rfc7523` or `owner`.
    pub assertion_style: String,
    /// Whether jwt-bearer needs the secret as well.
    pub require_secret: bool,
    /// Seconds; empty = the server's.
    pub access_token_ttl: String,
    /// With spaces between.
    pub groups: String,
    /// One a line.
    pub act_for: String,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// A box to tick.
#[derive(Clone, Debug, Serialize)]
pub struct ChoiceLine {
    /// What the form sends.
    pub value: String,
    /// What people read.
    pub label: String,
    /// What to know about it.
    pub hint: String,
    /// Whether it is ticked.
    pub checked: bool,
}

/// A user who could own the client.
#[derive(Clone, Debug, Serialize)]
pub struct OwnerProposal {
    /// The sign-in name.
    pub username: String,
    /// The address.
    pub email: String,
}

/// The form of a new client.
#[derive(Clone, Debug, Serialize)]
pub struct NewClientPage {
    /// The frame.
    pub shell: Shell,
    /// What was typed.
    pub form: ClientForm,
    /// What it is to be.
    pub kinds: Vec<KindCard>,
    /// Users who match what was typed as owner; none = nobody searched.
    pub proposals: Option<Vec<OwnerProposal>>,
    /// Scopes.
    pub groups: Vec<ScopeGroup>,
}

/// A kind of client to choose.
#[derive(Clone, Debug, Serialize)]
pub struct KindCard {
    /// What the form sends.
    pub value: &'static str,
    /// What people read.
    pub label: &'static str,
    /// For what it is.
    pub hint: &'static str,
}

impl KindCard {
    /// The kinds that the form offers.
    pub fn all() -> Vec<Self> {
        vec![
            Self {
                value: "confidential",
                label: "Web application",
                hint: "Has a server of its own and keeps a secret. Code grant and JWT bearer.",
            },
            Self {
                value: "public",
                label: "Browser or native application",
                hint: "Cannot keep a secret, so it gets none. Code grant with PKCE.",
            },
            Self {
                value: "service",
                label: "Service",
                hint: "No browser and no user: signs assertions with its private key. JWT bearer.",
            },
        ]
    }
}

/// A client's settings.
#[derive(Clone, Debug, Serialize)]
pub struct EditClientPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// Its settings.
    pub form: ClientForm,
    /// What an owner who is gone is said to be.
    pub owner_note: String,
    /// Users who match what was typed as owner; none = nobody searched.
    pub proposals: Option<Vec<OwnerProposal>>,
    /// Ways to authenticate.
    pub auths: Vec<Choice>,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds.
    pub updated: i64,
    /// Milliseconds.
    pub last_used: Option<i64>,
    /// The id of the management API.
    pub document_id: String,
}

/// A client's scopes.
#[derive(Clone, Debug, Serialize)]
pub struct ScopesPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// Scopes by content type.
    pub groups: Vec<ScopeGroup>,
    /// How many are ticked.
    pub selected: usize,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// A client's credentials: what there is, never what it is.
#[derive(Clone, Debug, Serialize)]
pub struct CredentialsPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// How it authenticates.
    pub auth: String,
    /// Whether it has a secret.
    pub has_secret: bool,
    /// Until when the former secret works, in milliseconds.
    pub former_until: Option<i64>,
    /// Key ids of its public keys.
    pub keys: Vec<String>,
    /// Whether its keys stand in its file.
    pub keys_in_file: bool,
    /// Grace times to choose from.
    pub graces: Vec<Choice>,
    /// What was typed as public key.
    pub public_key: String,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// A client's tokens.
#[derive(Clone, Debug, Serialize)]
pub struct ClientTokensPage {
    /// The client.
    pub head: ClientHead,
    /// The list, with the frame.
    #[serde(flatten)]
    pub tokens: TokensPage,
}

/// What a client may get.
#[derive(Clone, Debug, Serialize)]
pub struct AccessPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// Grants to ask about.
    pub grants: Vec<Choice>,
    /// The one that is asked about.
    pub grant: String,
    /// The user that is asked about.
    pub user: String,
    /// Whether the grant may start.
    pub start: bool,
    /// Why, or why not.
    pub start_reason: String,
    /// Scopes.
    pub lines: Vec<AccessLine>,
    /// How many are permitted.
    pub permitted: usize,
    /// What is wrong with the question.
    pub errors: Vec<FieldError>,
}

/// A scope and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct AccessLine {
    /// Its name.
    pub scope: String,
    /// The catalog's title.
    pub title: String,
    /// The content type's title.
    pub group: String,
    /// Whether the client's document lists it.
    pub listed: bool,
    /// Yes or no.
    pub permitted: bool,
    /// Why.
    pub reason: String,
    /// Where the deciding policies stand.
    pub sources: Vec<String>,
    /// The test bench with this question, where the answer is no and the person may read policies.
    pub bench: Option<String>,
}

/// What was done to a client.
#[derive(Clone, Debug, Serialize)]
pub struct ActivityPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// Entries of the audit log.
    pub lines: Vec<AuditLine>,
    /// The way on.
    pub pager: Pager,
}

/// Whether a client is really to be deleted.
#[derive(Clone, Debug, Serialize)]
pub struct DeleteClientPage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// Credentials that were made just now.
#[derive(Clone, Debug, Serialize)]
pub struct OncePage {
    /// The frame.
    pub shell: Shell,
    /// The client.
    pub head: ClientHead,
    /// Whether there is anything to show: not the second time.
    pub there: bool,
    /// The client secret.
    pub secret: Option<String>,
    /// The public key in PEM.
    pub public_key: Option<String>,
    /// The private key in PEM.
    pub private_key: Option<String>,
    /// All of it as an environment file.
    pub env: String,
    /// A first request with them, in several languages.
    pub snippets: Vec<Snippet>,
}
