//! Transit keys on real servers, and on one that does not keep to the protocol.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test program")]

mod fake;
mod faults;
mod keys;
mod operator;
mod policies;
mod server;
mod signing;

use core::fmt::Debug;

use modelseal_core::{Code, Error, KeyRef, Pae, VaultKeyRef};
use modelseal_vault::{Credentials, FixedEnv, SecretSource, Settings, Vault};

/// A reference as users write it.
fn reference(text: &str) -> VaultKeyRef {
    match text.parse().unwrap() {
        KeyRef::Vault(reference) => reference,
        other => panic!("{other}"),
    }
}

/// A server with a given token, which may be a root token.
fn connect(address: &str, token: &str) -> Vault {
    Vault::configure(&settings(address, token), &FixedEnv::default()).unwrap()
}

fn settings(address: &str, token: &str) -> Settings {
    let mut credentials = Credentials::default();
    credentials.token = Some(SecretSource::Value(token.into()));
    let mut settings = Settings::default();
    settings.address = Some(address.to_owned());
    settings.credentials = credentials;
    settings.danger_unlimited_token = true;
    settings
}

/// Different encodings.
fn encodings(count: usize) -> Vec<Pae> {
    (0..count).map(|number| Pae::in_toto(format!("{{\"number\":{number}}}").as_bytes())).collect()
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Error>, code: Code) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error
}
