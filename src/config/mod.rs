//! Typed settings of the server: one commented file, unknown keys refused, every key with a default.
//!
//! Precedence: `--set a.b=c` over the environment (`GRANTWOOD_A__B`) over the file over the defaults.

mod decisions;
mod forward_auth;
mod load;
mod pages;
mod policy_source;
mod seconds;
mod settings;
mod users;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

pub use forward_auth::ForwardAuth;
pub use load::{Origin, Origins, Sources, load};
pub use pages::{EarlyErrors, Pages, TrustedIssuer, UserMatch};
pub use policy_source::{GitSource, PolicySource, Signed};
pub use seconds::{Seconds, duration_schema};
pub use settings::{
    AdminWrites, Assertions, Clients, Config, Cors, Database, Docs, Keys, Limits, Log, LogFormat, OnDenied,
    Policies, Scopes, Server, TokenAlg, Tokens,
};
pub use users::{Sessions, Users};

/// Why the configuration was refused: each line names the key and where it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// The public URL and what follows from it: the issuer is exactly its text.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    url: Url,
    issuer: String,
}

impl PublicUrl {
    /// Checks a public URL: https, or http on a loopback address; no path, query or fragment (RFC 8414 §2).
    pub fn parse(text: &str, behind_proxy: bool) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("public_url {text:?} is not a URL: {e}"))?;
        if url.query().is_some()
            || url.fragment().is_some()
            || url.path() != "/"
            || !url.username().is_empty()
        {
            return Err("public_url has no path, query, fragment or user name".to_owned());
        }
        let loopback = is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if loopback || behind_proxy => {}
            "http" => {
                return Err(
                    "public_url uses http, which is for loopback addresses only; use https, or list the proxy \
                     that ends TLS in server.trusted_proxies"
                        .to_owned(),
                );
            }
            other => return Err(format!("public_url has scheme {other}; use https")),
        }
        if url.host().is_none() {
            return Err("public_url names no host".to_owned());
        }
        let issuer = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, issuer })
    }

    /// The issuer identifier (RFC 8414 §2): the public URL without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The URL itself.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// An absolute URL of this server.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Whether the server is reached on this machine only, over http.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Whether cookies carry `Secure`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Config {
    /// The public URL; absent means `http://<listen>`, which is refused for an unspecified address.
    pub fn public_url(&self) -> Result<PublicUrl, ConfigError> {
        let proxied = !self.server.trusted_proxies.is_empty();
        let text = match &self.public_url {
            Some(text) => text.clone(),
            None => {
                let address = self.listen_address()?;
                if address.ip().is_unspecified() || address.port() == 0 {
                    return Err(ConfigError(vec![format!(
                        "public_url is required when listen is {address}: an issuer names one host and port"
                    )]));
                }
                format!("http://{address}")
            }
        };
        PublicUrl::parse(&text, proxied).map_err(|why| ConfigError(vec![why]))
    }

    /// The address to listen on.
    pub fn listen_address(&self) -> Result<SocketAddr, ConfigError> {
        let text = self.listen.replacen("localhost:", "127.0.0.1:", 1);
        text.parse().map_err(|_| {
            ConfigError(vec![format!(
                "listen {:?} is not an address and port, such as 127.0.0.1:8080",
                self.listen
            )])
        })
    }

    /// Everything that deserialisation alone cannot see, all problems at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        for check in [self.listen_address().map(|_| ()), self.public_url().map(|_| ())] {
            problems.extend(check.err().into_iter().flat_map(|e| e.0));
        }
        let bounded = [
            ("tokens.access_ttl", self.tokens.access_ttl, 1, 86_400 * 30),
            ("tokens.code_ttl", self.tokens.code_ttl, 1, 600),
            ("tokens.revoked_max_age", self.tokens.revoked_max_age, 1, 3_600),
            ("assertions.max_ttl", self.assertions.max_ttl, 1, 3_600),
            ("users.token_ttl", self.users.token_ttl, 1, 86_400),
            ("keys.overlap", self.keys.overlap, 0, 86_400 * 30),
        ];
        for (key, value, least, most) in bounded {
            if !(least..=most).contains(&value.0) {
                problems.push(format!("{key} is {} s; it may be {least} to {most} s", value.0));
            }
        }
        if !(2_048..=4_096).contains(&self.clients.rsa_bits) {
            problems.push("clients.rsa_bits may be 2048 to 4096".to_owned());
        }
        if self.tokens.alg == TokenAlg::HS256 && self.keys.hs256_secret_file.is_none() {
            problems
                .push("tokens.alg HS256 needs keys.hs256_secret_file, a file of 32 bytes or more".to_owned());
        }
        let lists = [
            ("server.trusted_proxies", &self.server.trusted_proxies),
            ("forward_auth.trusted_proxies", &self.forward_auth.trusted_proxies),
        ];
        for (key, proxies) in lists {
            let wrong = proxies.iter().filter_map(|proxy| check_proxy(proxy).err());
            problems.extend(wrong.map(|why| format!("{key}: {why}")));
        }
        for origin in &self.cors.consent_origins {
            if !is_origin(origin) {
                problems.push(format!(
                    "cors.consent_origins: {origin:?} is not an origin, such as https://app.example"
                ));
            }
        }
        if let Some(page) = &self.pages.consent_url
            && let Err(why) = self.check_consent_url(page)
        {
            problems.push(format!("pages.consent_url: {why}"));
        }
        if let Some(uri) = &self.clients.default_redirect_uri
            && let Err(why) = crate::oauth::redirect_uri::RedirectUri::parse(uri)
        {
            problems.push(format!("clients.default_redirect_uri: {why}"));
        }
        self.check_decisions(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    fn check_decisions(&self, problems: &mut Vec<String>) {
        let decisions = &self.decisions;
        for (key, value, most) in [
            ("decisions.rotate_mb", decisions.rotate_mb, 1 << 20),
            ("decisions.keep", decisions.keep.into(), 1_000),
            ("decisions.sample_allows", decisions.sample_allows.into(), 1_000_000),
        ] {
            if !(1..=most).contains(&value) {
                problems.push(format!("{key} is {value}; it may be 1 to {most}"));
            }
        }
        for header in &decisions.headers {
            if !is_harmless_header(header) {
                problems.push(format!(
                    "decisions.headers: {header:?} is no header in lower case, or one that carries credentials"
                ));
            }
        }
    }
}

/// A header's name in lower case, and not one that is made to carry a credential (attack row W4).
fn is_harmless_header(name: &str) -> bool {
    const CREDENTIALS: [&str; 5] = ["auth", "cookie", "token", "secret", "key"];
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty()
        && name.bytes().all(is_name)
        && name != "dpop"
        && !CREDENTIALS.iter().any(|word| name.contains(word))
}

impl Config {
    /// A page that works: an address of this server's scheme rules, whose origin may call the consent API.
    fn check_consent_url(&self, page: &str) -> Result<(), String> {
        let url = Url::parse(page).map_err(|e| format!("{page:?} is not a URL: {e}"))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err("uses https; http is for loopback addresses only".to_owned());
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("has no fragment, user name or password".to_owned());
        }
        let origin = url.origin().ascii_serialization();
        let own = self.public_url().is_ok_and(|public| public.issuer() == origin);
        if own || self.cors.consent_origins.contains(&origin) {
            return Ok(());
        }
        Err(format!("its origin {origin} must stand in cors.consent_origins"))
    }
}

/// An address or a network; the whole internet is never trusted (attack row V2).
fn check_proxy(text: &str) -> Result<(), String> {
    let (ip, bits) = match text.split_once('/') {
        Some((ip, bits)) => (ip, Some(bits)),
        None => (text, None),
    };
    let ip: IpAddr = ip.parse().map_err(|_| format!("{text:?} is not an address or network"))?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    match bits.map(str::parse::<u8>) {
        None => Ok(()),
        Some(Ok(bits)) if bits >= 1 && bits <= most => Ok(()),
        Some(_) => Err(format!("{text:?} has a prefix length outside 1 to {most}")),
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.origin().ascii_serialization() == text
            && url.has_host()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_url_is_an_issuer() {
        for good in
            ["https://as.example", "http://127.0.0.1:8080", "http://localhost:1", "https://as.example/"]
        {
            assert!(PublicUrl::parse(good, false).is_ok(), "{good}");
        }
        for bad in
            ["http://as.example", "https://as.example/x", "https://as.example?x", "ftp://as.example", "as"]
        {
            assert!(PublicUrl::parse(bad, false).is_err(), "{bad}");
        }
        assert_eq!(PublicUrl::parse("https://as.example/", false).unwrap().issuer(), "https://as.example");
    }

    #[test]
    fn an_unspecified_address_needs_a_public_url() {
        let config = Config { listen: "0.0.0.0:8080".to_owned(), ..Config::default() };
        assert!(config.public_url().is_err());
    }

    #[test]
    fn v2_the_whole_internet_is_no_proxy() {
        assert!(check_proxy("0.0.0.0/0").is_err());
        assert!(check_proxy("10.0.0.0/8").is_ok());
        assert!(check_proxy("::1").is_ok());
    }
}
