//! What stands around a client: its tokens, what it may get, what was done to it, its end.

use poem::{Request, Response};

use super::audit::lines_of;
use super::client_fields;
use super::client_list::given;
use super::client_view::{grant_label, head, state};
use super::context::{Admin, back_to, id};
use super::links::{Links, stretch};
use super::tokens::tokens_view;
use crate::app::clients::ClientState;
use crate::flow::admin::access::{self, AccessQuery};
use crate::flow::admin::audit;
use crate::flow::caller;
use crate::flow::clients;
use crate::http::listing::ListQuery;
use crate::http::pairs::Pairs;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::pages::admin::{AccessLine, AccessPage, ActivityPage, Choice, ClientTokensPage, DeleteClientPage};
use crate::policy::record::Verdict;
use crate::policy::{AdminResource, admin};
use crate::store::AuditFilter;

/// The client's tokens.
pub async fn tokens(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let client = (state.client.id.as_str(), state.client.name.as_str());
    let tokens = tokens_view(admin, request, Some(client)).await?;
    admin.show(&ClientTokensPage { head: head(admin, &state, "/tokens"), tokens })
}

/// What the client may get, scope by scope.
pub async fn access(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let name = id(request)?;
    let mut query = ListQuery::of(request)?;
    let grant = query.take(&["grantType"]).as_deref().and_then(GrantType::parse);
    let user = query.take(&["user"]);
    let question = AccessQuery { grant, user: user.clone() };
    let (app, ask) = (admin.app, admin.ask());
    let (found, refused) = match access::effective(app, ask, &admin.caller, &name, question).await {
        Ok(found) => (found, None),
        Err(Stop::Reject(reject @ Reject::Field(..))) => {
            let question = AccessQuery { grant, user: None };
            (access::effective(app, ask, &admin.caller, &name, question).await?, Some(reject))
        }
        Err(stop) => return Err(stop),
    };
    let start = found.start.decision == Verdict::Allow;
    let explains = admin.may(admin::POLICY_READ);
    let bench = |scope: &Scope| {
        let user = found.user.as_ref().map_or("", |user| user.username.as_str());
        let mut query = form_urlencoded::Serializer::new(String::from("/admin/policies/bench?"));
        let pairs = [("client", found.client.client.id.as_str()), ("user", user), ("action", scope.as_str())];
        query.extend_pairs([("ask", "yes"), ("kind", "grant"), ("grantType", found.grant.short())]);
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    };
    let lines: Vec<AccessLine> = found
        .scopes
        .into_iter()
        .map(|access| AccessLine {
            scope: access.scope.as_str().to_owned(),
            title: access.title,
            group: access.group,
            listed: access.listed,
            permitted: access.allowed && start,
            bench: (explains && !access.allowed).then(|| bench(&access.scope)),
            reason: access.reason,
            sources: access.sources,
        })
        .collect();
    let grants = GrantType::ALL.into_iter().map(|grant| Choice::new(grant.short(), grant_label(grant)));
    let view = AccessPage {
        shell: admin.shell(),
        head: head(admin, &found.client, "/access"),
        grants: grants.collect(),
        grant: found.grant.short().to_owned(),
        user: found.user.map_or_else(|| user.unwrap_or_default(), |user| user.username.clone()),
        start,
        start_reason: found.start.reason(),
        permitted: lines.iter().filter(|line| line.permitted).count(),
        lines,
        errors: refused.as_ref().map(client_fields::errors).unwrap_or_default(),
    };
    match refused {
        Some(reject) => admin.show_refused(&view, &reject),
        None => admin.show(&view),
    }
}

/// What was done to the client.
pub async fn activity(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let mut query = ListQuery::of(request)?;
    let size = query.page()?.size;
    let stretch = stretch("at:desc", query.take(&["after"]), query.take(&["before"]), size)?;
    let filter = AuditFilter { target: given(state.client.id.as_str()), ..AuditFilter::default() };
    let found = audit::find(admin.app, admin.ask(), &admin.caller, filter, stretch).await?;
    let pager = Links::of(request).positions("at:desc", &found.part, found.counted, size);
    admin.show(&ActivityPage {
        shell: admin.shell(),
        head: head(admin, &state, "/activity"),
        lines: lines_of(&found),
        pager,
    })
}

/// Asks whether the client is really to be deleted.
pub async fn deletion(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    may_delete(admin, &state)?;
    admin.show(&deletion_view(admin, &state, None))
}

fn may_delete(admin: &Admin<'_>, state: &ClientState) -> Result<(), Stop> {
    let resource = AdminResource::Client(&state.client);
    let (ask, snapshot) = (admin.ask(), &admin.snapshot);
    caller::permitted(admin.app, ask, snapshot, &admin.caller, admin::CLIENT_DELETE, resource)?;
    Ok(())
}

fn deletion_view(admin: &Admin<'_>, state: &ClientState, reject: Option<&Reject>) -> DeleteClientPage {
    DeleteClientPage {
        shell: admin.narrow_shell(),
        head: head(admin, state, ""),
        errors: reject
            .map(client_fields::errors)
            .unwrap_or_default()
            .into_iter()
            .map(|error| crate::pages::admin::FieldError { field: "confirm".to_owned(), ..error })
            .collect(),
    }
}

/// Deletes the client, if its name was typed.
pub async fn delete(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    may_delete(admin, &state)?;
    let typed = form.take("confirm").unwrap_or_default();
    if typed.trim() != state.client.name.trim() {
        let reject = Reject::Field("confirm", "type the client's name exactly as it stands".to_owned());
        return admin.show_refused(&deletion_view(admin, &state, Some(&reject)), &reject);
    }
    clients::delete(admin.app, admin.ask(), &admin.caller, &state.row.document_id).await?;
    Ok(back_to("/admin/clients", "deleted"))
}
