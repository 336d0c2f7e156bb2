//! Verifying.

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use modelseal::vault::Vault;
use modelseal::{
    BundlePaths, Code, Error, Expected, LoadedPolicy, Policy, PolicyRequest, Result, Root, Timestamp, Trust,
    TrustRequest, VerifyOptions, check_files_outside, load_policy, server_notices, verify_model_artifact_twice,
    with_remarks,
};
use pyo3::prelude::*;

use crate::arguments::{KeyArgument, parse, parse_ignored, parse_jobs, usage};
use crate::artifacts::VerifiedArtifact;
use crate::observer::{Watch, run};
use crate::server::{AttachedEnv, AuthArgument, ServerArgument, ServerArguments};

/// Verifies the model at `path`, or raises.
#[pyfunction]
#[pyo3(signature = (path, *, key, policy, policy_key, min_policy_serial, require_provenance, attestations, expect_key_id, auth, server, online, min_key_version, certificate_chain, name, digest, bundle, only,
    certificate_fingerprint, certificate_subject, certificate_san, ignore_git_paths, jobs, progress, max_file_bytes, max_total_bytes,
    danger_ignore_paths, danger_ignore_unsigned_files, danger_allow_symlinks, danger_accept_legacy,
    danger_allow_test_keys, danger_clock))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn verify_model_artifact(
    py: Python<'_>,
    path: PathBuf,
    key: Vec<KeyArgument>,
    policy: Option<PathBuf>,
    policy_key: Vec<KeyArgument>,
    min_policy_serial: Option<u64>,
    require_provenance: bool,
    attestations: Vec<PathBuf>,
    expect_key_id: Option<String>,
    auth: Option<AuthArgument>,
    server: Option<ServerArgument>,
    online: bool,
    min_key_version: Option<u64>,
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
    let server = ServerArguments { auth, server };
    let model = path.clone();
    let verified = run(py, progress, move |watch| {
        let loaded = match policy {
            Some(path) => {
                let mut request = PolicyRequest::new(path);
                request.policy_keys = policy_key.into_iter().map(KeyArgument::parse).collect::<Result<_>>()?;
                request.min_serial = min_policy_serial;
                request.danger_allow_test_keys = danger_allow_test_keys;
                Some(load(request, &server, watch)?)
            }
            None => None,
        };
        let mut request = TrustRequest::default();
        request.policy = loaded.as_ref().map(|loaded| loaded.policy.clone());
        request.keys = key.into_iter().map(KeyArgument::parse).collect::<Result<_>>()?;
        request.certificate_chain = certificate_chain;
        request.pin.fingerprint = parse(certificate_fingerprint.as_deref())?;
        request.pin.subject = certificate_subject;
        request.pin.alternative_name = certificate_san;
        request.min_key_version = min_key_version.map(parse_version).transpose()?;
        request.online = online;
        request.danger_allow_test_keys = danger_allow_test_keys;
        let expected = expected(name.as_deref(), digest.as_deref())?;
        let mut options = VerifyOptions::default();
        options.expect_key_id = parse(expect_key_id.as_deref())?;
        options.attestations = attestations;
        options.require_provenance = require_provenance;
        options.only = only;
        options.ignore_git_paths = ignore_git_paths;
        options.jobs = parse_jobs(jobs)?;
        options.max_file_bytes = max_file_bytes.unwrap_or(options.max_file_bytes);
        options.max_total_bytes = max_total_bytes.unwrap_or(options.max_total_bytes);
        options.danger_ignore_unsigned_files = danger_ignore_unsigned_files;
        options.danger_allow_symlinks = danger_allow_symlinks;
        options.danger_accept_legacy = danger_accept_legacy;
        options.danger_clock = danger_clock.as_deref().map(parse_instant).transpose()?;
        options.danger_ignore_paths = parse_ignored(&model, &danger_ignore_paths)?;
        let bundle = BundlePaths::of(&Root::open(&model)?, bundle.as_deref()).bundle;
        options.bundle = Some(bundle.clone());
        // All that can be known to be wrong is refused before there is a token.
        let files = request.read_files()?;
        check_files_outside(&model, files.sources())?;
        let mut warnings = Vec::new();
        let mut policy = Policy::any_trusted_key();
        if let Some(loaded) = loaded {
            check_files_outside(&model, loaded.sources.iter().map(PathBuf::as_path))?;
            loaded.prepare(&mut options);
            (policy, warnings) = (loaded.policy, loaded.notes);
        }
        let vault = request.needs_server().then(|| configure(&server, watch)).transpose()?;
        let authorities = vault.as_ref().map(Vault::trust_files).unwrap_or_default();
        check_files_outside(&model, authorities.iter().map(PathBuf::as_path))?;
        let trust = files.load(vault.as_ref())?;
        let verified = verify(&model, &trust, &policy, &expected, &options, watch);
        let ended = trust.end();
        match verified {
            Ok(artifact) => {
                warnings.extend(trust.notes.iter().cloned().chain(ended));
                let relaxed = if vault.is_some() { server.relaxed() } else { Vec::new() };
                Ok(Verified { artifact, bundle, warnings, relaxed })
            }
            Err(error) => Err(with_remarks(error, &ended)),
        }
    })?;
    let Verified { artifact, bundle, warnings, relaxed } = verified;
    VerifiedArtifact::new(py, &path, bundle, artifact, &warnings, &relaxed)
}

struct Verified {
    artifact: modelseal::VerifiedArtifact,
    bundle: PathBuf,
    warnings: Vec<String>,
    relaxed: Vec<&'static str>,
}

/// Reads a policy before anything of the model is looked at.
pub(crate) fn load(mut request: PolicyRequest, server: &ServerArguments, watch: &Watch) -> Result<LoadedPolicy> {
    if request.needs_server() {
        request.server = server.settings(watch)?;
    }
    let unreadable = |_| Error::new(Code::InputUnreadable, "the clock of this machine cannot be read");
    let now = SystemTime::now().try_into().map_err(unreadable)?;
    load_policy(&request, now, &watch.hooks(), &AttachedEnv)
}

pub(crate) fn configure(server: &ServerArguments, watch: &Watch) -> Result<Vault> {
    let vault = Vault::configure(&server.settings(watch)?, &AttachedEnv)?;
    watch.log_notices(&server_notices(&vault));
    Ok(vault)
}

fn verify(
    model: &Path,
    trust: &Trust<'_>,
    policy: &Policy,
    expected: &Expected,
    options: &VerifyOptions,
    watch: &Watch,
) -> Result<modelseal::VerifiedArtifact> {
    match trust.opinion() {
        None => modelseal::verify_model_artifact(model, &trust.keys, policy, expected, options, watch),
        Some(opinion) => verify_model_artifact_twice(model, &trust.keys, policy, expected, options, watch, opinion),
    }
}

fn parse_version(number: u64) -> Result<NonZeroU32> {
    let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
    number.ok_or_else(|| usage("the smallest version of a key is at least 1, and less than 2**32"))
}

pub(crate) fn expected(name: Option<&str>, digest: Option<&str>) -> Result<Expected> {
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
