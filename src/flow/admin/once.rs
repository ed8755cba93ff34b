//! Credentials on their way from the form that made them to the page that shows them: after a redirect, on any
//! replica, once. The database holds them sealed; the key is a secret that only the browser has.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::{App, clock};
use crate::flow::Ask;
use crate::flow::clients::Credentials;
use crate::oauth::reject::Fault;
use crate::oauth::secret::{Kind, Secret, SecretHash};

/// How long they wait for their page, in milliseconds.
const WAITS_MS: i64 = 120_000;

/// What is shown this once.
#[derive(Default, Serialize, Deserialize)]
pub struct Shown {
    /// The document id of the client or user.
    pub document_id: String,
    /// The client secret.
    pub secret: Option<String>,
    /// The public key in PEM.
    pub public_key: Option<String>,
    /// The private key in PEM.
    pub private_key: Option<String>,
    /// A user's password.
    #[serde(default)]
    pub password: Option<String>,
    /// Where a user sets a password.
    #[serde(default)]
    pub setup_url: Option<String>,
}

impl Shown {
    /// What was made for a client just now.
    pub fn of(document_id: &str, made: &Credentials) -> Self {
        Self {
            document_id: document_id.to_owned(),
            secret: made.secret.as_ref().map(|secret| secret.reveal().to_owned()),
            public_key: made.public_key.clone(),
            private_key: made.private_key.as_ref().map(|key| key.0.clone()),
            ..Self::default()
        }
    }

    /// Whether there is anything to show.
    pub fn is_empty(&self) -> bool {
        self.secret.is_none()
            && self.private_key.is_none()
            && self.password.is_none()
            && self.setup_url.is_none()
    }
}

/// Seals and keeps; the answer is what the browser brings back.
///
/// # Errors
/// [`Fault`] if the random generator or the database fails.
pub async fn keep(app: &App, ask: &Ask, user_id: &str, shown: &Shown) -> Result<Secret, Fault> {
    let ticket = clock::new_secret(Kind::Transaction)?;
    let mut bytes = serde_json::to_vec(shown).map_err(|_| broken())?;
    // One key for one message, so the nonce may be fixed.
    key_of(ticket.reveal())?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut bytes)
        .map_err(|_| broken())?;
    app.store.keep_once(ticket.hash(), user_id, bytes, ask.now_ms + WAITS_MS, ask.now_ms).await?;
    Ok(ticket)
}

/// Takes and opens; nothing the second time, for somebody else, or too late.
///
/// # Errors
/// [`Fault`] if the database fails.
pub async fn take(app: &App, ask: &Ask, user_id: &str, ticket: &str) -> Result<Option<Shown>, Fault> {
    let sealed = app.store.take_once(SecretHash::of(ticket), user_id, ask.now_ms).await?;
    let Some(mut bytes) = sealed else { return Ok(None) };
    let open = key_of(ticket)?
        .open_in_place(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut bytes)
        .map_err(|_| broken())?;
    serde_json::from_slice(open).map(Some).map_err(|_| broken())
}

/// The key of a ticket: another hash than the one that the row is found by.
fn key_of(ticket: &str) -> Result<LessSafeKey, Fault> {
    let digest = Sha256::new().chain_update(b"shown-once key").chain_update(ticket.as_bytes()).finalize();
    UnboundKey::new(&AES_256_GCM, &digest).map(LessSafeKey::new).map_err(|_| broken())
}

fn broken() -> Fault {
    Fault::Inconsistent("credentials that were to be shown".to_owned())
}
