//! Cookies of the pages: host-only, HTTP-only, `Secure` but on a loopback issuer (attack rows T3, D23).

use poem::Request;
use poem::http::header;

use crate::app::App;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The signed-in session.
    Session,
    /// The browser, from before anybody signs in: binds pending requests to it.
    Browser,
    /// The ticket of credentials that one page of administration shows once.
    Once,
}

impl Cookie {
    fn name(self, app: &App) -> &'static str {
        match (self, app.public.is_https()) {
            (Self::Session, true) => "__Host-grantwood_session",
            (Self::Session, false) => "grantwood_session",
            (Self::Once, true) => "__Host-grantwood_once",
            (Self::Once, false) => "grantwood_once",
            (Self::Browser, true) => "__Host-grantwood_browser",
            (Self::Browser, false) => "grantwood_browser",
        }
    }

    /// Its value, if it came exactly once.
    pub fn read<'a>(self, app: &App, request: &'a Request) -> Option<&'a str> {
        let name = self.name(app);
        let mut found = None;
        for line in request.headers().get_all(header::COOKIE) {
            for pair in line.to_str().ok()?.split(';') {
                let Some((key, value)) = pair.trim().split_once('=') else { continue };
                if key == name {
                    if found.is_some() {
                        return None;
                    }
                    found = Some(value);
                }
            }
        }
        found.filter(|value| value.len() <= 128)
    }

    /// The `Set-Cookie` line that sets it for so many seconds; 0 removes it.
    pub fn set(self, app: &App, value: &str, seconds: u64) -> String {
        let secure = if app.public.is_https() { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", self.name(app))
    }
}
