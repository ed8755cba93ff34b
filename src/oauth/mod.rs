//! The vocabulary of OAuth: pure types and rules, no storage, no network, no policy engine.
//!
//! What is made here is right by construction ("parse, don't validate"); what is not yet
//! checked says so in its name.

pub mod assertion;
pub mod client;
pub mod grant;
pub mod jwk;
pub mod pkce;
pub mod redirect_uri;
pub mod reject;
pub mod scope;
pub mod secret;
pub mod user;
