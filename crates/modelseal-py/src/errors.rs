//! Errors of the façade as the exception classes of the package.

use modelseal::{Code, Error, Exit, PythonClass};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyTuple};

use crate::records::{Repr, json, tuple};

/// The Python exception for `error`: an instance of the class that the table names.
///
/// The classes are written in Python, so that users can read, subclass and pickle them like any other.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    exception_saying(py, error, error.message(), error.hint())
}

/// The same in other words. They must be made from those of the error, which are safe to print.
pub(crate) fn exception_saying(py: Python<'_>, error: &Error, message: &str, hint: &str) -> PyErr {
    instance(py, error, message, hint).unwrap_or_else(|failure| failure)
}

fn instance(py: Python<'_>, error: &Error, message: &str, hint: &str) -> PyResult<PyErr> {
    let class = error.code().python_class();
    let fields = [
        ("code", error.code().as_str().into_pyobject(py)?.into_any()),
        ("hint", hint.into_pyobject(py)?.into_any()),
        ("findings", tuple(py, error.findings().iter().map(Finding::from))?.into_bound(py).into_any()),
        ("findings_complete", error.findings_complete().into_pyobject(py)?.to_owned().into_any()),
    ]
    .into_py_dict(py)?;
    if matches!(class, PythonClass::Backend | PythonClass::Identity | PythonClass::IdentityUnavailable) {
        fields.set_item("retryable", error.code().exit() == Exit::Unavailable)?;
    }
    if let (PythonClass::Policy, Some(decision)) = (class, error.decision()) {
        fields.set_item("decision", json(py, &decision.to_json())?)?;
    }
    let class = py.import("modelseal._errors")?.getattr(class.name())?;
    Ok(PyErr::from_value(class.call((message,), Some(&fields))?))
}

/// One thing that is wrong with a model.
#[pyclass(frozen, eq, hash, get_all, module = "modelseal")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    /// What kind of finding it is, such as `artifact/modified`.
    code: String,
    /// The path that it is about, relative to the model, as it is on disk.
    name: String,
    /// What was seen; may be empty.
    detail: String,
}

impl From<&modelseal::Finding> for Finding {
    fn from(finding: &modelseal::Finding) -> Self {
        Self {
            code: finding.code().as_str().to_owned(),
            name: finding.name().to_owned(),
            detail: finding.detail().to_owned(),
        }
    }
}

#[pymethods]
impl Finding {
    /// Unlike a result a finding proves nothing, so anyone may make one: exceptions are pickled with theirs.
    #[new]
    #[pyo3(signature = (code, name, detail = String::new()))]
    const fn new(code: String, name: String, detail: String) -> Self {
        Self { code, name, detail }
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (&self.code, &self.name, &self.detail).into_pyobject(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Repr::new("Finding")
            .field(py, "code", &self.code)?
            .field(py, "name", &self.name)?
            .field(py, "detail", &self.detail)?
            .finish()
    }
}

/// Every error code: its text, exit status, exception class and hint.
#[pyfunction]
#[pyo3(name = "_codes")]
pub(crate) fn codes() -> Vec<(&'static str, u8, &'static str, &'static str)> {
    let row = |code: &Code| (code.as_str(), code.exit().status(), code.python_class().name(), code.hint());
    Code::ALL.iter().map(row).collect()
}
