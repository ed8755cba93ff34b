//! Answers in HTML, and the policy that their browser holds them to.

use poem::Response;
use poem::http::{StatusCode, header};

/// A page whose forms lead to this server only.
pub fn html(status: StatusCode, body: String) -> Response {
    html_leading_to(status, body, "")
}

/// A page whose forms may lead on, by the redirect that follows, to the client at that redirect URI alone:
/// Chromium holds `form-action` against every redirect after a form (experience §8).
pub fn html_leading_to(status: StatusCode, body: String, redirect_uri: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        source_of(redirect_uri)
    );
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::CACHE_CONTROL, "no-store")
        .body(body)
}

/// A redirect URI as a source of a content security policy; a validated URI has no character that ends one.
fn source_of(redirect_uri: &str) -> String {
    match origin(redirect_uri) {
        // The grammar of sources has no IPv6 address.
        ipv6 if ipv6.contains("://[") => "http:".to_owned(),
        source => source,
    }
}

/// Scheme, host and port of a URI, or its scheme alone where it has no host that people know.
pub fn origin(uri: &str) -> String {
    match url::Url::parse(uri) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization()
        }
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

/// 303, so that what was posted never travels on (attack row B7).
pub fn see_other(location: &str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).body(())
}

/// Adds a `Set-Cookie` line.
pub fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = line.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_where_the_form_leads() {
        assert_eq!(source_of("https://c1.test/cb?x=1"), "https://c1.test");
        assert_eq!(source_of("http://127.0.0.1:4711/cb"), "http://127.0.0.1:4711");
        assert_eq!(source_of("com.example.app:/cb"), "com.example.app:");
        assert_eq!(source_of("http://[::1]:1/cb"), "http:");
        assert_eq!(source_of(""), "");
    }
}
