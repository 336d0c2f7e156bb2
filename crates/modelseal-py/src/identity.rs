//! Identity tokens of the platform, for callers who show them to somebody else.

use std::ffi::OsString;
use std::path::PathBuf;

use modelseal::identity::{Found, IdentityToken, Provider, TokenRequest, find, look_for};
use modelseal::vault::{ExposeSecret as _, SecretString};
use modelseal::{Code, Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::parse;
use crate::errors::exception_saying;
use crate::observer::{Watch, run};
use crate::server::{AttachedEnv, duration};

/// What the hints for the command are called here.
const WORDS: [(&str, &str); 10] = [
    (
        "`permissions: id-token: write`; a",
        "these lines:\n\n    permissions:\n      contents: read\n      id-token: write\n\nA",
    ),
    ("`modelseal COMMAND --help`", "help(modelseal.identity)"),
    ("pass `--skip-on-fork`", "skip the step when this is raised"),
    ("--identity gitlab --identity-token-env NAME", "source=\"gitlab\", env=\"NAME\""),
    ("--identity-token-file", "file="),
    ("--identity-token-env", "env="),
    ("--identity-token-command", "command="),
    ("--identity-issuer", "issuer="),
    ("--audience", "audience="),
    ("--identity", "source="),
];

/// Gets a token for `audience`.
#[pyfunction]
#[pyo3(signature = (audience, *, source, issuer, file, env, command, timeout))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn identity_token(
    py: Python<'_>,
    audience: String,
    source: Option<String>,
    issuer: Option<String>,
    file: Option<PathBuf>,
    env: Option<String>,
    command: Option<Vec<OsString>>,
    timeout: f64,
) -> PyResult<Py<PyString>> {
    fetch(py, audience, timeout, move |mut request| {
        request.provider = parse(source.as_deref())?.unwrap_or_default();
        request.issuer = issuer;
        request.file = file;
        request.variable = env;
        request.command = command.unwrap_or_default();
        find(&request, &AttachedEnv)
    })
}

/// The same in a job of Actions, and nowhere else.
#[pyfunction]
#[pyo3(signature = (audience, *, timeout))]
pub(crate) fn actions_token(py: Python<'_>, audience: String, timeout: f64) -> PyResult<Py<PyString>> {
    fetch(py, audience, timeout, |mut request| {
        for provider in [Provider::GitHub, Provider::Forgejo] {
            request.provider = provider;
            if let Ok(found) = look_for(&request, &AttachedEnv)? {
                return Ok(found);
            }
        }
        let message =
            "no identity token: this is no job of GitHub Actions or Forgejo Actions: GITHUB_ACTIONS is not true";
        Err(Error::new(Code::IdentityMissing, message).with_hint(
            "a container of the job needs that variable too, GITHUB_SERVER_URL, and those that begin with \
             ACTIONS_ID_TOKEN_REQUEST_; on other platforms use modelseal.identity.token()",
        ))
    })
}

fn fetch(
    py: Python<'_>,
    audience: String,
    timeout: f64,
    find: impl FnOnce(TokenRequest) -> Result<Found> + Send,
) -> PyResult<Py<PyString>> {
    let fetched = run(py, None, move |watch| Ok(fetch_watched(watch, audience, timeout, find)))?;
    match fetched {
        Ok(secret) => Ok(PyString::new(py, secret.expose_secret()).unbind()),
        Err(error) => Err(exception_saying(py, &error, &translated(error.message()), &translated(error.hint()))),
    }
}

fn fetch_watched(
    watch: &Watch,
    audience: String,
    timeout: f64,
    find: impl FnOnce(TokenRequest) -> Result<Found>,
) -> Result<SecretString> {
    let mut request = TokenRequest::default();
    request.audience = Some(audience);
    request.timeout = Some(duration(timeout)?);
    request.hooks = watch.identity_hooks();
    let found = find(request)?;
    let audience = found.audience().unwrap_or_default();
    watch.log_identity(format!("{}, {}; for {audience}", found.provider(), found.platform().detection));
    found.token().map(IdentityToken::into_secret)
}

fn translated(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (command, python)| text.replace(command, python))
}
