//! Passwords: argon2id, with a bound on how many are hashed at one time.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};

use super::aside::Aside;
use super::clock::random_bytes;
use crate::config::Users;
use crate::oauth::reject::Fault;

/// Longest password, in bytes: longer ones are refused before any hashing (attack row T8).
pub const MAX_PASSWORD_BYTES: usize = 1_024;
/// Shortest password that may be set, in characters.
pub const MIN_PASSWORD_CHARS: usize = 8;

/// Hashes and checks passwords off the request's thread.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    threads: Arc<Aside>,
    /// A hash of nobody's password: an unknown user costs the same as a wrong password (row T5).
    /// Made at its first use: starting must not wait for it.
    nobody: Arc<OnceLock<String>>,
}

impl Passwords {
    /// Prepares the hasher.
    ///
    /// # Errors
    /// [`Fault::Keys`] if the parameters cannot be used or the random generator fails.
    pub fn new(settings: &Users) -> Result<Self, Fault> {
        let params = Params::new(settings.argon2_kib, settings.argon2_passes, 1, None)
            .map_err(|e| Fault::Keys(format!("argon2 parameters: {e}")))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let threads = Arc::new(Aside::new("passwords", settings.concurrent_hashes));
        Ok(Self { argon2, threads, nobody: Arc::default() })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Fault::Keys`] if hashing fails.
    pub async fn hash(&self, password: &str) -> Result<String, Fault> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.threads
            .run(move || -> Result<_, Fault> { hash_now(&argon2, password.as_bytes(), &random_bytes()?) })
            .await?
    }

    /// Whether the password belongs to the stored hash; without one, works as long and says no.
    ///
    /// # Errors
    /// [`Fault::Keys`] if hashing fails, [`Fault::Inconsistent`] if the stored hash cannot be read.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, Fault> {
        let known = stored.is_some();
        let stored = stored.map(ToOwned::to_owned);
        let (argon2, password, nobody) = (self.argon2.clone(), password.to_owned(), Arc::clone(&self.nobody));
        let fits = self
            .threads
            .run(move || {
                let hash = match stored {
                    Some(hash) => hash,
                    None => of_nobody(&argon2, &nobody)?,
                };
                let parsed = phc::PasswordHash::new(&hash)
                    .map_err(|_| Fault::Inconsistent("a stored password hash cannot be read".to_owned()))?;
                Ok::<_, Fault>(argon2.verify_password(password.as_bytes(), &parsed).is_ok())
            })
            .await??;
        Ok(fits && known)
    }
}

fn of_nobody(argon2: &Argon2<'_>, kept: &OnceLock<String>) -> Result<String, Fault> {
    if let Some(hash) = kept.get() {
        return Ok(hash.clone());
    }
    let made = hash_now(argon2, &random_bytes()?, &random_bytes()?)?;
    Ok(kept.get_or_init(|| made).clone())
}

fn hash_now(argon2: &Argon2<'_>, password: &[u8], salt: &[u8; 32]) -> Result<String, Fault> {
    let hash: phc::PasswordHash = argon2
        .hash_password_with_salt(password, &salt[..16])
        .map_err(|e| Fault::Keys(format!("password hashing: {e}")))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Passwords {
        Passwords::new(&Users { argon2_kib: 64, argon2_passes: 1, ..Users::default() }).unwrap()
    }

    #[tokio::test]
    async fn t8_passwords_equal_in_their_first_72_bytes_differ() {
        let passwords = quick();
        let (a, b) = (format!("{}a", "x".repeat(80)), format!("{}b", "x".repeat(80)));
        let hash = passwords.hash(&a).await.unwrap();
        assert!(passwords.verify(&a, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&b, Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn t5_nobody_has_no_password() {
        assert!(!quick().verify("", None).await.unwrap());
    }
}
