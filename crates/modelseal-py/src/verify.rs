//! Verifying.

use std::path::PathBuf;

use modelseal::{
    BundlePaths, Expected, KeyRef, LeafPin, Policy, Result, Root, Timestamp, VerifyOptions, load_trusted_keys,
};
use pyo3::prelude::*;

use crate::arguments::{KeyArgument, parse, parse_ignored, parse_jobs, usage};
use crate::artifacts::VerifiedArtifact;
use crate::observer::run;

/// Verifies the model at `path`, or raises.
#[pyfunction]
#[pyo3(signature = (path, *, key, certificate_chain, name, digest, bundle, only, certificate_fingerprint,
    certificate_subject, certificate_san, ignore_git_paths, jobs, progress, max_file_bytes, max_total_bytes,
    danger_ignore_paths, danger_ignore_unsigned_files, danger_allow_symlinks, danger_accept_legacy,
    danger_allow_test_keys, danger_clock))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn verify_model_artifact(
    py: Python<'_>,
    path: PathBuf,
    key: Vec<KeyArgument>,
    certificate_chain: Vec<PathBuf>,
    name: Option<String>,
    digest: Option<String>,
    bundle: Option<PathBuf>,
    only: Vec<String>,
    certificate_fingerprint: Option<String>,
    certificate_subject: Option<String>,
    certificate_san: Option<String>,
    ignore_git_paths: bool,
    jobs: Option<usize>,
    progress: Option<Py<PyAny>>,
    max_file_bytes: Option<u64>,
    max_total_bytes: Option<u64>,
    danger_ignore_paths: Vec<PathBuf>,
    danger_ignore_unsigned_files: bool,
    danger_allow_symlinks: bool,
    danger_accept_legacy: bool,
    danger_allow_test_keys: bool,
    danger_clock: Option<String>,
) -> PyResult<VerifiedArtifact> {
    let model = path.clone();
    let (bundle, verified) = run(py, progress, move |observer| {
        let keys = key.into_iter().map(KeyArgument::parse).collect::<Result<Vec<KeyRef>>>()?;
        let mut pin = LeafPin::default();
        pin.fingerprint = parse(certificate_fingerprint.as_deref())?;
        pin.subject = certificate_subject;
        pin.alternative_name = certificate_san;
        let expected = expected(name.as_deref(), digest.as_deref())?;
        let mut options = VerifyOptions::default();
        options.only = only;
        options.ignore_git_paths = ignore_git_paths;
        options.jobs = parse_jobs(jobs)?;
        options.max_file_bytes = max_file_bytes.unwrap_or(options.max_file_bytes);
        options.max_total_bytes = max_total_bytes.unwrap_or(options.max_total_bytes);
        options.danger_ignore_unsigned_files = danger_ignore_unsigned_files;
        options.danger_allow_symlinks = danger_allow_symlinks;
        options.danger_accept_legacy = danger_accept_legacy;
        options.danger_clock = danger_clock.as_deref().map(parse_instant).transpose()?;
        let trusted = load_trusted_keys(&keys, &certificate_chain, pin, danger_allow_test_keys)?;
        options.danger_ignore_paths = parse_ignored(&model, &danger_ignore_paths)?;
        let bundle = BundlePaths::of(&Root::open(&model)?, bundle.as_deref()).bundle;
        options.bundle = Some(bundle.clone());
        let policy = Policy::any_trusted_key();
        let verified = modelseal::verify_model_artifact(&model, &trusted, &policy, &expected, &options, observer)?;
        Ok((bundle, verified))
    })?;
    VerifiedArtifact::new(py, &path, bundle, verified)
}

fn expected(name: Option<&str>, digest: Option<&str>) -> Result<Expected> {
    Ok(match (parse(name)?, parse(digest)?) {
        (Some(name), Some(digest)) => Expected::name_and_digest(name, digest),
        (Some(name), None) => Expected::name(name),
        (None, Some(digest)) => Expected::digest(digest),
        (None, None) => Expected::danger_any_model(),
    })
}

fn parse_instant(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| usage(format!("`{text}` is not an instant")))
}
