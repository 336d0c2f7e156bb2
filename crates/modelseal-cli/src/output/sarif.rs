//! SARIF 2.1.0 (OASIS): one rule per code, one result per finding.

use core::fmt::Write as _;

use modelseal::{Code, escape};
use serde::Serialize;

use super::decision;
use super::json;
use super::verification::Verification;

/// The version of the format.
pub(crate) const VERSION: &str = "2.1.0";
/// The name of the tool, by which a report is known to be ours.
pub(crate) const DRIVER: &str = "modelseal";

/// The report.
pub(crate) fn report(verification: &Verification) -> String {
    let mut results: Vec<ResultObject> = Vec::new();
    for model in verification.objects() {
        let at = model.model.as_deref().unwrap_or_default();
        if let Some(message) = model.message.as_ref().filter(|_| model.findings.is_empty()) {
            results.push(result(model.code, "error", message, uri(at, "")));
        }
        if let Some(decision) = model.decision.as_ref().filter(|_| model.message.is_some()) {
            let policy = escape(&decision.policy.name);
            let denials = decision::denials(decision);
            let notes = denials.iter().map(|line| format!("policy {policy}, {line}"));
            results.extend(notes.map(|note| result(model.code, "note", &note, uri(at, ""))));
        }
        for finding in &model.findings {
            let detail = if finding.detail.is_empty() { summary(finding.code) } else { &finding.detail };
            let message = format!("{}: {}", escape(&finding.name), escape(detail));
            results.push(result(finding.code, "error", &message, uri(at, &finding.name)));
        }
        for relaxed in &model.relaxed {
            results.push(result(relaxed, "warning", &format!("verified with --{relaxed}"), uri(at, "")));
        }
    }
    let mut rules: Vec<&'static str> = results.iter().map(|result| result.rule_id).collect();
    rules.sort_unstable();
    rules.dedup();
    for result in &mut results {
        result.rule_index = rules.iter().position(|rule| *rule == result.rule_id).unwrap_or_default();
    }
    json::to_pretty(&Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: VERSION,
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: DRIVER,
                    version: env!("CARGO_PKG_VERSION"),
                    rules: rules.into_iter().map(rule).collect(),
                },
            },
            invocations: [Invocation {
                // 0 and 1 are answers; every other status means that there was none.
                execution_successful: verification.exit <= 1,
                exit_code: verification.exit,
            }],
            column_kind: "unicodeCodePoints",
            results,
        }],
    })
}

fn result(rule_id: &'static str, level: &'static str, message: &str, uri: String) -> ResultObject {
    let location = Location { physical_location: PhysicalLocation { artifact_location: ArtifactLocation { uri } } };
    let locations = if location.physical_location.artifact_location.uri.is_empty() { vec![] } else { vec![location] };
    ResultObject { rule_id, rule_index: 0, level, message: message.into(), locations }
}

fn rule(id: &'static str) -> Rule {
    let hint = id.parse::<Code>().map_or("the caller weakened a check", Code::hint);
    Rule { id, short_description: summary(id).into(), help: hint.into() }
}

fn summary(code: &str) -> &'static str {
    code.parse::<Code>().map_or("The check was weakened.", Code::summary)
}

/// A relative or absolute URI reference (RFC 3986) for a path of the model.
fn uri(model: &str, name: &str) -> String {
    let path = match (model, name) {
        (model, "" | ".") => model.to_owned(),
        ("", name) => name.to_owned(),
        (model, name) => format!("{}/{name}", model.trim_end_matches('/')),
    };
    let mut uri = String::with_capacity(path.len());
    // Without this `a:b` would have the scheme `a`.
    if path.split('/').next().is_some_and(|first| first.contains(':')) {
        uri.push_str("./");
    }
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<ResultObject>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    help: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

impl From<&str> for Message {
    /// Text that stands for itself: braces would be placeholders (§3.11.5), brackets links (§3.11.6).
    fn from(plain: &str) -> Self {
        let mut text = String::with_capacity(plain.len());
        for c in plain.chars() {
            match c {
                '\\' | '[' | ']' => text.extend(['\\', c]),
                '{' | '}' => text.extend([c, c]),
                c => text.push(c),
            }
        }
        Self { text }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_references_whatever_the_name() {
        assert_eq!(uri("llama", "w/0 1.bin"), "llama/w/0%201.bin");
        assert_eq!(uri("c:x", ""), "./c%3Ax");
        assert_eq!(uri("/m/", "é\n"), "/m/%C3%A9%0A");
        assert_eq!(uri("m.bin", "."), "m.bin");
        assert_eq!(uri("", ""), "");
    }

    #[test]
    fn t11_messages_hold_no_link_and_no_placeholder() {
        let text = |plain: &str| Message::from(plain).text;
        assert_eq!(text("[safe](https://x.example) {0}"), "\\[safe\\](https://x.example) {{0}}");
        assert_eq!(text("a\\u{202e}"), "a\\\\u{{202e}}");
        assert_eq!(text("w/0.bin: size is 2 bytes"), "w/0.bin: size is 2 bytes");
    }
}
