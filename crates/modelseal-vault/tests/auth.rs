//! Logins, token life and revocation, against real servers; faults against a loopback one.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]
#![allow(clippy::field_reassign_with_default, reason = "there is no other way to fill these types")]

/// What the harness asks of the program that it is part of.
mod common {
    pub(crate) fn workspace() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }
}

#[allow(unused_macros, reason = "each test uses a part")]
#[path = "../../../tests/vault/support/mod.rs"]
mod harness;
mod support;

#[path = "auth/approle.rs"]
mod approle;
#[path = "auth/faults.rs"]
mod faults;
#[path = "auth/given.rs"]
mod given;
#[path = "auth/identity.rs"]
mod identity;
#[path = "auth/kubernetes.rs"]
mod kubernetes;
#[path = "auth/life.rs"]
mod life;

use modelseal_core::{Code, Error};
use modelseal_vault::{Credentials, ExposeSecret as _, FixedEnv, SecretSource, SecretString, Settings, Vault};

fn value(text: &str) -> Option<SecretSource> {
    Some(SecretSource::Value(SecretString::from(text)))
}

fn settings(address: &str, credentials: Credentials) -> Settings {
    let mut settings = Settings::default();
    settings.address = Some(address.to_owned());
    settings.credentials = credentials;
    settings
}

/// With nothing in the environment.
fn configured(settings: &Settings) -> Vault {
    Vault::configure(settings, &FixedEnv::default()).unwrap()
}

fn jwt(mount: &str, role: &str, token: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.auth_path = Some(mount.parse().unwrap());
    credentials.role = Some(role.to_owned());
    credentials.identity_token = value(token);
    credentials
}

/// The error of a login that must fail.
fn refused(settings: &Settings) -> Error {
    configured(settings).log_in().map(|session| session.token()).unwrap_err()
}

fn assert_refused(settings: &Settings, code: Code, part: &str) {
    let error = refused(settings);
    assert_eq!(error.code(), code, "{error}");
    let all = format!("{} {}", error.message(), error.hint());
    assert!(all.contains(part), "`{part}` is not in: {all}");
}
