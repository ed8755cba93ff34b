//! Headers: which a request may have, and which every answer gets.

use std::net::IpAddr;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use poem::{Request, Response};
use url::{Host, Url};

use super::problem::Problem;
use crate::oauth::reject::Reject;

/// Largest sum of a request's header names and values, in bytes.
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// Most headers of a request.
const MOST_HEADERS: usize = 100;

/// Longest request target, in bytes.
const LONGEST_TARGET: usize = 16 * 1024;

/// Headers that mean something else to each reader when they stand twice (attack row A14).
const SINGLE: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::ORIGIN,
    header::CONTENT_ENCODING,
];

/// Refuses heads that are too large (attack row X1).
pub(super) fn bounded(request: &Request) -> Result<(), Problem> {
    if target_length(request) > LONGEST_TARGET {
        return Err(Problem::framework(StatusCode::URI_TOO_LONG, "the request target is too long"));
    }
    let bytes: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if request.headers().len() > MOST_HEADERS || bytes > MOST_HEADER_BYTES {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Problem::framework(status, "the request has too many or too large headers"));
    }
    Ok(())
}

fn target_length(request: &Request) -> usize {
    let uri = request.uri();
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    authority + path
}

/// The one host that the request names: `Host` exactly once, and an absolute target or `:authority` that says
/// the same (RFC 9112 §3.2, RFC 9113 §8.3.1; attack row A13).
pub(super) fn single_host(request: &Request) -> Result<String, Problem> {
    let wrong = |why| Err(Problem::from(Reject::Malformed(why)));
    let mut named = request.headers().get_all(header::HOST).iter();
    let header = match (named.next(), named.next()) {
        (Some(_), Some(_)) => return wrong("the request has two Host headers"),
        (Some(value), None) => match value.to_str() {
            Ok(value) if !value.is_empty() => Some(value.to_ascii_lowercase()),
            _ => return wrong("the Host header cannot be read"),
        },
        (None, _) => None,
    };
    let target = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    match (header, target) {
        (Some(header), Some(target)) if header != target => wrong("the request names two hosts"),
        (Some(host), _) => Ok(host),
        (None, Some(host)) if request.version() == Version::HTTP_2 => Ok(host),
        (None, _) => wrong("the request has no Host header"),
    }
}

/// Refuses headers that stand twice and may not.
pub(super) fn single(headers: &HeaderMap) -> Result<(), Problem> {
    if SINGLE.iter().any(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err(Reject::Malformed("a header stands twice that may stand only once").into());
    }
    Ok(())
}

/// Whether a body comes with the head.
pub(super) fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || content_length(headers).is_some_and(|length| length > 0)
}

/// The announced length of the body.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The names under which the server answers (attack row V4: another name that resolves to us is an attack on
/// the browser that asks).
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    loopback: bool,
}

impl Hosts {
    pub(super) fn new(public_url: &Url, further: &[String]) -> Self {
        let mut names: Vec<String> = public_url.host_str().map(plain_name).into_iter().collect();
        names.extend(further.iter().map(|name| plain_name(name)));
        let loopback = match public_url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        Self { names, loopback }
    }

    /// Whether a `Host` is one of ours. Ports do not count: rebinding is about names.
    pub(super) fn knows(&self, host: &str) -> bool {
        let name = plain_name(without_port(host));
        let address = || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.names.contains(&name) || (self.loopback && (name == "localhost" || address()))
    }
}

/// Lower case, without the dot of a fully qualified name.
fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // A colon within brackets belongs to the address.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Gives an answer what every answer has (attack rows U1, U3). What an endpoint has set stays.
///
/// There is no `Cross-Origin-Opener-Policy`: on a page that a pop-up passes through it would cut off the
/// opener, such as the *Authorize* dialog of the API documentation.
pub(super) fn secure(response: &mut Response, https: bool, closing: bool) {
    let bare = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    // Once for all that follow, instead of growing with each.
    headers.reserve(12);
    headers.remove(header::SERVER);
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in always {
        // A 304 must not change the stored answer's own policy.
        if !(bare && name == header::CONTENT_SECURITY_POLICY) {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
    if https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    if closing {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v4_only_our_names_are_ours() {
        let hosts = Hosts::new(&"https://Auth.Test/".parse().unwrap(), &["intern.test".to_owned()]);
        for ours in ["auth.test", "AUTH.test:443", "auth.test.", "intern.test:8080"] {
            assert!(hosts.knows(ours), "{ours}");
        }
        for other in ["evil", "localhost", "127.0.0.1:8080", "auth.test.evil", "evil:auth.test", "", "[::1]"]
        {
            assert!(!hosts.knows(other), "{other}");
        }
    }

    #[test]
    fn d23_a_loopback_issuer_has_every_loopback_name() {
        let hosts = Hosts::new(&"http://127.0.0.1:8080".parse().unwrap(), &[]);
        for ours in ["127.0.0.1:8080", "localhost:1", "127.0.0.2", "[::1]:8080", "[::1]"] {
            assert!(hosts.knows(ours), "{ours}");
        }
        assert!(!hosts.knows("10.0.0.1") && !hosts.knows("localhost.evil"));
    }

    fn host(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().uri_str(uri).finish();
        for host in hosts {
            request.headers_mut().append(header::HOST, host.parse().unwrap());
        }
        single_host(&request).ok()
    }

    #[test]
    fn a13_one_host_and_only_one() {
        assert_eq!(host("/", &["A.test"]).as_deref(), Some("a.test"));
        assert_eq!(host("http://a.test/", &["A.test"]).as_deref(), Some("a.test"));
        assert_eq!(host("/", &[]), None);
        assert_eq!(host("/", &[""]), None);
        assert_eq!(host("/", &["a.test", "a.test"]), None);
        assert_eq!(host("http://b.test/", &["a.test"]), None);
    }

    #[test]
    fn u1_every_answer_is_hardened_and_an_endpoints_choice_stays() {
        let mut response =
            Response::builder().header("Server", "x").header("Cache-Control", "max-age=60").finish();
        secure(&mut response, true, true);
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap_or(""));
        assert_eq!(header("server"), None);
        assert_eq!(header("cache-control"), Some("max-age=60"));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("referrer-policy"), Some("no-referrer"));
        assert_eq!(header("strict-transport-security"), Some("max-age=31536000"));
        assert_eq!(header("cross-origin-opener-policy"), None);
    }
}
