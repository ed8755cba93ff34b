//! Pages: HTML from view models. They know nothing of HTTP.
//!
//! A page is a struct that implements [`View`] and a template of the folder `templates/`, which is embedded as a
//! whole. Sentences stand in `texts.yaml`; a template says one by `t("login.title")`.

pub mod admin;
pub mod assets;
pub mod components;
mod filters;
pub mod shell;
mod texts;

use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use rust_embed::RustEmbed;
use serde::Serialize;

use crate::oauth::reject::Fault;
use texts::Texts;

#[derive(RustEmbed)]
#[folder = "src/pages/templates/"]
struct Templates;

/// What a page shows.
pub trait View: Serialize {
    /// The template that shows it: a path below `templates/`.
    const TEMPLATE: &'static str;
}

/// The templates, parsed once.
#[derive(Clone)]
pub struct Pages {
    environment: Arc<Environment<'static>>,
}

/// The sign-in page.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginPage {
    /// The form's token.
    pub csrf: String,
    /// The pending request, if an application waits.
    pub request: Option<String>,
    /// The client that asks, if an application waits.
    pub client_name: Option<String>,
    /// Where to go afterwards, if no application waits.
    pub next: Option<String>,
    /// What was typed before.
    pub identifier: String,
    /// What went wrong: the key of a text.
    pub error: Option<&'static str>,
    /// Seconds to wait, where there were too many attempts.
    pub seconds: String,
    /// Whether somebody just signed out here.
    pub signed_out: bool,
    /// Whether the first password still lies where the first start put it.
    pub first_password: bool,
}

/// The consent page.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentPage {
    /// The form's token.
    pub csrf: String,
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

/// The page that explains error codes.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorCodesPage {
    /// The codes, by the alphabet.
    pub codes: Vec<ErrorCodeLine>,
    /// The id of the request whose error led here.
    pub request_id: Option<String>,
}

/// One error code.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ErrorCodeLine {
    /// As it stands in `error`.
    pub code: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

impl View for ErrorCodesPage {
    const TEMPLATE: &'static str = "errors.html";
}

impl View for LoginPage {
    const TEMPLATE: &'static str = "login.html";
}

impl View for ConsentPage {
    const TEMPLATE: &'static str = "consent.html";
}

impl View for ErrorPage {
    const TEMPLATE: &'static str = "error.html";
}

impl Pages {
    /// Parses the built-in templates.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if a template cannot be parsed.
    pub fn new() -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_global("brand", "Grantwood");
        environment.add_global("version", env!("CARGO_PKG_VERSION"));
        environment.add_global("assets", assets::version());
        environment.add_filter("iso_time", filters::iso_time);
        environment.add_filter("human_time", filters::human_time);
        environment.add_filter("columns", filters::columns);
        environment.add_filter("error_of", filters::error_of);
        let texts = Texts::default();
        environment.add_function("t", move |key: &str, arguments: Kwargs| say(&texts, key, &arguments));
        for name in Templates::iter() {
            let broken = |why: String| Fault::Inconsistent(format!("template {name}: {why}"));
            let file = Templates::get(&name).ok_or_else(|| broken("is gone".to_owned()))?;
            let source = String::from_utf8(file.data.into_owned()).map_err(|e| broken(e.to_string()))?;
            environment.add_template_owned(name.to_string(), source).map_err(|e| broken(e.to_string()))?;
        }
        Ok(Self { environment: Arc::new(environment) })
    }

    /// Makes a page.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the template fails.
    pub fn render<V: View>(&self, view: &V) -> Result<String, Fault> {
        let failed = |e: minijinja::Error| Fault::Inconsistent(format!("template {}: {e}", V::TEMPLATE));
        let template = self.environment.get_template(V::TEMPLATE).map_err(failed)?;
        template.render(minijinja::value::Serde(view)).map_err(failed)
    }
}

/// The template's `t(key, name=value, …)`. What it says is escaped where it stands, as every value.
fn say(texts: &Texts, key: &str, arguments: &Kwargs) -> Result<String, minijinja::Error> {
    let said = texts.say(key, |name| {
        let value: Option<minijinja::Value> = arguments.get(name).ok();
        value.filter(|value| !value.is_undefined() && !value.is_none()).map(|value| value.to_string())
    });
    said.ok_or_else(|| {
        let why = format!("there is no text {key}, or an argument of it is missing");
        minijinja::Error::new(ErrorKind::InvalidOperation, why)
    })
}

#[cfg(test)]
mod tests;
