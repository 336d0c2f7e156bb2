//! What a policy decided, in words.

use modelseal::{Decision, RuleResult, Verdict, escape};
use serde_json::Value;

/// Longest text of one value, in characters: claims are free text.
const MOST: usize = 100;

/// `production, rule language models`.
pub(crate) fn policy_and_rule(decision: &Decision) -> String {
    let rule = decision.rule.as_deref().map_or_else(String::new, |rule| format!(", rule {}", escape(rule)));
    format!("{}{rule}", escape(&decision.policy.name))
}

/// One line for each rule that denied: the first field that failed, what it must be and what it is.
pub(crate) fn denials(decision: &Decision) -> Vec<String> {
    let denied = decision.rules.iter().filter(|rule| rule.result == Verdict::Deny);
    denied.map(|rule| format!("rule {}: {}", escape(&rule.name), failure(rule))).collect()
}

/// `github.event_name is pull_request_target, expected is push or release`.
pub(crate) fn failure(rule: &RuleResult) -> String {
    let field = escape(rule.field.as_deref().unwrap_or("the rule"));
    format!("{field} is {}, expected is {}", shown(&rule.actual), expected(&rule.expected))
}

/// Any of several values, or one.
pub(crate) fn expected(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            shorten(&values.join(" or "))
        }
        value => shown(value),
    }
}

/// A value: text without quotes, what is not known as such.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => shorten(&escape(text)),
        value => shorten(&escape(&value.to_string())),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_words() {
        assert_eq!(expected(&json!(["push", "release"])), "push or release");
        assert_eq!(expected(&json!("< 2027")), "< 2027");
        assert_eq!(shown(&Value::Null), "not known");
        assert_eq!(shown(&json!(["a", 1])), r#"["a",1]"#);
        assert_eq!(shown(&json!("a\n\u{202e}")), "a\\n\\u{202e}");
        assert_eq!(shown(&json!("x".repeat(101))).chars().count(), 101);
    }
}
