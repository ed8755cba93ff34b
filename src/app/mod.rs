//! What every request shares, built once and passed first: settings, storage, policies, keys, clock.
//!
//! `app` hands documents and keys from `store` to `policy` and `keys`, which never import it.

mod aside;
pub mod clients;
pub mod clock;
pub mod decisions;
pub mod first_start;
mod freshness;
pub mod jobs;
pub mod keys;
mod last_used;
pub mod limits;
pub mod live;
pub mod lost;
pub mod passwords;
pub mod policy_source;
pub mod schemas;
mod sign_in_limits;
pub mod start;
pub mod trusted;
pub mod users;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use moka::sync::Cache;

use crate::config::{Config, Origins, PublicUrl};
use crate::keys::KeyRing;
use crate::oauth::client::ClientId;
use crate::oauth::reject::Fault;
use crate::oauth::secret::SecretHash;
use crate::oauth::user::User;
use crate::policy::source::follow::Follower;
use crate::policy::{Engine, Snapshot};
use crate::store::Store;
use crate::telemetry::Metrics;

use clients::ClientState;
use clock::Clock;
use decisions::Decisions;
use freshness::Freshness;
use last_used::LastUsed;
use limits::FailureLimit;
use passwords::Passwords;
use sign_in_limits::SignInLimits;
use users::UserState;

/// Clients, users and decisions that are remembered at most: some kilobytes each.
const REMEMBERED_CLIENTS: u64 = 2_000;
const REMEMBERED_USERS: u64 = 5_000;
const REMEMBERED_DECISIONS: u64 = 20_000;
const REMEMBERED_TOKENS: u64 = 10_000;
/// Lists of revoked tokens that are kept: at most a megabyte each.
const REMEMBERED_LISTS: u64 = 16;

/// The server, less its listener.
pub struct App {
    /// Settings.
    pub config: Config,
    /// Where settings came from.
    pub origins: Origins,
    /// The public URL: the issuer.
    pub public: PublicUrl,
    /// Storage.
    pub store: Store,
    /// Policies.
    pub policies: Engine,
    /// Follows the repository that policies come from; none = they come from a folder.
    pub follower: Option<Follower>,
    /// Time.
    pub clock: Clock,
    /// Counters for `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Where decisions are recorded.
    pub decisions: Decisions,
    /// Password hashing.
    pub passwords: Passwords,
    /// Issuers of other applications whose users may decide about consent.
    pub trusted: Vec<trusted::Trusted>,
    /// Failed client authentications per client and address.
    pub client_failures: FailureLimit<(String, IpAddr)>,
    /// Failed sign-ins per account and address, and per address.
    pub sign_in_limits: SignInLimits,
    /// Times of last use, written in batches.
    pub last_used: LastUsed,
    /// Whether what is remembered is still true.
    pub freshness: Freshness,
    kinds: Cache<String, Arc<live::Kind>>,
    known_tokens: Cache<SecretHash, Arc<live::KnownToken>>,
    /// Signed lists of revoked tokens by their cursor, each with the time at which it was made.
    pub revoked_lists: Cache<String, (i64, Arc<str>)>,
    /// What the policies took away, as of the last look.
    pub lost: ArcSwapOption<lost::Lost>,
    /// Held by whoever looks for that.
    pub looking_for_lost: tokio::sync::Mutex<()>,
    client_cache: Cache<ClientId, (Arc<str>, Arc<ClientState>)>,
    user_cache: Cache<Arc<str>, UserState>,
    /// Ids by the name or address that they were asked for by, with the users' generation.
    user_names: Cache<Arc<str>, (u64, Arc<str>)>,
    key_ring: ArcSwap<KeyRing>,
}

/// What a remembered decision depends on: it stands only while all of it is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveKey {
    revision: Arc<str>,
    client: u64,
    user: u64,
}

impl App {
    /// The keys of now.
    pub fn key_ring(&self) -> Arc<KeyRing> {
        self.key_ring.load_full()
    }

    /// `aud` of access tokens: configured, or the public URL.
    pub fn audience(&self) -> &str {
        self.config.tokens.audience.as_deref().unwrap_or_else(|| self.public.issuer())
    }

    /// URLs under which the token endpoint answers.
    pub fn token_endpoints(&self) -> Vec<String> {
        let mut endpoints = vec![self.public.join("/oauth2/token")];
        if self.config.server.plugin_mount {
            endpoints.push(self.public.join("/strapi-plugin-oauth2/token"));
        }
        endpoints
    }

    /// What a live token's decision depends on; nothing while that is not known to be current.
    pub fn live_key(
        &self,
        snapshot: &Snapshot,
        client: &ClientState,
        user: Option<&UserState>,
    ) -> Option<LiveKey> {
        let fresh = client.generation != 0 && user.is_none_or(UserState::is_fresh);
        fresh.then(|| LiveKey {
            revision: Arc::clone(snapshot.revision()),
            client: client.generation,
            user: user.map_or(0, UserState::generation),
        })
    }

    /// A user by document id or by sign-in name.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer.
    pub async fn user_named(&self, name: &str) -> Result<Option<Arc<User>>, Fault> {
        Ok(self.user_state_named(name).await?.map(|state| state.user))
    }

    /// The same with what tells whether it is still true.
    ///
    /// # Errors
    /// [`Fault`] if the database does not answer.
    pub async fn user_state_named(&self, name: &str) -> Result<Option<UserState>, Fault> {
        let generation = self.freshness.users(&self.clock);
        let known = self.user_names.get(name).filter(|(at, _)| Some(*at) == generation);
        if let Some((_, id)) = known
            && let Some(state) = self.user(&id).await?
        {
            return Ok(Some(state));
        }
        if let Some(state) = self.user(name).await? {
            return Ok(Some(state));
        }
        let Some(row) = self.store.user_by_identifier(&users::canonical(name)).await? else {
            return Ok(None);
        };
        let state = UserState::of(row, generation)?;
        if let Some(generation) = generation {
            self.user_names.insert(name.into(), (generation, Arc::clone(&state.user.id)));
        }
        Ok(Some(state))
    }
}
