//! Grantwood.

pub mod config;
pub mod http;
pub mod oauth;
pub mod policy;
pub mod telemetry;
