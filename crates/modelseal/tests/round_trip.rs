//! What is signed verifies, in every form; what was changed does not.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use core::ops::ControlFlow;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use modelseal::{
    Code, Digest, Event, Expected, HashAlgorithm, KeyType, LocalKey, Method, Observer, Policy, SignOptions, Silent,
    VerifyOptions, sign_model_artifact, verify_model_artifact,
};
use support::{Model, trust, verify};

fn options(change: impl FnOnce(&mut SignOptions)) -> SignOptions {
    let mut options = SignOptions::default();
    change(&mut options);
    options
}

#[test]
fn the_default_form_verifies_and_names_its_evidence() {
    let model = Model::new();
    let signed = model.sign();
    assert_eq!((signed.files, signed.bytes, signed.name.as_str()), (4, 1007, "model"));
    assert!(signed.warnings.is_empty() && signed.written);
    let verified = model.verify().unwrap();
    assert_eq!((verified.files(), verified.bytes(), verified.name()), (4, 1007, "model"));
    assert_eq!(verified.manifest(), &signed.manifest);
    assert_eq!(verified.signed_by().key_id(), model.key.public_key().id());
    let unchecked: Vec<_> = verified.unchecked().iter().map(|unchecked| unchecked.as_str()).collect();
    assert_eq!(unchecked, ["expected-model", "freshness"]);
    assert!(verified.relaxed().is_empty() && verified.uncovered().is_empty() && verified.only().is_none());
}

#[test]
fn every_key_type_method_and_hash_verifies() {
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::EcdsaP521, KeyType::Ed25519] {
        let model = Model { key: LocalKey::generate(key_type).unwrap(), ..Model::new() };
        let signed = model.sign();
        assert_eq!(signed.warnings.is_empty(), key_type != KeyType::Ed25519);
        model.verify().unwrap();
    }
    let model = Model::new();
    for hash in [HashAlgorithm::Sha256, HashAlgorithm::Blake2b, HashAlgorithm::Blake3] {
        model.sign_with(&options(|options| options.hash = hash)).unwrap();
        model.verify().unwrap();
    }
    for size in [1, 10, 999, 1000, 1001, 1 << 40] {
        let shards = options(|options| options.method = Method::Shards { size: NonZeroU64::new(size).unwrap() });
        let signed = model.sign_with(&shards).unwrap();
        assert_eq!(signed.uncovered.len(), 1, "the empty file");
        assert_eq!(model.verify().unwrap().uncovered()[0].name, "empty");
        model.write("w/1.bin", &[8; 1000]);
        assert_eq!(model.verify().unwrap_err().code(), Code::ArtifactModified);
        model.write("w/1.bin", &[7; 1000]);
    }
    let mixed = options(|options| {
        options.method = Method::Shards { size: NonZeroU64::MIN };
        options.hash = HashAlgorithm::Blake3;
    });
    assert_eq!(model.sign_with(&mixed).unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn the_same_tree_gives_the_same_payload() {
    let (one, two) = (Model::new(), Model::new());
    // Another order of creation, so another order in the directory.
    fs::remove_dir_all(two.path()).unwrap();
    for (name, content) in
        [("empty", &b""[..]), ("w/1.bin", &[7; 1000]), ("w/0.bin", b"abcd"), ("config.json", b"{}\n")]
    {
        two.write(name, content);
    }
    let digest = one.sign().payload_digest;
    assert_eq!(digest, two.sign().payload_digest);
    // Signing again, with the first signature in place, changes nothing either.
    assert_eq!(digest, one.sign().payload_digest);
    for jobs in 1..4 {
        let jobs = options(|options| options.jobs = core::num::NonZeroUsize::new(jobs));
        assert_eq!(digest, one.sign_with(&jobs).unwrap().payload_digest);
    }
    let payload = modelseal::read_bundle(&one.at("model.sig")).unwrap().claimed_payload().to_vec();
    let text = String::from_utf8(payload).unwrap();
    let head = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"model","digest":{"sha256":""#;
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains(
        r#""predicate":{"serialization":{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":[".git",".gitattributes",".github",".gitignore","model.attestations.jsonl","model.sig"]},"resources":[{"name":"config.json","algorithm":"sha256","digest":"ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356","size":3}"#
    ), "{text}");
}

#[test]
fn single_files_have_their_signature_beside_them() {
    let model = Model::new();
    let file = model.at("w/1.bin");
    let signed = sign_model_artifact(&file, &model.key, &SignOptions::default(), &Silent).unwrap();
    assert_eq!(signed.bundle, model.at("w/1.bin.sig"));
    assert_eq!(signed.manifest.resources()[0].name().as_str(), ".");
    let check = || verify(&file, &model.trusted(), &Expected::danger_any_model(), &VerifyOptions::default());
    check().unwrap();
    fs::write(&file, [9; 1000]).unwrap();
    assert_eq!(check().unwrap_err().code(), Code::ArtifactModified);
    fs::remove_file(&file).unwrap();
    assert_eq!(check().unwrap_err().code(), Code::InputNotFound);
}

#[test]
fn what_was_changed_is_refused_by_name() {
    let change = |change: &dyn Fn(&Model)| {
        let model = Model::new();
        model.sign();
        change(&model);
        let error = model.verify().unwrap_err();
        let found: Vec<_> =
            error.findings().iter().map(|finding| format!("{} {}", finding.code(), finding.name())).collect();
        (error.code(), found.join(", "))
    };
    let modified = (Code::ArtifactModified, "artifact/modified w/0.bin".to_owned());
    assert_eq!(change(&|model| model.write("w/0.bin", b"abce")), modified);
    assert_eq!(change(&|model| model.write("w/0.bin", b"abcde")), modified);
    assert_eq!(change(&|model| model.write("w/0.bin", b"")), modified);
    assert_eq!(
        change(&|model| fs::rename(model.at("w/0.bin"), model.at("w/2.bin")).unwrap()),
        (Code::ArtifactMissing, "artifact/missing w/0.bin, artifact/unexpected w/2.bin".to_owned())
    );
    assert_eq!(
        change(&|model| model.write("x/y/z", b"")),
        (Code::ArtifactUnexpected, "artifact/unexpected x/y/z".to_owned())
    );
    assert_eq!(change(&|model| fs::remove_file(model.at("model.sig")).unwrap()).0, Code::ArtifactUnsigned);
    assert_eq!(change(&|model| fs::write(model.at("model.sig"), "{}").unwrap()).0, Code::FormatMalformed);
}

#[test]
fn another_key_is_unknown() {
    let model = Model::new();
    model.sign();
    let other = trust(&LocalKey::generate(KeyType::EcdsaP256).unwrap());
    let error = verify(&model.path(), &other, &Expected::danger_any_model(), &VerifyOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::SignatureUnknownKey);
    assert!(error.message().contains(&model.key.public_key().id().to_string()));
}

#[test]
fn the_expected_model_is_compared() {
    let model = Model::new();
    let signed = model.sign_with(&options(|options| options.name = Some("acme/llm".parse().unwrap()))).unwrap();
    let check =
        |expected: &Expected| model.verify_with(expected, &VerifyOptions::default()).map_err(|error| error.code());
    let root = signed.manifest.root();
    for good in [
        Expected::name("acme/llm".parse().unwrap()),
        Expected::digest(root),
        Expected::name_and_digest("acme/llm".parse().unwrap(), root),
    ] {
        assert!(check(&good).unwrap().unchecked().iter().all(|unchecked| unchecked.as_str() != "expected-model"));
    }
    for bad in [
        Expected::name("acme/llm2".parse().unwrap()),
        Expected::digest(Digest::sha256(b"")),
        Expected::name_and_digest("acme/llm".parse().unwrap(), Digest::sha256(b"")),
    ] {
        assert_eq!(check(&bad).unwrap_err(), Code::PolicyOtherModel);
    }
}

#[test]
fn some_files_can_be_verified_alone() {
    let model = Model::new();
    model.sign();
    fs::remove_file(model.at("w/1.bin")).unwrap();
    let mut some = VerifyOptions::default();
    some.only = vec!["w/0.bin".to_owned()];
    let check =
        |some: &VerifyOptions| model.verify_with(&Expected::danger_any_model(), some).map_err(|error| error.code());
    let verified = check(&some).unwrap();
    assert_eq!((verified.files(), verified.only().unwrap().len()), (1, 1));
    model.write("extra", b"");
    assert_eq!(check(&some).unwrap_err(), Code::ArtifactUnexpected);
    fs::remove_file(model.at("extra")).unwrap();
    model.write("w/0.bin", b"abce");
    assert_eq!(check(&some).unwrap_err(), Code::ArtifactModified);
    some.only.push("nothing".to_owned());
    assert_eq!(check(&some).unwrap_err(), Code::UsageUnknownResource);
}

#[test]
fn signing_expects_what_it_is_told() {
    let model = Model::new();
    let root = model.sign().manifest.root();
    let check = |options: &SignOptions| model.sign_with(options).map(|_| ()).map_err(|error| error.code());
    assert_eq!(check(&options(|options| options.expect_digest = Some(root))), Ok(()));
    assert_eq!(
        check(&options(|options| options.expect_digest = Some(Digest::sha256(b"")))),
        Err(Code::PolicyOtherModel)
    );
    let (own, other) = (model.key.public_key().id(), LocalKey::generate(KeyType::EcdsaP256).unwrap().public_key().id());
    assert_eq!(check(&options(|options| options.expect_key_id = Some(own))), Ok(()));
    assert_eq!(check(&options(|options| options.expect_key_id = Some(other))), Err(Code::KeyMismatch));
}

#[test]
fn nothing_but_a_signature_is_replaced() {
    let model = Model::new();
    model.write("model.sig", b"my notes");
    assert_eq!(model.sign_with(&SignOptions::default()).unwrap_err().code(), Code::OutputExists);
    assert_eq!(fs::read(model.at("model.sig")).unwrap(), b"my notes");
    let dry = options(|options| {
        options.dry_run = true;
        options.bundle = Some(model.directory.path().join("dry.sig"));
    });
    assert!(!model.sign_with(&dry).unwrap().written);
    assert!(!model.directory.path().join("dry.sig").exists());
    let nowhere = options(|options| options.bundle = Some(Path::new("/nowhere/at/all.sig").into()));
    assert_eq!(model.sign_with(&nowhere).unwrap_err().code(), Code::OutputUnwritable);
}

#[test]
fn a_key_inside_the_model_is_refused() {
    let model = Model::new();
    model.write("key.pub.pem", model.key.public_key().to_pem().as_bytes());
    model.sign();
    let key = modelseal::KeyRef::file(model.at("key.pub.pem"));
    let trusted = modelseal::load_trusted_keys(&[key], &[], modelseal::LeafPin::default(), false).unwrap();
    let error = verify(&model.path(), &trusted, &Expected::danger_any_model(), &VerifyOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::UsageTrustInsideModel);
}

#[test]
fn ignored_paths_are_recorded_and_reported() {
    let model = Model::new();
    model.write("logs/run.txt", b"1");
    let ignoring = options(|options| options.ignore_paths = vec!["logs".to_owned(), "typo".to_owned()]);
    let signed = model.sign_with(&ignoring).unwrap();
    assert_eq!(signed.warnings, ["the path to ignore `typo` matches nothing"]);
    model.write("logs/more.txt", b"2");
    let verified = model.verify().unwrap();
    assert_eq!((verified.uncovered()[0].name.as_str(), verified.uncovered()[0].kind), ("logs", "directory"));
    let everything = options(|options| {
        options.ignore_paths = ["logs", "config.json", "w", "empty"].map(str::to_owned).to_vec();
    });
    assert_eq!(model.sign_with(&everything).unwrap_err().code(), Code::InputEmpty);
}

#[test]
fn a_large_signature_can_be_given_up_before_any_file_is_hashed() {
    struct StopsAt(core::cell::Cell<u32>);
    impl Observer for StopsAt {
        fn event(&self, event: Event) -> ControlFlow<()> {
            assert_eq!(event, Event::Checking, "files are hashed although the work was to stop");
            match self.0.get() {
                0 => ControlFlow::Break(()),
                left => {
                    self.0.set(left - 1);
                    ControlFlow::Continue(())
                }
            }
        }
    }

    let model = Model::new();
    model.sign();
    for steps in 0..3 {
        let observer = StopsAt(core::cell::Cell::new(steps));
        let (policy, expected) = (Policy::any_trusted_key(), Expected::danger_any_model());
        let options = VerifyOptions::default();
        let stopped = verify_model_artifact(&model.path(), &model.trusted(), &policy, &expected, &options, &observer);
        assert_eq!(stopped.unwrap_err().code(), Code::UsageInterrupted, "after {steps} steps");
    }
}
