//! Python arguments as values of the façade.

use core::num::NonZeroUsize;
use core::str::FromStr;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use modelseal::{Code, Error, KeyRef, Result, Root, ignored_path};
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
