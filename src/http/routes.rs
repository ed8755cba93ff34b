//! All routes, on one page.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem::http::Method;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Response, Route, get, post};
use poem_openapi::{OpenApi, OpenApiService, Tags as OpenApiTags};
use serde_json::Value;

use super::access_tokens::AccessTokensApi;
use super::account;
use super::address::Networks;
use super::admin::{self, AdminApi};
use super::assets::Asset;
use super::authorize::authorize;
use super::authzen::AuthZenApi;
use super::clients::ClientsApi;
use super::consent::ConsentApi;
use super::consent_page::{consent, consent_page};
use super::cors::cors;
use super::decisions::DecisionsApi;
use super::docs;
use super::errors_page::errors_page;
use super::forward_auth::{self, ForwardAuth};
use super::guard::{Guard, GuardSettings, MANAGEMENT};
use super::login::{login, login_page, logout};
use super::methods::Methods;
use super::page;
use super::path::below;
use super::policy_reloads::PolicyReloadsApi;
use super::revoked::RevokedApi;
use super::schemas;
use super::scopes::ScopesApi;
use super::server_info::{ServerApi, healthz, metrics, readyz};
use super::sessions::SessionsApi;
use super::sign_in::SignInApi;
use super::token::TokenApi;
use super::users::UsersApi;
use crate::app::App;
use crate::oauth::reject::Fault;
use crate::pages::{self, Pages};

/// The groups of the API document.
#[derive(OpenApiTags)]
pub enum Tags {
    /// What stock OAuth clients use.
    Protocol,
    /// What a consent page of your own uses, and what a user agreed to.
    Consent,
    /// The management of clients.
    Clients,
    /// The management of tokens.
    Tokens,
    /// The management of users, and their sessions.
    Users,
    /// The catalog and the ceiling over it.
    Policies,
    /// What the policies permit now: AuthZEN.
    Decisions,
    /// The server itself.
    Server,
}

/// The server that endpoints work on. Only the API document is made without one.
#[derive(Clone)]
pub struct Served(Option<Arc<App>>);

impl std::ops::Deref for Served {
    type Target = Arc<App>;

    fn deref(&self) -> &Arc<App> {
        self.0.as_ref().expect("endpoints are called on a server, never on its document")
    }
}

/// Whether the server is about to stop: `/readyz` says so before the listener closes.
#[derive(Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// The server stops.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it does.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What machines call with each request of theirs.
type Machines = (TokenApi, RevokedApi, AuthZenApi);

type Rest = (
    ConsentApi,
    SignInApi,
    ClientsApi,
    AccessTokensApi,
    ScopesApi,
    (UsersApi, SessionsApi),
    PolicyReloadsApi,
    AdminApi,
    DecisionsApi,
    ServerApi,
);

/// Paths of [`Machines`], and all below them.
const MACHINES: [&str; 6] = [
    "/oauth2/token",
    "/oauth2/introspect",
    "/oauth2/revoke",
    "/oauth2/revoked-tokens",
    "/access/v1",
    "/.well-known/authzen-configuration",
];

fn machines(app: &Served) -> Machines {
    (TokenApi { app: app.clone() }, RevokedApi { app: app.clone() }, AuthZenApi { app: app.clone() })
}

fn rest(app: &Served) -> Rest {
    (
        ConsentApi { app: app.clone() },
        SignInApi { app: app.clone() },
        ClientsApi { app: app.clone() },
        AccessTokensApi { app: app.clone() },
        ScopesApi { app: app.clone() },
        (UsersApi { app: app.clone() }, SessionsApi { app: app.clone() }),
        PolicyReloadsApi { app: app.clone() },
        AdminApi { app: app.clone() },
        DecisionsApi { app: app.clone() },
        ServerApi { app: app.clone() },
    )
}

fn service<T: OpenApi>(api: T) -> OpenApiService<T, ()> {
    OpenApiService::new(api, "Grantwood", env!("CARGO_PKG_VERSION"))
        .summary("An OAuth 2.0 authorization server whose every grant is decided by Cedar policies in files")
        .description(
            "Protocol endpoints answer errors as RFC 6749 §5.2 has them; management endpoints answer \
             `{data, meta}` and, for errors, `{data: null, error: {status, name, message, details}}`. \
             The same API answers under /strapi-plugin-oauth2.",
        )
}

/// The API document, as `/openapi.json` and `grantwood openapi` show it.
pub fn document() -> String {
    let mut document: Value =
        serde_json::from_str(&service((machines(&Served(None)), rest(&Served(None)))).spec())
            .unwrap_or_default();
    add_authorize(&mut document);
    forward_auth::document(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The authorization endpoint speaks to browsers, so it is no part of the generated API.
fn add_authorize(document: &mut Value) {
    let parameter = |name: &str, required: bool, text: &str| {
        serde_json::json!({
            "name": name, "in": "query", "required": required, "description": text,
            "schema": { "type": "string" },
        })
    };
    let parameters = vec![
        parameter("response_type", true, "`code`."),
        parameter("client_id", true, "The client."),
        parameter("redirect_uri", false, "A registered redirect URI; may be absent where there is one only."),
        parameter("scope", false, "With one space between; absent = all of the client's."),
        parameter("state", false, "Handed back as it came."),
        parameter("code_challenge", false, "RFC 7636 §4.2; required but for clients with `pkce: optional`."),
        parameter("code_challenge_method", false, "`S256`."),
        parameter(
            "prompt",
            false,
            "`none`, or of `login`, `consent` and `select_account`, with one space between.",
        ),
        parameter("max_age", false, "Oldest sign-in that will do, in seconds."),
        parameter("login_hint", false, "The account that the client expects."),
    ];
    document["paths"]["/oauth2/authorize"] = serde_json::json!({
        "get": {
            "tags": ["Protocol"],
            "summary": "Authorization endpoint",
            "description": "RFC 6749 §4.1.1. For a browser: signs the user in, asks for consent, and ends at \
                            the client with `code`, `state` and `iss` (RFC 9207), or with `error`.",
            "operationId": "authorize",
            "parameters": parameters,
            "responses": {
                "303": { "description": "To sign-in and consent, or to the client's redirect URI." },
                "400": { "description": "Client or redirect URI is not good: a page, never a redirect." },
                "429": { "description": "Too many requests are pending: a page." },
                "503": { "description": "A fault of the server: a page; try again after `Retry-After`." },
            },
        },
    });
}

/// Management answers name the policy set that decided (attack row Y11).
async fn name_revision<E: Endpoint>(
    app: Arc<App>,
    next: Arc<E>,
    request: poem::Request,
) -> poem::Result<Response> {
    let management = MANAGEMENT.iter().any(|prefix| below(request.uri().path(), prefix));
    let revision = Arc::clone(app.policies.current().revision());
    let mut response = next.call(request).await?.into_response();
    if management && let Ok(value) = revision.parse() {
        response.headers_mut().insert("x-policy-revision", value);
    }
    Ok(response)
}

/// Calls of machines go past all that only pages and management need: a tenth of what an introspection costs.
struct Split<M, R> {
    machines: M,
    routes: R,
}

impl<M: Endpoint<Output = Response>, R: Endpoint> Endpoint for Split<M, R> {
    type Output = Response;

    async fn call(&self, request: poem::Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if MACHINES.iter().any(|prefix| below(path, prefix)) {
            return self.machines.call(request).await;
        }
        // Boxed: what pages need would be moved about with each call of a machine.
        Box::pin(self.routes.call(request)).await.map(IntoResponse::into_response)
    }
}

/// The whole server as one endpoint.
///
/// # Errors
/// [`Fault`] if a template cannot be parsed or a setting cannot be used.
pub fn routes(
    app: &Arc<App>,
    draining: &Draining,
) -> Result<impl Endpoint<Output = Response> + 'static, Fault> {
    let document = document();
    let parsed: Value = serde_json::from_str(&document).unwrap_or_default();
    let templates = Pages::open(app.config.pages.templates.as_deref()).map_err(Fault::Inconsistent)?;
    let mut routes = Route::new()
        .at("/oauth2/authorize", get(authorize).post(authorize))
        .at("/login", get(login_page).post(login))
        .at("/logout", post(logout))
        .at("/consent", get(consent_page).post(consent))
        .at("/docs/errors", get(errors_page))
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/metrics", get(metrics));
    for file in pages::assets::FILES {
        routes = routes.at(file.path, get(Asset::new(file.text, file.content_type).kept()));
    }
    routes = account::routes(routes);
    if app.config.docs.enabled {
        routes = docs::routes(routes, app.public.url(), app.public.issuer())
            .at("/openapi.json", get(docs::document(document)));
    }
    let served = Served(Some(Arc::clone(app)));
    let routes = schemas::routes(admin::routes(routes)).nest("/", service(rest(&served)));
    let (shared, named) = (Arc::clone(app), Arc::clone(app));
    let routes = routes
        .around(page::errors)
        .with(AddData::new(Arc::clone(app)))
        .with(AddData::new(templates))
        .with(AddData::new(draining.clone()))
        .around(move |next, request| cors(Arc::clone(&shared), next, request))
        .around(move |next, request| name_revision(Arc::clone(&named), next, request));
    let shared = Arc::clone(app);
    let machines = service(machines(&served)).into_endpoint();
    let machines = machines
        .with(AddData::new(Arc::clone(app)))
        .around(move |next, request| cors(Arc::clone(&shared), next, request));
    let routes = Split { machines, routes };
    let methods = account::methods(admin::methods(Methods::default()))
        .openapi(&parsed, "")
        .at("/oauth2/authorize", &[Method::GET, Method::POST])
        .at("/login", &[Method::GET, Method::POST])
        .at("/logout", &[Method::POST])
        .at("/consent", &[Method::GET, Method::POST])
        .at("/docs/errors", &[Method::GET])
        .at("/healthz", &[Method::GET])
        .at("/readyz", &[Method::GET])
        .at("/metrics", &[Method::GET]);
    let wrong = |why: String| Fault::Inconsistent(why);
    let settings = GuardSettings {
        hosts: app.config.server.hosts.clone(),
        trusted_proxies: Networks::parse(&app.config.server.trusted_proxies).map_err(wrong)?,
        alias: app.config.server.plugin_mount,
        methods,
        metrics: Some(Arc::clone(&app.metrics)),
        ..GuardSettings::new(app.public.url().clone())
    };
    Ok(Guard::new(ForwardAuth::new(app, routes).map_err(wrong)?, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_goes_where_it_is_answered() {
        let paths = |document: String| -> Vec<String> {
            let document: Value = serde_json::from_str(&document).unwrap();
            document["paths"].as_object().unwrap().keys().cloned().collect()
        };
        let is_theirs = |path: &String| MACHINES.iter().any(|prefix| below(path, prefix));
        let theirs = paths(service(machines(&Served(None))).spec());
        assert!(theirs.len() >= 10 && theirs.iter().all(is_theirs), "{theirs:?}");
        let others = paths(service(rest(&Served(None))).spec());
        assert!(others.len() >= 30 && !others.iter().any(is_theirs), "{others:?}");
    }
}
