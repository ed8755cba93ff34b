//! Cross-origin calls: three for custom consent pages, two for public clients in a browser; none else.

use std::sync::Arc;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response};

use super::path::below;
use crate::app::App;
use crate::oauth::client::{ClientId, ClientType};

/// Calls of a consent page on another origin (attack row D14).
const CONSENT: [&str; 3] =
    ["/auth/local", "/oauth2/oauth-clients-authorization", "/oauth2/oauth-authorization-codes/authorize"];
/// Calls of a public client in a browser (attack row U2).
const CLIENT: [&str; 2] = ["/oauth2/token", "/oauth2/revoke"];

/// Adds the headers where they belong, and answers preflights there.
///
/// # Errors
/// What the endpoint itself answers.
pub async fn cors<E: Endpoint>(app: Arc<App>, next: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let origin = request.header("origin").filter(|origin| *origin != "null").map(ToOwned::to_owned);
    let Some(origin) = origin else { return next.call(request).await.map(IntoResponse::into_response) };
    let path = request.uri().path().to_owned();
    let consent = CONSENT.iter().any(|prefix| below(&path, prefix));
    let allowed = if consent {
        app.config.cors.consent_origins.contains(&origin)
    } else if CLIENT.contains(&path.as_str()) && request.method() == Method::POST {
        of_public_client(&app, &mut request, &origin).await
    } else {
        false
    };
    if !allowed {
        return next.call(request).await.map(IntoResponse::into_response);
    }
    if request.method() == Method::OPTIONS {
        let answer = Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST")
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type")
            .header(header::ACCESS_CONTROL_MAX_AGE, "600")
            .finish();
        return Ok(readable_by(answer, &origin));
    }
    let answer = match next.call(request).await {
        Ok(answer) => answer.into_response(),
        Err(error) => super::problem::Problem::from_error(&error).respond(super::problem::Asked::default()),
    };
    Ok(readable_by(answer, &origin))
}

fn readable_by(mut answer: Response, origin: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(origin) {
        answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    }
    answer
}

/// Whether the origin is that of a redirect URI of the public client that the form names.
async fn of_public_client(app: &App, request: &mut Request, origin: &str) -> bool {
    let Ok(bytes) = request.take_body().into_bytes().await else { return false };
    request.set_body(Body::from_bytes(bytes.clone()));
    let named = form_urlencoded::parse(&bytes).find(|(key, _)| key == "client_id");
    let Some(id) = named.and_then(|(_, value)| ClientId::parse(&value)) else { return false };
    let snapshot = app.policies.current();
    let Ok(Some(state)) = app.client(&snapshot, &id).await else { return false };
    state.active
        && state.client.kind == ClientType::Public
        && state.client.redirect_uris.iter().any(|(uri, _)| {
            url::Url::parse(uri.as_str()).is_ok_and(|url| url.origin().ascii_serialization() == origin)
        })
}
