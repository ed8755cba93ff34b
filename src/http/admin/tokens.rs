//! The pages of tokens: all of them or a client's, one with its decision, and the end of some.

use poem::{Request, Response};

use super::client_list::{given, one_of};
use super::client_view::grant_label;
use super::context::{Admin, back_to, id};
use super::links::{Links, stretch};
use super::policies::line_of;
use crate::flow::admin::tokens::{self, TokenPage as Found, TokenQuery};
use crate::http::listing::ListQuery;
use crate::http::page::is_own_path;
use crate::http::pairs::Pairs;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{Choice, PolicyLine, TokenFilterForm, TokenLine, TokenPage, TokensPage};
use crate::pages::components::Column;
use crate::policy::admin;
use crate::store::{TokenClock, TokenFilter, TokenRow, TokenStatus};

/// All tokens.
pub async fn list(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let view = tokens_view(admin, request, None).await?;
    admin.show(&view)
}

/// The list with its filter; of one client if its id is given.
pub async fn tokens_view(
    admin: &Admin<'_>,
    request: &Request,
    client: Option<(&str, &str)>,
) -> Result<TokensPage, Stop> {
    let mut query = ListQuery::of(request)?;
    let links = Links::of(request);
    let size = query.page()?.size;
    let (clock, descending, order) = order_of(query.take(&["sort"]))?;
    let stretch = stretch(order, query.take(&["after"]), query.take(&["before"]), size)?;
    let form = TokenFilterForm {
        search: query.search()?.unwrap_or_default(),
        client: query.take(&["client"]).unwrap_or_default(),
        user: query.take(&["user"]).unwrap_or_default(),
        status: one_of(&mut query, "status", &["Active", "Expired", "Revoked"])?,
        grant: query.take(&["grantType"]).unwrap_or_default(),
        grants: grant_choices("All"),
        any: false,
    };
    let grant = given(&form.grant)
        .map(|name| {
            let known = GrantType::parse(&name).map(|grant| grant.name().to_owned());
            known.ok_or_else(|| Reject::Field("grantType", "is a grant type of this server".to_owned()))
        })
        .transpose()?;
    let filter = TokenFilter {
        client: client.map(|(id, _)| id.to_owned()).or_else(|| given(&form.client)),
        user: given(&form.user),
        status: TokenStatus::parse(&form.status.to_lowercase()),
        grant,
        search: given(&form.search),
        now: admin.now(),
    };
    let any = filter
        != TokenFilter {
            client: client.map(|(id, _)| id.to_owned()),
            now: admin.now(),
            ..TokenFilter::default()
        };
    let query = TokenQuery { filter, clock, descending, stretch };
    let found = tokens::find(admin.app, admin.ask(), &admin.caller, query).await?;
    let column = |label: &str, name: &str, by: TokenClock| {
        let sorted = (clock == by).then_some(descending);
        Column::sortable(label, sorted, |descending| links.sorted(name, descending))
    };
    Ok(TokensPage {
        shell: admin.shell(),
        // Of the filter, never of the first row that it happens to find.
        title: client
            .map_or_else(|| "Access tokens".to_owned(), |(_, name)| format!("Access tokens of {name}")),
        action: request.uri().path().to_owned(),
        filter: TokenFilterForm { any, ..form },
        columns: vec![
            Column::plain("Token"),
            Column::plain("Client"),
            Column::plain("User"),
            Column::plain("Scopes"),
            Column::plain("Grant"),
            Column::plain("Status"),
            column("Expires", "expiresAt", TokenClock::Expires),
            column("Created", "createdAt", TokenClock::Created),
        ],
        lines: found.part.rows.iter().map(|row| line(admin, &found, row)).collect(),
        pager: links.positions(order, &found.part, found.counted, size),
        may_revoke: admin.may(admin::TOKEN_REVOKE),
        window_ended: found.part.window_ended,
        here: links.here(),
    })
}

/// The order of a list, and its name in positions.
fn order_of(sort: Option<String>) -> Result<(TokenClock, bool, &'static str), Reject> {
    Ok(match sort.as_deref() {
        None | Some("createdAt:desc") => (TokenClock::Created, true, "createdAt:desc"),
        Some("createdAt" | "createdAt:asc") => (TokenClock::Created, false, "createdAt:asc"),
        Some("expiresAt:desc") => (TokenClock::Expires, true, "expiresAt:desc"),
        Some("expiresAt" | "expiresAt:asc") => (TokenClock::Expires, false, "expiresAt:asc"),
        Some(_) => {
            return Err(Reject::Field("sort", "is createdAt or expiresAt, with :asc or :desc".to_owned()));
        }
    })
}

/// Grant types to choose from.
pub fn grant_choices(none: &str) -> Vec<Choice> {
    let all = GrantType::ALL.into_iter().map(|grant| Choice::new(grant.short(), grant_label(grant)));
    std::iter::once(Choice::new("", none)).chain(all).collect()
}

fn line(admin: &Admin<'_>, found: &Found, row: &TokenRow) -> TokenLine {
    let user = row.user_id.as_ref();
    let name = |id: &String| found.users.get(id).cloned().unwrap_or_else(|| format!("deleted user {id}"));
    line_with(admin, row, user.map(name), found.clients.get(&row.client_id).cloned())
}

fn line_with(admin: &Admin<'_>, row: &TokenRow, user: Option<String>, client: Option<String>) -> TokenLine {
    // A null date is no date: a live token is Active, and can be revoked.
    let status = row.status(admin.now());
    TokenLine {
        jti: row.jti.clone(),
        href: format!("/admin/tokens/{}", row.jti),
        client_name: client.unwrap_or_else(|| row.client_id.clone()),
        client_id: row.client_id.clone(),
        client_href: format!("/admin/clients/{}", row.client_id),
        user: user.unwrap_or_default(),
        scopes: row.scopes.split_whitespace().map(ToOwned::to_owned).collect(),
        grant: GrantType::parse(&row.grant_type)
            .map_or_else(|| row.grant_type.clone(), |grant| grant_label(grant).to_owned()),
        status: match status {
            TokenStatus::Active => "Active",
            TokenStatus::Expired => "Expired",
            TokenStatus::Revoked => "Revoked",
        },
        created: row.created_at,
        expires: row.expires_at,
        used: row.used_at,
        revocable: status == TokenStatus::Active,
    }
}

/// One token.
pub async fn detail(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let found = tokens::detail(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let row = &found.row;
    let user =
        row.user_id.as_ref().map(|id| found.user.clone().unwrap_or_else(|| format!("deleted user {id}")));
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let facts: serde_json::Value = serde_json::from_str(&row.facts).unwrap_or_default();
    let policies = found.policies.iter().map(|(id, policy)| match policy {
        Some(policy) => line_of(policy),
        None => PolicyLine {
            id: id.clone(),
            effect: "",
            source: String::new(),
            href: String::new(),
            text: String::new(),
            annotations: Vec::new(),
        },
    });
    admin.show(&TokenPage {
        shell: admin.shell(),
        line: line_with(admin, row, user, found.client.clone()),
        revoked: row.revoked_at,
        header: pretty(&found.header),
        claims: pretty(&found.claims),
        carries_now: found.carries_now.clone(),
        facts: pretty(&facts),
        explained: admin.may(admin::POLICY_READ).then(|| format!("/admin/decisions/{}", row.jti)),
        revision: row.revision.clone(),
        same_revision: found.same_revision,
        policies: policies.collect(),
        may_revoke: admin.may(admin::TOKEN_REVOKE),
    })
}

/// Revokes the token of the button, or the ticked ones.
pub async fn revoke(admin: &Admin<'_>, _request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let back = form.take("here").filter(|path| path.starts_with("/admin/") && is_own_path(path));
    let back = back.unwrap_or_else(|| "/admin/tokens".to_owned());
    let ticked = form.take_all("jti");
    let chosen = match form.take("one") {
        Some(one) => vec![one],
        None => ticked,
    };
    if chosen.is_empty() {
        // Who may not revoke is told so, whatever was ticked.
        tokens::revoke_many(admin.app, admin.ask(), &admin.caller, chosen).await.map(|_| ()).or_else(
            |stop| match stop {
                Stop::Reject(Reject::Field(..)) => Ok(()),
                other => Err(other),
            },
        )?;
        return Ok(back_to(&back, "unchanged"));
    }
    tokens::revoke_many(admin.app, admin.ask(), &admin.caller, chosen).await?;
    Ok(back_to(&back, "revoked"))
}
