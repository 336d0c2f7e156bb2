//! What the rules of a policy hold against: threats 25 to 32.

use std::fs;
use std::process::Command;

use modelseal::PROVENANCE_TYPE;
use serde_json::{Value, json};

use crate::shop::{
    KEY_ONLY, NAME, RULE, Shop, WORKFLOW, after, copy, decision, envelope, provenance, rule, safetensors, says, strict,
};
use crate::support::{Run, run};

const NO_RULE: &str = "policy/no-rule-matches";

#[test]
fn t25_one_key_behind_two_identities_is_an_error() {
    let shop = Shop::new();
    let weak = "[rule.github]\nrepository_owner_id = [\"65\"]\n";
    let workflow = format!("job_workflow_ref = [\"{WORKFLOW}\"]\n");
    let two = |identity: &str| {
        let second = RULE.replace("\"r\"", "\"weak\"").replace("acme/*", "acme/exp-*");
        format!("{}{second}{identity}", strict(""))
    };
    for identity in [
        format!("{weak}{workflow}"),
        KEY_ONLY.to_owned(),
        format!("[rule.github]\nrepository_id = [\"456789\"]\n{workflow}event_name = [\"pull_request\"]\n"),
        format!(
            "[rule.github]\nissuer = \"https://git.example/_services/token\"\nrepository_id = [\"456789\"]\n{workflow}"
        ),
        "[rule.gitlab]\nproject_id = [\"456789\"]\n".to_owned(),
    ] {
        let text = two(&identity);
        shop.check(&text, &[]).refused(2, "policy/key-shared");
        let shared = text.replacen("public_key", "shared_key = \"danger\"\npublic_key", 1);
        let run = shop.check(&shared, &[]);
        assert!(run.accepted()["warnings"].to_string().contains("shared-key"), "{}", run.text());
        assert_eq!(shop.check(&shared, &["--deny-warnings"]).status, Some(2));
        for word in ["true", "\"yes\"", "\"\"", "\"Danger\""] {
            let text = shared.replace("shared_key = \"danger\"", &format!("shared_key = {word}"));
            shop.check(&text, &[]).refused(2, "policy/syntax");
        }
    }
    // The attack: who passes the weak rule has the key, and writes the claims of the strong one.
    let shared = two(KEY_ONLY).replacen("public_key", "shared_key = \"danger\"\npublic_key", 1);
    shop.policy(&shared);
    shop.sign_as(&json!({}));
    let accepted = shop.verify(&[]).accepted();
    assert!(decision(&accepted)["relaxed"].to_string().contains("shared_key"), "{accepted:#}");
    // The same key under another name is the same key, also as a version and as another encoding.
    let again = "[[key]]\nname = \"l\"\npublic_key = \"keys/l.pem\"\n";
    copy(&shop.sandbox.at("keys/k.pub.pem"), &shop.sandbox.at("keys/l.pem"));
    let renamed = two(KEY_ONLY).replace("[[rule]]\nname = \"r\"", &format!("{again}[[rule]]\nname = \"r\""));
    let (first, second) = renamed.rsplit_once("[\"k\"]").unwrap();
    shop.check(&format!("{first}[\"l\"]{second}"), &[]).refused(2, "policy/syntax");
    let pem = fs::read_to_string(shop.sandbox.at("keys/k.pub.pem")).unwrap().replace('\n', "\r\n");
    shop.sandbox.write("keys/l.pem", pem.as_bytes());
    shop.check(&format!("{first}[\"l\"]{second}"), &[]).refused(2, "policy/syntax");
    // One of several keys is enough.
    let third = "[[key]]\nname = \"other\"\npublic_key = \"keys/other.pub.pem\"\n";
    let several = two(KEY_ONLY).replace("[[rule]]\nname = \"r\"", &format!("{third}[[rule]]\nname = \"r\""));
    let (first, second) = several.rsplit_once("[\"k\"]").unwrap();
    shop.check(&format!("{first}[\"other\", \"k\"]{second}"), &[]).refused(2, "policy/key-shared");
    shop.check(&format!("{first}[\"other\"]{second}"), &[]).accepted();
}

#[test]
fn t26_a_rule_without_a_kind_of_runner_is_pointed_out() {
    let shop = Shop::new();
    assert!(shop.warnings(&strict("")).contains(&"any-runner".to_owned()));
    let hosted = strict("runner_environment = [\"github-hosted\"]\n");
    assert!(!shop.warnings(&hosted).contains(&"any-runner".to_owned()));
    let lab = rule("[rule.gitlab]\nproject_id = [\"1\"]\nref = [\"main\"]\n");
    assert!(shop.warnings(&lab).contains(&"any-runner".to_owned()));
    shop.policy(&hosted);
    for runner in [json!("self-hosted"), json!(null), json!("github-hosted "), json!("GitHub-Hosted")] {
        shop.sign_as(&json!({"runner_environment": runner}));
        shop.refused_at("github.runner_environment");
    }
    shop.sign_as(&json!({}));
    shop.verify(&[]).accepted();
}

#[test]
fn t27_environments_and_tags_protect_only_beside_what_makes_them_mean_something() {
    let shop = Shop::new();
    let owner = |lines: &str| {
        rule(&format!("[rule.github]\nrepository_owner_id = [\"65\"]\njob_workflow_ref = [\"{WORKFLOW}\"]\n{lines}"))
    };
    let no_id = "policy/no-immutable-id";
    shop.check(&owner("environment = [\"production\"]\n"), &[]).refused(2, no_id);
    shop.check(&owner("repository_id = [\"1\"]\nenvironment = [\"production\"]\n"), &[]).accepted();
    shop.check(&owner("repository = [\"acme/llm\"]\nenvironment = [\"production\"]\n"), &[]).refused(2, no_id);
    let group = "[rule.gitlab]\nnamespace_id = [\"1\"]\nci_config_ref_uri = [\"g//c@refs/heads/main\"]\n";
    for name in ["environment", "environment_protected"] {
        shop.check(&rule(&format!("{group}{name} = [\"true\"]\n")), &[]).refused(2, no_id);
    }
    let movable = "movable-tag".to_owned();
    for workflow in ["acme/ci/.github/workflows/s.yml@refs/tags/v*", "acme/ci/.github/workflows/s.yml@refs/tags/*"] {
        let text = strict("").replace(WORKFLOW, workflow);
        assert!(shop.warnings(&text).contains(&movable), "{workflow}");
        let pinned = format!("{text}job_workflow_sha = [\"{}\"]\n", "a".repeat(40));
        assert!(!shop.warnings(&pinned).contains(&movable), "{workflow}");
    }
    let anywhere = strict("").replace("acme/ci/", "*/*/");
    assert!(shop.warnings(&anywhere).contains(&"workflow-of-any-repository".to_owned()));
    let events = shop.warnings(&strict("event_name = [\"push\", \"pull_request_target\"]\n"));
    assert!(events.contains(&"pull-request-event".to_owned()), "{events:?}");
    // What is not named is not allowed.
    shop.policy(&strict(""));
    for event in ["pull_request", "pull_request_target", "workflow_run", "issue_comment", "merge_group", "PUSH"] {
        shop.sign_as(&json!({"event_name": event}));
        shop.refused_at("github.event_name");
    }
}

/// Root digest of a model, and the SHA-256 of its weights.
fn digests(shop: &Shop) -> (String, String) {
    let json = shop.run(&["digest", "model", "--manifest"]).accepted();
    let root = json["root_digest"].as_str().or(json["digest"].as_str()).unwrap_or_else(|| panic!("{json:#}"));
    let sum = Command::new("sha256sum").arg(shop.sandbox.at("model/w.safetensors")).output().unwrap().stdout;
    (root.to_owned(), format!("sha256:{}", String::from_utf8(sum).unwrap().split(' ').next().unwrap()))
}

#[test]
fn t28_what_is_revoked_is_found_in_every_order_hash_and_form() {
    let shop = Shop::new();
    let forms = format!("{KEY_ONLY}hash = [\"sha256\", \"blake2b\", \"blake3\"]\nmethod = [\"files\", \"shards\"]\n");
    shop.policy(&rule(&forms));
    let (root, file) = digests(&shop);
    let revoking =
        |what: &str| shop.policy(&rule(&format!("{forms}[[revoked]]\n{what}\nreason = \"withdrawn data\"\n")));
    for more in [
        &[][..],
        &["--hash", "blake3"],
        &["--hash", "blake2b"],
        &["--method", "shards"],
        &["--method", "shards", "--shard-size", "3"],
        &["--method", "shards", "--shard-size", "7", "--hash", "blake2b"],
    ] {
        shop.sign(more);
        shop.policy(&rule(&forms));
        shop.verify(&[]).accepted();
        for what in [format!("model = \"{root}\""), format!("file = \"{file}\"")] {
            revoking(&what);
            let run = shop.verify(&[]);
            run.refused(1, "policy/revoked");
            assert!(says(&run, "withdrawn data"), "{more:?}: {}", run.text());
            let only = shop.verify(&["--only", "config.json"]);
            assert_ne!(only.status, Some(0), "{more:?}: {}", only.text());
            let explain = shop.run(&["policy", "explain", "model", "--policy", "policy.toml", "--any-model"]);
            assert_eq!(explain.status, Some(1), "{more:?}: {}", explain.text());
        }
        // In upper case it is the same digest, or none.
        let upper = file.strip_prefix("sha256:").unwrap().to_uppercase();
        revoking(&format!("file = \"sha256:{upper}\""));
        assert_ne!(shop.verify(&[]).status, Some(0));
    }
    // By default only one form is accepted, so that nothing has to be computed.
    shop.policy(&after(""));
    shop.sign(&["--hash", "blake3"]);
    shop.refused_at("hash");
    shop.sign(&["--method", "shards"]);
    shop.refused_at("method");
    shop.sign(&[]);
    let weakenings = ["--danger-ignore-unsigned-files", "--danger-ignore", "w.safetensors", "--danger-allow-symlinks"];
    revoking(&format!("file = \"{file}\""));
    shop.verify(&weakenings).refused(1, "policy/revoked");
    // Keys, by id and in a file of revocations; another key is not meant.
    let id = shop.key("k").public_key().id();
    revoking(&format!("key_id = \"{id}\""));
    shop.verify(&[]).refused(1, "policy/revoked");
    shop.sandbox.write("r.toml", format!("version = 1\n[[revoked]]\nkey_id = \"{id}\"\nreason = \"x\"\n").as_bytes());
    shop.policy(&format!("revocation_files = [\"r.toml\"]\n{}", after("")));
    shop.verify(&[]).refused(1, "policy/revoked");
    fs::remove_file(shop.sandbox.at("r.toml")).unwrap();
    shop.verify(&[]).refused(3, "input/not-found");
    revoking(&format!("key_id = \"{}\"", shop.key("other").public_key().id()));
    shop.verify(&[]).accepted();
    // A model of one file.
    fs::copy(shop.sandbox.at("model/w.safetensors"), shop.sandbox.at("w.safetensors")).unwrap();
    for hash in ["sha256", "blake3"] {
        shop.run(&["sign", "w.safetensors", "--key", "keys/k.pem", "--name", NAME, "--hash", hash]).accepted();
        let verify = || shop.run(&["verify", "w.safetensors", "--policy", "policy.toml", "--expect-name", NAME]);
        shop.policy(&rule(&forms));
        verify().accepted();
        revoking(&format!("file = \"{file}\""));
        verify().refused(1, "policy/revoked");
    }
}

#[test]
fn t28_a_manifest_in_another_order_is_the_same_model() {
    let shop = Shop::new();
    let (root, _) = digests(&shop);
    shop.sign(&[]);
    // The same resources the other way round, signed by the key: another root digest.
    let mut payload = crate::support::payload(&shop.bundle());
    let resources = payload["predicate"]["resources"].as_array_mut().unwrap();
    resources.reverse();
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let all: Vec<u8> = resources.iter().flat_map(|one| hex(one["digest"].as_str().unwrap())).collect();
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &all).unwrap();
    let sum = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let other = sum.split(' ').next().unwrap().to_owned();
    assert_ne!(root, format!("sha256:{other}"));
    payload["subject"][0]["digest"]["sha256"] = json!(other);
    fs::write(shop.bundle(), envelope(&shop.key("k"), payload.to_string().as_bytes())).unwrap();
    shop.policy(&after(""));
    let accepted = shop.verify(&[]).accepted();
    assert_eq!(decision(&accepted)["artifact"]["root_digest"], format!("sha256:{other}"));
    for digest in [root.clone(), format!("sha256:{other}")] {
        shop.policy(&after(&format!("[[revoked]]\nmodel = \"{digest}\"\nreason = \"x\"\n")));
        shop.verify(&[]).refused(1, "policy/revoked");
    }
}

const SIGNED: &str = "serial = 4\nvalid_until = 2999-01-01T00:00:00Z\n";

/// `policy sign`; a signature that is there goes first, since none is overwritten.
fn sign_policy(shop: &Shop, key: &str) -> Run {
    let _ = fs::remove_file(shop.sandbox.at("policy.toml.sig"));
    shop.run(&["policy", "sign", "policy.toml", "--key", &format!("keys/{key}.pem")])
}

/// A signed policy, and the arguments that demand its signature.
fn signed_policy() -> (Shop, [&'static str; 2]) {
    let shop = Shop::signed();
    shop.policy(&format!("{SIGNED}{}", after("")));
    sign_policy(&shop, "policies").accepted();
    let demand = ["--policy-key", "keys/policies.pub.pem"];
    shop.verify(&demand).accepted();
    (shop, demand)
}

#[test]
fn t29_a_policy_is_what_its_key_signed() {
    let (shop, demand) = signed_policy();
    let bad = "policy/signature";
    let good = fs::read_to_string(shop.sandbox.at("policy.toml")).unwrap();
    let signature = fs::read(shop.sandbox.at("policy.toml.sig")).unwrap();
    // Every byte counts, also of the files that it reads; every command demands it.
    shop.policy(&good.replace("acme/*", "acme/**"));
    shop.verify(&demand).refused(2, bad);
    shop.policy(&format!("{good}# a comment\n"));
    for arguments in [
        &["verify", "model", "--any-model", "--policy", "policy.toml"][..],
        &["policy", "explain", "model", "--policy", "policy.toml", "--any-model"],
        &["policy", "input", "model", "--policy", "policy.toml"],
        &["policy", "check", "policy.toml"],
    ] {
        run(shop.command(arguments).args(demand)).refused(2, bad);
    }
    shop.policy(&good);
    let pem = fs::read(shop.sandbox.at("keys/k.pub.pem")).unwrap();
    copy(&shop.sandbox.at("keys/other.pub.pem"), &shop.sandbox.at("keys/k.pub.pem"));
    shop.verify(&demand).refused(2, bad);
    fs::write(shop.sandbox.at("keys/k.pub.pem"), pem).unwrap();
    shop.verify(&demand).accepted();
    // A copy under another name is another policy.
    copy(&shop.sandbox.at("policy.toml"), &shop.sandbox.at("other.toml"));
    copy(&shop.sandbox.at("policy.toml.sig"), &shop.sandbox.at("other.toml.sig"));
    let other = shop.run(&[&["verify", "model", "--any-model", "--policy", "other.toml"][..], &demand].concat());
    assert_eq!(other.status, Some(2), "{}", other.text());
    // No signature, by another key, cut, of a model.
    fs::remove_file(shop.sandbox.at("policy.toml.sig")).unwrap();
    shop.verify(&demand).refused(2, bad);
    fs::write(shop.sandbox.at("policy.toml.sig"), &signature[..signature.len() / 2]).unwrap();
    assert_eq!(shop.verify(&demand).status, Some(2));
    sign_policy(&shop, "other").accepted();
    shop.verify(&demand).refused(2, bad);
    // Without the demand a signature means nothing.
    shop.verify(&[]).accepted();
    shop.verify(&["--min-policy-serial", "4"]).accepted();
}

#[test]
fn t29_who_signs_models_signs_no_policies() {
    let (shop, demand) = signed_policy();
    let bad = "policy/signature";
    // A model that is the policy, signed as a model by the very key of policies.
    copy(&shop.sandbox.at("policy.toml"), &shop.sandbox.at("as-model/policy.toml"));
    shop.run(&["sign", "as-model", "--key", "keys/policies.pem", "--name", "policy.toml"]).accepted();
    copy(&shop.sandbox.at("as-model/model.sig"), &shop.sandbox.at("policy.toml.sig"));
    shop.verify(&demand).refused(2, bad);
    shop.run(&["sign", "policy.toml", "--key", "keys/policies.pem", "--name", "policy.toml", "--bundle", "p.sig"])
        .accepted();
    copy(&shop.sandbox.at("p.sig"), &shop.sandbox.at("policy.toml.sig"));
    shop.verify(&demand).refused(2, bad);
    // And a policy's signature is none of a model.
    sign_policy(&shop, "policies").accepted();
    copy(&shop.sandbox.at("policy.toml.sig"), &shop.bundle());
    let model = shop.run(&["verify", "model", "--key", "keys/policies.pub.pem"]);
    assert_eq!(model.status, Some(1), "{}", model.text());
    shop.sign(&[]);
    // The policy's own key may not be one of the policy, wherever it stands there.
    let own = "[[key]]\nname = \"p\"\npublic_key = \"keys/policies.pub.pem\"\n";
    let listed = format!("{SIGNED}{}", after("").replace("[[rule]]", &format!("{own}[[rule]]")));
    shop.policy(&listed);
    let refused = sign_policy(&shop, "policies");
    assert_eq!(refused.status, Some(2), "{}", refused.text());
    shop.policy(&format!("{SIGNED}{}", after("")));
    sign_policy(&shop, "k").refused(2, bad);
    // Nor any other key that is given for policies.
    sign_policy(&shop, "policies").accepted();
    let more = [&demand[..], &["--policy-key", "keys/k.pub.pem"]].concat();
    shop.verify(&more).refused(2, bad);
}

#[test]
fn t29_old_policies_and_lists_do_not_come_back() {
    let (shop, demand) = signed_policy();
    let old = ["policy.toml", "policy.toml.sig"].map(|name| fs::read(shop.sandbox.at(name)).unwrap());
    let at_least = |least: &str| shop.verify(&[&demand[..], &["--min-policy-serial", least]].concat());
    at_least("4").accepted();
    at_least("5").refused(2, "policy/serial");
    shop.policy(&format!("{SIGNED}{}", after("")).replace("serial = 4", "serial = 5"));
    shop.verify(&demand).refused(2, "policy/signature");
    sign_policy(&shop, "policies").accepted();
    at_least("5").accepted();
    for (name, bytes) in ["policy.toml", "policy.toml.sig"].iter().zip(&old) {
        fs::write(shop.sandbox.at(name), bytes).unwrap();
    }
    at_least("5").refused(2, "policy/serial");
    // Both must be said by what is signed.
    for text in
        [after(""), format!("serial = 1\n{}", after("")), format!("valid_until = 2999-01-01T00:00:00Z\n{}", after(""))]
    {
        shop.policy(&text);
        let run = sign_policy(&shop, "policies");
        assert_eq!(run.status, Some(2), "{text}\n{}", run.text());
        shop.verify(&["--min-policy-serial", if text.starts_with("serial") { "2" } else { "1" }])
            .refused(2, "policy/serial");
    }
    // Past its end it decides nothing, signed or not; the list of revocations ends it as well.
    let expired = "policy/expired";
    shop.policy(&format!("serial = 9\nvalid_until = 2026-01-01T00:00:00Z\n{}", after("")));
    shop.verify(&[]).refused(2, expired);
    shop.run(&["policy", "explain", "model", "--policy", "policy.toml", "--any-model"]).refused(2, expired);
    shop.run(&["policy", "input", "model", "--policy", "policy.toml"]).refused(2, expired);
    shop.run(&["policy", "check", "policy.toml"]).refused(2, expired);
    assert_eq!(sign_policy(&shop, "policies").status, Some(2));
    let list = |end: &str| {
        format!(
            "version = 1\nserial = 2\nvalid_until = {end}\n[[revoked]]\nkey_id = \"{}\"\nreason = \"x\"\n",
            "0".repeat(64)
        )
    };
    shop.sandbox.write("revoked.toml", list("2026-01-01T00:00:00Z").as_bytes());
    shop.policy(&format!("revocation_files = [\"revoked.toml\"]\n{}", after("")));
    shop.verify(&[]).refused(2, expired);
    shop.sandbox.write("revoked.toml", list("2999-01-01T00:00:00Z").as_bytes());
    shop.verify(&[]).accepted();
    // A signed policy covers its list: an older one, or none, does not fit.
    shop.policy(&format!("{SIGNED}revocation_files = [\"revoked.toml\"]\n{}", after("")));
    sign_policy(&shop, "policies").accepted();
    shop.verify(&demand).accepted();
    shop.sandbox.write("revoked.toml", list("2998-01-01T00:00:00Z").as_bytes());
    shop.verify(&demand).refused(2, "policy/signature");
    fs::remove_file(shop.sandbox.at("revoked.toml")).unwrap();
    assert_ne!(shop.verify(&demand).status, Some(0));
}

#[test]
fn t30_older_models_are_refused_where_the_rule_says_so_and_else_that_is_said() {
    let shop = Shop::signed();
    let unchecked = |run: &Run| run.accepted()["results"][0]["unchecked"].to_string();
    assert!(unchecked(&shop.verify(&[])).contains("freshness"));
    assert!(unchecked(&shop.run(&["verify", "model", "--key", "keys/k.pub.pem"])).contains("freshness"));
    let text = run(&mut shop.in_text(&["verify", "model", "--key", "keys/k.pub.pem", "--expect-name", NAME]));
    assert!(says(&text, "freshness"), "{}", text.text());
    let rollback = "rollback".to_owned();
    assert!(shop.warnings(&after("")).contains(&rollback));
    let digest = digests(&shop).0;
    let zero = format!("sha256:{}", "0".repeat(64));
    for lines in [
        format!("digests = [\"{zero}\"]\n"),
        "not_signed_before = 2026-01-01T00:00:00Z\n".to_owned(),
        "[rule.freshness]\nmax_age = \"30d\"\n".to_owned(),
    ] {
        assert!(!shop.warnings(&after(&lines)).contains(&rollback), "{lines}");
    }
    shop.policy(&after(&format!("digests = [\"{zero}\"]\n")));
    shop.refused_at("digests");
    shop.policy(&after(&format!("digests = [\"{digest}\"]\n")));
    shop.verify(&[]).accepted();
    // Without a signed time nothing is fresh.
    shop.policy(&after("not_signed_before = 2020-01-01T00:00:00Z\n"));
    shop.refused_at("not_signed_before");
    shop.policy(&after("[rule.freshness]\nmax_age = \"5000w\"\n"));
    shop.refused_at("freshness");
    let signed_at = |time: Value| {
        let mut predicate = provenance(&json!({}));
        predicate["runDetails"]["metadata"] = json!({"finishedOn": time, "startedOn": time});
        shop.sign_by_hand(NAME, &[(PROVENANCE_TYPE, predicate.to_string())]);
    };
    let now = modelseal::Timestamp::now();
    let ago = |seconds: i64| json!(modelseal::Timestamp::from_second(now.as_second() - seconds).unwrap().to_string());
    for (time, fresh) in [
        (ago(0), true),
        (ago(3000), true),
        (ago(4000), false),
        (ago(-200), true),
        (ago(-600), false),
        (ago(-4_000_000_000), false),
        (json!("2000-01-01T00:00:00Z"), false),
    ] {
        signed_at(time.clone());
        shop.policy(&after("[rule.freshness]\nmax_age = \"1h\"\n"));
        assert_eq!(shop.verify(&[]).status, Some(i32::from(!fresh)), "{time}");
        let earliest = ago(3600);
        shop.policy(&after(&format!("not_signed_before = {}\n", earliest.as_str().unwrap())));
        assert_eq!(shop.verify(&[]).status, Some(i32::from(!fresh)), "{time}");
    }
    for time in
        [json!(null), json!(""), json!("yesterday"), json!(1), json!("2026-01-01"), json!("2026-01-01T00:00:00")]
    {
        signed_at(time.clone());
        shop.policy(&after("[rule.freshness]\nmax_age = \"5000w\"\n"));
        assert_eq!(shop.verify(&[]).status, Some(1), "{time}");
    }
    // Until when a decision holds: not longer than what it rests on.
    signed_at(ago(3590));
    shop.policy(&after("[rule.freshness]\nmax_age = \"1h\"\n"));
    if shop.verify(&[]).status == Some(0) {
        let json = shop.verify(&[]);
        let until =
            decision(&json.json())["valid_until"].as_str().map(|text| text.parse::<modelseal::Timestamp>().unwrap());
        assert!(until.is_none_or(|until| until.as_second() <= now.as_second() + 11), "{}", json.text());
    }
}

#[test]
fn t31_one_rule_must_allow_all_the_files() {
    let shop = Shop::new();
    let second = format!("{}{KEY_ONLY}", RULE.replace("\"r\"", "\"s\""));
    let two = |one: &str, other: &str| format!("{}{one}{second}{other}", rule(KEY_ONLY));
    let formats = |words: &str| format!("[rule.files]\nformats = [{words}]\n");
    // By name.
    shop.sign(&[]);
    shop.policy(&two(&formats("\"safetensors\""), &formats("\"json\"")));
    shop.verify(&[]).refused(1, NO_RULE);
    shop.policy(&two(&formats("\"safetensors\""), &formats("\"json\", \"safetensors\"")));
    assert_eq!(decision(&shop.verify(&[]).accepted())["rule"], "s");
    // By the bytes, which are seen one file after the other.
    fs::remove_file(shop.sandbox.at("model/config.json")).unwrap();
    fs::remove_file(shop.sandbox.at("model/w.safetensors")).unwrap();
    shop.sandbox.write("model/a", b"#!/bin/sh\nid\n");
    shop.sandbox.write("model/b", b"\x80\x04N.");
    shop.sign(&[]);
    shop.policy(&two(&formats("\"other\", \"code\""), &formats("\"other\", \"pickle\"")));
    let json = shop.verify(&[]).refused(1, NO_RULE);
    let rules = decision(&json)["rules"].as_array().unwrap().clone();
    assert!(rules.iter().all(|rule| rule["result"] == "deny" && rule["field"] == "files.formats"), "{json:#}");
    assert_eq!(decision(&json)["valid_until"], Value::Null);
    shop.policy(&two(&formats("\"other\", \"code\""), &formats("\"other\", \"pickle\", \"code\"")));
    assert_eq!(decision(&shop.verify(&[]).accepted())["rule"], "s");
    // Unsigned files: each tolerated by another rule.
    shop.sandbox.write("model/one.log", b"1");
    shop.sandbox.write("model/two.txt", b"2");
    let tolerate = |words: &str| format!("[rule.files]\ndanger_allow_unsigned = [{words}]\n");
    shop.policy(&two(&tolerate("\"*.log\""), &tolerate("\"*.txt\"")));
    shop.verify(&[]).refused(1, NO_RULE);
    shop.policy(&two(&tolerate("\"*.log\""), &tolerate("\"*.txt\", \"*.log\"")));
    let accepted = shop.verify(&[]).accepted();
    assert_eq!(decision(&accepted)["rule"], "s");
    assert_eq!(decision(&accepted)["uncovered"], json!(["one.log", "two.txt"]));
    // A rule that was dropped for one of them does not come back by the other's conditions.
    shop.policy(&two(&tolerate("\"*.log\""), &formats("\"other\", \"pickle\", \"code\"")));
    shop.verify(&[]).refused(1, "artifact/unexpected");
    fs::remove_file(shop.sandbox.at("model/two.txt")).unwrap();
    shop.policy(&two(&formats("\"other\", \"pickle\""), &tolerate("\"*.txt\"")));
    shop.verify(&[]).refused(1, "artifact/unexpected");
    shop.policy(&two(
        &format!("{}danger_allow_unsigned = [\"*.log\"]\n", formats("\"other\"")),
        &formats("\"other\", \"pickle\", \"code\""),
    ));
    shop.verify(&[]).refused(1, NO_RULE);
}

#[test]
fn t32_files_that_are_two_things_are_the_dangerous_one() {
    let shop = Shop::new();
    let mut python = Command::new("python3");
    let made = run(python.arg("-c").arg(include_str!("two_things.py")).current_dir(shop.sandbox.path()));
    assert_eq!(made.status, Some(0), "{}", made.text());
    let names: Vec<String> = shop.sandbox.names("evil").into_iter().collect();
    assert!(names.len() > 40, "{names:?}");
    fs::remove_file(shop.sandbox.at("model/config.json")).unwrap();
    let benign = "\"safetensors\", \"gguf\", \"onnx\", \"json\", \"text\", \"sentencepiece\", \"numpy\", \"image\"";
    shop.policy(&after(&format!("[rule.files]\nformats = [{benign}]\n")));
    for name in &names {
        let path = shop.sandbox.at(format!("model/{name}"));
        copy(&shop.sandbox.at(format!("evil/{name}")), &path);
        shop.sign(&[]);
        let run = shop.verify(&[]);
        let json = run.json();
        assert_eq!((run.status, json["code"].as_str()), (Some(1), Some(NO_RULE)), "{name}: {}", run.text());
        let rule = &decision(&json)["rules"][0];
        assert_eq!((&rule["field"], &rule["actual"]["name"]), (&json!("files.formats"), &json!(name)), "{json:#}");
        // As a model of one file, too.
        fs::remove_file(&path).unwrap();
    }
    for name in ["zip.safetensors", "p0.txt", "o0-1.npy", "p4.json"] {
        let path = format!("evil/{name}");
        shop.run(&["sign", &path, "--key", "keys/k.pem", "--name", NAME]).accepted();
        shop.run(&["verify", &path, "--policy", "policy.toml", "--expect-name", NAME]).refused(1, NO_RULE);
        // The bytes also decide what hides behind another hash or in shards.
        let form = ["--hash", "blake2b", "--method", "shards", "--shard-size", "5"];
        copy(&shop.sandbox.at(&path), &shop.sandbox.at(format!("model/{name}")));
        shop.sign(&form);
        shop.policy(&after(&format!(
            "hash = [\"blake2b\"]\nmethod = [\"shards\"]\n[rule.files]\nformats = [{benign}]\n"
        )));
        shop.refused_at("files.formats");
        fs::remove_file(shop.sandbox.at(format!("model/{name}"))).unwrap();
        shop.policy(&after(&format!("[rule.files]\nformats = [{benign}]\n")));
    }
    // What is dangerous stays visible where it is allowed.
    shop.sandbox.write("model/x.pkl", b"\x80\x04N.");
    shop.sign(&[]);
    shop.policy(&after("[rule.files]\nformats = [\"safetensors\", \"pickle\"]\n"));
    let accepted = shop.verify(&[]).accepted();
    assert!(decision(&accepted)["relaxed"].to_string().contains("pickle"), "{accepted:#}");
    assert!(shop.warnings(&after("[rule.files]\nformats = [\"pickle\"]\n")).contains(&"dangerous-format".to_owned()));
    // Good files are still good.
    fs::remove_file(shop.sandbox.at("model/x.pkl")).unwrap();
    shop.sandbox.write("model/w.safetensors", &safetensors(&[0; 4096]));
    shop.sandbox.write("model/README.md", b"# A model\n");
    shop.sandbox.write("model/config.json", b"{\"a\": 1}\n");
    shop.sign(&[]);
    shop.policy(&after(&format!("[rule.files]\nformats = [{benign}]\n")));
    shop.verify(&[]).accepted();
}
