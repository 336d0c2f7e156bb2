//! Places where something could hide: names that are exempt, links, files that were not asked for, other encodings.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use modelseal::{AttestationToSign, Code, Expected, Method, SignOptions, Silent, VerifyOptions, sign_model_artifact};
use support::{Model, verify};

fn with(change: impl FnOnce(&mut VerifyOptions)) -> VerifyOptions {
    let mut options = VerifyOptions::default();
    change(&mut options);
    options
}

fn refusal(model: &Model, options: &VerifyOptions) -> Code {
    model.verify_with(&Expected::danger_any_model(), options).unwrap_err().code()
}

#[test]
fn t08_links_under_ignored_file_names_hide_nothing() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("evil.py"), "").unwrap();
    for name in [".gitignore", ".gitattributes", "model.attestations.jsonl"] {
        for target in [outside.path().to_owned(), outside.path().join("evil.py"), PathBuf::from("w"), "nowhere".into()]
        {
            let model = Model::new();
            model.sign();
            symlink(&target, model.at(name)).unwrap();
            assert_eq!(refusal(&model, &VerifyOptions::default()), Code::ArtifactSymlink, "{name}");
            let linked = with(|options| options.danger_allow_symlinks = true);
            assert_eq!(refusal(&model, &linked), Code::ArtifactSymlink, "{name} to {}", target.display());
        }
    }
}

#[test]
fn t08_a_linked_bundle_is_no_bundle_of_the_model() {
    let model = Model::new();
    model.sign();
    let outside = model.directory.path().join("outside.sig");
    fs::rename(model.at("model.sig"), &outside).unwrap();
    symlink(&outside, model.at("model.sig")).unwrap();
    for allowed in [false, true] {
        let options = with(|options| options.danger_allow_symlinks = allowed);
        assert_eq!(refusal(&model, &options), Code::ArtifactSymlink);
    }
}

#[test]
fn files_that_were_not_asked_for_are_still_files() {
    let model = Model::new();
    model.write("a\u{fffd}", b"listed");
    model.sign();
    let some = || with(|options| options.only = vec!["config.json".to_owned()]);
    let check = |options: &VerifyOptions| model.verify_with(&Expected::danger_any_model(), options);
    check(&some()).unwrap();
    // A planted name that is shown like a listed one.
    let planted = model.path().join(OsStr::from_bytes(b"a\xff"));
    fs::write(&planted, "evil").unwrap();
    assert_eq!(check(&some()).unwrap_err().code(), Code::ArtifactUnexpected);
    fs::remove_file(&planted).unwrap();
    // A listed name that is no file any more.
    fs::remove_file(model.at("w/0.bin")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(model.at("w/0.bin")).status().unwrap();
    assert!(made.success());
    assert_eq!(check(&some()).unwrap_err().code(), Code::ArtifactUnexpected);
    fs::remove_file(model.at("w/0.bin")).unwrap();
    // A listed name that leads somewhere else.
    symlink("/etc/passwd", model.at("w/0.bin")).unwrap();
    assert_eq!(check(&some()).unwrap_err().code(), Code::ArtifactSymlink);
    let linked = || {
        with(|options| {
            options.only = vec!["config.json".to_owned()];
            options.danger_allow_symlinks = true;
        })
    };
    assert_eq!(check(&linked()).unwrap_err().code(), Code::ArtifactSymlink);
    fs::remove_file(model.at("w/0.bin")).unwrap();
    symlink("1.bin", model.at("w/0.bin")).unwrap();
    assert_eq!(check(&linked()).unwrap_err().code(), Code::ArtifactModified);
}

#[test]
fn no_ignored_git_path_means_none_below_either() {
    let model = Model::new();
    let mut signing = SignOptions::default();
    signing.ignore_git_paths = false;
    signing.ignore_paths = vec![".git/hooks".to_owned()];
    model.sign_with(&signing).unwrap();
    model.write(".git/hooks/post-checkout", b"evil");
    model.verify().unwrap();
    assert_eq!(refusal(&model, &with(|options| options.ignore_git_paths = false)), Code::ArtifactUnexpected);
}

#[test]
fn names_too_long_or_too_deep_to_be_listed_are_refused_unread() {
    let model = Model::new();
    model.sign();
    let deep = |component: &str, depth: usize| {
        let mut path = model.at("x");
        fs::create_dir(&path).unwrap();
        for _ in 0..depth {
            path.push(component);
            fs::create_dir(&path).unwrap();
        }
    };
    for (component, depth) in [("d", 300), (&*"long".repeat(60), 14)] {
        deep(component, depth);
        model.verify().map(|_| ()).unwrap_or_else(|error| assert_eq!(error.code(), Code::ArtifactUnexpected));
        fs::remove_dir_all(model.at("x")).unwrap();
    }
    deep("d", 300);
    assert_eq!(refusal(&model, &VerifyOptions::default()), Code::ArtifactUnexpected);
}

#[test]
fn attestations_that_are_not_in_use_are_reported() {
    let model = Model::new();
    model.write("model.attestations.jsonl", b"whatever");
    let mut outside = SignOptions::default();
    outside.bundle = Some(model.directory.path().join("outside.sig"));
    let signed = model.sign_with(&outside).unwrap();
    let names: Vec<_> = signed.uncovered.iter().map(|uncovered| uncovered.name.as_str()).collect();
    assert_eq!(names, ["model.attestations.jsonl"]);
}

#[test]
fn signing_keeps_what_is_not_about_another_signature() {
    let model = Model::new();
    model.write("model.attestations.jsonl", b"");
    model.sign();
    assert!(model.at("model.attestations.jsonl").exists(), "an empty file is not ours to remove");
    let mut scanned = SignOptions::default();
    let scan = AttestationToSign { predicate_type: "https://acme.example/scan".to_owned(), predicate: "{}".to_owned() };
    scanned.attestations = vec![scan];
    model.sign_with(&scanned).unwrap();
    let mut reviewed = scanned.clone();
    reviewed.attestations[0].predicate_type = "https://acme.example/review".to_owned();
    assert_eq!(model.sign_with(&reviewed).unwrap().warnings.len(), 1, "the list of attestations is signed too");
}

#[test]
fn a_single_file_may_be_named_by_its_own_name() {
    let model = Model::new();
    let file = model.at("w/1.bin");
    sign_model_artifact(&file, &model.key, &SignOptions::default(), &Silent).unwrap();
    let check = |name: &str| {
        let some = with(|options| options.only = vec![name.to_owned()]);
        verify(&file, &model.trusted(), &Expected::danger_any_model(), &some).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!((check("."), check("1.bin")), (Ok(()), Ok(())));
    assert_eq!(check("0.bin"), Err(Code::UsageUnknownResource));
}

#[test]
fn secrets_inside_the_model_are_not_signed() {
    let model = Model::new();
    model.write("signer.pem", b"secret");
    let mut signing = SignOptions::default();
    signing.secret_files = vec![model.at("signer.pem")];
    assert_eq!(model.sign_with(&signing).unwrap_err().code(), Code::UsageTrustInsideModel);
    assert!(!model.at("model.sig").exists());
}

#[test]
fn more_shards_than_a_signature_holds_are_a_limit() {
    let model = Model::new();
    fs::File::create(model.at("big")).unwrap().set_len(2_000_001).unwrap();
    let mut signing = SignOptions::default();
    signing.method = Method::Shards { size: NonZeroU64::new(2).unwrap() };
    assert_eq!(model.sign_with(&signing).unwrap_err().code(), Code::InputLimit);
}
