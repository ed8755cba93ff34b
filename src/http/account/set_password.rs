//! `/set-password`: where a set-up link leads. The link itself is the proof, so nobody need be signed in.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::told;
use crate::app::App;
use crate::flow::users;
use crate::http::caller;
use crate::http::form::PageForm;
use crate::http::page::{self, Browser, PageError};
use crate::http::pairs::Pairs;
use crate::pages::Pages;
use crate::pages::account::SetPasswordPage;

/// The form. Looking at it uses nothing up.
#[handler]
pub async fn show(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    let mut query = Pairs::from_query(request)?;
    query.once()?;
    let link = query.require("link")?;
    let user = users::link_of(&app, &ask, &link).await?;
    let browser = Browser::of(&app, request)?;
    let view = SetPasswordPage { csrf: browser.csrf(), link, username: user.username, errors: Vec::new() };
    let mut response = page::html(StatusCode::OK, pages.render(&view)?);
    browser.keep(&app, &mut response);
    Ok(response)
}

/// Sets the password, and leads to sign-in.
#[handler]
pub async fn set(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    let (browser, mut form) = Browser::posted(&app, request, form)?;
    let link = form.require("link")?;
    let password = form.take("password").unwrap_or_default();
    match users::set_by_link(&app, &ask, &link, &password).await {
        Ok(()) => Ok(page::see_other("/login")),
        Err(stop) => {
            let error = told(&pages, "password", stop)?;
            let user = users::link_of(&app, &ask, &link).await?;
            let csrf = browser.csrf();
            let view = SetPasswordPage { csrf, link, username: user.username, errors: vec![error] };
            Ok(page::html(StatusCode::BAD_REQUEST, pages.render(&view)?))
        }
    }
}
