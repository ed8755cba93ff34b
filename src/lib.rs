//! Grantwood.

pub mod config;
pub mod oauth;
pub mod policy;
