//! What happens: one file per endpoint, each reads as the numbered steps of its RFC.
//!
//! Every flow asks the policy between "the request is well-formed and the caller is known" and
//! "anything is signed, changed or passed".

use std::net::IpAddr;
use std::sync::Arc;

pub mod access_tokens;
pub mod account;
pub mod activity;
pub mod admin;
pub mod authenticate;
pub mod authorize;
pub mod authzen;
pub mod caller;
pub mod clients;
pub mod consent;
pub mod explain;
pub mod forward_auth;
pub mod global_settings;
pub mod grant;
pub mod introspect;
pub mod keys;
pub mod live;
pub mod live_plan;
pub mod metadata;
pub mod pending;
pub mod policies;
pub mod revoke;
pub mod revoked;
pub mod roles;
pub mod scopes;
pub mod session;
pub mod sign_in;
pub mod trusted;
pub mod unasked;
pub mod usage;
pub mod users;

/// The circumstances of one request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// When it came, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// The client's address, as far as it can be trusted.
    pub ip: IpAddr,
    /// The id that log lines and the answer carry.
    pub request_id: Arc<str>,
}
