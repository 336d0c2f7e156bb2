//! The outcome of a verification, in the one form that text, JSON and the reports share.

use std::path::Path;

use modelseal::{Code, Decision, Error, Result, VerifiedArtifact};
use serde::Serialize;

use super::job::ProvenanceObject;
use super::json::{ErrorObject, FindingObject, ServerObject, SignerObject, UncoveredObject, findings, uncovered};
use crate::exit;

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
    /// Every place of keys that a server was asked for.
    pub(crate) servers: Vec<ServerObject>,
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

/// What became of one model, or of the search for models.
///
/// It is all that a run keeps of a model: its manifest, which lists every file, is dropped as soon as it is verified.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ModelObject {
    /// The model; `None` when the result is about all of them.
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
    /// Which job signed, by provenance of the key that signed.
    pub(crate) provenance: Option<ProvenanceObject>,
    /// What the policy decided, and why.
    pub(crate) decision: Option<Box<Decision>>,
    pub(crate) findings: Vec<FindingObject>,
    pub(crate) findings_complete: bool,
    /// Files that the signature lists, verified or not.
    #[serde(skip)]
    pub(crate) listed: u64,
    /// Why it was not verified.
    #[serde(skip)]
    error: Option<Code>,
}

/// What is known of one attestation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttestationObject {
    pub(crate) predicate_type: String,
    key_id: Option<String>,
    bound: bool,
}

impl AttestationObject {
    /// What it is worth, in words.
    pub(crate) const fn worth(&self) -> &'static str {
        match (&self.key_id, self.bound) {
            (Some(_), true) => "signed and bound to this model",
            (Some(_), false) => "signed by a trusted key, but not bound to this signature: it does not count",
            (None, _) => "not signed by a trusted key: it does not count",
        }
    }
}

impl Verification {
    /// The results of one run.
    pub(crate) fn new(servers: Vec<ServerObject>, results: Vec<ModelObject>) -> Self {
        let exit = exit::of_several(results.iter().map(ModelObject::status));
        let code = match exit {
            0 => {
                let weight =
                    |code: &&str| [VERIFIED, VERIFIED_PARTIAL, VERIFIED_RELAXED].iter().position(|c| c == code);
                results.iter().map(|result| result.code).max_by_key(weight).unwrap_or(VERIFIED)
            }
            _ => results.iter().find(|result| result.status() == exit).map_or(VERIFIED, |result| result.code),
        };
        Self { kind: "modelseal.verify", version: 1, code, exit, servers, results, error: None }
    }

    /// An error that came before any result.
    pub(crate) fn failed(error: &Error) -> Self {
        let as_model = ModelObject::refused(None, error);
        let (code, exit) = (as_model.code, as_model.status());
        let failure = Failure { object: ErrorObject::new(error, exit), as_model };
        Self {
            kind: "modelseal.verify",
            version: 1,
            code,
            exit,
            servers: Vec::new(),
            results: Vec::new(),
            error: Some(failure),
        }
    }

    /// What the reports list: every model, or the error that came before.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &ModelObject> {
        self.results.iter().chain(self.error.as_ref().map(|failure| &failure.as_model))
    }
}

impl ModelObject {
    /// What became of `model`.
    pub(crate) fn new(model: &Path, result: Result<VerifiedArtifact>) -> Self {
        match result {
            Ok(artifact) => Self::verified(model, &artifact),
            Err(error) => Self::refused(Some(model), &error),
        }
    }

    fn verified(model: &Path, artifact: &VerifiedArtifact) -> Self {
        let attestation = |evidence: &modelseal::AttestationEvidence| AttestationObject {
            predicate_type: evidence.predicate_type.clone(),
            key_id: evidence.signed_by.as_ref().map(|signer| signer.key_id().to_string()),
            bound: evidence.bound,
        };
        let names = |names: &[modelseal::ResourceName]| names.iter().map(|name| name.as_str().to_owned()).collect();
        // What was weakened outweighs what was left out.
        let code = match artifact {
            relaxed if !relaxed.relaxed().is_empty() => VERIFIED_RELAXED,
            partial if partial.only().is_some() => VERIFIED_PARTIAL,
            _ => VERIFIED,
        };
        Self {
            model: Some(raw(model)),
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
            provenance: artifact.provenance().map(ProvenanceObject::from),
            decision: artifact.decision().cloned().map(Box::new),
            findings_complete: true,
            listed: artifact.manifest().files().count() as u64,
            ..Self::default()
        }
    }

    /// Adds what was weakened besides, on the way to a key on a server.
    pub(crate) fn relax(&mut self, relaxed: impl Iterator<Item = &'static str>) {
        if self.status() == 0 {
            self.relaxed.extend(relaxed);
            if !self.relaxed.is_empty() {
                self.code = VERIFIED_RELAXED;
            }
        }
    }

    /// Why `model`, or none, was not verified.
    pub(crate) fn refused(model: Option<&Path>, error: &Error) -> Self {
        Self {
            model: model.map(raw),
            code: error.code().as_str(),
            message: Some(error.message().to_owned()),
            hint: Some(error.hint().to_owned()),
            decision: error.decision().cloned().map(Box::new),
            findings: findings(error),
            findings_complete: error.findings_complete(),
            error: Some(error.code()),
            ..Self::default()
        }
    }

    /// The exit status that this result alone would have.
    ///
    /// Worked out when asked for: which signal stopped the run is known only when it has ended.
    pub(crate) fn status(&self) -> u8 {
        self.error.map_or(0, exit::of_code)
    }

    /// Whether the run was stopped here.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.error == Some(Code::UsageInterrupted)
    }
}

fn raw(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
