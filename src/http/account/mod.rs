//! `/account`: what a signed-in user sees and changes of their own.

mod activity;
mod applications;
mod profile;
mod sessions;
mod set_password;

use poem::http::Method;
use poem::{Request, Route, get, post};

use super::caller;
use super::methods::Methods;
use super::page::Page;
use crate::app::App;
use crate::flow::caller::may;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::Pages;
use crate::pages::account::FormError;
use crate::pages::components::Column;
use crate::pages::shell::{Link, Notice, Shell};
use crate::policy::{AdminResource, admin};

/// Notices that a form may leave behind: the word in the address, and the text.
const NOTICES: [(&str, &str); 6] = [
    ("saved", "account.saved"),
    ("password", "account.password_changed"),
    ("ended", "account.ended"),
    ("ended-others", "account.ended_others"),
    ("revoked", "account.revoked"),
    ("revoked-all", "account.revoked_all"),
];

/// Paths and methods of the account pages.
const PATHS: [(&str, &[Method]); 10] = [
    ("/account", &[Method::GET]),
    ("/account/profile", &[Method::POST]),
    ("/account/password", &[Method::POST]),
    ("/account/sessions", &[Method::GET]),
    ("/account/sessions/end", &[Method::POST]),
    ("/account/sessions/end-others", &[Method::POST]),
    ("/account/applications", &[Method::GET]),
    ("/account/applications/revoke", &[Method::POST]),
    ("/account/applications/revoke-all", &[Method::POST]),
    ("/account/activity", &[Method::GET]),
];

/// Adds the account pages.
pub fn routes(routes: Route) -> Route {
    routes
        .at("/account", get(profile::show))
        .at("/account/profile", post(profile::change))
        .at("/account/password", post(profile::password))
        .at("/account/sessions", get(sessions::show))
        .at("/account/sessions/end", post(sessions::end))
        .at("/account/sessions/end-others", post(sessions::end_others))
        .at("/account/applications", get(applications::show))
        .at("/account/applications/revoke", post(applications::revoke))
        .at("/account/applications/revoke-all", post(applications::revoke_all))
        .at("/account/activity", get(activity::show))
        .at("/set-password", get(set_password::show).post(set_password::set))
}

/// Adds their methods, for `Allow`.
pub fn methods(methods: Methods) -> Methods {
    let methods = methods.at("/set-password", &[Method::GET, Method::POST]);
    PATHS.iter().fold(methods, |methods, (path, allowed)| methods.at(path, allowed))
}

/// The frame of an account page.
fn shell(app: &App, pages: &Pages, page: &Page, request: &Request, here: &str) -> Shell {
    let notice = request.uri().query().and_then(|query| query.strip_prefix("done=")).and_then(|word| {
        let (_, key) = NOTICES.iter().find(|(known, _)| *known == word)?;
        Some(Notice { kind: "good", text: pages.text(key) })
    });
    let snapshot = app.policies.current();
    let administers = admin::ALL
        .iter()
        .any(|action| may(page.ask(), &snapshot, &page.caller(), action, AdminResource::Server));
    let mut places = vec![Link::new(&pages.text("account.area"), "/account", here)];
    if administers {
        places.push(Link::new(&pages.text("account.admin"), "/admin", here));
    }
    let exactly =
        |key: &str, href: &str| Link { label: pages.text(key), href: href.to_owned(), current: here == href };
    Shell {
        home: "/account".to_owned(),
        places,
        area: pages.text("account.area"),
        menu: vec![
            exactly("account.profile", "/account"),
            exactly("account.sessions", "/account/sessions"),
            exactly("account.applications", "/account/applications"),
            exactly("account.activity", "/account/activity"),
        ],
        username: page.signed_in().user.username.clone(),
        csrf: page.csrf().to_owned(),
        banner: None,
        notice,
        narrow: here == "/account",
        request_id: caller::ask(app, request).request_id.as_ref().to_owned(),
    }
}

/// The columns of a table that is not sorted, by the last words of the keys of their texts.
fn columns(pages: &Pages, names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::plain(&pages.text(&format!("account.{name}")))).collect()
}

/// A refusal as the sentence of a form; a fault stays a fault. `current` is the id of the field of the password.
fn told(pages: &Pages, current: &'static str, stop: Stop) -> Result<FormError, Stop> {
    let (field, key) = match &stop {
        Stop::Reject(Reject::SignIn) => (current, "account.wrong_password"),
        Stop::Reject(Reject::TooMany(_)) => (current, "account.too_many"),
        Stop::Reject(Reject::Field("username", _)) => ("username", "account.bad_username"),
        Stop::Reject(Reject::Field("email", _)) => ("email", "account.bad_email"),
        Stop::Reject(Reject::Field("password", _) | Reject::Missing("password")) => {
            ("password", "account.bad_password")
        }
        Stop::Reject(Reject::Conflict(_)) => ("username", "account.taken"),
        _ => return Err(stop),
    };
    Ok(FormError { field, message: pages.text(key) })
}
