//! Redirect URIs: what may be registered, what matches, and how answers are appended.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::client::ClientType;

/// Longest redirect URI, in bytes.
pub const MAX_BYTES: usize = 2_048;
/// Most redirect URIs of one client.
pub const MAX_URIS: usize = 20;

/// A redirect URI that may be registered (RFC 6749 §3.1.2, RFC 8252 §7-8, RFC 9700 §2.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

/// Why a text is no redirect URI; the text says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Not an absolute URI.
    #[error("a redirect URI is an absolute URI, such as https://app.example/callback")]
    NotAbsolute,
    /// Longer than [`MAX_BYTES`].
    #[error("a redirect URI has at most 2048 bytes")]
    TooLong,
    /// White space, control, non-ASCII characters, a backslash or a wildcard.
    #[error("a redirect URI has no white space, control or non-ASCII characters, backslash or wildcard")]
    Characters,
    /// A fragment (RFC 6749 §3.1.2).
    #[error("a redirect URI has no fragment")]
    Fragment,
    /// User name or password.
    #[error("a redirect URI has no user name or password")]
    UserInfo,
    /// `http` to a host that is not loopback.
    #[error("a redirect URI uses https; http is for loopback addresses only")]
    Http,
    /// `javascript:`, `data:` and the like, or a custom scheme without a dot (RFC 8252 §7.1).
    #[error("a private-use scheme has a dot, as com.example.app")]
    Scheme,
    /// Not written as browsers write it, so that two spellings could name one place.
    #[error(
        "a redirect URI is written in its normal form: lower-case scheme and host, no default port, no dot segments"
    )]
    NotNormal,
    /// Its query already holds a parameter of the response.
    #[error("a redirect URI's query has no code, state, iss, error or response parameter")]
    ResponseParameter,
}

const RESPONSE_PARAMETERS: [&str; 7] =
    ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

impl RedirectUri {
    /// Checks a URI for registration (attack row C6, B11).
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        if text.len() > MAX_BYTES {
            return Err(RedirectUriError::TooLong);
        }
        if text.bytes().any(|b| b <= 0x20 || b >= 0x7f || matches!(b, b'\\' | b'*' | b'"' | b'<' | b'>')) {
            return Err(RedirectUriError::Characters);
        }
        if text.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::NotAbsolute)?;
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(RedirectUriError::UserInfo);
        }
        check_scheme(&url)?;
        if !is_normal(&url, text) {
            return Err(RedirectUriError::NotNormal);
        }
        if url.query_pairs().any(|(key, _)| RESPONSE_PARAMETERS.contains(&key.as_ref())) {
            return Err(RedirectUriError::ResponseParameter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request's `redirect_uri` names this one: the same bytes, or, for a public client's
    /// loopback address, the same bytes but for the port (RFC 9700 §2.1, RFC 8252 §7.3).
    pub fn matches(&self, requested: &str, client: ClientType) -> bool {
        if self.0 == requested {
            return true;
        }
        client == ClientType::Public
            && matches!((without_loopback_port(&self.0), without_loopback_port(requested)),
                (Some(mine), Some(theirs)) if mine == theirs)
    }

    /// The host, for policies and for the consent page; the scheme where there is no host.
    pub fn host(&self) -> String {
        Url::parse(&self.0).ok().map_or_else(String::new, |url| {
            url.host_str()
                .filter(|h| !h.is_empty())
                .map_or_else(|| url.scheme().to_owned(), ToOwned::to_owned)
        })
    }

    /// Whether the URI points at a loopback IP address.
    pub fn is_loopback(&self) -> bool {
        without_loopback_port(&self.0).is_some()
    }
}

/// A validated request URI: the string that the answer goes to.
///
/// Only [`super::client::Client::redirect_target`] makes one, so an unchecked URI cannot be redirected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget(String);

impl RedirectTarget {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The URI as it was requested.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI with the answer's parameters appended to the query that it has (RFC 6749 §4.1.2).
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in parameters {
            query.append_pair(key, value);
        }
        let joint = match self.0.find('?') {
            None => "?",
            Some(at) if at + 1 == self.0.len() => "",
            Some(_) => "&",
        };
        format!("{}{joint}{}", self.0, query.finish())
    }
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or("")
}

fn check_scheme(url: &Url) -> Result<(), RedirectUriError> {
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" => match url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => Ok(()),
            Some(Host::Ipv6(ip)) if ip.is_loopback() => Ok(()),
            Some(Host::Domain("localhost")) => Ok(()),
            _ => Err(RedirectUriError::Http),
        },
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(RedirectUriError::Scheme),
    }
}

/// Browsers rewrite what is not normal, so only the normal form may be registered.
/// An absent path is the one spelling that both sides keep apart by themselves.
fn is_normal(url: &Url, text: &str) -> bool {
    let encoded_dots = text.to_ascii_lowercase().contains("%2e");
    let written = url.as_str();
    !encoded_dots && (written == text || written.strip_suffix('/') == Some(text))
}

/// `http://127.0.0.1:49152/cb` → (`http://127.0.0.1`, `/cb`); nothing for any other spelling or host.
fn without_loopback_port(text: &str) -> Option<(&'static str, &str)> {
    let (base, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|base| text.strip_prefix(base).map(|rest| (base, rest)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let port: u32 = rest[..digits].parse().ok()?;
            if !(1..=65_535).contains(&port) || rest.starts_with('0') {
                return None;
            }
            &rest[digits..]
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((base, rest))
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectUriError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c6_registration_refuses() {
        for bad in [
            "/cb",
            "https://c1.test/cb#f",
            "https://u@c1.test/cb",
            "https://*.c1.test/cb",
            "http://c1.test/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "myapp:/cb",
            "https://c1.test/cb\n",
            "HTTPS://c1.test/cb",
            "https://C1.test/cb",
            "https://c1.test:443/cb",
            "https://c1.test/a/../cb",
            "https://c1.test/%2e%2e/cb",
            "https://c1.test\\@evil/cb",
            "https:///cb",
            "https://c1.test/cb?code=1",
            "https://c1.test/cb?a=1&state=2",
            "http://127.1/cb",
            "",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
        assert!(RedirectUri::parse(&format!("https://c1.test/{}", "a".repeat(2_048))).is_err());
    }

    #[test]
    fn registration_accepts() {
        for good in [
            "https://c1.test/cb",
            "https://c1.test",
            "http://127.0.0.1/cb",
            "http://[::1]:80/cb".trim_end_matches(":80/cb"),
            "http://localhost:3000/cb",
            "com.example.app:/cb",
            "https://c1.test/cb?a=1",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn c3_loopback_port_is_free_for_public_clients_only() {
        let uri = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(uri.matches("http://127.0.0.1:49152/cb", ClientType::Public));
        assert!(!uri.matches("http://127.0.0.1:49152/cb", ClientType::Confidential));
        for bad in [
            "http://localhost:49152/cb",
            "http://[::1]:1/cb",
            "http://127.000.000.001:1/cb",
            "http://127.1:1/cb",
            "http://2130706433/cb",
            "https://127.0.0.1:1/cb",
            "HTTP://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb?x",
            "http://127.0.0.1:1/x/../cb",
            "http://user@127.0.0.1:1/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:1@evil/cb",
            "http://127.0.0.1.evil/cb",
        ] {
            assert!(!uri.matches(bad, ClientType::Public), "{bad}");
        }
    }

    #[test]
    fn b11_a_query_is_kept() {
        assert_eq!(
            RedirectTarget::new("https://c1.test/cb?a=1").with(&[("code", "x y")]),
            "https://c1.test/cb?a=1&code=x+y"
        );
        assert_eq!(
            RedirectTarget::new("https://c1.test/cb").with(&[("code", "x")]),
            "https://c1.test/cb?code=x"
        );
    }
}
