//! The client against servers that behave, and servers that do not.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod failures;
mod limits;
mod proxies;
mod secrets;
mod stopping;
mod tls;
