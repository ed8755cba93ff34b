//! Forward-auth: what a proxy asks before it lets a request through, one endpoint for each proxy's dialect.
//!
//! It stands beside the router, behind the guard only: no cross-origin layer, no session and no cookie has a part
//! in it. Every answer that is not a decision to let the request pass is 400 or more, or 302 where a browser is
//! sent to sign in, because a proxy takes each 2xx for a yes.

mod document;
mod original;

use std::sync::Arc;

use poem::error::ResponseError as _;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response};

pub(super) use self::document::document;

use self::original::{Original, Proxy};
use super::address::{Networks, peer};
use super::caller::{self, BearerHeader};
use super::path::below;
use super::problem::{Asked, Problem};
use crate::app::App;
use crate::flow::Ask;
use crate::flow::forward_auth::{Call, Hosts, Identity, judge, resource_metadata};
use crate::oauth::host::RequestHost;
use crate::oauth::reject::{Fault, Reject, Stop};

/// The mount of all of it.
pub const MOUNT: &str = "/forward-auth";

/// The body of a refusal, for nginx.
const REFUSAL: HeaderName = HeaderName::from_static("x-refusal");

/// Where the metadata of a protected resource stands (RFC 9728 §3).
const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// Forward-auth before all other routes.
pub struct ForwardAuth<E> {
    app: Arc<App>,
    rest: E,
    hosts: Hosts,
    peers: Networks,
    headers: Vec<HeaderName>,
    names: [HeaderName; 4],
    login_url: Option<String>,
}

impl<E: Endpoint> ForwardAuth<E> {
    /// Reads `forward_auth.*`.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub fn new(app: &Arc<App>, rest: E) -> Result<Self, String> {
        let settings = &app.config.forward_auth;
        let peers = match settings.trusted_proxies.is_empty() {
            true => &app.config.server.trusted_proxies,
            false => &settings.trusted_proxies,
        };
        let name =
            |text: &str| text.parse::<HeaderName>().map_err(|_| format!("{text:?} is no name of a header"));
        Ok(Self {
            hosts: Hosts::parse(&settings.hosts)?,
            peers: Networks::parse(peers)?,
            headers: settings.headers.iter().map(|text| name(text)).collect::<Result<_, _>>()?,
            names: [
                name(&settings.client_id_header)?,
                name(&settings.user_id_header)?,
                name(&settings.scopes_header)?,
                name(&settings.token_id_header)?,
            ],
            login_url: settings.login_url.clone(),
            app: Arc::clone(app),
            rest,
        })
    }

    async fn asked(&self, proxy: Proxy, request: &Request) -> Response {
        let peer = peer(request.remote_addr());
        let ask = Ask { ip: self.peers.client(peer, request.headers()), ..caller::ask(&self.app, request) };
        // Who is no proxy of ours has no request of somebody else to ask about (attack rows V2, Z6).
        if !self.peers.contains(peer) {
            let stranger = Reject::NotHere("the peer is not a trusted proxy");
            return self.told(proxy, &ask, &Problem::bearer(stranger, None));
        }
        let original = match Original::of(proxy, request, &self.names) {
            Ok(original) => original,
            Err(reject) => return self.told(proxy, &ask, &Problem::bearer(reject, None)),
        };
        let judged = self.judged(&ask, &original, request).await;
        match judged.and_then(|identity| Ok(self.passed(&identity)?)) {
            Ok(response) => response,
            Err(stop) => self.refused(proxy, &ask, &original, request.headers(), stop),
        }
    }

    /// A refusal with its documented body. nginx drops the bodies of these answers, so its configuration takes the
    /// same text from a header.
    fn told(&self, proxy: Proxy, ask: &Ask, problem: &Problem) -> Response {
        let issuer = Some(self.app.public.issuer());
        let asked = Asked { management: false, issuer, request_id: Some(&ask.request_id) };
        let mut response = problem.respond(asked);
        if proxy == Proxy::Nginx
            && let Ok(text) = HeaderValue::from_str(&problem.oauth_text(asked))
        {
            response.headers_mut().insert(REFUSAL, text);
        }
        response
    }

    async fn judged(&self, ask: &Ask, original: &Original, request: &Request) -> Result<Identity, Stop> {
        let bearer = BearerHeader::of(request);
        let token = match &bearer {
            BearerHeader::Absent => Ok(None),
            BearerHeader::Unreadable => Err(Reject::TokenInvalid),
            BearerHeader::Token(token) => Ok(Some(token.as_str())),
        };
        let headers = self.chosen(request.headers())?;
        let call =
            Call { host: &original.host, method: &original.method, path: original.path(), headers, token };
        judge(&self.app, ask, &self.hosts, call).await
    }

    /// The headers that rules may read. One that stands twice means something else to each reader.
    fn chosen(&self, headers: &HeaderMap) -> Result<Vec<(String, String)>, Reject> {
        let mut chosen = Vec::new();
        for name in &self.headers {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            let text = value.to_str().ok().filter(|_| values.next().is_none());
            let text =
                text.ok_or(Reject::Malformed("a header that rules read stands twice or is no text"))?;
            chosen.push((name.as_str().to_owned(), text.to_owned()));
        }
        Ok(chosen)
    }

    /// 200 with who calls; every header stands, so that none that came from outside is left (attack row Z7).
    fn passed(&self, identity: &Identity) -> Result<Response, Fault> {
        let mut response = StatusCode::OK.into_response();
        let values = [&identity.client, &identity.user, &identity.scopes, &identity.token];
        for (name, value) in self.names.iter().zip(values) {
            let unfit = |_| Fault::Inconsistent("an id that no header can hold".to_owned());
            response.headers_mut().insert(name, HeaderValue::from_str(value).map_err(unfit)?);
        }
        Ok(response)
    }

    fn refused(
        &self,
        proxy: Proxy,
        ask: &Ask,
        original: &Original,
        headers: &HeaderMap,
        stop: Stop,
    ) -> Response {
        let who = matches!(&stop, Stop::Reject(Reject::TokenMissing | Reject::TokenInvalid));
        let resource = self.hosts.resource(&original.host);
        let metadata = resource.map(|resource| format!("{resource}{RESOURCE_METADATA}").into());
        let mut response = self.told(proxy, ask, &Problem::bearer(stop, metadata));
        let location = self
            .login_url
            .as_deref()
            .filter(|_| who && is_browser(original, headers))
            .and_then(|url| HeaderValue::from_str(&url.replace("{url}", &escaped(&original.url()))).ok());
        if let Some(location) = location {
            response.headers_mut().insert(header::LOCATION, location);
            // nginx takes only 401 and 403 for an answer; its `error_page` makes the redirect.
            if proxy != Proxy::Nginx {
                response.set_status(StatusCode::FOUND);
            }
        }
        response
    }

    /// The metadata of the resource whose host the request names; the proxy passes that path on.
    fn metadata(&self, request: &Request) -> Response {
        let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let known = ["https", "http"].into_iter().find_map(|scheme| {
            let host = RequestHost::parse(host?, Some(scheme))?;
            self.hosts.resource(&host).map(|resource| (host.clone(), resource.to_owned()))
        });
        let Some((host, resource)) = known else {
            return Problem::oauth(Reject::NotFound("protected resource under that host")).as_response();
        };
        let body = resource_metadata(&self.app, &host, &resource);
        Response::builder()
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "public, max-age=300")
            .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .body(body.to_string())
    }
}

impl<E: Endpoint> Endpoint for ForwardAuth<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        let (pattern, proxy) = match path {
            "/forward-auth/nginx" => ("/forward-auth/nginx", Some(Proxy::Nginx)),
            "/forward-auth/traefik" => ("/forward-auth/traefik", Some(Proxy::Traefik)),
            "/forward-auth/caddy" => ("/forward-auth/caddy", Some(Proxy::Caddy)),
            _ if below(path, original::ENVOY) => ("/forward-auth/envoy/*path", Some(Proxy::Envoy)),
            RESOURCE_METADATA => (RESOURCE_METADATA, None),
            _ if below(path, MOUNT) => {
                return Err(Problem::framework(StatusCode::NOT_FOUND, "no such path").into());
            }
            _ => return self.rest.call(request).await.map(IntoResponse::into_response),
        };
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut response = match proxy {
            Some(Proxy::Envoy) => Box::pin(self.asked(Proxy::Envoy, &request)).await,
            _ if !reads => {
                let mut error =
                    poem::Error::from(Problem::framework(StatusCode::METHOD_NOT_ALLOWED, "GET only"));
                error.set_data(PathPattern(pattern.into()));
                return Err(error);
            }
            Some(proxy) => Box::pin(self.asked(proxy, &request)).await,
            None => self.metadata(&request),
        };
        response.set_data(PathPattern(pattern.into()));
        Ok(response)
    }
}

/// Whether a person looks at the answer: a page is wanted, and no script asks for it (attack row Z1).
fn is_browser(original: &Original, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let page = text("accept").split(',').any(|kind| kind.trim().starts_with("text/html"));
    let script = text("x-requested-with").eq_ignore_ascii_case("xmlhttprequest")
        || !matches!(text("sec-fetch-mode"), "" | "navigate");
    page && !script && matches!(original.method.as_str(), "GET" | "HEAD")
}

/// A text as the value of a query parameter.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
