//! Grantwood.

pub mod http;
pub mod oauth;
pub mod policy;
pub mod telemetry;
