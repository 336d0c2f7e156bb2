//! Weaknesses of rules, whoever they are about.

use super::{Lint, lint};
use crate::policy::format::FileFormat;
use crate::policy::model::Rule;

pub(super) fn lints(rule: &Rule, lints: &mut Vec<Lint>) {
    let mut add = |name, message: &str, hint| {
        lints.push(lint(name, rule.line, format!("the rule `{}` {message}", rule.name), hint));
    };
    if rule.max_age.is_none() && rule.digests.is_none() && rule.not_signed_before.is_none() {
        add(
            "rollback",
            "allows every older model that was ever signed",
            "write [rule.freshness] max_age, not_signed_before or digests",
        );
    }
    if rule.danger_root_only {
        add(
            "danger-root-only",
            "counts attestations that are not bound to the signed list of files",
            "leave `danger_root_only` out: files with other names can have the same root digest",
        );
    }
    if !rule.files.danger_allow_unsigned.is_empty() {
        add(
            "danger-allow-unsigned",
            "tolerates files that nobody signed",
            "leave `danger_allow_unsigned` out, or sign the files",
        );
    }
    for format in rule.files.formats.iter().flatten() {
        if matches!(format, FileFormat::Pickle | FileFormat::Code) {
            let message = format!("allows {}, which runs when it is loaded", format.as_str());
            add("dangerous-format", &message, "list formats that hold only data, such as safetensors");
        }
    }
    for evidence in &rule.evidence {
        if evidence.fields.is_empty() {
            let message = format!("takes any `{:.100}` for a good one", evidence.predicate_type);
            add(
                "evidence-without-fields",
                &message,
                "say in `fields` what it must hold: a failed scan is an attestation, too",
            );
        }
        if let Some(key) = evidence.keys.iter().find(|key| rule.keys.contains(key)) {
            let message = format!("lets `{key}` attest to what it signed itself");
            add("evidence-by-signer", &message, "have evidence signed with a key of its own");
        }
    }
}
