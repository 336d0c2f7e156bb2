//! Results for people: calm, one thing a line, understandable without colour.

use core::fmt::Write as _;

use modelseal::{KeyId, KeyKind, SignedBy, Uncovered, VerifiedArtifact, escape};

use super::verification::Outcome;
use super::{Paint, shown};

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

/// One verified or refused model.
pub(crate) fn outcome(outcome: &Outcome, detail: Detail, paint: Paint) -> String {
    let model = outcome.model.as_deref().map_or_else(|| "all models".to_owned(), shown);
    match &outcome.result {
        Ok(artifact) => verified(&model, artifact, detail, paint),
        Err(error) => {
            let word = match outcome.status() {
                1 => paint.bad("refused"),
                _ => paint.unsure("undecided"),
            };
            let mut text = format!("{word}  {model}  [{}]\n", error.code());
            let most = if detail == Detail::Full { usize::MAX } else { SHOWN };
            for finding in error.findings().iter().take(most) {
                let _ = write!(text, "  {}  {}", finding.code(), escape(finding.name()));
                if !finding.detail().is_empty() {
                    let _ = write!(text, ": {}", escape(finding.detail()));
                }
                text.push('\n');
            }
            let more = error.findings().len().saturating_sub(most);
            if more > 0 {
                let _ = writeln!(text, "  and {more} more; -v lists them");
            }
            if !error.findings_complete() {
                text.push_str("  the search stopped there: there may be more\n");
            }
            text
        }
    }
}

fn verified(model: &str, artifact: &VerifiedArtifact, detail: Detail, paint: Paint) -> String {
    let word = if artifact.relaxed().is_empty() { paint.good("verified") } else { paint.unsure("verified") };
    let (files, bytes) = (count(artifact.files(), "file"), size(artifact.bytes()));
    let mut text = format!("{word}  {model}  ({files}, {bytes}, {})\n", signer(artifact.signed_by()));
    if detail != Detail::Brief {
        if !artifact.name().is_empty() {
            line(&mut text, "name", &escape(artifact.name()));
        }
        line(&mut text, "digest", &artifact.manifest().root().to_string());
    }
    if let SignedBy::Certificate { chain, .. } = artifact.signed_by() {
        let authority = if chain.leaf_is_ca { " (itself a certificate authority)" } else { "" };
        line(&mut text, "signed by", &format!("{}{authority}", escape(&chain.leaf.subject())));
        line(&mut text, "certificate", &chain.leaf.fingerprint().to_string());
    }
    uncovered(&mut text, artifact.uncovered(), detail);
    let links = artifact.followed_links().iter().map(ToString::to_string);
    list(&mut text, "followed link", links, detail);
    let attestations = artifact.attestations().iter().map(|evidence| {
        let worth = if evidence.counts() { "signed and bound to this model" } else { "not trusted" };
        format!("{} ({worth})", escape(&evidence.predicate_type))
    });
    list(&mut text, "attestation", attestations, detail);
    if let Some(only) = artifact.only() {
        let all = artifact.manifest().files().count();
        line(&mut text, "partial", &format!("{} of {}", only.len(), count(all as u64, "file")));
    }
    if detail != Detail::Brief {
        let unchecked: Vec<&str> = artifact.unchecked().iter().map(|unchecked| unchecked.as_str()).collect();
        words(&mut text, "not checked", &unchecked);
        let relaxed: Vec<&str> = artifact.relaxed().iter().map(|relaxation| relaxation.as_str()).collect();
        words(&mut text, "relaxed", &relaxed);
    }
    text
}

/// The last lines when there were several models.
pub(crate) fn summary(outcomes: &[Outcome], paint: Paint) -> String {
    let with = |status: fn(u8) -> bool| {
        outcomes.iter().filter(|outcome| outcome.model.is_some() && status(outcome.status())).count()
    };
    let (good, bad, undecided) = (with(|status| status == 0), with(|status| status == 1), with(|status| status > 1));
    let mut text = paint.dim(&format!("{}: ", count((good + bad + undecided) as u64, "result")));
    let _ = writeln!(text, "{good} verified, {bad} refused, {undecided} undecided");
    let artifacts = || outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
    let mut unchecked: Vec<_> = artifacts().flat_map(VerifiedArtifact::unchecked).copied().collect();
    unchecked.sort_unstable();
    unchecked.dedup();
    words(&mut text, "not checked", &unchecked.iter().map(|unchecked| unchecked.as_str()).collect::<Vec<_>>());
    let mut relaxed: Vec<_> = artifacts().flat_map(VerifiedArtifact::relaxed).copied().collect();
    relaxed.sort_unstable();
    relaxed.dedup();
    words(&mut text, "relaxed", &relaxed.iter().map(|relaxation| relaxation.as_str()).collect::<Vec<_>>());
    text
}

/// `key ecdsa-p256 d9f6a9c4754d27ae…`.
pub(crate) fn key(kind: KeyKind, id: KeyId) -> String {
    let id = id.to_string();
    format!("key {kind} {}…", id.get(..16).unwrap_or(&id))
}

fn signer(signed_by: &SignedBy) -> String {
    key(signed_by.kind(), signed_by.key_id())
}

/// `  label: text`.
pub(crate) fn line(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "  {label}: {value}");
}

/// `  label: a, b`, or nothing.
pub(crate) fn words(text: &mut String, label: &str, values: &[&str]) {
    if !values.is_empty() {
        line(text, label, &values.join(", "));
    }
}

/// A line for each path that is not covered.
pub(crate) fn uncovered(text: &mut String, paths: &[Uncovered], detail: Detail) {
    let entries = paths.iter().map(|path| format!("{} ({})", escape(&path.name), path.kind));
    list(text, "not covered", entries, detail);
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
