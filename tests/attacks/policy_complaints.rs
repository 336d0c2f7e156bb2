//! What users of other tools complain about in policies; each test has the name of the thread.

use std::fs;

use serde_json::{Value, json};

use crate::shop::{NAME, Shop, WORKFLOW, after, decision, rule, says, strict};
use crate::support::run;

const USAGE: &str = "usage/arguments";
const NO_RULE: &str = "policy/no-rule-matches";

#[test]
fn issue_wirelog_1287_patterns_are_anchored_and_stop_at_a_slash() {
    let shop = Shop::new();
    shop.policy(&strict("ref = [\"refs/tags/v*\"]\n"));
    for (reference, fits) in [
        ("refs/tags/v1", true),
        ("refs/tags/v", true),
        ("refs/tags/v1/x", false),
        ("xrefs/tags/v1", false),
        ("refs/tags/V1", false),
        ("refs/heads/refs/tags/v1", false),
        ("refs/tags/w1", false),
    ] {
        shop.sign_as(&json!({"ref": reference}));
        assert_eq!(shop.verify(&[]).status, Some(i32::from(!fits)), "{reference}");
    }
    // What a regular expression would mean is a text.
    shop.policy(&strict("ref = [\"refs/tags/v.+\"]\n"));
    shop.sign_as(&json!({"ref": "refs/tags/v1"}));
    shop.refused_at("github.ref");
    shop.policy(&strict("ref = [\"^refs/tags/v1$\"]\n"));
    shop.refused_at("github.ref");
    // Exact lists have no patterns at all.
    shop.policy(&strict("environment = [\"prod*\"]\n"));
    shop.refused_at("github.environment");
    shop.policy(&strict("environment = [\"PRODUCTION\"]\n"));
    shop.verify(&[]).refused(0, "verified");
}

#[test]
fn issue_skill_repo_skill_81_a_reusable_workflow_is_no_identity_alone() {
    let shop = Shop::new();
    let workflow = format!("[rule.github]\njob_workflow_ref = [\"{WORKFLOW}\"]\n");
    shop.check(&rule(&workflow), &[]).refused(2, "policy/no-immutable-id");
    // Anybody can call it: the caller's id is what tells them apart.
    shop.policy(&strict(""));
    shop.sign_as(&json!({"repository_id": "666", "repository": "evil/llm"}));
    shop.refused_at("github.repository_id");
    // A repository that took the name has another id.
    shop.policy(&strict("repository = [\"acme/llm\"]\n"));
    shop.sign_as(&json!({"repository_id": "666"}));
    shop.refused_at("github.repository_id");
    // A workflow of the same name elsewhere is another one.
    shop.policy(&strict(""));
    for other in [
        "evil/ci/.github/workflows/sign.yml@refs/tags/v2",
        "acme/ci/.github/workflows/sign.yml@refs/heads/v2",
        "acme/ci/.github/workflows/sign.yml@refs/tags/v2.1",
        "acme/ci/.github/workflows/other.yml@refs/tags/v2",
    ] {
        shop.sign_as(&json!({"job_workflow_ref": other}));
        shop.refused_at("github.job_workflow_ref");
    }
}

#[test]
fn issue_slsa_verifier_12_189_788_tags_and_commits_both_name_a_workflow() {
    let shop = Shop::new();
    let sha = "7a6ad1f5a05ee1c2a1d2d3fba7ad9c07ec4e0f3b";
    let base = "acme/ci/.github/workflows/sign.yml";
    for reference in [format!("{base}@refs/tags/v2"), format!("{base}@{sha}")] {
        shop.policy(&strict("").replace(WORKFLOW, &reference));
        shop.sign_as(&json!({"job_workflow_ref": reference}));
        shop.verify(&[]).accepted();
    }
    shop.policy(&strict(&format!("job_workflow_sha = [\"{sha}\"]\n")));
    shop.sign_as(&json!({"job_workflow_sha": sha}));
    shop.verify(&[]).accepted();
    shop.sign_as(&json!({"job_workflow_sha": "0".repeat(40)}));
    shop.refused_at("github.job_workflow_sha");
    // Trust comes from the user's file only: another issuer and another key, as good as any.
    shop.policy(&strict("issuer = \"https://git.acme.example/_services/token\"\n"));
    shop.sign_as(&json!({}));
    shop.refused_at("github.issuer");
}

#[test]
fn issue_cosign_868_2871_policy_controller_31_571_every_refusal_says_what_and_what_next() {
    let shop = Shop::signed();
    shop.policy(&strict(""));
    let text = run(&mut shop.in_text(&["policy", "explain", "model", "--policy", "policy.toml", "--any-model"]));
    assert_eq!(text.status, Some(1), "{}", text.text());
    for part in ["first failure", "expected", "actual", "next step", "identity"] {
        assert!(says(&text, part), "{part}: {}", text.text());
    }
    shop.sign_as(&json!({"event_name": "pull_request_target"}));
    let explain = shop.run(&["policy", "explain", "model", "--policy", "policy.toml", "--any-model"]);
    assert_eq!(explain.status, Some(1));
    let record = explain.json();
    assert_eq!(record["kind"], "modelseal.decision");
    let rule = &record["rules"][0];
    assert_eq!((&rule["field"], &rule["actual"]), (&json!("github.event_name"), &json!("pull_request_target")));
    assert!(rule["expected"].as_array().unwrap().contains(&json!("push")), "{record:#}");
    // No refusal of a policy is without words.
    for text in ["", "version = 1\n", &rule_without_key(), &after("[rego]\nmodules = [\"none\"]\n")] {
        let run = shop.check(text, &[]);
        let json = run.json();
        assert!(json["message"].as_str().unwrap().len() > 20 && json["hint"].as_str().unwrap().len() > 10, "{json:#}");
    }
    let template = shop.run(&["policy", "init"]).accepted()["policy"].as_str().unwrap().to_owned();
    assert!(template.contains("[[rule]]") && !template.contains("\"*\""), "{template}");
    // Cases are tried without a model.
    let case = "now = 2026-11-21T00:00:00Z\n[[case]]\nname = \"nobody\"\nexpect = \"deny\"\n";
    shop.policy(&strict(""));
    shop.sandbox.write("policy.cases.toml", case.as_bytes());
    shop.run(&["policy", "test", "policy.toml"]).accepted();
}

fn rule_without_key() -> String {
    after("").replace("[\"k\"]", "[\"l\"]")
}

#[test]
fn issue_policy_controller_130_nothing_is_passed_wrongly_to_a_policy() {
    let shop = Shop::signed();
    // The whole input is there when nothing is known.
    let input = shop.run(&["policy", "input", "model", "--policy", "policy.toml"]).accepted();
    for pointer in [
        "/version",
        "/now",
        "/artifact/name",
        "/artifact/root_digest",
        "/artifact/method",
        "/artifact/hash",
        "/artifact/ignored_paths",
        "/artifact/resources",
        "/signature/verified",
        "/signature/key",
        "/signature/key_id",
        "/signature/key_version",
        "/signature/algorithm",
        "/signature/signed_at",
        "/signature/time_source",
        "/identity/provider",
        "/identity/issuer",
        "/identity/github/repository_id",
        "/identity/gitlab/project_id",
        "/identity/kubernetes/namespace",
        "/identity/oidc",
        "/evidence",
        "/native/decision",
        "/native/rules",
    ] {
        assert!(input.pointer(pointer).is_some(), "{pointer}: {input:#}");
    }
    shop.sandbox.write("a.rego", b"package model\n\nimport rego.v1\n\nallow if not input.identity.github.actor\n");
    shop.check(&after("[rego]\nmodules = [\"a.rego\"]\n"), &[]).refused(2, "policy/rego-fail-open");
    // A policy that decides nothing is none: a directory, an empty file, another kind of file.
    for path in ["keys", "keys/k.pub.pem", "model/model.sig", "absent.toml"] {
        let run = shop.run(&["verify", "model", "--policy", path, "--any-model"]);
        assert!([Some(2), Some(3)].contains(&run.status), "{path}: {}", run.text());
    }
    let twice = shop.run(&["verify", "model", "--policy", "policy.toml", "--policy", "other.toml", "--any-model"]);
    twice.refused(2, USAGE);
}

#[test]
fn issue_witness_135_344_697_a_first_policy_comes_from_a_good_signature() {
    let shop = Shop::new();
    shop.sign_as(&json!({}));
    let init = ["policy", "init", "--from", "model", "--key", "keys/k.pub.pem", "-o", "draft.toml"];
    shop.run(&init).accepted();
    let text = fs::read_to_string(shop.sandbox.at("draft.toml")).unwrap();
    let stars = text.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| line.contains('*'));
    assert!(!stars && text.contains("456789") && text.contains(WORKFLOW), "{text}");
    shop.run(&["verify", "model", "--policy", "draft.toml", "--expect-name", NAME]).accepted();
    shop.run(&init).refused(2, "output/exists");
    // A signature that is bad, or by another key, drafts nothing.
    let other = ["policy", "init", "--from", "model", "--key", "keys/other.pub.pem", "-o", "other.toml"];
    shop.run(&other).refused(1, "signature/unknown-key");
    assert!(!shop.sandbox.at("other.toml").exists());
}

#[test]
fn issue_model_validation_operator_61_a_refusal_leaves_a_record_with_expected_and_actual() {
    let shop = Shop::new();
    shop.sign_as(&json!({"ref": "refs/heads/feature"}));
    shop.policy(&strict("ref = [\"refs/heads/main\"]\n"));
    let verify = shop.verify(&["--decision-log", "log.jsonl"]);
    let inline = decision(&verify.refused(1, NO_RULE)).clone();
    let log = fs::read_to_string(shop.sandbox.at("log.jsonl")).unwrap();
    let record: Value = serde_json::from_str(log.trim_end()).unwrap();
    assert_eq!(record, inline);
    for name in [
        "kind",
        "version",
        "decision",
        "code",
        "evaluated_at",
        "valid_until",
        "policy",
        "artifact",
        "signature",
        "identity",
        "rule",
        "rules",
        "rego",
        "opa",
        "evidence",
        "relaxed",
        "uncovered",
    ] {
        assert!(record.get(name).is_some(), "{name}: {record:#}");
    }
    assert_eq!((&record["decision"], &record["valid_until"]), (&json!("deny"), &Value::Null));
    let rule = &record["rules"][0];
    assert_eq!(
        (&rule["field"], &rule["expected"], &rule["actual"]),
        (&json!("github.ref"), &json!(["refs/heads/main"]), &json!("refs/heads/feature"))
    );
    // The engine is the same everywhere.
    let explained = shop.run(&["policy", "explain", "model", "--policy", "policy.toml", "--any-model"]).json();
    assert_eq!((&explained["rules"], &explained["code"]), (&record["rules"], &record["code"]));
    let input = shop.run(&["policy", "input", "model", "--policy", "policy.toml"]).accepted();
    assert_eq!(input["native"]["rules"], record["rules"], "{input:#}");
}
