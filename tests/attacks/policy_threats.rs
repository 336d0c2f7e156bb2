//! Whose statements count: the threats to identity and provenance, as far as a command with key files meets them.

use std::fs;
use std::path::Path;
use std::process::Command;

use modelseal::PROVENANCE_TYPE;
use serde_json::{Value, json};

use crate::shop::{
    KEY, KEY_ONLY, NAME, RULE, SCAN, Shop, WORKFLOW, after, copy, decision, envelope, provenance, says, strict,
};
use crate::support::{Run, TEST_KEYS, assert_tame, key, run};
use crate::threats::HOSTILE_NAMES;

const USAGE: &str = "usage/arguments";
const NO_RULE: &str = "policy/no-rule-matches";

/// What the file of attestations and the bundle hold now.
fn written(shop: &Shop) -> (Vec<u8>, Option<Vec<u8>>) {
    (fs::read(shop.bundle()).unwrap(), fs::read(shop.attestations()).ok())
}

#[test]
fn t01_under_a_policy_it_must_be_said_which_model_is_wanted() {
    let shop = Shop::signed();
    let verify = |more: &[&str]| run(shop.command(&["verify", "model", "--policy", "policy.toml"]).args(more));
    verify(&[]).refused(2, USAGE);
    verify(&["--expect-name", NAME]).accepted();
    let digest = verify(&["--any-model"]).accepted()["results"][0]["root_digest"].as_str().unwrap().to_owned();
    verify(&["--expect-digest", &digest]).accepted();
    verify(&["--expect-name", "acme/other"]).refused(1, "policy/other-model");
    verify(&["--expect-name", "acme/*"]).refused(2, "usage/name");
    verify(&["--expect-digest", &format!("sha256:{}", "0".repeat(64))]).refused(1, "policy/other-model");
    for both in [["--any-model", "--expect-name", NAME], ["--any-model", "--expect-digest", &digest]] {
        verify(&both).refused(2, USAGE);
    }
    // A policy beside other trust, or trust from before.
    for more in [["--key", "keys/k.pub.pem"], ["--min-key-version", "1"], ["--certificate-chain", "keys/k.pub.pem"]] {
        verify(&[&["--any-model"][..], &more].concat()).refused(2, USAGE);
    }
    // Two wishes must both come true.
    verify(&["--expect-name", "acme/other", "--expect-digest", &digest]).refused(1, "policy/other-model");
    let attest = |more: &[&str]| {
        shop.sandbox.write("scan.json", b"{\"time\": \"2026-01-01T00:00:00Z\"}");
        let mut command = shop.command(&["attest", "model", "--type", SCAN, "--predicate", "scan.json"]);
        run(command.args(["--key", "keys/scanner.pem", "--policy", "policy.toml"]).args(more))
    };
    attest(&["--expect-name", "acme/other"]).refused(1, "policy/other-model");
    let explain = shop.run(&["policy", "explain", "model", "--policy", "policy.toml", "--expect-name", "acme/other"]);
    assert_eq!(explain.status, Some(1), "{}", explain.text());
    assert_eq!((&explain.json()["decision"], &explain.json()["code"]), (&json!("deny"), &json!("policy/other-model")));
    // With several models one name cannot be that of all.
    let several = shop.run(&["verify", "model", "keys", "--policy", "policy.toml", "--expect-name", NAME]);
    assert_ne!(several.status, Some(0), "{}", several.text());
}

#[test]
fn t02_evidence_and_provenance_stay_with_their_statement() {
    let shop = Shop::new();
    shop.sandbox.write("scan.json", b"{\"result\": \"passed\"}");
    let evidence = format!(
        "[[rule.evidence]]\npredicate_type = \"{SCAN}\"\nkeys = [\"scanner\"]\n\
         fields = {{ \"/result\" = [\"passed\"] }}\n"
    );
    let scanner = "[[key]]\nname = \"scanner\"\npublic_key = \"keys/scanner.pub.pem\"\n";
    let wanting = |more: &str| format!("{KEY}{scanner}{RULE}{KEY_ONLY}{more}{evidence}");
    shop.policy(&wanting(""));
    shop.sign(&[]);
    shop.refused_at("evidence");
    shop.scan(&json!({"result": "passed"}));
    shop.verify(&[]).accepted();
    // The same files under another name have the same root, and another statement.
    let line = fs::read(shop.attestations()).unwrap();
    fs::remove_file(shop.attestations()).unwrap();
    shop.sign_by_hand("acme/evil", &[]);
    let verify = || run(&mut shop.command(&["verify", "model", "--policy", "policy.toml", "--any-model"]));
    fs::write(shop.attestations(), &line).unwrap();
    verify().refused(1, "policy/attestation-other-model");
    fs::remove_file(shop.attestations()).unwrap();
    fs::write(shop.sandbox.at("line.jsonl"), &line).unwrap();
    run(shop
        .command(&["verify", "model", "--policy", "policy.toml", "--any-model"])
        .args(["--attestation", "line.jsonl"]))
    .refused(1, "policy/attestation-other-model");

    // What another tool signed over the root alone counts nowhere, unless a rule says so.
    shop.sign(&[]);
    let root = verify().json()["results"][0]["decision"]["artifact"]["root_digest"].as_str().unwrap().to_owned();
    let foreign = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": SCAN, "predicate": {"result": "passed"},
        "subject": [{"name": NAME, "digest": {"sha256": root.trim_start_matches("sha256:")}}],
    });
    let line = [envelope(&shop.key("scanner"), foreign.to_string().as_bytes()), b"\n".to_vec()].concat();
    fs::write(shop.attestations(), &line).unwrap();
    shop.refused_at("evidence");
    shop.policy(&wanting("danger_root_only = true\n"));
    let accepted = shop.verify(&[]).accepted();
    assert!(decision(&accepted)["relaxed"].to_string().contains("danger_root_only"), "{accepted:#}");
    // Provenance never: by the right key, over the same root, planted by hand.
    let predicate = provenance(&json!({}));
    let foreign = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": PROVENANCE_TYPE, "predicate": predicate,
        "subject": [{"name": NAME, "digest": {"sha256": root.trim_start_matches("sha256:")}}],
    });
    let line = [envelope(&shop.key("k"), foreign.to_string().as_bytes()), b"\n".to_vec()].concat();
    fs::write(shop.attestations(), &line).unwrap();
    for more in ["", "danger_root_only = true\n"] {
        let identity = format!("[rule.github]\nrepository_id = [\"456789\"]\njob_workflow_ref = [\"{WORKFLOW}\"]\n");
        shop.policy(&format!("{KEY}{RULE}{more}{identity}"));
        shop.refused_at("identity");
    }
}

#[test]
fn t03_provenance_that_was_signed_along_cannot_be_taken_away() {
    let shop = Shop::new();
    shop.policy(&strict(""));
    shop.sign_as(&json!({}));
    shop.verify(&["--require-provenance"]).accepted();
    let lines = fs::read(shop.attestations()).unwrap();
    let missing = "policy/attestation-missing";
    fs::remove_file(shop.attestations()).unwrap();
    shop.verify(&[]).refused(1, missing);
    fs::write(shop.attestations(), b"").unwrap();
    shop.verify(&[]).refused(1, missing);
    fs::write(shop.attestations(), b"\n\n").unwrap();
    let blank = shop.verify(&[]);
    assert_eq!(blank.status, Some(1), "{}", blank.text());
    // Also where the rule does not ask for an identity: the statement says that there was one.
    shop.policy(&after(""));
    fs::remove_file(shop.attestations()).unwrap();
    shop.verify(&[]).refused(1, missing);
    shop.run(&["verify", "model", "--key", "keys/k.pub.pem", "--expect-name", NAME]).refused(1, missing);
    // One by another key does not stand in.
    fs::write(shop.attestations(), shop.attestation("other", PROVENANCE_TYPE, &provenance(&json!({})))).unwrap();
    shop.verify(&[]).refused(1, missing);
    let other = "[[key]]\nname = \"other\"\npublic_key = \"keys/other.pub.pem\"\n";
    shop.policy(&format!("{KEY}{other}{RULE}{KEY_ONLY}"));
    let by_trusted = shop.verify(&[]);
    assert_eq!(by_trusted.status, Some(1), "{}", by_trusted.text());
    fs::write(shop.attestations(), &lines).unwrap();
    shop.verify(&[]).accepted();
    // A signature without provenance, where one is required.
    shop.sign(&[]);
    let _ = fs::remove_file(shop.attestations());
    shop.verify(&["--require-provenance"]).refused(1, "policy/provenance-missing");
    shop.policy(&strict(""));
    shop.refused_at("identity");
    // Lines and bytes have an end.
    shop.sign_as(&json!({}));
    let line = fs::read(shop.attestations()).unwrap();
    fs::write(shop.attestations(), line.repeat(65)).unwrap();
    let many = shop.verify(&[]);
    assert_eq!((many.status, many.json()["code"].as_str()), (Some(1), Some("format/malformed")), "{}", many.text());
    shop.sandbox.sparse("model/model.attestations.jsonl", 65 << 20);
    let large = shop.verify(&[]);
    assert!([Some(1), Some(3)].contains(&large.status), "{}", large.text());
}

#[test]
fn t03_provenance_of_somebody_else_is_none() {
    // Swapped between models, made for an older signature, by another key: with all keys trusted.
    let shop = Shop::new();
    let keys = "[[key]]\nname = \"other\"\npublic_key = \"keys/other.pub.pem\"\n";
    let policy = strict("").replace("[[rule]]", &format!("{keys}[[rule]]")).replace("[\"k\"]", "[\"k\", \"other\"]");
    shop.policy(&policy);
    shop.sign_as(&json!({}));
    let older = fs::read(shop.attestations()).unwrap();
    let provenance_of_another = |line: &[u8]| {
        fs::write(shop.attestations(), line).unwrap();
        let run = shop.verify(&[]);
        assert_eq!(run.status, Some(1), "{}", run.text());
        run.json()["code"].as_str().unwrap().to_owned()
    };
    // The model was changed and signed again, without an identity.
    shop.sandbox.write("model/config.json", b"{\"changed\": 1}\n");
    fs::remove_file(shop.attestations()).unwrap();
    shop.sign(&[]);
    assert_eq!(provenance_of_another(&older), "policy/attestation-other-model");
    // The same model, signed by another key of the policy: provenance by the first key is not its own.
    shop.sandbox.write("model/config.json", b"{}\n");
    let mut sign = shop.command(&["sign", "model", "--key", "keys/other.pem", "--name", NAME]);
    run(&mut sign).accepted();
    let line = shop.attestation("k", PROVENANCE_TYPE, &provenance(&json!({})));
    assert_eq!(provenance_of_another(&line), NO_RULE);
    let line = shop.attestation("other", PROVENANCE_TYPE, &provenance(&json!({})));
    fs::write(shop.attestations(), line).unwrap();
    shop.verify(&[]).accepted();
}

#[test]
fn t04_nobody_attests_what_decides() {
    let shop = Shop::signed();
    shop.sandbox.write("p.json", provenance(&json!({})).to_string().as_bytes());
    let before = written(&shop);
    for kind in [
        PROVENANCE_TYPE,
        "https://slsa.dev/provenance/v0.2",
        "https://slsa.dev/provenance/v1.1",
        "https://slsa.dev/provenance/",
        "http://slsa.dev/provenance/v1",
        "HTTPS://SLSA.DEV/provenance/v1",
        "https:slsa.dev/provenance/v1",
        "https:////slsa.dev/provenance/v1",
        "https://in-toto.io/provenance/v0.1",
        "https://model_signing/signature/v1.0",
        "https://model_signing/Digests/v0.1",
        "https://modelseal/policy/v1",
        "https://modelseal/signed-by-job/v1",
        "https://modelseal/anything",
        "https://slsa.dev/provenance/v1\n",
        " https://slsa.dev/provenance/v1",
        "https://slsa.dev/provenance/v1\u{200b}",
        "",
        "scan",
    ] {
        let attest = shop.run(&[
            "attest",
            "model",
            "--type",
            kind,
            "--predicate",
            "p.json",
            "--key",
            "keys/k.pem",
            "--any-model",
        ]);
        assert_eq!(attest.status, Some(2), "{kind}: {}", attest.text());
        assert_tame(&attest);
        assert!(written(&shop) == before, "{kind}");
        let statement = format!("{kind}=p.json");
        let sign = shop.run(&["sign", "model", "--key", "keys/k.pem", "--name", NAME, "--statement", &statement]);
        assert_eq!(sign.status, Some(2), "{kind}: {}", sign.text());
        assert!(written(&shop) == before, "{kind}");
    }
    for kind in [PROVENANCE_TYPE, "https://modelseal/policy/v1", "https://model_signing/signature/v1.0"] {
        let attest = shop.run(&[
            "attest",
            "model",
            "--type",
            kind,
            "--predicate",
            "p.json",
            "--key",
            "keys/k.pem",
            "--any-model",
        ]);
        attest.refused(2, "usage/attestation-type");
    }
    // Whoever has the key can plant what no command makes: two of them are no identity, the same one twice neither.
    shop.policy(&strict(""));
    shop.sign_as(&json!({"repository_id": "1"}));
    shop.refused_at("github.repository_id");
    let good = shop.attestation("k", PROVENANCE_TYPE, &provenance(&json!({})));
    shop.plant(&good);
    shop.verify(&[]).refused(1, "policy/ambiguous-identity");
    shop.policy(&after(""));
    shop.verify(&[]).refused(1, "policy/ambiguous-identity");
    shop.verify(&["--require-provenance"]).refused(1, "policy/ambiguous-identity");
}

#[test]
fn t05_claims_that_are_not_bound_are_no_identity() {
    let shop = Shop::new();
    shop.policy(&strict(""));
    for source in ["oidc-unbound", "oidc_verified", "OIDC-VERIFIED", "", "verified"] {
        let mut predicate = provenance(&json!({}));
        predicate["buildDefinition"]["internalParameters"]["token"]["claims_source"] = json!(source);
        shop.sign_by_hand(NAME, &[(PROVENANCE_TYPE, predicate.to_string())]);
        let run = shop.verify(&[]);
        assert_eq!(run.status, Some(1), "{source}: {}", run.text());
        if source == "oidc-unbound" {
            assert_eq!(shop.refused_at("identity")["actual"], Value::Null);
            let input = shop.run(&["policy", "input", "model", "--policy", "policy.toml"]).accepted();
            assert_eq!(input["identity"]["provider"], Value::Null, "{input:#}");
            assert_eq!(input["identity"]["github"]["repository_id"], Value::Null);
        }
    }
    // Claims that are absent, empty or no texts never match.
    shop.sign_as(&json!({"repository_id": null}));
    shop.refused_at("github.repository_id");
    for value in [json!(""), json!(456_789), json!(true), json!(["456789"]), json!({"a": "456789"})] {
        shop.sign_as(&json!({"repository_id": value}));
        let run = shop.verify(&[]);
        assert_eq!(run.status, Some(1), "{value}: {}", run.text());
    }
    shop.sign_as(&json!({}));
    shop.verify(&[]).accepted();
}

#[test]
fn t10_nothing_that_is_trusted_comes_from_the_model() {
    let inside = "usage/trust-inside-model";
    let shop = Shop::signed();
    let ask = |policy: &str, model: &str| -> Vec<Run> {
        shop.sandbox.write("scan.json", b"{}");
        [
            &["verify", model, "--policy", policy, "--any-model"][..],
            &["verify", "--recursive", ".", "--policy", policy, "--any-model"],
            &["policy", "explain", model, "--policy", policy, "--any-model"],
            &["policy", "input", model, "--policy", policy],
            &[
                "attest",
                model,
                "--policy",
                policy,
                "--any-model",
                "--type",
                SCAN,
                "--predicate",
                "scan.json",
                "--key",
                "keys/k.pem",
                "--dry-run",
            ],
        ]
        .iter()
        .map(|arguments| shop.run(arguments))
        .collect()
    };
    let is_refused = |policy: &str, what: &str| {
        for run in ask(policy, "model") {
            assert_eq!((run.status, run.json()["code"].as_str()), (Some(2), Some(inside)), "{what}: {}", run.text());
        }
    };
    // The policy itself: inside, by a link that looks as if it were outside, by a link to the model.
    let text = after("");
    shop.sandbox.write("model/policy.toml", text.as_bytes());
    copy(&shop.sandbox.at("keys/k.pub.pem"), &shop.sandbox.at("model/keys/k.pub.pem"));
    is_refused("model/policy.toml", "policy");
    shop.sandbox.symlink("model", "alias");
    is_refused("alias/policy.toml", "a link to the model");
    shop.sandbox.symlink("model/policy.toml", "looks-outside.toml");
    is_refused("looks-outside.toml", "a link to the policy");
    fs::remove_dir_all(shop.sandbox.at("model/keys")).unwrap();
    fs::remove_file(shop.sandbox.at("model/policy.toml")).unwrap();
    fs::remove_file(shop.sandbox.at("looks-outside.toml")).unwrap();

    // Every file that it reads, while the policy lies above the model.
    let rego = "package model\n\nimport rego.v1\n\nallow if input.signature.verified == true\n";
    let revoked = format!("version = 1\n[[revoked]]\nfile = \"sha256:{}\"\nreason = \"x\"\n", "0".repeat(64));
    for (name, content, lines) in [
        ("k.pub.pem", fs::read_to_string(shop.sandbox.at("keys/k.pub.pem")).unwrap(), "key"),
        ("revoked.toml", revoked, "revocation_files"),
        ("a.rego", rego.to_owned(), "rego"),
        ("d.json", "{}".to_owned(), "data"),
        ("ca.pem", fs::read_to_string(key("cert-root.pem")).unwrap(), "ca"),
        ("token", "secret".to_owned(), "token"),
        ("root.pem", fs::read_to_string(key("cert-root.pem")).unwrap(), "certificate"),
    ] {
        let place = |path: &str| match lines {
            "key" => text.replace("keys/k.pub.pem", path),
            "revocation_files" => format!("revocation_files = [\"{path}\"]\n{text}"),
            "rego" => format!("{text}[rego]\nmodules = [\"{path}\"]\n"),
            "data" => format!("{text}[rego]\nmodules = [\"good.rego\"]\ndata = [\"{path}\"]\n"),
            "ca" => format!("{text}[opa]\nurl = \"https://127.0.0.1:1/v1/data/a\"\nca = \"{path}\"\n"),
            "token" => format!("{text}[opa]\nurl = \"http://127.0.0.1:1/v1/data/a\"\ntoken_file = \"{path}\"\n"),
            _ => format!("{text}[[certificate]]\nname = \"c\"\nroots = [\"{path}\"]\nsan = [\"s\"]\n"),
        };
        shop.sandbox.write("good.rego", rego.as_bytes());
        let file = shop.sandbox.write(format!("model/{name}"), content.as_bytes());
        crate::support::set_mode(&file, 0o600);
        shop.sandbox.symlink(format!("model/{name}"), format!("link-{name}"));
        let test_keys = content.contains("CERTIFICATE");
        for path in [format!("model/{name}"), format!("link-{name}")] {
            shop.policy(&place(&path));
            let mut command = shop.command(&["verify", "model", "--policy", "policy.toml", "--any-model"]);
            if test_keys {
                command.arg(TEST_KEYS);
            }
            run(&mut command).refused(2, inside);
            if !test_keys {
                is_refused("policy.toml", &path);
            }
        }
        fs::remove_file(&file).unwrap();
        fs::remove_file(shop.sandbox.at(format!("link-{name}"))).unwrap();
    }

    // The key of the policy, and its signature.
    let signed = format!("serial = 1\nvalid_until = 2999-01-01T00:00:00Z\n{text}");
    shop.policy(&signed);
    shop.run(&["policy", "sign", "policy.toml", "--key", "keys/policies.pem"]).accepted();
    copy(&shop.sandbox.at("keys/policies.pub.pem"), &shop.sandbox.at("model/policies.pub.pem"));
    shop.verify(&["--policy-key", "model/policies.pub.pem"]).refused(2, inside);
    fs::remove_file(shop.sandbox.at("model/policies.pub.pem")).unwrap();
    shop.verify(&["--policy-key", "keys/policies.pub.pem"]).accepted();
    fs::rename(shop.sandbox.at("policy.toml.sig"), shop.sandbox.at("model/p.sig")).unwrap();
    shop.sandbox.symlink("model/p.sig", "policy.toml.sig");
    shop.verify(&["--policy-key", "keys/policies.pub.pem"]).refused(2, inside);
    fs::remove_file(shop.sandbox.at("model/p.sig")).unwrap();
    fs::remove_file(shop.sandbox.at("policy.toml.sig")).unwrap();

    // With several models: in any of them.
    shop.policy(&text.replace("keys/k.pub.pem", "second/k.pub.pem"));
    copy(&shop.sandbox.at("keys/k.pub.pem"), &shop.sandbox.at("second/k.pub.pem"));
    shop.run(&["verify", "model", "second", "--policy", "policy.toml", "--any-model"]).refused(2, inside);
    // Records of decisions are no files of a model either.
    shop.policy(&text);
    let log = shop.verify(&["--decision-log", "model/decisions.jsonl"]);
    assert_eq!(log.status, Some(2), "{}", log.text());
    shop.verify(&[]).accepted();
}

/// Everything that shows a model and a policy, in every form.
fn shown(shop: &Shop) -> Vec<Run> {
    let text = |arguments: &[&str]| run(&mut shop.in_text(arguments));
    let verify = ["verify", "model", "--policy", "policy.toml", "--any-model", "--decision-log", "log.jsonl"];
    let explain = ["policy", "explain", "model", "--policy", "policy.toml", "--any-model"];
    let input = ["policy", "input", "model", "--policy", "policy.toml"];
    let mut runs = vec![
        text(&verify),
        shop.run(&verify),
        text(&[&verify[..], &["-v", "--report", "r.xml", "--report", "r.sarif", "--report", "r.json"]].concat()),
        text(&explain),
        shop.run(&explain),
        text(&input),
        shop.run(&input),
        text(&["policy", "check", "policy.toml"]),
        shop.run(&["policy", "check", "policy.toml"]),
        text(&["policy", "init", "--from", "model", "--key", "keys/k.pub.pem"]),
        shop.run(&["policy", "init", "--from", "model", "--key", "keys/k.pub.pem"]),
        text(&["inspect", "model"]),
        shop.run(&["inspect", "model"]),
        text(&["inspect", "model/model.attestations.jsonl"]),
        text(&["verify", "model", "--key", "keys/k.pub.pem"]),
        shop.run(&["verify", "model", "--key", "keys/k.pub.pem"]),
        text(&["doctor", "--repo", "."]),
        shop.run(&["doctor", "--repo", "."]),
    ];
    // Files are looked at in the same way.
    for name in ["log.jsonl", "r.xml", "r.sarif", "r.json"] {
        let stdout = fs::read(shop.sandbox.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!stdout.is_empty(), "{name}");
        runs.push(Run { status: Some(0), stdout, stderr: Vec::new(), took: std::time::Duration::ZERO });
    }
    runs
}

#[test]
fn t11_hostile_texts_of_models_and_policies_reach_no_output() {
    let shop = Shop::new();
    let toml = |text: &str| serde_json::to_string(text).unwrap();
    for text in HOSTILE_NAMES {
        // In the signed name, in claims, in provenance, in evidence, and in what the policy itself says.
        let claims = json!({
            "repository": text, "ref": text, "environment": text, "event_name": text, "workflow_ref": text,
            "repo_property_team": text,
        });
        let mut predicate = provenance(&claims);
        predicate["runDetails"]["metadata"]["invocationId"] = json!(text);
        predicate["runDetails"]["builder"]["id"] = json!(text);
        predicate["buildDefinition"]["internalParameters"]["vault"]["auth_role"] = json!(text);
        let statements =
            [(PROVENANCE_TYPE, predicate.to_string()), (SCAN, json!({"result": text, "time": text}).to_string())];
        shop.sign_by_hand(&format!("acme/{text}"), &statements);
        let has_control = text.chars().any(char::is_control);
        let value = if has_control { "x".to_owned() } else { text.replace(['\\', '*', '?', '[', '{'], "") };
        let evidence = format!(
            "[[rule.evidence]]\npredicate_type = {}\nkeys = [\"k\"]\nfields = {{ \"/result\" = [{}] }}\n",
            toml(&value),
            toml(&value)
        );
        let reason =
            format!("[[revoked]]\nkey_id = \"{}\"\nreason = {}\n", shop.key("k").public_key().id(), toml(&value));
        let policy = strict(&format!("environment = [{0}]\nref = [{0}]\n", toml(&value)));
        for (lines, what) in [("", "identity"), (&*evidence, "evidence"), (&*reason, "revoked")] {
            shop.policy(&format!("{policy}{lines}"));
            for run in shown(&shop) {
                assert_ne!(run.status, Some(70), "{what}: {}", run.text());
                assert_tame(&run);
            }
        }
        // A name that is good, so that the claims are what a rule looks at.
        shop.sign_by_hand(NAME, &statements);
        shop.policy(&policy);
        shown(&shop).iter().for_each(assert_tame);
        shop.policy(&after(""));
        shown(&shop).iter().for_each(assert_tame);
    }
}

#[test]
fn t11_hostile_texts_of_rego_and_cases_reach_no_output() {
    let shop = Shop::signed();
    let escaped = |text: &str| serde_json::to_string(text).unwrap();
    for text in HOSTILE_NAMES {
        let module = format!(
            "package model\n\nimport rego.v1\n\nallow if input.artifact.name == \"x\"\n\ndeny contains {}\n",
            escaped(text)
        );
        shop.sandbox.write("a.rego", module.as_bytes());
        shop.policy(&after("[rego]\nmodules = [\"a.rego\"]\n"));
        shop.verify(&[]).refused(1, "policy/rego-denied");
        shown(&shop).iter().for_each(assert_tame);
        shop.sandbox.write("a.rego", format!("package model\nallow if {text}\n").as_bytes());
        shop.run(&["policy", "check", "policy.toml"]).refused(2, "policy/syntax");
        assert_tame(&shop.run(&["policy", "check", "policy.toml"]));
        assert_tame(&run(&mut shop.in_text(&["policy", "check", "policy.toml"])));

        shop.policy(&after(""));
        let name = escaped(text).replace("\\u001b", "\\u001B");
        let case = format!(
            "now = 2026-11-21T00:00:00Z\n[[case]]\nname = {name}\nexpect = \"allow\"\nrule = {name}\n\
             facts = {{ artifact.name = {name} }}\n"
        );
        shop.sandbox.write("c.toml", case.as_bytes());
        let test = ["policy", "test", "policy.toml", "c.toml", "--report", "c.xml"];
        for run in [shop.run(&test), run(&mut shop.in_text(&test))] {
            assert!([Some(1), Some(2)].contains(&run.status), "{}", run.text());
            assert_tame(&run);
        }
        if let Ok(stdout) = fs::read(shop.sandbox.at("c.xml")) {
            assert_tame(&Run { status: None, stdout, stderr: Vec::new(), took: std::time::Duration::ZERO });
        }
        // Names of files, too.
        let file = format!("{}.toml", text.replace('/', "_"));
        shop.sandbox.write(&file, after("").as_bytes());
        for arguments in [
            &["policy", "check", &file][..],
            &["policy", "test", &file, &file],
            &["policy", "explain", &file, "--policy", &file, "--any-model"],
            &["policy", "init", "-o", &file],
            &["policy", "sign", &file, "--key", &file],
            &["verify", "model", "--policy", &file, "--expect-name", &file],
        ] {
            assert_tame(&shop.run(arguments));
            assert_tame(&run(&mut shop.in_text(arguments)));
        }
        fs::remove_file(shop.sandbox.at(&file)).unwrap();
    }
}

#[test]
fn t12_names_that_are_not_plain_are_signed_by_hand_and_match_no_rule() {
    let shop = Shop::new();
    shop.policy(&after("").replace("\"acme/*\"", "\"acme/*\", \"*\", \"*/*\", \"*/*/*\", \"acme/../*\""));
    let long = format!("acme/{}", "x".repeat(251));
    for name in [
        "acme/../llm",
        "../llm",
        "acme/./llm",
        "/acme/llm",
        "acme/llm/",
        "acme//llm",
        "",
        ".",
        "..",
        "acme/llm ",
        "acme/l\u{200b}lm",
        "acme/ll\u{43c}",
        "acme/llm\n",
        "acme\\llm",
        "acme/llm\0",
        "acme/llm@v1",
        "acme/%6clm",
        &long,
    ] {
        shop.sign_by_hand(name, &[]);
        let run = run(&mut shop.command(&["verify", "model", "--policy", "policy.toml", "--any-model"]));
        assert_eq!(run.status, Some(1), "{name:?}: {}", run.text());
        assert_tame(&run);
        if !name.contains('\0') {
            shop.run(&["sign", "model", "--key", "keys/k.pem", "--name", name]).refused(2, "usage/name");
        }
    }
    // The directory's name says nothing, and case counts.
    shop.policy(&after(""));
    shop.sign_by_hand("others/llm", &[]);
    fs::rename(shop.sandbox.at("model"), shop.sandbox.at("acme")).unwrap();
    shop.run(&["verify", "acme", "--policy", "policy.toml", "--any-model"]).refused(1, NO_RULE);
    fs::rename(shop.sandbox.at("acme"), shop.sandbox.at("model")).unwrap();
    for (name, status) in [("Acme/llm", 1), ("acme/x/y", 1), ("acme", 1), ("acme/x", 0), ("xacme/x", 1)] {
        shop.sign_by_hand(name, &[]);
        let run = shop.run(&["verify", "model", "--policy", "policy.toml", "--any-model"]);
        assert_eq!(run.status, Some(status), "{name}: {}", run.text());
    }
}

#[test]
fn t14_neither_old_forms_nor_other_keys_pass_under_a_policy() {
    let shop = Shop::signed();
    shop.verify(&["--danger-accept-legacy"]).refused(2, USAGE);
    // A bundle from before, by a key that the policy has.
    let sandbox = crate::support::Sandbox::of_vector("legacy-1.0.1-key");
    let names = sandbox.names(".");
    fs::copy(key("p256.pub.pem"), sandbox.at("p256.pub.pem")).unwrap();
    sandbox.write("policy.toml", after("").replace("keys/k.pub.pem", "p256.pub.pem").replace("acme/*", "*").as_bytes());
    let mut command = crate::support::modelseal();
    command.current_dir(sandbox.path()).args(["verify", "model", "--policy", "policy.toml", "--any-model", TEST_KEYS]);
    let legacy = run(command.args(["--format", "json"]));
    assert_eq!(legacy.status, Some(1), "{names:?} {}", legacy.text());
    // Keys of nobody; keys that another rule trusts; keys that attest only.
    let mut sign = shop.command(&["sign", "model", "--key", "keys/other.pem", "--name", NAME]);
    run(&mut sign).accepted();
    shop.verify(&[]).refused(1, "signature/unknown-key");
    let second = "[[key]]\nname = \"other\"\npublic_key = \"keys/other.pub.pem\"\n";
    shop.policy(&format!("{KEY}{second}{RULE}{KEY_ONLY}"));
    assert_eq!(shop.refused_at("keys")["actual"], "other");
    let rest = RULE.replace("\"r\"", "\"s\"").replace("[\"k\"]", "[\"other\"]").replace("acme/*", "others/*");
    shop.policy(&format!("{KEY}{second}{RULE}{KEY_ONLY}{rest}{KEY_ONLY}"));
    shop.verify(&[]).refused(1, NO_RULE);
    // The version is that of the pinned key that verified, and it must not be too old.
    let versions = "version = 1\n[[key]]\nname = \"k\"\nmin_version = 2\n[[key.version]]\nversion = 1\n\
         public_key = \"keys/other.pub.pem\"\n[[key.version]]\nversion = 2\npublic_key = \"keys/k.pub.pem\"\n";
    shop.policy(&format!("{versions}{RULE}{KEY_ONLY}"));
    shop.verify(&[]).refused(1, "policy/key-version");
    shop.sign(&[]);
    shop.verify(&[]).accepted();
}

#[test]
fn t15_a_policy_with_a_published_key_is_refused() {
    let shop = Shop::signed();
    copy(&key("p256.pub.pem"), &shop.sandbox.at("keys/production.pem"));
    let text = after("").replace("keys/k.pub.pem", "keys/production.pem");
    shop.check(&text, &[]).refused(2, "key/test-key");
    shop.verify(&[]).refused(2, "key/test-key");
    shop.verify(&[TEST_KEYS]).refused(1, "signature/unknown-key");
    let scanner = "[[key]]\nname = \"s\"\npublic_key = \"keys/production.pem\"\n";
    shop.check(&format!("{KEY}{scanner}{RULE}{KEY_ONLY}"), &[]).refused(2, "key/test-key");
    shop.policy(&after(""));
    shop.verify(&["--policy-key", "keys/production.pem"]).refused(2, "key/test-key");
    let private = key("p256.pem").display().to_string();
    let text = format!("serial = 1\nvalid_until = 2999-01-01T00:00:00Z\n{}", after(""));
    shop.policy(&text);
    shop.run(&["policy", "sign", "policy.toml", "--key", &private]).refused(2, "key/test-key");
}

#[test]
fn t22_no_value_is_masked_by_printing_it() {
    let shop = Shop::signed();
    let actions = |command: &mut Command| {
        command.env("GITHUB_ACTIONS", "true").env("CI", "true").env("GITLAB_CI", "true").env("TF_BUILD", "True");
        command.env("GITHUB_OUTPUT", shop.sandbox.at("output")).env("GITHUB_STEP_SUMMARY", shop.sandbox.at("summary"));
        run(command)
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    for arguments in [
        &["sign", "model", "--key", "keys/k.pem", "--name", NAME][..],
        &["verify", "model", "--policy", "policy.toml", "--any-model"],
        &["verify", "model", "--policy", "policy.toml", "--expect-digest", &digest],
        &["policy", "explain", "model", "--policy", "policy.toml", "--any-model"],
        &["identity", "show", "--audience", "a"],
    ] {
        for format in ["text", "json"] {
            let mut command = shop.in_text(arguments);
            let run = actions(command.args(["--format", format, "-v"]));
            for mask in ["add-mask", "##vso[", "::set-output", "::debug::"] {
                assert!(!says(&run, mask), "{mask}: {}", run.text());
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["crates", "python"] {
        mentions(&crate::support::workspace().join(directory), &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}

/// Source files, tests apart, that print a mask.
fn mentions(directory: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        // The doctor looks for masks in workflows of others.
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("doctor/repo") {
            mentions(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "py" || end == "yml") {
            let text = fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            if product.contains("::add-mask") && !path.ends_with("tests.rs") {
                found.push(path.display().to_string());
            }
        }
    }
}
