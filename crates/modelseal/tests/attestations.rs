//! Attestations signed along with a model: they must be there, be bound to this very manifest, and be by that key.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;

use modelseal::{
    AttestOptions, AttestationToSign, AttestedArtifact, Code, Error, Expected, KeyType, LocalKey, SignOptions, Silent,
    attest_model_artifact, read_predicate,
};
use support::Model;

const SCAN: &str = "https://acme.example/scan/v1";

fn scanned() -> SignOptions {
    let mut options = SignOptions::default();
    options.attestations =
        vec![AttestationToSign { predicate_type: SCAN.to_owned(), predicate: r#"{"result":"passed"}"#.to_owned() }];
    options
}

fn model() -> Model {
    let model = Model::new();
    let signed = model.sign_with(&scanned()).unwrap();
    assert_eq!(signed.attestations, Some(model.at("model.attestations.jsonl")));
    model
}

fn refused(model: &Model) -> Code {
    model.verify().unwrap_err().code()
}

#[test]
fn an_attestation_counts_when_it_is_bound() {
    let model = model();
    let verified = model.verify().unwrap();
    let [attestation] = verified.attestations() else { panic!("{:?}", verified.attestations()) };
    assert!(attestation.counts() && attestation.predicate_type == SCAN);
}

#[test]
fn t03_a_stripped_attestation_is_missed() {
    let model = model();
    let lines = model.at("model.attestations.jsonl");
    fs::write(&lines, "").unwrap();
    assert_eq!(refused(&model), Code::PolicyAttestationMissing);
    fs::remove_file(&lines).unwrap();
    assert_eq!(refused(&model), Code::PolicyAttestationMissing);
}

#[test]
fn t02_an_attestation_does_not_move_to_a_statement_with_the_same_root() {
    let one = model();
    // The same digests in the same order, so the same root: only a name differs.
    let pem = one.key.to_pem(None).unwrap();
    let two = Model { key: LocalKey::from_pem(pem.as_bytes(), None).unwrap(), ..Model::new() };
    fs::rename(two.at("w/1.bin"), two.at("w/9.bin")).unwrap();
    two.sign_with(&scanned()).unwrap();
    assert_eq!(one.verify().unwrap().manifest().root(), two.verify().unwrap().manifest().root());
    fs::copy(one.at("model.attestations.jsonl"), two.at("model.attestations.jsonl")).unwrap();
    assert_eq!(refused(&two), Code::PolicyAttestationOtherModel);
}

#[test]
fn lines_of_unknown_keys_are_reported_and_never_used() {
    let (one, other) = (model(), Model { key: LocalKey::generate(KeyType::EcdsaP256).unwrap(), ..Model::new() });
    other.sign_with(&scanned()).unwrap();
    let foreign = fs::read(other.at("model.attestations.jsonl")).unwrap();
    fs::write(one.at("model.attestations.jsonl"), &foreign).unwrap();
    assert_eq!(refused(&one), Code::PolicyAttestationMissing);
    let plain = Model::new();
    plain.sign();
    fs::write(plain.at("model.attestations.jsonl"), &foreign).unwrap();
    let verified = plain.verify().unwrap();
    assert!(verified.attestations().iter().all(|attestation| !attestation.counts()));
}

#[test]
fn lines_that_are_no_attestations_refuse_the_artifact() {
    let model = model();
    let path = model.at("model.attestations.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        "x\n".to_owned(),
        format!("{good}\n"),
        format!("{good}{{}}\n"),
        good.repeat(65),
        good.replace("sig\":\"M", "sig\":\"N"),
    ] {
        fs::write(&path, &bad).unwrap();
        let code = refused(&model);
        assert!(matches!(code, Code::FormatMalformed | Code::SignatureInvalid), "{code} for {bad:.40}");
    }
    fs::write(&path, good).unwrap();
    model.verify().unwrap();
}

#[test]
fn signing_again_drops_what_was_about_the_old_signature() {
    let model = model();
    model.sign_with(&scanned()).unwrap();
    model.verify().unwrap();
    model.write("w/0.bin", b"new");
    let signed = model.sign();
    assert_eq!(signed.warnings.len(), 1, "{:?}", signed.warnings);
    assert!(model.verify().unwrap().attestations().is_empty());
    assert!(!model.at("model.attestations.jsonl").exists());
    model.write("model.attestations.jsonl", b"my notes");
    assert_eq!(model.sign_with(&SignOptions::default()).unwrap_err().code(), Code::OutputExists);
}

fn attest(model: &Model, key: &LocalKey, change: impl Fn(&mut AttestOptions)) -> Result<AttestedArtifact, Error> {
    let predicate = r#"{"result":"passed","time":"2026-11-20T12:00:00Z"}"#;
    let mut options = AttestOptions::new(SCAN, predicate, Expected::danger_any_model());
    change(&mut options);
    attest_model_artifact(&model.path(), key, &options, &Silent)
}

#[test]
fn a_model_that_is_signed_is_attested_later() {
    let model = Model::new();
    model.sign();
    let bundle = fs::read(model.at("model.sig")).unwrap();
    let attested = attest(&model, &model.key, |_| ()).unwrap();
    assert!(attested.written && attested.lines == 1 && attested.warnings.is_empty(), "{attested:?}");
    assert_eq!(fs::read(model.at("model.sig")).unwrap(), bundle);
    let verified = model.verify().unwrap();
    let [found] = verified.attestations() else { panic!("{:?}", verified.attestations()) };
    assert!(found.counts() && found.predicate_type == SCAN);

    let again = attest(&model, &model.key, |_| ()).unwrap();
    assert!(again.already_there && !again.written && again.warnings.len() == 1, "{again:?}");
    let other = attest(&model, &model.key, |options| options.predicate = r#"{"result":"failed"}"#.to_owned()).unwrap();
    assert!(other.lines == 2 && other.warnings[0].contains("/scannedOn"), "{other:?}");
    let dry = attest(&model, &model.key, |options| {
        options.predicate = "{}".to_owned();
        options.dry_run = true;
    });
    assert!(!dry.unwrap().written);
    assert_eq!(model.verify().unwrap().attestations().len(), 2);
}

#[test]
fn somebody_else_may_attest_what_trusted_keys_signed() {
    let (model, scanner) = (Model::new(), LocalKey::generate(KeyType::EcdsaP256).unwrap());
    model.sign();
    assert_eq!(attest(&model, &scanner, |_| ()).unwrap_err().code(), Code::SignatureUnknownKey);
    let trusted = model.trusted();
    attest(&model, &scanner, |options| options.trusted = Some(trusted.clone())).unwrap();
    let unknown = model.verify().unwrap();
    assert!(unknown.attestations().iter().all(|attestation| !attestation.counts()));
    assert_eq!(fs::read_to_string(model.at("model.attestations.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn nothing_is_attested_that_does_not_verify() {
    let model = model();
    let before = fs::read(model.at("model.attestations.jsonl")).unwrap();
    let expect = |name: &str| Expected::name(name.parse().unwrap());
    let refused = |change: &dyn Fn(&mut AttestOptions)| attest(&model, &model.key, change).unwrap_err().code();
    assert_eq!(refused(&|options| options.expected = expect("acme/other")), Code::PolicyOtherModel);
    assert_eq!(refused(&|options| options.verify.only = vec!["config.json".to_owned()]), Code::UsageArguments);
    assert_eq!(refused(&|options| options.predicate = "[]".to_owned()), Code::UsageArguments);
    assert_eq!(refused(&|options| options.files = vec![model.at("config.json")]), Code::UsageTrustInsideModel);
    assert_eq!(refused(&|options| options.secret_files = vec![model.at("config.json")]), Code::UsageTrustInsideModel);
    model.write("w/0.bin", b"abce");
    assert_eq!(refused(&|_| ()), Code::ArtifactModified);
    assert_eq!(fs::read(model.at("model.attestations.jsonl")).unwrap(), before);
    fs::remove_file(model.at("model.sig")).unwrap();
    assert_eq!(refused(&|_| ()), Code::ArtifactUnsigned);
}

#[test]
fn no_more_attestations_are_written_than_are_read() {
    let model = Model::new();
    model.sign();
    attest(&model, &model.key, |_| ()).unwrap();
    let path = model.at("model.attestations.jsonl");
    let line = fs::read_to_string(&path).unwrap();
    // Without the last newline, which another tool may leave out.
    fs::write(&path, line.repeat(63).trim_end()).unwrap();
    let more = |number: u8| attest(&model, &model.key, |options| options.predicate = format!("{{\"n\":{number}}}"));
    assert_eq!(more(1).unwrap().lines, 64);
    model.verify().unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(more(2).unwrap_err().code(), Code::InputLimit);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn predicates_are_read_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scan.json");
    assert_eq!(read_predicate(&path).unwrap_err().code(), Code::InputNotFound);
    for (text, code) in [(&b"{\"a\":\"\xff\"}"[..], Code::UsageArguments), (b"{\"a\":1,\"a\":1}", Code::UsageArguments)]
    {
        fs::write(&path, text).unwrap();
        assert_eq!(read_predicate(&path).unwrap_err().code(), code);
    }
    fs::write(&path, "{}\n").unwrap();
    assert_eq!(read_predicate(&path).unwrap(), "{}\n");
    fs::File::create(&path).unwrap().set_len(17 << 20).unwrap();
    assert_eq!(read_predicate(&path).unwrap_err().code(), Code::InputLimit);
}
