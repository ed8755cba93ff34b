//! `/login` and `/logout`: the built-in sign-in, for an application that waits or for a page of ours.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::caller;
use super::cookies::Cookie;
use super::form::PageForm;
use super::page::{self, Browser, Page, PageError, PagePost};
use super::pairs::Pairs;
use crate::app::{App, first_start};
use crate::flow::pending::{self, Step};
use crate::flow::{Ask, session, sign_in};
use crate::oauth::reject::{Reject, Stop};
use crate::pages::{LoginPage, Pages};

/// Where somebody goes who signs in without saying where to.
const HOME: &str = "/account";

/// The sign-in page. Whoever is signed in goes on at once.
#[handler]
pub async fn login_page(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
) -> Result<Response, PageError> {
    let mut query = Pairs::from_query(request)?;
    let next = query.take("next").filter(|next| page::is_own_path(next));
    let signed_out = query.take("signed_out").is_some();
    if Page::of(request).await?.is_some() {
        return Ok(page::see_other(next.as_deref().unwrap_or(HOME)));
    }
    let browser = Browser::of(&app, request)?;
    let view = LoginPage { next, signed_out, ..view(&app, &browser) };
    let mut response = page::html(StatusCode::OK, pages.render(&view)?);
    browser.keep(&app, &mut response);
    Ok(response)
}

/// A sign-in by the form.
#[handler]
pub async fn login(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    // 1. The form is this browser's own, before a password is looked at (attack row T2).
    let (browser, mut form) = Browser::posted(&app, request, form)?;
    // 2. So is the request of the application that waits, if one does.
    let waiting = match form.take("request") {
        None => None,
        Some(secret) => {
            let step = pending::next(&app, &ask, &secret, browser.hash(), None).await?;
            Some((secret, step))
        }
    };
    let next = form.take("next").filter(|next| page::is_own_path(next));
    // 3. The password; a new session, never the one that the browser had (T1).
    let identifier = form.take("identifier").unwrap_or_default();
    let password = form.take("password").unwrap_or_default();
    match sign_in::password_sign_in(&app, &ask, &identifier, &password).await {
        Ok((signed_in, permit)) => {
            let agent = request.header("user-agent").unwrap_or_default();
            let begun = session::begin(&app, &ask, &permit, &signed_in, agent).await?;
            session::end(&app, Cookie::Session.read(&app, request)).await?;
            first_start::first_password_used(&app, &password);
            let location = match &waiting {
                Some((secret, _)) => format!("/consent?request={secret}"),
                None => next.unwrap_or_else(|| HOME.to_owned()),
            };
            let mut response = page::see_other(&location);
            let seconds = app.config.sessions.absolute.0;
            page::set_cookie(&mut response, &Cookie::Session.set(&app, begun.reveal(), seconds));
            Ok(response)
        }
        Err(Stop::Reject(reject)) => {
            let failed = LoginPage { identifier, next, ..failed(&reject, view(&app, &browser)) };
            let mut response = match waiting {
                Some((secret, step)) => for_client(&app, &pages, &secret, &step, failed).await?,
                None => page::html(StatusCode::OK, pages.render(&failed)?),
            };
            if let Reject::TooMany(seconds) = reject {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response.set_status(StatusCode::TOO_MANY_REQUESTS);
            }
            Ok(response)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Signs out: the session ends on the server, and its cookie goes.
#[handler]
pub async fn logout(app: Data<&Arc<App>>, post: PagePost) -> Result<Response, PageError> {
    session::sign_out(&app, post.page.ask(), post.page.session()).await?;
    let mut response = page::see_other("/login?signed_out=1");
    page::set_cookie(&mut response, &Cookie::Session.set(&app, "", 0));
    Ok(response)
}

/// The sign-in page for an application that waits, as the first step towards its answer.
pub(super) async fn sign_in_step(
    app: &App,
    pages: &Pages,
    browser: &Browser,
    secret: &str,
    step: &Step,
) -> Result<Response, Stop> {
    for_client(app, pages, secret, step, view(app, browser)).await
}

/// The sign-in page for an application that waits.
async fn for_client(
    app: &App,
    pages: &Pages,
    secret: &str,
    step: &Step,
    view: LoginPage,
) -> Result<Response, Stop> {
    let Step::SignIn(request) = step else { return Err(Reject::NotFound("pending request").into()) };
    let client = app.client(&app.policies.current(), &request.client_id).await?;
    let hint = request.login_hint.clone().unwrap_or_default();
    let view = LoginPage {
        request: Some(secret.to_owned()),
        client_name: client.map(|client| client.client.name.clone()),
        identifier: if view.error.is_some() { view.identifier } else { hint },
        next: None,
        ..view
    };
    Ok(page::html_leading_to(StatusCode::OK, pages.render(&view)?, &request.redirect_uri))
}

fn view(app: &App, browser: &Browser) -> LoginPage {
    // On the machine itself only: elsewhere nobody need know where the file lies.
    let file = app.config.data_dir.join("admin-password");
    LoginPage {
        csrf: browser.csrf(),
        first_password: app.public.is_loopback() && file.exists(),
        ..LoginPage::default()
    }
}

fn failed(reject: &Reject, view: LoginPage) -> LoginPage {
    match reject {
        Reject::TooMany(seconds) => {
            LoginPage { error: Some("login.limited"), seconds: seconds.to_string(), ..view }
        }
        _ => LoginPage { error: Some("login.wrong"), ..view },
    }
}

/// Who asks for an authorization page.
pub(super) async fn current(
    app: &App,
    ask: &Ask,
    request: &Request,
) -> Result<Option<session::Current>, Stop> {
    session::current(app, ask, Cookie::Session.read(app, request)).await
}
