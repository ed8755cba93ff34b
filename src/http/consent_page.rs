//! `/consent`: what a pending request shows now (sign-in, the question, or the way to the client), and the answer.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::authorize::with_empty_fragment;
use super::form::PageForm;
use super::page::{self, Browser, PageError};
use super::pairs::Pairs;
use super::{caller, login};
use crate::app::App;
use crate::flow::consent::{Choice, ConsentData, SignedIn};
use crate::flow::pending::{self, Step};
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::pages::{ConsentPage, Pages, ScopeGroup, ScopeLine};

/// What a pending request shows now: sign-in, consent, or the way to the client.
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
    let browser = Browser::known(&app, request).ok_or_else(gone)?;
    let signed_in = current.map(|current| current.signed_in);
    let step = pending::next(&app, &ask, &secret, browser.hash(), signed_in).await?;
    Ok(show(&app, &pages, &browser, &secret, step).await?)
}

/// The user's decision by the built-in form.
#[handler]
pub async fn consent(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    let browser = Browser::known(&app, request);
    let mut form = page::own_form(request, form, browser.as_ref().map(Browser::csrf).as_deref())?;
    let browser = browser.ok_or(Reject::Form)?;
    let secret = form.require("request")?;
    let choice = match form.take("decision").as_deref() {
        Some("approve") => Choice::Approve(Some(ticked(&mut form)?)),
        Some("deny") => Choice::Deny,
        _ => return Err(Reject::Invalid("decision", "is approve or deny".into()).into()),
    };
    let signed_in = login::current(&app, &ask, request).await?.map(|current| current.signed_in);
    let step = pending::decide(&app, &ask, &secret, browser.hash(), signed_in, choice).await?;
    Ok(show(&app, &pages, &browser, &secret, step).await?)
}

fn gone() -> Stop {
    Reject::NotFound("pending request of this browser; allow cookies and start again").into()
}

fn ticked(form: &mut Pairs) -> Result<Vec<Scope>, Reject> {
    let names = form.take_all("scope");
    names.iter().map(|name| Scope::parse(name).map_err(|_| Reject::ScopeMalformed)).collect()
}

async fn show(
    app: &App,
    pages: &Pages,
    browser: &Browser,
    secret: &str,
    step: Step,
) -> Result<Response, Stop> {
    match step {
        Step::Redirect(location) => Ok(page::see_other(&with_empty_fragment(location))),
        Step::SignIn(_) => login::sign_in_step(app, pages, browser, secret, &step).await,
        Step::Decide(data, request, signed_in) => {
            // Bound to the browser's cookie, as the request itself is.
            let view = consent_view(secret, browser.csrf(), &data, &request.redirect_uri, &signed_in);
            Ok(page::html_leading_to(StatusCode::OK, pages.render(&view)?, &request.redirect_uri))
        }
    }
}

fn consent_view(
    secret: &str,
    csrf: String,
    data: &ConsentData,
    redirect_uri: &str,
    signed_in: &SignedIn,
) -> ConsentPage {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for detail in &data.scopes {
        let line = ScopeLine {
            name: detail.scope.as_str().to_owned(),
            title: detail.title.clone(),
            permitted: detail.permitted,
            reason: detail.reason.clone(),
            granted: detail.granted,
            sensitive: detail.sensitive,
        };
        match groups.iter_mut().find(|group| group.title == detail.group) {
            Some(group) => group.scopes.push(line),
            None => groups.push(ScopeGroup { title: detail.group.clone(), scopes: vec![line] }),
        }
    }
    ConsentPage {
        csrf,
        request: secret.to_owned(),
        client_name: data.client.client.name.clone(),
        client_id: data.client.client.id.as_str().to_owned(),
        username: signed_in.user.username.clone(),
        redirect_host: page::origin(redirect_uri),
        groups,
        anything_permitted: data.scopes.iter().any(|detail| detail.permitted),
    }
}
