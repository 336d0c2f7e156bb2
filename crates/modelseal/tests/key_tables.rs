//! Verification with a table of keys: names, versions, signing windows, and where the files may lie.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use modelseal::{
    AttestationToSign, Code, Error, Expected, KeyRef, KeyType, LeafPin, LocalKey, Result, SignOptions, TrustedKeys,
    VerifiedArtifact, VerifyOptions, load_trusted_key, load_trusted_keys,
};
use support::Model;

/// Models signed by two versions of a key, and a directory with the public keys.
struct Rotated {
    old: Model,
    new: Model,
}

impl Rotated {
    fn new() -> Self {
        let rotated = Self { old: Model::new(), new: Model::new() };
        fs::create_dir_all(rotated.at("keys")).unwrap();
        for (model, number) in [(&rotated.old, 1), (&rotated.new, 2)] {
            model.sign();
            fs::write(rotated.at(&format!("keys/models-v{number}.pem")), model.key.public_key().to_pem()).unwrap();
        }
        rotated
    }

    fn at(&self, path: &str) -> PathBuf {
        self.new.directory.path().join(path)
    }

    /// Version 1 until 2030, version 2 from 2020 on; `more` stands in the `[[key]]`.
    fn table(&self, more: &str) -> PathBuf {
        let path = self.at("keys/models.toml");
        let id = self.new.key.public_key().id();
        let text = format!(
            "[[key]]\nname = \"models\"\nvault = \"hashivault://models\"\n{more}\n\
             [[key.version]]\nversion = 1\npublic_key = \"models-v1.pem\"\nnot_after = 2030-01-01T00:00:00Z\n\
             [[key.version]]\nversion = 2\npublic_key = \"models-v2.pem\"\nkey_id = \"{id}\"\n\
             not_before = 2020-01-01T00:00:00Z\n"
        );
        fs::write(&path, text).unwrap();
        path
    }
}

fn load(path: &Path) -> Result<TrustedKeys> {
    load_trusted_keys(&[KeyRef::file(path)], &[], LeafPin::default(), false)
}

fn verify_at(model: &Model, trusted: &TrustedKeys, now: &str) -> Result<VerifiedArtifact> {
    let mut options = VerifyOptions::default();
    options.danger_clock = Some(now.parse().unwrap());
    support::verify(&model.path(), trusted, &Expected::danger_any_model(), &options)
}

fn verify(model: &Model, trusted: &TrustedKeys) -> Result<VerifiedArtifact> {
    verify_at(model, trusted, "2026-11-21T00:00:00Z")
}

fn refused(result: Result<VerifiedArtifact>, code: Code, words: &[&str]) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word}: {error}");
    }
    error
}

#[test]
fn the_result_names_the_key_and_its_version() {
    let rotated = Rotated::new();
    let trusted = load(&rotated.table("")).unwrap();
    for (model, number) in [(&rotated.old, 1), (&rotated.new, 2)] {
        let verified = verify(model, &trusted).unwrap();
        let signer = verified.signed_by();
        assert_eq!((signer.key_name(), signer.key_version().unwrap().get()), (Some("models"), number));
        assert_eq!(signer.key_id(), model.key.public_key().id());
    }
    // Without a clock of the caller's own it is that of this machine.
    let now = support::verify(&rotated.new.path(), &trusted, &Expected::danger_any_model(), &VerifyOptions::default());
    assert!(now.unwrap().relaxed().is_empty());
    let plain = verify(&rotated.new, &rotated.new.trusted()).unwrap();
    assert_eq!((plain.signed_by().key_name(), plain.signed_by().key_version()), (None, None));
    let other = Model::new();
    other.sign();
    refused(verify(&other, &trusted), Code::SignatureUnknownKey, &[]);
}

#[test]
fn windows_are_those_of_the_verifiers_clock() {
    let rotated = Rotated::new();
    let trusted = load(&rotated.table("")).unwrap();
    verify_at(&rotated.old, &trusted, "2029-12-31T23:59:59Z").unwrap();
    let error = verify_at(&rotated.old, &trusted, "2030-01-01T00:00:00Z");
    let id = rotated.old.key.public_key().id().to_string();
    refused(error, Code::PolicyKeyWindow, &["version 1", "`models`", &id, "before 2030-01-01T00:00:00Z", "now"]);
    verify_at(&rotated.new, &trusted, "2020-01-01T00:00:00Z").unwrap();
    let error = verify_at(&rotated.new, &trusted, "2019-12-31T23:59:59Z");
    refused(error, Code::PolicyKeyWindow, &["version 2", "from 2020-01-01T00:00:00Z on", "2019-12-31T23:59:59Z"]);
    // Of two windows both apply.
    let narrow = load(&rotated.table("not_after = 2025-01-01T00:00:00Z")).unwrap();
    for model in [&rotated.old, &rotated.new] {
        refused(verify(model, &narrow), Code::PolicyKeyWindow, &["before 2025-01-01T00:00:00Z"]);
    }
}

#[test]
fn old_versions_are_refused() {
    let rotated = Rotated::new();
    let two = 2.try_into().unwrap();
    let by_table = load(&rotated.table("min_version = 2")).unwrap();
    let by_caller = load(&rotated.table("")).unwrap().with_min_key_version(two).unwrap();
    let by_both = load(&rotated.table("min_version = 2")).unwrap().with_min_key_version(1.try_into().unwrap()).unwrap();
    for trusted in [&by_table, &by_caller, &by_both] {
        verify(&rotated.new, trusted).unwrap();
        refused(verify(&rotated.old, trusted), Code::PolicyKeyVersion, &["version 1", "`models`", "accepted is 2"]);
    }
    let higher = by_table.with_min_key_version(3.try_into().unwrap()).unwrap();
    refused(verify(&rotated.new, &higher), Code::PolicyKeyVersion, &["version 2", "accepted is 3"]);
    let plain = load(&rotated.at("keys/models-v2.pem")).unwrap().with_min_key_version(two).unwrap_err();
    assert_eq!(plain.code(), Code::UsageArguments);
}

#[test]
fn a_changed_model_says_nothing_of_versions() {
    let rotated = Rotated::new();
    let trusted = load(&rotated.table("min_version = 2")).unwrap();
    // A signature that does not hold is no signature of an old version.
    fs::copy(rotated.new.at("model.sig"), rotated.old.at("model.sig")).unwrap();
    let text = fs::read_to_string(rotated.old.at("model.sig")).unwrap();
    let id = |model: &Model| model.key.public_key().id().to_string();
    fs::write(rotated.old.at("model.sig"), text.replace(&id(&rotated.new), &id(&rotated.old))).unwrap();
    refused(verify(&rotated.old, &trusted), Code::SignatureInvalid, &[]);
}

#[test]
fn attestations_by_a_retired_version_do_not_count() {
    let rotated = Rotated::new();
    let mut options = SignOptions::default();
    let predicate =
        AttestationToSign { predicate_type: "https://a.example/scan".to_owned(), predicate: "{}".to_owned() };
    options.attestations = vec![predicate];
    rotated.old.sign_with(&options).unwrap();
    let lines = fs::read(rotated.old.at("model.attestations.jsonl")).unwrap();
    fs::write(rotated.new.at("model.attestations.jsonl"), lines).unwrap();
    // By an accepted key it is about another model; by one that is not accepted it is anybody's.
    let trusted = load(&rotated.table("")).unwrap();
    refused(verify(&rotated.new, &trusted), Code::PolicyAttestationOtherModel, &[]);
    let bare = |trusted: &TrustedKeys, now| {
        let verified = verify_at(&rotated.new, trusted, now).unwrap();
        assert!(matches!(verified.attestations(), [line] if line.signed_by.is_none() && !line.counts()));
    };
    bare(&trusted, "2031-01-01T00:00:00Z");
    bare(&load(&rotated.table("min_version = 2")).unwrap(), "2026-11-21T00:00:00Z");
}

#[test]
fn t10_a_table_or_its_keys_inside_the_model_are_refused() {
    let rotated = Rotated::new();
    let (model, table) = (&rotated.new, rotated.table(""));
    for inside in ["models.toml", "models-v1.pem", "models-v2.pem"] {
        fs::copy(rotated.at(&format!("keys/{inside}")), model.at(inside)).unwrap();
    }
    model.sign();
    let trusted = load(&model.at("models.toml")).unwrap();
    refused(verify(model, &trusted), Code::UsageTrustInsideModel, &[]);
    let alone = format!("[[key]]\nname = \"a\"\npublic_key_pem = \"\"\"{}\"\"\"\n", model.key.public_key().to_pem());
    fs::write(model.at("models.toml"), alone).unwrap();
    model.sign();
    let trusted = load(&model.at("models.toml")).unwrap();
    refused(verify(model, &trusted), Code::UsageTrustInsideModel, &["models.toml"]);
    verify(model, &load(&table).unwrap()).unwrap();
    // The table outside, one of its keys inside; the other key alone would have been enough.
    let text = fs::read_to_string(&table).unwrap().replace("models-v1.pem", "model/models-v1.pem");
    let above = rotated.at("above.toml");
    fs::write(&above, text.replace("\"models-v2.pem\"", "\"keys/models-v2.pem\"")).unwrap();
    refused(verify(model, &load(&above).unwrap()), Code::UsageTrustInsideModel, &["models-v1.pem"]);
}

#[test]
#[cfg(unix)]
fn keys_lie_beside_the_table_or_below_it() {
    use std::os::unix::fs::symlink;
    let rotated = Rotated::new();
    let table = rotated.table("");
    let put = |path: &str| {
        let text = format!("[[key]]\nname = \"models\"\npublic_key = \"{path}\"\n");
        fs::write(&table, text).unwrap();
        load(&table).map(|trusted| trusted.sources().map(Path::to_owned).collect::<Vec<_>>())
    };
    fs::copy(rotated.at("keys/models-v2.pem"), rotated.at("outside.pem")).unwrap();
    fs::create_dir(rotated.at("keys/..data")).unwrap();
    fs::rename(rotated.at("keys/models-v1.pem"), rotated.at("keys/..data/v1.pem")).unwrap();
    symlink("..data/v1.pem", rotated.at("keys/models-v1.pem")).unwrap();
    symlink("../outside.pem", rotated.at("keys/link.pem")).unwrap();
    symlink("..", rotated.at("keys/up")).unwrap();
    symlink("nowhere", rotated.at("keys/broken.pem")).unwrap();

    assert_eq!(put("models-v1.pem").unwrap(), [rotated.at("keys/models-v1.pem"), table.clone()]);
    put("..data/v1.pem").unwrap();
    put("up/keys/models-v2.pem").unwrap();
    let cases = [
        ("../outside.pem", Code::KeyMalformed, "line 3: `../outside.pem` is not a path below"),
        ("/outside.pem", Code::KeyMalformed, "line 3: `/outside.pem` is not a path below"),
        ("link.pem", Code::KeyMalformed, "link.pem` leads out of the directory of the table"),
        ("up/outside.pem", Code::KeyMalformed, "up/outside.pem` leads out of the directory of the table"),
        ("up", Code::KeyMalformed, "leads out of the directory of the table"),
        ("broken.pem", Code::InputNotFound, "broken.pem` does not exist"),
        ("gone.pem", Code::InputNotFound, "gone.pem` does not exist"),
        ("..data", Code::InputUnreadable, "is a directory"),
        ("models.toml", Code::KeyMalformed, "no PEM"),
    ];
    for (path, code, message) in cases {
        let error = put(path).unwrap_err();
        assert_eq!(error.code(), code, "{path}: {error}");
        assert!(error.message().starts_with(&format!("`{}`: line ", table.display())), "{path}: {error}");
        assert!(error.message().contains(message), "{path}: {error}");
    }
}

#[test]
fn tables_are_known_by_name_and_have_their_own_schemes() {
    let rotated = Rotated::new();
    let table = rotated.table("");
    let upper = rotated.at("keys/MODELS.TOML");
    fs::copy(&table, &upper).unwrap();
    assert_eq!(load_trusted_key(&KeyRef::file(&upper)).unwrap().len(), 2);
    let named = KeyRef::File { path: table.clone(), scheme: Some("ecdsa".parse().unwrap()) };
    let error = load_trusted_key(&named).unwrap_err();
    assert_eq!((error.code(), error.hint()), (Code::UsageArguments, "leave out ?scheme="));
    // A key in the place of a table would have neither version nor window.
    fs::copy(rotated.at("keys/models-v2.pem"), &table).unwrap();
    assert_eq!(load(&table).unwrap_err().code(), Code::KeyMalformed);
    let pem = rotated.at("keys/table.pem");
    fs::copy(&upper, &pem).unwrap();
    assert_eq!(load(&pem).unwrap_err().code(), Code::KeyMalformed);
    assert_eq!(load(&rotated.at("gone.toml")).unwrap_err().code(), Code::InputNotFound);
}

#[test]
fn one_key_is_not_given_in_two_ways() {
    let rotated = Rotated::new();
    let (table, plain) = (KeyRef::file(rotated.table("")), KeyRef::file(rotated.at("keys/models-v2.pem")));
    let load = |keys: &[KeyRef]| load_trusted_keys(keys, &[], LeafPin::default(), false);
    let error = load(&[table.clone(), plain.clone()]).unwrap_err();
    assert_eq!(error.code(), Code::UsageArguments);
    assert!(error.message().contains("is given twice, with two versions"), "{error}");
    assert_eq!(load(&[table.clone(), table]).unwrap().keys().len(), 2);
    assert_eq!(load(&[plain.clone(), plain]).unwrap().keys().len(), 1);
}

#[test]
fn other_schemes_are_named_in_the_table() {
    let model = Model { key: LocalKey::generate(KeyType::Ed25519).unwrap(), ..Model::new() };
    model.sign();
    let at = |name: &str| model.directory.path().join(name);
    fs::write(at("k.pem"), model.key.public_key().to_pem()).unwrap();
    let table = |scheme: &str| {
        fs::write(at("k.toml"), format!("[[key]]\nname = \"k\"\npublic_key = \"k.pem\"\n{scheme}\n")).unwrap();
        load(&at("k.toml"))
    };
    verify(&model, &table("scheme = \"ed25519\"").unwrap()).unwrap();
    assert_eq!(table("").unwrap_err().code(), Code::KeyMalformed);
    assert_eq!(table("scheme = \"mldsa-44\"").unwrap_err().code(), Code::KeyMalformed);
}
