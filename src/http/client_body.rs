//! A client on the wire: what may be sent, and what is answered.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::listing::timestamp;
use crate::app::App;
use crate::app::clients::{ClientState, type_name};
use crate::flow::clients::{ClientInput, Credentials};
use crate::oauth::client::{ActFor, AssertionStyle, ClientAuth, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Reject;

/// Client type (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub enum ClientTypeBody {
    /// Can keep a credential.
    Confidential,
    /// Cannot.
    Public,
}

/// A client that is to be made or changed.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub struct ClientData {
    /// The client.
    pub data: ClientFields,
}

/// What may be said about a client; absent = unchanged, or the default of a new one.
#[derive(Clone, Debug, Default, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientFields {
    /// The name that people see.
    pub name: Option<String>,
    /// Fixed once the client is made.
    pub client_type: Option<ClientTypeBody>,
    /// Scopes within the global ones: strings, or the plugin's `{"name"}` objects.
    pub scopes: Option<Vec<Value>>,
    /// Redirect URIs: strings, or the plugin's `{"name"}` objects.
    pub redirect_uris: Option<Vec<Value>>,
    /// `authorization_code`, `urn:ietf:params:oauth:grant-type:jwt-bearer`, `client_credentials`. Absent = the
    /// code grant, and jwt-bearer for confidential clients.
    pub grant_types: Option<Vec<String>>,
    /// The owner: a user's document id or name.
    pub user: Option<String>,
    /// Whether it may do anything.
    pub active: Option<bool>,
    /// Whatever you keep with it.
    pub meta: Option<Value>,
    /// Its public key in PEM, instead of a generated one.
    pub public_key: Option<String>,
    /// Its public keys as a JWKS, instead of a generated one.
    pub jwks: Option<Value>,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.
    pub token_endpoint_auth_method: Option<String>,
    /// `S256` (default), `plain` (both), or `optional` (confidential clients).
    pub pkce: Option<String>,
    /// `rfc7523` (default) or `owner`, the plugin's.
    pub assertion_style: Option<String>,
    /// Whether jwt-bearer needs the client secret as well.
    pub require_secret: Option<bool>,
    /// Life of its access tokens, in seconds.
    pub access_token_ttl: Option<u64>,
    /// Cedar groups.
    pub groups: Option<Vec<String>>,
    /// Users whom its assertions may name: `role:<name>`, `user:<name or id>`.
    pub act_for: Option<Vec<String>>,
}

impl Example for ClientData {
    fn example() -> Self {
        let data = ClientFields {
            name: Some("Reporting service".to_owned()),
            client_type: Some(ClientTypeBody::Confidential),
            scopes: Some(vec![Value::from("api::form.form.find")]),
            redirect_uris: Some(vec![Value::from("https://app.example.com/callback")]),
            grant_types: Some(vec![
                GrantType::AuthorizationCode.name().to_owned(),
                GrantType::JwtBearer.name().to_owned(),
            ]),
            ..ClientFields::default()
        };
        Self { data }
    }
}

impl ClientFields {
    /// Reads the fields into the flow's terms.
    ///
    /// # Errors
    /// [`Reject::Field`] for the first that cannot be read.
    pub fn input(self) -> Result<ClientInput, Reject> {
        Ok(ClientInput {
            name: self.name,
            client_type: self.client_type.map(|kind| match kind {
                ClientTypeBody::Confidential => ClientType::Confidential,
                ClientTypeBody::Public => ClientType::Public,
            }),
            scopes: names("scopes", self.scopes)?,
            redirect_uris: names("redirectUris", self.redirect_uris)?,
            grant_types: self.grant_types.map(grants).transpose()?,
            user: self.user,
            active: self.active,
            meta: bounded(self.meta)?,
            public_key: self.public_key,
            jwks: self.jwks,
            auth: self.token_endpoint_auth_method.map(auth).transpose()?,
            pkce: self.pkce.map(pkce).transpose()?,
            assertion_style: self.assertion_style.map(style).transpose()?,
            require_secret: self.require_secret,
            access_token_ttl: self.access_token_ttl,
            groups: self.groups,
            act_for: self.act_for,
            no_owner: false,
            default_ttl: false,
        })
    }
}

fn refused<T>(field: &'static str, why: &str) -> Result<T, Reject> {
    Err(Reject::Field(field, why.to_owned()))
}

/// Strings, or the plugin's objects with a `name`.
pub(super) fn names(field: &'static str, values: Option<Vec<Value>>) -> Result<Option<Vec<String>>, Reject> {
    let Some(values) = values else { return Ok(None) };
    let mut names = Vec::with_capacity(values.len());
    for value in values {
        let name = match &value {
            Value::String(name) => Some(name.as_str()),
            Value::Object(members) if members.keys().all(|key| key == "name" || key == "createdType") => {
                members.get("name").and_then(Value::as_str)
            }
            _ => None,
        };
        match name {
            Some(name) => names.push(name.to_owned()),
            None => return refused(field, "holds strings"),
        }
    }
    Ok(Some(names))
}

fn grants(names: Vec<String>) -> Result<Vec<GrantType>, Reject> {
    let known = |name: &String| {
        GrantType::parse(name).ok_or_else(|| {
            Reject::Field("grantTypes", "holds a grant type that this server does not know".to_owned())
        })
    };
    names.iter().map(known).collect()
}

fn auth(text: String) -> Result<ClientAuth, Reject> {
    match text.as_str() {
        "client_secret_basic" | "client_secret_post" => Ok(ClientAuth::Secret),
        "private_key_jwt" => Ok(ClientAuth::Key),
        "none" => Ok(ClientAuth::None),
        _ => refused(
            "tokenEndpointAuthMethod",
            "is client_secret_basic, client_secret_post, private_key_jwt or none",
        ),
    }
}

fn pkce(text: String) -> Result<PkceRule, Reject> {
    match text.as_str() {
        "S256" => Ok(PkceRule::S256),
        "plain" => Ok(PkceRule::Plain),
        "optional" => Ok(PkceRule::Optional),
        _ => refused("pkce", "is S256, plain or optional"),
    }
}

fn style(text: String) -> Result<AssertionStyle, Reject> {
    match text.as_str() {
        "rfc7523" => Ok(AssertionStyle::Rfc7523),
        "owner" => Ok(AssertionStyle::Owner),
        _ => refused("assertionStyle", "is rfc7523 or owner"),
    }
}

fn bounded(meta: Option<Value>) -> Result<Option<Value>, Reject> {
    match meta {
        Some(value) if value.to_string().len() > 8_192 => refused("meta", "has at most 8192 bytes"),
        meta => Ok(meta),
    }
}

/// A client. Secret and keys only where they were made just now.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ClientBody {
    /// The id that management paths take.
    pub document_id: String,
    /// The `client_id` of the protocol.
    pub client_id: String,
    /// The name that people see.
    pub name: String,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub client_type: String,
    /// `BACK_OFFICE` or `USER` for the database's, `FILE` for the folder's.
    pub created_type: String,
    /// What its document lists, wildcards resolved.
    pub scopes: Vec<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// The same, with who added each: `USER` or `SYSTEM`.
    pub redirect_uri_details: Vec<RedirectUriBody>,
    /// Grant types.
    pub grant_types: Vec<String>,
    /// How it authenticates: `client_secret_basic` stands for both ways of sending the secret.
    pub token_endpoint_auth_method: String,
    /// `S256`, `plain` or `optional`.
    pub pkce: String,
    /// `rfc7523` or `owner`.
    pub assertion_style: String,
    /// Whether jwt-bearer needs the secret as well.
    pub require_secret: bool,
    /// Life of its access tokens in seconds, where it differs from the server's.
    pub access_token_ttl: Option<u64>,
    /// Cedar groups.
    pub groups: Vec<String>,
    /// Users whom its assertions may name.
    pub act_for: Vec<String>,
    /// The owner.
    pub user: Option<String>,
    /// Document and row both say active.
    pub active: bool,
    /// Whatever you keep with it.
    pub meta: Option<Value>,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// When it last obtained a token; at most 5 seconds late.
    pub last_used_at: Option<String>,
    /// The secret, shown this once.
    pub client_secret: Option<String>,
    /// The public key in PEM.
    pub public_key: Option<String>,
    /// The private key in PEM, shown this once.
    pub private_key: Option<String>,
}

/// A redirect URI and who added it.
#[derive(Clone, Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct RedirectUriBody {
    /// The URI.
    pub name: String,
    /// `USER`, or `SYSTEM` for `clients.default_redirect_uri`.
    pub created_type: String,
}

impl ClientBody {
    /// The client as the API shows it.
    pub fn of(app: &App, state: &ClientState) -> Self {
        let (client, row) = (&state.client, &state.row);
        let system = app.config.clients.default_redirect_uri.as_deref().filter(|_| !state.is_file());
        let uris: Vec<String> = client.redirect_uris.iter().map(|(uri, _)| uri.as_str().to_owned()).collect();
        Self {
            document_id: row.document_id.clone(),
            client_id: client.id.as_str().to_owned(),
            name: client.name.clone(),
            client_type: type_name(client.kind).to_owned(),
            created_type: row.created_type.clone(),
            scopes: client.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            redirect_uri_details: uris
                .iter()
                .map(|uri| RedirectUriBody {
                    name: uri.clone(),
                    created_type: if system == Some(uri.as_str()) { "SYSTEM" } else { "USER" }.to_owned(),
                })
                .collect(),
            redirect_uris: uris,
            grant_types: client.grants.iter().map(|grant| grant.name().to_owned()).collect(),
            token_endpoint_auth_method: match client.auth {
                ClientAuth::Secret => "client_secret_basic",
                ClientAuth::Key => "private_key_jwt",
                ClientAuth::None => "none",
            }
            .to_owned(),
            pkce: match client.pkce {
                PkceRule::S256 => "S256",
                PkceRule::Plain => "plain",
                PkceRule::Optional => "optional",
            }
            .to_owned(),
            assertion_style: match client.assertion_style {
                AssertionStyle::Rfc7523 => "rfc7523",
                AssertionStyle::Owner => "owner",
            }
            .to_owned(),
            require_secret: client.require_secret,
            access_token_ttl: client.access_token_ttl,
            groups: client.groups.clone(),
            act_for: client.act_for.iter().map(act_for_text).collect(),
            user: client.owner.clone(),
            active: state.active,
            meta: row.meta.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
            last_used_at: row.last_used_at.map(timestamp),
            client_secret: None,
            public_key: None,
            private_key: None,
        }
    }

    /// The same with credentials that were made just now.
    #[must_use]
    pub fn with(mut self, made: &Credentials) -> Self {
        self.client_secret = made.secret.as_ref().map(|secret| secret.reveal().to_owned());
        self.public_key.clone_from(&made.public_key);
        self.private_key = made.private_key.as_ref().map(|key| key.0.clone());
        self
    }
}

fn act_for_text(act_for: &ActFor) -> String {
    match act_for {
        ActFor::Role(name) => format!("role:{name}"),
        ActFor::User(name) => format!("user:{name}"),
    }
}
