//! `/account/applications`: what may act in the user's name.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::{columns, shell};
use crate::app::App;
use crate::flow::account;
use crate::http::page::{self, Page, PageError, PagePost};
use crate::oauth::reject::Reject;
use crate::pages::Pages;
use crate::pages::account::{ApplicationLine, ApplicationsPage};

/// What the user agreed to.
#[handler]
pub async fn show(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    page: Page,
    request: &Request,
) -> Result<Response, PageError> {
    let found = account::applications(&app, &page.signed_in().user.id).await?;
    let lines = found.into_iter().map(|application| ApplicationLine {
        client_id: application.client_id,
        name: application.name,
        scopes: application.scopes.into_iter().map(|(s, title)| (s.as_str().to_owned(), title)).collect(),
        first_ms: application.first_ms,
        last_ms: application.last_ms,
    });
    let view = ApplicationsPage {
        applications: lines.collect(),
        columns: columns(&pages, &["application", "may", "first", "last"]),
        shell: shell(&app, &pages, &page, request, "/account/applications"),
        csrf: page.csrf().to_owned(),
    };
    Ok(page::html(StatusCode::OK, pages.render(&view)?))
}

/// Withdraws one: its tokens for this user end at once.
#[handler]
pub async fn revoke(app: Data<&Arc<App>>, mut post: PagePost) -> Result<Response, PageError> {
    let client = post.form.require("client")?;
    if client.len() > 64 {
        return Err(Reject::NotFound("consent").into());
    }
    account::withdraw(&app, post.page.ask(), post.page.signed_in(), &client).await?;
    Ok(page::see_other("/account/applications?done=revoked"))
}

/// Withdraws all.
#[handler]
pub async fn revoke_all(app: Data<&Arc<App>>, post: PagePost) -> Result<Response, PageError> {
    account::withdraw_all(&app, post.page.ask(), post.page.signed_in()).await?;
    Ok(page::see_other("/account/applications?done=revoked-all"))
}
