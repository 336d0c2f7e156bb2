//! The record of a decision.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{Code, Error};

/// What a policy decided, and why: one JSON object, every key always present.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// `modelseal.decision`.
    pub kind: &'static str,
    /// Version of this form.
    pub version: u8,
    /// `allow` or `deny`.
    pub decision: Verdict,
    /// `policy/allowed`, or the code of the refusal.
    pub code: &'static str,
    /// When, by the verifier's clock.
    pub evaluated_at: Timestamp,
    /// Until when an allowance may be reused.
    pub valid_until: Option<Timestamp>,
    /// Which policy.
    pub policy: PolicyRef,
    /// About which artifact.
    pub artifact: DecidedArtifact,
    /// By which signature.
    pub signature: DecidedSignature,
    /// By whom.
    pub identity: DecidedIdentity,
    /// The rule that allowed.
    pub rule: Option<String>,
    /// Every rule that was looked at, in file order.
    pub rules: Vec<RuleResult>,
    /// What the Rego modules said.
    pub rego: Option<StageResult>,
    /// What the OPA server said.
    pub opa: Option<StageResult>,
    /// Predicate types of the evidence that counted.
    pub evidence: Vec<String>,
    /// Checks that were weakened.
    pub relaxed: Vec<String>,
    /// Paths on disk that the signature does not cover; known after the files were looked at.
    pub uncovered: Vec<String>,
    /// The refusal, for those who raise it.
    #[serde(skip)]
    pub(crate) refusal: Option<Error>,
    /// The rules that passed, in file order.
    #[serde(skip)]
    pub(crate) candidates: Vec<Candidate>,
}

/// A rule that passed so far, and what an allowance by it is worth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its place in the file.
    pub(crate) rule: usize,
    pub(crate) valid_until: Timestamp,
    pub(crate) evidence: Vec<String>,
    pub(crate) relaxed: Vec<String>,
}

/// Allow or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between yes and no")]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Which policy decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyRef {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// The artifact of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecidedArtifact {
    /// The signed name.
    pub name: Option<String>,
    /// The root digest.
    pub root_digest: Option<String>,
    /// How many files are signed.
    pub files: Option<u64>,
}

/// The signature of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecidedSignature {
    /// The policy's name of the key.
    pub key: Option<String>,
    /// Its id.
    pub key_id: Option<String>,
    /// Its version.
    pub key_version: Option<u32>,
    /// When it was made.
    pub signed_at: Option<Timestamp>,
    /// Who says so.
    pub time_source: Option<String>,
}

/// The identity of a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DecidedIdentity {
    /// `github`, `gitlab`, `kubernetes`, `oidc`.
    pub provider: Option<String>,
    /// Every claim that was signed.
    pub claims: std::collections::BTreeMap<String, Value>,
}

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RuleResult {
    /// The rule.
    pub name: String,
    /// Whether it passed.
    pub result: Verdict,
    /// The first field that failed.
    pub field: Option<String>,
    /// What the rule wants there.
    pub expected: Value,
    /// What was found.
    pub actual: Value,
}

/// What a narrowing stage said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageResult {
    /// Whether it let the allowance stand.
    pub result: Verdict,
    /// The code of its refusal.
    pub code: Option<&'static str>,
    /// Its words.
    pub message: Option<String>,
}

impl Decision {
    /// Whether the artifact is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Verdict::Allow
    }

    /// The refusal, which carries the decision; `None` when the artifact is allowed.
    #[must_use]
    pub fn to_error(&self) -> Option<Error> {
        if self.is_allowed() {
            return None;
        }
        let unexplained = || Error::new(Code::PolicyNoRuleMatches, "the policy does not allow the artifact");
        Some(self.refusal.clone().unwrap_or_else(unexplained).with_decision(self.clone()))
    }

    /// Allows by the first rule that passed; `None` passed: the refusal says so.
    pub(crate) fn settle(&mut self) {
        let Some(first) = self.candidates.first() else {
            return self.refuse(Error::new(Code::PolicyNoRuleMatches, self.unmatched()));
        };
        self.decision = Verdict::Allow;
        self.code = "policy/allowed";
        self.valid_until = Some(first.valid_until);
        self.rule = self.rules.get(first.rule).map(|rule| rule.name.clone());
        self.evidence.clone_from(&first.evidence);
        self.relaxed.clone_from(&first.relaxed);
    }

    /// Denies with this error. What was found out about rules stays.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.decision = Verdict::Deny;
        self.code = error.code().as_str();
        self.valid_until = None;
        self.rule = None;
        self.evidence.clear();
        self.relaxed.clear();
        self.candidates.clear();
        self.refusal = Some(error);
    }

    /// As [`refuse`](Self::refuse); the error comes back with the record.
    pub(crate) fn refused(&mut self, error: Error) -> Error {
        self.refuse(error.clone());
        error.with_decision(self.clone())
    }

    /// Takes a rule that passed from the candidates.
    pub(crate) fn drop_candidate(&mut self, rule: usize, field: &str, expected: Value, actual: Value) {
        self.candidates.retain(|candidate| candidate.rule != rule);
        if let Some(result) = self.rules.get_mut(rule) {
            result.result = Verdict::Deny;
            result.field = Some(field.to_owned());
            result.expected = expected;
            result.actual = actual;
        }
    }

    fn unmatched(&self) -> String {
        let name = self.artifact.name.as_deref().unwrap_or_default();
        match &self.rules[..] {
            [only] => {
                let field = only.field.as_deref().unwrap_or_default();
                format!("the only rule, `{}`, does not allow `{name:.100}`: it fails at {field}", only.name)
            }
            rules => format!("none of {} rules allows `{name:.100}`", rules.len()),
        }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text, numbers and times only: writing them into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
