//! Results for people: calm, one thing a line, understandable without colour.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeSet;

use modelseal::escape;

use super::Paint;
use super::decision;
use super::json::{ServerObject, UncoveredObject};
use super::verification::ModelObject;

/// Entries of a list that are shown unless all are asked for.
const SHOWN: usize = 20;

/// How much is said of a verified model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What differs from model to model; the rest is in the summary.
    Brief,
    /// Everything that matters.
    Normal,
    /// Lists without end.
    Full,
}

/// A time in the largest units that fit.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, 0) => format!("{minutes} min"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// One verified or refused model.
pub(crate) fn model(result: &ModelObject, detail: Detail, paint: Paint) -> String {
    let model = result.model.as_deref().map_or("all models".into(), escape);
    let word = match result.status() {
        0 => return verified(&model, result, detail, paint),
        1 => paint.bad("refused"),
        _ => paint.unsure("undecided"),
    };
    let mut text = format!("{word}  {model}  [{}]\n", result.code);
    let most = if detail == Detail::Full { usize::MAX } else { SHOWN };
    for finding in result.findings.iter().take(most) {
        let _ = write!(text, "  {}  {}", finding.code, escape(&finding.name));
        if !finding.detail.is_empty() {
            let _ = write!(text, ": {}", escape(&finding.detail));
        }
        text.push('\n');
    }
    let denials = result.decision.as_deref().map(decision::denials).unwrap_or_default();
    list(&mut text, "denied by", denials.into_iter(), detail);
    let more = result.findings.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; -v lists them");
    }
    if !result.findings_complete {
        text.push_str("  the search stopped there: there may be more\n");
    }
    text
}

fn verified(model: &str, result: &ModelObject, detail: Detail, paint: Paint) -> String {
    let word = if result.relaxed.is_empty() { paint.good("verified") } else { paint.unsure("verified") };
    let (files, bytes) = (count(result.files.unwrap_or(0), "file"), size(result.bytes.unwrap_or(0)));
    let signer = result.signer.as_ref();
    let by = signer.map_or_else(String::new, |signer| format!(", {}", key(&signer.key_kind, &signer.key_id)));
    let mut text = format!("{word}  {model}  ({files}, {bytes}{by})\n");
    if detail != Detail::Brief {
        if let Some(name) = result.name.as_deref().filter(|name| !name.is_empty()) {
            line(&mut text, "name", &escape(name));
        }
        line(&mut text, "digest", result.root_digest.as_deref().unwrap_or_default());
    }
    if let Some((subject, fingerprint)) = signer.and_then(|by| by.subject.as_ref().zip(by.fingerprint.as_ref())) {
        let is_authority = signer.is_some_and(|signer| signer.leaf_is_ca == Some(true));
        let authority = if is_authority { " (itself a certificate authority)" } else { "" };
        line(&mut text, "signed by", &format!("{}{authority}", escape(subject)));
        line(&mut text, "certificate", fingerprint);
    }
    if let Some(name) = signer.and_then(|signer| signer.key_name.as_deref()) {
        let version = signer.and_then(|signer| signer.key_version);
        let version = version.map_or_else(String::new, |version| format!(", version {version}"));
        line(&mut text, "key", &format!("{}{version}", escape(name)));
    }
    if let Some(provenance) = &result.provenance {
        line(&mut text, "signed by", &provenance.job());
    }
    if let Some(decision) = &result.decision {
        line(&mut text, "policy", &decision::policy_and_rule(decision));
    }
    uncovered(&mut text, &result.uncovered);
    let links = result.followed_links.iter().map(|link| escape(link).into_owned());
    list(&mut text, "followed link", links, detail);
    let attestations = result
        .attestations
        .iter()
        .map(|attestation| format!("{} ({})", escape(&attestation.predicate_type), attestation.worth()));
    list(&mut text, "attestation", attestations, detail);
    if let Some(only) = &result.only {
        line(&mut text, "partial", &format!("{} of {}", only.len(), count(result.listed, "file")));
    }
    if detail != Detail::Brief {
        words(&mut text, "not checked", &result.unchecked);
        words(&mut text, "relaxed", &result.relaxed);
    }
    text
}

/// The last lines when there were several models.
pub(crate) fn summary(results: &[ModelObject], paint: Paint) -> String {
    let with = |status: fn(u8) -> bool| {
        results.iter().filter(|result| result.model.is_some() && status(result.status())).count()
    };
    let (good, bad, undecided) = (with(|status| status == 0), with(|status| status == 1), with(|status| status > 1));
    let mut text = paint.dim(&format!("{}: ", count((good + bad + undecided) as u64, "result")));
    let _ = writeln!(text, "{good} verified, {bad} refused, {undecided} undecided");
    words(&mut text, "not checked", &all(results, |result| &result.unchecked));
    words(&mut text, "relaxed", &all(results, |result| &result.relaxed));
    text
}

/// The words of every result, each once.
fn all(results: &[ModelObject], words: fn(&ModelObject) -> &Vec<&'static str>) -> Vec<&'static str> {
    let words: BTreeSet<&str> = results.iter().flat_map(words).copied().collect();
    words.into_iter().collect()
}

/// `key ecdsa-p256 d9f6a9c4754d27ae…`.
pub(crate) fn key(kind: &str, id: &str) -> String {
    format!("key {kind} {}…", id.get(..16).unwrap_or(id))
}

/// `  label: text`.
pub(crate) fn line(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label}: {value}");
}

/// `  server: https://… (mount transit, namespace team/a)`.
pub(crate) fn server(text: &mut String, server: &ServerObject) {
    line(text, "server", &place(server));
}

/// `https://… (mount transit, namespace team/a)`.
pub(crate) fn place(server: &ServerObject) -> String {
    let namespace = server.namespace.as_ref().map_or_else(String::new, |namespace| format!(", namespace {namespace}"));
    escape(&format!("{} (mount {}{namespace})", server.address, server.mount)).into_owned()
}

/// `  label: a, b`, or nothing.
pub(crate) fn words(text: &mut String, label: &str, values: &[&str]) {
    if !values.is_empty() {
        line(text, label, &values.join(", "));
    }
}

/// A line for each path that is not covered, however many: what is left out here would pass for covered.
pub(crate) fn uncovered(text: &mut String, paths: &[UncoveredObject]) {
    for path in paths {
        line(text, "not covered", &format!("{} ({})", escape(&path.name), path.kind));
    }
}

fn list(text: &mut String, label: &str, entries: impl ExactSizeIterator<Item = String>, detail: Detail) {
    let most = if detail == Detail::Full { usize::MAX } else { SHOWN };
    let more = entries.len().saturating_sub(most);
    for entry in entries.take(most) {
        line(text, label, &entry);
    }
    if more > 0 {
        line(text, label, &format!("{more} more; -v lists them"));
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Bytes in the unit that reads best.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, so that no float is needed: 999 960 bytes are 1.0 MB, not 1000.0 kB.
    let mut tenths = (bytes + 50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1949, "1.9 kB"),
            (999_960, "1.0 MB"),
            (3_400_000_000, "3.4 GB"),
            (u64::MAX - 50, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((count(1, "file"), count(0, "file")), ("1 file".to_owned(), "0 files".to_owned()));
    }
}
