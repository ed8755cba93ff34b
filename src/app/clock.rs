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

/// Notices when the wall clock is set, so that nothing is deleted for its age by a clock that has gone wrong.
///
/// A step of more than an hour is doubted until the clock has stood there for a day.
#[derive(Debug, Default)]
pub struct ClockWatch {
    /// Wall minus steady clock, believed.
    offset: Option<i64>,
    /// Wall minus steady clock after a step, and the steady time at which it was noticed first.
    doubted: Option<(i64, u64)>,
}

impl ClockWatch {
    const STEP: u64 = 60 * 60 * 1_000;
    const DOUBT: u64 = 24 * 60 * 60 * 1_000;

    /// Whether the wall clock can be believed, by its time and that of the steady clock.
    pub fn believes(&mut self, now_ms: i64, steady_ms: u64) -> bool {
        let offset = now_ms.saturating_sub(i64::try_from(steady_ms).unwrap_or(i64::MAX));
        let near = |known: i64| known.abs_diff(offset) <= Self::STEP;
        let stands = self
            .doubted
            .is_some_and(|(doubted, since)| near(doubted) && steady_ms.saturating_sub(since) >= Self::DOUBT);
        if self.offset.is_none_or(near) || stands {
            *self = Self { offset: Some(offset), doubted: None };
            return true;
        }
        if !self.doubted.is_some_and(|(doubted, _)| near(doubted)) {
            self.doubted = Some((offset, steady_ms));
        }
        false
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

/// Makes the identifier of a row that is one of many (UUID v7, RFC 9562 §5.7): what is written together stands together
/// in an index, where random places would each cost a page. 74 of its bits are random; the rest tells the time.
///
/// # Errors
/// [`Fault::Keys`] if the random generator fails.
pub fn new_row_id() -> Result<String, Fault> {
    let bytes = random_bytes()?;
    let mut random = [0_u8; 10];
    random.copy_from_slice(&bytes[..10]);
    Ok(ordered_id(&random))
}

/// Makes the identifier of a request, as [`new_row_id`] does. No secret hangs on it and every request needs one, so its
/// random bits come from the thread's own generator.
#[allow(clippy::disallowed_types)] // This is the place that the lint points to.
pub fn new_request_id() -> String {
    let mut random = [0_u8; 10];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut random);
    ordered_id(&random)
}

#[allow(clippy::disallowed_methods)] // This is the place that the lint points to.
fn ordered_id(random: &[u8; 10]) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    uuid::Builder::from_unix_timestamp_millis(now_ms, random).into_uuid().to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1_000;

    #[test]
    fn a_step_of_the_clock_is_doubted_for_a_day() {
        let start = 1_800_000_000_000_i64;
        let mut watch = ClockWatch::default();
        let mut at = |steady: u64, off: i64| watch.believes(start + steady as i64 + off, steady);
        assert!(at(0, 0) && at(HOUR, 0), "it runs");
        assert!(at(2 * HOUR, 30 * 60 * 1_000), "small corrections are believed");
        let years = 10 * 365 * 24 * HOUR as i64;
        assert!(!at(3 * HOUR, years) && !at(26 * HOUR, years), "a wrong date deletes nothing");
        assert!(at(26 * HOUR, 0), "and is forgotten when the clock is right again");
        assert!(!at(27 * HOUR, -years) && !at(28 * HOUR, years), "one step is not another");
        assert!(!at(51 * HOUR, years) && at(52 * HOUR, years), "what has stood for a day is the time");
        assert!(at(53 * HOUR, years) && !at(54 * HOUR, 0));
    }
}
