//! What signing and verifying return: the evidence, frozen. Python code cannot make one.

use core::num::NonZeroU32;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modelseal::{Manifest, SignedBy};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::records::{Attestation, Certificate, Provenance, Repr, Resource, Serialization, Uncovered, json, tuple};

/// A model that was signed.
#[pyclass(frozen, module = "modelseal")]
pub(crate) struct SignedArtifact {
    /// The model's path, as given.
    #[pyo3(get)]
    path: PathBuf,
    /// The signed model name.
    #[pyo3(get)]
    name: String,
    /// Digest of the whole model, `sha256:hex`; what `expect_digest=` and `digest=` compare with.
    #[pyo3(get)]
    root_digest: String,
    /// SHA-256 of the signed payload.
    #[pyo3(get)]
    payload_digest: String,
    /// Id of the key that signed.
    #[pyo3(get)]
    key_id: String,
    /// Its kind, such as `ecdsa-p256`.
    #[pyo3(get)]
    key_kind: String,
    /// Its name on the server that keeps it; `None` for a key in a file.
    #[pyo3(get)]
    key_name: Option<String>,
    /// Its version, where its keeper counts them.
    #[pyo3(get)]
    key_version: Option<u32>,
    /// Its signature scheme.
    #[pyo3(get)]
    scheme: String,
    /// The signing method: `key` or `certificate`.
    #[pyo3(get)]
    method: &'static str,
    /// How files became resources.
    #[pyo3(get)]
    serialization: Py<Serialization>,
    /// Where the signature is, or would be after a dry run.
    #[pyo3(get)]
    bundle: PathBuf,
    /// Where the attestations are, if there are any.
    #[pyo3(get)]
    attestations: Option<PathBuf>,
    /// Which job signed, as its verified identity token says; `None` when that was not signed along.
    #[pyo3(get)]
    provenance: Option<Py<Provenance>>,
    /// Files covered.
    #[pyo3(get)]
    files: u64,
    /// Bytes covered.
    #[pyo3(get)]
    bytes: u64,
    /// What is on disk and not covered.
    #[pyo3(get)]
    uncovered: Py<PyTuple>,
    /// What the signer should know: who cannot verify this form, ignored paths that match nothing, a token that lives
    /// long.
    #[pyo3(get)]
    warnings: Py<PyTuple>,
    /// Checks that the caller weakened, such as `danger-allow-symlinks`.
    #[pyo3(get)]
    relaxed: Py<PyTuple>,
    /// Whether the signature was written; not after a dry run.
    #[pyo3(get)]
    written: bool,
    manifest: Manifest,
    resources: PyOnceLock<Py<PyTuple>>,
}

impl SignedArtifact {
    pub(crate) fn new(
        py: Python<'_>,
        path: &Path,
        signed: modelseal::SignedArtifact,
        method: &'static str,
        key_name: Option<String>,
        relaxed: &[&'static str],
    ) -> PyResult<Self> {
        let provenance = signed.provenance.as_ref().map(|signed| Py::new(py, Provenance::new(py, &signed.record)?));
        Ok(Self {
            path: path.to_owned(),
            provenance: provenance.transpose()?,
            root_digest: signed.manifest.root().to_string(),
            payload_digest: signed.payload_digest.to_string(),
            key_id: signed.key_id.to_string(),
            key_kind: signed.key_kind.to_string(),
            key_name,
            key_version: signed.key_version.map(NonZeroU32::get),
            scheme: signed.scheme.to_string(),
            method,
            serialization: Py::new(py, Serialization::from(signed.manifest.serialization()))?,
            uncovered: tuple(py, signed.uncovered.iter().map(Uncovered::from))?,
            warnings: tuple(py, &signed.warnings)?,
            relaxed: tuple(py, relaxed)?,
            resources: PyOnceLock::new(),
            name: signed.name,
            bundle: signed.bundle,
            attestations: signed.attestations,
            files: signed.files,
            bytes: signed.bytes,
            written: signed.written,
            manifest: signed.manifest,
        })
    }
}

#[pymethods]
impl SignedArtifact {
    /// The manifest's resources in signed order; made when first asked for.
    #[getter]
    fn resources(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        resources(py, &self.manifest, &self.resources)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("SignedArtifact")
            .field(py, "name", &self.name)?
            .field(py, "root_digest", &self.root_digest)?
            .field(py, "key_id", &self.key_id)?
            .field(py, "bundle", self.bundle.as_os_str())?
            .field(py, "provenance", &self.provenance)?
            .field(py, "files", self.files)?
            .field(py, "bytes", self.bytes)?
            .field(py, "uncovered", &self.uncovered)?
            .field(py, "warnings", &self.warnings)?
            .field(py, "written", self.written)?
            .finish()
    }
}

/// A model that was verified, with what that rests on. There is none of a model that was refused.
#[pyclass(frozen, module = "modelseal")]
pub(crate) struct VerifiedArtifact {
    /// The model's path, as given.
    #[pyo3(get)]
    path: PathBuf,
    /// The signature that was verified.
    #[pyo3(get)]
    bundle: PathBuf,
    /// The signed model name; empty in the form from before v1.0.
    #[pyo3(get)]
    name: String,
    /// Digest of the whole model, `sha256:hex`.
    #[pyo3(get)]
    root_digest: String,
    /// SHA-256 of the signed payload.
    #[pyo3(get)]
    payload_digest: String,
    /// Id of the key that signed.
    #[pyo3(get)]
    key_id: String,
    /// Its kind, such as `ecdsa-p256`.
    #[pyo3(get)]
    key_kind: String,
    /// The name that the table of keys, or the server, gives it.
    #[pyo3(get)]
    key_name: Option<String>,
    /// Its version by that table or server.
    #[pyo3(get)]
    key_version: Option<u32>,
    /// The signature scheme that was checked.
    #[pyo3(get)]
    scheme: Option<String>,
    /// The signing method: `key` or `certificate`.
    #[pyo3(get)]
    method: &'static str,
    /// The certificate that signed; `None` for the method `key`.
    #[pyo3(get)]
    certificate: Option<Py<Certificate>>,
    /// How files became resources.
    #[pyo3(get)]
    serialization: Py<Serialization>,
    /// Files verified.
    #[pyo3(get)]
    files: u64,
    /// Bytes verified.
    #[pyo3(get)]
    bytes: u64,
    /// The files that were verified; `None`: all of them.
    #[pyo3(get)]
    only: Option<Py<PyTuple>>,
    /// What is on disk and not covered by the signature.
    #[pyo3(get)]
    uncovered: Py<PyTuple>,
    /// What was not checked, such as `expected-model` or `freshness`.
    #[pyo3(get)]
    unchecked: Py<PyTuple>,
    /// Checks that the caller weakened, such as `danger-allow-symlinks`.
    #[pyo3(get)]
    relaxed: Py<PyTuple>,
    /// Links to files inside the model that were followed.
    #[pyo3(get)]
    followed_links: Py<PyTuple>,
    /// Attestations found beside the signature.
    #[pyo3(get)]
    attestations: Py<PyTuple>,
    /// Which job signed, when the key that signed the model says so too; `None` otherwise.
    #[pyo3(get)]
    provenance: Option<Py<Provenance>>,
    /// What the verifier should know of the server and its token.
    #[pyo3(get)]
    warnings: Py<PyTuple>,
    verified: modelseal::VerifiedArtifact,
    resources: PyOnceLock<Py<PyTuple>>,
}

impl VerifiedArtifact {
    pub(crate) fn new(
        py: Python<'_>,
        path: &Path,
        bundle: PathBuf,
        verified: modelseal::VerifiedArtifact,
        warnings: &[String],
        relaxed: &[&'static str],
    ) -> PyResult<Self> {
        let signed_by = verified.signed_by();
        let certificate = match signed_by {
            SignedBy::Certificate { chain, .. } => Some(Py::new(py, Certificate::from(&**chain))?),
            _ => None,
        };
        let relaxed = verified.relaxed().iter().map(|relaxed| relaxed.as_str()).chain(relaxed.iter().copied());
        Ok(Self {
            path: path.to_owned(),
            bundle,
            name: verified.name().to_owned(),
            root_digest: verified.manifest().root().to_string(),
            payload_digest: verified.payload_digest().to_string(),
            key_id: signed_by.key_id().to_string(),
            key_kind: signed_by.kind().to_string(),
            key_name: signed_by.key_name().map(str::to_owned),
            key_version: signed_by.key_version().map(NonZeroU32::get),
            scheme: scheme(signed_by),
            method: signed_by.method(),
            certificate,
            serialization: Py::new(py, Serialization::from(verified.manifest().serialization()))?,
            files: verified.files(),
            bytes: verified.bytes(),
            only: verified.only().map(|names| tuple(py, names.iter().map(|name| name.as_str()))).transpose()?,
            uncovered: tuple(py, verified.uncovered().iter().map(Uncovered::from))?,
            unchecked: tuple(py, verified.unchecked().iter().map(|unchecked| unchecked.as_str()))?,
            relaxed: tuple(py, relaxed)?,
            followed_links: tuple(py, verified.followed_links().iter().map(|name| name.as_str()))?,
            attestations: tuple(py, verified.attestations().iter().map(Attestation::from))?,
            provenance: verified.provenance().map(|found| Py::new(py, Provenance::new(py, found)?)).transpose()?,
            warnings: tuple(py, warnings)?,
            resources: PyOnceLock::new(),
            verified,
        })
    }
}

#[pymethods]
impl VerifiedArtifact {
    /// The manifest's resources in signed order; made when first asked for.
    #[getter]
    fn resources(&self, py: Python<'_>) -> PyResult<Py<PyTuple>> {
        resources(py, self.verified.manifest(), &self.resources)
    }

    /// What the policy decided, and why, as docs/policy.md describes it; a new dictionary each time. `None` without a
    /// policy.
    #[getter]
    fn decision<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.verified.decision().map(|decision| json(py, &decision.to_json())).transpose()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("VerifiedArtifact")
            .field(py, "name", &self.name)?
            .field(py, "root_digest", &self.root_digest)?
            .field(py, "key_id", &self.key_id)?
            .field(py, "method", self.method)?
            .field(py, "files", self.files)?
            .field(py, "bytes", self.bytes)?
            .field(py, "only", &self.only)?
            .field(py, "uncovered", &self.uncovered)?
            .field(py, "unchecked", &self.unchecked)?
            .field(py, "relaxed", &self.relaxed)?
            .finish()
    }
}

/// A model that a statement was made about.
#[pyclass(frozen, get_all, module = "modelseal")]
pub(crate) struct AttestedArtifact {
    /// The model, as it was verified.
    model: Py<VerifiedArtifact>,
    /// The predicate type, a URI.
    predicate_type: String,
    /// SHA-256 of the statement.
    statement_digest: String,
    /// The file of the attestations.
    attestations: PathBuf,
    /// How many attestations it holds now, or would after a dry run.
    lines: usize,
    /// Id of the key that signed the statement.
    key_id: String,
    /// Its kind, such as `ecdsa-p256`.
    key_kind: String,
    /// Its name on the server that keeps it; `None` for a key in a file.
    key_name: Option<String>,
    /// Its version, where its keeper counts them.
    key_version: Option<u32>,
    /// Its signature scheme.
    scheme: String,
    /// Whether the very statement was there already, by this key: nothing was signed then.
    already_there: bool,
    /// Whether it was written; not after a dry run.
    written: bool,
    /// What the signer should know.
    warnings: Py<PyTuple>,
    /// Checks that the caller weakened, such as `danger-allow-symlinks`.
    relaxed: Py<PyTuple>,
}

impl AttestedArtifact {
    /// `warnings`: those of what came before.
    pub(crate) fn new(
        py: Python<'_>,
        path: &Path,
        bundle: PathBuf,
        attested: modelseal::AttestedArtifact,
        key_name: Option<String>,
        warnings: &[String],
        more_relaxed: &[&'static str],
    ) -> PyResult<Self> {
        let of_model = attested.model.relaxed().iter().map(|relaxed| relaxed.as_str());
        let relaxed: BTreeSet<&str> = of_model.chain(more_relaxed.iter().copied()).collect();
        Ok(Self {
            model: Py::new(py, VerifiedArtifact::new(py, path, bundle, attested.model, warnings, &[])?)?,
            statement_digest: attested.statement_digest.to_string(),
            lines: attested.lines,
            key_id: attested.key_id.to_string(),
            key_kind: attested.key_kind.to_string(),
            key_name,
            key_version: attested.key_version.map(NonZeroU32::get),
            scheme: attested.scheme.to_string(),
            already_there: attested.already_there,
            written: attested.written,
            warnings: tuple(py, warnings.iter().chain(&attested.warnings))?,
            relaxed: tuple(py, relaxed)?,
            predicate_type: attested.predicate_type,
            attestations: attested.attestations,
        })
    }
}

#[pymethods]
impl AttestedArtifact {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("AttestedArtifact")
            .field(py, "predicate_type", &self.predicate_type)?
            .field(py, "statement_digest", &self.statement_digest)?
            .field(py, "key_id", &self.key_id)?
            .field(py, "attestations", self.attestations.as_os_str())?
            .field(py, "already_there", self.already_there)?
            .field(py, "written", self.written)?
            .field(py, "warnings", &self.warnings)?
            .field(py, "relaxed", &self.relaxed)?
            .field(py, "model", &self.model)?
            .finish()
    }
}

/// A certified key implies its scheme; a trusted key has had one named.
fn scheme(signed_by: &SignedBy) -> Option<String> {
    match signed_by {
        SignedBy::Key { scheme, .. } => Some(scheme.to_string()),
        SignedBy::Certificate { chain, .. } => {
            chain.leaf.public_key().ok()?.implied_scheme().map(|scheme| scheme.to_string())
        }
        _ => None,
    }
}

/// A manifest may list a million resources, and few callers look: the tuple is made once, on demand.
fn resources(py: Python<'_>, manifest: &Manifest, made: &PyOnceLock<Py<PyTuple>>) -> PyResult<Py<PyTuple>> {
    let make = || tuple(py, manifest.resources().iter().map(Resource::from));
    made.get_or_try_init(py, make).map(|resources| resources.clone_ref(py))
}
