//! Verifying a token of 2 KB with keys that are known. The aim is less than 100 µs.

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "a benchmark")]

#[allow(dead_code, reason = "a part is used here")]
#[path = "../tests/support/keys.rs"]
mod keys;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use keys::{Key, key_set};
use modelseal_http::{FixedEnv, Hooks, SecretString};
use modelseal_identity::{Issuer, KeySource, ReplayMemory, TokenVerifier};
use serde_json::json;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const AUDIENCE: &str = "https://vault.example";
const NOW: i64 = 1_800_000_000;

fn verifier(key: &Key) -> TokenVerifier {
    let mut issuer = Issuer::new("github", ISSUER, AUDIENCE);
    issuer.keys = KeySource::Pinned(key_set(&[key]).to_string().into_bytes());
    TokenVerifier::new(issuer, &Hooks::default(), &FixedEnv::default()).expect("a key set")
}

/// A token of `bytes` bytes, about.
fn token(key: &Key, bytes: usize) -> SecretString {
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "j", "sub": "",
        "repository_id": "74", "job_workflow_ref": "o/r/.github/workflows/sign.yml@refs/heads/main"});
    let missing = bytes.saturating_sub(key.token(&claims).len()) * 3 / 4;
    claims["sub"] = "s".repeat(missing).into();
    key.token(&claims).into()
}

fn verify(criterion: &mut Criterion) {
    let key = Key::rsa("k");
    let (now, token) = (Timestamp::from_second(NOW).expect("a time"), token(&key, 2048));
    let usual = verifier(&key);
    criterion.bench_function("RS256, 2 KB, cached keys", |bencher| {
        bencher.iter(|| usual.verify_at(black_box(&token), now).expect("a good token"));
    });
    let once = verifier(&key).with_replay(Arc::new(ReplayMemory::new()));
    once.verify_at(&token, now).expect("a good token");
    criterion.bench_function("the same, used before", |bencher| {
        bencher.iter(|| once.verify_at(black_box(&token), now).expect_err("it was used"));
    });
}

criterion_group!(benches, verify);
criterion_main!(benches);
