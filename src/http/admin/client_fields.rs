//! The fields of a client's form: as they were typed, and as the flow takes them.

use super::client_view::grants;
use super::context::{Admin, field_of};
use crate::flow::admin::clients::owners;
use crate::flow::clients::ClientInput;
use crate::http::pairs::Pairs;
use crate::oauth::client::{AssertionStyle, ClientAuth, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::pages::admin::{ClientForm, FieldError, OwnerProposal};
use crate::policy::Ttl;

/// A form that was sent.
pub struct Sent {
    /// Its fields as they were typed, to be shown again.
    pub form: ClientForm,
    /// The button: `owner` searches, anything else carries out.
    pub searching: bool,
    /// The ticked scopes.
    pub scopes: Vec<String>,
}

/// Reads a form.
pub fn read(form: &mut Pairs) -> Sent {
    let mut text = |name: &str| form.take(name).unwrap_or_default();
    let choice = text("owner_choice");
    let typed = text("owner");
    let read = ClientForm {
        name: text("name"),
        kind: text("kind"),
        owner: if choice.is_empty() { typed } else { choice },
        redirect_uris: text("redirect_uris"),
        auth: text("auth"),
        pkce: text("pkce"),
        assertion_style: text("assertion_style"),
        require_secret: !text("require_secret").is_empty(),
        access_token_ttl: text("access_token_ttl"),
        groups: text("groups"),
        act_for: text("act_for"),
        ..ClientForm::default()
    };
    let searching = text("step") == "owner";
    let ticked = form.take_all("grant");
    let read = ClientForm { grants: grants(|grant| ticked.iter().any(|name| name == grant.name())), ..read };
    Sent { form: read, searching, scopes: form.take_all("scope") }
}

/// One value a line, or with spaces between.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// The settings of a form for a client that exists.
///
/// # Errors
/// [`Reject::Field`] for the first that cannot be read.
pub fn settings(form: &ClientForm) -> Result<ClientInput, Reject> {
    let ttl = match form.access_token_ttl.trim() {
        "" => None,
        text => Some(Ttl::parse(text).ok_or_else(|| {
            Reject::Field("accessTokenTtl", "is a number of seconds, or such as 15m or 1h".to_owned())
        })?),
    };
    let ticked = form.grants.iter().filter(|grant| grant.checked);
    let owner = form.owner.trim();
    Ok(ClientInput {
        name: Some(form.name.clone()),
        redirect_uris: Some(words(&form.redirect_uris)),
        grant_types: Some(ticked.filter_map(|grant| GrantType::parse(&grant.value)).collect()),
        user: (!owner.is_empty()).then(|| owner.to_owned()),
        no_owner: owner.is_empty(),
        auth: Some(match form.auth.as_str() {
            "client_secret" => ClientAuth::Secret,
            "private_key_jwt" => ClientAuth::Key,
            "none" => ClientAuth::None,
            _ => return Err(unknown("tokenEndpointAuthMethod")),
        }),
        pkce: Some(match form.pkce.as_str() {
            "S256" => PkceRule::S256,
            "plain" => PkceRule::Plain,
            "optional" => PkceRule::Optional,
            _ => return Err(unknown("pkce")),
        }),
        assertion_style: Some(match form.assertion_style.as_str() {
            "rfc7523" => AssertionStyle::Rfc7523,
            "owner" => AssertionStyle::Owner,
            _ => return Err(unknown("assertionStyle")),
        }),
        require_secret: Some(form.require_secret),
        default_ttl: ttl.is_none(),
        access_token_ttl: ttl.map(|ttl| ttl.0),
        groups: Some(words(&form.groups)),
        act_for: Some(
            form.act_for.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect(),
        ),
        ..ClientInput::default()
    })
}

fn unknown(field: &'static str) -> Reject {
    Reject::Field(field, "is none of those that can be chosen".to_owned())
}

/// What is wrong with a form, at the field that it is about.
pub fn errors(reject: &Reject) -> Vec<FieldError> {
    let Some((name, why)) = field_of(reject) else {
        return vec![FieldError { field: String::new(), message: reject.wire().description.into_owned() }];
    };
    let (field, label) = match name {
        "name" => ("name", "Name"),
        "user" => ("owner", "Owner"),
        "redirectUris" => ("redirect_uris", "Redirect URIs"),
        "tokenEndpointAuthMethod" => ("auth", "Authenticates by"),
        "pkce" => ("pkce", "PKCE"),
        "assertionStyle" => ("assertion_style", "Assertions"),
        "accessTokenTtl" => ("access_token_ttl", "Life of access tokens"),
        "actFor" => ("act_for", "Acts for"),
        "groups" => ("groups", "Groups"),
        "publicKey" | "jwks" => ("public_key", "Public key"),
        "grantTypes" => ("", "Grant types"),
        "scopes" => ("", "Scopes"),
        "clientType" => ("", "Kind"),
        other => ("", other),
    };
    vec![FieldError { field: field.to_owned(), message: format!("{label}: {why}") }]
}

/// Users who match what was typed as owner: the query itself, not the first users that there are.
///
/// # Errors
/// Missing permission, or a fault.
pub async fn proposals(admin: &Admin<'_>, typed: &str) -> Result<Vec<OwnerProposal>, Stop> {
    let users = owners(admin.app, admin.ask(), &admin.caller, typed).await?;
    Ok(users.into_iter().map(|user| OwnerProposal { username: user.username, email: user.email }).collect())
}
