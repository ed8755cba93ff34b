//! A browser without scripts: keeps cookies, reads forms, follows redirects within the server only.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::client::{Http, Reply};
use super::fixtures::{Client, User};
use super::flow::Redirect;
use super::{Pkce, Server};

/// One browser: nobody is signed in at first.
pub struct Browser<'a> {
    server: &'a Server,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    /// A browser without cookies.
    pub fn new(server: &'a Server) -> Self {
        Self { server, cookies: RefCell::default() }
    }

    /// A browser in which a user has signed in.
    pub fn of(server: &'a Server, user: &User) -> Self {
        let browser = Self::new(server);
        let reply = browser.sign_in(user);
        assert_eq!(reply.status, 303, "{} signs in: {reply:?}", user.username);
        browser
    }

    /// Its cookies.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.borrow().clone()
    }

    /// Sets a cookie, as another page might.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// The cookie of the signed-in session.
    pub fn session(&self) -> Option<String> {
        self.cookies.borrow().iter().find(|(name, _)| name.ends_with("_session")).map(|(_, v)| v.clone())
    }

    /// `GET path`, redirects not followed.
    pub fn get(&self, path: &str) -> Reply {
        self.send(Http::get(self.server.url(path)))
    }

    /// `GET path`, and the redirects within the server.
    pub fn open(&self, path: &str) -> Reply {
        self.follow(self.get(path))
    }

    /// Posts a form.
    pub fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.send(Http::post(self.server.url(path)).form(pairs))
    }

    /// Posts a form with one header more.
    pub fn post_with(&self, path: &str, pairs: &[(&str, &str)], name: &str, value: &str) -> Reply {
        self.send(Http::post(self.server.url(path)).form(pairs).header(name, value))
    }

    /// Posts the hidden fields of a page's form with these further ones.
    pub fn submit(&self, page: &Reply, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let hidden = hidden(page);
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.extend_from_slice(pairs);
        self.post(path, &all)
    }

    /// Follows redirects to paths of the server.
    pub fn follow(&self, mut reply: Reply) -> Reply {
        for _ in 0..6 {
            let Some(location) = reply.header("location").map(str::to_owned) else { return reply };
            let path = location.strip_prefix(self.server.issuer()).unwrap_or(&location).to_owned();
            if !path.starts_with('/') {
                return reply;
            }
            reply = self.get(&path);
        }
        panic!("redirects without end: {reply:?}");
    }

    /// Signs in by the page's own form.
    pub fn sign_in(&self, user: &User) -> Reply {
        let page = self.get("/login");
        self.sign_in_at(&page, user)
    }

    /// Signs in by the form of a page.
    pub fn sign_in_at(&self, page: &Reply, user: &User) -> Reply {
        let pairs = [("identifier", user.username.as_str()), ("password", user.password.as_str())];
        self.submit(page, "/login", &pairs)
    }

    /// Begins an authorization; follows it to the page that it shows, or to the client.
    pub fn authorize(&self, client: &Client, further: &[(&str, &str)], pkce: &Pkce) -> Reply {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("state", "s"),
            ("code_challenge", pkce.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| !further.iter().any(|(other, _)| other == name));
        pairs.extend_from_slice(further);
        let query = Http::get(self.server.endpoint("authorization_endpoint")).query(&pairs);
        self.follow(self.send(query))
    }

    fn send(&self, request: Http) -> Reply {
        let line: Vec<String> = self.cookies.borrow().iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = if line.is_empty() { request } else { request.header("Cookie", &line.join("; ")) };
        let reply = request.send();
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            let mut cookies = self.cookies.borrow_mut();
            if line.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }
}

/// Names and values of the hidden fields of a page's first form that has any.
pub fn hidden(page: &Reply) -> Vec<(String, String)> {
    let text = page.text();
    let form = text.split("<form").find(|part| part.contains("type=\"hidden\"")).unwrap_or_default();
    let form = form.split("</form>").next().unwrap_or_default();
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!("{name}=\""))?.1;
        Some(unescaped(rest.split('"').next()?))
    };
    form.split('<')
        .filter(|tag| tag.starts_with("input") && tag.contains("type=\"hidden\""))
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        .collect()
}

/// One hidden field.
pub fn field(page: &Reply, name: &str) -> String {
    let found = hidden(page).into_iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no field {name}: {page:?}")).1
}

/// The answer of the authorization endpoint, at the client.
#[track_caller]
pub fn at_client(reply: &Reply) -> Redirect {
    assert_eq!(reply.status, 303, "a redirect to the client was expected: {reply:?}");
    Redirect::parse(reply.header("location").expect("a Location"))
}

fn unescaped(text: &str) -> String {
    text.replace("&#x2f;", "/")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
