//! A client's credentials: renewed here, and shown on the one page that follows.

use poem::http::Method;
use poem::{Request, Response};

use super::client_fields;
use super::client_view::{auth_name, head, state};
use super::context::{Admin, back_to, id};
use crate::app::clients::ClientState;
use crate::flow::admin::once::{self, Shown};
use crate::flow::clients::{self, ClientInput, Credentials};
use crate::http::cookies::Cookie;
use crate::http::page;
use crate::http::pairs::Pairs;
use crate::oauth::client::ClientType;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{Choice, CredentialsPage, OncePage};
use crate::pages::snippets::{self, FirstRequest};

/// How long the browser keeps the ticket of credentials, in seconds: as long as the server keeps them.
pub const TICKET_S: u64 = 120;

/// What credentials there are.
pub async fn page(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    admin.show(&view(admin, &state, String::new(), None))
}

fn view(admin: &Admin<'_>, state: &ClientState, typed: String, reject: Option<&Reject>) -> CredentialsPage {
    let row = &state.row;
    let hours = [1_u64, 4, 12, 24];
    let mut graces = vec![Choice::new("0", "is refused at once")];
    graces.extend(hours.map(|h| {
        let plural = if h == 1 { "" } else { "s" };
        Choice::new(&(h * 3_600).to_string(), &format!("works {h} hour{plural} more"))
    }));
    CredentialsPage {
        shell: admin.shell(),
        head: head(admin, state, "/credentials"),
        auth: auth_name(state.client.auth).to_owned(),
        has_secret: row.secret_hash.is_some(),
        former_until: row.old_secret_until.filter(|until| *until > admin.now()),
        keys: state.keys.iter().map(|key| key.kid.clone()).collect(),
        keys_in_file: !state.client.keys.is_empty(),
        graces,
        public_key: typed,
        errors: reject.map(client_fields::errors).unwrap_or_default(),
    }
}

/// Rotates the secret.
pub async fn rotate_secret(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let grace = form.take("grace").unwrap_or_default();
    let grace: u64 = match grace.as_str() {
        "" => 0,
        text => text.parse().map_err(|_| Reject::Field("grace", "is a number of seconds".to_owned()))?,
    };
    let rotated = clients::rotate_secret(admin.app, admin.ask(), &admin.caller, &id(request)?, grace).await?;
    carry(admin, &rotated.0, &rotated.1).await
}

/// Makes a new key pair.
pub async fn keypair(admin: &Admin<'_>, request: &Request, _form: Pairs) -> Result<Response, Stop> {
    let made = clients::regenerate_keypair(admin.app, admin.ask(), &admin.caller, &id(request)?).await?;
    carry(admin, &made.0, &made.1).await
}

/// Registers a public key that somebody brings.
pub async fn register(admin: &Admin<'_>, request: &Request, mut form: Pairs) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let typed = form.take("public_key").unwrap_or_default();
    let input = if typed.trim_start().starts_with('{') {
        serde_json::from_str(&typed)
            .map(|jwks| ClientInput { jwks: Some(jwks), ..ClientInput::default() })
            .map_err(|_| Reject::Field("jwks", "is no JSON".to_owned()))
    } else {
        Ok(ClientInput { public_key: Some(typed.clone()), ..ClientInput::default() })
    };
    let document = &state.row.document_id;
    let saved = match input {
        Ok(input) => clients::update(admin.app, admin.ask(), &admin.caller, document, input).await,
        Err(reject) => Err(reject.into()),
    };
    match saved {
        Ok(_) => Ok(back_to(&format!("/admin/clients/{document}/credentials"), "registered")),
        Err(Stop::Reject(reject @ Reject::Field(..))) => {
            admin.show_refused(&view(admin, &state, typed, Some(&reject)), &reject)
        }
        Err(stop) => Err(stop),
    }
}

/// Takes credentials to the page that shows them: 303, so that a reload makes nothing anew.
pub async fn carry(admin: &Admin<'_>, state: &ClientState, made: &Credentials) -> Result<Response, Stop> {
    let document = &state.row.document_id;
    let mut response = page::see_other(&format!("/admin/clients/{document}/once"));
    let shown = Shown::of(document, made);
    if !shown.is_empty() {
        let user = &admin.page.signed_in().user.id;
        let ticket = once::keep(admin.app, admin.ask(), user, &shown).await?;
        page::set_cookie(&mut response, &Cookie::Once.set(admin.app, ticket.reveal(), TICKET_S));
    }
    Ok(response)
}

/// The page that shows them.
pub async fn once_page(admin: &Admin<'_>, request: &Request) -> Result<Response, Stop> {
    let state = state(admin, &id(request)?).await?;
    let ticket = Cookie::Once.read(admin.app, request).filter(|_| request.method() == Method::GET);
    let shown = match ticket {
        None => None,
        Some(ticket) => once::take(admin.app, admin.ask(), &admin.page.signed_in().user.id, ticket).await?,
    };
    let shown = shown.filter(|shown| shown.document_id == state.row.document_id);
    let head = head(admin, &state, "");
    let (secret, public_key, private_key, there) = match shown {
        None => (None, None, None, false),
        Some(shown) => (shown.secret, shown.public_key, shown.private_key, true),
    };
    let env = environment(admin, &state, secret.as_deref(), private_key.as_deref());
    let first = first_request(&state).filter(|first| match first {
        // A secret alone signs no assertion, and a key alone is no secret.
        FirstRequest::Assertion => private_key.is_some(),
        FirstRequest::Credentials => secret.is_some(),
        FirstRequest::Code => secret.is_some() || state.client.kind == ClientType::Public,
    });
    let snippets = first.map(|first| snippets::of(first, state.client.id.as_str())).unwrap_or_default();
    let shell = admin.narrow_shell();
    let mut response =
        admin.show(&OncePage { shell, head, there, secret, public_key, private_key, env, snippets })?;
    if ticket.is_some() {
        page::set_cookie(&mut response, &Cookie::Once.set(admin.app, "", 0));
    }
    Ok(response)
}

fn environment(
    admin: &Admin<'_>,
    state: &ClientState,
    secret: Option<&str>,
    private_key: Option<&str>,
) -> String {
    let mut lines = vec![
        format!("OAUTH_ISSUER={}", admin.app.public.issuer()),
        format!("OAUTH_CLIENT_ID={}", state.client.id),
    ];
    if let Some((uri, _)) = state.client.redirect_uris.first() {
        // Quoted for a shell; a validated URI has no quotation mark, and no apostrophe but a rare one.
        lines.push(format!("OAUTH_REDIRECT_URI='{}'", uri.as_str().replace('\'', "%27")));
    }
    lines.extend(secret.map(|secret| format!("OAUTH_CLIENT_SECRET={secret}")));
    // A line for each variable: readers of such files turn \n back into line breaks.
    lines.extend(
        private_key.map(|pem| format!("OAUTH_PRIVATE_KEY=\"{}\"", pem.trim_end().replace('\n', "\\n"))),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// How the client obtains its first token, with what it has.
fn first_request(state: &ClientState) -> Option<FirstRequest> {
    let has = |grant| state.client.grants.contains(&grant);
    [
        (GrantType::AuthorizationCode, FirstRequest::Code),
        (GrantType::JwtBearer, FirstRequest::Assertion),
        (GrantType::ClientCredentials, FirstRequest::Credentials),
    ]
    .into_iter()
    .find_map(|(grant, first)| has(grant).then_some(first))
}
