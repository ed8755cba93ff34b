//! What every admin page needs: who asks, what they may do, the frame around the page.

use std::sync::Arc;

use poem::error::ResponseError as _;
use poem::http::StatusCode;
use poem::{Request, Response};

use super::explained;
use crate::app::App;
use crate::app::clients::ClientState;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::flow::explain;
use crate::http::page::{self, Page, PageError};
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::RefusedPage;
use crate::pages::shell::{Link, Notice, Shell};
use crate::pages::{Pages, View};
use crate::policy::{AdminResource, Snapshot, admin};

/// The pages of the menu, and the permission that each needs.
const MENU: [(&str, &str, &str); 9] = [
    ("Clients", "/admin/clients", admin::CLIENT_READ),
    ("Scopes", "/admin/scopes", admin::SCOPE_READ),
    ("Tokens", "/admin/tokens", admin::TOKEN_READ),
    ("Users", "/admin/users", admin::USER_READ),
    ("Roles", "/admin/roles", admin::USER_READ),
    ("Keys", "/admin/keys", admin::KEY_READ),
    ("Policies", "/admin/policies", admin::POLICY_READ),
    ("Audit log", "/admin/audit", admin::AUDIT_READ),
    ("Settings", "/admin/settings", admin::SETTINGS_READ),
];

/// What a form did, by the word that its redirect carries: a page never says what an address tells it to.
const DONE: [(&str, &str); 14] = [
    ("saved", "Saved."),
    ("created", "Created."),
    ("activated", "The client is active."),
    ("deactivated", "The client is inactive; its tokens are too."),
    ("deleted", "Deleted."),
    ("registered", "The public key is registered; the former keys are refused from now on."),
    ("revoked", "Revoked: introspection answers inactive from now on."),
    ("unchanged", "Nothing was selected, so nothing was changed."),
    ("rotated", "A new key is published. It signs after the overlap."),
    ("reloaded", "The policy folder was read anew and is in force."),
    ("blocked", "The user is blocked; their sessions and tokens are at an end."),
    ("unblocked", "The user may sign in again."),
    ("ended", "The session is at an end."),
    ("withdrawn", "Withdrawn; the application's tokens for this user are at an end."),
];

/// One request of the admin pages.
pub struct Admin<'a> {
    /// The server.
    pub app: &'a Arc<App>,
    /// The templates.
    pub pages: &'a Pages,
    /// Who is signed in.
    pub page: Page,
    /// The same for the policy.
    pub caller: Caller,
    /// The policies of this request.
    pub snapshot: Arc<Snapshot>,
    path: String,
    done: Option<String>,
}

impl<'a> Admin<'a> {
    /// Takes a request of somebody who is signed in.
    pub fn new(app: &'a Arc<App>, pages: &'a Pages, page: Page, request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let done = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done");
        Self {
            app,
            pages,
            caller: page.caller(),
            snapshot: app.policies.current(),
            page,
            path: request.uri().path().to_owned(),
            done: done.map(|(_, word)| word.into_owned()),
        }
    }

    /// The circumstances.
    pub fn ask(&self) -> &Ask {
        self.page.ask()
    }

    /// Now, in milliseconds.
    pub fn now(&self) -> i64 {
        self.ask().now_ms
    }

    /// Whether this person may do something to the server as a whole.
    pub fn may(&self, action: &'static str) -> bool {
        caller::may(self.ask(), &self.snapshot, &self.caller, action, AdminResource::Server)
    }

    /// Whether this person may do something to a client.
    pub fn may_to(&self, action: &'static str, client: &ClientState) -> bool {
        let client = AdminResource::Client(&client.client);
        caller::may(self.ask(), &self.snapshot, &self.caller, action, client)
    }

    /// The frame.
    pub fn shell(&self) -> Shell {
        let mut menu = vec![Link {
            label: "Overview".to_owned(),
            href: "/admin".to_owned(),
            current: self.path == "/admin",
        }];
        let seen = MENU.iter().filter(|(_, _, action)| self.may(action));
        menu.extend(seen.map(|(label, href, _)| Link::new(label, href, &self.path)));
        let held = self.app.policies.status().held_back;
        let banner = held.first().filter(|_| self.may(admin::POLICY_READ)).map(|first| {
            format!(
                "An edit of the policies is held back; the last good set is in force. {}: {}",
                first.file, first.message
            )
        });
        let notice = self.done.as_deref().and_then(|word| {
            let (_, text) = DONE.iter().find(|(known, _)| *known == word)?;
            let kind = if word == "unchanged" { "warn" } else { "good" };
            Some(Notice { kind, text: (*text).to_owned() })
        });
        Shell {
            home: "/admin".to_owned(),
            places: vec![
                Link::new("Account", "/account", &self.path),
                Link::new("Admin", "/admin", &self.path),
            ],
            area: "Administration".to_owned(),
            menu,
            username: self.page.signed_in().user.username.clone(),
            csrf: self.page.csrf().to_owned(),
            banner,
            notice,
            narrow: false,
            request_id: self.ask().request_id.as_ref().to_owned(),
        }
    }

    /// The frame of text and forms.
    pub fn narrow_shell(&self) -> Shell {
        Shell { narrow: true, ..self.shell() }
    }

    /// A page.
    ///
    /// # Errors
    /// A fault, if its template fails.
    pub fn show<V: View>(&self, view: &V) -> Result<Response, Stop> {
        Ok(page::html(StatusCode::OK, self.pages.render(view)?))
    }

    /// A page about a form that needs a change.
    ///
    /// # Errors
    /// A fault, if its template fails.
    pub fn show_refused<V: View>(&self, view: &V, reject: &Reject) -> Result<Response, Stop> {
        let status = StatusCode::from_u16(reject.wire().status).unwrap_or(StatusCode::BAD_REQUEST);
        Ok(page::html(status, self.pages.render(view)?))
    }

    /// The outcome of a page: a refusal keeps the frame and says what is missing.
    ///
    /// # Errors
    /// A fault, and what not even the page of a refusal can say.
    pub async fn told(&self, done: Result<Response, Stop>) -> Result<Response, PageError> {
        let reject = match done {
            Ok(response) => return Ok(response),
            Err(Stop::Reject(reject)) => reject,
            Err(fault) => return Err(fault.into()),
        };
        let (permission, policies, told) = match &reject {
            Reject::Forbidden { action, about, policies } => {
                let told =
                    explain::refusal(self.app, self.ask(), &self.caller, action, about.as_ref()).await?;
                (Some((*action).to_owned()), policies.clone(), told)
            }
            _ => (None, Vec::new(), None),
        };
        let status = PageError(reject.clone().into()).status();
        let title = match status.as_u16() {
            403 => self.pages.text("refused.forbidden"),
            404 => self.pages.text("refused.absent"),
            409 => self.pages.text("refused.conflict"),
            _ => self.pages.text("refused.failed"),
        };
        let view = RefusedPage {
            shell: self.narrow_shell(),
            title,
            message: page::said(self.pages, &reject),
            permission,
            policies,
            request_id: self.ask().request_id.as_ref().to_owned(),
            told: told.as_ref().map(explained::view),
            decision: format!("/admin/decisions/{}", self.ask().request_id),
            back: "/admin".to_owned(),
        };
        Ok(page::html(status, self.pages.render(&view)?))
    }
}

/// The `:id` of the path.
///
/// # Errors
/// [`Reject::NotFound`] where there is none.
pub fn id(request: &Request) -> Result<String, Reject> {
    request.path_params::<String>().map_err(|_| Reject::NotFound("page"))
}

/// Back to a page, with a word about what was done.
pub fn back_to(path: &str, word: &str) -> Response {
    let joint = if path.contains('?') { '&' } else { '?' };
    page::see_other(&format!("{path}{joint}done={word}"))
}

/// The field that a refusal is about, and what is wrong with it, for a form; nothing for other refusals.
pub fn field_of(reject: &Reject) -> Option<(&'static str, String)> {
    match reject {
        Reject::Field(name, why) => Some((name, why.clone())),
        Reject::Invalid(name, why) => Some((name, why.clone().into_owned())),
        Reject::Missing(name) => Some((name, "is required".to_owned())),
        _ => None,
    }
}
