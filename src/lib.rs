//! Grantwood.

pub mod keys;
pub mod oauth;
pub mod policy;
