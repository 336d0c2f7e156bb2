//! Python arguments as values of the façade.

use core::num::NonZeroUsize;
use core::str::FromStr;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use modelseal::{
    Code, Digest, Error, KeyRef, NamedDigest, Passphrase, Result, Root, ignored_path, named_digests, read_predicate,
};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A key as the caller named it.
pub(crate) enum KeyArgument {
    /// A `str`: a key reference.
    Reference(OsString),
    /// An `os.PathLike`: a path, whatever its text looks like.
    Path(PathBuf),
}

impl FromPyObject<'_, '_> for KeyArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            object.extract().map(Self::Reference)
        } else {
            object.extract().map(Self::Path)
        }
    }
}

impl KeyArgument {
    /// Reads a reference. A text that is not UTF-8 can only be a path.
    pub(crate) fn parse(self) -> Result<KeyRef> {
        match self {
            Self::Reference(text) => match text.into_string() {
                Ok(text) => text.parse(),
                Err(path) => Ok(KeyRef::file(path)),
            },
            Self::Path(path) => Ok(KeyRef::file(path)),
        }
    }
}

/// A predicate: a pair of the kind of place, and the place.
pub(crate) enum PredicateArgument {
    /// `("json", text)`: written by Python.
    Json(String),
    /// `("file", path)`.
    File(PathBuf),
}

impl FromPyObject<'_, '_> for PredicateArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (kind, place): (String, Bound<'_, PyAny>) = object.extract()?;
        Ok(match kind.as_str() {
            "file" => Self::File(place.extract()?),
            _ => Self::Json(place.extract()?),
        })
    }
}

impl PredicateArgument {
    /// Its text.
    ///
    /// # Errors
    /// `input/*`, `usage/arguments`.
    pub(crate) fn read(self) -> Result<String> {
        match self {
            Self::Json(text) => Ok(text),
            Self::File(path) => read_predicate(&path),
        }
    }

    /// The file that it is in.
    pub(crate) const fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Json(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

/// Names with their digests, or URIs without one.
///
/// # Errors
/// `usage/arguments`.
pub(crate) fn parse_digests(pairs: Vec<(String, Option<String>)>) -> Result<Vec<NamedDigest>> {
    let parse = |(name, text): (String, Option<String>)| {
        let digest: Option<Digest> = parse(text.as_deref())?;
        let joined = digest.map_or_else(|| name.clone(), |digest| format!("{name}={digest}"));
        let parsed = named_digests(&[joined])?;
        // In one text, as the command takes it, a name could pass for another one with a digest.
        match parsed.into_iter().next() {
            Some(named) if named.name == name && named.digest == digest => Ok(named),
            _ => Err(usage(format!("`{name:.100}` comes without a digest"))),
        }
    };
    pairs.into_iter().map(parse).collect()
}

/// The passphrase in a variable. To be called attached: Python changes the environment only while it holds the
/// interpreter.
///
/// # Errors
/// `key/passphrase`.
pub(crate) fn passphrase_from_environment(name: &str) -> Result<Passphrase> {
    match std::env::var_os(name) {
        Some(value) => Passphrase::new(value.into_encoded_bytes()),
        None => Err(Error::new(Code::KeyPassphrase, format!("the environment variable `{name}` is not set"))),
    }
}

/// Reads a text argument that may be absent.
pub(crate) fn parse<T: FromStr<Err = Error>>(text: Option<&str>) -> Result<Option<T>> {
    text.map(str::parse).transpose()
}

/// A number of threads; absent means as many as the process may use.
pub(crate) fn parse_jobs(jobs: Option<usize>) -> Result<Option<NonZeroUsize>> {
    jobs.map(|jobs| NonZeroUsize::new(jobs).ok_or_else(|| usage("jobs must be at least 1"))).transpose()
}

/// Paths to ignore, relative to the model, in canonical form.
pub(crate) fn parse_ignored(model: &Path, paths: &[PathBuf]) -> Result<Vec<String>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let root = Root::open(model)?;
    paths.iter().map(|path| ignored_path(&root, model, path)).collect()
}

/// A call that cannot be right, with the hint that fits a call.
pub(crate) fn usage(message: impl AsRef<str>) -> Error {
    Error::new(Code::UsageArguments, message).with_hint("see help(modelseal)")
}
