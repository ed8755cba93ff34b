//! POEM: the only folder that names it. What every request passes through, whatever it asks for.
//!
//! ```text
//! server  accept, deadlines, bounds        → guard  host, path, body, address, headers, panics
//!                                          → routes → an endpoint
//! form, query, json   strict input, once   ← an endpoint's arguments
//! problem             refusals and faults  → the wire
//! ```
//! An endpoint returns its success or one of [`problem`]'s error types; no endpoint writes an error by
//! hand, sets a security header, reads an address from a header, or parses a parameter.

pub mod access_tokens;
pub mod account;
pub mod address;
pub mod admin;
pub mod assets;
pub mod authorize;
pub mod authzen;
pub mod caller;
pub mod client_body;
pub mod clients;
pub mod consent;
pub mod consent_page;
pub mod cookies;
mod cors;
pub mod decisions;
mod docs;
mod errors_page;
pub mod form;
pub mod forward_auth;
pub mod guard;
mod head;
mod headers;
pub mod json;
pub mod listing;
pub mod login;
pub mod methods;
pub mod metrics;
pub mod page;
pub mod pairs;
pub mod path;
pub mod policy_reloads;
pub mod problem;
pub mod problem_docs;
pub mod query;
pub mod revoked;
pub mod routes;
mod schemas;
pub mod scopes;
pub mod server;
pub mod server_info;
pub mod sessions;
pub mod sign_in;
pub mod text;
pub mod token;
pub mod users;
pub mod wire;

#[cfg(test)]
mod problem_tests;
#[cfg(test)]
mod socket_tests;
