//! Which methods each path takes: what a 405 answers in `Allow`.

use std::collections::HashMap;

use poem::http::Method;

/// The keys of a path item that are methods (OpenAPI 3.0.0).
const OPERATIONS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Which methods a path template takes, for the `Allow` of a 405 (RFC 9110 §15.5.6).
#[derive(Clone, Debug, Default)]
pub struct Methods(HashMap<String, Vec<String>>);

impl Methods {
    /// Adds a route in the router's spelling, such as `/login` or `/admin/clients/:id`.
    #[must_use]
    pub fn at(mut self, template: &str, methods: &[Method]) -> Self {
        for method in methods {
            self.add(template.to_owned(), method.as_str());
        }
        self
    }

    /// Adds every path of an OpenAPI document, below `mount` (empty for the root).
    #[must_use]
    pub fn openapi(mut self, document: &serde_json::Value, mount: &str) -> Self {
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let template = path.replace('{', ":").replace('}', "");
            for method in item.as_object().into_iter().flat_map(|item| item.keys()) {
                if OPERATIONS.contains(&method.as_str()) {
                    self.add(format!("{mount}{template}"), &method.to_ascii_uppercase());
                }
            }
        }
        self
    }

    fn add(&mut self, template: String, method: &str) {
        let known = self.0.entry(template).or_default();
        let both = if method == "GET" { vec!["GET", "HEAD"] } else { vec![method] };
        for method in both {
            if !known.iter().any(|other| other == method) {
                known.push(method.to_owned());
                known.sort();
            }
        }
    }

    /// The value of `Allow`; empty where nothing is known, which RFC 9110 permits.
    pub(super) fn allow(&self, template: Option<&str>) -> String {
        template
            .and_then(|template| self.0.get(template))
            .map(|methods| methods.join(", "))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a8_the_document_knows_the_methods() {
        let document = serde_json::json!({ "paths": {
            "/token": { "post": {} },
            "/clients/{documentId}": { "put": {}, "get": {}, "parameters": [] },
        } });
        let methods =
            Methods::default().openapi(&document, "/oauth2").at("/login", &[Method::GET, Method::POST]);
        assert_eq!(methods.allow(Some("/oauth2/token")), "POST");
        assert_eq!(methods.allow(Some("/oauth2/clients/:documentId")), "GET, HEAD, PUT");
        assert_eq!(methods.allow(Some("/login")), "GET, HEAD, POST");
        assert_eq!(methods.allow(None), "");
    }
}
