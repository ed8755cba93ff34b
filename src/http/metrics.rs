//! `/metrics`: what [`Metrics`] counted, for a scraper.

use std::sync::Arc;

use poem::{Endpoint, Request, Response};

use crate::telemetry::Metrics;

/// The endpoint; one for every route that serves measurements.
#[derive(Clone, Debug)]
pub struct MetricsEndpoint(pub Arc<Metrics>);

impl Endpoint for MetricsEndpoint {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Ok(Response::builder().content_type(content_type).body(self.0.encode()))
    }
}

#[cfg(test)]
mod tests {
    use poem::http::header;
    use poem::test::TestClient;
    use poem::{Route, get, handler};

    use super::super::guard::{Guard, GuardSettings};
    use super::*;

    #[handler]
    fn item() -> &'static str {
        "x"
    }

    #[tokio::test]
    async fn requests_are_counted_by_template_and_never_by_path() {
        let metrics = Arc::new(Metrics::new());
        let mut settings = GuardSettings::new("http://localhost".parse().unwrap());
        settings.metrics = Some(Arc::clone(&metrics));
        let api = Route::new().at("/clients/:id", get(item));
        let routes = Route::new().nest("/oauth2", api).at("/metrics", get(MetricsEndpoint(metrics)));
        let client = TestClient::new(Guard::new(routes, settings)).default_header(header::HOST, "localhost");
        for path in
            ["/oauth2/clients/s3cret?code=s3cret", "/s3cret", "/oauth2/clients", "/oauth2/clients/a;s3cret"]
        {
            client.get(path).send().await;
        }
        client.post("/oauth2/clients/s3cret").send().await;
        let response = client.get("/metrics").send().await;
        response.assert_content_type("application/openmetrics-text; version=1.0.0; charset=utf-8");
        let text = response.0.into_body().into_string().await.unwrap();
        for line in [
            r#"_count{route="/oauth2/clients/:id",method="GET",status="200"} 1"#,
            r#"_count{route="/oauth2/clients/:id",method="POST",status="405"} 1"#,
            r#"_count{route="unmatched",method="GET",status="404"} "#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("s3cret"));
    }
}
