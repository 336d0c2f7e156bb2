//! Cases that a policy is tried with: facts, and what is expected of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::value::Datetime;

use super::{Decision, Facts, Policy, Verdict};
use crate::key_table::text::{Kind, Text, at_line};
use crate::{Code, Error, Result};

static KIND: Kind = Kind {
    word: "file of cases",
    code: Code::PolicySyntax,
    unknown_field: Code::PolicyUnknownField,
    hint: "docs/policy.md describes cases; `modelseal policy input MODEL` prints facts to begin with",
};

/// Cases that a policy is tried with, in the order of their file.
#[derive(Clone, Debug)]
pub struct PolicyCases(Vec<PolicyCase>);

/// Facts, and what a policy is expected to make of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PolicyCase {
    /// Its name, which no other case of the file has. Safe to print.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// Allow or deny.
    pub expect: Verdict,
    /// The rule that allows; or, with a field, the rule that fails there.
    pub rule: Option<String>,
    /// The code of the decision.
    pub code: Option<String>,
    /// The first field that fails, of the rule, or of any rule.
    pub field: Option<String>,
    /// The time of the decision.
    pub now: Timestamp,
    /// What the decision rests on.
    pub facts: Facts,
}

impl PolicyCases {
    /// Parses a file of cases; at least one. What neither the case nor the `[facts]` of the file say is not known.
    ///
    /// # Errors
    /// `policy/syntax`, `policy/unknown-field`, with the line.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let (text, raw) = Text::parse::<RawCases>(text, Policy::MAX_BYTES, &KIND)?;
        if raw.case.is_empty() {
            return Err(text.error(1, "the file holds no [[case]]"));
        }
        let mut names = BTreeSet::new();
        let mut cases = Vec::with_capacity(raw.case.len());
        for case in &raw.case {
            let case = read(text, case, &raw)?;
            if !names.insert(case.name.clone()) {
                return Err(text.error(case.line, format!("the case `{:.100}` is there twice", case.name)));
            }
            cases.push(case);
        }
        Ok(Self(cases))
    }

    /// The cases.
    #[must_use]
    pub fn cases(&self) -> &[PolicyCase] {
        &self.0
    }
}

impl PolicyCase {
    /// Whether `decision` is the expected one.
    ///
    /// # Errors
    /// What was expected, and what is there instead.
    pub fn check(&self, decision: &Decision) -> Result<(), String> {
        if self.expect != decision.decision {
            let because = match decision.decision {
                Verdict::Allow => format!("by the rule {}", shown(decision.rule.as_deref())),
                Verdict::Deny => format!("with {}{}", decision.code, failures(decision)),
            };
            return Err(format!("expected {}, got {} {because}", word(self.expect), word(decision.decision)));
        }
        if let Some(code) = self.code.as_deref().filter(|code| *code != decision.code) {
            return Err(format!("expected the code {code}, got {}", decision.code));
        }
        if let Some(field) = &self.field {
            let of_rule = |name: &str| self.rule.as_deref().is_none_or(|rule| rule == name);
            let fails = decision.rules.iter().any(|rule| of_rule(&rule.name) && rule.field.as_ref() == Some(field));
            if !fails {
                let whose = self.rule.as_ref().map(|rule| format!(" of the rule `{rule}`")).unwrap_or_default();
                return Err(format!("expected the field {field}{whose} to fail{}", failures(decision)));
            }
        } else if self.rule.is_some() && self.rule != decision.rule {
            return Err(format!(
                "expected the rule {}, got {}",
                shown(self.rule.as_deref()),
                shown(decision.rule.as_deref())
            ));
        }
        Ok(())
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
    }
}

fn shown(rule: Option<&str>) -> String {
    rule.map_or_else(|| "none".to_owned(), |rule| format!("`{rule}`"))
}

/// Where each rule failed.
fn failures(decision: &Decision) -> String {
    let failed =
        decision.rules.iter().filter_map(|rule| Some(format!("`{}` failed at {}", rule.name, rule.field.as_ref()?)));
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() { String::new() } else { format!("; {}", failed.join(", ")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCases {
    /// For cases that say none.
    now: Option<Spanned<Datetime>>,
    /// Shared by all cases; a case's own win.
    facts: Option<Spanned<toml::Table>>,
    #[serde(default)]
    case: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    expect: Spanned<String>,
    rule: Option<Spanned<String>>,
    code: Option<Spanned<String>>,
    field: Option<Spanned<String>>,
    now: Option<Spanned<Datetime>>,
    facts: Option<Spanned<toml::Table>>,
}

fn read(text: Text<'_>, raw: &RawCase, file: &RawCases) -> Result<PolicyCase> {
    let (name, line) = (text.name("case", &raw.name)?, text.of(&raw.name));
    let expect = match raw.expect.get_ref().as_str() {
        "allow" => Verdict::Allow,
        "deny" => Verdict::Deny,
        other => {
            let message = format!("`expect` is `{other:.100}`, where \"allow\" or \"deny\" belongs");
            return Err(text.error(text.of(&raw.expect), message));
        }
    };
    if let (Verdict::Allow, Some(field)) = (expect, &raw.field) {
        return Err(text.error(text.of(field), "`field` is for cases that expect \"deny\""));
    }
    if let (Verdict::Deny, Some(rule), None) = (expect, &raw.rule, &raw.field) {
        let message = "`rule` is for cases that expect \"allow\", or that name the `field` at which it fails";
        return Err(text.error(text.of(rule), message));
    }
    let known_code = |code: &str| code == "policy/allowed" || code.parse::<Code>().is_ok();
    if let Some(code) = raw.code.as_ref().filter(|code| !known_code(code.get_ref())) {
        return Err(text.error(text.of(code), format!("there is no code `{:.100}`", code.get_ref())));
    }
    let Some(now) = raw.now.as_ref().or(file.now.as_ref()) else {
        return Err(text.error(line, format!("the case `{name:.100}` has no `now`")).with_hint(
            "write the time of the decision into the case, or at the top for all: now = 2026-11-21T00:00:00Z",
        ));
    };
    let owned = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.get_ref().clone());
    Ok(PolicyCase {
        expect,
        rule: owned(&raw.rule),
        code: owned(&raw.code),
        field: owned(&raw.field),
        now: text.time(now)?,
        facts: facts(text, raw, file)?,
        name,
        line,
    })
}

fn facts(text: Text<'_>, raw: &RawCase, file: &RawCases) -> Result<Facts> {
    let mut merged = Map::new();
    let mut line = text.of(&raw.name);
    for table in [file.facts.as_ref(), raw.facts.as_ref()].into_iter().flatten() {
        line = text.of(table);
        overlay(&mut merged, table.get_ref());
    }
    serde_json::from_value(Value::Object(merged)).map_err(|error| {
        let error = error.to_string();
        let message = format!("facts: {error:.300}");
        if error.starts_with("unknown field") {
            at_line(line, &Error::new(Code::PolicyUnknownField, message).with_hint(KIND.hint))
        } else {
            text.error(line, message)
        }
    })
}

/// Tables are merged; everything else replaces what was there.
fn overlay(base: &mut Map<String, Value>, table: &toml::Table) {
    for (name, value) in table {
        match (base.get_mut(name), value) {
            (Some(Value::Object(inner)), toml::Value::Table(table)) => overlay(inner, table),
            _ => {
                base.insert(name.clone(), json(value));
            }
        }
    }
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => Value::from(*number),
        // Infinities and the like have no JSON.
        toml::Value::Float(number) => serde_json::Number::from_f64(*number).map_or(Value::Null, Value::Number),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(list) => Value::Array(list.iter().map(json).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleResult;

    const CASES: &str = r#"now = 2026-11-21T00:00:00Z
[facts.artifact]
name = "acme/llm-7b"
[facts.identity]
provider = "github"
claims = { repository_id = "456789", event_name = "push" }
[[case]]
name = "a push"
expect = "allow"
rule = "production"
[[case]]
name = "a pull request"
expect = "deny"
code = "policy/no-rule-matches"
field = "github.event_name"
now = 2026-12-01T00:00:00+01:00
facts = { identity.claims.event_name = "pull_request_target", signature = { signed_at = 2026-11-20T12:00:00Z } }
"#;

    fn decision(verdict: Verdict) -> Decision {
        let allowed = verdict == Verdict::Allow;
        let policy = super::super::file::tests::read(super::super::file::tests::TEAM).unwrap();
        let mut decision = super::super::evaluate::evaluate(&policy, &Facts::default(), Timestamp::UNIX_EPOCH);
        decision.decision = verdict;
        decision.code = if allowed { "policy/allowed" } else { "policy/no-rule-matches" };
        decision.rule = allowed.then(|| "production".to_owned());
        let field = (!allowed).then(|| "github.event_name".to_owned());
        decision.rules = vec![RuleResult {
            name: "production".into(),
            result: verdict,
            field,
            expected: Value::Null,
            actual: Value::Null,
        }];
        decision
    }

    fn refused(text: &str, line: usize, code: Code, message: &str) {
        let error = PolicyCases::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{text}\n{error}");
        assert!(error.message().starts_with(&format!("line {line}: ")), "{text}\n{error}");
        assert!(error.message().contains(message), "{text}\n{error}");
    }

    #[test]
    fn a_case_says_only_what_differs() {
        let cases = PolicyCases::parse(CASES.as_bytes()).unwrap();
        let [push, pull] = cases.cases() else { panic!() };
        assert_eq!((push.name.as_str(), push.line, push.expect), ("a push", 8, Verdict::Allow));
        assert_eq!(push.facts.artifact.name.as_deref(), Some("acme/llm-7b"));
        assert_eq!(push.facts.artifact.root_digest, None);
        assert_eq!(push.facts.identity.claims["event_name"], "push");
        assert_eq!(pull.facts.identity.claims["event_name"], "pull_request_target");
        assert_eq!(pull.facts.identity.claims["repository_id"], "456789");
        assert_eq!(pull.facts.signature.signed_at, Some("2026-11-20T12:00:00Z".parse().unwrap()));
        assert_eq!(pull.now, "2026-11-30T23:00:00Z".parse().unwrap());
    }

    #[test]
    fn a_case_says_what_differs_from_the_expected() {
        let cases = PolicyCases::parse(CASES.as_bytes()).unwrap();
        let [push, pull] = cases.cases() else { panic!() };
        let (allow, deny) = (decision(Verdict::Allow), decision(Verdict::Deny));
        assert_eq!(push.check(&allow), Ok(()));
        assert_eq!(pull.check(&deny), Ok(()));
        assert_eq!(
            push.check(&deny).unwrap_err(),
            "expected allow, got deny with policy/no-rule-matches; `production` failed at github.event_name"
        );
        assert_eq!(pull.check(&allow).unwrap_err(), "expected deny, got allow by the rule `production`");
        let other = |change: fn(&mut PolicyCase), from: &PolicyCase| {
            let mut case = from.clone();
            change(&mut case);
            case
        };
        let code = other(|case| case.code = Some("policy/revoked".into()), pull);
        assert_eq!(code.check(&deny).unwrap_err(), "expected the code policy/revoked, got policy/no-rule-matches");
        let field = other(|case| case.field = Some("github.ref".into()), pull);
        assert!(field.check(&deny).unwrap_err().starts_with("expected the field github.ref to fail; `production`"));
        let rule = other(|case| case.rule = Some("other".into()), pull);
        assert!(rule.check(&deny).unwrap_err().contains("of the rule `other`"));
        let rule = other(|case| case.rule = Some("other".into()), push);
        assert_eq!(rule.check(&allow).unwrap_err(), "expected the rule `other`, got `production`");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let case = "now = 2026-11-21T00:00:00Z\n[[case]]\nname = \"a\"\nexpect = \"allow\"\n";
        PolicyCases::parse(case.as_bytes()).unwrap();
        refused("", 1, Code::PolicySyntax, "no [[case]]");
        refused(&format!("x = 1\n{case}"), 1, Code::PolicyUnknownField, "unknown field `x`");
        refused(&format!("{case}x = 1\n"), 5, Code::PolicyUnknownField, "unknown field `x`");
        refused(&format!("{case}facts = {{ artifact = {{ nme = \"x\" }} }}\n"), 5, Code::PolicyUnknownField, "`nme`");
        refused(&format!("{case}facts = {{ artifact = {{ name = 1 }} }}\n"), 5, Code::PolicySyntax, "invalid type");
        refused(
            &format!("{case}facts = {{ signature = {{ signed_at = 2026-11-20 }} }}\n"),
            5,
            Code::PolicySyntax,
            "facts",
        );
        refused(&case.replace("\"allow\"", "\"yes\""), 4, Code::PolicySyntax, "`expect`");
        refused(&format!("{case}field = \"models\"\n"), 5, Code::PolicySyntax, "`field`");
        refused(&format!("{}rule = \"r\"\n", case.replace("allow", "deny")), 5, Code::PolicySyntax, "`rule`");
        refused(&format!("{case}code = \"policy/alowed\"\n"), 5, Code::PolicySyntax, "no code");
        refused(&case.replace("now = 2026-11-21T00:00:00Z", ""), 3, Code::PolicySyntax, "no `now`");
        refused(&case.replace("21T00:00:00Z", "21T00:00:00"), 1, Code::PolicySyntax, "local time");
        refused(&format!("{case}[[case]]\nname = \"a\"\nexpect = \"deny\"\n"), 6, Code::PolicySyntax, "there twice");
        refused(&format!("#{}", " ".repeat(Policy::MAX_BYTES)), 1, Code::PolicySyntax, "more than");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,100}", at in 0..CASES.len(), byte in 0..=255_u8) {
            let _ = PolicyCases::parse(text.as_bytes());
            let mut bytes = CASES.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = PolicyCases::parse(&bytes);
        }
    }
}
