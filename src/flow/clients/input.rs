//! What a caller may say about a client, and the document that comes of it.

use crate::app::App;
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::oauth::client::{AssertionStyle, ClientAuth, ClientType, PkceRule};
use crate::oauth::grant::GrantType;
use crate::oauth::reject::{Reject, Stop};
use crate::oauth::scope::Scope;
use crate::policy::{AdminResource, ClientDocument, FieldProblem, Snapshot, Ttl, admin};

/// A client as a request describes it; absent = unchanged, or the default of a new one.
#[derive(Clone, Debug, Default)]
pub struct ClientInput {
    /// The name that people see.
    pub name: Option<String>,
    /// Fixed once the client is made.
    pub client_type: Option<ClientType>,
    /// Scopes and wildcards.
    pub scopes: Option<Vec<String>>,
    /// Redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// Grant types.
    pub grant_types: Option<Vec<GrantType>>,
    /// The owner: a user's document id or name.
    pub user: Option<String>,
    /// Whether it may do anything.
    pub active: Option<bool>,
    /// Whatever the caller keeps with it.
    pub meta: Option<serde_json::Value>,
    /// Its public key in PEM.
    pub public_key: Option<String>,
    /// Its public keys as a JWKS.
    pub jwks: Option<serde_json::Value>,
    /// Its one way to authenticate.
    pub auth: Option<ClientAuth>,
    /// PKCE.
    pub pkce: Option<PkceRule>,
    /// The shape of its assertions.
    pub assertion_style: Option<AssertionStyle>,
    /// Whether jwt-bearer needs the secret as well.
    pub require_secret: Option<bool>,
    /// Life of its access tokens, in seconds.
    pub access_token_ttl: Option<u64>,
    /// Cedar groups.
    pub groups: Option<Vec<String>>,
    /// Users whom its assertions may name.
    pub act_for: Option<Vec<String>>,
    /// No owner any more.
    pub no_owner: bool,
    /// The server's own life of access tokens again.
    pub default_ttl: bool,
}

impl ClientInput {
    /// Whether nothing but activation is asked for, which works for clients of the folder too.
    pub(super) fn only_activity(&self) -> bool {
        let Self { active: _, name, client_type, scopes, redirect_uris, grant_types, user, .. } = self;
        let described =
            name.is_some() || client_type.is_some() || scopes.is_some() || redirect_uris.is_some();
        let registered = grant_types.is_some() || user.is_some() || self.meta.is_some();
        let keyed = self.public_key.is_some() || self.jwks.is_some() || self.auth.is_some();
        let ruled = self.pkce.is_some() || self.assertion_style.is_some() || self.require_secret.is_some();
        let bounded = self.access_token_ttl.is_some() || self.groups.is_some() || self.act_for.is_some();
        let emptied = self.no_owner || self.default_ttl;
        !(described || registered || keyed || ruled || bounded || emptied)
    }

    /// The document of a new client.
    pub(super) async fn document(&self, app: &App) -> Result<ClientDocument, Stop> {
        let kind = self.client_type.ok_or_else(|| missing("clientType", "is CONFIDENTIAL or PUBLIC"))?;
        if self.name.as_deref().is_none_or(|name| name.trim().is_empty()) {
            return Err(missing("name", "is required").into());
        }
        let mut document = self.changed(app, ClientDocument::new(kind)).await?;
        document.active = self.active.unwrap_or(true);
        // Pinned from the start, so that a later default cannot change how the client authenticates.
        document.auth = Some(self.auth.unwrap_or(match kind {
            ClientType::Public => ClientAuth::None,
            ClientType::Confidential => ClientAuth::Secret,
        }));
        document.grants.get_or_insert_with(|| match kind {
            ClientType::Public => vec![GrantType::AuthorizationCode],
            ClientType::Confidential => vec![GrantType::AuthorizationCode, GrantType::JwtBearer],
        });
        if let Some(uri) = &app.config.clients.default_redirect_uri
            && !document.redirect_uris.contains(uri)
        {
            document.redirect_uris.insert(0, uri.clone());
        }
        Ok(document)
    }

    /// A document with what the request says changed in it.
    pub(super) async fn changed(
        &self,
        app: &App,
        mut document: ClientDocument,
    ) -> Result<ClientDocument, Stop> {
        if self.client_type.is_some_and(|kind| kind != document.kind) {
            return Err(missing("clientType", "cannot change; make a new client").into());
        }
        if let Some(name) = &self.name {
            document.name = Some(checked_name(name)?);
        }
        if let Some(user) = &self.user {
            let owner = app.user_named(user).await?.ok_or_else(|| missing("user", "is no user"))?;
            document.owner = Some(owner.id.as_ref().to_owned());
        }
        // The row's flag turns a client off and on; its document says only what it was made as.
        put(&mut document.scopes, self.scopes.as_ref());
        put(&mut document.redirect_uris, self.redirect_uris.as_ref());
        put(&mut document.groups, self.groups.as_ref());
        put(&mut document.act_for, self.act_for.as_ref());
        put(&mut document.require_secret, self.require_secret.as_ref());
        put_some(&mut document.grants, self.grant_types.as_ref());
        put_some(&mut document.auth, self.auth.as_ref());
        put_some(&mut document.pkce, self.pkce.as_ref());
        put_some(&mut document.assertion_style, self.assertion_style.as_ref());
        if self.no_owner {
            document.owner = None;
        }
        if self.default_ttl {
            document.access_token_ttl = None;
        }
        if let Some(seconds) = self.access_token_ttl {
            document.access_token_ttl = Some(Ttl(seconds));
        }
        Ok(document)
    }
}

fn put<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

fn put_some<T: Clone>(place: &mut Option<T>, value: Option<&T>) {
    if let Some(value) = value {
        *place = Some(value.clone());
    }
}

fn missing(name: &'static str, why: &str) -> Reject {
    Reject::Field(name, why.to_owned())
}

/// A name that cannot deceive: no control characters, no change of writing direction (attack row W2).
fn checked_name(text: &str) -> Result<String, Reject> {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ffff}')
    };
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(deceives) {
        return Err(missing("name", "has 1 to 100 visible characters"));
    }
    Ok(text.to_owned())
}

/// The first problem of a document, as a field of the request.
pub(super) fn problems(found: Vec<FieldProblem>) -> Stop {
    let first = found.into_iter().next();
    let (field, message) = first.map_or(("data", "cannot be read".to_owned()), |problem| {
        let field = match problem.field.as_str() {
            "scopes" => "scopes",
            "redirect_uris" => "redirectUris",
            "grants" => "grantTypes",
            "auth" => "tokenEndpointAuthMethod",
            "act_for" => "actFor",
            "groups" => "groups",
            "owner" => "user",
            "access_token_ttl" => "accessTokenTtl",
            "pkce" => "pkce",
            "assertion_style" => "assertionStyle",
            "require_secret" => "requireSecret",
            "name" => "name",
            "public_keys" => "publicKey",
            _ => "data",
        };
        (field, problem.message)
    });
    Reject::Field(field, message).into()
}

/// Nobody gives a client an administrative scope that they do not hold themselves (attack row AA4).
pub(super) fn check_held_scopes(
    app: &App,
    ask: &Ask,
    snapshot: &Snapshot,
    caller: &Caller,
    after: &[Scope],
    before: &[Scope],
) -> Result<(), Stop> {
    for scope in after.iter().filter(|scope| !before.contains(scope)) {
        if let Some(action) = admin::ALL.iter().find(|action| **action == scope.as_str()) {
            caller::permitted(app, ask, snapshot, caller, action, AdminResource::Server)?;
        }
    }
    Ok(())
}
