//! `/account`: name, address, password.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::{shell, told};
use crate::app::App;
use crate::flow::account;
use crate::flow::users::UserInput;
use crate::http::cookies::Cookie;
use crate::http::page::{self, Page, PageError, PagePost};
use crate::oauth::reject::Stop;
use crate::oauth::secret::Secret;
use crate::pages::Pages;
use crate::pages::account::ProfilePage;

/// What the server knows about the user.
#[handler]
pub async fn show(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    page: Page,
    request: &Request,
) -> Result<Response, PageError> {
    let view = view(&app, &pages, &page, request);
    Ok(page::html(StatusCode::OK, pages.render(&view)?))
}

/// A new name or address.
#[handler]
pub async fn change(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    mut post: PagePost,
    request: &Request,
) -> Result<Response, PageError> {
    let input = UserInput {
        username: Some(post.form.take("username").unwrap_or_default()),
        email: Some(post.form.take("email").unwrap_or_default()),
        ..UserInput::default()
    };
    let current = post.form.take("current").unwrap_or_default();
    let page = &post.page;
    let agent = request.header("user-agent").unwrap_or_default();
    let done =
        account::change_profile(&app, page.ask(), page.signed_in(), &current, input.clone(), agent).await;
    match done {
        Ok(session) => Ok(anew(&app, &session, "/account?done=saved")),
        Err(stop) => {
            let mut view = view(&app, &pages, page, request);
            view.username = input.username.unwrap_or_default();
            view.email = input.email.unwrap_or_default();
            view.profile_errors = vec![told(&pages, "profile-current", stop)?];
            Ok(refused(&pages, &view)?)
        }
    }
}

/// A new password.
#[handler]
pub async fn password(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    mut post: PagePost,
    request: &Request,
) -> Result<Response, PageError> {
    let current = post.form.take("current").unwrap_or_default();
    let new = post.form.take("password").unwrap_or_default();
    let page = &post.page;
    let agent = request.header("user-agent").unwrap_or_default();
    let done = account::change_password(&app, page.ask(), page.signed_in(), &current, &new, agent).await;
    match done {
        Ok(session) => Ok(anew(&app, &session, "/account?done=password")),
        Err(stop) => {
            let mut view = view(&app, &pages, page, request);
            view.password_errors = vec![told(&pages, "password-current", stop)?];
            Ok(refused(&pages, &view)?)
        }
    }
}

fn view(app: &App, pages: &Pages, page: &Page, request: &Request) -> ProfilePage {
    let user = &page.signed_in().user;
    ProfilePage {
        shell: shell(app, pages, page, request, "/account"),
        csrf: page.csrf().to_owned(),
        username: user.username.clone(),
        email: user.email.clone(),
        confirmed: user.confirmed,
        roles: user.roles.clone(),
        profile_errors: Vec::new(),
        password_errors: Vec::new(),
    }
}

fn refused(pages: &Pages, view: &ProfilePage) -> Result<Response, Stop> {
    Ok(page::html(StatusCode::BAD_REQUEST, pages.render(view)?))
}

/// On with the session that took the others' place.
fn anew(app: &App, session: &Secret, location: &str) -> Response {
    let mut response = page::see_other(location);
    let seconds = app.config.sessions.absolute.0;
    page::set_cookie(&mut response, &Cookie::Session.set(app, session.reveal(), seconds));
    response
}
