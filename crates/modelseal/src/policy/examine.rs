//! Looking at a signed model with the eyes of a policy, without its files.

use std::path::Path;

use modelseal_core::{Code, Decision, Error, Facts, Observer, Policy, Result, RuleResult, Timestamp, TrustedKeys};
use serde_json::Value;

use crate::verify::{Evidence, VerifyOptions};

/// What a policy sees of a signed model, and what each of its rules says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Examination {
    /// What the signature and its attestations prove.
    pub facts: Facts,
    /// What the policy decides by itself, before Rego, OPA and the files.
    pub decision: Decision,
    /// Every rule, also where the decision came before all rules.
    pub rules: Vec<RuleResult>,
    /// What Rego modules and an OPA server are asked.
    pub input: Value,
}

/// Verifies the signature of the model at `model` and its attestations with the keys of `policy`, and lets every rule
/// look at them. No file of the model is read, and nothing is allowed by this.
///
/// # Errors
/// Whatever refuses the signature or the attestations; `usage/arguments` for a policy that is no file.
pub fn examine_model(
    model: &Path,
    policy: &Policy,
    options: &VerifyOptions,
    now: Timestamp,
    observer: &dyn Observer,
) -> Result<Examination> {
    let trusted: &TrustedKeys = policy
        .trusted_keys()
        .ok_or_else(|| Error::new(Code::UsageArguments, "without a policy there is nothing to explain"))?;
    let evidence = Evidence::gather(model, trusted, policy, options, now, observer, None)?;
    let facts = evidence.signed.facts(policy, &evidence.attestations)?;
    let decision = policy.evaluate(&facts, now);
    let decision = decision.ok_or_else(|| Error::new(Code::UsageArguments, "without a policy nothing is decided"))?;
    let input = Policy::input(&facts, Some(&decision), now);
    Ok(Examination { rules: policy.explain(&facts, now), facts, decision, input })
}
