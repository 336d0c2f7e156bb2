//! Holes that were found and closed. Each test fails without its fix.

use std::fs;

use modelseal::PROVENANCE_TYPE;
use serde_json::json;

use crate::shop::{NAME, SCAN, Shop, after, copy, decision, provenance};
use crate::support::run;

const NO_RULE: &str = "policy/no-rule-matches";

#[test]
fn t01_under_a_policy_the_model_that_is_attested_must_be_named() {
    let shop = Shop::signed();
    shop.sandbox.write("scan.json", b"{\"result\": \"passed\", \"time\": \"2026-01-01T00:00:00Z\"}");
    let attest = |more: &[&str]| {
        let mut command = shop.command(&["attest", "model", "--type", SCAN, "--predicate", "scan.json"]);
        run(command.args(["--key", "keys/scanner.pem", "--policy", "policy.toml"]).args(more))
    };
    // Somebody put another model of the same key there: the scan of the first would now be about the second.
    shop.sign_by_hand("acme/another", &[]);
    attest(&["--expect-name", NAME]).refused(1, "policy/other-model");
    attest(&["--any-model", "--dry-run"]).accepted();
    attest(&[]).refused(2, "usage/arguments");
    assert!(!shop.attestations().exists());
}

#[test]
fn t03_a_signature_whose_provenance_was_taken_away_drafts_no_policy() {
    let shop = Shop::new();
    shop.sign_by_hand(NAME, &[(PROVENANCE_TYPE, provenance(&json!({})).to_string())]);
    fs::remove_file(shop.attestations()).unwrap();
    // The draft would say that the key alone is enough.
    let init = shop.run(&["policy", "init", "--from", "model", "--key", "keys/k.pub.pem", "-o", "draft.toml"]);
    init.refused(1, "policy/attestation-missing");
    assert!(!shop.sandbox.at("draft.toml").exists());
}

#[test]
fn t10_a_key_inside_the_model_drafts_no_policy() {
    let shop = Shop::signed();
    copy(&shop.sandbox.at("keys/k.pub.pem"), &shop.sandbox.at("model/k.pub.pem"));
    let init = shop.run(&["policy", "init", "--from", "model", "--key", "model/k.pub.pem", "-o", "draft.toml"]);
    init.refused(2, "usage/trust-inside-model");
    assert!(!shop.sandbox.at("draft.toml").exists());
}

#[test]
fn t28_a_revoked_file_is_found_although_the_signature_leaves_it_out() {
    let shop = Shop::new();
    let file = shop.run(&["digest", "model/w.safetensors", "--manifest"]).accepted();
    let digest = file["manifest"][0]["digest"].as_str().unwrap();
    let revoked = format!("[[revoked]]\nfile = \"{digest}\"\nreason = \"withdrawn data\"\n");
    shop.sign(&[]);
    shop.policy(&after(&revoked));
    shop.verify(&[]).refused(1, "policy/revoked");
    // Signed again without it, by a rule that lets signatures leave it out.
    shop.sign(&["--ignore", "w.safetensors"]);
    for files in ["ignored_paths", "danger_allow_unsigned"] {
        let both = format!("[rule.files]\nignored_paths = [\"w.safetensors\"]\n{files} = [\"w.safetensors\"]\n");
        let lines = if files == "ignored_paths" { both.rsplit_once(files).unwrap().0.to_owned() } else { both };
        shop.policy(&after(&format!("{lines}{revoked}")));
        shop.verify(&[]).refused(1, "policy/revoked");
    }
}

/// Makes files, and returns their names.
fn disguised(shop: &Shop) -> Vec<String> {
    let mut python = std::process::Command::new("python3");
    let made = run(python.arg("-c").arg(include_str!("disguised.py")).current_dir(shop.sandbox.path()));
    assert_eq!(made.status, Some(0), "{}", made.text());
    shop.sandbox.names("evil").into_iter().collect()
}

#[track_caller]
fn refused_by_bytes(shop: &Shop, wanted: impl Fn(&str) -> bool) {
    let names = disguised(shop);
    fs::remove_file(shop.sandbox.at("model/config.json")).unwrap();
    shop.policy(&after("[rule.files]\nformats = [\"safetensors\", \"json\", \"text\"]\n"));
    let mut accepted = Vec::new();
    for name in names.iter().filter(|name| wanted(name)) {
        let path = shop.sandbox.at(format!("model/{name}"));
        copy(&shop.sandbox.at(format!("evil/{name}")), &path);
        shop.sign(&[]);
        let run = shop.verify(&[]);
        if run.status == Some(0) {
            accepted.push(name);
        } else {
            let rule = decision(&run.refused(1, NO_RULE))["rules"][0].clone();
            assert_eq!(rule["field"], "files.formats", "{name}: {}", run.text());
        }
        fs::remove_file(&path).unwrap();
    }
    assert!(accepted.is_empty(), "{accepted:?}");
}

#[test]
fn t32_pickles_that_begin_with_a_long_text_or_an_odd_number_are_pickles() {
    refused_by_bytes(&Shop::new(), |name| !name.starts_with("tape"));
}

#[test]
fn t32_a_tape_without_its_mark_is_an_archive() {
    refused_by_bytes(&Shop::new(), |name| name.starts_with("tape"));
}
