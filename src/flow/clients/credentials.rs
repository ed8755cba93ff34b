//! Secrets and keys of clients: made here, shown once, kept as a hash or a public key.

use std::sync::Arc;

use super::{ClientInput, permitted};
use crate::app::clients::ClientState;
use crate::app::{App, clock};
use crate::flow::Ask;
use crate::flow::caller::{self, Caller};
use crate::keys::client_keypair;
use crate::oauth::client::{Client, ClientAuth, ClientType};
use crate::oauth::grant::GrantType;
use crate::oauth::jwk::PublicKeys;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::{Kind, Secret, SecretHash};
use crate::policy::admin;
use crate::store::ClientChange;

/// Longest time that a former secret may live on, in seconds.
const MAX_GRACE_S: u64 = 86_400;

/// What is shown this once.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The client secret.
    pub secret: Option<Secret>,
    /// The public key in PEM.
    pub public_key: Option<String>,
    /// The private key in PEM; never kept.
    pub private_key: Option<PrivateKey>,
}

/// A private key that does not show itself in logs.
pub struct PrivateKey(pub String);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(***)")
    }
}

impl Credentials {
    pub(super) fn secret_hash(&self) -> Option<SecretHash> {
        self.secret.as_ref().map(Secret::hash)
    }
}

/// The credentials of a new client: a secret where it authenticates with one, a key where it signs
/// and brought none of its own.
pub(super) async fn for_new(
    app: &App,
    client: &Client,
    input: &ClientInput,
) -> Result<(Credentials, Option<PublicKeys>), Stop> {
    let mut credentials = Credentials::default();
    if client.kind == ClientType::Public {
        if input.public_key.is_some() || input.jwks.is_some() {
            return Err(Reject::Field("publicKey", "a public client has no key".to_owned()).into());
        }
        return Ok((credentials, None));
    }
    if client.auth == ClientAuth::Secret {
        credentials.secret = Some(clock::new_secret(Kind::ClientSecret)?);
    }
    if let Some(keys) = registered_keys(input)? {
        return Ok((credentials, Some(keys)));
    }
    if client.auth != ClientAuth::Key && !client.grants.contains(&GrantType::JwtBearer) {
        return Ok((credentials, None));
    }
    let pair = new_keypair(app).await?;
    credentials.public_key = Some(pair.public_pem);
    credentials.private_key = Some(PrivateKey(pair.private_pem));
    Ok((credentials, Some(pair.keys)))
}

/// The keys that a request registers.
pub(super) fn registered_keys(input: &ClientInput) -> Result<Option<PublicKeys>, Stop> {
    let (field, text) = match (&input.public_key, &input.jwks) {
        (None, None) => return Ok(None),
        (Some(pem), None) => ("publicKey", pem.clone()),
        (None, Some(jwks)) => ("jwks", jwks.to_string()),
        (Some(_), Some(_)) => {
            return Err(Reject::Field("jwks", "give publicKey or jwks, not both".to_owned()).into());
        }
    };
    let keys = PublicKeys::parse(&text).map_err(|e| Reject::Field(field, e.to_string()))?;
    if keys.is_empty() {
        return Err(Reject::Field(field, "holds no key".to_owned()).into());
    }
    Ok(Some(keys))
}

async fn new_keypair(app: &App) -> Result<crate::keys::ClientKeypair, Fault> {
    let bits = app.config.clients.rsa_bits;
    tokio::task::spawn_blocking(move || client_keypair(bits))
        .await
        .map_err(|_| Fault::Keys("key generation failed".to_owned()))?
}

/// Makes a new secret. The former one is refused from now on, or after the grace time.
///
/// # Errors
/// [`Reject::Field`] for a client without a secret, missing permission, or a fault.
pub async fn rotate_secret(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
    grace_s: u64,
) -> Result<(Arc<ClientState>, Credentials), Stop> {
    let snapshot = app.policies.current();
    let (state, permit) = permitted(app, ask, &snapshot, caller, admin::CLIENT_ROTATE_SECRET, name).await?;
    if state.client.auth != ClientAuth::Secret {
        return Err(Reject::Conflict("the client does not authenticate with a secret".into()).into());
    }
    if grace_s > MAX_GRACE_S {
        return Err(Reject::Field("grace", "is at most 86400 seconds".to_owned()).into());
    }
    let secret = clock::new_secret(Kind::ClientSecret)?;
    let until = (grace_s > 0).then(|| ask.now_ms + grace_s as i64 * 1_000);
    app.store.rotate_secret(&state.row.document_id, secret.hash(), until, ask.now_ms).await?;
    app.freshness.clients_changed();
    let detail = serde_json::json!({ "grace": grace_s });
    caller::audit(app, ask, caller, &permit, &state.row.client_id, detail).await?;
    Ok((state, Credentials { secret: Some(secret), ..Credentials::default() }))
}

/// Makes a new key pair; assertions by the former key are refused at once (attack row G14).
///
/// # Errors
/// [`Reject::Conflict`] for a public client or one whose keys stand in a file, missing permission, or a fault.
pub async fn regenerate_keypair(
    app: &App,
    ask: &Ask,
    caller: &Caller,
    name: &str,
) -> Result<(Arc<ClientState>, Credentials), Stop> {
    let snapshot = app.policies.current();
    let (state, permit) = permitted(app, ask, &snapshot, caller, admin::CLIENT_ROTATE_KEYS, name).await?;
    if state.client.kind == ClientType::Public {
        return Err(Reject::Conflict("a public client has no key".into()).into());
    }
    if !state.client.keys.is_empty() {
        return Err(
            Reject::Conflict("the client's keys stand in its document; change them there".into()).into()
        );
    }
    let pair = new_keypair(app).await?;
    let change = ClientChange {
        jwks: Some(Some(pair.keys.to_jwks().to_string())),
        updated_at: ask.now_ms,
        ..ClientChange::default()
    };
    app.store.update_client(&state.row.document_id, change).await?;
    app.freshness.clients_changed();
    caller::audit(app, ask, caller, &permit, &state.row.client_id, serde_json::json!({})).await?;
    let credentials = Credentials {
        secret: None,
        public_key: Some(pair.public_pem),
        private_key: Some(PrivateKey(pair.private_pem)),
    };
    Ok((state, credentials))
}
