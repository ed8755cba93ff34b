//! `/docs`: Swagger UI on our own document, with an *Authorize* that works (PKCE), and nothing loaded from
//! anywhere else.
//!
//! None of these pages may have a `Cross-Origin-Opener-Policy`: the authorization's pop-up finds its way back
//! by `window.opener`.

use poem::{Route, get};
use url::Url;

use super::assets::Asset;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PAGE: &str = "text/html; charset=utf-8";

/// Swagger UI sets styles by attribute and draws with data URLs; scripts are files of ours only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page that receives the answer needs one script and one style.
const RECEIVER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Path of the page that receives the authorization endpoint's answer; the redirect URI of the client
/// `swagger-ui` is this below the public URL.
pub const RECEIVER: &str = "/docs/oauth-receiver.html";

/// The redirect URI of the client `swagger-ui`.
pub fn receiver_url(public_url: &str) -> String {
    format!("{}{RECEIVER}", public_url.trim_end_matches('/'))
}

/// Adds `/docs` and what belongs to it. `issuer` is the `iss` that answers carry, exactly.
pub fn routes(routes: Route, public_url: &Url, issuer: &str) -> Route {
    let page =
        include_str!("docs/page.html").replace("{receiver}", &attribute(&receiver_url(public_url.as_str())));
    let receiver = include_str!("docs/receiver.html").replace("{issuer}", &attribute(issuer));
    let bundle = &include_bytes!("vendor/swagger-ui/swagger-ui-bundle.js")[..];
    let style = &include_bytes!("vendor/swagger-ui/swagger-ui.css")[..];
    let icon = &include_bytes!("vendor/swagger-ui/favicon-32x32.png")[..];
    routes
        .at("/docs", get(Asset::new(page, PAGE).with_policy(POLICY)))
        .at(RECEIVER, get(Asset::new(receiver, PAGE).with_policy(RECEIVER_POLICY)))
        .at("/docs/init.js", get(Asset::new(include_str!("docs/init.js"), SCRIPT)))
        .at("/docs/receiver.js", get(Asset::new(include_str!("docs/receiver.js"), SCRIPT)))
        .at("/docs/page.css", get(Asset::new(include_str!("docs/page.css"), STYLE)))
        .at("/docs/swagger-ui-bundle.js", get(Asset::new(bundle, SCRIPT).kept()))
        .at("/docs/swagger-ui.css", get(Asset::new(style, STYLE).kept()))
        .at("/docs/favicon.png", get(Asset::new(icon, "image/png").kept()))
}

/// The document itself, for `/openapi.json`.
pub fn document(spec: String) -> Asset {
    Asset::new(spec, "application/json")
}

/// Escapes a text for a quoted attribute.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use super::*;

    fn client() -> TestClient<Route> {
        let public_url = "https://auth.test/".parse().unwrap();
        let routes = routes(Route::new(), &public_url, "https://auth.test");
        TestClient::new(routes.at("/openapi.json", get(document("{}".to_owned()))))
    }

    #[tokio::test]
    async fn every_file_that_the_pages_name_is_there_and_none_is_elsewhere() {
        let client = client();
        for (page, base) in [("/docs", "/"), (RECEIVER, "/docs/")] {
            let html = client.get(page).send().await.0.into_body().into_string().await.unwrap();
            assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">") && html.contains("<title>"));
            assert!(!html.contains('{'), "a placeholder is left in {page}");
            for link in html
                .split(['"'])
                .filter(|part| part.ends_with(".js") || part.ends_with(".css") || part.ends_with(".png"))
            {
                assert!(!link.contains("//"), "{link}");
                client.get(format!("{base}{link}")).send().await.assert_status_is_ok();
            }
            assert!(html.contains("<script src=") && !html.contains("<script>") && !html.contains(" on"));
        }
        client.get("/openapi.json").send().await.assert_content_type("application/json");
    }

    #[tokio::test]
    async fn the_pages_know_the_receiver_and_the_issuer() {
        let client = client();
        let page = client.get("/docs").send().await;
        page.assert_header_exist("content-security-policy");
        assert!(page.0.header("cross-origin-opener-policy").is_none());
        let html = page.0.into_body().into_string().await.unwrap();
        assert!(html.contains("data-receiver=\"https://auth.test/docs/oauth-receiver.html\""));
        let receiver = client.get(RECEIVER).send().await.0.into_body().into_string().await.unwrap();
        assert!(receiver.contains("data-issuer=\"https://auth.test\""));
        assert_eq!(attribute("\"<&>"), "&quot;&lt;&amp;&gt;");
    }
}
