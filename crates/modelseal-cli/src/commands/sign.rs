//! `modelseal sign`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelseal::vault::{ProcessEnv, Settings};
use modelseal::{
    AttestationToSign, Certificate, ClaimsSource, Code, Error, IssuerKeys, KeyRef, ProvenanceMode, Relaxation, Result,
    SignOptions, SignedArtifact, SignedProvenance, SigningKey, identity_for_signing, load_certificates,
    load_signing_key, named_digests, read_predicate, sign_model_artifact,
};
use serde::Serialize;

use super::verify::sha256;
use super::{ignored_paths, server};
use crate::args::{SignArgs, key_ref};
use crate::output::json::{ServerObject, SignerObject, UncoveredObject, uncovered};
use crate::output::text::{self, count, key, line, size, words};
use crate::output::{Console, Paint, shown};
use crate::progress::Progress;
use crate::signals::Signals;

/// Signs one model.
pub(crate) fn run(args: &SignArgs, console: &mut Console) -> Result<u8> {
    let mut options = options(args)?;
    let key = key_ref(&args.key)?;
    let remote = server::is_remote([&key]);
    let signals = server::watch(remote);
    let settings = match settings(args, remote, &mut options, &signals, console) {
        Ok(settings) => settings,
        Err(error) if args.skip_on_fork && error.code() == Code::IdentityFork => {
            return Ok(skip(args, &error, console));
        }
        Err(error) => return Err(error),
    };
    let signing = load_signing_key(&key, args.passphrase.load()?.as_ref(), &settings, &ProcessEnv)?;
    for notice in signing.notices() {
        console.detail(&modelseal::escape(&notice));
    }
    let signed = sign(&args.model, &key, signing.as_ref(), options.clone(), &signals)?;
    drop(signals);
    for warning in &signed.warnings {
        console.warning(&modelseal::escape(warning));
    }
    let object = SignObject::new(args, &options, &signed);
    console.result(|paint| text(args, &signed, &object, paint), &object);
    Ok(0)
}

/// What the flags say about the server, and about the identity of the job, which may be for provenance only.
fn settings(
    args: &SignArgs,
    remote: bool,
    options: &mut SignOptions,
    signals: &Signals,
    console: &Console,
) -> Result<Settings> {
    let mut settings = server::settings(&args.server, signals, console)?;
    let identity = args.server.identity();
    options.identity_issuer.clone_from(&identity.issuer);
    options.identity_provider = identity.provider;
    options.verifier = Arc::new(IssuerKeys::new(server::hooks(signals, console), Arc::new(ProcessEnv)));
    // What is recorded in provenance needs an identity as well.
    let recorded = !options.dependencies.is_empty() || !options.byproducts.is_empty();
    let mode = match options.provenance {
        ProvenanceMode::Auto if recorded => ProvenanceMode::Required,
        mode => mode,
    };
    let (beside, notices) = identity_for_signing(&mut settings, &identity, remote, mode, &ProcessEnv)?;
    options.identity = beside;
    for notice in notices {
        console.detail(&modelseal::escape(&notice));
    }
    Ok(settings)
}

/// Statements of the caller's own, each as `TYPE=FILE`. A type may hold `=`, and a file, too: the first file that is
/// there decides.
fn statements(args: &SignArgs) -> Result<(Vec<AttestationToSign>, Vec<PathBuf>)> {
    let mut statements = Vec::new();
    let mut files = Vec::new();
    for text in &args.statement {
        let wrong = || {
            Error::new(
                Code::UsageArguments,
                format!("the statement `{:.100}` is not written TYPE=FILE", text.to_string_lossy()),
            )
        };
        let text = text.to_str().ok_or_else(wrong)?;
        let pairs = || text.match_indices('=').filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)));
        let is_there = |(_, file): &(&str, &str)| Path::new(file).exists();
        let (predicate_type, file) = pairs().find(is_there).or_else(|| pairs().next()).ok_or_else(wrong)?;
        let file = PathBuf::from(file);
        statements
            .push(AttestationToSign { predicate_type: predicate_type.to_owned(), predicate: read_predicate(&file)? });
        files.push(file);
    }
    Ok((statements, files))
}

/// Says that nothing was signed, and that this is as it should be.
fn skip(args: &SignArgs, why: &Error, console: &mut Console) -> u8 {
    let object = SkipObject {
        kind: "modelseal.sign",
        version: 1,
        code: "skipped",
        exit: 0,
        model: args.model.to_string_lossy().into_owned(),
        signed: false,
        reason: why.message().to_owned(),
    };
    let text = |paint: Paint| {
        let mut text = format!("{}  {}\n", paint.unsure("skipped"), shown(&args.model));
        line(&mut text, "reason", why.message());
        line(&mut text, "signature", "none: nothing was signed");
        text
    };
    console.result(text, &object);
    object.exit
}

/// Signs `model`; also for the reference tool's grammar.
pub(crate) fn sign(
    model: &Path,
    key: &KeyRef,
    signing: &dyn SigningKey,
    mut options: SignOptions,
    signals: &Signals,
) -> Result<SignedArtifact> {
    options.secret_files.extend(key.path().map(Path::to_owned));
    sign_model_artifact(model, signing, &options, &Progress::new(signals))
}

fn options(args: &SignArgs) -> Result<SignOptions> {
    let mut options = SignOptions::default();
    (options.method, options.hash) = args.method.resolve()?;
    options.name = args.name.as_deref().map(str::parse).transpose()?;
    options.expect_key_id = args.expect_key_id.as_deref().map(str::parse).transpose()?;
    options.expect_digest = args.expect_digest.as_deref().map(sha256).transpose()?;
    options.bundle.clone_from(&args.bundle);
    options.ignore_paths = ignored_paths(&args.model, &args.ignore)?;
    options.ignore_git_paths = !args.no_ignore_git_paths;
    options.certificates = certificates(args.certificate.as_deref(), &args.certificate_chain)?;
    options.secret_files.extend(args.passphrase.key_passphrase_file.clone());
    options.dry_run = args.dry_run;
    options.provenance = args.provenance_mode(&ProcessEnv)?;
    options.jwks.clone_from(&args.jwks);
    options.dependencies = named_digests(&args.dependency)?;
    options.byproducts = named_digests(&args.byproduct)?;
    (options.attestations, options.files) = statements(args)?;
    options.danger_allow_symlinks = args.danger_allow_symlinks;
    options.danger_allow_test_keys = args.danger_allow_test_keys;
    options.jobs = args.jobs;
    Ok(options)
}

/// The leaf, then what leads from it to a root.
pub(crate) fn certificates(leaf: Option<&Path>, chain: &[PathBuf]) -> Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for path in leaf.into_iter().chain(chain.iter().map(PathBuf::as_path)) {
        certificates.extend(load_certificates(path)?);
    }
    Ok(certificates)
}

fn text(args: &SignArgs, signed: &SignedArtifact, object: &SignObject, paint: Paint) -> String {
    let word = if signed.written { paint.good("signed") } else { paint.unsure("would sign") };
    let (files, bytes) = (count(signed.files, "file"), size(signed.bytes));
    let key = key(&object.signer.key_kind, &object.signer.key_id);
    let mut text = format!("{word}  {}  ({files}, {bytes}, {key})\n", shown(&args.model));
    line(&mut text, "name", &modelseal::escape(&signed.name));
    if let Some(version) = signed.key_version {
        line(&mut text, "key version", &version.to_string());
    }
    if let Some(server) = &object.server {
        text::server(&mut text, server);
    }
    line(&mut text, "digest", &signed.manifest.root().to_string());
    line(&mut text, "signature", &shown(&signed.bundle));
    if let Some(attestations) = &signed.attestations {
        line(&mut text, "attestations", &shown(attestations));
    }
    if let Some(provenance) = &signed.provenance {
        let unbound = match provenance.claims_source {
            ClaimsSource::OidcVerified => "",
            _ => "; not the identity that logged in, so policies do not take it for one",
        };
        let said = format!("{} by {}{unbound}", provenance.provider, modelseal::escape(&provenance.issuer));
        line(&mut text, "provenance", &said);
    }
    text::uncovered(&mut text, &object.uncovered);
    words(&mut text, "relaxed", &relaxed(args));
    if !signed.written {
        line(&mut text, "dry run", "nothing was written");
    }
    text
}

/// The checks that the caller weakened.
fn relaxed(args: &SignArgs) -> Vec<&'static str> {
    [(args.danger_allow_symlinks, Relaxation::AllowSymlinks), (args.danger_allow_test_keys, Relaxation::AllowTestKeys)]
        .into_iter()
        .filter_map(|(given, relaxation)| given.then_some(relaxation.as_str()))
        .chain(args.server.relaxed())
        .collect()
}

/// `modelseal.sign`, when nothing was to be signed.
#[derive(Debug, Serialize)]
struct SkipObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    model: String,
    signed: bool,
    reason: String,
}

/// `modelseal.sign`.
#[derive(Debug, Serialize)]
struct SignObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    model: String,
    signed: bool,
    name: String,
    root_digest: String,
    payload_digest: String,
    signer: SignerObject,
    server: Option<ServerObject>,
    bundle: String,
    attestations: Option<String>,
    provenance: Option<ProvenanceObject>,
    written: bool,
    files: u64,
    bytes: u64,
    uncovered: Vec<UncoveredObject>,
    relaxed: Vec<&'static str>,
    warnings: Vec<String>,
}

/// Provenance that was signed along.
#[derive(Debug, Serialize)]
struct ProvenanceObject {
    claims_source: &'static str,
    provider: String,
    issuer: String,
}

impl From<&SignedProvenance> for ProvenanceObject {
    fn from(signed: &SignedProvenance) -> Self {
        Self {
            claims_source: signed.claims_source.as_str(),
            provider: signed.provider.clone(),
            issuer: signed.issuer.clone(),
        }
    }
}

impl SignObject {
    fn new(args: &SignArgs, options: &SignOptions, signed: &SignedArtifact) -> Self {
        let raw = |path: &Path| path.to_string_lossy().into_owned();
        let leaf = options.certificates.first();
        Self {
            kind: "modelseal.sign",
            version: 1,
            code: if signed.written { "signed" } else { "dry-run" },
            exit: 0,
            model: raw(&args.model),
            signed: signed.written,
            name: signed.name.clone(),
            root_digest: signed.manifest.root().to_string(),
            payload_digest: signed.payload_digest.to_string(),
            signer: SignerObject {
                method: if leaf.is_some() { "certificate" } else { "key" },
                key_id: signed.key_id.to_string(),
                key_kind: signed.key_kind.to_string(),
                scheme: Some(signed.scheme.as_str()),
                key_name: match key_ref(&args.key) {
                    Ok(KeyRef::Vault(reference)) => Some(reference.key.to_string()),
                    _ => None,
                },
                key_version: signed.key_version.map(core::num::NonZeroU32::get),
                subject: leaf.map(Certificate::subject),
                fingerprint: leaf.map(|leaf| leaf.fingerprint().to_string()),
                ..SignerObject::default()
            },
            server: signed.server.as_ref().map(ServerObject::from),
            bundle: raw(&signed.bundle),
            attestations: signed.attestations.as_deref().map(raw),
            provenance: signed.provenance.as_ref().map(ProvenanceObject::from),
            written: signed.written,
            files: signed.files,
            bytes: signed.bytes,
            uncovered: uncovered(&signed.uncovered),
            relaxed: relaxed(args),
            warnings: signed.warnings.clone(),
        }
    }
}
