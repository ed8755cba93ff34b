//! The one test binary: stories over HTTP on both databases, and tests of the code's own shape.
//!
//! `harness` starts servers and makes fixtures; every other module is one subject. A new subject is one file
//! and one line here; a new database is one arm in `harness/backend.rs`.

#[macro_use]
mod harness;

mod admin_pages;
mod admin_writes;
mod architecture;
mod attacks;
mod authzen;
mod browser;
mod enforcement;
mod examples;
mod faults;
mod interop;
mod interop_oauth2;
mod openapi;
mod people;
mod plugin_faults;
mod policy_repository;
mod policy_tools;
mod pull_request;
mod races;
mod reload;
mod source;
mod supply_chain;
mod tidy;
mod why;
