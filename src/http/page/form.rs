//! Forms that are this browser's own.

use poem::http::header;
use poem::{Request, Response};

use super::set_cookie;
use crate::app::{App, clock};
use crate::http::cookies::Cookie;
use crate::http::form::PageForm;
use crate::http::pairs::Pairs;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::{Kind, SecretHash, form_token};

/// How long the browser's own cookie lives, in seconds: longer than any request waits.
const BROWSER_S: u64 = 3_600;

/// A form of our own pages: posted by this server's own page, with the token of the cookie that it is bound to
/// (attack row T2). `token` is none where the cookie is absent, which no form can make up for.
///
/// # Errors
/// [`Reject::Form`], or [`Reject::Malformed`] for what is no form.
pub fn own_form(request: &Request, form: poem::Result<PageForm>, token: Option<&str>) -> Result<Pairs, Stop> {
    if !posted_by_us(request) {
        return Err(Reject::Form.into());
    }
    let mut form = form.map_err(|_| Reject::Malformed("the form cannot be read"))?.0;
    let once = !form.is_repeated("csrf");
    let (Some(token), Some(given)) = (token, form.take("csrf").filter(|_| once)) else {
        return Err(Reject::Form.into());
    };
    // Hashes, so that the comparison takes the same time wherever the two differ.
    if !SecretHash::of(&given).matches(&SecretHash::of(token).0) {
        return Err(Reject::Form.into());
    }
    Ok(form)
}

/// What the browser says of the page that posted. A browser that says nothing is judged by the token alone; so is
/// `Origin: null`, which `Referrer-Policy: no-referrer` makes of every form of ours.
fn posted_by_us(request: &Request) -> bool {
    let site = request.header("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    match request.header(header::ORIGIN) {
        None | Some("null") => true,
        Some(origin) => {
            let host = request.header(header::HOST).unwrap_or_default();
            // The guard has seen to it that the host is one of ours.
            origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host))
        }
    }
}

/// The cookie of a browser in which nobody need be signed in: what it has, or a new one to be set.
#[derive(Debug)]
pub struct Browser {
    secret: String,
    fresh: bool,
}

impl Browser {
    /// Reads the cookie, or makes one.
    ///
    /// # Errors
    /// A fault of the random generator.
    pub fn of(app: &App, request: &Request) -> Result<Self, Fault> {
        Ok(match Self::known(app, request) {
            Some(known) => known,
            None => Self { secret: clock::new_secret(Kind::Transaction)?.reveal().to_owned(), fresh: true },
        })
    }

    /// Reads the cookie.
    pub fn known(app: &App, request: &Request) -> Option<Self> {
        let secret = Cookie::Browser.read(app, request).filter(|value| value.len() >= 43)?;
        Some(Self { secret: secret.to_owned(), fresh: false })
    }

    /// A form that this browser posted of a page where nobody need be signed in.
    ///
    /// # Errors
    /// As [`own_form`].
    pub fn posted(app: &App, request: &Request, form: poem::Result<PageForm>) -> Result<(Self, Pairs), Stop> {
        let browser = Self::known(app, request);
        let form = own_form(request, form, browser.as_ref().map(Self::csrf).as_deref())?;
        Ok((browser.ok_or(Reject::Form)?, form))
    }

    /// What pending requests are bound to.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.secret)
    }

    /// What the hidden field `csrf` of a form holds that this browser may post.
    pub fn csrf(&self) -> String {
        form_token(&self.secret)
    }

    /// Sets the cookie where it is new.
    pub fn keep(&self, app: &App, response: &mut Response) {
        if self.fresh {
            set_cookie(response, &Cookie::Browser.set(app, &self.secret, BROWSER_S));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        headers
            .iter()
            .fold(Request::builder().header("host", "auth.test"), |r, (n, v)| r.header(*n, *v))
            .finish()
    }

    #[test]
    fn t2_what_other_sites_post_is_seen() {
        for ours in [
            &[][..],
            &[("origin", "https://auth.test")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
        ] {
            assert!(posted_by_us(&request(ours)), "{ours:?}");
        }
        for other in [
            ("origin", "https://evil"),
            ("origin", "https://auth.test.evil"),
            ("origin", "auth.test"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!posted_by_us(&request(&[other])), "{other:?}");
        }
    }
}
