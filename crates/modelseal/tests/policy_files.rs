//! Policies on disk: what is read, from where, and who must have signed it.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use modelseal::http::{Env, Hooks};
use modelseal::{
    AttestationToSign, Bundle, Code, Error, KeyRef, KeyType, LoadedPolicy, LocalKey, POLICY_TYPE, Pae, PolicyRequest,
    PolicySignOptions, SignOptions, SignedPolicy, Signer as _, Silent, Timestamp, VerifyOptions, load_policy,
    policy_signature_path, sign_policy,
};
use support::Model;

/// An environment without variables.
struct NoEnv;

impl Env for NoEnv {
    fn var(&self, _: &str) -> Option<std::ffi::OsString> {
        None
    }
}

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

/// A directory with a policy, the key that it trusts, and a key that signs policies.
struct Shop {
    directory: tempfile::TempDir,
    policies: LocalKey,
}

impl Shop {
    /// With a policy whose top holds `top`.
    fn new(top: &str) -> Self {
        let shop =
            Self { directory: tempfile::tempdir().unwrap(), policies: LocalKey::generate(KeyType::EcdsaP256).unwrap() };
        let models = LocalKey::generate(KeyType::EcdsaP256).unwrap();
        shop.write("keys/models.pem", &models.public_key().to_pem());
        shop.write("policies.pub.pem", &shop.policies.public_key().to_pem());
        shop.policy(top, "keys/models.pem");
        shop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join("policy").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn policy(&self, top: &str, key: &str) {
        let text = format!(
            "version = 1\n{top}\n[[key]]\nname = \"models\"\npublic_key = \"{key}\"\n[[rule]]\nname = \"all\"\n\
             models = [\"*\", \"*/*\"]\nkeys = [\"models\"]\nidentity = \"key-only\"\n"
        );
        self.write("policy.toml", &text);
    }

    fn request(&self) -> PolicyRequest {
        PolicyRequest::new(self.at("policy.toml"))
    }

    fn load(&self) -> Result<LoadedPolicy, Error> {
        load(&self.request())
    }

    /// With the key that signs policies.
    fn signed_request(&self) -> PolicyRequest {
        let mut request = self.request();
        request.policy_keys = vec![KeyRef::file(self.at("policies.pub.pem"))];
        request
    }

    fn load_signed(&self) -> Result<LoadedPolicy, Error> {
        load(&self.signed_request())
    }

    fn sign(&self) -> Result<SignedPolicy, Error> {
        self.sign_with(&self.policies, &PolicySignOptions::default())
    }

    fn sign_with(&self, key: &LocalKey, options: &PolicySignOptions) -> Result<SignedPolicy, Error> {
        sign_policy(&self.at("policy.toml"), key, options, now(), &Hooks::default(), &NoEnv, &Silent)
    }

    /// Replaces the signature by one over `payload`.
    fn sign_payload(&self, payload: &str) {
        let pae = Pae::in_toto(payload.as_bytes());
        let signature = self.policies.sign(std::slice::from_ref(&pae)).unwrap().remove(0);
        let bundle = Bundle::with_key(&pae, signature, self.policies.public_key());
        fs::write(policy_signature_path(&self.at("policy.toml")), bundle.to_json()).unwrap();
    }

    fn payload(&self) -> String {
        let bundle = Bundle::parse(&fs::read(self.at("policy.toml.sig")).unwrap()).unwrap();
        String::from_utf8(bundle.claimed_payload().to_vec()).unwrap()
    }
}

fn load(request: &PolicyRequest) -> Result<LoadedPolicy, Error> {
    load_policy(request, now(), &Hooks::default(), &NoEnv)
}

#[track_caller]
fn refused(result: Result<LoadedPolicy, Error>, code: Code) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    format!("{} ({})", error.message(), error.hint())
}

const SIGNED: &str = "serial = 7\nvalid_until = 2027-01-01T00:00:00Z";

#[test]
fn every_file_that_is_read_is_a_source() {
    let shop = Shop::new("revocation_files = [\"revoked.toml\"]");
    shop.write("revoked.toml", "version = 1\n");
    let loaded = shop.load().unwrap();
    for name in ["policy.toml", "keys/models.pem", "revoked.toml"] {
        assert!(loaded.sources.contains(&shop.at(name)), "{name}: {:?}", loaded.sources);
    }
}

#[test]
fn a_path_may_not_leave_the_directory_of_the_policy() {
    let shop = Shop::new("");
    let outside = shop.directory.path().join("outside.pem");
    fs::copy(shop.at("keys/models.pem"), &outside).unwrap();
    for path in ["../outside.pem", "keys/../../outside.pem", outside.to_str().unwrap()] {
        shop.policy("", path);
        assert!(shop.load().is_err(), "{path}");
    }
}

#[test]
#[cfg(unix)]
fn links_may_stay_in_the_directory_and_not_lead_out_of_it() {
    let shop = Shop::new("");
    // As a mounted ConfigMap has it.
    fs::create_dir(shop.at("..2026_11_21")).unwrap();
    for name in ["policy.toml", "models.pem"] {
        let from = if name == "models.pem" { "keys/models.pem" } else { name };
        fs::rename(shop.at(from), shop.at("..2026_11_21").join(name)).unwrap();
        std::os::unix::fs::symlink(Path::new("..data").join(name), shop.at(name)).unwrap();
    }
    std::os::unix::fs::symlink("..2026_11_21", shop.at("..data")).unwrap();
    let text = fs::read_to_string(shop.at("policy.toml")).unwrap().replace("keys/models.pem", "models.pem");
    fs::write(shop.at("..data/policy.toml"), text).unwrap();
    shop.load().unwrap();

    let outside = shop.directory.path().join("outside.pem");
    fs::rename(shop.at("..data/models.pem"), &outside).unwrap();
    fs::remove_file(shop.at("models.pem")).unwrap();
    std::os::unix::fs::symlink(&outside, shop.at("models.pem")).unwrap();
    assert!(refused(shop.load(), Code::PolicySyntax).contains("leads out of the directory"));
}

#[test]
#[cfg(unix)]
fn a_fifo_does_not_hang_the_verifier() {
    let shop = Shop::new("");
    for name in ["keys/models.pem", "policy.toml"] {
        fs::remove_file(shop.at(name)).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, shop.at(name), rustix::fs::Mode::RUSR).unwrap();
        refused(shop.load(), Code::InputSpecialFile);
    }
}

#[test]
fn files_have_a_limit() {
    let shop = Shop::new("");
    shop.write("keys/models.pem", &" ".repeat(1024 * 1024 + 1));
    refused(shop.load(), Code::PolicySyntax);
    shop.write("policy.toml", &" ".repeat(1024 * 1024 + 1));
    refused(shop.load(), Code::PolicySyntax);
}

#[test]
fn a_list_of_revocations_that_is_missing_is_an_error() {
    let shop = Shop::new("revocation_files = [\"revoked.toml\"]");
    refused(shop.load(), Code::InputNotFound);
}

#[test]
fn t29_what_is_past_its_end_is_not_used() {
    let shop = Shop::new("valid_until = 2026-11-21T00:00:00Z");
    refused(shop.load(), Code::PolicyExpired);
    let shop = Shop::new("revocation_files = [\"revoked.toml\"]");
    shop.write("revoked.toml", "version = 1\nserial = 1\nvalid_until = 2026-11-20T00:00:00Z\n");
    refused(shop.load(), Code::PolicyExpired);
}

#[test]
fn t29_a_signed_policy_is_loaded_from_the_bytes_that_were_signed() {
    let shop = Shop::new(SIGNED);
    let signed = shop.sign().unwrap();
    let names: Vec<&str> = signed.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, signed.serial), (vec!["keys/models.pem", "policy.toml"], 7));
    let loaded = shop.load_signed().unwrap();
    for name in ["policy.toml", "policy.toml.sig", "policies.pub.pem"] {
        assert!(loaded.sources.contains(&shop.at(name)), "{name}: {:?}", loaded.sources);
    }
    for name in ["policy.toml", "keys/models.pem"] {
        let before = fs::read(shop.at(name)).unwrap();
        fs::write(shop.at(name), [&before[..], b"\n"].concat()).unwrap();
        assert!(refused(shop.load_signed(), Code::PolicySignature).contains("is not the file that was signed"));
        fs::write(shop.at(name), before).unwrap();
    }
    shop.load_signed().unwrap();
}

#[test]
fn t29_a_file_that_the_signature_does_not_list_is_not_read() {
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    let payload = shop.payload();
    let listed = payload.find("{\"name\":\"keys/models.pem\"").unwrap();
    let end = listed + payload[listed..].find("}},").unwrap() + 3;
    shop.sign_payload(&[&payload[..listed], &payload[end..]].concat());
    assert!(refused(shop.load_signed(), Code::PolicySignature).contains("does not cover `keys/models.pem`"));
}

#[test]
fn t29_a_policy_without_its_signature_is_refused() {
    let shop = Shop::new(SIGNED);
    assert!(refused(shop.load_signed(), Code::PolicySignature).contains("there is no signature"));
    fs::write(shop.at("policy.toml.sig"), "{}").unwrap();
    refused(shop.load_signed(), Code::PolicySignature);
    fs::write(shop.at("policy.toml.sig"), " ".repeat(1024 * 1024 + 1)).unwrap();
    refused(shop.load_signed(), Code::PolicySignature);
    // Another key, also one that the policy lists, signs no policy.
    shop.sign_with(&LocalKey::generate(KeyType::EcdsaP256).unwrap(), &PolicySignOptions::default()).unwrap_err();
    fs::remove_file(shop.at("policy.toml.sig")).unwrap();
    shop.sign_with(&LocalKey::generate(KeyType::EcdsaP256).unwrap(), &PolicySignOptions::default()).unwrap();
    refused(shop.load_signed(), Code::PolicySignature);
}

#[test]
fn t29_the_signature_of_a_model_is_none_of_a_policy() {
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    let model = Model { key: LocalKey::from_pem(&pem(&shop.policies), None).unwrap(), ..Model::new() };
    let mut options = SignOptions::default();
    options.attestations =
        vec![AttestationToSign { predicate_type: "https://acme.example/x/v1".to_owned(), predicate: "{}".to_owned() }];
    model.sign_with(&options).unwrap();
    for name in ["model.sig", "model.attestations.jsonl"] {
        fs::copy(model.at(name), shop.at("policy.toml.sig")).unwrap();
        assert!(refused(shop.load_signed(), Code::PolicySignature).contains("not about a policy"));
    }
}

#[test]
fn t29_the_signature_of_a_policy_is_none_of_a_model() {
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    let model = Model { key: LocalKey::from_pem(&pem(&shop.policies), None).unwrap(), ..Model::new() };
    fs::copy(shop.at("policy.toml.sig"), model.at("model.sig")).unwrap();
    assert_eq!(model.verify().unwrap_err().code(), Code::FormatUnsupported);
    model.sign();
    let text = [fs::read(shop.at("policy.toml.sig")).unwrap(), b"\n".to_vec()].concat();
    fs::write(model.at("model.attestations.jsonl"), text).unwrap();
    assert!(model.verify().is_err());
}

#[test]
fn t29_serial_and_end_are_demanded_and_signed() {
    for top in ["", "serial = 7", "valid_until = 2027-01-01T00:00:00Z"] {
        let shop = Shop::new(top);
        assert_eq!(shop.sign().unwrap_err().code(), Code::PolicySignature, "{top}");
    }
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    for (from, to) in [("\"serial\":7", "\"serial\":8"), ("2027-01-01", "2028-01-01")] {
        let payload = shop.payload();
        shop.sign_payload(&payload.replace(from, to));
        refused(shop.load_signed(), Code::PolicySignature);
        shop.sign_payload(&payload);
        shop.load_signed().unwrap();
    }
    let payload = shop.payload();
    shop.sign_payload(&payload.replace(POLICY_TYPE, "https://acme.example/policy/v1"));
    refused(shop.load_signed(), Code::PolicySignature);
}

#[test]
fn t29_an_older_policy_is_refused() {
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    let mut request = shop.signed_request();
    request.min_serial = Some(7);
    load(&request).unwrap();
    request.min_serial = Some(8);
    refused(load(&request), Code::PolicySerial);
    let shop = Shop::new("");
    let mut request = shop.request();
    request.min_serial = Some(1);
    refused(load(&request), Code::PolicySerial);
}

#[test]
fn t29_a_policy_key_signs_no_models() {
    let shop = Shop::new(SIGNED);
    shop.policy(SIGNED, "policies.pub.pem");
    assert!(refused_signing(&shop.sign().unwrap_err()).contains("may not sign models"));
    // Also one of several, that did not sign the policy.
    shop.policy(SIGNED, "keys/models.pem");
    shop.sign().unwrap();
    let mut request = shop.signed_request();
    request.policy_keys.push(KeyRef::file(shop.at("keys/models.pem")));
    assert!(refused(load(&request), Code::PolicySignature).contains("may not sign models"));
}

fn refused_signing(error: &Error) -> &str {
    assert_eq!(error.code(), Code::PolicySignature);
    error.message()
}

#[test]
fn signing_replaces_nothing_but_a_signature_of_a_policy() {
    let shop = Shop::new(SIGNED);
    shop.sign().unwrap();
    shop.sign().unwrap();
    shop.write("policy.toml.sig", "mine");
    assert_eq!(shop.sign().unwrap_err().code(), Code::OutputExists);
    assert_eq!(fs::read(shop.at("policy.toml.sig")).unwrap(), b"mine");
    let mut options = PolicySignOptions::default();
    options.out = Some(shop.at("policy.toml"));
    assert_eq!(shop.sign_with(&shop.policies, &options).unwrap_err().code(), Code::OutputExists);
    options.out = Some(shop.at("other.sig"));
    options.expect_key_id = Some(LocalKey::generate(KeyType::EcdsaP256).unwrap().public_key().id());
    assert_eq!(shop.sign_with(&shop.policies, &options).unwrap_err().code(), Code::KeyMismatch);
    assert!(!shop.at("other.sig").exists());
}

#[test]
fn t10_a_policy_inside_the_model_is_refused() {
    let model = Model::new();
    model.sign();
    for inside in ["policy.toml", "keys/models.pem"] {
        let shop = Shop::new("");
        let loaded = shop.load().unwrap();
        let mut options = VerifyOptions::default();
        loaded.prepare(&mut options);
        // What was read from a path inside the model: the model holds it, or leads to it.
        let source = options.trust_files.iter_mut().find(|path| path.ends_with(inside)).unwrap();
        *source = model.at("config.json");
        let verified = model.verify_with(&modelseal::Expected::danger_any_model(), &options);
        assert_eq!(verified.unwrap_err().code(), Code::UsageTrustInsideModel, "{inside}");
    }
}

fn pem(key: &LocalKey) -> Vec<u8> {
    key.to_pem(None).unwrap().as_bytes().to_vec()
}
