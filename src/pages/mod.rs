//! Pages: HTML from view models. They know nothing of HTTP.
//!
//! A page is a struct that implements [`View`] and a template of the folder `templates/`, which is embedded as a
//! whole, and of which a folder may replace any. Sentences stand in `texts.yaml`; a template says one by `t("login.title")`.

pub mod account;
pub mod admin;
pub mod assets;
pub mod components;
pub mod consent;
mod filters;
mod overrides;
pub mod shell;
pub mod snippets;
mod texts;

use std::path::Path;
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
    /// With the templates and texts of a folder in the places of built-in ones.
    replaced: Option<Arc<Environment<'static>>>,
    texts: Arc<Texts>,
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

impl View for ErrorPage {
    const TEMPLATE: &'static str = "error.html";
}

/// Steps that a replaced template may take: far more than any page needs, and an end to endless loops.
const FUEL: u64 = 2_000_000;

impl Pages {
    /// Parses the built-in templates, and those of a folder that replace some of them.
    ///
    /// # Errors
    /// What is wrong, with file and line.
    pub fn open(folder: Option<&Path>) -> Result<Self, String> {
        let texts = Texts::default();
        let built_in = environment(&texts, &[])?;
        let Some(folder) = folder else {
            return Ok(Self { environment: Arc::new(built_in), replaced: None, texts: Arc::new(texts) });
        };
        let found = overrides::read(folder)?;
        let shown = |name: &str| folder.join(name).display().to_string();
        let texts = match &found.texts {
            Some(yaml) => texts.replaced_by(yaml).map_err(|why| format!("{}: {why}", shown("texts.yaml")))?,
            None => texts,
        };
        let mut replaced =
            environment(&texts, &found.templates).map_err(|why| format!("{}: {why}", folder.display()))?;
        replaced.set_fuel(Some(FUEL));
        let pages = Self {
            environment: Arc::new(built_in),
            replaced: Some(Arc::new(replaced)),
            texts: Arc::new(texts),
        };
        pages.try_out().map_err(|why| format!("{}: {why}", folder.display()))?;
        Ok(pages)
    }

    /// The built-in templates alone.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if a template cannot be parsed.
    pub fn new() -> Result<Self, Fault> {
        Self::open(None).map_err(Fault::Inconsistent)
    }

    /// A sentence without arguments, for what is no template's, such as a menu.
    pub fn text(&self, key: &str) -> String {
        self.texts.say(key, |_| None).unwrap_or_else(|| key.to_owned())
    }

    /// A sentence with arguments.
    pub fn say(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        let argument = |name: &str| arguments.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        self.texts.say(key, argument).unwrap_or_else(|| key.to_owned())
    }

    /// Makes a page. A replaced template that fails is logged, and the built-in one takes its place.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] if the built-in template fails.
    pub fn render<V: View>(&self, view: &V) -> Result<String, Fault> {
        if let Some(replaced) = &self.replaced {
            match rendered(replaced, view) {
                Ok(html) => return Ok(html),
                Err(why) => tracing::error!(event = "template", %why, "a replaced template failed"),
            }
        }
        rendered(&self.environment, view).map_err(Fault::Inconsistent)
    }

    /// Renders the public pages once, so that a mistake shows when the server starts and not to a person.
    fn try_out(&self) -> Result<(), String> {
        let Some(replaced) = &self.replaced else { return Ok(()) };
        let waiting = LoginPage { client_name: Some("x".to_owned()), ..LoginPage::default() };
        let failed = LoginPage { error: Some("login.wrong"), signed_out: true, ..LoginPage::default() };
        let error = ErrorPage { message: "x".to_owned(), request_id: "x".to_owned() };
        rendered(replaced, &LoginPage::default())?;
        rendered(replaced, &waiting)?;
        rendered(replaced, &failed)?;
        rendered(replaced, &error)?;
        rendered(replaced, &consent::ConsentPage::sample())?;
        rendered(replaced, &consent::AccountPage::sample())?;
        Ok(())
    }
}

/// All templates; `builtin/NAME` is a built-in one whatever replaces it.
fn environment(texts: &Texts, replaced: &[(String, String)]) -> Result<Environment<'static>, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_global("brand", "Grantwood");
    environment.add_global("version", env!("CARGO_PKG_VERSION"));
    environment.add_global("assets", assets::version());
    environment.add_filter("iso_time", filters::iso_time);
    environment.add_filter("human_time", filters::human_time);
    environment.add_filter("columns", filters::columns);
    environment.add_filter("error_of", filters::error_of);
    let said = texts.clone();
    environment.add_function("t", move |key: &str, arguments: Kwargs| say(&said, key, &arguments));
    for name in Templates::iter() {
        let broken = |why: String| format!("template {name}: {why}");
        let file = Templates::get(&name).ok_or_else(|| broken("is gone".to_owned()))?;
        let source = String::from_utf8(file.data.into_owned()).map_err(|e| broken(e.to_string()))?;
        if !replaced.is_empty() {
            let kept = format!("builtin/{name}");
            environment.add_template_owned(kept, source.clone()).map_err(|e| placed(&e))?;
        }
        environment.add_template_owned(name.to_string(), source).map_err(|e| placed(&e))?;
    }
    for (name, source) in replaced {
        environment.add_template_owned(name.clone(), source.clone()).map_err(|e| placed(&e))?;
    }
    Ok(environment)
}

fn rendered<V: View>(environment: &Environment<'_>, view: &V) -> Result<String, String> {
    let template = environment.get_template(V::TEMPLATE).map_err(|e| placed(&e))?;
    template.render(minijinja::value::Serde(view)).map_err(|e| placed(&e))
}

/// An error with its place: `consent.html:12: …`.
fn placed(error: &minijinja::Error) -> String {
    let mut inner = error;
    // The innermost error has the place where it happened.
    while let Some(cause) =
        std::error::Error::source(inner).and_then(|cause| cause.downcast_ref::<minijinja::Error>())
    {
        inner = cause;
    }
    let name = inner.name().or_else(|| error.name()).unwrap_or("template");
    let line = inner.line().or_else(|| error.line()).unwrap_or(0);
    let detail = inner.detail().map_or_else(|| format!("{:?}", inner.kind()), ToOwned::to_owned);
    format!("{name}:{line}: {detail}")
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
