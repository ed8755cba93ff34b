//! The pages below `/admin`: each is decided by the policy, with the session of who is signed in.

mod api;
mod audit;
mod client_edit;
mod client_fields;
mod client_keys;
mod client_list;
mod client_new;
mod client_tabs;
mod client_view;
mod context;
mod explained;
mod links;
mod policies;
mod server;
mod tokens;
mod users;

use std::sync::Arc;

use poem::http::Method;
use poem::web::Data;
use poem::{Request, Response, Route, get, handler, post};

use super::methods::Methods;
use super::page::{Page, PageError, PagePost};
use crate::app::App;
use crate::pages::Pages;

pub use api::AdminApi;
use context::Admin;

/// A page: `name => function of (&Admin, &Request)`.
macro_rules! shown {
    ($($name:ident => $body:path;)+) => {
        $(#[handler]
        async fn $name(
            app: Data<&Arc<App>>,
            pages: Data<&Pages>,
            page: Page,
            request: &Request,
        ) -> Result<Response, PageError> {
            let admin = Admin::new(app.0, pages.0, page, request);
            let done = $body(&admin, request).await;
            admin.told(done).await
        })+
    };
}

/// A form: `name => function of (&Admin, &Request, Pairs)`.
macro_rules! posted {
    ($($name:ident => $body:path;)+) => {
        $(#[handler]
        async fn $name(
            app: Data<&Arc<App>>,
            pages: Data<&Pages>,
            form: PagePost,
            request: &Request,
        ) -> Result<Response, PageError> {
            let admin = Admin::new(app.0, pages.0, form.page, request);
            let done = $body(&admin, request, form.form).await;
            admin.told(done).await
        })+
    };
}

shown! {
    overview => server::overview;
    clients => client_list::list;
    new_client => client_new::page;
    client => client_edit::page;
    client_scopes => client_edit::scopes_page;
    client_credentials => client_keys::page;
    client_tokens => client_tabs::tokens;
    client_access => client_tabs::access;
    client_activity => client_tabs::activity;
    client_deletion => client_tabs::deletion;
    client_once => client_keys::once_page;
    judge_redirect_uri => client_list::judge;
    suggest_users => client_list::suggest;
    scopes => server::scopes;
    all_tokens => tokens::list;
    one_token => tokens::detail;
    keys => server::keys;
    policy_set => policies::list;
    policy_document => policies::document;
    bench => policies::bench;
    reload_history => policies::reloads;
    reload_entry => policies::reload_entry;
    audit_log => audit::list;
    audit_entry => audit::entry;
    decision => explained::decision;
    audit_export => audit::export;
    settings => server::settings;
    all_users => users::list;
    new_user => users::new_page;
    one_user => users::detail;
    user_once => users::once_page;
    roles => users::roles;
}

posted! {
    create_client => client_new::create;
    save_client => client_edit::save;
    save_client_scopes => client_edit::save_scopes;
    activate_client => client_edit::activate;
    deactivate_client => client_edit::deactivate;
    rotate_secret => client_keys::rotate_secret;
    renew_keypair => client_keys::keypair;
    register_key => client_keys::register;
    delete_client => client_tabs::delete;
    save_scopes => server::save_scopes;
    revoke_tokens => tokens::revoke;
    rotate_keys => server::rotate_keys;
    reload_policies => policies::reload;
    create_user => users::create;
    save_user => users::save;
    block_user => users::block;
    unblock_user => users::unblock;
    reset_user => users::reset;
    end_sessions => users::end_sessions;
    withdraw_consent => users::withdraw;
    delete_user => users::delete;
}

/// Adds the pages to the routes.
pub fn routes(routes: Route) -> Route {
    routes
        .at("/admin", get(overview))
        .at("/admin/clients", get(clients))
        .at("/admin/clients/new", get(new_client).post(create_client))
        .at("/admin/clients/:id", get(client).post(save_client))
        .at("/admin/clients/:id/scopes", get(client_scopes).post(save_client_scopes))
        .at("/admin/clients/:id/credentials", get(client_credentials))
        .at("/admin/clients/:id/tokens", get(client_tokens))
        .at("/admin/clients/:id/access", get(client_access))
        .at("/admin/clients/:id/activity", get(client_activity))
        .at("/admin/clients/:id/once", get(client_once))
        .at("/admin/clients/:id/activate", post(activate_client))
        .at("/admin/clients/:id/deactivate", post(deactivate_client))
        .at("/admin/clients/:id/rotate-secret", post(rotate_secret))
        .at("/admin/clients/:id/keypair", post(renew_keypair))
        .at("/admin/clients/:id/public-key", post(register_key))
        .at("/admin/clients/:id/delete", get(client_deletion).post(delete_client))
        .at("/admin/validate/redirect-uri", get(judge_redirect_uri))
        .at("/admin/suggest/users", get(suggest_users))
        .at("/admin/scopes", get(scopes).post(save_scopes))
        .at("/admin/tokens", get(all_tokens))
        .at("/admin/tokens/revoke", post(revoke_tokens))
        .at("/admin/tokens/:id", get(one_token))
        .at("/admin/keys", get(keys))
        .at("/admin/keys/rotate", post(rotate_keys))
        .at("/admin/policies", get(policy_set))
        .at("/admin/policies/document", get(policy_document))
        .at("/admin/policies/bench", get(bench))
        .at("/admin/policies/reload", post(reload_policies))
        .at("/admin/policies/reloads", get(reload_history))
        .at("/admin/policies/reloads/:id", get(reload_entry))
        .at("/admin/audit", get(audit_log))
        .at("/admin/audit/export", get(audit_export))
        .at("/admin/audit/:id", get(audit_entry))
        .at("/admin/decisions/:id", get(decision))
        .at("/admin/settings", get(settings))
        .at("/admin/users", get(all_users))
        .at("/admin/users/new", get(new_user).post(create_user))
        .at("/admin/users/:id", get(one_user).post(save_user))
        .at("/admin/users/:id/once", get(user_once))
        .at("/admin/users/:id/block", post(block_user))
        .at("/admin/users/:id/unblock", post(unblock_user))
        .at("/admin/users/:id/reset", post(reset_user))
        .at("/admin/users/:id/sessions", post(end_sessions))
        .at("/admin/users/:id/withdraw", post(withdraw_consent))
        .at("/admin/users/:id/delete", post(delete_user))
        .at("/admin/roles", get(roles))
}

/// Paths that are read only, and those that forms are posted to as well or alone, for `Allow`.
const READ: [&str; 25] = [
    "/admin",
    "/admin/clients",
    "/admin/clients/:id/credentials",
    "/admin/clients/:id/tokens",
    "/admin/clients/:id/access",
    "/admin/clients/:id/activity",
    "/admin/clients/:id/once",
    "/admin/validate/redirect-uri",
    "/admin/suggest/users",
    "/admin/tokens",
    "/admin/tokens/:id",
    "/admin/keys",
    "/admin/policies",
    "/admin/policies/document",
    "/admin/policies/bench",
    "/admin/policies/reloads",
    "/admin/policies/reloads/:id",
    "/admin/audit",
    "/admin/audit/export",
    "/admin/audit/:id",
    "/admin/decisions/:id",
    "/admin/settings",
    "/admin/users",
    "/admin/users/:id/once",
    "/admin/roles",
];

const BOTH: [&str; 7] = [
    "/admin/clients/new",
    "/admin/clients/:id",
    "/admin/clients/:id/scopes",
    "/admin/clients/:id/delete",
    "/admin/scopes",
    "/admin/users/new",
    "/admin/users/:id",
];

const POSTED: [&str; 14] = [
    "/admin/clients/:id/activate",
    "/admin/clients/:id/deactivate",
    "/admin/clients/:id/rotate-secret",
    "/admin/clients/:id/keypair",
    "/admin/clients/:id/public-key",
    "/admin/tokens/revoke",
    "/admin/keys/rotate",
    "/admin/policies/reload",
    "/admin/users/:id/block",
    "/admin/users/:id/unblock",
    "/admin/users/:id/reset",
    "/admin/users/:id/sessions",
    "/admin/users/:id/withdraw",
    "/admin/users/:id/delete",
];

/// Tells which methods the pages take.
pub fn methods(methods: Methods) -> Methods {
    let methods = READ.iter().fold(methods, |all, path| all.at(path, &[Method::GET]));
    let methods = BOTH.iter().fold(methods, |all, path| all.at(path, &[Method::GET, Method::POST]));
    POSTED.iter().fold(methods, |all, path| all.at(path, &[Method::POST]))
}
