//! The outcome of a verification, in the form that JSON and the reports share.

use std::path::{Path, PathBuf};

use modelseal::{Error, Result, VerifiedArtifact};
use serde::Serialize;

use super::json::{ErrorObject, FindingObject, SignerObject, UncoveredObject, findings, uncovered};
use crate::exit;

/// What became of one model, or of the search for models.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The model; `None` when the outcome is about all of them.
    pub(crate) model: Option<PathBuf>,
    /// Verified, or why not.
    pub(crate) result: Result<VerifiedArtifact>,
}

impl Outcome {
    /// The exit status that this outcome alone would have.
    pub(crate) fn status(&self) -> u8 {
        self.result.as_ref().map_or_else(exit::of, |_| 0)
    }

    /// The code: an error code, or how it was verified. What was weakened outweighs what was left out.
    pub(crate) fn code(&self) -> &'static str {
        match &self.result {
            Ok(artifact) if !artifact.relaxed().is_empty() => VERIFIED_RELAXED,
            Ok(artifact) if artifact.only().is_some() => VERIFIED_PARTIAL,
            Ok(_) => VERIFIED,
            Err(error) => error.code().as_str(),
        }
    }
}

const VERIFIED: &str = "verified";
const VERIFIED_PARTIAL: &str = "verified-partial";
const VERIFIED_RELAXED: &str = "verified-relaxed";

/// `modelseal.verify`.
#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    kind: &'static str,
    version: u8,
    pub(crate) code: &'static str,
    pub(crate) exit: u8,
    pub(crate) results: Vec<ModelObject>,
    /// The error that came before any result; reports only.
    #[serde(skip)]
    pub(crate) error: Option<Failure>,
}

/// An error that came before any result, in the forms that reports need.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) object: ErrorObject,
    as_model: ModelObject,
}

/// What became of one model.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ModelObject {
    pub(crate) model: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) root_digest: Option<String>,
    pub(crate) payload_digest: Option<String>,
    pub(crate) signer: Option<SignerObject>,
    pub(crate) files: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) uncovered: Vec<UncoveredObject>,
    pub(crate) unchecked: Vec<&'static str>,
    pub(crate) relaxed: Vec<&'static str>,
    pub(crate) followed_links: Vec<String>,
    pub(crate) attestations: Vec<AttestationObject>,
    pub(crate) findings: Vec<FindingObject>,
    pub(crate) findings_complete: bool,
    /// The exit status of this model alone.
    #[serde(skip)]
    pub(crate) status: u8,
}

/// What is known of one attestation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttestationObject {
    predicate_type: String,
    key_id: Option<String>,
    bound: bool,
}

impl Verification {
    /// The outcomes of one run.
    pub(crate) fn new(outcomes: &[Outcome]) -> Self {
        let exit = exit::of_several(outcomes.iter().map(Outcome::status));
        let code = match exit {
            0 => {
                let weight =
                    |code: &&str| [VERIFIED, VERIFIED_PARTIAL, VERIFIED_RELAXED].iter().position(|c| c == code);
                outcomes.iter().map(Outcome::code).max_by_key(weight).unwrap_or(VERIFIED)
            }
            _ => outcomes.iter().find(|outcome| outcome.status() == exit).map_or(VERIFIED, Outcome::code),
        };
        let results = outcomes.iter().map(ModelObject::from).collect();
        Self { kind: "modelseal.verify", version: 1, code, exit, results, error: None }
    }

    /// An error that came before any result.
    pub(crate) fn failed(error: &Error) -> Self {
        let as_model = ModelObject::refused(None, error);
        let (code, exit) = (as_model.code, as_model.status);
        let failure = Failure { object: ErrorObject::new(error, exit), as_model };
        Self { kind: "modelseal.verify", version: 1, code, exit, results: Vec::new(), error: Some(failure) }
    }

    /// What the reports list: every model, or the error that came before.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &ModelObject> {
        self.results.iter().chain(self.error.as_ref().map(|failure| &failure.as_model))
    }
}

impl From<&Outcome> for ModelObject {
    fn from(outcome: &Outcome) -> Self {
        let model = outcome.model.as_deref();
        match &outcome.result {
            Ok(artifact) => Self::verified(model, outcome.code(), artifact),
            Err(error) => Self::refused(model, error),
        }
    }
}

impl ModelObject {
    fn verified(model: Option<&Path>, code: &'static str, artifact: &VerifiedArtifact) -> Self {
        let attestation = |evidence: &modelseal::AttestationEvidence| AttestationObject {
            predicate_type: evidence.predicate_type.clone(),
            key_id: evidence.signed_by.as_ref().map(|signer| signer.key_id().to_string()),
            bound: evidence.bound,
        };
        let names = |names: &[modelseal::ResourceName]| names.iter().map(|name| name.as_str().to_owned()).collect();
        Self {
            model: model.map(raw),
            code,
            name: Some(artifact.name().to_owned()),
            root_digest: Some(artifact.manifest().root().to_string()),
            payload_digest: Some(artifact.payload_digest().to_string()),
            signer: Some(artifact.signed_by().into()),
            files: Some(artifact.files()),
            bytes: Some(artifact.bytes()),
            only: artifact.only().map(names),
            uncovered: uncovered(artifact.uncovered()),
            unchecked: artifact.unchecked().iter().map(|unchecked| unchecked.as_str()).collect(),
            relaxed: artifact.relaxed().iter().map(|relaxation| relaxation.as_str()).collect(),
            followed_links: names(artifact.followed_links()),
            attestations: artifact.attestations().iter().map(attestation).collect(),
            findings_complete: true,
            ..Self::default()
        }
    }

    fn refused(model: Option<&Path>, error: &Error) -> Self {
        Self {
            model: model.map(raw),
            code: error.code().as_str(),
            message: Some(error.message().to_owned()),
            hint: Some(error.hint().to_owned()),
            findings: findings(error),
            findings_complete: error.findings_complete(),
            status: exit::of(error),
            ..Self::default()
        }
    }
}

fn raw(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
