//! The last type of the chain: what was verified, with the evidence.

use crate::attestation::AttestationEvidence;
use crate::bundle::Unchecked;
use crate::{Decision, Digest, Manifest, Provenance, ResourceName, SignedBy};

/// A check that the caller weakened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Relaxation {
    /// The form from before v1.0 was accepted.
    AcceptLegacy,
    /// Links to files inside the model were followed.
    AllowSymlinks,
    /// Published test keys were accepted.
    AllowTestKeys,
    /// The caller set the clock.
    Clock,
    /// Paths named by the verifier's caller were not looked at.
    IgnorePaths,
    /// Files that are not signed were accepted.
    IgnoreUnsignedFiles,
}

impl Relaxation {
    /// The name of the switch, without leading hyphens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcceptLegacy => "danger-accept-legacy",
            Self::AllowSymlinks => "danger-allow-symlinks",
            Self::AllowTestKeys => "danger-allow-test-keys",
            Self::Clock => "danger-clock",
            Self::IgnorePaths => "danger-ignore-paths",
            Self::IgnoreUnsignedFiles => "danger-ignore-unsigned-files",
        }
    }
}

/// A path on disk that the signature does not cover.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Uncovered {
    /// The path, relative to the model, raw: escape before printing.
    pub name: String,
    /// `file`, `directory`, `link` or `special`.
    pub kind: &'static str,
}

/// An artifact that was verified. Exists only when verification succeeded; carries what it rests on.
///
/// ```compile_fail
/// fn forge() -> modelseal_core::VerifiedArtifact {
///     modelseal_core::VerifiedArtifact::default()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedArtifact {
    pub(super) name: String,
    pub(super) manifest: Manifest,
    pub(super) payload_digest: Digest,
    pub(super) signed_by: SignedBy,
    pub(super) attestations: Vec<AttestationEvidence>,
    pub(super) relaxed: Vec<Relaxation>,
    pub(super) unchecked: Vec<Unchecked>,
    pub(super) uncovered: Vec<Uncovered>,
    pub(super) followed_links: Vec<ResourceName>,
    pub(super) only: Option<Vec<ResourceName>>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) provenance: Option<Box<Provenance>>,
    pub(super) decision: Option<Box<Decision>>,
}

impl VerifiedArtifact {
    /// The signed model name; empty in a legacy bundle. Free text: escape before printing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The manifest that the files were compared with.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the signed payload.
    #[must_use]
    pub const fn payload_digest(&self) -> Digest {
        self.payload_digest
    }

    /// Who signed.
    #[must_use]
    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// Attestations found beside the bundle.
    #[must_use]
    pub fn attestations(&self) -> &[AttestationEvidence] {
        &self.attestations
    }

    /// The provenance by the very key that signed, bound to this very signature; its claims may be unbound.
    #[must_use]
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_deref()
    }

    /// What the policy file decided; `None` without one.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_deref()
    }

    /// Checks that the caller weakened.
    #[must_use]
    pub fn relaxed(&self) -> &[Relaxation] {
        &self.relaxed
    }

    /// What was not checked.
    #[must_use]
    pub fn unchecked(&self) -> &[Unchecked] {
        &self.unchecked
    }

    /// Paths on disk that the signature does not cover, sorted by name.
    #[must_use]
    pub fn uncovered(&self) -> &[Uncovered] {
        &self.uncovered
    }

    /// Links to files inside the model that were followed.
    #[must_use]
    pub fn followed_links(&self) -> &[ResourceName] {
        &self.followed_links
    }

    /// The files that were verified, when it was not all of them.
    #[must_use]
    pub fn only(&self) -> Option<&[ResourceName]> {
        self.only.as_deref()
    }

    /// Number of files verified.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Bytes verified.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}
