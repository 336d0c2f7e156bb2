//! Statements about models that are signed already.

use std::path::{Path, PathBuf};

use modelseal::vault::{Settings, Vault};
use modelseal::{
    AttestOptions, BundlePaths, KeyRef, Passphrase, PolicyRequest, Relaxation, Result, Root, TrustRequest,
    check_files_outside, load_signing_key,
};
use pyo3::prelude::*;

use crate::arguments::{KeyArgument, PredicateArgument, parse, parse_jobs, passphrase_from_environment};
use crate::artifacts::AttestedArtifact;
use crate::observer::{Watch, run};
use crate::server::{AttachedEnv, AuthArgument, ServerArgument, ServerArguments};
use crate::verify::{configure, expected, load};

/// Verifies the model at `path`, then adds one signed statement about it.
#[pyfunction]
#[pyo3(signature = (path, *, key, r#type, predicate, verify_key, policy, auth, server, name, digest, bundle,
    passphrase_file, passphrase_env, expect_key_id, dry_run, jobs, progress, danger_allow_symlinks,
    danger_allow_test_keys))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn attest_model_artifact(
    py: Python<'_>,
    path: PathBuf,
    key: KeyArgument,
    r#type: String,
    predicate: PredicateArgument,
    verify_key: Vec<KeyArgument>,
    policy: Option<PathBuf>,
    auth: Option<AuthArgument>,
    server: Option<ServerArgument>,
    name: Option<String>,
    digest: Option<String>,
    bundle: Option<PathBuf>,
    passphrase_file: Option<PathBuf>,
    passphrase_env: Option<String>,
    expect_key_id: Option<String>,
    dry_run: bool,
    jobs: Option<usize>,
    progress: Option<Py<PyAny>>,
    danger_allow_symlinks: bool,
    danger_allow_test_keys: bool,
) -> PyResult<AttestedArtifact> {
    let passphrase = passphrase_env.map(|name| passphrase_from_environment(&name)).transpose();
    let server = ServerArguments { auth, server };
    let model = path.clone();
    let done = run(py, progress, move |watch| {
        let key: KeyRef = key.parse()?;
        let expected = expected(name.as_deref(), digest.as_deref())?;
        let predicate_file = predicate.file().cloned();
        let mut options = AttestOptions::new(r#type, predicate.read()?, expected);
        options.files.extend(predicate_file);
        options.secret_files.extend(key.path().map(Path::to_owned));
        options.secret_files.extend(passphrase_file.clone());
        options.secret_files.extend(server.secret_files());
        options.expect_key_id = parse(expect_key_id.as_deref())?;
        options.dry_run = dry_run;
        options.danger_allow_test_keys = danger_allow_test_keys;
        options.verify.jobs = parse_jobs(jobs)?;
        options.verify.danger_allow_symlinks = danger_allow_symlinks;
        let bundle = BundlePaths::of(&Root::open(&model)?, bundle.as_deref()).bundle;
        options.verify.bundle = Some(bundle.clone());
        let passphrase = match passphrase_file {
            Some(file) => Some(Passphrase::from_file(&file)?),
            None => passphrase?,
        };
        let mut warnings = Vec::new();
        if let Some(path) = policy {
            let mut request = PolicyRequest::new(path);
            request.danger_allow_test_keys = danger_allow_test_keys;
            let loaded = load(request, &server, watch)?;
            loaded.prepare(&mut options.verify);
            options.files.extend(loaded.sources);
            (options.policy, warnings) = (loaded.policy, loaded.notes);
        }
        let verify_key = verify_key.into_iter().map(KeyArgument::parse).collect::<Result<_>>()?;
        let asked = trust(&model, verify_key, &server, &mut options, &mut warnings, watch)?;
        let key_name = match &key {
            KeyRef::Vault(reference) => Some(reference.key.to_string()),
            _ => None,
        };
        let settings = match &key_name {
            Some(_) => server.settings(watch)?,
            None => Settings::default(),
        };
        let mut relaxed = Vec::new();
        if danger_allow_test_keys {
            relaxed.push(Relaxation::AllowTestKeys.as_str());
        }
        if asked || key_name.is_some() {
            relaxed.extend(server.relaxed());
        }
        let signer = load_signing_key(&key, passphrase.as_ref(), &settings, &AttachedEnv)?;
        watch.log_notices(&signer.notices());
        let artifact = modelseal::attest_model_artifact(&model, signer.as_ref(), &options, watch)?;
        Ok(Done { artifact, bundle, key_name, warnings, relaxed })
    })?;
    let Done { artifact, bundle, key_name, warnings, relaxed } = done;
    AttestedArtifact::new(py, &path, bundle, artifact, key_name, &warnings, &relaxed)
}

struct Done {
    artifact: modelseal::AttestedArtifact,
    bundle: PathBuf,
    key_name: Option<String>,
    warnings: Vec<String>,
    relaxed: Vec<&'static str>,
}

/// Reads the keys that may have signed the model; whether a server was asked for them.
fn trust(
    model: &Path,
    keys: Vec<KeyRef>,
    server: &ServerArguments,
    options: &mut AttestOptions,
    warnings: &mut Vec<String>,
    watch: &Watch,
) -> Result<bool> {
    if keys.is_empty() {
        return Ok(false);
    }
    let mut request = TrustRequest::default();
    request.keys = keys;
    request.danger_allow_test_keys = options.danger_allow_test_keys;
    let files = request.read_files()?;
    check_files_outside(model, files.sources())?;
    let vault = request.needs_server().then(|| configure(server, watch)).transpose()?;
    let authorities = vault.as_ref().map(Vault::trust_files).unwrap_or_default();
    check_files_outside(model, authorities.iter().map(PathBuf::as_path))?;
    let trust = files.load(vault.as_ref())?;
    warnings.extend(trust.notes);
    options.trusted = Some(trust.keys);
    Ok(vault.is_some())
}
