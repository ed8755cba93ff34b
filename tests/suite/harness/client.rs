//! A small HTTP client: no redirects, no cookies, a source address of its own for each test.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use base64::Engine as _;
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

/// One request in the making.
pub struct Http(RequestBuilder);

impl Http {
    /// `GET url`.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self::request(Method::GET, url)
    }

    /// `POST url`.
    pub fn post(url: impl AsRef<str>) -> Self {
        Self::request(Method::POST, url)
    }

    /// `PUT url`.
    pub fn put(url: impl AsRef<str>) -> Self {
        Self::request(Method::PUT, url)
    }

    /// `DELETE url`.
    pub fn delete(url: impl AsRef<str>) -> Self {
        Self::request(Method::DELETE, url)
    }

    /// Any method.
    pub fn request(method: Method, url: impl AsRef<str>) -> Self {
        Self(client().request(method, url.as_ref()))
    }

    /// A form body (`application/x-www-form-urlencoded`); pairs may repeat.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(pairs);
        self.raw_form(body.finish())
    }

    /// A form body exactly as written.
    pub fn raw_form(self, body: impl Into<reqwest::blocking::Body>) -> Self {
        Self(self.0.header("Content-Type", "application/x-www-form-urlencoded").body(body))
    }

    /// Query parameters; pairs may repeat.
    pub fn query(self, pairs: &[(&str, &str)]) -> Self {
        Self(self.0.query(pairs))
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// A header; repeats are kept.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// A body of any type.
    pub fn body(self, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Self {
        Self(self.0.header("Content-Type", content_type).body(body))
    }

    /// `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic` with form-encoded halves (RFC 6749 §2.3.1).
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let value = basic(&form_encoded(id), &form_encoded(secret));
        self.header("Authorization", &value)
    }

    /// Sends it; a connection that breaks fails the test.
    pub fn send(self) -> Reply {
        let answer = self.0.send().unwrap_or_else(|e| panic!("no answer: {e:?}"));
        Reply::read(answer).unwrap_or_else(|e| panic!("the answer broke off: {e:?}"))
    }

    /// Sends it; nothing when the connection is refused or breaks.
    pub fn try_send(self) -> Option<Reply> {
        Reply::read(self.0.send().ok()?).ok()
    }
}

/// An answer.
#[derive(Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    fn read(answer: reqwest::blocking::Response) -> reqwest::Result<Self> {
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Self { status, headers, body: answer.bytes()?.to_vec() })
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// A member of the JSON body, as text; fails the test if it is absent.
    pub fn member(&self, name: &str) -> String {
        match &self.json()[name] {
            Value::String(text) => text.clone(),
            other => panic!("member {name} is {other}: {self:?}"),
        }
    }

    /// The `error` of the JSON body, or an empty text.
    pub fn error(&self) -> String {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| body["error"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The access token of a token answer.
    pub fn access_token(&self) -> String {
        assert_eq!(self.status, 200, "a token was expected: {self:?}");
        self.member("access_token")
    }

    /// The words of `scope`, sorted: order carries no meaning (RFC 6749 §3.3).
    pub fn scopes(&self) -> Vec<String> {
        let mut words: Vec<String> =
            self.member("scope").split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        words.sort();
        words
    }

    /// Succeeds or fails the test.
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "success was expected: {self:?}");
        self
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.text();
        let short: String = body.chars().take(600).collect();
        write!(f, "{} {:?}\n{short}", self.status, self.headers)
    }
}

/// The value of an `Authorization: Basic` header, halves as given.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

/// One text in form encoding.
pub fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Each test runs in its own thread and gets its own loopback address, so that the server's limits on
/// failures per address, tripped by one test, do not reach another.
fn client() -> Client {
    static CLIENTS: Mutex<Option<HashMap<ThreadId, Client>>> = Mutex::new(None);
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let clients = clients.get_or_insert_with(HashMap::new);
    let number = clients.len();
    clients.entry(std::thread::current().id()).or_insert_with(|| from_address(number)).clone()
}

fn from_address(number: usize) -> Client {
    let part = |shift: usize| u8::try_from((number >> shift) & 0xff).expect("eight bits");
    let address = Ipv4Addr::new(127, 1 + part(15) % 250, part(7), 1 + part(0) % 128);
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .local_address(IpAddr::V4(address))
        .timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(8)
        .build()
        .expect("an HTTP client")
}
