//! `/schemas/<name>.json`: the JSON Schemas of settings and policy documents, for editors.

use poem::{Route, get};

use super::assets::Asset;
use crate::app::schemas;

/// Adds the schemas.
pub fn routes(routes: Route) -> Route {
    schemas::NAMES.iter().fold(routes, |routes, (name, _)| {
        let text = schemas::text(name).unwrap_or_default();
        routes.at(path(name), get(Asset::new(text, "application/schema+json")))
    })
}

/// Where a schema is served.
pub fn path(name: &str) -> String {
    format!("/schemas/{name}.json")
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use super::*;

    #[tokio::test]
    async fn every_schema_is_served_and_nothing_else() {
        let client = TestClient::new(routes(Route::new()));
        for (name, _) in schemas::NAMES {
            let reply = client.get(path(name)).send().await;
            reply.assert_content_type("application/schema+json");
            assert_eq!(reply.0.into_body().into_string().await.ok(), schemas::text(name));
        }
        client.get("/schemas/user.json").send().await.assert_status(poem::http::StatusCode::NOT_FOUND);
    }
}
