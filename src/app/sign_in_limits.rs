//! Failed sign-ins, by account with address and by address: counted in memory where there is one process, and in the
//! database where there may be several.

use std::net::IpAddr;

use super::limits::FailureLimit;
use crate::config::Limits;
use crate::oauth::reject::{Fault, Reject, Stop};
use crate::oauth::secret::SecretHash;
use crate::store::{Place, Store};

/// As many failures of one address as of so many accounts at one address.
const ACCOUNTS_OF_AN_ADDRESS: u32 = 10;

/// The counters.
pub struct SignInLimits {
    accounts: FailureLimit<(String, IpAddr)>,
    addresses: FailureLimit<IpAddr>,
    most: u32,
    window_ms: i64,
    shared: bool,
}

impl SignInLimits {
    /// Counters by the settings; `shared` = the database has them.
    pub fn new(limits: &Limits, shared: bool) -> Self {
        let window_ms = limits.window.0.saturating_mul(1_000);
        let of_address = limits.login_failures.saturating_mul(ACCOUNTS_OF_AN_ADDRESS);
        Self {
            accounts: FailureLimit::new(limits.login_failures, window_ms),
            addresses: FailureLimit::new(of_address, window_ms),
            most: limits.login_failures,
            window_ms: i64::try_from(window_ms).unwrap_or(i64::MAX / 4),
            shared,
        }
    }

    /// Takes a place for an attempt. Others' addresses have their own, so nobody can lock somebody out (attack row T7).
    ///
    /// # Errors
    /// [`Reject::TooMany`] where all places are taken, or a fault.
    pub async fn begin(
        &self,
        store: &Store,
        account: &str,
        ip: IpAddr,
        (now_ms, steady_ms): (i64, u64),
    ) -> Result<(), Stop> {
        if !self.shared {
            self.addresses.begin(&ip, steady_ms).map_err(Reject::TooMany)?;
            self.accounts.begin(&(account.to_owned(), ip), steady_ms).map_err(Reject::TooMany)?;
            return Ok(());
        }
        let [address, account] = names(account, ip);
        let places = vec![
            Place { hash: address, most: self.most.saturating_mul(ACCOUNTS_OF_AN_ADDRESS) },
            Place { hash: account, most: self.most },
        ];
        match store.take_sign_in_places(places, self.window_ms, now_ms).await? {
            None => Ok(()),
            Some(end_ms) => {
                let left_ms = u64::try_from(end_ms - now_ms).unwrap_or(0);
                Err(Reject::TooMany(left_ms.div_ceil(1_000).max(1)).into())
            }
        }
    }

    /// Gives the places back: the password was right.
    ///
    /// # Errors
    /// A fault.
    pub async fn succeeded(&self, store: &Store, account: &str, ip: IpAddr) -> Result<(), Fault> {
        if self.shared {
            return store.give_back_sign_in_places(names(account, ip).to_vec()).await;
        }
        self.accounts.succeeded(&(account.to_owned(), ip));
        self.addresses.succeeded(&ip);
        Ok(())
    }
}

/// Address first, everywhere, so that no two transactions wait for each other.
fn names(account: &str, ip: IpAddr) -> [SecretHash; 2] {
    [SecretHash::of(&format!("address {ip}")), SecretHash::of(&format!("account {ip} {account}"))]
}
