//! One key behind two identities.

use super::super::model::{ClaimRule, IdentityRule, Matcher, PolicyFile, Rule};
use crate::key_table::text::at_line;
use crate::{Code, Error, Result};

/// Refuses a key that two rules name with different identities: whoever passes the weaker rule can sign the provenance
/// that the stronger one asks for.
///
/// # Errors
/// `policy/key-shared`.
pub(super) fn check(file: &PolicyFile) -> Result<()> {
    for (index, rule) in file.rules.iter().enumerate() {
        for earlier in &file.rules[..index] {
            if same_identity(&earlier.identity, &rule.identity) {
                continue;
            }
            if let Some(key) = rule.keys.iter().find(|key| earlier.keys.contains(key) && !may_be_shared(file, key)) {
                return Err(refusal(file, key, earlier, rule));
            }
        }
    }
    Ok(())
}

pub(in crate::policy) fn same_identity(one: &IdentityRule, other: &IdentityRule) -> bool {
    match (one, other) {
        (IdentityRule::KeyOnly, IdentityRule::KeyOnly) => true,
        (IdentityRule::Claims(one), IdentityRule::Claims(other)) => same_claims(one, other),
        _ => false,
    }
}

fn same_claims(one: &ClaimRule, other: &ClaimRule) -> bool {
    one.provider == other.provider
        && one.issuer == other.issuer
        && one.conditions.len() == other.conditions.len()
        && one.conditions.iter().all(|condition| {
            let same_claim = other
                .conditions
                .iter()
                .find(|other| other.claim == condition.claim && other.claim_name == condition.claim_name);
            same_claim.is_some_and(|other| values(&condition.matcher) == values(&other.matcher))
        })
}

/// The order of a list says nothing. One field has one kind of matcher.
fn values(matcher: &Matcher) -> Vec<&str> {
    let mut values: Vec<&str> = match matcher {
        Matcher::Exact(texts) | Matcher::ExactIgnoringCase(texts) => texts.iter().map(String::as_str).collect(),
        Matcher::Globs(globs) | Matcher::GlobsIgnoringCase(globs) => globs.iter().map(|glob| glob.as_str()).collect(),
    };
    values.sort_unstable();
    values.dedup();
    values
}

fn may_be_shared(file: &PolicyFile, name: &str) -> bool {
    file.keys.iter().any(|key| key.name == name && key.shared)
}

fn refusal(file: &PolicyFile, key: &str, earlier: &Rule, rule: &Rule) -> Error {
    let message = format!(
        "the rules `{:.100}` and `{:.100}` trust `{key:.100}` for different identities",
        earlier.name, rule.name
    );
    let error = Error::new(Code::PolicyKeyShared, message);
    let is_certificate = file.certificates.iter().any(|certificate| certificate.name == key);
    at_line(
        rule.line,
        &if is_certificate { error.with_hint("give each identity a certificate of its own") } else { error },
    )
}
