//! Evaluating a policy: pure in policy, facts and time.

use jiff::Timestamp;
use serde_json::Value;

use super::model::PolicyFile;
use super::{DecidedArtifact, DecidedIdentity, DecidedSignature, Decision, Facts, PolicyRef, Verdict};

pub(super) fn evaluate(file: &PolicyFile, _facts: &Facts, now: Timestamp) -> Decision {
    Decision {
        kind: "modelseal.decision",
        version: 1,
        decision: Verdict::Deny,
        code: "policy/no-rule-matches",
        evaluated_at: now,
        valid_until: None,
        policy: PolicyRef { name: file.name.clone(), sha256: file.digest.to_hex() },
        artifact: DecidedArtifact::default(),
        signature: DecidedSignature::default(),
        identity: DecidedIdentity::default(),
        rule: None,
        rules: Vec::new(),
        rego: None,
        opa: None,
        evidence: Vec::new(),
        relaxed: Vec::new(),
        uncovered: Vec::new(),
        refusal: None,
        candidates: Vec::new(),
    }
}

pub(super) fn input(_facts: &Facts, _native: Option<&Decision>, _now: Timestamp) -> Value {
    Value::Null
}
