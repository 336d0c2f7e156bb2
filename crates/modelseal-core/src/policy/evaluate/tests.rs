use serde_json::{Value, json};

use super::*;
use crate::policy::EvidenceFacts;
use crate::policy::format::FileFormat;
use crate::policy::glob::Glob;
use crate::policy::model::{IdentityProvider, IdentityRule, Matcher, PolicyCertificate, Revoked, RevokedThing};
use crate::policy::samples::{Keys, SCAN, at, days, exact, github, good_facts, production, resource, rule, signed_by};
use crate::{Digest, HashAlgorithm, LeafPin, SigningWindow, TrustedKeys};

const NOW: &str = "2026-11-21T00:00:00Z";

/// The outcome of facts that differ from the good ones: code, and field, expected and actual of the first rule.
fn outcome(change: impl Fn(&Keys, &mut PolicyFile, &mut Facts)) -> (&'static str, Option<String>, Value, Value) {
    outcome_at(NOW, change)
}

fn outcome_at(
    now: &str,
    change: impl Fn(&Keys, &mut PolicyFile, &mut Facts),
) -> (&'static str, Option<String>, Value, Value) {
    let decision = decide(now, change);
    let first = decision.rules.first().cloned();
    let (field, expected, actual) =
        first.map_or((None, Value::Null, Value::Null), |first| (first.field, first.expected, first.actual));
    (decision.code, field, expected, actual)
}

fn decide(now: &str, change: impl Fn(&Keys, &mut PolicyFile, &mut Facts)) -> Decision {
    let (keys, mut file) = production();
    let mut facts = good_facts(&keys);
    change(&keys, &mut file, &mut facts);
    let decision = evaluate(&file, &facts, at(now));
    assert_eq!(decision.is_allowed(), decision.valid_until.is_some());
    assert_eq!(decision.is_allowed(), decision.rule.is_some());
    assert_eq!(
        decision.to_error().map(|error| error.code().as_str()),
        (!decision.is_allowed()).then_some(decision.code)
    );
    decision
}

/// The field at which the strong rule fails.
fn fails_at(change: impl Fn(&Keys, &mut PolicyFile, &mut Facts)) -> String {
    let (code, field, ..) = outcome(change);
    assert_eq!(code, "policy/no-rule-matches");
    field.unwrap()
}

fn code(change: impl Fn(&Keys, &mut PolicyFile, &mut Facts)) -> &'static str {
    outcome(change).0
}

fn revoke(file: &mut PolicyFile, what: RevokedThing) {
    file.revoked.push(Revoked { what, reason: "withdrawn".to_owned(), except_timestamped_before: None });
}

#[test]
fn worked_decision_a_is_allowed() {
    let decision = decide(NOW, |_, _, _| {});
    assert!(decision.is_allowed());
    assert_eq!((decision.code, decision.rule.as_deref()), ("policy/allowed", Some("production language models")));
    assert_eq!(decision.rules[1].field.as_deref(), Some("models"));
    assert_eq!(decision.valid_until, Some(at("2026-11-21T00:15:00Z")));
    assert_eq!((&decision.evidence[..], &decision.relaxed[..]), (&[SCAN.to_owned()][..], &[][..]));
}

#[test]
fn worked_decision_b_fails_at_the_event() {
    let decision = decide(NOW, |_, _, facts| {
        facts.identity.claims.insert("event_name".to_owned(), json!("pull_request_target"));
    });
    let (keys, _) = production();
    let mut record: Value = serde_json::from_str(&decision.to_json()).unwrap();
    assert_eq!(record["signature"]["key_id"].as_str().map(str::len), Some(keys.v4.public.id().to_string().len()));
    record["signature"]["key_id"] = json!("…");
    let claims = record["identity"]["claims"].take();
    assert_eq!((&claims["event_name"], claims.as_object().unwrap().len()), (&json!("pull_request_target"), 7));
    assert_eq!(
        record,
        json!({
            "kind": "modelseal.decision", "version": 1, "decision": "deny", "code": "policy/no-rule-matches",
            "evaluated_at": NOW, "valid_until": null,
            "policy": { "name": "production", "sha256": Digest::sha256(b"policy").to_hex() },
            "artifact": {
                "name": "acme/llm-7b", "root_digest": Digest::sha256(b"listed").to_string(), "files": 2,
            },
            "signature": {
                "key": "models", "key_id": "…", "key_version": 4,
                "signed_at": "2026-11-20T12:00:00Z", "time_source": "asserted",
            },
            "identity": { "provider": "github", "claims": null },
            "rule": null,
            "rules": [
                {
                    "name": "production language models", "result": "deny", "field": "github.event_name",
                    "expected": ["push", "release"], "actual": "pull_request_target",
                },
                {
                    "name": "experiments", "result": "deny", "field": "models",
                    "expected": ["acme/exp-*"], "actual": "acme/llm-7b",
                },
            ],
            "rego": null, "opa": null, "evidence": [], "relaxed": [], "uncovered": [],
        })
    );
    // The same keys in the same order as documented.
    let order = ["kind", "version", "decision", "code", "evaluated_at", "valid_until", "policy", "artifact"];
    let line = decision.to_json();
    let places: Vec<_> = order.iter().map(|key| line.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted() && !line.contains('\n'));
}

#[test]
fn worked_decision_c_ends_with_the_window_of_the_version() {
    const LATER: &str = "2027-02-01T00:00:00Z";
    let by_v3 = |keys: &Keys, facts: &mut Facts| signed_by(facts, &keys.v3, "models", Some(3));
    let decision = decide(LATER, |keys, _, facts| by_v3(keys, facts));
    assert_eq!((decision.code, decision.rules.len()), ("policy/key-window", 0));
    let error = decision.to_error().unwrap();
    assert!(
        error.message().contains("only before 2027-01-31T00:00:00Z, and now it is 2027-02-01T00:00:00Z"),
        "{error}"
    );
    assert_eq!(error.decision(), Some(&decision));

    let with_timestamp = decide(LATER, |keys, _, facts| {
        by_v3(keys, facts);
        facts.signature.signed_at = Some(at("2026-12-01T00:00:00Z"));
        facts.signature.time_source = Some("trusted".to_owned());
        facts.evidence[0].time = Some(at("2027-01-20T00:00:00Z"));
    });
    assert!(with_timestamp.is_allowed(), "{with_timestamp:?}");
    let too_late = outcome_at(LATER, |keys, _, facts| {
        by_v3(keys, facts);
        facts.signature.signed_at = Some(at("2027-01-31T00:00:00Z"));
        facts.signature.time_source = Some("trusted".to_owned());
    });
    assert_eq!(too_late.0, "policy/key-window");

    let by_v2 = |keys: &Keys, facts: &mut Facts| signed_by(facts, &keys.v2, "models", Some(2));
    assert_eq!(code(|keys, _, facts| by_v2(keys, facts)), "signature/unknown-key");
    let listed = |keys: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        by_v2(keys, facts);
        let old = keys.v2.named("models").with_version(2.try_into().unwrap());
        let mut trusted = file.trusted.keys().to_vec();
        trusted.push(old.with_min_version(3.try_into().unwrap()).unwrap());
        file.trusted = TrustedKeys::new(trusted, vec![], LeafPin::default()).unwrap();
    };
    assert_eq!(code(listed), "policy/key-version");
}

#[test]
fn worked_decisions_of_other_models() {
    let experiment = decide(NOW, |keys, _, facts| {
        signed_by(facts, &keys.experiments, "experiments", None);
        facts.artifact.name = Some("acme/exp-1".to_owned());
        facts.identity.claims.insert("repository_id".to_owned(), json!("999"));
    });
    assert_eq!(experiment.rule.as_deref(), Some("experiments"));
    assert_eq!(fails_at(|_, _, facts| facts.identity = crate::IdentityFacts::default()), "identity");
    let (_, field, _, actual) = outcome(|_, _, facts| {
        facts.artifact.resources.as_mut().unwrap().push(resource("pytorch_model.bin"));
    });
    assert_eq!(field.as_deref(), Some("files.formats"));
    assert_eq!(actual, json!({ "name": "pytorch_model.bin", "format": "pickle" }));
    let (_, field, _, actual) = outcome(|_, _, facts| facts.artifact.ignored_paths.push("weights".to_owned()));
    assert_eq!((field.as_deref(), actual), (Some("files.ignored_paths"), json!("weights")));
}

#[test]
fn every_claim_must_fit() {
    for (claim, good, bad) in [
        ("repository_id", "456789", "456790"),
        (
            "job_workflow_ref",
            "acme/ml-ci/.github/workflows/sign.yml@refs/tags/v9",
            "acme/ml-ci/.github/workflows/sign.yml@refs/tags/v2/x",
        ),
        ("event_name", "release", "Push"),
        ("ref", "refs/heads/main", "refs/heads/main2"),
        ("environment", "PRODUCTION", "staging"),
        ("runner_environment", "github-hosted", "self-hosted"),
    ] {
        let with = |value: Option<Value>| {
            outcome(move |_, _, facts| match &value {
                Some(value) => drop(facts.identity.claims.insert(claim.to_owned(), value.clone())),
                None => drop(facts.identity.claims.remove(claim)),
            })
        };
        assert_eq!(with(Some(json!(good))).0, "policy/allowed", "{claim}");
        let field = format!("github.{claim}");
        for value in
            [json!(bad), json!(""), json!([good]), json!(456_789), json!(true), json!({ "a": good }), Value::Null]
        {
            let (code, found, _, actual) = with(Some(value.clone()));
            assert_eq!((code, found.as_ref()), ("policy/no-rule-matches", Some(&field)), "{claim} {value}");
            assert_eq!(actual, value);
        }
        // A claim that is absent never matches.
        let (_, found, _, actual) = with(None);
        assert_eq!((found.as_ref(), actual), (Some(&field), Value::Null));
    }
}

#[test]
fn the_first_failing_field_is_the_one_that_is_named() {
    type Change = fn(&Keys, &mut PolicyFile, &mut Facts);
    let changes: [(&str, Change); 14] = [
        ("files.ignored_paths", |_, _, facts| facts.artifact.ignored_paths.push("weights".to_owned())),
        ("files.formats", |_, _, facts| facts.artifact.resources = None),
        ("method", |_, _, facts| facts.artifact.method = Some("shards".to_owned())),
        ("hash", |_, _, facts| facts.artifact.hash = Some("blake3".to_owned())),
        ("not_signed_before", |_, file, _| file.rules[0].not_signed_before = Some(at("2026-11-20T12:00:01Z"))),
        ("digests", |_, file, _| file.rules[0].digests = Some(vec![Digest::sha256(b"another")])),
        ("freshness", |_, file, _| file.rules[0].max_age = Some(SignedDuration::from_hours(11))),
        ("evidence", |_, _, facts| facts.evidence.clear()),
        ("github.environment", |_, _, facts| drop(facts.identity.claims.remove("environment"))),
        ("github.repository_id", |_, _, facts| drop(facts.identity.claims.remove("repository_id"))),
        ("github.issuer", |_, _, facts| facts.identity.issuer = Some("https://evil.example".to_owned())),
        ("identity", |_, _, facts| facts.identity.provider = Some("gitlab".to_owned())),
        ("keys", |_, file, _| file.rules[0].keys = vec!["scanner".to_owned()]),
        ("models", |_, _, facts| facts.artifact.name = Some("acme/other".to_owned())),
    ];
    for most in 1..=changes.len() {
        let field = fails_at(|keys, file, facts| {
            for (_, change) in &changes[..most] {
                change(keys, file, facts);
            }
        });
        assert_eq!(field, changes[most - 1].0);
    }
}

#[test]
fn conditions_of_the_manifest_can_also_be_met() {
    assert_eq!(code(|_, file, _| file.rules[0].not_signed_before = Some(at("2026-11-20T12:00:00Z"))), "policy/allowed");
    for digest in [Digest::sha256(b"listed"), Digest::sha256(b"canonical")] {
        assert_eq!(code(|_, file, _| file.rules[0].digests = Some(vec![digest])), "policy/allowed");
    }
    let shards = |_: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        file.rules[0].methods = vec!["files", "shards"];
        file.rules[0].hash = vec![HashAlgorithm::Sha256, HashAlgorithm::Blake2b];
        facts.artifact.method = Some("shards".to_owned());
        facts.artifact.hash = Some("blake2b".to_owned());
    };
    assert_eq!(code(shards), "policy/allowed");
    assert_eq!(fails_at(|_, _, facts| facts.artifact.hash = None), "hash");
    assert_eq!(fails_at(|_, _, facts| facts.artifact.method = None), "method");
    let ignored = |path: &'static str| {
        outcome(move |_, file, facts| {
            file.rules[0].files.ignored_paths = vec![Glob::parse("runs/*").unwrap()];
            facts.artifact.ignored_paths = vec![path.to_owned()];
        })
    };
    for path in ["runs/1", ".git/hooks", ".github", "model.attestations.jsonl"] {
        assert_eq!(ignored(path).0, "policy/allowed", "{path}");
    }
    for path in ["runs/1/2", "runs", ".gitignore/x", "model.sig/x", "a/model.sig", ".gitx", "./.git", ""] {
        assert_eq!(ignored(path).1.as_deref(), Some("files.ignored_paths"), "{path}");
    }
    // The name of a model that is one file is not signed: it is judged with its bytes.
    assert_eq!(code(|_, _, facts| facts.artifact.resources = Some(vec![resource(".")])), "policy/allowed");
}

#[test]
fn t12_names_that_are_not_plain_match_no_rule() {
    for name in [
        "acme/llm-7b ",
        "acme/llm-\n",
        "acme/llm-\u{202e}b7",
        "acme/llm-..",
        "acme/llm-é",
        "acme/llm-a b",
        "",
        "acme//llm-7b",
    ] {
        let change = |_: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
            file.rules[0].models = ["*", "acme/*", "*/*", "acme//*"]
                .map(|glob| Glob::parse(glob).unwrap_or_else(|_| Glob::parse("x").unwrap()))
                .to_vec();
            facts.artifact.name = Some(name.to_owned());
        };
        let allowed = name.parse::<crate::ModelName>().is_ok();
        assert_eq!(code(change) == "policy/allowed", allowed, "{name:?}");
        if !allowed {
            let error = decide(NOW, change).to_error().unwrap();
            assert!(!error.message().contains(['\n', '\u{202e}']), "{error}");
        }
    }
    assert_eq!(fails_at(|_, _, facts| facts.artifact.name = None), "models");
}

#[test]
fn t02_evidence_counts_only_for_the_very_manifest() {
    assert_eq!(fails_at(|_, _, facts| facts.evidence[0].bound = false), "evidence");
    let relaxed = decide(NOW, |_, file, facts| {
        facts.evidence[0].bound = false;
        file.rules[0].danger_root_only = true;
    });
    assert!(relaxed.is_allowed());
    assert_eq!(relaxed.relaxed, ["danger_root_only"]);
}

#[test]
fn t03_all_evidence_must_be_there_and_positive() {
    fn evidence(facts: &mut Facts) -> &mut EvidenceFacts {
        &mut facts.evidence[0]
    }
    type Change = fn(&Keys, &mut PolicyFile, &mut Facts);
    let changes: [(&str, Change); 12] = [
        ("missing", |_, _, facts| facts.evidence.clear()),
        ("another type", |_, _, facts| evidence(facts).predicate_type.push('2')),
        ("unknown key", |_, _, facts| evidence(facts).key = None),
        ("another key", |_, _, facts| evidence(facts).key = Some("models".to_owned())),
        ("another id", |keys, _, facts| evidence(facts).key_id = Some(keys.v4.public.id().to_string())),
        ("no id", |_, _, facts| evidence(facts).key_id = Some("x".to_owned())),
        ("failed", |_, _, facts| evidence(facts).predicate = json!({ "result": "failed" })),
        ("a list", |_, _, facts| evidence(facts).predicate = json!({ "result": ["passed"] })),
        ("no field", |_, _, facts| evidence(facts).predicate = json!({ "results": "passed" })),
        ("old", |_, _, facts| evidence(facts).time = Some(at("2026-10-21T23:59:59Z"))),
        ("future", |_, _, facts| evidence(facts).time = Some(at("2026-11-21T00:05:01Z"))),
        ("no time", |_, _, facts| evidence(facts).time = None),
    ];
    for (what, change) in changes {
        assert_eq!(fails_at(change), "evidence", "{what}");
    }
    let at_time = |time: &'static str| code(move |_, _, facts| evidence(facts).time = Some(at(time)));
    assert_eq!(at_time("2026-10-22T00:00:00Z"), "policy/allowed");
    assert_eq!(at_time("2026-11-21T00:05:00Z"), "policy/allowed");
    // A second demand is not met by the first one's attestation.
    let second = |_: &Keys, file: &mut PolicyFile, _: &mut Facts| {
        let mut demand = file.rules[0].evidence[0].clone();
        demand.predicate_type = "https://acme.example/review/v1".to_owned();
        file.rules[0].evidence.push(demand);
    };
    assert_eq!(fails_at(second), "evidence");
    // Two attestations that meet one demand only together do not meet it.
    let split = |_: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        file.rules[0].evidence[0].fields.insert("/level".to_owned(), vec![json!(2), json!(true)]);
        let mut other = facts.evidence[0].clone();
        other.predicate = json!({ "result": "unknown", "level": 2 });
        facts.evidence.push(other);
    };
    assert_eq!(fails_at(split), "evidence");
    let together = |keys: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        split(keys, file, facts);
        facts.evidence[1].predicate = json!({ "result": "passed", "level": 2 });
    };
    assert_eq!(code(together), "policy/allowed");
    let (.., expected, actual) = outcome(|_, _, facts| evidence(facts).predicate = json!({ "result": "failed" }));
    assert_eq!(
        expected,
        json!({
            "predicate_type": SCAN, "keys": ["scanner"], "max_age": "30d", "fields": { "/result": ["passed"] },
        })
    );
    assert_eq!(
        actual,
        json!([{
            "key": "scanner", "bound": true, "time": "2026-11-19T00:00:00Z", "fields": { "/result": "failed" },
        }])
    );
}

#[test]
fn evidence_of_keys_that_are_no_longer_accepted_does_not_count() {
    let revoked = |keys: &Keys, file: &mut PolicyFile, _: &mut Facts| {
        revoke(file, RevokedThing::KeyId(keys.scanner.public.id()));
    };
    assert_eq!(fails_at(revoked), "evidence");
    let expired = |keys: &Keys, file: &mut PolicyFile, _: &mut Facts| {
        let mut trusted = file.trusted.keys().to_vec();
        let window = SigningWindow::new(None, Some(at(NOW))).unwrap();
        trusted[3] = keys.scanner.named("scanner").with_window(window);
        file.trusted = TrustedKeys::new(trusted, vec![], LeafPin::default()).unwrap();
    };
    assert_eq!(fails_at(expired), "evidence");
    let by_version = |keys: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        file.rules[0].evidence[0].keys = vec!["models".to_owned()];
        facts.evidence[0].key = Some("models".to_owned());
        facts.evidence[0].key_id = Some(keys.v3.public.id().to_string());
    };
    assert_eq!(code(by_version), "policy/allowed");
    let version_revoked = |keys: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        by_version(keys, file, facts);
        revoke(file, RevokedThing::KeyVersions("models".to_owned(), vec![3.try_into().unwrap()]));
    };
    assert_eq!(fails_at(version_revoked), "evidence");
}

#[test]
fn t28_revocations_are_final_and_compare_every_form() {
    type Thing = fn(&Keys) -> RevokedThing;
    let things: [Thing; 6] = [
        |_| RevokedThing::Model(Digest::sha256(b"listed")),
        |_| RevokedThing::Model(Digest::sha256(b"canonical")),
        |_| RevokedThing::File(Digest::sha256(b"model.safetensors")),
        |keys| RevokedThing::KeyId(keys.v4.public.id()),
        |_| RevokedThing::KeyVersions("models".to_owned(), vec![4.try_into().unwrap()]),
        |_| RevokedThing::Model(Digest::sha256(b"reference")),
    ];
    for (index, thing) in things.into_iter().enumerate() {
        let decision = decide(NOW, |keys, file, facts| {
            facts.artifact.reference_root_digest = Some(Digest::sha256(b"reference").to_string());
            revoke(file, thing(keys));
        });
        assert_eq!((decision.code, decision.rules.len()), ("policy/revoked", 0), "{index}");
        assert!(decision.to_error().unwrap().message().ends_with("is revoked: withdrawn"));
    }
    let others: [Thing; 5] = [
        |_| RevokedThing::Model(Digest::sha256(b"model.safetensors")),
        |_| RevokedThing::File(Digest::sha256(b"listed")),
        |keys| RevokedThing::KeyId(keys.v3.public.id()),
        |_| RevokedThing::KeyVersions("models".to_owned(), vec![3.try_into().unwrap()]),
        |_| RevokedThing::KeyVersions("scanner".to_owned(), vec![4.try_into().unwrap()]),
    ];
    for thing in others {
        assert_eq!(code(|keys, file, _| revoke(file, thing(keys))), "policy/allowed");
    }
}

fn with_certificate(file: &mut PolicyFile, window: SigningWindow) {
    file.certificates.push(PolicyCertificate {
        name: "ca".to_owned(),
        anchors: vec![],
        alternative_names: vec!["a@acme.example".to_owned()],
        window,
        line: 1,
    });
}

#[test]
fn t28_a_revoked_authority_revokes_what_its_certificates_sign_and_attest() {
    // Of a chain of three: the leaf's key, the intermediate's, the anchor's.
    let of_chain = |keys: &Keys| [&keys.v2, &keys.v3, &keys.v4].map(|key| key.public.id());
    let certified = |revoked: Option<usize>, attested: bool| {
        outcome(|keys, file, facts| {
            with_certificate(file, SigningWindow::new(None, None).unwrap());
            let [leaf, intermediate, anchor] = of_chain(keys).map(|id| id.to_string());
            let issuers = vec![intermediate, anchor];
            if attested {
                file.rules[0].evidence[0].keys = vec!["ca".to_owned()];
                let evidence = &mut facts.evidence[0];
                (evidence.key, evidence.key_id) = (Some("ca".to_owned()), Some(leaf));
                evidence.issuer_key_ids = issuers;
                signed_by(facts, &keys.experiments, "experiments", None);
                file.rules[0].keys = vec!["experiments".to_owned()];
            } else {
                file.rules[0].keys.push("ca".to_owned());
                let signature = &mut facts.signature;
                (signature.key, signature.key_id) = (Some("ca".to_owned()), Some(leaf));
                signature.key_version = None;
                signature.issuer_key_ids = issuers;
            }
            if let Some(at) = revoked {
                revoke(file, RevokedThing::KeyId(of_chain(keys)[at]));
            }
        })
    };
    assert_eq!(certified(None, false).0, "policy/allowed");
    assert_eq!(certified(None, true).0, "policy/allowed");
    for at in 0..3 {
        assert_eq!(certified(Some(at), false).0, "policy/revoked", "{at}");
        assert_eq!(certified(Some(at), true).1.as_deref(), Some("evidence"), "{at}");
    }
    assert_eq!(fails_at(|_, _, facts| facts.evidence[0].issuer_key_ids = vec!["x".to_owned()]), "evidence");
}

#[test]
fn only_a_trusted_timestamp_can_except_a_signature_from_the_revocation_of_its_key() {
    let excepted = |source: &'static str, until: &'static str| {
        code(move |keys, file, facts| {
            revoke(file, RevokedThing::KeyId(keys.v4.public.id()));
            file.revoked[0].except_timestamped_before = Some(at(until));
            facts.signature.time_source = Some(source.to_owned());
        })
    };
    assert_eq!(excepted("trusted", "2026-11-20T12:00:01Z"), "policy/allowed");
    assert_eq!(excepted("trusted", "2026-11-20T12:00:00Z"), "policy/revoked");
    assert_eq!(excepted("asserted", "2026-11-20T12:00:01Z"), "policy/revoked");
}

#[test]
fn t14_the_signer_must_be_one_of_this_policy() {
    type Change = fn(&Keys, &mut PolicyFile, &mut Facts);
    let changes: [(&str, Change); 9] = [
        ("not verified", |_, _, facts| facts.signature.verified = Some(false)),
        ("not known to be verified", |_, _, facts| facts.signature.verified = None),
        ("no name", |_, _, facts| facts.signature.key = None),
        ("another name", |_, _, facts| facts.signature.key = Some("model".to_owned())),
        ("another id", |keys, _, facts| facts.signature.key_id = Some(keys.v2.public.id().to_string())),
        ("id of another version", |keys, _, facts| facts.signature.key_id = Some(keys.v3.public.id().to_string())),
        ("version that is not there", |_, _, facts| facts.signature.key_version = Some(5)),
        ("neither id nor version", |_, _, facts| {
            facts.signature.key_id = None;
            facts.signature.key_version = None;
        }),
        ("version of a key without", |keys, _, facts| signed_by(facts, &keys.scanner, "scanner", Some(1))),
    ];
    for (what, change) in changes {
        assert_eq!(code(change), "signature/unknown-key", "{what}");
    }
    assert_eq!(code(|_, _, facts| facts.signature.key_id = None), "policy/allowed");
}

#[test]
fn windows_are_half_open_and_an_asserted_time_never_helps() {
    let at_time = |now: &str, version: u32, signed_at: Option<&str>| {
        outcome_at(now, |keys, file, facts| {
            let key = if version == 3 { &keys.v3 } else { &keys.v4 };
            signed_by(facts, key, "models", Some(version));
            facts.signature.signed_at = signed_at.map(at);
            file.rules[0].max_age = None;
            file.rules[0].evidence.clear();
        })
        .0
    };
    assert_eq!(at_time("2026-11-01T00:00:00Z", 4, None), "policy/allowed");
    assert_eq!(at_time("2026-10-31T23:59:59Z", 4, None), "policy/key-window");
    assert_eq!(at_time("2027-01-30T23:59:59Z", 3, None), "policy/allowed");
    assert_eq!(at_time("2027-01-31T00:00:00Z", 3, None), "policy/key-window");
    assert_eq!(at_time("2027-02-01T00:00:00Z", 3, Some("2026-12-01T00:00:00Z")), "policy/key-window");
    assert_eq!(at_time("2026-11-21T00:00:00Z", 4, Some("2026-10-01T00:00:00Z")), "policy/key-window");
}

#[test]
fn certificates_have_windows_too() {
    let with_window = |until: Option<&str>| {
        outcome(|_, file, facts| {
            with_certificate(file, SigningWindow::new(None, until.map(at)).unwrap());
            file.rules[0].keys.push("ca".to_owned());
            facts.signature.key = Some("ca".to_owned());
            facts.signature.key_version = None;
        })
        .0
    };
    assert_eq!(with_window(None), "policy/allowed");
    assert_eq!(with_window(Some(NOW)), "policy/key-window");
}

#[test]
fn t30_old_signatures_are_refused_where_the_rule_says_so() {
    let signed_at = |time: Option<&str>| outcome(|_, _, facts| facts.signature.signed_at = time.map(at));
    let long_window = |time: &str| {
        outcome_at(time, |_, file, facts| {
            file.rules[0].evidence.clear();
            facts.signature.signed_at = Some(at("2026-11-20T12:00:00Z"));
        })
    };
    assert_eq!(signed_at(Some("2026-11-20T12:00:00Z")).0, "policy/allowed");
    let (_, field, expected, actual) = signed_at(None);
    assert_eq!((field.as_deref(), expected, actual), (Some("freshness"), json!({ "max_age": "180d" }), Value::Null));
    assert_eq!(signed_at(Some("2026-11-21T00:05:00Z")).0, "policy/allowed");
    assert_eq!(signed_at(Some("2026-11-21T00:05:01Z")).1.as_deref(), Some("freshness"));
    assert_eq!(long_window("2027-05-19T12:00:00Z").0, "policy/allowed");
    assert_eq!(long_window("2027-05-19T12:00:01Z").1.as_deref(), Some("freshness"));
    let not_before = |signed_at: Option<&str>| {
        outcome(|_, file, facts| {
            file.rules[0].max_age = None;
            file.rules[0].not_signed_before = Some(at("2026-11-20T12:00:00Z"));
            facts.signature.signed_at = signed_at.map(at);
        })
        .0
    };
    assert_eq!(not_before(Some("2026-11-20T12:00:00Z")), "policy/allowed");
    for bad in [Some("2026-11-20T11:59:59Z"), Some("2026-11-21T00:05:01Z"), None] {
        assert_eq!(not_before(bad), "policy/no-rule-matches", "{bad:?}");
    }
}

#[test]
fn t25_a_shared_key_shows_what_it_weakens() {
    // Whoever passes the weak rule signs provenance of his choice with the key that the strong rule trusts: what the
    // strong rule sees is then only what that key says. With keys of their own the rules stay apart.
    let weak_key = outcome(|keys, _, facts| signed_by(facts, &keys.experiments, "experiments", None));
    assert_eq!((weak_key.0, weak_key.1.as_deref()), ("policy/no-rule-matches", Some("keys")));
    let shared = decide(NOW, |_, file, _| file.keys[0].shared = true);
    assert_eq!(shared.relaxed, ["shared_key"]);
    assert!(decide(NOW, |_, file, _| file.keys[1].shared = true).relaxed.is_empty());
}

#[test]
fn t04_two_provenance_statements_are_no_identity() {
    let decision = decide(NOW, |_, _, facts| facts.identity.ambiguous = true);
    assert_eq!((decision.code, decision.rules[0].field.as_deref()), ("policy/ambiguous-identity", Some("identity")));
    let key_only = |_: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        file.rules[0].identity = IdentityRule::KeyOnly;
        facts.identity.ambiguous = true;
    };
    assert_eq!(code(key_only), "policy/ambiguous-identity");
}

#[test]
fn a_rule_for_the_key_alone_needs_no_identity() {
    let key_only = |_: &Keys, file: &mut PolicyFile, facts: &mut Facts| {
        file.rules[0].identity = IdentityRule::KeyOnly;
        facts.identity = crate::IdentityFacts::default();
    };
    assert_eq!(code(key_only), "policy/allowed");
}

#[test]
fn the_claims_of_one_platform_are_none_of_another() {
    let gitlab = |_: &Keys, file: &mut PolicyFile, _: &mut Facts| {
        let IdentityRule::Claims(claims) = &mut file.rules[0].identity else { return };
        claims.provider = IdentityProvider::Gitlab;
    };
    assert_eq!(fails_at(gitlab), "identity");
}

#[test]
fn globs_and_names_without_case_fit_without_case_only_where_they_say_so() {
    let with = |matcher: Matcher| {
        let matcher = std::cell::RefCell::new(Some(matcher));
        code(|_, file, _| {
            let IdentityRule::Claims(claims) = &mut file.rules[0].identity else { return };
            claims.conditions[4].matcher = matcher.borrow_mut().take().unwrap();
        })
    };
    let glob = || vec![Glob::parse("prod*").unwrap()];
    assert_eq!(with(Matcher::GlobsIgnoringCase(glob())), "policy/allowed");
    assert_eq!(with(Matcher::Globs(glob())), "policy/no-rule-matches");
    assert_eq!(with(exact(&["production"])), "policy/no-rule-matches");
}

#[test]
fn an_allowance_lasts_until_the_first_of_its_reasons_ends() {
    let until = |now: &str, change: fn(&Keys, &mut PolicyFile, &mut Facts)| {
        decide(now, change).valid_until.map(|time| time.to_string()).unwrap()
    };
    assert_eq!(until(NOW, |_, file, _| file.decision_ttl = days(1)), "2026-11-22T00:00:00Z");
    assert_eq!(until(NOW, |_, file, _| file.valid_until = Some(at("2026-11-21T00:01:00Z"))), "2026-11-21T00:01:00Z");
    assert_eq!(
        until("2026-12-18T23:50:00Z", |_, file, _| file.decision_ttl = days(1)),
        "2026-12-19T00:00:00Z",
        "the scan is 30 days old"
    );
    assert_eq!(
        until("2026-12-18T23:50:00Z", |_, file, facts| {
            file.decision_ttl = days(1);
            let mut younger = facts.evidence[0].clone();
            younger.time = Some(at("2026-11-19T06:00:00Z"));
            facts.evidence.insert(0, younger);
        }),
        "2026-12-19T06:00:00Z",
        "the younger of two scans"
    );
    assert_eq!(
        until(NOW, |_, file, _| {
            file.decision_ttl = days(1);
            file.rules[0].max_age = Some(SignedDuration::from_hours(13));
        }),
        "2026-11-21T01:00:00Z"
    );
    assert_eq!(
        until("2027-01-30T23:59:00Z", |keys, file, facts| {
            signed_by(facts, &keys.v3, "models", Some(3));
            file.rules[0].evidence.clear();
        }),
        "2027-01-31T00:00:00Z"
    );
    assert_eq!(code(|_, file, _| file.valid_until = Some(at(NOW))), "policy/expired");
}

#[test]
fn what_a_rule_relaxes_is_in_the_record() {
    let decision = decide(NOW, |_, file, _| {
        let files = &mut file.rules[0].files;
        files.formats = Some(vec![FileFormat::Safetensors, FileFormat::Json, FileFormat::Pickle, FileFormat::Code]);
        files.danger_allow_unsigned = vec![Glob::parse("*.log").unwrap()];
    });
    assert_eq!(decision.relaxed, ["code", "pickle", "danger_allow_unsigned"]);
}

#[test]
fn the_first_rule_that_passes_decides_and_the_others_stay_candidates() {
    let decision = decide(NOW, |_, file, _| {
        file.rules.insert(0, rule("strict", "acme/llm-*", "models", github([("repository_id", exact(&["1"]))])));
        file.rules.push(rule("also", "acme/*", "models", IdentityRule::KeyOnly));
    });
    assert_eq!(decision.rule.as_deref(), Some("production language models"));
    assert_eq!(decision.candidates.iter().map(|candidate| candidate.rule).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(decision.rules.len(), 4);
}

#[test]
fn the_input_is_total() {
    let empty = input(&Facts::default(), None, at(NOW));
    assert_eq!(empty["identity"]["github"]["event_name"], Value::Null);
    for (table, claim) in [
        ("github", "repository_id"),
        ("github", "job_workflow_ref"),
        ("github", "actor"),
        ("gitlab", "project_id"),
        ("gitlab", "pipeline_source"),
        ("kubernetes", "namespace"),
        ("kubernetes", "service_account"),
        ("kubernetes", "service_account_uid"),
        ("oidc", "sub"),
    ] {
        assert!(empty["identity"][table].as_object().unwrap().contains_key(claim), "{table} {claim}");
    }
    let (keys, file) = production();
    let mut facts = good_facts(&keys);
    facts.identity.claims.insert("repo_property_team".to_owned(), json!("a"));
    facts.identity.claims.insert("invented".to_owned(), json!("a"));
    let decision = evaluate(&file, &facts, at(NOW));
    let full = input(&facts, Some(&decision), at(NOW));
    // Nothing appears or disappears with knowledge, but the claims of families.
    assert_eq!(keys_of(&empty), keys_of(&full));
    assert_eq!(keys_of(&empty["artifact"]), keys_of(&full["artifact"]));
    assert_eq!(keys_of(&empty["signature"]), keys_of(&full["signature"]));
    assert_eq!(keys_of(&empty["identity"]), keys_of(&full["identity"]));
    assert_eq!(keys_of(&empty["native"]), keys_of(&full["native"]));
    assert_eq!(full["identity"]["github"]["event_name"], "push");
    assert_eq!(full["identity"]["github"]["repo_property_team"], "a");
    assert_eq!(full["identity"]["github"].get("invented"), None);
    assert_eq!(full["identity"]["gitlab"], empty["identity"]["gitlab"]);
    assert_eq!(full["native"]["decision"], "allow");
    assert_eq!(full["native"]["rules"][1]["field"], "models");
    assert_eq!(full["artifact"]["resources"][0]["name"], "config.json");
    assert_eq!(full["now"], NOW);
    facts.artifact.resources = Some(vec![resource("x"); 10_001]);
    assert_eq!(input(&facts, None, at(NOW))["artifact"]["resources"], Value::Null);
    facts.identity.provider = Some("oidc".to_owned());
    let other = input(&facts, None, at(NOW));
    assert_eq!(
        (&other["identity"]["oidc"]["invented"], &other["identity"]["github"]["ref"]),
        (&json!("a"), &Value::Null)
    );
}

fn keys_of(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[test]
fn unknown_facts_are_denied() {
    let (_, file) = production();
    let decision = evaluate(&file, &Facts::default(), at(NOW));
    assert_eq!(decision.code, "signature/unknown-key");
}
