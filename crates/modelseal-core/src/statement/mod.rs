//! The in-toto statement of an OMS signature: subject, predicate, payload bytes.

mod legacy;
mod read;
mod write;

use crate::{Manifest, Result};

pub(crate) use legacy::LegacyStatement;

/// `_type` of an in-toto Statement v1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of an OMS v1.0 signature.
pub const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// `predicateType` before OMS v1.0, without parameters and root digest.
pub const LEGACY_PREDICATE_TYPE: &str = "https://model_signing/Digests/v0.1";

/// An OMS statement: this model name, this manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatement {
    name: String,
    attestation_types: Vec<String>,
    manifest: Manifest,
}

impl ModelStatement {
    /// A statement about the model `name`. `attestation_types` are the predicate types of the attestations that are
    /// signed along with it and must be there at verification.
    #[must_use]
    pub fn new(name: String, attestation_types: Vec<String>, manifest: Manifest) -> Self {
        Self { name, attestation_types, manifest }
    }

    /// Parses payload bytes of predicate type [`PREDICATE_TYPE`].
    ///
    /// # Errors
    /// `format/malformed`, `format/unsupported`, `format/legacy`, `artifact/empty`.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        read::parse(payload)
    }

    /// The payload: compact JSON, the same bytes for the same statement everywhere.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        write::payload(self)
    }

    /// The signed model name. Free text: escape before printing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Predicate types of the attestations signed along.
    #[must_use]
    pub fn attestation_types(&self) -> &[String] {
        &self.attestation_types
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn into_parts(self) -> (String, Vec<String>, Manifest) {
        (self.name, self.attestation_types, self.manifest)
    }
}

/// The predicate type that a payload claims; for messages only, nothing is checked.
pub(crate) fn claimed_predicate_type(payload: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Peek {
        predicate_type: String,
    }
    serde_json::from_slice::<Peek>(payload).ok().map(|peek| peek.predicate_type)
}
