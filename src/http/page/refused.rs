//! Refusals and faults of page handlers become error pages.

use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::html;
use crate::http::guard::request_id;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::pages::{ErrorPage, Pages};

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
        Stop::Reject(reject) => said(pages, reject),
        Stop::Fault(fault) => {
            tracing::error!(event = "fault", fault = %fault, "a page failed through our fault");
            pages.text("refused.fault")
        }
    };
    let page = ErrorPage { message, request_id: id.to_owned() };
    let body = pages.render(&page).unwrap_or_else(|_: Fault| pages.text("refused.fault"));
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

/// A refusal as a person reads it: a sentence of the texts. What only developers bring about keeps its detail.
pub fn said(pages: &Pages, reject: &Reject) -> String {
    match reject {
        Reject::Form => pages.text("refused.form"),
        Reject::TooMany(seconds) => pages.say("refused.too_many", &[("seconds", &seconds.to_string())]),
        Reject::Forbidden { action, .. } => pages.say("refused.permission", &[("permission", action)]),
        Reject::NotFound(what) if what.starts_with("pending request") => pages.text("refused.pending"),
        Reject::NotFound(what) if what.starts_with("link") => pages.text("refused.link"),
        Reject::NotFound(what) => pages.say("refused.not_found", &[("what", what)]),
        other => pages.say("refused.request", &[("detail", &other.wire().description)]),
    }
}
