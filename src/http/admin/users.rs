//! The pages of users, their sessions and applications, and of roles.

use poem::http::Method;
use poem::{Request, Response};

use super::client_fields;
use super::client_keys::TICKET_S;
use super::client_list::{given, one_of};
use super::context::{Admin, back_to, id};
use super::links::Links;
use crate::flow::admin::once::{self, Shown as Kept};
use crate::flow::caller;
use crate::flow::users::{self, Credential, NewUser, Shown, UserInput};
use crate::flow::{account, consent, roles};
use crate::http::cookies::Cookie;
use crate::http::listing::ListQuery;
use crate::http::page;
use crate::http::pairs::Pairs;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{
    ApplicationLine, Choice, ChoiceLine, FieldError, NewUserPage, RoleLine, RolesPage, SessionLine, UserForm,
    UserLine, UserOncePage, UserPage, UsersPage,
};
use crate::pages::components::Column;
use crate::policy::{AdminResource, admin};
use crate::store::{UserColumn, UserFilter, UserRow, UserSort};

/// The list.
pub async fn list(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let (page, sort) = (query.page()?, query.sort(UserSort::parse)?);
    let search = query.search()?.unwrap_or_default();
    let role = query.take(&["role"]).unwrap_or_default();
    let blocked = one_of(&mut query, "blocked", &["true", "false"])?;
    let filter = UserFilter {
        search: given(&search),
        role: given(&role),
        blocked: given(&blocked).map(|text| text == "true"),
        ..UserFilter::default()
    };
    let any = filter != UserFilter::default();
    let found = users::list(admin.app, admin.ask(), &admin.caller, filter, sort, page).await?;
    let links = Links::of(request);
    let column = |label: &str, name: &str, by| links.column(label, name, by, sort);
    let roles = admin.snapshot.roles().map(|(name, title, _)| Choice::new(name, title));
    admin.show(&UsersPage {
        shell: admin.shell(),
        search,
        role,
        blocked,
        roles: std::iter::once(Choice::new("", "All")).chain(roles).collect(),
        any,
        columns: vec![
            column("Name", "username", UserColumn::Username),
            column("E-mail", "email", UserColumn::Email),
            Column::plain("Roles"),
            column("Status", "blocked", UserColumn::Blocked),
            column("Created", "createdAt", UserColumn::Created),
            column("Updated", "updatedAt", UserColumn::Updated),
        ],
        lines: found.rows.iter().map(line).collect(),
        pager: links.numbered(page, found.total),
        may_create: admin.may(admin::USER_CREATE),
    })
}

fn line(row: &UserRow) -> UserLine {
    UserLine {
        id: row.id.clone(),
        href: format!("/admin/users/{}", row.id),
        username: row.username.clone(),
        email: row.email.clone(),
        roles: roles_of(row),
        status: match (row.blocked, row.confirmed) {
            (true, _) => "Blocked",
            (false, true) => "Active",
            (false, false) => "Unconfirmed",
        },
        created: row.created_at,
        updated: row.updated_at,
    }
}

fn roles_of(row: &UserRow) -> Vec<String> {
    serde_json::from_str(&row.roles).unwrap_or_default()
}

fn form(admin: &Admin<'_>, username: String, email: String, ticked: &[String], confirmed: bool) -> UserForm {
    let roles = admin.snapshot.roles().map(|(name, title, actions)| ChoiceLine {
        value: name.to_owned(),
        label: title.to_owned(),
        hint: format!("{name}: {} actions", actions.len()),
        checked: ticked.iter().any(|role| role == name),
    });
    UserForm { username, email, roles: roles.collect(), confirmed, errors: Vec::new() }
}

fn sent(admin: &Admin<'_>, form: &mut Pairs) -> (UserForm, Vec<String>) {
    let ticked = form.take_all("role");
    let username = form.take("username").unwrap_or_default();
    let email = form.take("email").unwrap_or_default();
    let confirmed = form.take("confirmed").is_some();
    (self::form(admin, username, email, &ticked, confirmed), ticked)
}

fn errors(reject: &Reject) -> Vec<FieldError> {
    let field = match reject {
        Reject::Field("username", _) => "username",
        Reject::Field("email", _) => "email",
        _ => "",
    };
    client_fields::errors(reject)
        .into_iter()
        .map(|error| FieldError { field: field.to_owned(), ..error })
        .collect()
}

/// The empty form.
pub async fn new_page(admin: &Admin<'_>, _request: &Request) -> Result<Response, Stop> {
    permitted(admin, admin::USER_CREATE)?;
    let form = form(admin, String::new(), String::new(), &[], true);
    admin.show(&NewUserPage { shell: admin.narrow_shell(), form })
}

fn permitted(admin: &Admin<'_>, action: &'static str) -> Result<(), Stop> {
    let (ask, snapshot) = (admin.ask(), &admin.snapshot);
    caller::permitted(admin.app, ask, snapshot, &admin.caller, action, AdminResource::Server)?;
    Ok(())
}

/// Makes a user.
pub async fn create(admin: &Admin<'_>, _request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    permitted(admin, admin::USER_CREATE)?;
    let (typed, roles) = sent(admin, &mut form);
    let new = NewUser {
        username: typed.username.clone(),
        email: typed.email.clone(),
        roles,
        confirmed: typed.confirmed,
        credential: credential(&mut form),
    };
    match users::create(admin.app, admin.ask(), &admin.caller, new).await {
        Ok((row, shown)) => carry(admin, &row, shown).await,
        Err(Stop::Reject(reject @ (Reject::Field(..) | Reject::Conflict(_) | Reject::Forbidden { .. }))) => {
            let form = UserForm { errors: errors(&reject), ..typed };
            admin.show_refused(&NewUserPage { shell: admin.narrow_shell(), form }, &reject)
        }
        Err(stop) => Err(stop),
    }
}

fn credential(form: &mut Pairs) -> Credential {
    match form.take("credential").as_deref() {
        Some("link") => Credential::Link,
        _ => Credential::Made,
    }
}

/// Takes a password or a link to the page that shows it once.
async fn carry(admin: &Admin<'_>, row: &UserRow, shown: Shown) -> Result<Response, Stop> {
    let kept = Kept {
        document_id: row.id.clone(),
        password: shown.password,
        setup_url: shown.setup_url,
        ..Kept::default()
    };
    let mut response = page::see_other(&format!("/admin/users/{}/once", row.id));
    if !kept.is_empty() {
        let user = &admin.page.signed_in().user.id;
        let ticket = once::keep(admin.app, admin.ask(), user, &kept).await?;
        page::set_cookie(&mut response, &Cookie::Once.set(admin.app, ticket.reveal(), TICKET_S));
    }
    Ok(response)
}

/// The page that shows it.
pub async fn once_page(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let row = users::read(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let ticket = Cookie::Once.read(admin.app, request).filter(|_| request.method() == Method::GET);
    let shown = match ticket {
        None => None,
        Some(ticket) => once::take(admin.app, admin.ask(), &admin.page.signed_in().user.id, ticket).await?,
    };
    let shown = shown.filter(|shown| shown.document_id == row.id).unwrap_or_default();
    let mut response = admin.show(&UserOncePage {
        shell: admin.narrow_shell(),
        back: format!("/admin/users/{}", row.id),
        username: row.username,
        password: shown.password,
        setup_url: shown.setup_url,
    })?;
    if ticket.is_some() {
        page::set_cookie(&mut response, &Cookie::Once.set(admin.app, "", 0));
    }
    Ok(response)
}

/// A user.
pub async fn detail(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let row = users::read(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let form = form(admin, row.username.clone(), row.email.clone(), &roles_of(&row), row.confirmed);
    admin.show(&view(admin, &row, form).await?)
}

async fn view(admin: &Admin<'_>, row: &UserRow, form: UserForm) -> Result<UserPage, Stop> {
    let sessions = if admin.may(admin::SESSION_READ) {
        let rows = users::sessions(admin.app, admin.ask(), &admin.caller, &row.id).await?;
        Some(
            rows.into_iter()
                .map(|row| SessionLine {
                    id: row.id,
                    agent: row.agent,
                    ip: row.ip,
                    created: row.created_at,
                    seen: row.last_seen_at,
                })
                .collect(),
        )
    } else {
        None
    };
    let applications = account::applications(admin.app, &row.id).await?;
    let applications = applications.into_iter().map(|app| ApplicationLine {
        name: app.name.unwrap_or_else(|| app.client_id.clone()),
        href: format!("/admin/clients/{}", app.client_id),
        scopes: app.scopes.into_iter().map(|(scope, _)| scope.as_str().to_owned()).collect(),
        first: app.first_ms,
        last: app.last_ms,
        client_id: app.client_id,
    });
    Ok(UserPage {
        shell: admin.shell(),
        line: line(row),
        form,
        sessions,
        applications: applications.collect(),
        may_update: admin.may(admin::USER_UPDATE),
        may_delete: admin.may(admin::USER_DELETE),
        may_end: admin.may(admin::SESSION_END),
    })
}

/// Changes a user.
pub async fn save(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    permitted(admin, admin::USER_UPDATE)?;
    let row = users::read(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    let (typed, roles) = sent(admin, &mut form);
    let input = UserInput {
        username: Some(typed.username.clone()),
        email: Some(typed.email.clone()),
        roles: Some(roles),
        blocked: None,
        confirmed: Some(typed.confirmed),
    };
    match users::update(admin.app, admin.ask(), &admin.caller, &row.id, input).await {
        Ok(row) => Ok(back_to(&format!("/admin/users/{}", row.id), "saved")),
        Err(Stop::Reject(reject @ (Reject::Field(..) | Reject::Conflict(_)))) => {
            let form = UserForm { errors: errors(&reject), ..typed };
            admin.show_refused(&view(admin, &row, form).await?, &reject)
        }
        Err(stop) => Err(stop),
    }
}

/// Blocks a user.
pub async fn block(admin: &Admin<'_>, request: &Request, _form: Pairs) -> Result<Response, Stop> {
    let row = users::set_blocked(admin.app, admin.ask(), &admin.caller, &id(request)?, true).await?;
    Ok(back_to(&format!("/admin/users/{}", row.id), "blocked"))
}

/// Lets a user in again.
pub async fn unblock(admin: &Admin<'_>, request: &Request, _form: Pairs) -> Result<Response, Stop> {
    let row = users::set_blocked(admin.app, admin.ask(), &admin.caller, &id(request)?, false).await?;
    Ok(back_to(&format!("/admin/users/{}", row.id), "unblocked"))
}

/// Gives a user a new password, or a link to set one.
pub async fn reset(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let how = credential(&mut form);
    let (row, shown) =
        users::reset_password(admin.app, admin.ask(), &admin.caller, &id(request)?, how).await?;
    carry(admin, &row, shown).await
}

/// Ends one session, or all.
pub async fn end_sessions(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let name = id(request)?;
    let session = form.take("session");
    users::end_sessions(admin.app, admin.ask(), &admin.caller, &name, session.as_deref()).await?;
    Ok(back_to(&format!("/admin/users/{name}"), "ended"))
}

/// Withdraws what a user agreed to for one application: its tokens for the user end at once.
pub async fn withdraw(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let (ask, snapshot) = (admin.ask(), &admin.snapshot);
    let server = AdminResource::Server;
    let permit = caller::permitted(admin.app, ask, snapshot, &admin.caller, admin::USER_UPDATE, server)?;
    let client = form.require("client")?;
    let name = id(request)?;
    let state = admin.app.user_named(&name).await?.ok_or(Reject::NotFound("user"))?;
    consent::withdraw(admin.app, ask, &state, &client).await?;
    let detail = serde_json::json!({ "withdrawn": client });
    caller::audit(admin.app, ask, &admin.caller, &permit, &state.id, detail).await?;
    Ok(back_to(&format!("/admin/users/{}", state.id), "withdrawn"))
}

/// Deletes a user, if the name was typed.
pub async fn delete(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    permitted(admin, admin::USER_DELETE)?;
    let row = users::read(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    if form.take("confirm").unwrap_or_default().trim() != row.username {
        return Err(Reject::Field("confirm", "type the user's name exactly as it stands".to_owned()).into());
    }
    users::delete(admin.app, admin.ask(), &admin.caller, &row.id).await?;
    Ok(back_to("/admin/users", "deleted"))
}

/// The roles.
pub async fn roles(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let mut query = ListQuery::of(request)?;
    let search = query.search()?.unwrap_or_default();
    let words = search.to_lowercase();
    let found = roles::list(admin.app, admin.ask(), &admin.caller).await?;
    let fits = |text: &str| text.to_lowercase().contains(&words);
    let found = found.into_iter().filter(|role| {
        fits(&role.name) || fits(&role.title) || role.actions.iter().any(|action| fits(action))
    });
    let lines = found.map(|role| RoleLine {
        href: format!("/admin/users?role={}", role.name),
        name: role.name,
        title: role.title,
        actions: role.actions,
        file: role.file,
        users: role.users,
    });
    admin.show(&RolesPage { shell: admin.shell(), search, lines: lines.collect() })
}
