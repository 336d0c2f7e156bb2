//! One rule: its conditions in order, to the first that fails.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{duration_text, evidence, is_ahead};
use crate::Digest;
use crate::manifest::covers;
use crate::policy::format::FileFormat;
use crate::policy::glob::Glob;
use crate::policy::model::{ClaimRule, Condition, FileRule, IdentityRule, Matcher, PolicyFile, Rule};
use crate::policy::{ArtifactFacts, Facts, IdentityFacts, ModelName};

/// Paths that every signature may leave out: git's directories with all that is in them, single files by name.
const GIT_DIRECTORIES: [&str; 2] = [".git", ".github"];
const OWN_FILES: [&str; 4] = [".gitattributes", ".gitignore", "model.attestations.jsonl", "model.sig"];

/// What a rule that passed is worth.
#[derive(Debug)]
pub(super) struct Passed {
    /// When its conditions stop to hold.
    pub(super) until: Option<Timestamp>,
    /// Predicate types of the evidence that counted.
    pub(super) evidence: Vec<String>,
    pub(super) relaxed: Vec<String>,
}

/// The first condition that fails.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) field: String,
    pub(super) expected: Value,
    pub(super) actual: Value,
}

pub(super) fn failed<T>(field: impl Into<String>, expected: Value, actual: Value) -> Result<T, Failed> {
    Err(Failed { field: field.into(), expected, actual })
}

pub(super) fn pass(file: &PolicyFile, rule: &Rule, facts: &Facts, now: Timestamp) -> Result<Passed, Failed> {
    model(rule, &facts.artifact)?;
    let key = facts.signature.key.as_deref();
    if !key.is_some_and(|key| rule.keys.iter().any(|accepted| accepted == key)) {
        return failed("keys", json!(rule.keys), json!(key));
    }
    identity(&rule.identity, &facts.identity)?;
    let evidence = evidence::all(file, rule, &facts.evidence, now)?;
    let fresh_until = freshness(rule, facts.signature.signed_at, now)?;
    serialization(rule, &facts.artifact, facts.signature.signed_at, now)?;
    files(&rule.files, &facts.artifact)?;
    Ok(Passed {
        until: [evidence.until, fresh_until].into_iter().flatten().min(),
        evidence: evidence.predicate_types,
        relaxed: relaxed(file, rule, key),
    })
}

fn model(rule: &Rule, artifact: &ArtifactFacts) -> Result<(), Failed> {
    // What is no plain name could mean something else to whoever reads it.
    let plain = artifact.name.as_deref().filter(|name| name.parse::<ModelName>().is_ok());
    if plain.is_some_and(|name| rule.models.iter().any(|glob| glob.matches(name))) {
        return Ok(());
    }
    failed("models", globs(&rule.models), json!(artifact.name))
}

fn identity(rule: &IdentityRule, facts: &IdentityFacts) -> Result<(), Failed> {
    if facts.ambiguous {
        return failed("identity", json!("one provenance"), json!("more than one"));
    }
    let IdentityRule::Claims(rule) = rule else { return Ok(()) };
    let ClaimRule { provider, issuer, conditions } = rule;
    if facts.provider.as_deref() != Some(provider.as_str()) {
        return failed("identity", json!(provider.as_str()), json!(facts.provider));
    }
    if facts.issuer.as_ref() != Some(issuer) {
        return failed(format!("{}.issuer", provider.as_str()), json!(issuer), json!(facts.issuer));
    }
    conditions.iter().try_for_each(|condition| claim(condition, facts))
}

fn claim(condition: &Condition, facts: &IdentityFacts) -> Result<(), Failed> {
    let found = facts.claims.get(&condition.claim_name);
    let text = found.and_then(Value::as_str).filter(|text| !text.is_empty());
    let fits = |text: &str| match &condition.matcher {
        Matcher::Exact(accepted) => accepted.iter().any(|accepted| accepted == text),
        Matcher::ExactIgnoringCase(accepted) => accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(text)),
        Matcher::Globs(accepted) => accepted.iter().any(|glob| glob.matches(text)),
        Matcher::GlobsIgnoringCase(accepted) => accepted.iter().any(|glob| glob.matches_ignoring_case(text)),
    };
    if text.is_some_and(fits) {
        return Ok(());
    }
    let expected = match &condition.matcher {
        Matcher::Exact(accepted) | Matcher::ExactIgnoringCase(accepted) => json!(accepted),
        Matcher::Globs(accepted) | Matcher::GlobsIgnoringCase(accepted) => globs(accepted),
    };
    failed(condition.field.clone(), expected, found.cloned().unwrap_or_default())
}

/// Until when the signature is fresh enough.
fn freshness(rule: &Rule, signed_at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Failed> {
    let Some(max_age) = rule.max_age else { return Ok(None) };
    let end = signed_at.filter(|time| !is_ahead(*time, now)).and_then(|time| time.checked_add(max_age).ok());
    match end {
        Some(end) if now <= end => Ok(Some(end)),
        _ => failed("freshness", json!({ "max_age": duration_text(max_age) }), json!(signed_at)),
    }
}

/// What exactly was signed, and how.
fn serialization(
    rule: &Rule,
    artifact: &ArtifactFacts,
    signed_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Failed> {
    if let Some(accepted) = &rule.digests {
        let roots = [&artifact.root_digest, &artifact.canonical_root_digest].into_iter().flatten();
        let mut roots = roots.filter_map(|text| text.parse::<Digest>().ok());
        if !roots.any(|root| accepted.contains(&root)) {
            let accepted: Vec<String> = accepted.iter().map(ToString::to_string).collect();
            return failed("digests", json!(accepted), json!(artifact.root_digest));
        }
    }
    if let Some(earliest) = rule.not_signed_before
        && !signed_at.is_some_and(|time| time >= earliest && !is_ahead(time, now))
    {
        return failed("not_signed_before", json!(earliest), json!(signed_at));
    }
    let hashes: Vec<&str> = rule.hash.iter().map(|hash| hash.as_str()).collect();
    if !artifact.hash.as_deref().is_some_and(|hash| hashes.contains(&hash)) {
        return failed("hash", json!(hashes), json!(artifact.hash));
    }
    if !artifact.method.as_deref().is_some_and(|method| rule.methods.contains(&method)) {
        return failed("method", json!(rule.methods), json!(artifact.method));
    }
    Ok(())
}

fn files(rule: &FileRule, artifact: &ArtifactFacts) -> Result<(), Failed> {
    if let Some(formats) = &rule.formats {
        let Some(files) = &artifact.resources else {
            return failed("files.formats", format_names(formats), Value::Null);
        };
        for file in files {
            // The name of a model that is a single file is not signed: it is judged with its bytes.
            let format = FileFormat::of_name(&file.name);
            if file.name != "." && !formats.contains(&format) {
                let actual = json!({ "name": file.name, "format": format.as_str() });
                return failed("files.formats", format_names(formats), actual);
            }
        }
    }
    let accepted = |path: &str| {
        covers(GIT_DIRECTORIES, path)
            || OWN_FILES.contains(&path)
            || rule.ignored_paths.iter().any(|glob| glob.matches(path))
    };
    match artifact.ignored_paths.iter().find(|path| !accepted(path)) {
        Some(path) => failed("files.ignored_paths", globs(&rule.ignored_paths), json!(path)),
        None => Ok(()),
    }
}

fn relaxed(file: &PolicyFile, rule: &Rule, key: Option<&str>) -> Vec<String> {
    let lists = |format: FileFormat| rule.files.formats.as_ref().is_some_and(|formats| formats.contains(&format));
    let shared = file.keys.iter().any(|own| own.shared && key == Some(&own.name));
    [
        (lists(FileFormat::Code), "code"),
        (lists(FileFormat::Pickle), "pickle"),
        (!rule.files.danger_allow_unsigned.is_empty(), "danger_allow_unsigned"),
        (rule.danger_root_only, "danger_root_only"),
        (shared, "shared_key"),
    ]
    .into_iter()
    .filter(|(given, _)| *given)
    .map(|(_, word)| word.to_owned())
    .collect()
}

fn globs(globs: &[Glob]) -> Value {
    globs.iter().map(Glob::as_str).collect()
}

pub(crate) fn format_names(formats: &[FileFormat]) -> Value {
    formats.iter().map(|format| format.as_str()).collect()
}
