//! A policy's decision on its way from the signature to the files: it can only become narrower.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Relaxation, Uncovered};
use crate::policy::{FileFormat, Glob, PolicyFile, Revoked, RevokedThing, Rule, format_names, revocation};
use crate::tree::{FileDigests, HashedFile};
use crate::{Code, Decision, Digest, Error, Facts, HashAlgorithm, Manifest, Method, Policy, Resource, Result};
use crate::{ResourceName, Serialization, Timestamp};

#[derive(Clone, Debug)]
pub(super) struct Judged {
    file: Arc<PolicyFile>,
    pub(super) decision: Decision,
}

impl Judged {
    pub(super) fn new(file: &Arc<PolicyFile>, facts: &Facts, at: Timestamp) -> Self {
        Self { file: Arc::clone(file), decision: Policy::decide(file, facts, at) }
    }

    /// Whether a rule that may still allow looks at the bytes of files.
    pub(super) fn wants_formats(&self) -> bool {
        self.candidates().any(|(_, rule)| rule.files.formats.is_some())
    }

    /// Patterns of unsigned files that some rule tolerates.
    pub(super) fn tolerated(&self) -> Vec<Glob> {
        self.candidates().flat_map(|(_, rule)| rule.files.danger_allow_unsigned.iter().cloned()).collect()
    }

    /// Whether something revoked can only be found with digests that the manifest does not have.
    pub(super) fn wants_digests(&self, manifest: &Manifest) -> bool {
        let plain = manifest.serialization().hash() == HashAlgorithm::Sha256
            && manifest.serialization().method() == Method::Files;
        let by_digest = |what: &RevokedThing| matches!(what, RevokedThing::Model(_) | RevokedThing::File(_));
        !plain && self.file.revoked.iter().any(|revoked| by_digest(&revoked.what))
    }

    /// Compares SHA-256 of every file, and the roots that they make, with what is revoked. `names` are in listed order.
    ///
    /// # Errors
    /// `policy/revoked`.
    pub(super) fn check_digests(&self, files: &[(ResourceName, Digest)]) -> Result<()> {
        let roots = roots(files)?;
        for revoked in &self.file.revoked {
            match &revoked.what {
                RevokedThing::Model(digest) if roots.contains(digest) => {
                    return Err(revocation("the model", revoked));
                }
                RevokedThing::File(digest) => {
                    if let Some((name, _)) = files.iter().find(|(_, own)| own == digest) {
                        return Err(revocation(&format!("the file `{:.100}`", name.as_str()), revoked));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether single files are revoked, also those that nobody signed.
    pub(super) fn revokes_files(&self) -> bool {
        self.file.revoked.iter().any(|revoked| matches!(revoked.what, RevokedThing::File(_)))
    }

    /// Compares SHA-256 of files that were accepted unsigned with what is revoked.
    ///
    /// # Errors
    /// `policy/revoked`.
    pub(super) fn check_unsigned(&self, files: &[HashedFile]) -> Result<()> {
        for file in files {
            let is_own = |revoked: &&Revoked| match (&revoked.what, &file.digests) {
                (RevokedThing::File(digest), FileDigests::Whole(own)) => digest == own,
                _ => false,
            };
            if let Some(revoked) = self.file.revoked.iter().find(is_own) {
                return Err(revocation(&format!("the unsigned file `{:.100}`", file.name.as_str()), revoked));
            }
        }
        Ok(())
    }

    /// Judges every file for every rule that may still allow; at least one of them must allow all.
    ///
    /// # Errors
    /// `policy/no-rule-matches`.
    pub(super) fn judge_files(&mut self, files: &[HashedFile], own_name: Option<&str>) -> Result<()> {
        for file in files {
            let name = if file.name.is_single_file() { own_name.unwrap_or_default() } else { file.name.as_str() };
            let (by_name, by_bytes) = (FileFormat::of_name(name), file.format.unwrap_or(FileFormat::Other));
            self.keep(name, "files.formats", |rule| {
                let formats = rule.files.formats.as_ref()?;
                let actual = || json!({ "name": name, "format": by_name.as_str(), "bytes": by_bytes.as_str() });
                (!by_name.is_allowed(by_bytes, formats)).then(|| (format_names(formats), actual()))
            })?;
        }
        Ok(())
    }

    /// Judges unsigned files that some rule tolerates.
    ///
    /// # Errors
    /// `policy/no-rule-matches`.
    pub(super) fn judge_unsigned<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        for name in names {
            self.keep(name, "files.danger_allow_unsigned", |rule| {
                let globs = &rule.files.danger_allow_unsigned;
                let fits = globs.iter().any(|glob| glob.matches(name));
                (!fits).then(|| (globs.iter().map(Glob::as_str).collect(), json!(name)))
            })?;
        }
        Ok(())
    }

    /// Whether the rule that allows looks at the age of the signature.
    pub(super) fn checks_freshness(&self) -> bool {
        let first = self.candidates().next();
        first.is_some_and(|(_, rule)| rule.max_age.is_some() || rule.not_signed_before.is_some())
    }

    /// The final decision.
    pub(super) fn finish(mut self, relaxed: &[Relaxation], uncovered: &[Uncovered]) -> Decision {
        self.decision.settle();
        self.decision.relaxed.extend(relaxed.iter().map(|relaxation| relaxation.as_str().to_owned()));
        self.decision.uncovered = uncovered.iter().map(|uncovered| uncovered.name.clone()).collect();
        self.decision
    }

    /// Takes out rules that say no, and what they expected and found.
    fn keep(&mut self, name: &str, field: &str, objection: impl Fn(&Rule) -> Option<(Value, Value)>) -> Result<()> {
        let objections: Vec<_> =
            self.candidates().filter_map(|(index, rule)| Some((index, objection(rule)?))).collect();
        for (rule, (expected, actual)) in objections {
            self.decision.drop_candidate(rule, field, expected, actual);
        }
        if self.decision.candidates.is_empty() {
            let message = format!("no rule is left that allows the file `{name:.100}`: {field}");
            return Err(Error::new(Code::PolicyNoRuleMatches, message));
        }
        Ok(())
    }

    fn candidates(&self) -> impl Iterator<Item = (usize, &Rule)> {
        let rules = &self.file.rules;
        self.decision.candidates.iter().filter_map(|candidate| Some((candidate.rule, rules.get(candidate.rule)?)))
    }
}

/// The root digests of these files in listed order, in the canonical one, and in that of the reference tool.
fn roots(files: &[(ResourceName, Digest)]) -> Result<[Digest; 3]> {
    let serialization = Serialization::new(Method::Files, HashAlgorithm::Sha256, false, Vec::new())?;
    let resources = files.iter().map(|(name, digest)| Resource::file(name.clone(), *digest, None)).collect();
    let manifest = Manifest::new(serialization, resources)?;
    Ok([manifest.root(), manifest.canonical_root(), manifest.reference_root()])
}
