//! Verifying tokens: keys that are given, and an issuer on this machine that does what healthy ones never do.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

mod caching;
mod claims;
mod download;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../../../../tests/vault/support/fault.rs"]
mod fault;
mod found;
mod key_sets;
#[path = "../support/keys.rs"]
mod keys;
mod mock;
mod replay;
mod tokens;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../../../../tests/vault/support/wire.rs"]
mod wire;

use std::sync::LazyLock;

use jiff::Timestamp;
use keys::{Key, key_set};
use modelseal_core::{Code, Error, Result, VerifiedClaims};
use modelseal_http::{FixedEnv, Hooks, SecretString};
use modelseal_identity::{Issuer, KeySource, TokenVerifier};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://vault.example";
const ISSUER: &str = "https://i.example";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// 2027-01-15T08:00:00Z, the time of every test.
const NOW: i64 = 1_800_000_000;
/// What must never be seen.
const PLANTED: &str = "planted-subject";

static RSA: LazyLock<Key> = LazyLock::new(|| Key::rsa("rsa-1"));
/// Another key of the issuer.
static NEXT: LazyLock<Key> = LazyLock::new(|| Key::rsa("rsa-2"));
static EC: LazyLock<Key> = LazyLock::new(|| Key::p256("ec-1"));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

/// Claims that are accepted at [`NOW`].
fn good() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "iat": NOW - 5, "nbf": NOW - 5, "exp": NOW + 295, "jti": "j", "sub": PLANTED})
}

/// The same with claims replaced, or with `null` removed.
fn with(changes: Value) -> Value {
    changed(good(), changes)
}

fn changed(mut claims: Value, changes: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name)
        } else {
            object.insert(name.clone(), value.clone())
        };
    }
    claims
}

/// A verifier with given keys.
fn pinned(provider: &str, url: &str, set: &Value) -> Result<TokenVerifier> {
    let mut issuer = Issuer::new(provider, url, AUDIENCE);
    issuer.keys = KeySource::Pinned(set.to_string().into_bytes());
    TokenVerifier::new(issuer, &Hooks::default(), &no_env())
}

fn usual() -> TokenVerifier {
    pinned("oidc", ISSUER, &key_set(&[&RSA, &EC])).unwrap()
}

fn no_env() -> FixedEnv {
    FixedEnv::default()
}

fn check(verifier: &TokenVerifier, token: &str, now: i64) -> Result<VerifiedClaims> {
    verifier.verify_at(&SecretString::from(token), at(now))
}

/// A refusal, whose texts show nothing of the token.
#[track_caller]
fn refused(verifier: &TokenVerifier, token: &str, code: Code) -> Error {
    let error = check(verifier, token, 0).expect_err("it is accepted");
    assert_eq!(error.code(), code, "{error}");
    shows_nothing(&error, token);
    error
}

#[track_caller]
fn shows_nothing(error: &Error, token: &str) {
    let shown = format!("{error} {error:?} {}", error.hint());
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(!shown.contains(PLANTED) && shown.len() < 2000, "{shown}");
}
