//! The request that a proxy asks about, from exactly the headers that this proxy sets.
//!
//! A second set, a repeated header, a list, or a spelling with underscores could make the proxy, this server and
//! the application read three different requests. None of them is chosen: the request is refused.

use poem::Request;
use poem::http::{HeaderMap, HeaderName};

use crate::oauth::host::RequestHost;
use crate::oauth::reject::Reject;

/// The prefix behind which Envoy puts the path (`path_prefix`).
pub(super) const ENVOY: &str = "/forward-auth/envoy";

/// A proxy's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    /// `auth_request`: `X-Original-URL` and `X-Original-Method`, as the configuration sets them.
    Nginx,
    /// ForwardAuth: `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`.
    Traefik,
    /// `forward_auth`: the same four.
    Caddy,
    /// HTTP ext_authz: the path behind the prefix, the method and the host of the request itself.
    Envoy,
}

const ORIGINAL: [&str; 2] = ["x-original-url", "x-original-method"];
const FORWARDED: [&str; 4] =
    ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];
/// What no proxy here sets, and what applications take for another path, host or method.
const NEVER: [&str; 8] = [
    "forwarded",
    "x-original-uri",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-forwarded-prefix",
];
/// Further names whose spelling with underscores is refused.
const GUARDED: [&str; 2] = ["authorization", "x-forwarded-for"];

/// The request that the proxy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Original {
    /// As it came.
    pub method: String,
    /// Which host it names.
    pub host: RequestHost,
    scheme: &'static str,
    target: String,
}

impl Original {
    /// Reads the proxy's headers. `identity` are those by which it tells the application who calls.
    pub(super) fn of(proxy: Proxy, request: &Request, identity: &[HeaderName]) -> Result<Self, Reject> {
        let headers = request.headers();
        foreign(proxy, headers, identity)?;
        match proxy {
            Proxy::Nginx => {
                let url = required(headers, "x-original-url")?;
                let method = required(headers, "x-original-method")?;
                let unread = Reject::Malformed("X-Original-URL is no http URL");
                let (scheme, rest) = url.split_once("://").ok_or(unread.clone())?;
                let at = rest.find(['/', '?', '#']).ok_or(unread)?;
                Self::new(method, scheme, &rest[..at], &rest[at..])
            }
            Proxy::Traefik | Proxy::Caddy => Self::new(
                required(headers, "x-forwarded-method")?,
                required(headers, "x-forwarded-proto")?,
                required(headers, "x-forwarded-host")?,
                required(headers, "x-forwarded-uri")?,
            ),
            Proxy::Envoy => {
                let target = request.uri().path_and_query().map_or("", |target| target.as_str());
                let target = target.strip_prefix(ENVOY).unwrap_or("");
                let scheme = single(headers, "x-forwarded-proto")?.unwrap_or("https");
                let host = match single(headers, "host")? {
                    Some(host) => host,
                    None => request.uri().authority().map_or("", |authority| authority.as_str()),
                };
                Self::new(request.method().as_str(), scheme, host, target)
            }
        }
    }

    fn new(method: &str, scheme: &str, host: &str, target: &str) -> Result<Self, Reject> {
        let scheme = match scheme {
            "https" | "wss" => "https",
            "http" | "ws" => "http",
            _ => return Err(Reject::Malformed("the scheme of the request is neither http nor https")),
        };
        let host = RequestHost::parse(host, Some(scheme))
            .ok_or(Reject::Malformed("the host of the request cannot be read"))?;
        // A comma between two paths is a list of two headers that somebody joined.
        let list = target.contains(",/") || !target.bytes().all(|byte| byte.is_ascii_graphic());
        if !target.starts_with('/') || target.contains('#') || list {
            return Err(Reject::Malformed("the target of the request is not a path with a query"));
        }
        Ok(Self { method: method.to_owned(), host, scheme, target: target.to_owned() })
    }

    /// The path, without query.
    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The whole URL, for the way back after signing in.
    pub(super) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host.as_str(), self.target)
    }
}

/// Refuses headers that another proxy sets, or that change the request for whoever believes in them.
fn foreign(proxy: Proxy, headers: &HeaderMap, identity: &[HeaderName]) -> Result<(), Reject> {
    let own: &[&str] = match proxy {
        Proxy::Nginx => &ORIGINAL,
        Proxy::Traefik | Proxy::Caddy => &FORWARDED,
        Proxy::Envoy => &["x-forwarded-proto"],
    };
    let mut known = ORIGINAL.iter().chain(&FORWARDED).chain(&NEVER);
    if known.any(|name| !own.contains(name) && headers.contains_key(*name)) {
        return Err(Reject::Malformed("a header that this proxy does not set stands in the request"));
    }
    // hyper reads names in lower case; a dash in place of each underscore is how CGI-like servers confuse them.
    let twins = headers.keys().filter(|name| name.as_str().contains('_'));
    for name in twins {
        let name = name.as_str().replace('_', "-");
        let mut guarded = ORIGINAL.iter().chain(&FORWARDED).chain(&NEVER).chain(&GUARDED);
        if guarded.any(|other| *other == name) || identity.iter().any(|other| other.as_str() == name) {
            return Err(Reject::Malformed("a header is spelt with underscores"));
        }
    }
    Ok(())
}

fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Reject> {
    single(headers, name)?
        .filter(|value| !value.is_empty())
        .ok_or(Reject::Malformed("a header by which the proxy names the request is missing"))
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Reject> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Reject::Malformed("a header by which the proxy names the request stands twice"));
    }
    value.to_str().map(Some).map_err(|_| Reject::Malformed("a header of the proxy is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(proxy: Proxy, headers: &[(&'static str, &'static str)]) -> Result<Original, Reject> {
        let mut request = Request::builder().uri_str("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Original::of(proxy, &request.finish(), &[HeaderName::from_static("x-client-id")])
    }

    fn envoy(target: &str, method: &str) -> Option<Original> {
        let request = Request::builder()
            .uri_str(target)
            .method(method.parse().ok()?)
            .header("host", "API.test:443")
            .finish();
        Original::of(Proxy::Envoy, &request, &[]).ok()
    }

    const NGINX: [(&str, &str); 2] =
        [("x-original-url", "https://API.test:443/a/b?x=/c"), ("x-original-method", "GET")];
    const FOUR: [(&str, &str); 4] = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.test"),
        ("x-forwarded-uri", "/a/b?x=/c"),
    ];

    #[test]
    fn z02_each_proxy_has_its_own_headers() {
        let expected = read(Proxy::Nginx, &NGINX).unwrap();
        assert_eq!((expected.path(), expected.host.as_str()), ("/a/b", "api.test"));
        assert_eq!(expected.url(), "https://api.test/a/b?x=/c");
        assert_eq!(read(Proxy::Traefik, &FOUR).unwrap(), expected);
        assert_eq!(read(Proxy::Caddy, &FOUR).unwrap(), expected);
        assert_eq!(envoy("/forward-auth/envoy/a/b?x=/c", "GET").unwrap(), expected);
        for (name, value) in FOUR {
            assert!(read(Proxy::Nginx, &[NGINX[0], NGINX[1], (name, value)]).is_err(), "{name}");
        }
        for extra in NGINX {
            let all: Vec<_> = FOUR.into_iter().chain([extra]).collect();
            assert!(read(Proxy::Traefik, &all).is_err() && read(Proxy::Caddy, &all).is_err(), "{extra:?}");
        }
        for missing in 0..4 {
            let some = FOUR.into_iter().enumerate().filter(|(at, _)| *at != missing);
            let some: Vec<_> = some.map(|(_, pair)| pair).collect();
            assert!(read(Proxy::Traefik, &some).is_err(), "{missing}");
        }
        assert!(read(Proxy::Nginx, &NGINX[..1]).is_err() && read(Proxy::Nginx, &NGINX[1..]).is_err());
    }

    #[test]
    fn z06_no_second_opinion() {
        for extra in [
            ("x-forwarded-uri", "/public"),
            ("x_forwarded_uri", "/public"),
            ("x_original_url", "https://api.test/public"),
            ("x-original_url", "https://api.test/public"),
            ("x-rewrite-url", "/public"),
            ("x-http-method-override", "DELETE"),
            ("forwarded", "host=evil"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x_client_id", "root"),
            ("x-client_id", "root"),
        ] {
            let all: Vec<_> = FOUR.into_iter().chain([extra]).collect();
            assert!(read(Proxy::Caddy, &all).is_err(), "{extra:?}");
        }
        for (name, value) in [
            ("x-forwarded-uri", "/a, /public"),
            ("x-forwarded-uri", "/a,/public"),
            ("x-forwarded-uri", "a"),
            ("x-forwarded-uri", "https://api.test/a"),
            ("x-forwarded-uri", "/a#/public"),
            ("x-forwarded-host", "api.test, evil.test"),
            ("x-forwarded-host", "user@api.test"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-proto", "HTTPS"),
            ("x-forwarded-method", ""),
        ] {
            let changed: Vec<_> =
                FOUR.into_iter().map(|pair| if pair.0 == name { (name, value) } else { pair }).collect();
            assert!(read(Proxy::Traefik, &changed).is_err(), "{name}: {value}");
        }
        for url in
            ["/a", "https:/a", "https://api.test", "ftp://api.test/a", "https:///a", "https://a@api.test/a"]
        {
            assert!(read(Proxy::Nginx, &[("x-original-url", url), NGINX[1]]).is_err(), "{url}");
        }
        for target in ["/forward-auth/envoy", "/forward-auth/envoy?x=/a"] {
            assert!(envoy(target, "GET").is_none(), "{target}");
        }
    }
}
