//! A policy with everything in it, built by hand, and facts that it allows.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::format::FileFormat;
use super::glob::Glob;
use super::model::{
    ClaimRule, Condition, EvidenceRule, FileRule, IdentityProvider, IdentityRule, Matcher, PolicyFile, PolicyKey, Rule,
};
use super::{EvidenceFacts, Facts, ResourceFacts};
use crate::{
    Bundle, ClaimTable, Digest, HashAlgorithm, LeafPin, Pae, PublicKey, SigningWindow, TrustedKey, TrustedKeys,
};

pub(crate) const SCAN: &str = "https://acme.example/scan/v1";

pub(crate) struct TestKey {
    pair: EcdsaKeyPair,
    pub(crate) public: PublicKey,
}

impl TestKey {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = PublicKey::from_spki_der(der.as_ref()).unwrap();
        Self { pair, public }
    }

    pub(crate) fn bundle(&self, payload: &[u8]) -> Bundle {
        let pae = Pae::in_toto(payload);
        let signature = self.pair.sign(&SystemRandom::new(), pae.as_bytes()).unwrap();
        Bundle::with_key(&pae, signature.as_ref().to_vec(), &self.public)
    }

    pub(crate) fn named(&self, name: &str) -> TrustedKey {
        TrustedKey::new(self.public.clone()).with_name(name)
    }
}

/// The keys of the sample.
pub(crate) struct Keys {
    pub(crate) v2: TestKey,
    pub(crate) v3: TestKey,
    pub(crate) v4: TestKey,
    pub(crate) experiments: TestKey,
    pub(crate) scanner: TestKey,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A rotation window, a strong rule, a weaker one with a key of its own.
pub(crate) fn production() -> (Keys, PolicyFile) {
    let keys = Keys {
        v2: TestKey::new(),
        v3: TestKey::new(),
        v4: TestKey::new(),
        experiments: TestKey::new(),
        scanner: TestKey::new(),
    };
    let window = |from: Option<&str>, until: Option<&str>| SigningWindow::new(from.map(at), until.map(at)).unwrap();
    let version = |key: &TestKey, number: u32, window| {
        let named = key.named("models").with_version(number.try_into().unwrap()).with_window(window);
        named.with_min_version(3.try_into().unwrap()).unwrap()
    };
    let trusted = vec![
        version(&keys.v3, 3, window(None, Some("2027-01-31T00:00:00Z"))),
        version(&keys.v4, 4, window(Some("2026-11-01T00:00:00Z"), None)),
        keys.experiments.named("experiments"),
        keys.scanner.named("scanner"),
    ];
    let workflow = globs(&["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]);
    let strong = [
        ("repository_id", exact(&["456789"])),
        ("job_workflow_ref", workflow.clone()),
        ("event_name", exact(&["push", "release"])),
        ("ref", globs(&["refs/heads/main", "refs/tags/*"])),
        ("environment", Matcher::ExactIgnoringCase(vec!["production".to_owned()])),
        ("runner_environment", exact(&["github-hosted"])),
    ];
    let weak = [
        ("repository_owner_id", exact(&["65"])),
        ("job_workflow_ref", workflow),
        ("event_name", exact(&["push", "release", "workflow_dispatch", "schedule"])),
    ];
    let mut production = rule("production language models", "acme/llm-*", "models", github(strong));
    production.files.formats = Some(vec![FileFormat::Safetensors, FileFormat::Json, FileFormat::Text]);
    production.max_age = Some(days(180));
    production.evidence = vec![EvidenceRule {
        predicate_type: SCAN.to_owned(),
        keys: vec!["scanner".to_owned()],
        max_age: Some(days(30)),
        fields: BTreeMap::from([("/result".to_owned(), vec![json!("passed")])]),
    }];
    let experiments = rule("experiments", "acme/exp-*", "experiments", github(weak));
    let name = |name: &str| PolicyKey { name: name.to_owned(), shared: false, line: 1 };
    let file = PolicyFile {
        name: "production".to_owned(),
        digest: Digest::sha256(b"policy"),
        decision_ttl: SignedDuration::from_mins(15),
        serial: None,
        valid_until: None,
        trusted: TrustedKeys::new(trusted, vec![], LeafPin::default()).unwrap(),
        keys: vec![name("models"), name("experiments"), name("scanner")],
        certificates: vec![],
        rules: vec![production, experiments],
        revoked: vec![],
        rego: None,
        opa: None,
        sources: vec![],
    };
    (keys, file)
}

/// A rule without further conditions.
pub(crate) fn rule(name: &str, models: &str, key: &str, identity: IdentityRule) -> Rule {
    Rule {
        name: name.to_owned(),
        line: 1,
        models: vec![Glob::parse(models).unwrap()],
        keys: vec![key.to_owned()],
        identity,
        digests: None,
        not_signed_before: None,
        hash: vec![HashAlgorithm::Sha256],
        methods: vec!["files"],
        danger_root_only: false,
        max_age: None,
        files: FileRule { ignored_paths: vec![], formats: None, danger_allow_unsigned: vec![] },
        evidence: vec![],
    }
}

pub(crate) fn github<const N: usize>(conditions: [(&str, Matcher); N]) -> IdentityRule {
    let table = ClaimTable::of("github");
    let condition = |(name, matcher): (&str, Matcher)| Condition {
        field: format!("github.{name}"),
        claim: table.policy_claim(name).unwrap(),
        claim_name: name.to_owned(),
        line: 1,
        matcher,
        implied: false,
    };
    IdentityRule::Claims(ClaimRule {
        provider: IdentityProvider::Github,
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        conditions: conditions.into_iter().map(condition).collect(),
    })
}

pub(crate) fn exact(accepted: &[&str]) -> Matcher {
    Matcher::Exact(accepted.iter().map(|&text| text.to_owned()).collect())
}

pub(crate) fn globs(accepted: &[&str]) -> Matcher {
    Matcher::Globs(accepted.iter().map(|text| Glob::parse(text).unwrap()).collect())
}

pub(crate) const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// Facts that the strong rule allows.
pub(crate) fn good_facts(keys: &Keys) -> Facts {
    let mut facts = Facts::default();
    facts.artifact.name = Some("acme/llm-7b".to_owned());
    facts.artifact.root_digest = Some(Digest::sha256(b"listed").to_string());
    facts.artifact.canonical_root_digest = Some(Digest::sha256(b"canonical").to_string());
    facts.artifact.method = Some("files".to_owned());
    facts.artifact.hash = Some("sha256".to_owned());
    facts.artifact.ignored_paths = [".git", ".gitignore", "model.sig"].map(str::to_owned).to_vec();
    facts.artifact.resources = Some(["config.json", "model.safetensors"].map(resource).to_vec());
    signed_by(&mut facts, &keys.v4, "models", Some(4));
    facts.signature.signed_at = Some(at("2026-11-20T12:00:00Z"));
    facts.signature.time_source = Some("asserted".to_owned());
    facts.identity.provider = Some("github".to_owned());
    facts.identity.issuer = Some("https://token.actions.githubusercontent.com".to_owned());
    facts.identity.claims = [
        ("repository_id", "456789"),
        ("repository_owner_id", "65"),
        ("job_workflow_ref", "acme/ml-ci/.github/workflows/sign.yml@refs/tags/v2.1"),
        ("event_name", "push"),
        ("ref", "refs/tags/v7"),
        ("environment", "Production"),
        ("runner_environment", "github-hosted"),
    ]
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .into();
    facts.evidence = vec![EvidenceFacts {
        predicate_type: SCAN.to_owned(),
        key: Some("scanner".to_owned()),
        key_id: Some(keys.scanner.public.id().to_string()),
        issuer_key_ids: vec![],
        bound: true,
        time: Some(at("2026-11-19T00:00:00Z")),
        predicate: json!({ "result": "passed" }),
    }];
    facts
}

pub(crate) fn signed_by(facts: &mut Facts, key: &TestKey, name: &str, version: Option<u32>) {
    facts.signature.verified = Some(true);
    facts.signature.key = Some(name.to_owned());
    facts.signature.key_id = Some(key.public.id().to_string());
    facts.signature.key_version = version;
    facts.signature.algorithm = Some("ecdsa".to_owned());
}

pub(crate) fn resource(name: &str) -> ResourceFacts {
    let digest = Some(Digest::sha256(name.as_bytes()).to_string());
    ResourceFacts { name: name.to_owned(), digest, size: Some(1) }
}
