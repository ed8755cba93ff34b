//! Signing keys: made on first start, kept in the database, rotated with overlap.

use std::sync::Arc;

use super::App;
use crate::config::{Config, TokenAlg};
use crate::keys::{Alg, KeyMaterial, KeyRing, generate, import_pem};
use crate::oauth::reject::Fault;
use crate::store::{KeyRow, Store};
use crate::telemetry::Event;

/// A published key stays for the longest life of a token that it may have signed, and a day more.
const AFTERLIFE_MS: i64 = 86_400_000;

impl App {
    /// Reads the keys anew: another replica, or the command line, rotated.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer or a key cannot be read; the former keys stay.
    pub async fn reload_keys(&self) -> Result<(), Fault> {
        let ring = load_ring(&self.config, &self.store, self.clock.now_ms()).await?;
        self.key_ring.store(Arc::new(ring));
        Ok(())
    }

    /// Makes a new signing key. It is published at once and signs after the overlap; the former ones
    /// stay published until the last token that they signed has expired (attack row K5).
    ///
    /// # Errors
    /// [`Fault`] if the key cannot be made or kept.
    pub async fn rotate_keys(&self, overlap_ms: i64) -> Result<String, Fault> {
        let now_ms = self.clock.now_ms();
        let kid = rotate(&self.config, &self.store, now_ms, overlap_ms).await?;
        self.reload_keys().await?;
        Event::KeyRotated { kid: &kid, alg: self.key_ring().alg().name() }.emit();
        Ok(kid)
    }
}

/// Makes and keeps a new key beside the former ones; the command line calls it without a server.
///
/// # Errors
/// [`Fault`] if the key cannot be made or kept, or if there is nothing to rotate.
pub async fn rotate(config: &Config, store: &Store, now_ms: i64, overlap_ms: i64) -> Result<String, Fault> {
    let alg = algorithm(config.tokens.alg);
    if alg == Alg::HS256 {
        return Err(Fault::Keys(
            "HS256 signs with keys.hs256_secret_file; replace that file instead".to_owned(),
        ));
    }
    let active_from = now_ms + overlap_ms;
    let made = generate_off_thread(alg, active_from, now_ms).await?;
    let kid = made.kid.clone();
    let retire_at = active_from + config.tokens.access_ttl.millis().max(AFTERLIFE_MS) + AFTERLIFE_MS;
    store.insert_key(row_of(made)).await?;
    for former in store.keys().await? {
        if former.kid != kid && former.alg == alg.name() && former.retired_at.is_none() {
            store.retire_key(&former.kid, retire_at).await?;
        }
    }
    Ok(kid)
}

/// Makes the first key where there is none, so that several replicas that start at once agree on one.
///
/// # Errors
/// [`Fault`] if the key cannot be made or kept.
pub async fn ensure_first(config: &Config, store: &Store, now_ms: i64) -> Result<(), Fault> {
    let alg = algorithm(config.tokens.alg);
    let brought = config.keys.signing_key_file.is_some() || alg == Alg::HS256;
    let known = store.keys().await?.iter().any(|key| key.alg == alg.name() && key.retired_at.is_none());
    if brought || known {
        return Ok(());
    }
    let made = generate_off_thread(alg, now_ms, now_ms).await?;
    store.insert_first_key(row_of(made)).await?;
    Ok(())
}

/// Reads all keys: those of the database, and the one that the operator brought.
///
/// # Errors
/// [`Fault`] if a key cannot be read: the server does not start half able to sign.
pub async fn load_ring(config: &Config, store: &Store, now_ms: i64) -> Result<KeyRing, Fault> {
    let alg = algorithm(config.tokens.alg);
    let mut keys = Vec::new();
    for row in store.keys().await? {
        keys.push(material_of(row)?);
    }
    if let Some(path) = &config.keys.signing_key_file {
        let pem = std::fs::read_to_string(path)
            .map_err(|e| Fault::Keys(format!("keys.signing_key_file {}: {e}", path.display())))?;
        let brought = import_pem(&pem, alg, now_ms)?;
        keys.retain(|key| key.kid != brought.kid);
        keys.push(brought);
    }
    let secret = match &config.keys.hs256_secret_file {
        None => None,
        Some(path) => Some(
            std::fs::read(path)
                .map_err(|e| Fault::Keys(format!("keys.hs256_secret_file {}: {e}", path.display())))?,
        ),
    };
    KeyRing::new(alg, keys, secret.map(without_newline))
}

/// What is wrong with the key files of the settings, for `grantwood check`. Nothing of a key is in the texts.
pub fn check_key_files(config: &Config) -> Vec<String> {
    let alg = algorithm(config.tokens.alg);
    let mut wrong = Vec::new();
    if let Some(path) = &config.keys.signing_key_file {
        let read = std::fs::read_to_string(path).map_err(|error| error.kind().to_string());
        let usable =
            read.and_then(|pem| import_pem(&pem, alg, 0).map(drop).map_err(|error| error.to_string()));
        wrong.extend(usable.err().map(|why| format!("keys.signing_key_file {}: {why}", path.display())));
    }
    if let Some(path) = &config.keys.hs256_secret_file {
        let secret = std::fs::read(path).map_err(|error| error.kind().to_string()).map(without_newline);
        let usable = secret.and_then(|secret| match alg {
            Alg::HS256 => {
                KeyRing::new(alg, Vec::new(), Some(secret)).map(drop).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        });
        wrong.extend(usable.err().map(|why| format!("keys.hs256_secret_file {}: {why}", path.display())));
    } else if alg == Alg::HS256 {
        wrong.push("tokens.alg HS256 needs keys.hs256_secret_file".to_owned());
    }
    wrong
}

fn without_newline(mut secret: Vec<u8>) -> Vec<u8> {
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    secret
}

async fn generate_off_thread(alg: Alg, active_from: i64, now_ms: i64) -> Result<KeyMaterial, Fault> {
    tokio::task::spawn_blocking(move || generate(alg, 2_048, now_ms, active_from))
        .await
        .map_err(|_| Fault::Keys("key generation failed".to_owned()))?
}

fn algorithm(alg: TokenAlg) -> Alg {
    match alg {
        TokenAlg::RS256 => Alg::RS256,
        TokenAlg::ES256 => Alg::ES256,
        TokenAlg::EdDSA => Alg::EdDSA,
        TokenAlg::HS256 => Alg::HS256,
    }
}

fn row_of(key: KeyMaterial) -> KeyRow {
    KeyRow {
        kid: key.kid,
        alg: key.alg.name().to_owned(),
        private_pem: key.private_pem,
        public_jwk: key.public_jwk.to_string(),
        created_at: key.created_at,
        active_from: key.active_from,
        retired_at: key.retired_at,
    }
}

fn material_of(row: KeyRow) -> Result<KeyMaterial, Fault> {
    let unreadable = || Fault::Inconsistent(format!("signing key {}", row.kid));
    Ok(KeyMaterial {
        alg: row.alg.parse().map_err(|_| unreadable())?,
        public_jwk: serde_json::from_str(&row.public_jwk).map_err(|_| unreadable())?,
        kid: row.kid,
        private_pem: row.private_pem,
        created_at: row.created_at,
        active_from: row.active_from,
        retired_at: row.retired_at,
    })
}
