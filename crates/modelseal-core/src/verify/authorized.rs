//! The second step: this signer may sign this artifact, and it is the one that is wanted.

use std::sync::Arc;

use jiff::Timestamp;

use super::facts::SignedProvenance;
use super::judged::Judged;
use super::{Relaxation, SignedManifest};
use crate::attestation::AttestationEvidence;
use crate::bundle::Unchecked;
use crate::policy::{NarrowInput, PolicyFile};
use crate::{
    Attestations, Code, Decision, Error, Expected, Facts, Narrow, NarrowStage, Policy, Result, StageResult, Verdict,
};

/// A signed manifest that the policy allows.
///
/// ```compile_fail
/// fn skip(signed: modelseal_core::SignedManifest) -> modelseal_core::AuthorizedManifest {
///     modelseal_core::AuthorizedManifest { signed }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedManifest {
    pub(super) signed: SignedManifest,
    pub(super) attestations: Vec<AttestationEvidence>,
    pub(super) provenance: SignedProvenance,
    /// What the policy file decided so far; `None` without one.
    pub(super) judged: Option<Judged>,
}

impl AuthorizedManifest {
    /// What the policy file decided before the files were looked at; `None` without one.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.judged.as_ref().map(|judged| &judged.decision)
    }
}

impl SignedManifest {
    /// Decides whether the key is accepted at the time `at` and in its version, whether this signer may sign this
    /// artifact, whether it is the expected one, and whether every attestation signed along with it is there.
    ///
    /// # Errors
    /// `policy/*`; `signature/unknown-key` for a key that the policy file does not have; `format/legacy` when a policy
    /// file meets a legacy bundle. Refusals under a policy file carry its decision.
    pub fn authorize(
        self,
        policy: &Policy,
        expected: &Expected,
        attestations: &Attestations,
        at: Timestamp,
        narrows: &[&dyn Narrow],
    ) -> Result<AuthorizedManifest> {
        let authorized = match policy.file() {
            Some(file) => self.authorize_by(file, expected, attestations, at, narrows),
            None => self.authorize_any(expected, attestations, at, narrows),
        };
        authorized.map(|mut authorized| {
            if expected.is_any_model() {
                authorized.signed.unchecked.push(Unchecked::ExpectedModel);
            }
            authorized
        })
    }

    fn authorize_any(
        mut self,
        expected: &Expected,
        attestations: &Attestations,
        at: Timestamp,
        narrows: &[&dyn Narrow],
    ) -> Result<AuthorizedManifest> {
        self.terms.check(&self.signed_by, at)?;
        expected.check(&self.name, &self.manifest)?;
        let evidence = self.complete(attestations)?;
        // Nothing is decided by it here.
        let provenance = self.provenance(&evidence).unwrap_or(SignedProvenance::None);
        if !narrows.is_empty() {
            self.refuse_too_many_files()?;
            let facts = self.facts_from(None, &evidence, &provenance);
            let document = Policy::input(&facts, None, at);
            for narrow in narrows {
                narrow.decide(&self.narrow_input(&document))?;
            }
        }
        self.unchecked.push(Unchecked::Freshness);
        Ok(AuthorizedManifest { signed: self, attestations: evidence, provenance, judged: None })
    }

    fn authorize_by(
        self,
        file: &Arc<PolicyFile>,
        expected: &Expected,
        attestations: &Attestations,
        at: Timestamp,
        narrows: &[&dyn Narrow],
    ) -> Result<AuthorizedManifest> {
        // A record exists whatever goes wrong; what cannot be had is missing in it.
        let evidence = self.complete(attestations);
        let provenance = match &evidence {
            Ok(evidence) => self.provenance(evidence),
            Err(error) => Err(error.clone()),
        };
        let known = (evidence.as_deref().unwrap_or_default(), provenance.as_ref().unwrap_or(&SignedProvenance::None));
        let facts = self.facts_from(Some(file), known.0, known.1);
        let mut judged = Judged::new(file, &facts, at);
        let decision = &mut judged.decision;
        self.refuse_unfit(file, narrows).map_err(|error| decision.refused(error))?;
        if let Some(error) = decision.to_error().filter(|_| decision.rules.is_empty()) {
            return Err(error);
        }
        expected.check(&self.name, &self.manifest).map_err(|error| decision.refused(error))?;
        let provenance = provenance.map_err(|error| decision.refused(error))?;
        let evidence = evidence.map_err(|error| decision.refused(error))?;
        if let Some(error) = decision.to_error() {
            return Err(error);
        }
        // Whoever called may trust less than the policy does.
        self.terms.check(&self.signed_by, at).map_err(|error| decision.refused(error))?;
        self.narrow(&facts, decision, at, narrows)?;
        Ok(AuthorizedManifest { signed: self, attestations: evidence, provenance, judged: Some(judged) })
    }

    /// Attestations that are worth something here, when all that were signed along are among them.
    fn complete(&self, attestations: &Attestations) -> Result<Vec<AttestationEvidence>> {
        let evidence = attestations.bound_to(&self.name, &self.manifest, self.payload_digest)?;
        for wanted in &self.attestation_types {
            let found = evidence.iter().any(|attestation| {
                attestation.counts() && attestation.predicate_type == *wanted && attestation.signed_by(&self.signed_by)
            });
            if !found {
                return Err(Error::new(
                    Code::PolicyAttestationMissing,
                    format!("the attestation of type `{wanted:.100}` that was signed along with the model is missing"),
                ));
            }
        }
        Ok(evidence)
    }

    /// What no policy file accepts, and what this one asks for and is not given.
    fn refuse_unfit(&self, file: &PolicyFile, narrows: &[&dyn Narrow]) -> Result<()> {
        if self.relaxed.contains(&Relaxation::AcceptLegacy) {
            return Err(Error::new(Code::FormatLegacy, "a policy accepts no signature of the form used before v1.0")
                .with_hint("have the model signed again"));
        }
        let stages = [(file.rego.is_some(), NarrowStage::Rego, "rego"), (file.opa.is_some(), NarrowStage::Opa, "opa")];
        for (wanted, stage, name) in stages {
            if wanted && !narrows.iter().any(|narrow| narrow.stage() == stage) {
                let message = format!("the policy has [{name}], and nothing here can ask it");
                return Err(Error::new(Code::PolicyNotSupported, message));
            }
        }
        Ok(())
    }

    /// Asks the further stages in their order; each may only deny.
    fn narrow(&self, facts: &Facts, decision: &mut Decision, at: Timestamp, narrows: &[&dyn Narrow]) -> Result<()> {
        if narrows.is_empty() {
            return Ok(());
        }
        self.refuse_too_many_files().map_err(|error| decision.refused(error))?;
        let document = Policy::input(facts, Some(decision), at);
        let order = |narrow: &&&dyn Narrow| match narrow.stage() {
            NarrowStage::Rego => 0,
            NarrowStage::Opa => 1,
            NarrowStage::Other => 2,
        };
        let mut narrows: Vec<&&dyn Narrow> = narrows.iter().collect();
        narrows.sort_by_key(order);
        for narrow in narrows {
            let answer = narrow.decide(&self.narrow_input(&document));
            let result = match &answer {
                Ok(()) => StageResult { result: Verdict::Allow, code: None, message: None },
                Err(error) => StageResult {
                    result: Verdict::Deny,
                    code: Some(error.code().as_str()),
                    message: Some(error.message().to_owned()),
                },
            };
            match narrow.stage() {
                NarrowStage::Rego => decision.rego = Some(result),
                NarrowStage::Opa => decision.opa = Some(result),
                NarrowStage::Other => {}
            }
            answer.map_err(|error| decision.refused(error))?;
        }
        Ok(())
    }

    /// A stage that is not told of the files must not be asked about them.
    fn refuse_too_many_files(&self) -> Result<()> {
        let (files, most) = (self.manifest.files().count(), Policy::MAX_INPUT_FILES);
        if files <= most {
            return Ok(());
        }
        let message = format!("the model has {files} files, and narrowing stages are told of at most {most}");
        Err(Error::new(Code::PolicyNotSupported, message).with_hint(
            "judge the files with `formats` in [rule.files], and use a policy without narrowing stages such as [rego] \
             and [opa]",
        ))
    }

    const fn narrow_input<'a>(&'a self, document: &'a serde_json::Value) -> NarrowInput<'a> {
        NarrowInput { name: self.name.as_str(), manifest: &self.manifest, signer: &self.signed_by, document }
    }
}
