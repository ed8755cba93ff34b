//! `authorize`, `login`, `consent`: the authorization endpoint and the built-in pages behind it.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::caller;
use super::cookies::Cookie;
use super::form::PageForm;
use super::pairs::Pairs;
use crate::app::{App, clock};
use crate::flow::authorize::AuthorizeParams;
use crate::flow::consent::{Choice, ConsentData, SignedIn};
use crate::flow::pending::{self, Answer, Step};
use crate::flow::{Ask, session, sign_in};
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::scope::Scope;
use crate::oauth::secret::{Kind, SecretHash};
use crate::pages::{ConsentPage, ErrorPage, LoginPage, Pages, ScopeGroup, ScopeLine};

/// How long the browser's own cookie lives, in seconds: longer than any request waits.
const BROWSER_S: u64 = 3_600;

/// The authorization endpoint (RFC 6749 §3.1); POST behaves as GET.
#[handler]
pub async fn authorize(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    body: poem::Result<PageForm>,
) -> Response {
    let ask = caller::ask(&app, request);
    match authorize_in(&app, &ask, request, body).await {
        Ok(response) => response,
        Err(stop) => error_page(&pages, &ask, &stop),
    }
}

async fn authorize_in(
    app: &Arc<App>,
    ask: &Ask,
    request: &Request,
    body: poem::Result<PageForm>,
) -> Result<Response, Stop> {
    let pairs = if request.method() == poem::http::Method::POST {
        body.map_err(|_| Reject::Malformed("the body must be application/x-www-form-urlencoded"))?.0
    } else {
        Pairs::from_query(request)?
    };
    let params = params(pairs);
    let signed_in = session::current(app, ask, Cookie::Session.read(app, request)).await?;
    let (browser, fresh) = match Cookie::Browser.read(app, request) {
        Some(value) if value.len() >= 43 => (SecretHash::of(value), None),
        _ => {
            let made = clock::new_secret(Kind::Transaction)?;
            (made.hash(), Some(made))
        }
    };
    match pending::begin(app, ask, &params, browser, signed_in.as_ref()).await? {
        // The empty fragment keeps a browser from carrying ours over (attack row B12).
        Answer::Redirect(location) => Ok(see_other(&with_empty_fragment(location))),
        Answer::Ask(secret) => {
            let mut response = see_other(&format!("/consent?request={}", secret.reveal()));
            if let Some(made) = fresh {
                set_cookie(&mut response, &Cookie::Browser.set(app, made.reveal(), BROWSER_S));
            }
            Ok(response)
        }
    }
}

fn with_empty_fragment(location: String) -> String {
    if location.contains('#') { location } else { format!("{location}#_") }
}

fn params(mut pairs: Pairs) -> AuthorizeParams {
    let repeated = pairs.repeated().map(ToOwned::to_owned).collect();
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
        request_object: pairs.take("request").is_some() | pairs.take("request_uri").is_some(),
        repeated,
    }
}

/// What a pending request shows now: sign-in, consent, or the way to the client.
#[handler]
pub async fn consent_page(app: Data<&Arc<App>>, pages: Data<&Pages>, request: &Request) -> Response {
    let ask = caller::ask(&app, request);
    let shown = async {
        let mut query = Pairs::from_query(request)?;
        query.once()?;
        let secret = query.require("request")?;
        let signed_in = session::current(&app, &ask, Cookie::Session.read(&app, request)).await?;
        let step = pending::next(&app, &ask, &secret, browser(&app, request)?, signed_in).await?;
        show(&app, &pages, &secret, step, None).await
    };
    shown.await.unwrap_or_else(|stop| error_page(&pages, &ask, &stop))
}

/// A sign-in by the built-in form.
#[handler]
pub async fn login(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Response {
    let ask = caller::ask(&app, request);
    let done = async {
        let mut form = posted(request, form)?;
        let secret = form.require("request")?;
        // The request must be this browser's before a password is looked at (attack row T2).
        let browser = browser(&app, request)?;
        let waiting = pending::next(&app, &ask, &secret, browser, None).await?;
        let identifier = form.take("identifier").unwrap_or_default();
        let password = form.take("password").unwrap_or_default();
        match sign_in::password_sign_in(&app, &ask, &identifier, &password).await {
            Ok((signed_in, permit)) => {
                let agent = request.header("user-agent").unwrap_or_default();
                let begun = session::begin(&app, &ask, &permit, &signed_in, agent).await?;
                session::end(&app, Cookie::Session.read(&app, request)).await?;
                let mut response = see_other(&format!("/consent?request={secret}"));
                let seconds = app.config.sessions.absolute.0;
                set_cookie(&mut response, &Cookie::Session.set(&app, begun.reveal(), seconds));
                Ok(response)
            }
            Err(Stop::Reject(reject)) => {
                show(&app, &pages, &secret, waiting, Some((identifier, reject))).await
            }
            Err(fault) => Err(fault),
        }
    };
    done.await.unwrap_or_else(|stop| error_page(&pages, &ask, &stop))
}

/// The user's decision by the built-in form.
#[handler]
pub async fn consent(
    app: Data<&Arc<App>>,
    pages: Data<&Pages>,
    request: &Request,
    form: poem::Result<PageForm>,
) -> Response {
    let ask = caller::ask(&app, request);
    let done = async {
        let mut form = posted(request, form)?;
        let secret = form.require("request")?;
        let choice = match form.take("decision").as_deref() {
            Some("approve") => Choice::Approve(Some(ticked(&mut form)?)),
            Some("deny") => Choice::Deny,
            _ => return Err(Reject::Invalid("decision", "is approve or deny".into()).into()),
        };
        let signed_in = session::current(&app, &ask, Cookie::Session.read(&app, request)).await?;
        let browser = browser(&app, request)?;
        let step = pending::decide(&app, &ask, &secret, browser, signed_in, choice).await?;
        show(&app, &pages, &secret, step, None).await
    };
    done.await.unwrap_or_else(|stop| error_page(&pages, &ask, &stop))
}

fn ticked(form: &mut Pairs) -> Result<Vec<Scope>, Reject> {
    let names = form.take_all("scope");
    names.iter().map(|name| Scope::parse(name).map_err(|_| Reject::ScopeMalformed)).collect()
}

/// A form of our own pages: posted by them, not by another site.
fn posted(request: &Request, form: poem::Result<PageForm>) -> Result<Pairs, Stop> {
    let cross = request.header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if cross {
        return Err(Reject::Forbidden { action: "page:post", policies: Vec::new() }.into());
    }
    Ok(form.map_err(|_| Reject::Malformed("the form cannot be read"))?.0)
}

fn browser(app: &App, request: &Request) -> Result<SecretHash, Stop> {
    let cookie = Cookie::Browser.read(app, request);
    let gone = || Reject::NotFound("pending request of this browser; allow cookies and start again");
    Ok(SecretHash::of(cookie.ok_or_else(gone)?))
}

async fn show(
    app: &App,
    pages: &Pages,
    secret: &str,
    step: Step,
    failed: Option<(String, Reject)>,
) -> Result<Response, Stop> {
    match step {
        Step::Redirect(location) => Ok(see_other(&location)),
        Step::SignIn(request) => {
            let snapshot = app.policies.current();
            let client = app.client(&snapshot, &request.client_id).await?;
            let (identifier, error) = match failed {
                Some((identifier, reject)) => (identifier, Some(sentence(&reject))),
                None => (request.login_hint.clone().unwrap_or_default(), None),
            };
            let page = LoginPage {
                request: secret.to_owned(),
                client_name: client.map_or_else(String::new, |client| client.client.name.clone()),
                identifier,
                error,
            };
            Ok(html(StatusCode::OK, pages.login(&page)?, Some(&request.redirect_uri)))
        }
        Step::Decide(data, request, signed_in) => {
            let page = consent_view(secret, &data, &request.redirect_uri, &signed_in);
            Ok(html(StatusCode::OK, pages.consent(&page)?, Some(&request.redirect_uri)))
        }
    }
}

fn consent_view(secret: &str, data: &ConsentData, redirect_uri: &str, signed_in: &SignedIn) -> ConsentPage {
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
        request: secret.to_owned(),
        client_name: data.client.client.name.clone(),
        client_id: data.client.client.id.as_str().to_owned(),
        username: signed_in.user.username.clone(),
        redirect_host: origin(redirect_uri),
        groups,
        anything_permitted: data.scopes.iter().any(|detail| detail.permitted),
    }
}

fn sentence(reject: &Reject) -> String {
    match reject {
        Reject::TooMany(seconds) => format!("Too many attempts. Try again in {seconds} seconds."),
        _ => "Wrong user name or password.".to_owned(),
    }
}

/// Scheme, host and port of a URI, or its scheme alone.
fn origin(uri: &str) -> String {
    match url::Url::parse(uri) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization()
        }
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

/// A page. Its form may lead to ourselves and, by the redirect that follows, to the client alone.
fn html(status: StatusCode, body: String, redirect_uri: Option<&str>) -> Response {
    let target = redirect_uri.map(origin).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {target}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::CACHE_CONTROL, "no-store")
        .body(body)
}

/// 303, so that a posted password never travels on (attack row B7).
fn see_other(location: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).body(())
}

fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = line.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn error_page(pages: &Pages, ask: &Ask, stop: &Stop) -> Response {
    let (status, message) = match stop {
        Stop::Reject(reject) => {
            let wire = reject.wire();
            let status = if wire.status == 401 { 400 } else { wire.status };
            (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), wire.description.into_owned())
        }
        Stop::Fault(fault) => {
            tracing::error!(event = "fault", request_id = %ask.request_id, %fault);
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot answer now; try again in a moment.".to_owned(),
            )
        }
    };
    let page = ErrorPage { message, request_id: ask.request_id.as_ref().to_owned() };
    let body = pages.error(&page).unwrap_or_else(|_: Fault| "The server cannot answer now.".to_owned());
    let mut response = html(status, body, None);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
    }
    response
}
