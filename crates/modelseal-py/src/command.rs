//! The command, for the entry point of the package.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command `modelseal` with `arguments`, its own name first, and returns its exit status.
#[pyfunction]
#[pyo3(name = "_main")]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| modelseal_cli::run(arguments))
}
