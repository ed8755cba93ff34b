//! Pages: HTML from view models. They know nothing of HTTP.

use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::oauth::reject::Fault;

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("assets/style.css");

const TEMPLATES: [(&str, &str); 4] = [
    ("base.html", include_str!("templates/base.html")),
    ("login.html", include_str!("templates/login.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("error.html", include_str!("templates/error.html")),
];

/// The templates, parsed once.
#[derive(Clone)]
pub struct Pages {
    environment: Arc<Environment<'static>>,
}

/// The sign-in page.
#[derive(Clone, Debug, Serialize)]
pub struct LoginPage {
    /// The pending request.
    pub request: String,
    /// The client that asks.
    pub client_name: String,
    /// What was typed before.
    pub identifier: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// The consent page.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentPage {
    /// The pending request.
    pub request: String,
    /// The client that asks.
    pub client_name: String,
    /// Its identifier.
    pub client_id: String,
    /// Who is signed in.
    pub username: String,
    /// Where the answer goes.
    pub redirect_host: String,
    /// What is asked for, by content type.
    pub groups: Vec<ScopeGroup>,
    /// Whether anything can be agreed to at all.
    pub anything_permitted: bool,
}

/// The scopes of a content type.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeGroup {
    /// The catalog's title.
    pub title: String,
    /// Its scopes.
    pub scopes: Vec<ScopeLine>,
}

/// A scope on the consent page.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeLine {
    /// Its name.
    pub name: String,
    /// The catalog's title.
    pub title: String,
    /// Whether it can be ticked.
    pub permitted: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Whether it was granted before.
    pub granted: bool,
    /// Whether the catalog marks it.
    pub sensitive: bool,
}

/// The error page.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// A plain sentence.
    pub message: String,
    /// The request's id, for whoever reads the log.
    pub request_id: String,
}

impl Pages {
    /// Parses the built-in templates.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if a template cannot be parsed.
    pub fn new() -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment
                .add_template(name, source)
                .map_err(|e| Fault::Inconsistent(format!("template {name}: {e}")))?;
        }
        Ok(Self { environment: Arc::new(environment) })
    }

    /// Makes the sign-in page.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the template fails.
    pub fn login(&self, page: &LoginPage) -> Result<String, Fault> {
        self.render("login.html", page)
    }

    /// Makes the consent page.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the template fails.
    pub fn consent(&self, page: &ConsentPage) -> Result<String, Fault> {
        self.render("consent.html", page)
    }

    /// Makes the error page.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the template fails.
    pub fn error(&self, page: &ErrorPage) -> Result<String, Fault> {
        self.render("error.html", page)
    }

    fn render(&self, name: &str, page: &impl Serialize) -> Result<String, Fault> {
        let failed = |e: minijinja::Error| Fault::Inconsistent(format!("template {name}: {e}"));
        let template = self.environment.get_template(name).map_err(failed)?;
        template.render(minijinja::value::Serde(page)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w2_names_are_rendered_inert() {
        let page = LoginPage {
            request: "gwt_x".to_owned(),
            client_name: "<img src=x onerror=alert(1)>\"><svg".to_owned(),
            identifier: "\" autofocus onfocus=\"x".to_owned(),
            error: Some("<b>".to_owned()),
        };
        let html = Pages::new().unwrap().login(&page).unwrap();
        assert!(!html.contains("<img") && !html.contains("<svg") && !html.contains("<b>"), "{html}");
        assert!(!html.contains("\" autofocus onfocus"), "{html}");
    }
}
