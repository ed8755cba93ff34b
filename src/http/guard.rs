//! What stands before every endpoint and after every answer. In order: the request's id and address, its
//! size, its host, its path, its body; then the endpoint, under a deadline and with panics caught; then the
//! error's shape and the headers of security.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use poem::error::ReadBodyError;
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderValue, Method, StatusCode, Uri, Version, header};
use poem::{Body, Endpoint, IntoResponse, PathPattern, Request, Response};
use tracing::Instrument;
use url::Url;

use super::address::{ClientIp, FromProxy, Networks, peer};
use super::headers::{self, Hosts};
use super::methods::Methods;
use super::path::{below, for_log, is_canonical};
use super::problem::{Asked, Problem};
use super::server::Ambiguous;
use crate::oauth::reject::{Fault, Reject};
use crate::telemetry::Metrics;

/// The canonical mount of the API.
pub const MOUNT: &str = "/oauth2";

/// The mount that clients of the plugin use.
pub const ALIAS: &str = "/strapi-plugin-oauth2";

/// The lines of requests, for a filter such as `info,grantwood::request=off`.
const LINES: &str = "grantwood::request";

/// Paths, and all below them, whose errors are envelopes.
pub const MANAGEMENT: [&str; 15] = [
    "/oauth2/clients",
    "/oauth2/clients-rotate",
    "/oauth2/clients-keypair",
    "/oauth2/access-tokens",
    "/oauth2/global-settings",
    "/oauth2/scopes",
    "/oauth2/users",
    "/oauth2/roles",
    "/oauth2/sessions",
    "/oauth2/policies",
    "/oauth2/keys",
    "/oauth2/audit",
    "/oauth2/decisions",
    "/oauth2/consents",
    "/auth/local",
];

/// Paths below which `X-Request-ID` comes back as it came (AuthZEN, "Request Identification").
const ECHOING: [&str; 2] = ["/access/v1", "/.well-known/authzen-configuration"];

/// The request's id, made by us: for logs, the audit log and error pages. Stored with the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// The request's id, for an error page or the audit log; empty where no guard stands before the endpoint.
pub fn request_id(request: &Request) -> Arc<str> {
    request.data::<RequestId>().map_or_else(|| "".into(), |id| Arc::clone(&id.0))
}

/// The request came by [`ALIAS`]. Stored with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByAlias;

/// What the guard must know.
#[derive(Clone, Debug)]
pub struct GuardSettings {
    /// The issuer: its host is the one that requests must name, its scheme decides on HSTS.
    pub public_url: Url,
    /// Further host names, without port.
    pub hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// Whether [`ALIAS`] is served.
    pub alias: bool,
    /// Paths, and all below them, that answer under any host name: probes, and calls of other machines.
    pub any_host: Vec<String>,
    /// Paths below which another server's path follows, which the endpoint itself must judge (Z3).
    pub foreign_paths: Vec<String>,
    /// Paths, and all below them, whose errors are envelopes.
    pub management: Vec<String>,
    /// Methods by path template, for `Allow`.
    pub methods: Methods,
    /// Largest body, in bytes.
    pub body_limit: usize,
    /// For the body to arrive.
    pub body_deadline: Duration,
    /// For the whole request, from the end of its head.
    pub deadline: Duration,
    /// Where requests are counted.
    pub metrics: Option<Arc<Metrics>>,
}

impl GuardSettings {
    /// Settings with the bounds that the requirements name.
    pub fn new(public_url: Url) -> Self {
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        Self {
            public_url,
            hosts: Vec::new(),
            trusted_proxies: Networks::default(),
            alias: true,
            // What machines call inside a network, by names of that network; pages and management are not among
            // them, since only those can be turned against a browser (attack row V4).
            any_host: paths(&[
                "/healthz",
                "/readyz",
                "/metrics",
                "/forward-auth",
                "/access/v1",
                "/.well-known",
                "/oauth2/token",
                "/oauth2/introspect",
                "/oauth2/revoke",
                "/oauth2/revoked-tokens",
                "/oauth2/jwks",
            ]),
            foreign_paths: paths(&["/forward-auth"]),
            management: paths(&MANAGEMENT),
            methods: Methods::default(),
            body_limit: 64 * 1024,
            body_deadline: Duration::from_secs(20),
            deadline: Duration::from_secs(30),
            metrics: None,
        }
    }
}

/// The outermost endpoint.
pub struct Guard<E> {
    inner: E,
    settings: GuardSettings,
    hosts: Hosts,
    /// For `error_uri`.
    issuer: String,
}

impl<E: Endpoint> Guard<E> {
    /// Puts the guard before all routes.
    pub fn new(inner: E, settings: GuardSettings) -> Self {
        let hosts = Hosts::new(&settings.public_url, &settings.hosts);
        let issuer = settings.public_url.as_str().trim_end_matches('/').to_owned();
        Self { inner, settings, hosts, issuer }
    }

    /// Checks the head of a request and makes it what endpoints see.
    fn admit(&self, request: &mut Request, peer: IpAddr) -> Result<(), Problem> {
        headers::bounded(request)?;
        if request.data::<Ambiguous>().is_some() {
            return Err(Reject::Malformed("the request's framing is ambiguous").into());
        }
        let host = headers::single_host(request)?;
        headers::single(request.headers())?;
        let path = request.uri().path();
        let canonical = match path.strip_prefix(ALIAS) {
            Some(rest) if self.settings.alias => format!("{MOUNT}{rest}"),
            _ => path.to_owned(),
        };
        let any_host = self.settings.any_host.iter().any(|free| below(&canonical, free));
        if !any_host && !self.hosts.knows(&host) {
            let description = "this server does not answer under that host name";
            return Err(Problem::framework(StatusCode::MISDIRECTED_REQUEST, description));
        }
        let foreign = self.settings.foreign_paths.iter().any(|prefix| below(path, prefix));
        if !path.starts_with('/') {
            return Err(Reject::Malformed("the request target is not a path").into());
        }
        if !foreign && !is_canonical(path) {
            return Err(Problem::framework(StatusCode::NOT_FOUND, "no such path"));
        }
        let ip = self.settings.trusted_proxies.client(peer, request.headers());
        request.set_data(ClientIp(ip));
        request.set_data(FromProxy(self.settings.trusted_proxies.contains(peer)));
        self.rewrite(request)
    }

    /// Leaves the path alone in the URI, and moves the alias to the canonical mount.
    fn rewrite(&self, request: &mut Request) -> Result<(), Problem> {
        let by_alias = self.settings.alias && below(request.uri().path(), ALIAS);
        if !by_alias && request.uri().authority().is_none() {
            return Ok(());
        }
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let target = match target.strip_prefix(ALIAS) {
            Some(rest) if by_alias => format!("{MOUNT}{rest}"),
            _ => target.to_owned(),
        };
        let uri = Uri::try_from(target);
        *request.uri_mut() =
            uri.map_err(|_| Problem::from(Reject::Malformed("the request target is not a path")))?;
        if by_alias {
            request.set_data(ByAlias);
        }
        Ok(())
    }

    /// Reads the body whole: bounded and timed here, it cannot surprise an endpoint later.
    async fn read_body(&self, request: &mut Request) -> Result<(), Problem> {
        let too_large = || Problem::framework(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        if headers::content_length(request.headers())
            .is_some_and(|length| length > self.settings.body_limit as u64)
        {
            return Err(too_large());
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(());
        }
        if request.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Problem::framework(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "compressed request bodies are not accepted",
            ));
        }
        let mut read = std::pin::pin!(body.into_bytes_limit(self.settings.body_limit));
        // A body that came with its head needs no timer.
        let read = match futures_util::poll!(read.as_mut()) {
            Poll::Ready(read) => Ok(read),
            Poll::Pending => tokio::time::timeout(self.settings.body_deadline, read).await,
        };
        match read {
            Err(_) => Err(Problem::framework(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
            Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(too_large()),
            Ok(Err(_)) => Err(Reject::Malformed("the body cannot be read").into()),
            Ok(Ok(bytes)) => {
                request.set_body(Body::from_bytes(bytes));
                Ok(())
            }
        }
    }

    /// The endpoint's answer, whatever happens inside.
    async fn ask(
        &self,
        mut request: Request,
        peer: IpAddr,
        seen: &mut Seen,
    ) -> Result<Response, poem::Error> {
        self.admit(&mut request, peer)?;
        self.read_body(&mut request).await?;
        seen.unread = false;
        let answered = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let end = tokio::time::Instant::from_std(seen.started + self.settings.deadline);
        match tokio::time::timeout_at(end, answered).await {
            Ok(Ok(result)) => result.map(IntoResponse::into_response),
            Ok(Err(_panic)) => {
                tracing::error!(event = "panic", "an endpoint panicked");
                Err(Problem::framework(StatusCode::INTERNAL_SERVER_ERROR, "an internal error").into())
            }
            Err(_) => Err(Problem::from(Fault::Unavailable("a request took too long".to_owned())).into()),
        }
    }
}

/// What is kept of a request while its endpoint has it.
struct Seen {
    started: Instant,
    method: Method,
    path: String,
    /// What is refused before its body was read ends the connection (HTTP/1 only).
    unread: bool,
    id: Arc<str>,
    /// The caller's own id of the request, where the path's specification has it back.
    echo: Option<HeaderValue>,
    ip: IpAddr,
}

impl<E: Endpoint> Endpoint for Guard<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let peer = peer(request.remote_addr());
        let mut seen = Seen {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            unread: request.version() < Version::HTTP_2 && headers::announces_body(request.headers()),
            id: crate::app::clock::new_request_id().into(),
            echo: ECHOING
                .iter()
                .any(|path| below(request.uri().path(), path))
                .then(|| request.headers().get("x-request-id").cloned())
                .flatten(),
            ip: self.settings.trusted_proxies.client(peer, request.headers()),
        };
        request.set_data(RequestId(Arc::clone(&seen.id)));
        // At level ERROR, so that the id stands in every line whatever the filter.
        let span = tracing::error_span!("request", request_id = &*seen.id);
        let answered = async {
            let result = self.ask(request, peer, &mut seen).await;
            self.finish(result, &seen)
        };
        Ok(answered.instrument(span).await)
    }
}

impl<E> Guard<E> {
    /// Shapes errors, hardens, counts and logs.
    fn finish(&self, result: Result<Response, poem::Error>, seen: &Seen) -> Response {
        let mut response = match result {
            Ok(response) => self.reshape(response, seen),
            Err(error) => self.shape(error, seen),
        };
        headers::secure(&mut response, self.settings.public_url.scheme() == "https", seen.unread);
        let own = || HeaderValue::from_str(&seen.id).ok();
        if let Some(id) = seen.echo.clone().or_else(own) {
            response.headers_mut().insert("x-request-id", id);
        }
        self.record(&response, seen);
        response
    }

    /// An error as JSON, in the dialect of its path.
    fn shape(&self, error: poem::Error, seen: &Seen) -> Response {
        let template = error.data::<PathPattern>().cloned();
        if error.is_from_response() {
            return self.reshape(error.into_response(), seen);
        }
        let mut response = {
            let path = seen
                .path
                .strip_prefix(ALIAS)
                .map_or_else(|| seen.path.clone(), |rest| format!("{MOUNT}{rest}"));
            let management = self.settings.management.iter().any(|prefix| below(&path, prefix));
            let request_id = Some(&*seen.id);
            Problem::from_error(&error).respond(Asked {
                management,
                issuer: Some(self.issuer.as_str()),
                request_id,
            })
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let allow = self.settings.methods.allow(template.as_ref().map(|pattern| &*pattern.0));
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("")));
        }
        if let Some(template) = template {
            response.set_data(template);
        }
        response
    }

    /// An error that some part of the framework has already written as plain text becomes JSON too.
    fn reshape(&self, response: Response, seen: &Seen) -> Response {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return response;
        }
        // An empty answer is an endpoint's own, but for those that only the router gives.
        let unshaped = match response.content_type() {
            Some(kind) => kind.starts_with("text/plain"),
            None => matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
        };
        if !unshaped {
            return response;
        }
        let mut error = poem::Error::from_status(status);
        if let Some(template) = response.data::<PathPattern>() {
            error.set_data(template.clone());
        }
        self.shape(error, seen)
    }

    /// One line and one measurement for each request, without its query.
    fn record(&self, response: &Response, seen: &Seen) {
        let took = seen.started.elapsed();
        let template = response.data::<PathPattern>().map(|pattern| Arc::clone(&pattern.0));
        let status = response.status().as_u16();
        if let Some(metrics) = &self.settings.metrics {
            metrics.http_request(
                template.as_deref().unwrap_or("unmatched"),
                seen.method.as_str(),
                status,
                took,
            );
        }
        let fallback = for_log(&seen.path);
        let route = template.as_deref().unwrap_or(&fallback);
        let millis = took.as_secs_f64() * 1e3;
        let method = seen.method.as_str();
        let ip = seen.ip;
        // What went well is many lines that nobody reads; security events have lines of their own.
        if status < 400 {
            tracing::debug!(target: LINES, event = "http.request", method, route, status, ms = millis, %ip);
        } else {
            tracing::info!(target: LINES, event = "http.request", method, route, status, ms = millis, %ip);
        }
    }
}
