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

use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, FromRequest, IntoResponse, Request, RequestBody, Response};

use super::caller;
use super::cookies::Cookie;
use super::form::PageForm;
use super::guard::request_id;
use super::pairs::Pairs;
use crate::app::{App, clock};
use crate::flow::Ask;
use crate::flow::caller::Caller;
use crate::flow::consent::SignedIn;
use crate::flow::session::{self, Current};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::{Kind, SecretHash, form_token};
use crate::pages::{ErrorPage, Pages};

/// How long the browser's own cookie lives, in seconds: longer than any request waits.
const BROWSER_S: u64 = 3_600;
/// Longest path to come back to after signing in, in bytes.
const LONGEST_NEXT: usize = 2_048;

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

/// Whether a text is a path of this server that a browser cannot mistake for another host's: no scheme, no
/// `//`, no backslash, no control character in any spelling, no dot segment (attack row C8).
pub fn is_own_path(text: &str) -> bool {
    let (path, _) = text.split_once('?').unwrap_or((text, ""));
    let lower = path.to_ascii_lowercase();
    let odd = ["%2f", "%5c", "%2e", "//", "/./", "/../", "\\"].into_iter().any(|part| lower.contains(part));
    text.len() <= LONGEST_NEXT
        && text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'))
        && !(odd
            || lower.ends_with("/.")
            || lower.ends_with("/..")
            || lower.contains("%0")
            || lower.contains("%1"))
}

/// A form of our own pages: posted by this server's own page, with the token of the cookie that it is bound to
/// (attack row T2). `token` is none where the cookie is absent, which no form can make up for.
///
/// # Errors
/// [`Reject::Form`], or [`Reject::Malformed`] for what is no form.
pub fn own_form(request: &Request, form: poem::Result<PageForm>, token: Option<&str>) -> Result<Pairs, Stop> {
    if !posted_by_us(request) {
        return Err(Reject::Form.into());
    }
    let mut form = form.map_err(|_| Reject::Malformed("the form cannot be read"))?.0;
    let once = !form.is_repeated("csrf");
    let (Some(token), Some(given)) = (token, form.take("csrf").filter(|_| once)) else {
        return Err(Reject::Form.into());
    };
    // Hashes, so that the comparison takes the same time wherever the two differ.
    if !SecretHash::of(&given).matches(&SecretHash::of(token).0) {
        return Err(Reject::Form.into());
    }
    Ok(form)
}

/// What the browser says of the page that posted. A browser that says nothing is judged by the token alone; so is
/// `Origin: null`, which `Referrer-Policy: no-referrer` makes of every form of ours.
fn posted_by_us(request: &Request) -> bool {
    let site = request.header("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    match request.header(header::ORIGIN) {
        None | Some("null") => true,
        Some(origin) => {
            let host = request.header(header::HOST).unwrap_or_default();
            // The guard has seen to it that the host is one of ours.
            origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host))
        }
    }
}

/// The cookie of a browser in which nobody need be signed in: what it has, or a new one to be set.
#[derive(Debug)]
pub struct Browser {
    secret: String,
    fresh: bool,
}

impl Browser {
    /// Reads the cookie, or makes one.
    ///
    /// # Errors
    /// A fault of the random generator.
    pub fn of(app: &App, request: &Request) -> Result<Self, Fault> {
        Ok(match Self::known(app, request) {
            Some(known) => known,
            None => Self { secret: clock::new_secret(Kind::Transaction)?.reveal().to_owned(), fresh: true },
        })
    }

    /// Reads the cookie.
    pub fn known(app: &App, request: &Request) -> Option<Self> {
        let secret = Cookie::Browser.read(app, request).filter(|value| value.len() >= 43)?;
        Some(Self { secret: secret.to_owned(), fresh: false })
    }

    /// What pending requests are bound to.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    /// What the hidden field `csrf` of a form holds that this browser may post.
    pub fn csrf(&self) -> String {
        form_token(&self.secret)
    }

    /// Sets the cookie where it is new.
    pub fn keep(&self, app: &App, response: &mut Response) {
        if self.fresh {
            set_cookie(response, &Cookie::Browser.set(app, &self.secret, BROWSER_S));
        }
    }
}

/// A refusal or a fault on the way to a page; it becomes an error page.
#[derive(Clone, Debug)]
pub struct PageError(pub Stop);

impl<T: Into<Stop>> From<T> for PageError {
    fn from(stop: T) -> Self {
        Self(stop.into())
    }
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page was refused")
    }
}

impl std::error::Error for PageError {}

impl ResponseError for PageError {
    fn status(&self) -> StatusCode {
        match &self.0 {
            Stop::Reject(reject) => {
                let status = reject.wire().status;
                // A 401 would need a scheme that browsers know.
                StatusCode::from_u16(if status == 401 { 400 } else { status })
                    .unwrap_or(StatusCode::BAD_REQUEST)
            }
            Stop::Fault(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Shows refusals of page handlers as pages. Put around all routes.
///
/// # Errors
/// What is no [`PageError`].
pub async fn errors<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    let pages = request.data::<Pages>().cloned();
    let id = request_id(&request);
    match next.call(request).await {
        Ok(answer) => Ok(answer.into_response()),
        Err(error) => match (error.downcast_ref::<PageError>(), pages) {
            (Some(refused), Some(pages)) => {
                let template = error.data::<poem::PathPattern>().cloned();
                let mut response = error_page(&pages, &id, refused);
                if let Some(template) = template {
                    response.set_data(template);
                }
                Ok(response)
            }
            _ => Err(error),
        },
    }
}

fn error_page(pages: &Pages, id: &str, error: &PageError) -> Response {
    let status = error.status();
    let message = match &error.0 {
        Stop::Reject(reject) => reject.wire().description.into_owned(),
        Stop::Fault(fault) => {
            tracing::error!(event = "fault", fault = %fault, "a page failed through our fault");
            "The server cannot answer now; try again in a moment.".to_owned()
        }
    };
    let page = ErrorPage { message, request_id: id.to_owned() };
    let body = pages.render(&page).unwrap_or_else(|_: Fault| "The server cannot answer now.".to_owned());
    let mut response = html(status, body);
    let wait = match &error.0 {
        Stop::Reject(Reject::TooMany(seconds)) => Some((*seconds).max(1)),
        Stop::Fault(_) => Some(2),
        Stop::Reject(_) => None,
    };
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A page whose forms lead to this server only.
pub fn html(status: StatusCode, body: String) -> Response {
    html_leading_to(status, body, "")
}

/// A page whose forms may lead on, by the redirect that follows, to the client at that redirect URI alone:
/// Chromium holds `form-action` against every redirect after a form (experience §8).
pub fn html_leading_to(status: StatusCode, body: String, redirect_uri: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        source_of(redirect_uri)
    );
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::CACHE_CONTROL, "no-store")
        .body(body)
}

/// A redirect URI as a source of a content security policy; a validated URI has no character that ends one.
fn source_of(redirect_uri: &str) -> String {
    match origin(redirect_uri) {
        // The grammar of sources has no IPv6 address.
        ipv6 if ipv6.contains("://[") => "http:".to_owned(),
        source => source,
    }
}

/// Scheme, host and port of a URI, or its scheme alone where it has no host that people know.
pub fn origin(uri: &str) -> String {
    match url::Url::parse(uri) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization()
        }
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

/// 303, so that what was posted never travels on (attack row B7).
pub fn see_other(location: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).body(())
}

/// Adds a `Set-Cookie` line.
pub fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = line.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c8_only_paths_of_ours_are_ways_back() {
        for own in ["/account", "/admin/clients?page=2&search=a%2Fb", "/", "/consent?request=gwt_x"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in [
            "",
            "//evil",
            "/\\evil",
            "/%09/evil",
            "/\t\\\\evil",
            "https:evil",
            "https://evil",
            "/.//evil",
            "/..//evil",
            "evil",
            "/a//b",
            "/a\\b",
            "/%5cevil",
            "/%2fevil",
            "/%2F/evil",
            "/a b",
            "/a#b",
            "/a\nb",
            "/./",
            "/a/..",
            "/%2e%2e/",
            "javascript:alert(1)",
            "/ä",
        ] {
            assert!(!is_own_path(other), "{other:?}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(3_000))));
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        headers
            .iter()
            .fold(Request::builder().header("host", "auth.test"), |r, (n, v)| r.header(*n, *v))
            .finish()
    }

    #[test]
    fn t2_what_other_sites_post_is_seen() {
        for ours in [
            &[][..],
            &[("origin", "https://auth.test")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
        ] {
            assert!(posted_by_us(&request(ours)), "{ours:?}");
        }
        for other in [
            ("origin", "https://evil"),
            ("origin", "https://auth.test.evil"),
            ("origin", "auth.test"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!posted_by_us(&request(&[other])), "{other:?}");
        }
    }

    #[test]
    fn the_policy_names_where_the_form_leads() {
        assert_eq!(source_of("https://c1.test/cb?x=1"), "https://c1.test");
        assert_eq!(source_of("http://127.0.0.1:4711/cb"), "http://127.0.0.1:4711");
        assert_eq!(source_of("com.example.app:/cb"), "com.example.app:");
        assert_eq!(source_of("http://[::1]:1/cb"), "http:");
        assert_eq!(source_of(""), "");
    }
}
