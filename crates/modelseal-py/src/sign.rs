//! Signing.

use core::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelseal::{
    AttestationToSign, Certificate, Code, Error, HashAlgorithm, IssuerKeys, KeyRef, Method, Passphrase, ProvenanceMode,
    Relaxation, Result, SignOptions, load_certificates, load_signing_key,
};
use pyo3::prelude::*;

use crate::arguments::{
    KeyArgument, PredicateArgument, parse, parse_digests, parse_ignored, parse_jobs, passphrase_from_environment, usage,
};
use crate::artifacts::SignedArtifact;
use crate::observer::run;
use crate::server::{AttachedEnv, AuthArgument, ServerArgument, ServerArguments};

/// What the reference tool uses.
const DEFAULT_SHARD_SIZE: NonZeroU64 = NonZeroU64::new(1_000_000_000).unwrap();

/// Signs the model at `path` and writes the signature.
#[pyfunction]
#[pyo3(signature = (path, *, key, auth, server, name, bundle, provenance, jwks, identity_issuer, dependencies,
    byproducts, statements, passphrase_file, passphrase_env, certificates, ignore_paths, ignore_git_paths, method, shard_size, hash, expect_digest, expect_key_id, dry_run, jobs, progress,
    danger_allow_symlinks, danger_allow_test_keys))]
#[expect(clippy::too_many_arguments, reason = "one for each argument of the Python function")]
pub(crate) fn sign_model_artifact(
    py: Python<'_>,
    path: PathBuf,
    key: KeyArgument,
    auth: Option<AuthArgument>,
    server: Option<ServerArgument>,
    name: Option<String>,
    bundle: Option<PathBuf>,
    provenance: String,
    jwks: Option<PathBuf>,
    identity_issuer: Option<String>,
    dependencies: Vec<(String, Option<String>)>,
    byproducts: Vec<(String, Option<String>)>,
    statements: Vec<(String, PredicateArgument)>,
    passphrase_file: Option<PathBuf>,
    passphrase_env: Option<String>,
    certificates: Vec<PathBuf>,
    ignore_paths: Vec<PathBuf>,
    ignore_git_paths: bool,
    method: String,
    shard_size: Option<u64>,
    hash: String,
    expect_digest: Option<String>,
    expect_key_id: Option<String>,
    dry_run: bool,
    jobs: Option<usize>,
    progress: Option<Py<PyAny>>,
    danger_allow_symlinks: bool,
    danger_allow_test_keys: bool,
) -> PyResult<SignedArtifact> {
    // Attached: Python changes the environment only while it holds the interpreter.
    let passphrase = passphrase_env.map(|name| passphrase_from_environment(&name)).transpose();
    let signing = if certificates.is_empty() { "key" } else { "certificate" };
    let server = ServerArguments { auth, server };
    let model = path.clone();
    let (signed, key_name, relaxed) = run(py, progress, move |watch| {
        let key: KeyRef = key.parse()?;
        let mut options = SignOptions::default();
        options.secret_files.extend(key.path().map(Path::to_owned));
        options.secret_files.extend(passphrase_file.clone());
        options.secret_files.extend(server.secret_files());
        options.name = parse(name.as_deref())?;
        options.bundle = bundle;
        options.provenance = provenance.parse()?;
        options.jwks = jwks;
        options.dependencies = parse_digests(dependencies)?;
        options.byproducts = parse_digests(byproducts)?;
        for (predicate_type, predicate) in statements {
            options.files.extend(predicate.file().cloned());
            options.attestations.push(AttestationToSign { predicate_type, predicate: predicate.read()? });
        }
        options.ignore_git_paths = ignore_git_paths;
        options.method = parse_method(&method, shard_size)?;
        options.hash = parse_hash(&hash)?;
        options.expect_digest = parse(expect_digest.as_deref())?;
        options.expect_key_id = parse(expect_key_id.as_deref())?;
        options.dry_run = dry_run;
        options.jobs = parse_jobs(jobs)?;
        options.danger_allow_symlinks = danger_allow_symlinks;
        options.danger_allow_test_keys = danger_allow_test_keys;
        let passphrase = match passphrase_file {
            Some(file) => Some(Passphrase::from_file(&file)?),
            None => passphrase?,
        };
        let mut relaxed = relaxed(&options);
        let key_name = match &key {
            KeyRef::Vault(reference) => {
                relaxed.extend(server.relaxed());
                Some(reference.key.to_string())
            }
            _ => None,
        };
        // What is recorded in provenance needs an identity as well.
        let recorded = !options.dependencies.is_empty() || !options.byproducts.is_empty();
        let mode = match options.provenance {
            ProvenanceMode::Auto if recorded => ProvenanceMode::Required,
            mode => mode,
        };
        let remote = key_name.is_some();
        let (settings, beside) = server.settings_for_signing(remote, mode, identity_issuer.as_deref(), watch)?;
        if remote || beside.is_some() {
            options.verifier = Arc::new(IssuerKeys::new(watch.identity_hooks(), Arc::new(AttachedEnv)));
        }
        options.identity_provider = server.identity(None)?.provider;
        options.identity_issuer = identity_issuer;
        options.identity = beside;
        let signer = load_signing_key(&key, passphrase.as_ref(), &settings, &AttachedEnv)?;
        watch.log_notices(&signer.notices());
        options.certificates = load_all(&certificates)?;
        options.ignore_paths = parse_ignored(&model, &ignore_paths)?;
        let signed = modelseal::sign_model_artifact(&model, signer.as_ref(), &options, watch)?;
        Ok((signed, key_name, relaxed))
    })?;
    SignedArtifact::new(py, &path, signed, signing, key_name, &relaxed)
}

/// The checks that the caller weakened.
fn relaxed(options: &SignOptions) -> Vec<&'static str> {
    [
        (options.danger_allow_symlinks, Relaxation::AllowSymlinks),
        (options.danger_allow_test_keys, Relaxation::AllowTestKeys),
    ]
    .into_iter()
    .filter_map(|(given, relaxation)| given.then_some(relaxation.as_str()))
    .collect()
}

fn parse_method(method: &str, shard_size: Option<u64>) -> Result<Method> {
    match (method, shard_size) {
        ("files", None) => Ok(Method::Files),
        ("files", Some(_)) => Err(usage("a shard size belongs to the method `shards`")),
        ("shards", None) => Ok(Method::Shards { size: DEFAULT_SHARD_SIZE }),
        ("shards", Some(size)) => {
            let size = NonZeroU64::new(size).ok_or_else(|| usage("the shard size must be at least 1"))?;
            Ok(Method::Shards { size })
        }
        _ => Err(usage(format!("the method `{method}` is not known; known are `files` and `shards`"))),
    }
}

/// The façade's own refusal speaks of a bundle; here the call is wrong.
fn parse_hash(hash: &str) -> Result<HashAlgorithm> {
    hash.parse().map_err(|error: Error| Error::new(Code::UsageArguments, error.message()).with_hint(error.hint()))
}

fn load_all(files: &[PathBuf]) -> Result<Vec<Certificate>> {
    let loaded = files.iter().map(|file: &PathBuf| load_certificates(Path::new(file))).collect::<Result<Vec<_>>>()?;
    Ok(loaded.into_iter().flatten().collect())
}
