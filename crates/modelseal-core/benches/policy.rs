//! Deciding with a policy of two rules, as a loader does for every model.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use criterion::{Criterion, criterion_group, criterion_main};
use modelseal_core::{Facts, Policy, PolicyFiles, PublicKey, Result, Timestamp};
use serde_json::json;

const POLICY: &str = r#"
version = 1
name = "production"
[[key]]
name = "models"
min_version = 3
[[key.version]]
version = 3
public_key = "keys/models-v3.pem"
not_after = 2027-01-31T00:00:00Z
[[key.version]]
version = 4
public_key = "keys/models-v4.pem"
not_before = 2026-11-01T00:00:00Z
[[key]]
name = "experiments"
public_key = "keys/experiments.pem"
[[key]]
name = "scanner"
public_key = "keys/scanner.pem"
[[rule]]
name = "production language models"
models = ["acme/llm-*"]
keys = ["models"]
[rule.github]
repository_id = ["456789"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
event_name = ["push", "release"]
ref = ["refs/heads/main", "refs/tags/*"]
environment = ["production"]
runner_environment = ["github-hosted"]
[rule.files]
formats = ["safetensors", "json", "text"]
[rule.freshness]
max_age = "180d"
[[rule.evidence]]
predicate_type = "https://acme.example/scan/v1"
keys = ["scanner"]
max_age = "30d"
fields = { "/result" = ["passed"] }
[[rule]]
name = "experiments"
models = ["acme/exp-*"]
keys = ["experiments"]
[rule.github]
repository_owner_id = ["65"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
[[revoked]]
file = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
reason = "weights trained on withdrawn data"
"#;

/// A fresh key for every file that is asked for.
struct FreshKeys;

impl PolicyFiles for FreshKeys {
    fn read(&mut self, path: &Path, _most: usize) -> Result<(Vec<u8>, PathBuf)> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("randomness");
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a key that was just made");
        Ok((PublicKey::from_spki_der(der.as_ref())?.to_pem().into_bytes(), path.to_owned()))
    }
}

fn facts() -> Facts {
    serde_json::from_value(json!({
        "artifact": {
            "name": "acme/llm-7b",
            "root_digest": "sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
            "canonical_root_digest": "sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
            "method": "files",
            "hash": "sha256",
            "ignored_paths": [".git", ".gitattributes", ".github", ".gitignore", "model.sig"],
            "resources": [
                { "name": "config.json", "digest": format!("sha256:{}", "11".repeat(32)), "size": 600 },
                { "name": "model.safetensors", "digest": format!("sha256:{}", "22".repeat(32)), "size": 600 },
            ],
        },
        "signature": {
            "verified": true, "key": "models", "key_version": 4, "algorithm": "ecdsa",
            "signed_at": "2026-11-20T12:00:00Z", "time_source": "asserted",
        },
        "identity": {
            "provider": "github",
            "issuer": "https://token.actions.githubusercontent.com",
            "claims": {
                "repository_id": "456789",
                "repository_owner_id": "65",
                "job_workflow_ref": "acme/ml-ci/.github/workflows/sign.yml@refs/tags/v2.1",
                "event_name": "push",
                "ref": "refs/tags/v7",
                "environment": "Production",
                "runner_environment": "github-hosted",
            },
        },
        "evidence": [{
            "predicate_type": "https://acme.example/scan/v1", "key": "scanner", "bound": true,
            "time": "2026-11-19T00:00:00Z", "predicate": { "result": "passed" },
        }],
    }))
    .expect("facts")
}

fn deciding(criterion: &mut Criterion) {
    let policy = Policy::parse(POLICY.as_bytes(), "policy.toml", &mut FreshKeys).expect("a policy");
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().expect("a time");
    let facts = facts();
    let decision = policy.evaluate(&facts, now).expect("a policy file");
    assert!(decision.is_allowed(), "{}", decision.to_json());
    criterion.bench_function("a decision", |bencher| {
        bencher.iter(|| policy.evaluate(black_box(&facts), black_box(now)));
    });
    criterion.bench_function("the input of further stages", |bencher| {
        bencher.iter(|| Policy::input(black_box(&facts), Some(&decision), now));
    });
}

criterion_group!(benches, deciding);
criterion_main!(benches);
