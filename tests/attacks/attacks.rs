//! Attacks on the command, and inputs that are merely bad, each with the exit status and code that must answer it.
//!
//! `t01_…` are named after the threats of the threat model.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

#[path = "../support/mod.rs"]
mod support;

mod inputs;
mod policy_closed;
mod policy_complaints;
mod policy_input;
mod policy_rules;
mod policy_threats;
mod reference;
mod reports;
mod several;
mod shop;
mod threats;
