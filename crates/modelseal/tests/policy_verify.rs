//! Verifying under a policy: what is demanded, what is written down, and how a first policy comes about.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelseal::http::{Env, Hooks};
use modelseal::{
    AttestationToSign, Bundle, Code, DecisionLog, Error, Expected, KeyType, LeafPin, LocalKey, ModelStatement,
    PROVENANCE_TYPE, Pae, Policy, PolicyRequest, SignOptions, Signer as _, Silent, Timestamp, TrustedKey, TrustedKeys,
    VerifiedArtifact, VerifyOptions, attestation_payload, draft_policy, examine_model, load_policy,
    verify_model_artifact,
};
use serde_json::Value;
use support::Model;

struct NoEnv;

impl Env for NoEnv {
    fn var(&self, _: &str) -> Option<std::ffi::OsString> {
        None
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn golden() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/provenance/github.json");
    fs::read_to_string(path).unwrap()
}

fn provenance(predicate: String) -> AttestationToSign {
    AttestationToSign { predicate_type: PROVENANCE_TYPE.to_owned(), predicate }
}

/// A model that is signed under the name acme/llm with these attestations.
fn signed(attestations: Vec<AttestationToSign>) -> Model {
    let model = Model::new();
    sign(&model, &attestations);
    model
}

/// Signs as a job with a verified identity would, which the signing verb alone does not.
fn sign(model: &Model, attestations: &[AttestationToSign]) {
    let mut options = SignOptions::default();
    options.name = Some("acme/llm".parse().unwrap());
    model.sign_with(&options).unwrap();
    let bundle = Bundle::parse(&fs::read(model.at("model.sig")).unwrap()).unwrap();
    let manifest = bundle.claimed_statement().unwrap().manifest().clone();
    let types = attestations.iter().map(|attestation| attestation.predicate_type.clone()).collect();
    let statement = ModelStatement::new("acme/llm".to_owned(), types, manifest);
    let payload = statement.to_payload();
    let bundle = |payload: &[u8]| {
        let pae = Pae::in_toto(payload);
        let signature = model.key.sign(std::slice::from_ref(&pae)).unwrap().remove(0);
        Bundle::with_key(&pae, signature, model.key.public_key()).to_json()
    };
    fs::write(model.at("model.sig"), bundle(&payload)).unwrap();
    let line = |one: &AttestationToSign| {
        let bound = attestation_payload(&statement, &payload, &one.predicate_type, &one.predicate).unwrap();
        [bundle(&bound), b"\n".to_vec()].concat()
    };
    let lines: Vec<u8> = attestations.iter().flat_map(line).collect();
    if !lines.is_empty() {
        fs::write(model.at("model.attestations.jsonl"), lines).unwrap();
    }
}

/// A policy that trusts the model's key for `models`.
fn policy(model: &Model, models: &str) -> PathBuf {
    let path = model.directory.path().join("policy.toml");
    let text = format!(
        "version = 1\n[[key]]\nname = \"k\"\npublic_key_pem = \"\"\"\n{}\"\"\"\n[[rule]]\nname = \"all\"\n\
         models = [\"{models}\"]\nkeys = [\"k\"]\nidentity = \"key-only\"\n",
        model.key.public_key().to_pem()
    );
    fs::write(&path, text).unwrap();
    path
}

fn verify(model: &Model, policy: &Path, mut options: VerifyOptions) -> Result<VerifiedArtifact, Error> {
    let loaded = load_policy(&PolicyRequest::new(policy), now(), &Hooks::default(), &NoEnv)?;
    loaded.prepare(&mut options);
    let trusted = loaded.policy.trusted_keys().unwrap();
    let expected = Expected::name("acme/llm".parse().unwrap());
    verify_model_artifact(&model.path(), trusted, &loaded.policy, &expected, &options, &Silent)
}

fn logged(log: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(log).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
    records.map(|record| (word(&record, "decision"), word(&record, "code"))).collect()
}

#[test]
fn every_verification_leaves_one_line() {
    let model = signed(Vec::new());
    let path = model.directory.path().join("decisions.jsonl");
    let allow = policy(&model, "acme/*");
    let verify = |policy: &Path| {
        let mut options = VerifyOptions::default();
        options.decision_log = Some(Arc::new(DecisionLog::open(&path).unwrap()));
        verify(&model, policy, options)
    };
    let decision = verify(&allow).unwrap().decision().cloned().unwrap();
    assert!(decision.is_allowed() && decision.rule.as_deref() == Some("all"));
    verify(&policy(&model, "other/*")).unwrap_err();
    let allow = policy(&model, "acme/*");
    model.write("config.json", b"changed");
    verify(&allow).unwrap_err();
    fs::remove_file(model.at("model.sig")).unwrap();
    verify(&allow).unwrap_err();
    let expected = [
        ("allow", "policy/allowed"),
        ("deny", "policy/no-rule-matches"),
        ("deny", "artifact/modified"),
        ("deny", "artifact/unsigned"),
    ];
    assert_eq!(logged(&path), expected.map(|(decision, code)| (decision.to_owned(), code.to_owned())));
}

#[test]
#[cfg(unix)]
fn a_log_is_for_everyone_to_read_and_never_in_the_model() {
    use std::os::unix::fs::PermissionsExt as _;
    let model = signed(Vec::new());
    let path = model.directory.path().join("decisions.jsonl");
    DecisionLog::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777 & !0o022, 0o644);
    let policy = policy(&model, "acme/*");
    let mut options = VerifyOptions::default();
    options.decision_log = Some(Arc::new(DecisionLog::open(&model.at("decisions.jsonl")).unwrap()));
    assert_eq!(verify(&model, &policy, options).unwrap_err().code(), Code::UsageTrustInsideModel);
}

#[test]
fn provenance_can_be_demanded() {
    let demanding = || {
        let mut options = VerifyOptions::default();
        options.require_provenance = true;
        options
    };
    let unbound = golden().replace("oidc-verified", "oidc-unbound");
    let other = golden().replace("\"run_id\": \"17\"", "\"run_id\": \"18\"");
    let cases = [
        (vec![provenance(golden())], None),
        (vec![], Some(Code::PolicyProvenanceMissing)),
        (vec![provenance(unbound)], Some(Code::PolicyProvenanceMissing)),
        (vec![provenance(golden()), provenance(other)], Some(Code::PolicyAmbiguousIdentity)),
    ];
    for (attestations, refusal) in cases {
        let model = signed(attestations);
        let policy = policy(&model, "acme/*");
        let by_policy = verify(&model, &policy, demanding());
        let by_key = model.verify_with(&Expected::danger_any_model(), &demanding());
        for verified in [&by_policy, &by_key] {
            assert_eq!(verified.as_ref().err().map(Error::code), refusal);
        }
        match by_policy {
            Ok(artifact) => assert_eq!(artifact.provenance().unwrap().claims["repository_id"], "456789"),
            Err(error) => assert!(!error.decision().unwrap().is_allowed()),
        }
    }
}

#[test]
fn t02_provenance_of_another_trusted_key_is_no_provenance() {
    let (one, two) = (signed(Vec::new()), LocalKey::generate(KeyType::EcdsaP256).unwrap());
    // The same model, signed again by another key along with provenance: another payload, and another key.
    let again = Model { key: LocalKey::from_pem(two.to_pem(None).unwrap().as_bytes(), None).unwrap(), ..Model::new() };
    sign(&again, &[provenance(golden())]);
    let mut options = VerifyOptions::default();
    options.require_provenance = true;
    options.attestations = vec![again.at("model.attestations.jsonl")];
    let keys = [one.key.public_key(), two.public_key()].map(|key| TrustedKey::new(key.clone()));
    let trusted = TrustedKeys::new(keys.to_vec(), vec![], LeafPin::default()).unwrap();
    let (any, expected) = (Policy::any_trusted_key(), Expected::danger_any_model());
    let verified = verify_model_artifact(&one.path(), &trusted, &any, &expected, &options, &Silent);
    assert_eq!(verified.unwrap_err().code(), Code::PolicyAttestationOtherModel);
}

#[test]
fn attestations_may_lie_elsewhere() {
    let model = signed(vec![provenance(golden())]);
    let elsewhere = model.directory.path().join("elsewhere.jsonl");
    fs::rename(model.at("model.attestations.jsonl"), &elsewhere).unwrap();
    let verify = |files: Vec<PathBuf>| {
        let mut options = VerifyOptions::default();
        options.attestations = files;
        model.verify_with(&Expected::danger_any_model(), &options)
    };
    assert_eq!(verify(vec![]).unwrap_err().code(), Code::PolicyAttestationMissing);
    assert_eq!(verify(vec![elsewhere.clone()]).unwrap().attestations().len(), 1);
    assert_eq!(verify(vec![model.directory.path().join("absent")]).unwrap_err().code(), Code::InputNotFound);
    // 64 lines in all, however many files they are in.
    let line = fs::read(&elsewhere).unwrap();
    fs::write(&elsewhere, line.repeat(33)).unwrap();
    assert!(verify(vec![elsewhere.clone()]).is_ok());
    assert_eq!(verify(vec![elsewhere.clone(), elsewhere]).unwrap_err().code(), Code::FormatMalformed);
}

#[test]
fn t14_no_form_from_before_is_accepted_under_a_policy() {
    let model = signed(Vec::new());
    let policy = policy(&model, "acme/*");
    let mut options = VerifyOptions::default();
    options.danger_accept_legacy = true;
    assert_eq!(verify(&model, &policy, options).unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn a_drafted_policy_accepts_what_it_was_drafted_from_and_nothing_else() {
    let model = signed(vec![provenance(golden())]);
    let draft = draft_policy(&model.path(), &model.trusted(), now()).unwrap();
    let mut says = draft.text.lines().filter(|line| !line.starts_with('#'));
    assert!(draft.warnings.is_empty() && !says.any(|line| line.contains('*')), "{}", draft.text);
    for line in ["repository_id = [\"456789\"]", "event_name = [\"push\"]", "environment = [\"production\"]"] {
        assert!(draft.text.contains(line), "{line}: {}", draft.text);
    }
    let path = model.directory.path().join("draft.toml");
    fs::write(&path, &draft.text).unwrap();
    verify(&model, &path, VerifyOptions::default()).unwrap();
    for (from, to) in [("456789", "456788"), ("\"push\"", "\"pull_request\""), ("\"production\"", "\"staging\"")] {
        let other = signed_by(&model, provenance(golden().replace(from, to)));
        let refused = verify(&other, &path, VerifyOptions::default()).unwrap_err();
        assert_eq!(refused.code(), Code::PolicyNoRuleMatches, "{from}");
    }
    // Nobody's signature is drafted from.
    let stranger = support::trust(&LocalKey::generate(KeyType::EcdsaP256).unwrap());
    let refused = draft_policy(&model.path(), &stranger, now()).unwrap_err();
    assert_eq!(refused.code(), Code::SignatureUnknownKey);
}

#[test]
fn t10_no_policy_is_drafted_with_a_key_of_the_model() {
    let model = signed(Vec::new());
    model.write("key.pem", model.key.public_key().to_pem().as_bytes());
    let key = TrustedKey::new(model.key.public_key().clone()).with_source(model.at("key.pem"));
    let trusted = TrustedKeys::new(vec![key], vec![], LeafPin::default()).unwrap();
    let refused = draft_policy(&model.path(), &trusted, now()).unwrap_err();
    assert_eq!(refused.code(), Code::UsageTrustInsideModel);
}

/// Another model, signed with the key of `model`.
fn signed_by(model: &Model, attestation: AttestationToSign) -> Model {
    let pem = model.key.to_pem(None).unwrap();
    let other = Model { key: LocalKey::from_pem(pem.as_bytes(), None).unwrap(), ..Model::new() };
    sign(&other, &[attestation]);
    other
}

#[test]
fn every_rule_is_explained_also_when_none_was_asked() {
    let model = signed(vec![provenance(golden())]);
    let path = policy(&model, "other/*");
    let text = fs::read_to_string(&path).unwrap();
    let revoked = format!("{text}[[revoked]]\nkey_id = \"{}\"\nreason = \"leaked\"\n", model.key.public_key().id());
    fs::write(&path, revoked).unwrap();
    let loaded = load_policy(&PolicyRequest::new(&path), now(), &Hooks::default(), &NoEnv).unwrap();
    let examined = examine_model(&model.path(), &loaded.policy, &VerifyOptions::default(), now(), &Silent).unwrap();
    assert_eq!(examined.decision.code, "policy/revoked");
    assert!(examined.decision.rules.is_empty());
    assert_eq!(examined.rules[0].field.as_deref(), Some("models"));
    assert_eq!(examined.input["identity"]["github"]["repository_id"], "456789");
}
