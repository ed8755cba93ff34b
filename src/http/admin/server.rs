//! The pages about the server itself: overview, global scopes, keys, settings.

use std::collections::BTreeSet;

use poem::{Request, Response};

use super::client_fields;
use super::context::{Admin, back_to};
use super::policies::problem;
use crate::config::TokenAlg;
use crate::flow::admin::overview::{self, Overview};
use crate::flow::admin::{clients, keys, settings};
use crate::flow::{global_settings, keys as rotation, scopes};
use crate::http::listing::ListQuery;
use crate::http::pairs::Pairs;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{
    GlobalScopesPage, KeyLine, KeysPage, OverviewPage, ScopeChoice, ScopeGroup, SettingLine, SettingsPage,
    Stat, Step,
};
use crate::pages::components::grouped;
use crate::policy::admin;

/// The first page.
pub async fn overview(admin: &Admin<'_>, _request: &Request) -> Result<Response, Stop> {
    let found = overview::overview(admin.app, admin.ask(), &admin.caller).await?;
    let steps = steps(admin, &found);
    let held = found.policies.as_ref().map(|status| status.held_back.iter().map(problem).collect());
    admin.show(&OverviewPage {
        shell: admin.shell(),
        stats: stats(admin, &found),
        problems: held.unwrap_or_default(),
        steps_left: steps.iter().any(|step| !step.done),
        steps,
    })
}

fn stats(admin: &Admin<'_>, found: &Overview) -> Vec<Stat> {
    let stat =
        |label, value: String, note: String, href: &str| Stat { label, value, note, href: href.to_owned() };
    let healthy = found.database && found.signs;
    let mut stats = vec![stat(
        "Health",
        if healthy { "Ready" } else { "Not ready" }.to_owned(),
        match (found.database, found.signs) {
            (true, true) => format!("{} answers, a key signs", found.backend),
            (false, _) => format!("{} does not answer", found.backend),
            (_, false) => "no key signs".to_owned(),
        },
        "/readyz",
    )];
    if let Some(status) = &found.policies {
        let held = !status.held_back.is_empty();
        let revision: String =
            status.commit.as_ref().map_or(&status.revision, |commit| &commit.id).chars().take(12).collect();
        let age = age(admin.now() - status.loaded_at_ms);
        let note = if held {
            "an edit is held back".to_owned()
        } else {
            format!("loaded {age} ago, {} policies", status.policies)
        };
        stats.push(stat("Policies", revision, note, "/admin/policies"));
    }
    if let Some((issued, refused)) = found.issued {
        let note = "since this process started";
        stats.push(stat("Tokens issued", grouped(issued), note.to_owned(), "/admin/tokens"));
        stats.push(stat(
            "Requests refused",
            grouped(refused),
            note.to_owned(),
            "/admin/audit?kind=grant&decision=deny",
        ));
    }
    if let Some(live) = found.live {
        let more = if live.or_more { "+" } else { "" };
        let value = format!("{}{more}", grouped(live.found.unsigned_abs()));
        stats.push(stat("Live tokens", value, String::new(), "/admin/tokens?status=Active"));
    }
    if let Some((all, made)) = found.clients {
        let note = format!("{} in the database", grouped(made.unsigned_abs()));
        stats.push(stat("Clients", grouped(all.unsigned_abs()), note, "/admin/clients"));
    }
    if let Some(users) = found.users {
        stats.push(stat("Users", grouped(users.unsigned_abs()), String::new(), "/admin/users"));
    }
    if let Some(key) = &found.key {
        let value = if key.created_at > 0 { age(admin.now() - key.created_at) } else { "brought".to_owned() };
        stats.push(stat("Signing key age", value, key.alg.name().to_owned(), "/admin/keys"));
    }
    stats
}

/// A length of time for people.
fn age(ms: i64) -> String {
    let minutes = (ms / 60_000).max(0);
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2_879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

fn steps(admin: &Admin<'_>, found: &Overview) -> Vec<Step> {
    let step =
        |text: &str, href: &str, done: bool| Step { text: text.to_owned(), href: href.to_owned(), done };
    let mut steps = Vec::new();
    if admin.may(admin::CLIENT_CREATE) {
        let made = found.clients.is_some_and(|(_, made)| made > 0);
        steps.push(step("Create a client of your own", "/admin/clients/new", made));
    }
    if let Some((issued, _)) = found.issued {
        let any = issued > 0 || found.live.is_some_and(|live| live.found > 0 || live.or_more);
        steps.push(step("Obtain a first token with it", "/admin/tokens", any));
    }
    if let Some(status) = &found.policies {
        steps.push(step("Keep the policy folder in git", "/admin/policies", status.commit.is_some()));
    }
    let password = admin.app.config.data_dir.join("admin-password");
    if admin.may(admin::USER_UPDATE) {
        steps.push(step(
            "Set a password of your own, and delete the file with the first one",
            "/account",
            !password.exists(),
        ));
    }
    if admin.may(admin::SETTINGS_READ) {
        let https = admin.app.public.is_https();
        steps.push(step(
            "Give the server its https name (public_url) before others use it",
            "/admin/settings?search=public_url",
            https,
        ));
    }
    steps
}

/// The ceiling.
pub async fn scopes(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let search = query.search()?.unwrap_or_default();
    admin.show(&scopes_view(admin, search, None, None).await?)
}

async fn scopes_view(
    admin: &Admin<'_>,
    search: String,
    ticked: Option<&BTreeSet<String>>,
    reject: Option<&Reject>,
) -> Result<GlobalScopesPage, Stop> {
    let (app, ask) = (admin.app, admin.ask());
    let listed = scopes::list(app, ask, &admin.caller)?;
    let words = search.to_lowercase();
    let (catalog, global) = (admin.snapshot.catalog(), admin.snapshot.global());
    let used = match admin.may(admin::CLIENT_READ) {
        true => Some(clients::by_scope(app, ask, &admin.caller).await?),
        false => None,
    };
    let mut selected = 0;
    let mut groups = Vec::new();
    for (name, entries) in listed {
        let title = catalog.content_type(&name).map_or_else(|| name.clone(), |kind| kind.title.clone());
        let mut group = ScopeGroup { name, title, ..ScopeGroup::default() };
        for entry in entries {
            let checked = ticked.map_or(entry.global, |ticked| ticked.contains(&entry.name));
            selected += usize::from(checked);
            let found = words.is_empty()
                || entry.name.to_lowercase().contains(&words)
                || entry.title.to_lowercase().contains(&words);
            if found {
                let scope: String = form_urlencoded::byte_serialize(entry.name.as_bytes()).collect();
                group.scopes.push(ScopeChoice {
                    href: match &used {
                        Some(_) => format!("/admin/clients?scope={scope}"),
                        None => String::new(),
                    },
                    clients: used.as_ref().and_then(|used| used.get(&entry.name).copied()),
                    name: entry.name,
                    title: entry.title,
                    checked,
                    sensitive: entry.sensitive,
                    note: String::new(),
                });
            }
        }
        if !group.scopes.is_empty() {
            groups.push(group);
        }
    }
    Ok(GlobalScopesPage {
        shell: admin.shell(),
        groups,
        search,
        selected,
        file: global.file.display().to_string(),
        editable: global.managed_by_admin,
        may_update: admin.may(admin::SETTINGS_UPDATE),
        errors: reject.map(client_fields::errors).unwrap_or_default(),
    })
}

/// The ceiling as it was sent.
pub async fn save_scopes(admin: &Admin<'_>, _request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let ticked = form.take_all("scope");
    let id = scopes::GLOBAL_ID;
    match global_settings::update(admin.app, admin.ask(), &admin.caller, id, ticked.clone()).await {
        Ok(_) => Ok(back_to("/admin/scopes", "saved")),
        Err(Stop::Reject(reject @ Reject::Field(..))) => {
            let ticked = ticked.into_iter().collect();
            admin.show_refused(
                &scopes_view(admin, String::new(), Some(&ticked), Some(&reject)).await?,
                &reject,
            )
        }
        Err(stop) => Err(stop),
    }
}

/// The signing keys.
pub async fn keys(admin: &Admin<'_>, _request: &Request) -> Result<Response, Stop> {
    let listed = keys::list(admin.app, admin.ask(), &admin.caller)?;
    let dated = |ms: i64| (ms > 0).then_some(ms);
    let lines = listed.into_iter().map(|key| KeyLine {
        alg: key.alg.name().to_owned(),
        state: key.state.name(),
        published: key.published,
        created: dated(key.created_at),
        active_from: dated(key.active_from),
        verifies_until: key.retired_at,
        kid: key.kid,
    });
    let config = &admin.app.config;
    let no_rotation = if config.tokens.alg == TokenAlg::HS256 {
        "HS256 signs with keys.hs256_secret_file: replace that file and restart."
    } else if config.keys.signing_key_file.is_some() {
        "The signing key is a file of yours (keys.signing_key_file): replace it and restart."
    } else {
        ""
    };
    admin.show(&KeysPage {
        shell: admin.shell(),
        lines: lines.collect(),
        alg: admin.app.key_ring().alg().name().to_owned(),
        overlap: config.keys.overlap.0,
        may_rotate: admin.may(admin::KEY_ROTATE),
        no_rotation: no_rotation.to_owned(),
        jwks: "/.well-known/jwks.json".to_owned(),
    })
}

/// Makes a new signing key.
pub async fn rotate_keys(admin: &Admin<'_>, _request: &Request, _form: Pairs) -> Result<Response, Stop> {
    rotation::rotate(admin.app, admin.ask(), &admin.caller).await?;
    Ok(back_to("/admin/keys", "rotated"))
}

/// The settings in force.
pub async fn settings(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let search = query.search()?.unwrap_or_default();
    let listed = settings::list(admin.app, admin.ask(), &admin.caller)?;
    let words = search.to_lowercase();
    let found = listed.into_iter().filter(|setting| setting.key.contains(&words));
    let lines = found.map(|setting| SettingLine {
        value: match setting.value {
            serde_json::Value::Null => "none".to_owned(),
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        },
        set: setting.origin != "default",
        key: setting.key,
        origin: setting.origin,
    });
    admin.show(&SettingsPage {
        shell: admin.shell(),
        search,
        lines: lines.collect(),
        version: env!("CARGO_PKG_VERSION"),
        backend: admin.app.store.backend(),
    })
}
