//! `/account/activity`: what happened to the account of late.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::{columns, shell};
use crate::app::App;
use crate::flow::activity;
use crate::http::page::{self, Page, PageError};
use crate::pages::Pages;
use crate::pages::account::{ActivityLine, ActivityPage};

/// Sign-ins, failed ones too, changes, and what was allowed and revoked.
#[handler]
pub async fn show(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    page: Page,
    request: &Request,
) -> Result<Response, PageError> {
    let found = activity::recent(&app, &page.signed_in().user.id).await?;
    let lines = found.into_iter().map(|one| ActivityLine {
        at_ms: one.at,
        what: one.what,
        application: one.application,
        ip: one.ip,
    });
    let view = ActivityPage {
        lines: lines.collect(),
        columns: columns(&pages, &["when", "what", "application", "address"]),
        shell: shell(&app, &pages, &page, request, "/account/activity"),
    };
    Ok(page::html(StatusCode::OK, pages.render(&view)?))
}
