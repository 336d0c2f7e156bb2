//! Every field of a bundle and every byte of a model, changed: refused, and never a panic.
//!
//! Each change is one start of the command. That costs milliseconds; what it proves is what a user would run.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

mod mutations;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mutations::{Mutation, mutations};
use serde_json::Value;
use support::{Sandbox, key, run, verify};

/// Runs `check` for each item, on as many threads as there are processors.
fn for_each<T: Sync>(items: &[T], check: impl Fn(&T) + Sync) {
    let next = Mutex::new(items.iter());
    let threads = thread::available_parallelism().map_or(2, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let item = next.lock().unwrap().next();
                    let Some(item) = item else { break };
                    check(item);
                }
            });
        }
    });
}

/// Verifies the signed model with another bundle text.
fn status_of(sandbox: &Sandbox, bundle: &[u8]) -> (Option<i32>, String) {
    let file = tempfile::NamedTempFile::new_in(sandbox.path()).unwrap();
    fs::write(file.path(), bundle).unwrap();
    let run = run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(file.path()));
    (run.status, run.text())
}

/// A model whose bundle was made by modelseal and lies beside it.
fn signed() -> (Sandbox, String) {
    let sandbox = Sandbox::signed();
    let bundle = fs::read_to_string(sandbox.at("model/model.sig")).unwrap();
    fs::remove_file(sandbox.at("model/model.sig")).unwrap();
    (sandbox, bundle)
}

fn decoded(bundle: &str) -> String {
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    String::from_utf8(STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap()).unwrap()
}

/// The bundle around another payload, the signature as it was.
fn with_payload(bundle: &str, payload: &[u8]) -> Value {
    let mut bundle: Value = serde_json::from_str(bundle).unwrap();
    bundle["dsseEnvelope"]["payload"] = STANDARD.encode(payload).into();
    bundle
}

/// The bundle around another payload, signed by the same key.
fn re_signed(bundle: &str, payload: &[u8]) -> Value {
    let text = fs::read_to_string(key("p256.pem")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &STANDARD.decode(body).unwrap()).unwrap();
    let mut pae = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).into_bytes();
    pae.extend_from_slice(payload);
    let signature = pair.sign(&SystemRandom::new(), &pae).unwrap();
    let mut bundle = with_payload(bundle, payload);
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = STANDARD.encode(signature).into();
    bundle
}

/// Changes to a bundle that change nothing of what it says: fields that may be left out, and texts that nobody reads.
fn harmless_outside(mutation: &Mutation) -> bool {
    let texts = ["null", "empty text", "other text", "longer text"];
    match mutation.path.as_str() {
        "/verificationMaterial/tlogEntries" => mutation.what == "removed",
        // Without a hint the signature decides.
        "/verificationMaterial/publicKey" => mutation.what == "empty object",
        "/verificationMaterial/publicKey/hint" => ["removed", "empty text"].contains(&mutation.what),
        "/dsseEnvelope/signatures/0/keyid" => mutation.what == "removed" || texts.contains(&mutation.what),
        _ => false,
    }
}

/// Changes to a statement, signed anew, after which it still says the truth about the files of the model.
fn harmless_inside(mutation: &Mutation) -> bool {
    let what = mutation.what;
    let is = |names: &[&str]| names.contains(&what);
    let name = mutation.path.rsplit('/').next().unwrap();
    // Nothing that is ignored lies in the model: fewer, more or other entries are all the same.
    if mutation.path.starts_with("/predicate/serialization/ignore_paths/") {
        return is(&["removed", "doubled", "other text", "longer text"]);
    }
    match name {
        "allow_symlinks" => is(&["removed", "other boolean"]),
        "annotations" => is(&["removed", "empty object", "an object"]),
        "attestations" => is(&["removed", "empty array"]),
        "ignore_paths" => is(&["removed", "empty array", "an array", "reversed"]),
        "name" if mutation.path.starts_with("/subject") => is(&["other text", "longer text"]),
        "size" => is(&["removed"]),
        _ => false,
    }
}

#[test]
fn every_change_to_the_bundle_is_refused() {
    let (sandbox, bundle) = signed();
    assert_eq!(status_of(&sandbox, bundle.as_bytes()).0, Some(0));
    let all: Vec<_> = mutations(&bundle).collect();
    assert!(all.len() > 80, "{} changes", all.len());
    for_each(&all, |mutation| {
        let (status, text) = status_of(&sandbox, mutation.text.as_bytes());
        let expected = if harmless_outside(mutation) { 0 } else { 1 };
        assert_eq!(status, Some(expected), "{mutation}\n{text}");
    });
}

#[test]
fn every_change_to_the_payload_breaks_the_signature() {
    let (sandbox, bundle) = signed();
    let all: Vec<_> = mutations(&decoded(&bundle)).collect();
    for_each(&all, |mutation| {
        let (status, text) =
            status_of(&sandbox, with_payload(&bundle, mutation.text.as_bytes()).to_string().as_bytes());
        assert_eq!(status, Some(1), "{mutation}\n{text}");
    });
}

#[test]
fn every_change_to_a_signed_payload_is_refused() {
    let (sandbox, bundle) = signed();
    let payload = decoded(&bundle);
    assert_eq!(status_of(&sandbox, re_signed(&bundle, payload.as_bytes()).to_string().as_bytes()).0, Some(0));
    let all: Vec<_> = mutations(&payload).collect();
    assert!(all.len() > 200, "{} changes", all.len());
    for_each(&all, |mutation| {
        let (status, text) = status_of(&sandbox, re_signed(&bundle, mutation.text.as_bytes()).to_string().as_bytes());
        let expected = if harmless_inside(mutation) { 0 } else { 1 };
        assert_eq!(status, Some(expected), "{mutation}\n{text}");
    });
}

#[test]
fn every_byte_of_the_model_counts() {
    let files = ["config.json", "w/0.bin"];
    let original = Sandbox::signed();
    let changes: Vec<_> = files
        .iter()
        .flat_map(|name| {
            let data = fs::read(original.model().join(name)).unwrap();
            let bits = (0..data.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
            let changed = bits.map(|(at, bit)| {
                let mut changed = data.clone();
                changed[at] ^= 1 << bit;
                changed
            });
            let lengths =
                [data[1..].to_vec(), data[..data.len() - 1].to_vec(), [&data[..], b"\0"].concat(), Vec::new()];
            changed.chain(lengths).map(|data| (*name, data)).collect::<Vec<_>>()
        })
        .collect();
    for_each(&changes, |(name, data)| {
        let sandbox = Sandbox::empty();
        support::copy_tree(&original.model(), &sandbox.model());
        fs::write(sandbox.model().join(name), data).unwrap();
        run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/modified");
    });
}

#[test]
fn every_cut_of_a_bundle_is_refused() {
    let (sandbox, bundle) = signed();
    let cuts: Vec<_> = (0..bundle.trim_end().len()).step_by(7).collect();
    for_each(&cuts, |&cut| {
        let (status, text) = status_of(&sandbox, &bundle.as_bytes()[..cut]);
        assert_eq!(status, Some(1), "cut after {cut} bytes\n{text}");
    });
}
