//! Small frozen values that results are made of.

use modelseal::{AttestationEvidence, ChainEvidence, Event, Method, NamedDigest};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// How far the work is. Bytes and files only ever grow.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    /// Bytes hashed so far.
    bytes_done: u64,
    /// Bytes known to be there; final when `walked`.
    bytes_total: u64,
    /// Files hashed so far.
    files_done: u64,
    /// Files known to be there; final when `walked`.
    files_total: u64,
    /// Whether the totals are final.
    walked: bool,
}

impl Progress {
    pub(crate) fn of(event: Event) -> Option<Self> {
        match event {
            Event::Hashing { bytes_done, bytes_total, files_done, files_total, walked } => {
                Some(Self { bytes_done, bytes_total, files_done, files_total, walked })
            }
            _ => None,
        }
    }
}

#[pymethods]
impl Progress {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Progress")
            .field(py, "bytes_done", self.bytes_done)?
            .field(py, "bytes_total", self.bytes_total)?
            .field(py, "files_done", self.files_done)?
            .field(py, "files_total", self.files_total)?
            .field(py, "walked", self.walked)?
            .finish()
    }
}

/// A file of the signed manifest, or the shard of one from byte `start` to before byte `end`.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Resource {
    /// Path relative to the model, `/` between components; `.` for a model that is a single file.
    name: String,
    /// `algorithm:hex`.
    digest: String,
    /// Bytes of the file or shard, when the manifest says so.
    size: Option<u64>,
    /// First byte of the shard; `None` for a whole file.
    start: Option<u64>,
    /// End of the shard; `None` for a whole file.
    end: Option<u64>,
}

impl From<&modelseal::Resource> for Resource {
    fn from(resource: &modelseal::Resource) -> Self {
        let range = resource.range();
        Self {
            name: resource.name().as_str().to_owned(),
            digest: resource.digest().to_string(),
            size: resource.size(),
            start: range.as_ref().map(|range| range.start),
            end: range.map(|range| range.end),
        }
    }
}

#[pymethods]
impl Resource {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Resource")
            .field(py, "name", &self.name)?
            .field(py, "digest", &self.digest)?
            .field(py, "size", self.size)?
            .field(py, "start", self.start)?
            .field(py, "end", self.end)?
            .finish()
    }
}

/// How the files of a model became the resources of its manifest.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Serialization {
    /// `files` or `shards`.
    method: &'static str,
    /// `sha256`, `blake2b` or `blake3`.
    hash: &'static str,
    /// Bytes per shard; `None` for whole files.
    shard_size: Option<u64>,
}

impl From<&modelseal::Serialization> for Serialization {
    fn from(serialization: &modelseal::Serialization) -> Self {
        let shard_size = match serialization.method() {
            Method::Shards { size } => Some(size.get()),
            _ => None,
        };
        Self { method: serialization.method().as_str(), hash: serialization.hash().as_str(), shard_size }
    }
}

#[pymethods]
impl Serialization {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Serialization")
            .field(py, "method", self.method)?
            .field(py, "hash", self.hash)?
            .field(py, "shard_size", self.shard_size)?
            .finish()
    }
}

/// A path on disk that the signature does not cover.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Uncovered {
    /// The path, relative to the model.
    name: String,
    /// `file`, `directory`, `link` or `special`.
    kind: &'static str,
}

impl From<&modelseal::Uncovered> for Uncovered {
    fn from(uncovered: &modelseal::Uncovered) -> Self {
        Self { name: uncovered.name.clone(), kind: uncovered.kind }
    }
}

#[pymethods]
impl Uncovered {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Uncovered").field(py, "name", &self.name)?.field(py, "kind", self.kind)?.finish()
    }
}

/// The certificate whose key signed, and the anchor that its chain ends in.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Certificate {
    /// Distinguished name, as RFC 4514 text.
    subject: String,
    /// SHA-256 of the certificate, `sha256:hex`.
    fingerprint: String,
    /// SHA-256 of the trusted certificate that the chain ends in.
    anchor_fingerprint: String,
    /// Whether the caller said which certificate it must be.
    pinned: bool,
}

impl From<&ChainEvidence> for Certificate {
    fn from(chain: &ChainEvidence) -> Self {
        Self {
            subject: chain.leaf.subject(),
            fingerprint: chain.leaf.fingerprint().to_string(),
            anchor_fingerprint: chain.anchor.fingerprint().to_string(),
            pinned: chain.pinned,
        }
    }
}

#[pymethods]
impl Certificate {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Certificate")
            .field(py, "subject", &self.subject)?
            .field(py, "fingerprint", &self.fingerprint)?
            .field(py, "anchor_fingerprint", &self.anchor_fingerprint)?
            .field(py, "pinned", self.pinned)?
            .finish()
    }
}

/// A further signed statement found beside the signature.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Attestation {
    /// Its in-toto predicate type, a URI.
    predicate_type: String,
    /// Id of the trusted key that signed it; `None` when no trusted key did, and it proves nothing.
    key_id: Option<String>,
    /// Whether it is bound to this very manifest.
    bound: bool,
}

impl From<&AttestationEvidence> for Attestation {
    fn from(evidence: &AttestationEvidence) -> Self {
        Self {
            predicate_type: evidence.predicate_type.clone(),
            key_id: evidence.signed_by.as_ref().map(|signed_by| signed_by.key_id().to_string()),
            bound: evidence.bound,
        }
    }
}

#[pymethods]
impl Attestation {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Attestation")
            .field(py, "predicate_type", &self.predicate_type)?
            .field(py, "key_id", &self.key_id)?
            .field(py, "bound", self.bound)?
            .finish()
    }
}

/// Which job signed: what the key that signed the model says of it.
#[pyclass(frozen, get_all, module = "modelseal")]
pub(crate) struct Provenance {
    /// The platform: "github", "gitlab", "kubernetes", …, "oidc".
    provider: String,
    /// The issuer of the identity token.
    issuer: String,
    /// "oidc-verified": the token of this identity is what logged in to the keeper of the key. "oidc-unbound": it only
    /// stood beside, and no policy takes it for an identity.
    claims_source: &'static str,
    /// The claims that were signed, which cannot be changed. Free text: escape before printing.
    claims: Py<PyAny>,
    /// Who built, a URI.
    builder: String,
    /// The run, a URI.
    invocation: Option<String>,
    /// The repository of the definition that the job ran, its git ref, and its file.
    repository: Option<String>,
    reference: Option<String>,
    workflow: Option<String>,
    /// The commit.
    commit: Option<String>,
    /// When signing began and ended by the signer's clock, as RFC 3339 has it.
    started_on: Option<String>,
    finished_on: Option<String>,
    /// What the model was made from, and what was made along with it: pairs of a name and a digest, or `None` for a URI.
    dependencies: Py<PyTuple>,
    byproducts: Py<PyTuple>,
}

impl Provenance {
    pub(crate) fn new(py: Python<'_>, found: &modelseal::Provenance) -> PyResult<Self> {
        let claims = PyDict::new(py);
        for (name, value) in &found.claims {
            claims.set_item(name, json(py, &value.to_string())?)?;
        }
        let proxy = py.import("types")?.getattr("MappingProxyType")?;
        let pairs = |all: &[NamedDigest]| {
            let pair = |one: &NamedDigest| (one.name.clone(), one.digest.map(|digest| digest.to_string()));
            tuple(py, all.iter().map(pair))
        };
        Ok(Self {
            provider: found.provider.clone(),
            issuer: found.issuer.clone(),
            claims_source: found.claims_source.as_str(),
            claims: proxy.call1((claims,))?.unbind(),
            builder: found.builder.clone(),
            invocation: found.invocation.clone(),
            repository: found.workflow.repository.clone(),
            reference: found.workflow.reference.clone(),
            workflow: found.workflow.path.clone(),
            commit: found.commit.clone(),
            started_on: found.started_on.map(|time| time.to_string()),
            finished_on: found.finished_on.map(|time| time.to_string()),
            dependencies: pairs(&found.dependencies)?,
            byproducts: pairs(&found.byproducts)?,
        })
    }
}

#[pymethods]
impl Provenance {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Provenance")
            .field(py, "provider", &self.provider)?
            .field(py, "claims_source", self.claims_source)?
            .field(py, "repository", &self.repository)?
            .field(py, "workflow", &self.workflow)?
            .field(py, "invocation", &self.invocation)?
            .finish()
    }
}

/// A JSON text as Python values.
pub(crate) fn json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (text,))
}

/// A tuple of Python values made from `items`.
pub(crate) fn tuple<'py, T>(py: Python<'py>, items: impl IntoIterator<Item = T>) -> PyResult<Py<PyTuple>>
where
    T: IntoPyObject<'py>,
{
    let items = items.into_iter().map(|item| item.into_bound_py_any(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, items)?.unbind())
}

/// Writes `Class(field=value, …)` with Python's own `repr` of every value, which escapes hostile text.
pub(crate) struct Repr {
    text: String,
    first: bool,
}

impl Repr {
    pub(crate) fn new(class: &str) -> Self {
        Self { text: format!("{class}("), first: true }
    }

    pub(crate) fn field<'py>(mut self, py: Python<'py>, name: &str, value: impl IntoPyObject<'py>) -> PyResult<Self> {
        if !self.first {
            self.text.push_str(", ");
        }
        self.first = false;
        self.text.push_str(name);
        self.text.push('=');
        let value = value.into_bound_py_any(py)?;
        self.text.push_str(&value.repr()?.to_string_lossy());
        Ok(self)
    }

    pub(crate) fn finish(mut self) -> PyResult<String> {
        self.text.push(')');
        Ok(self.text)
    }
}
