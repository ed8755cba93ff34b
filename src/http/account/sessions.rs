//! `/account/sessions`: where the user is signed in.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::{columns, shell};
use crate::app::App;
use crate::flow::session;
use crate::http::page::{self, Page, PageError, PagePost};
use crate::pages::Pages;
use crate::pages::account::{SessionLine, SessionsPage};

/// The user's sessions.
#[handler]
pub async fn show(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    page: Page,
    request: &Request,
) -> Result<Response, PageError> {
    let rows = session::of_user(&app, page.ask(), &page.signed_in().user.id).await?;
    let lines = rows.into_iter().map(|row| SessionLine {
        current: row.id == page.session().id,
        id: row.id,
        device: device(&row.agent),
        agent: row.agent,
        ip: row.ip,
        began_ms: row.created_at,
        seen_ms: row.last_seen_at,
    });
    let view = SessionsPage {
        sessions: lines.collect(),
        columns: columns(&pages, &["device", "address", "began", "seen"]),
        shell: shell(&app, &pages, &page, request, "/account/sessions"),
        csrf: page.csrf().to_owned(),
    };
    Ok(page::html(StatusCode::OK, pages.render(&view)?))
}

/// Ends one.
#[handler]
pub async fn end(app: Data<&Arc<App>>, mut post: PagePost) -> Result<Response, PageError> {
    let id = post.form.require("id")?;
    session::end_own(&app, post.page.ask(), &post.page.signed_in().user.id, &id).await?;
    Ok(page::see_other("/account/sessions?done=ended"))
}

/// Ends all but this one.
#[handler]
pub async fn end_others(app: Data<&Arc<App>>, post: PagePost) -> Result<Response, PageError> {
    let hash = post.page.session().hash;
    session::end_others(&app, post.page.ask(), &post.page.signed_in().user.id, Some(hash)).await?;
    Ok(page::see_other("/account/sessions?done=ended-others"))
}

/// Browser and system out of a user agent, as far as people know them by name.
fn device(agent: &str) -> String {
    // The order matters: each names the ones after it too.
    let browsers = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&browsers), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn agents_have_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(device(chrome), "Chrome, Linux");
        assert_eq!(device("curl/8.5.0"), "curl");
        assert_eq!(device(""), "?");
    }
}
