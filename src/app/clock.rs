//! Time and randomness: the only place that asks the machine for either.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::oauth::reject::Fault;
use crate::oauth::secret::{Kind, Secret};

/// The wall clock, in milliseconds since the Unix epoch, and a clock that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

impl Clock {
    /// Starts the steady clock.
    #[allow(clippy::disallowed_methods)] // This is the place that the lint points to.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Milliseconds since the Unix epoch, UTC.
    #[allow(clippy::disallowed_methods)] // This is the place that the lint points to.
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the process started; unmoved by changes of the wall clock.
    pub fn steady_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Fills 32 bytes from the operating system's generator.
///
/// # Errors
/// [`Fault::Keys`] if the generator fails: nothing is made without it.
pub fn random_bytes() -> Result<[u8; 32], Fault> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::Keys("random generator failed".to_owned()))?;
    Ok(bytes)
}

/// Makes an opaque secret of 256 random bits.
///
/// # Errors
/// [`Fault::Keys`] if the random generator fails.
pub fn new_secret(kind: Kind) -> Result<Secret, Fault> {
    Ok(Secret::from_random(kind, random_bytes()?))
}

/// Makes a random identifier (UUID v4).
///
/// # Errors
/// [`Fault::Keys`] if the random generator fails.
pub fn new_id() -> Result<String, Fault> {
    let bytes = random_bytes()?;
    let mut half = [0_u8; 16];
    half.copy_from_slice(&bytes[..16]);
    Ok(uuid::Builder::from_random_bytes(half).into_uuid().to_string())
}

/// Makes a client identifier: 32 hexadecimal characters, as the plugin's.
///
/// # Errors
/// [`Fault::Keys`] if the random generator fails.
pub fn new_client_id() -> Result<String, Fault> {
    Ok(new_id()?.replace('-', ""))
}

/// Makes a password that a person can type: four groups of four from an unambiguous alphabet, 80 bits.
///
/// # Errors
/// [`Fault::Keys`] if the random generator fails.
pub fn new_password() -> Result<String, Fault> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = random_bytes()?;
    let mut password = String::with_capacity(19);
    for (index, byte) in bytes[..16].iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(password)
}
