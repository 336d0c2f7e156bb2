//! Evaluating a policy: pure in policy, facts and time.

mod evidence;
mod explain;
mod input;
mod rule;
mod signer;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

pub(super) use explain::explain;
pub(super) use input::input;
pub(crate) use rule::format_names;
pub(crate) use signer::{certificate_of, revocation};

use self::rule::Failed;
use super::decision::Candidate;
use super::model::PolicyFile;
use super::{DecidedArtifact, DecidedIdentity, DecidedSignature, Decision, Facts, PolicyRef, RuleResult, Verdict};
use crate::{Code, Error, Result};

/// How far a time that somebody wrote down may lie ahead of the verifier's clock.
const MOST_AHEAD: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn evaluate(file: &PolicyFile, facts: &Facts, now: Timestamp) -> Decision {
    let mut decision = undecided(file, facts, now);
    let window_end = match before_rules(file, facts, now) {
        Ok(window_end) => window_end,
        Err(error) => {
            decision.refuse(error);
            return decision;
        }
    };
    for (index, rule) in file.rules.iter().enumerate() {
        let result = match rule::pass(file, rule, facts, now) {
            Ok(passed) => {
                let ends = [window_end, passed.until, file.valid_until].into_iter().flatten();
                let valid_until = ends.fold(now.checked_add(file.decision_ttl).unwrap_or(now), Timestamp::min);
                let (evidence, relaxed) = (passed.evidence, passed.relaxed);
                decision.candidates.push(Candidate { rule: index, valid_until, evidence, relaxed });
                RuleResult {
                    name: rule.name.clone(),
                    result: Verdict::Allow,
                    field: None,
                    expected: serde_json::Value::Null,
                    actual: serde_json::Value::Null,
                }
            }
            Err(Failed { field, expected, actual }) => {
                RuleResult { name: rule.name.clone(), result: Verdict::Deny, field: Some(field), expected, actual }
            }
        };
        decision.rules.push(result);
    }
    if facts.identity.ambiguous {
        decision.refuse(Error::new(
            Code::PolicyAmbiguousIdentity,
            "the key that signed the model also signed more than one provenance statement about it",
        ));
    } else {
        decision.settle();
    }
    decision
}

/// The record before anything was decided: a denial.
pub(super) fn undecided(file: &PolicyFile, facts: &Facts, now: Timestamp) -> Decision {
    let (artifact, signature, identity) = (&facts.artifact, &facts.signature, &facts.identity);
    Decision {
        kind: "modelseal.decision",
        version: 1,
        decision: Verdict::Deny,
        code: Code::PolicyNoRuleMatches.as_str(),
        evaluated_at: now,
        valid_until: None,
        policy: PolicyRef { name: file.name.clone(), sha256: file.digest.to_hex() },
        artifact: DecidedArtifact {
            name: artifact.name.clone(),
            root_digest: artifact.root_digest.clone(),
            files: artifact.resources.as_ref().map(|files| files.len() as u64),
        },
        signature: DecidedSignature {
            key: signature.key.clone(),
            key_id: signature.key_id.clone(),
            key_version: signature.key_version,
            signed_at: signature.signed_at,
            time_source: signature.time_source.clone(),
        },
        identity: DecidedIdentity { provider: identity.provider.clone(), claims: identity.claims.clone() },
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

/// What no rule can overcome. Returns when the signing window ends, if it ends.
fn before_rules(file: &PolicyFile, facts: &Facts, now: Timestamp) -> Result<Option<Timestamp>> {
    if let Some(end) = file.valid_until.filter(|end| *end <= now) {
        return Err(Error::new(Code::PolicyExpired, format!("the policy may be used only before {end}")));
    }
    let signer = signer::find(file, &facts.signature)?;
    signer::check_revoked(file, facts)?;
    signer.check_version()?;
    signer.check_window(&facts.signature, now)
}

/// Whether a time that somebody wrote down lies so far ahead that it says nothing.
fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > MOST_AHEAD
}

/// As policies write it.
fn duration_text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = [(604_800, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm')]
        .into_iter()
        .find(|(unit, _)| seconds != 0 && seconds % unit == 0)
        .map_or((seconds, 's'), |(unit, letter)| (seconds / unit, letter));
    format!("{count}{unit}")
}
