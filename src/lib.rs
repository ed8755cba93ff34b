//! Grantwood.

pub mod oauth;
pub mod policy;
pub mod store;
