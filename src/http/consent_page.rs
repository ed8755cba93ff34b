//! `/consent`: what a pending request shows now (sign-in, the account, the question, or the way to the client), and
//! what the user says to it.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::authorize::with_empty_fragment;
use super::cookies::Cookie;
use super::form::PageForm;
use super::page::{self, Browser, PageError};
use super::pairs::Pairs;
use super::{caller, login};
use crate::app::App;
use crate::flow::consent::{Choice, ConsentData, SignedIn};
use crate::flow::pending::{self, Step};
use crate::flow::session;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::secret::form_token;
use crate::pages::Pages;
use crate::pages::consent::{AccountPage, Asker, ConsentPage, ScopeGroup, ScopeLine};

/// What all steps of a pending request need.
struct Shown<'a> {
    app: &'a App,
    pages: &'a Pages,
    browser: Browser,
    /// The token of the forms: of the session's cookie.
    csrf: String,
    secret: String,
}

/// What a pending request shows now.
#[handler]
pub async fn consent_page(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    let mut query = Pairs::from_query(request)?;
    query.once()?;
    let secret = query.require("request")?;
    let current = login::current(&app, &ask, request).await?;
    let gone = || Reject::NotFound("pending request of this browser; allow cookies and start again");
    let browser = Browser::known(&app, request).ok_or_else(gone)?;
    let signed_in = current.map(|current| current.signed_in);
    let step = pending::next(&app, &ask, &secret, browser.hash(), signed_in).await?;
    let csrf = token(&app, request).unwrap_or_default();
    let shown = Shown { app: &app, pages: &pages, browser, csrf, secret };
    Ok(shown.step(step).await?)
}

/// What the user says: yes to some, no, another account, this account.
#[handler]
pub async fn consent(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    // The form is of this session's page (attack row T2), the request of this browser (B14).
    let csrf = token(&app, request);
    let mut form = page::own_form(request, form, csrf.as_deref())?;
    let browser = Browser::known(&app, request).ok_or(Reject::Form)?;
    let secret = form.require("request")?;
    let again = format!("/consent?request={secret}");
    let choice = match form.take("decision").as_deref() {
        Some("approve") => Choice::Approve(Some(ticked(&mut form)?)),
        Some("deny") => Choice::Deny,
        Some("continue") => {
            pending::choose(&app, &ask, &secret, browser.hash()).await?;
            return Ok(page::see_other(&again));
        }
        Some("switch") => {
            session::end(&app, Cookie::Session.read(&app, request)).await?;
            let mut response = page::see_other(&again);
            page::set_cookie(&mut response, &Cookie::Session.set(&app, "", 0));
            return Ok(response);
        }
        _ => return Err(Reject::Invalid("decision", "is approve, deny, continue or switch".into()).into()),
    };
    let signed_in = login::current(&app, &ask, request).await?.map(|current| current.signed_in);
    let step = pending::decide(&app, &ask, &secret, browser.hash(), signed_in, choice).await?;
    let shown = Shown { app: &app, pages: &pages, browser, csrf: csrf.unwrap_or_default(), secret };
    Ok(shown.step(step).await?)
}

/// The token of forms for the session that the browser shows, whether that session is still good or not: one that
/// has ended leads to sign-in, not to an error.
fn token(app: &App, request: &Request) -> Option<String> {
    Cookie::Session.read(app, request).map(form_token)
}

fn ticked(form: &mut Pairs) -> Result<Vec<Scope>, Reject> {
    let names = form.take_all("scope");
    names.iter().map(|name| Scope::parse(name).map_err(|_| Reject::ScopeMalformed)).collect()
}

impl Shown<'_> {
    async fn step(self, step: Step) -> Result<Response, Stop> {
        match step {
            Step::Redirect(location) => Ok(page::see_other(&with_empty_fragment(location))),
            Step::SignIn(_) => {
                login::sign_in_step(self.app, self.pages, &self.browser, &self.secret, &step).await
            }
            Step::Choose(request, signed_in) => {
                let client = self.app.client(&self.app.policies.current(), &request.client_id).await?;
                let view = AccountPage {
                    csrf: self.csrf,
                    request: self.secret,
                    client_name: client.map(|client| client.client.name.clone()).unwrap_or_default(),
                    username: signed_in.user.username.clone(),
                    email: signed_in.user.email.clone(),
                };
                let body = self.pages.render(&view)?;
                Ok(page::html_leading_to(StatusCode::OK, body, &request.redirect_uri))
            }
            Step::Decide(data, request, signed_in) => {
                let pages = self.pages;
                let view = self.question(&data, &request.redirect_uri, &signed_in).await?;
                Ok(page::html_leading_to(StatusCode::OK, pages.render(&view)?, &request.redirect_uri))
            }
        }
    }

    async fn question(
        self,
        data: &ConsentData,
        redirect_uri: &str,
        signed_in: &SignedIn,
    ) -> Result<ConsentPage, Stop> {
        let client = &data.client.client;
        let owner = match &client.owner {
            Some(owner) => self.app.user_named(owner).await?.map(|user| user.username.clone()),
            None => None,
        };
        Ok(ConsentPage {
            csrf: self.csrf,
            request: self.secret,
            client: Asker {
                name: client.name.clone(),
                id: client.id.as_str().to_owned(),
                owner,
                target: page::origin(redirect_uri),
                local: !redirect_uri.starts_with("https://"),
            },
            username: signed_in.user.username.clone(),
            groups: groups(data),
            anything_permitted: data.scopes.iter().any(|detail| detail.permitted),
            granted_before: data.scopes.iter().any(|detail| detail.granted),
        })
    }
}

fn groups(data: &ConsentData) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for detail in &data.scopes {
        let line = ScopeLine {
            name: detail.scope.as_str().to_owned(),
            title: detail.title.clone(),
            permitted: detail.permitted,
            why: detail.why.map(crate::policy::explain::Why::word),
            told: detail.told.as_ref().map(crate::policy::explain::Explanation::reason),
            granted: detail.granted,
            sensitive: detail.sensitive,
        };
        match groups.iter_mut().find(|group| group.title == detail.group) {
            Some(group) => group.scopes.push(line),
            None => groups.push(ScopeGroup { title: detail.group.clone(), scopes: vec![line] }),
        }
    }
    groups
}
