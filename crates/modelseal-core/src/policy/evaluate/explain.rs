//! What every rule says, for those who ask why.

use jiff::Timestamp;

use super::rule::{self, Failed};
use crate::policy::model::PolicyFile;
use crate::policy::{Facts, RuleResult, Verdict};

/// Every rule in file order, also where a revocation or the key decided before any rule. Allows nothing.
pub(crate) fn explain(file: &PolicyFile, facts: &Facts, now: Timestamp) -> Vec<RuleResult> {
    let explained = |rule: &crate::policy::model::Rule| match rule::pass(file, rule, facts, now) {
        Ok(_) => RuleResult {
            name: rule.name.clone(),
            result: Verdict::Allow,
            field: None,
            expected: serde_json::Value::Null,
            actual: serde_json::Value::Null,
        },
        Err(Failed { field, expected, actual }) => {
            RuleResult { name: rule.name.clone(), result: Verdict::Deny, field: Some(field), expected, actual }
        }
    };
    file.rules.iter().map(explained).collect()
}
