//! `authorize`: the authorization endpoint, before anything is shown.

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};

use super::form::PageForm;
use super::page::{self, Browser, PageError};
use super::pairs::Pairs;
use super::{caller, login};
use crate::app::App;
use crate::flow::authorize::AuthorizeParams;
use crate::flow::pending::{self, Answer};
use crate::oauth::reject::Reject;

/// The authorization endpoint (RFC 6749 §3.1); POST behaves as GET (attack row B15).
#[handler]
pub async fn authorize(
    app: Data<&Arc<App>>,
    request: &Request,
    body: poem::Result<PageForm>,
) -> Result<Response, PageError> {
    let ask = caller::ask(&app, request);
    let pairs = if request.method() == poem::http::Method::POST {
        body.map_err(|_| Reject::Malformed("the body must be application/x-www-form-urlencoded"))?.0
    } else {
        Pairs::from_query(request)?
    };
    let params = params(pairs);
    let current = login::current(&app, &ask, request).await?;
    let browser = Browser::of(&app, request)?;
    let signed_in = current.map(|current| current.signed_in);
    match pending::begin(&app, &ask, &params, browser.hash(), signed_in.as_ref()).await? {
        Answer::Redirect(location) => Ok(page::see_other(&with_empty_fragment(location))),
        Answer::Ask(secret) => {
            let mut response = page::see_other(&format!("/consent?request={}", secret.reveal()));
            browser.keep(&app, &mut response);
            Ok(response)
        }
    }
}

/// The empty fragment keeps a browser from carrying ours over (attack row B12).
pub(super) fn with_empty_fragment(location: String) -> String {
    if location.contains('#') { location } else { format!("{location}#_") }
}

fn params(mut pairs: Pairs) -> AuthorizeParams {
    let repeated = pairs.repeated().map(ToOwned::to_owned).collect();
    let by_value = pairs.take("request").map(|_| "request_not_supported");
    let by_reference = pairs.take("request_uri").map(|_| "request_uri_not_supported");
    AuthorizeParams {
        response_type: pairs.take("response_type"),
        response_mode: pairs.take("response_mode"),
        client_id: pairs.take("client_id"),
        redirect_uri: pairs.take("redirect_uri"),
        scope: pairs.take("scope"),
        state: pairs.take("state"),
        code_challenge: pairs.take("code_challenge"),
        code_challenge_method: pairs.take("code_challenge_method"),
        prompt: pairs.take("prompt"),
        max_age: pairs.take("max_age"),
        login_hint: pairs.take("login_hint"),
        request_object: by_value.or(by_reference),
        repeated,
    }
}
