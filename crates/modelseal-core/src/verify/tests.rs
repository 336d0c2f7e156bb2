use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::bundle::Unchecked;
use crate::policy::samples::{Keys, SCAN, TestKey, at, production, rule};
use crate::policy::{FileFormat, Glob, IdentityRule, PolicyFile, Revoked, RevokedThing};
use crate::{
    Attestations, Bundle, ClaimsSource, Code, Decision, Digest, Error, Expected, FileChecks, HashAlgorithm, LeafPin,
    Manifest, Method, ModelStatement, Narrow, NarrowInput, NarrowStage, PROVENANCE_TYPE, Policy, Provenance, RegoStage,
    Resource, ResourceName, Result, Root, Serialization, SerializeOptions, SigningWindow, Silent, TrustedKeys, Verdict,
    VerifiedClaims, attestation_payload, serialize_model,
};

const NOW: &str = "2026-11-21T00:00:00Z";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A model on disk, the sample policy, and what was signed about the model.
struct Case {
    directory: tempfile::TempDir,
    keys: Keys,
    file: PolicyFile,
    options: SerializeOptions,
    name: String,
    payload: Vec<u8>,
    bundle: Bundle,
    lines: Vec<Vec<u8>>,
}

impl Case {
    /// Signed as the strong rule of the sample wants it, but without evidence and age, which have tests of their own.
    fn new() -> Self {
        let (keys, mut file) = production();
        file.rules[0].evidence.clear();
        let directory = tempfile::tempdir().unwrap();
        let bundle = keys.v4.bundle(b"{}");
        let options = SerializeOptions { own_files: vec!["model.sig".to_owned()], ..SerializeOptions::default() };
        let name = "acme/llm-7b".to_owned();
        let mut case = Self { directory, keys, file, options, name, payload: vec![], bundle, lines: vec![] };
        case.write("config.json", b"{\"a\": 1}\n");
        case.write("model.safetensors", &safetensors(&[0; 8]));
        case.sign();
        case
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.directory.path().join(name), content).unwrap();
    }

    fn statement(&self) -> ModelStatement {
        let root = Root::open(self.directory.path()).unwrap();
        let manifest = serialize_model(&root, &self.options, &Silent).unwrap().manifest;
        ModelStatement::new(self.name.clone(), vec![], manifest)
    }

    /// Signs with version 4, with provenance of the usual job.
    fn sign(&mut self) {
        self.payload = self.statement().to_payload();
        self.bundle = self.keys.v4.bundle(&self.payload);
        self.lines.clear();
        self.attest(PROVENANCE_TYPE, &provenance(ClaimsSource::OidcVerified), |keys| &keys.v4);
    }

    fn attest(&mut self, kind: &str, predicate: &str, key: fn(&Keys) -> &TestKey) {
        let payload = attestation_payload(&self.statement(), &self.payload, kind, predicate).unwrap();
        self.lines.push(key(&self.keys).bundle(&payload).to_json());
    }

    fn authorize(&self, narrows: &[&dyn Narrow]) -> Result<AuthorizedManifest> {
        self.authorize_as(&self.file.trusted, &Expected::danger_any_model(), narrows)
    }

    fn authorize_as(
        &self,
        trusted: &TrustedKeys,
        expected: &Expected,
        narrows: &[&dyn Narrow],
    ) -> Result<AuthorizedManifest> {
        let policy = Policy::of(self.file.clone());
        let attestations = Attestations::verify(&self.lines.join(&b'\n'), trusted, at(NOW))?;
        self.bundle.verify_signature(trusted, at(NOW))?.authorize(&policy, expected, &attestations, at(NOW), narrows)
    }

    fn verify(&self) -> Result<VerifiedArtifact> {
        self.verify_with(&FileChecks::default())
    }

    fn verify_with(&self, checks: &FileChecks) -> Result<VerifiedArtifact> {
        let root = Root::open(self.directory.path()).unwrap();
        self.authorize(&[])?.verify_files(&root, checks, &Silent)
    }

    /// The refusal, whose record says the same.
    fn refused(&self) -> (Code, Decision) {
        record(self.verify().unwrap_err())
    }
}

fn record(error: Error) -> (Code, Decision) {
    let decision = error.decision().cloned().unwrap_or_else(|| panic!("{error} has no record"));
    assert_eq!((decision.code, decision.decision), (error.code().as_str(), Verdict::Deny));
    assert!(decision.valid_until.is_none() && decision.rule.is_none());
    (error.code(), decision)
}

fn provenance(source: ClaimsSource) -> String {
    provenance_with(source, &[])
}

fn provenance_with(source: ClaimsSource, changes: &[(&str, &str)]) -> String {
    let mut claims = json!({
        "repository": "acme/llm", "repository_id": "456789", "repository_owner_id": "65",
        "job_workflow_ref": "acme/ml-ci/.github/workflows/sign.yml@refs/tags/v2.1", "event_name": "push",
        "ref": "refs/tags/v7", "environment": "Production", "runner_environment": "github-hosted", "run_id": "1",
        "sha": "7a6ad1f5a05ee1c2a1d2d3fba7ad9c07ec4e0f3b",
    });
    for (name, value) in changes {
        claims[name] = json!(value);
    }
    let Value::Object(claims) = claims else { unreachable!() };
    let (from, until) = (at("2026-11-20T12:00:00Z"), at("2026-11-20T12:05:00Z"));
    let token =
        VerifiedClaims::assert_verified("github", GITHUB, "vault", None, from, until, Digest::sha256(b"token"), claims);
    let mut provenance = Provenance::of(&token, source).unwrap();
    provenance.finished_on = Some(at("2026-11-20T12:00:00Z"));
    provenance.to_predicate().unwrap()
}

fn safetensors(data: &[u8]) -> Vec<u8> {
    let header = format!(r#"{{"a":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}}}}"#, data.len());
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// A valid safetensors file that is an archive as well.
fn polyglot() -> Vec<u8> {
    let mut archive = b"PK\x05\x06".to_vec();
    archive.resize(22, 0);
    safetensors(&archive)
}

fn formats(case: &mut Case, index: usize, formats: &[FileFormat]) {
    case.file.rules[index].files.formats = Some(formats.to_vec());
}

/// The one rule of the sample and another one behind it, for the key alone.
fn second_rule(case: &mut Case) {
    let second = rule("second", "acme/*", "models", IdentityRule::KeyOnly);
    case.file.rules[1] = second;
}

#[test]
fn what_was_verified_is_decided_on() {
    let case = Case::new();
    let verified = case.verify().unwrap();
    let decision = verified.decision().unwrap();
    assert!(decision.is_allowed());
    assert_eq!(decision.rule.as_deref(), Some("production language models"));
    assert_eq!(decision.signature.key_version, Some(4));
    assert_eq!(decision.signature.signed_at, Some(at("2026-11-20T12:00:00Z")));
    assert_eq!(decision.signature.time_source.as_deref(), Some("asserted"));
    assert_eq!(decision.identity.claims["environment"], "Production");
    assert_eq!(decision.artifact.files, Some(2));
    assert_eq!(verified.provenance().unwrap().provider, "github");
    assert_eq!(verified.unchecked(), [Unchecked::ExpectedModel]);
    assert_eq!(verified.decision(), Some(decision));
}

#[test]
fn an_age_that_nobody_looked_at_is_said() {
    let mut case = Case::new();
    case.file.rules[0].max_age = None;
    assert_eq!(case.verify().unwrap().unchecked(), [Unchecked::ExpectedModel, Unchecked::Freshness]);
}

#[test]
fn facts_are_those_of_the_signature() {
    let mut case = Case::new();
    case.attest(SCAN, r#"{"result":"passed","scannedOn":"2026-11-19T00:00:00Z"}"#, |keys| &keys.scanner);
    let attestations = Attestations::verify(&case.lines.join(&b'\n'), &case.file.trusted, at(NOW)).unwrap();
    let signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
    let facts = signed.facts(&Policy::of(case.file.clone()), &attestations).unwrap();
    assert_eq!((facts.signature.verified, facts.signature.key.as_deref()), (Some(true), Some("models")));
    assert_eq!(facts.signature.algorithm.as_deref(), Some("ecdsa"));
    assert_eq!(facts.identity.issuer.as_deref(), Some(GITHUB));
    assert_eq!(facts.artifact.ignored_paths.len(), 6);
    let names: Vec<_> = facts.artifact.resources.iter().flatten().map(|file| &*file.name).collect();
    assert_eq!(names, ["config.json", "model.safetensors"]);
    let scan = facts.evidence.iter().find(|evidence| evidence.predicate_type == SCAN).unwrap();
    assert_eq!((scan.key.as_deref(), scan.bound, scan.time), (Some("scanner"), true, Some(at("2026-11-19T00:00:00Z"))));
    assert_eq!(scan.predicate["result"], "passed");
    // A policy that lacks the key knows nothing of it.
    let mut other = case.file.clone();
    other.trusted = TrustedKeys::new(vec![case.keys.scanner.named("scanner")], vec![], LeafPin::default()).unwrap();
    let facts = signed.facts(&Policy::of(other), &attestations).unwrap();
    assert_eq!((facts.signature.key, facts.signature.key_version), (None, None));
}

#[test]
fn evidence_of_the_scanner_is_asked_for_and_found() {
    let mut case = Case::new();
    case.file.rules[0].evidence = production().1.rules[0].evidence.clone();
    assert_eq!(case.refused().1.rules[0].field.as_deref(), Some("evidence"));
    case.attest(SCAN, r#"{"result":"passed","scannedOn":"2026-11-19T00:00:00Z"}"#, |keys| &keys.scanner);
    let verified = case.verify().unwrap();
    assert_eq!(verified.decision().unwrap().evidence, [SCAN]);
    assert_eq!(verified.decision().unwrap().valid_until, Some(at("2026-11-21T00:15:00Z")));
}

#[test]
fn t14_only_keys_of_the_policy_count_and_no_legacy_bundle() {
    let mut case = Case::new();
    let everybody = case.file.trusted.clone();
    case.file.trusted = TrustedKeys::new(vec![case.keys.scanner.named("scanner")], vec![], LeafPin::default()).unwrap();
    let refused = case.authorize_as(&everybody, &Expected::danger_any_model(), &[]);
    assert_eq!(record(refused.unwrap_err()).0, Code::SignatureUnknownKey);

    let case = Case::new();
    let mut signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
    signed.relaxed.push(Relaxation::AcceptLegacy);
    let policy = Policy::of(case.file.clone());
    let refused = signed.authorize(&policy, &Expected::danger_any_model(), &Attestations::none(), at(NOW), &[]);
    assert_eq!(record(refused.unwrap_err()).0, Code::FormatLegacy);
}

#[test]
fn versions_and_windows_are_the_policys_and_refusals_have_a_record() {
    let mut case = Case::new();
    let everybody = case.file.trusted.clone();
    let window = SigningWindow::new(None, Some(at(NOW))).unwrap();
    let four = case.keys.v4.named("models").with_version(4.try_into().unwrap());
    for (key, expected) in [
        (four.clone().with_window(window), Code::PolicyKeyWindow),
        (four.with_min_version(5.try_into().unwrap()).unwrap(), Code::PolicyKeyVersion),
    ] {
        case.file.trusted = TrustedKeys::new(vec![key], vec![], LeafPin::default()).unwrap();
        // What the policy says holds, whatever the caller trusts; and the other way round.
        let refused = case.authorize_as(&everybody, &Expected::danger_any_model(), &[]);
        let (code, decision) = record(refused.unwrap_err());
        assert_eq!((code, decision.rules.len()), (expected, 0));
        let strict = std::mem::replace(&mut case.file.trusted, everybody.clone());
        let refused = case.authorize_as(&strict, &Expected::danger_any_model(), &[]).unwrap_err();
        assert!([expected, Code::PolicyNoRuleMatches].contains(&record(refused).0));
    }
}

#[test]
fn another_model_and_missing_attestations_have_a_record() {
    let case = Case::new();
    let other = Expected::name("acme/other".parse().unwrap());
    let refused = case.authorize_as(&case.file.trusted, &other, &[]).unwrap_err();
    assert_eq!(record(refused).0, Code::PolicyOtherModel);
    let mut signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
    signed.attestation_types.push(SCAN.to_owned());
    let policy = Policy::of(case.file.clone());
    let refused = signed.authorize(&policy, &Expected::danger_any_model(), &Attestations::none(), at(NOW), &[]);
    assert_eq!(record(refused.unwrap_err()).0, Code::PolicyAttestationMissing);
    case.write("config.json", b"{}");
    assert_eq!(case.refused().0, Code::ArtifactModified);
}

#[test]
fn t02_claims_of_another_manifest_or_another_key_are_no_identity() {
    let mut case = Case::new();
    case.lines.clear();
    assert_eq!(case.refused().1.rules[0].field.as_deref(), Some("identity"));
    case.attest(PROVENANCE_TYPE, &provenance(ClaimsSource::OidcVerified), |keys| &keys.v3);
    assert_eq!(case.refused().1.rules[0].field.as_deref(), Some("identity"), "another version of the key");
    case.lines.clear();
    case.attest(PROVENANCE_TYPE, &provenance(ClaimsSource::OidcVerified), |keys| &keys.scanner);
    assert_eq!(case.refused().1.rules[0].field.as_deref(), Some("identity"), "another key");
    // Provenance of another payload with the same root, by the right key.
    let mut other = Case::new();
    fs::rename(other.directory.path().join("config.json"), other.directory.path().join("confih.json")).unwrap();
    other.keys = case.keys;
    other.file.trusted = case.file.trusted.clone();
    other.sign();
    case.keys = production().0;
    case.lines = other.lines;
    let refused = case.verify().unwrap_err();
    assert_eq!(record(refused).0, Code::PolicyAttestationOtherModel);
}

#[test]
fn t04_a_second_provenance_makes_the_identity_ambiguous() {
    let mut case = Case::new();
    let second = provenance_with(ClaimsSource::OidcVerified, &[("repository_id", "1")]);
    case.attest(PROVENANCE_TYPE, &second, |keys| &keys.v4);
    let (code, decision) = case.refused();
    assert_eq!((code, decision.identity.claims.len()), (Code::PolicyAmbiguousIdentity, 0));
    // One by a key that says nothing about this signature does not matter.
    case.lines.pop();
    case.attest(PROVENANCE_TYPE, &second, |keys| &keys.scanner);
    case.verify().unwrap();
}

#[test]
fn t05_claims_of_a_token_that_did_not_log_in_are_absent() {
    let mut case = Case::new();
    case.lines.clear();
    case.attest(PROVENANCE_TYPE, &provenance(ClaimsSource::OidcUnbound), |keys| &keys.v4);
    let (_, decision) = case.refused();
    assert_eq!(decision.rules[0].field.as_deref(), Some("identity"));
    assert_eq!((decision.identity.provider, decision.identity.claims.len()), (None, 0));
    // They are shown, and no more.
    case.file.rules[0].identity = IdentityRule::KeyOnly;
    let verified = case.verify().unwrap();
    assert_eq!(verified.provenance().unwrap().claims_source, ClaimsSource::OidcUnbound);
}

#[test]
fn a_provenance_that_breaks_its_format_is_refused() {
    let mut case = Case::new();
    case.lines.clear();
    let broken = provenance(ClaimsSource::OidcVerified).replace("oidc-verified", "made-up");
    case.attest(PROVENANCE_TYPE, &broken, |keys| &keys.v4);
    assert_eq!(case.refused().0, Code::FormatMalformed);
    // With a key alone it decides nothing.
    let attestations = Attestations::verify(&case.lines.join(&b'\n'), &case.file.trusted, at(NOW)).unwrap();
    let signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
    let any = Policy::any_trusted_key();
    let authorized = signed.authorize(&any, &Expected::danger_any_model(), &attestations, at(NOW), &[]).unwrap();
    assert!(authorized.decision().is_none());
}

#[derive(Debug)]
struct Stage {
    stage: NarrowStage,
    answer: Option<Code>,
    asked: &'static Mutex<Vec<(NarrowStage, Value)>>,
}

impl Narrow for Stage {
    fn stage(&self) -> NarrowStage {
        self.stage
    }

    fn decide(&self, input: &NarrowInput<'_>) -> Result<()> {
        self.asked.lock().unwrap().push((self.stage, input.document.clone()));
        self.answer.map_or(Ok(()), |code| Err(Error::new(code, "no")))
    }
}

fn with_rego(case: &mut Case) {
    case.file.rego = Some(RegoStage { modules: vec![], data: vec![], timeout: core::time::Duration::from_secs(1) });
}

#[test]
fn stages_narrow_in_order_and_only_what_was_allowed() {
    static ASKED: Mutex<Vec<(NarrowStage, Value)>> = Mutex::new(Vec::new());
    let mut case = Case::new();
    with_rego(&mut case);
    let stage = |stage, answer| Stage { stage, answer, asked: &ASKED };
    let (rego, opa, other) =
        (stage(NarrowStage::Rego, None), stage(NarrowStage::Opa, None), stage(NarrowStage::Other, None));
    let missing = case.authorize(&[&opa, &other]).unwrap_err();
    assert_eq!(record(missing).0, Code::PolicyNotSupported);
    assert!(ASKED.lock().unwrap().is_empty());

    let authorized = case.authorize(&[&other, &opa, &rego]).unwrap();
    let order: Vec<_> = ASKED.lock().unwrap().drain(..).collect();
    let stages: Vec<_> = order.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(stages, [NarrowStage::Rego, NarrowStage::Opa, NarrowStage::Other]);
    assert_eq!(order[0].1["native"]["decision"], "allow");
    assert_eq!(order[0].1["identity"]["github"]["event_name"], "push");
    let decision = authorized.decision().unwrap();
    assert_eq!(decision.rego.as_ref().map(|stage| stage.result), Some(Verdict::Allow));

    for (stage_of, denial) in [(NarrowStage::Rego, Code::PolicyRegoDenied), (NarrowStage::Opa, Code::PolicyOpaDenied)] {
        let denies = stage(stage_of, Some(denial));
        let narrows: [&dyn Narrow; 2] = [&denies, if stage_of == NarrowStage::Rego { &opa } else { &rego }];
        let (code, decision) = record(case.authorize(&narrows).unwrap_err());
        assert_eq!(code, denial);
        let said = if stage_of == NarrowStage::Rego { decision.rego } else { decision.opa };
        assert_eq!(said.map(|said| (said.result, said.code)), Some((Verdict::Deny, Some(denial.as_str()))));
    }
    ASKED.lock().unwrap().clear();
    case.name = "acme/other".to_owned();
    case.sign();
    assert_eq!(record(case.authorize(&[&rego]).unwrap_err()).0, Code::PolicyNoRuleMatches);
    assert!(ASKED.lock().unwrap().is_empty(), "nothing is asked about what is denied");
}

#[test]
fn no_stage_is_asked_about_more_files_than_it_is_told_of() {
    static ASKED: Mutex<Vec<(NarrowStage, Value)>> = Mutex::new(Vec::new());
    let mut case = Case::new();
    case.file.rules[0].identity = IdentityRule::KeyOnly;
    case.file.rules[0].max_age = None;
    case.lines.clear();
    let sign = |case: &mut Case, files: usize| {
        let file =
            |at| Resource::file(ResourceName::parse(&format!("{at:05}.json")).unwrap(), Digest::sha256(b"x"), None);
        let serialization = Serialization::new(Method::Files, HashAlgorithm::Sha256, false, Vec::new()).unwrap();
        let manifest = Manifest::new(serialization, (0..files).map(file).collect()).unwrap();
        let statement = ModelStatement::new(case.name.clone(), vec![], manifest);
        case.bundle = case.keys.v4.bundle(&statement.to_payload());
    };
    let stage = |stage| Stage { stage, answer: None, asked: &ASKED };
    let (rego, other) = (stage(NarrowStage::Rego), stage(NarrowStage::Other));
    let any = |case: &Case| {
        let signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
        let expected = Expected::danger_any_model();
        signed.authorize(&Policy::any_trusted_key(), &expected, &Attestations::none(), at(NOW), &[&other])
    };
    sign(&mut case, Policy::MAX_INPUT_FILES);
    case.authorize(&[&other]).unwrap();
    any(&case).unwrap();
    let asked: Vec<_> = ASKED.lock().unwrap().drain(..).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|(_, input)| input["artifact"]["resources"].is_array()));

    sign(&mut case, Policy::MAX_INPUT_FILES + 1);
    let refused = any(&case).unwrap_err();
    assert_eq!(refused.code(), Code::PolicyNotSupported);
    assert!(refused.message().contains("10001 files"), "{refused}");
    assert_eq!(record(case.authorize(&[&other]).unwrap_err()).0, Code::PolicyNotSupported);
    // Without a stage nobody is told of the files.
    case.authorize(&[]).unwrap();
    with_rego(&mut case);
    assert_eq!(record(case.authorize(&[&rego]).unwrap_err()).0, Code::PolicyNotSupported);
    assert!(ASKED.lock().unwrap().is_empty());
}

#[test]
fn t32_bytes_must_agree_with_the_name() {
    let mut case = Case::new();
    for (content, format) in [
        (polyglot(), "pickle"),
        (b"\x80\x04N.".to_vec(), "pickle"),
        (b"#!/bin/sh\n".to_vec(), "code"),
        (b"{}".to_vec(), "json"),
        // Large enough not to be read at once.
        ([b"PK\x03\x04".to_vec(), vec![1; 3 << 20]].concat(), "pickle"),
        (vec![1; 3 << 20], "text"),
    ] {
        case.write("model.safetensors", &content);
        case.sign();
        let (code, decision) = case.refused();
        assert_eq!((code, decision.rules[0].field.as_deref()), (Code::PolicyNoRuleMatches, Some("files.formats")));
        let found = json!({ "name": "model.safetensors", "format": "safetensors", "bytes": format });
        assert_eq!(decision.rules[0].actual, found);
        // Without formats in the rule nobody looks.
        let formats = case.file.rules[0].files.formats.take();
        case.verify().unwrap();
        case.file.rules[0].files.formats = formats;
    }
    case.write("model.safetensors", &safetensors(&vec![1; 3 << 20]));
    case.sign();
    case.verify().unwrap();
}

#[test]
fn t32_a_single_file_is_judged_by_the_name_that_it_has_on_disk() {
    let case = Case::new();
    let outer = tempfile::tempdir().unwrap();
    let verify = |name: &str, content: &[u8]| {
        let path = outer.path().join(name);
        fs::write(&path, content).unwrap();
        let root = Root::open(&path).unwrap();
        let manifest = serialize_model(&root, &SerializeOptions::default(), &Silent).unwrap().manifest;
        let payload = ModelStatement::new("acme/llm-7b".to_owned(), vec![], manifest).to_payload();
        let mut file = case.file.clone();
        file.rules[0].identity = IdentityRule::KeyOnly;
        file.rules[0].max_age = None;
        let policy = Policy::of(file);
        let signed = case.keys.v4.bundle(&payload).verify_signature(&case.file.trusted, at(NOW)).unwrap();
        signed
            .authorize(&policy, &Expected::danger_any_model(), &Attestations::none(), at(NOW), &[])
            .unwrap()
            .verify_files(&root, &FileChecks::default(), &Silent)
    };
    verify("a.safetensors", &safetensors(&[0; 8])).unwrap();
    assert_eq!(record(verify("a.pkl", &safetensors(&[0; 8])).unwrap_err()).0, Code::PolicyNoRuleMatches);
    assert_eq!(record(verify("b.safetensors", &polyglot()).unwrap_err()).0, Code::PolicyNoRuleMatches);
}

#[test]
fn t31_one_rule_must_allow_every_file() {
    let mut case = Case::new();
    second_rule(&mut case);
    case.write("notes.txt", b"notes\n");
    case.write("model.safetensors", b"not what it says");
    case.sign();
    // By name both rules allow every file. By bytes the first allows only the notes, the second only the model.
    formats(&mut case, 0, &[FileFormat::Safetensors, FileFormat::Json, FileFormat::Text]);
    case.file.rules[1].files.formats = None;
    assert_eq!(case.verify().unwrap().decision().unwrap().rule.as_deref(), Some("second"));
    case.write("notes.txt", b"\x80\x04N.");
    case.write("model.safetensors", &safetensors(&[0; 8]));
    case.sign();
    formats(&mut case, 1, &[FileFormat::Safetensors, FileFormat::Json, FileFormat::Text]);
    let (code, decision) = case.refused();
    assert_eq!(code, Code::PolicyNoRuleMatches);
    assert!(decision.rules.iter().all(|rule| rule.field.as_deref() == Some("files.formats")), "{decision:?}");
    assert_eq!(decision.rules[1].actual["name"], "notes.txt");
}

#[test]
fn t31_unsigned_files_and_formats_shrink_one_set_of_rules() {
    let mut case = Case::new();
    second_rule(&mut case);
    // The first rule tolerates the log, the second the bytes of the model.
    case.file.rules[0].files.danger_allow_unsigned = vec![Glob::parse("*.log").unwrap()];
    case.write("model.safetensors", b"not what it says");
    case.sign();
    assert_eq!(case.verify().unwrap().decision().unwrap().rule.as_deref(), Some("second"));
    case.write("train.log", b"x");
    let (code, decision) = case.refused();
    let fields: Vec<_> = decision.rules.iter().map(|rule| rule.field.as_deref().unwrap()).collect();
    assert_eq!((code, &fields[..]), (Code::PolicyNoRuleMatches, &["files.formats", "files.danger_allow_unsigned"][..]));
}

#[test]
fn tolerated_unsigned_files_are_listed() {
    let mut case = Case::new();
    case.write("train.log", b"x");
    assert_eq!(case.refused().0, Code::ArtifactUnexpected);
    case.file.rules[0].files.danger_allow_unsigned = vec![Glob::parse("*.log").unwrap()];
    let verified = case.verify().unwrap();
    let decision = verified.decision().unwrap();
    assert_eq!(
        (&decision.uncovered[..], &decision.relaxed[..]),
        (&["train.log".to_owned()][..], &["danger_allow_unsigned".to_owned()][..])
    );
    // Not a directory, not a link, nothing below a directory.
    fs::create_dir(case.directory.path().join("d.log")).unwrap();
    case.verify().unwrap();
    case.write("d.log/x.log", b"x");
    assert_eq!(case.refused().0, Code::ArtifactUnexpected);
}

#[test]
fn what_the_caller_weakens_is_in_the_record() {
    let case = Case::new();
    case.write("extra", b"x");
    let checks = FileChecks { danger_ignore_unsigned_files: true, ..FileChecks::default() };
    let verified = case.verify_with(&checks).unwrap();
    assert_eq!(verified.decision().unwrap().relaxed, ["danger-ignore-unsigned-files"]);
    assert_eq!(verified.decision().unwrap().uncovered, ["extra"]);
}

#[test]
fn t28_revoked_files_and_models_are_found_behind_other_digests() {
    let model = Digest::sha256(&safetensors(&[0; 8]));
    let plain_root = Case::new().statement().manifest().root();
    let things = [RevokedThing::File(model), RevokedThing::Model(plain_root)];
    for (method, hash) in [
        (Method::Files, HashAlgorithm::Sha256),
        (Method::Files, HashAlgorithm::Blake3),
        (Method::Shards { size: 50.try_into().unwrap() }, HashAlgorithm::Sha256),
        (Method::Shards { size: 50.try_into().unwrap() }, HashAlgorithm::Blake2b),
    ] {
        let mut case = Case::new();
        case.options.method = method;
        case.options.hash = hash;
        case.file.rules[0].methods = vec!["files", "shards"];
        case.file.rules[0].hash = vec![HashAlgorithm::Sha256, HashAlgorithm::Blake3, HashAlgorithm::Blake2b];
        case.sign();
        case.verify().unwrap();
        let revoke = |case: &mut Case, what: &RevokedThing| {
            let what = what.clone();
            let reason = "withdrawn".to_owned();
            case.file.revoked = vec![Revoked { what, reason, except_timestamped_before: None }];
        };
        for thing in &things {
            revoke(&mut case, thing);
            assert_eq!(case.refused().0, Code::PolicyRevoked, "{method:?} {hash} {thing:?}");
            let checks = FileChecks { only: vec!["config.json".to_owned()], ..FileChecks::default() };
            let partial = case.verify_with(&checks).unwrap_err().code();
            assert!(matches!(partial, Code::PolicyRevoked | Code::PolicyNotSupported), "{partial}");
        }
        revoke(&mut case, &RevokedThing::File(Digest::sha256(b"another")));
        case.verify().unwrap();
    }
}

#[test]
fn t28_revoked_files_are_found_where_nobody_signed_them() {
    let (bad, time) = (b"a bad file", at(NOW));
    let mut case = Case::new();
    case.file.rules[0].files.danger_allow_unsigned = vec![Glob::parse("*.log").unwrap()];
    let directory = case.directory.path().to_owned();
    fs::create_dir_all(directory.join(".github/workflows")).unwrap();
    fs::create_dir_all(directory.join(".git")).unwrap();
    let revoke = |file: &mut PolicyFile| {
        let what = RevokedThing::File(Digest::sha256(bad));
        file.revoked = vec![Revoked { what, reason: "withdrawn".to_owned(), except_timestamped_before: None }];
    };
    let mut file = case.file.clone();
    revoke(&mut file);
    let any = FileChecks { danger_ignore_unsigned_files: true, ..FileChecks::default() };
    let ignoring = FileChecks { danger_ignore_paths: vec!["own".to_owned()], ..FileChecks::default() };
    for (name, checks, is_found) in [
        ("train.log", FileChecks::default(), true),
        (".gitignore", FileChecks::default(), true),
        (".gitattributes", FileChecks::default(), true),
        (".github/a", FileChecks::default(), true),
        (".github/workflows/a.yml", FileChecks::default(), true),
        ("extra", any.clone(), true),
        (".git/a", FileChecks::default(), false),
        ("own", ignoring, false),
    ] {
        case.write(name, bad);
        let verified = |file: &PolicyFile| {
            let policy = Policy::of(file.clone());
            let attestations = Attestations::verify(&case.lines.join(&b'\n'), &file.trusted, time);
            let signed = case.bundle.verify_signature(&file.trusted, time).unwrap();
            let expected = Expected::danger_any_model();
            let authorized = signed.authorize(&policy, &expected, &attestations.unwrap(), time, &[]).unwrap();
            authorized.verify_files(&Root::open(case.directory.path()).unwrap(), &checks, &Silent)
        };
        verified(&case.file).unwrap();
        match verified(&file) {
            Err(error) => {
                assert!(is_found && error.message().contains(name), "{name}: {error}");
                assert_eq!(record(error).0, Code::PolicyRevoked, "{name}");
            }
            Ok(_) => assert!(!is_found, "{name}"),
        }
        fs::remove_file(directory.join(name)).unwrap();
    }
    // Other files are looked at and accepted, and links and pipes are not waited for.
    case.write(".github/workflows/a.yml", b"on: push");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/dev/zero", directory.join(".github/link")).unwrap();
    case.file = file;
    case.verify().unwrap();
}

#[test]
fn nothing_changes_without_a_policy_file() {
    let case = Case::new();
    let signed = case.bundle.verify_signature(&case.file.trusted, at(NOW)).unwrap();
    let attestations = Attestations::verify(&case.lines.join(&b'\n'), &case.file.trusted, at(NOW)).unwrap();
    let any = Policy::any_trusted_key();
    let authorized = signed.authorize(&any, &Expected::danger_any_model(), &attestations, at(NOW), &[]).unwrap();
    let root = Root::open(case.directory.path()).unwrap();
    let verified = authorized.verify_files(&root, &FileChecks::default(), &Silent).unwrap();
    assert!(verified.decision().is_none() && verified.provenance().is_some());
    assert_eq!(verified.unchecked(), [Unchecked::ExpectedModel, Unchecked::Freshness]);
}
