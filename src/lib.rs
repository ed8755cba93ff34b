//! Grantwood.

pub mod oauth;
pub mod policy;
