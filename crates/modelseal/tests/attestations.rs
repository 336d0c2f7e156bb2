//! Attestations signed along with a model: they must be there, be bound to this very manifest, and be by that key.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;

use modelseal::{AttestationToSign, Code, KeyType, LocalKey, SignOptions};
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
