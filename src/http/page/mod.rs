//! What every page stands on: who is signed in, forms that are this browser's own, answers in HTML.
//!
//! A page for signed-in people takes a [`Page`]; the handler of a form takes a [`PagePost`]. Both answer by
//! themselves where somebody is not signed in (303 to `/login?next=…`, back here afterwards) or where a form is
//! not this session's own (403). A handler returns `Result<Response, PageError>`, so `?` turns a refusal or a
//! fault into an error page:
//!
//! ```text
//! #[handler]
//! pub async fn clients(app: Data<&Arc<App>>, pages: Data<&Pages>, page: Page) -> Result<Response, PageError> {
//!     let listed = flow::clients::list(&app, page.ask(), &page.caller(), …).await?;
//!     let view = ClientsPage { csrf: page.csrf().to_owned(), … };
//!     Ok(page::html(StatusCode::OK, pages.render(&view)?))
//! }
//!
//! #[handler]
//! pub async fn delete(app: Data<&Arc<App>>, mut post: PagePost) -> Result<Response, PageError> {
//!     let id = post.form.require("id")?;
//!     flow::clients::delete(&app, post.page.ask(), &post.page.caller(), &id).await?;
//!     Ok(page::see_other("/admin/clients"))
//! }
//! ```
//! Each form has `<input type="hidden" name="csrf" value="{{ csrf }}">` and `method="post"`; nothing changes by
//! GET. Every answer is `no-store`, has no CORS and no `Cross-Origin-Opener-Policy`, loads nothing from elsewhere
//! and runs scripts from files of ours only.

mod answer;
mod form;
mod path;
mod refused;

use std::sync::Arc;

use poem::{FromRequest, Request, RequestBody};

use super::caller;
use super::cookies::Cookie;
use super::form::PageForm;
use super::pairs::Pairs;
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::flow::consent::SignedIn;
use crate::flow::session::{self, Current};
use crate::oauth::reject::Stop;
use crate::oauth::secret::form_token;
pub use answer::{html, html_leading_to, origin, see_other, set_cookie};
pub use form::{Browser, own_form};
pub use path::is_own_path;
pub use refused::{PageError, errors, said};

/// A request of somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Page {
    ask: Ask,
    current: Current,
    csrf: String,
}

/// A form of somebody who is signed in, posted by a page of theirs.
#[derive(Debug)]
pub struct PagePost {
    /// Who.
    pub page: Page,
    /// What the form holds.
    pub form: Pairs,
}

impl Page {
    /// The circumstances.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Who is signed in, and since when.
    pub fn signed_in(&self) -> &SignedIn {
        &self.current.signed_in
    }

    /// The session.
    pub fn session(&self) -> &Current {
        &self.current
    }

    /// Who asks, for decisions about administration.
    pub fn caller(&self) -> Caller {
        Caller::signed_in(Arc::clone(&self.current.signed_in.user))
    }

    /// What the hidden field `csrf` of each form holds.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The page's request, if somebody is signed in; for pages that are open to others too.
    ///
    /// # Errors
    /// A fault.
    pub async fn of(request: &Request) -> Result<Option<Self>, Stop> {
        let app = caller::served(request)?;
        let ask = caller::ask(app, request);
        let Some(cookie) = Cookie::Session.read(app, request) else { return Ok(None) };
        let current = session::current(app, &ask, Some(cookie)).await?;
        Ok(current.map(|current| Self { ask, current, csrf: form_token(cookie) }))
    }
}

impl<'a> FromRequest<'a> for Page {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        match Self::of(request).await.map_err(PageError)? {
            Some(page) => Ok(page),
            None => Err(poem::Error::from_response(see_other(&sign_in_first(request)))),
        }
    }
}

impl<'a> FromRequest<'a> for PagePost {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let page = <Page as FromRequest>::from_request(request, body).await?;
        let form = PageForm::from_request(request, body).await;
        let form = own_form(request, form, Some(page.csrf())).map_err(PageError)?;
        Ok(Self { page, form })
    }
}

/// Where somebody who is not signed in goes, to come back here.
fn sign_in_first(request: &Request) -> String {
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if request.method() == poem::http::Method::GET && is_own_path(here) {
        let next: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
        return format!("/login?next={next}");
    }
    "/login".to_owned()
}
