//! Grantwood.

pub mod app;
pub mod cli;
pub mod config;
pub mod flow;
pub mod http;
pub mod keys;
pub mod oauth;
pub mod pages;
pub mod policy;
pub mod store;
pub mod telemetry;
