//! Public keys of a server's key, as files.

use std::path::PathBuf;

use modelseal::vault::Vault;
use modelseal::{KeyRef, server_notices, with_remarks};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::arguments::{parse, usage};
use crate::observer::run;
use crate::records::tuple;
use crate::server::{AttachedEnv, AuthArgument, ServerArgument, ServerArguments};

/// Writes every version of the key into `directory`, and a table of them; returns the paths.
#[pyfunction]
#[pyo3(signature = (key, directory, *, replace, expect_key_id, auth, server))]
pub(crate) fn export_public_keys(
    py: Python<'_>,
    key: String,
    directory: PathBuf,
    replace: bool,
    expect_key_id: Option<String>,
    auth: Option<AuthArgument>,
    server: Option<ServerArgument>,
) -> PyResult<Py<PyTuple>> {
    let server = ServerArguments { auth, server };
    let files = run(py, None, move |watch| {
        let KeyRef::Vault(reference) = key.parse()? else {
            return Err(usage("only a key on a server is exported, such as hashivault://MOUNT/KEY"));
        };
        let expected = parse(expect_key_id.as_deref())?;
        let vault = Vault::configure(&server.settings(watch)?, &AttachedEnv)?;
        watch.log_notices(&server_notices(&vault));
        let session = vault.log_in()?;
        let read = session.read_key(&reference);
        let mut warnings = session.warnings();
        warnings.extend(session.end());
        let key = read.map_err(|error| with_remarks(error, &warnings))?;
        watch.log_warnings(&warnings);
        if let Some(expected) = expected {
            key.expect_id(expected)?;
        }
        modelseal::export_public_keys(&key, &directory, replace)
    })?;
    tuple(py, files)
}
