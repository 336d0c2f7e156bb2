//! The command against real servers: OpenBao, HashiCorp Vault, Kubernetes, Open Policy Agent.
//!
//! `provide.py` says where the servers come from; they are started on loopback and end with this program.
//! `MODELSEAL_TEST_VAULT_ADDR` and `MODELSEAL_TEST_VAULT_TOKEN` name a server that is used instead where that is safe.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

#[path = "../support/mod.rs"]
mod common;
mod complaints;
mod doctor;
mod faults;
mod faults_answers;
mod faults_approle;
mod faults_connection;
mod faults_environment;
mod faults_keys;
mod faults_login;
mod faults_tokens;
mod harness;
mod identity;
mod leaks;
mod life;
mod load;
mod login;
mod opa;
mod peers;
mod pipeline;
mod places;
mod policies;
mod requests;
mod rotation;
mod scene;
mod schemes;
mod support;
mod threats;
mod threats_identity;
