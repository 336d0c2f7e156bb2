//! Signing a model on disk.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelseal_core::{
    Attestations, Bundle, Certificate, Code, Digest, Error, Event, HashAlgorithm, KeyId, KeyKind, Manifest, Method,
    ModelName, ModelStatement, NamedDigest, Observer, PROVENANCE_TYPE, Pae, Provenance, PublicKey, Result, Root,
    Scheme, SerializeOptions, SerializedModel, Signer, Timestamp, Uncovered, attestation_payload, keep_attestations,
    serialize_model,
};
use modelseal_identity::Provider;
use modelseal_vault::KeyPlace;

use crate::attest::check_statement;
use crate::io::{Cap, check_directory, exists, read_capped, remove, write_replacing};
use crate::paths::{BundlePaths, own_files, refuse_inside};
use crate::provenance::{
    IssuerKeys, JobIdentity, ProvenanceMode, SignedProvenance, VerifyIdentity, check, now, provenance,
};
use crate::server_keys::with_remarks;
use crate::signing_key::{Opened, SigningKey};

/// How a model is signed. The default is the form that every OMS tool verifies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignOptions {
    /// The model name that is signed; `None`: the last component of the model's path.
    pub name: Option<ModelName>,
    /// Where the bundle goes; `None`: the default place.
    pub bundle: Option<PathBuf>,
    /// Files and directories to leave out, canonical and relative to the model (see [`ignored_path`]).
    ///
    /// [`ignored_path`]: crate::ignored_path
    pub ignore_paths: Vec<String>,
    /// Leave out `.git`, `.github`, `.gitignore`, `.gitattributes` at the top.
    pub ignore_git_paths: bool,
    /// One resource per file, or per shard.
    pub method: Method,
    /// Hash of every resource.
    pub hash: HashAlgorithm,
    /// Sign only if the model has this root digest.
    pub expect_digest: Option<Digest>,
    /// Sign only with this key.
    pub expect_key_id: Option<KeyId>,
    /// Certificate method: the leaf of the signing key, then intermediates. Empty: key method.
    pub certificates: Vec<Certificate>,
    /// Statements about the model that are signed along with it.
    pub attestations: Vec<AttestationToSign>,
    /// Whether the identity of the job is signed along with it.
    pub provenance: ProvenanceMode,
    /// The issuer's key set, from a file instead of the issuer. With it the tokens of Kubernetes service accounts, whose
    /// issuers seldom answer, make provenance, too.
    pub jwks: Option<PathBuf>,
    /// The issuer that the identity token must have; `None`: the one that it names.
    pub identity_issuer: Option<String>,
    /// The platform whose claims the token has; `None`: that of its source or its issuer.
    pub identity_provider: Option<Provider>,
    /// The identity of the job when it is not what logs in. It proves less: no policy takes it for an identity.
    pub identity: Option<JobIdentity>,
    /// What the model was made from. Recorded in provenance, which is then required.
    pub dependencies: Vec<NamedDigest>,
    /// What was made along with the model. Recorded in provenance, which is then required.
    pub byproducts: Vec<NamedDigest>,
    /// Who verifies the identity token.
    pub verifier: Arc<dyn VerifyIdentity>,
    /// Files that the caller relies on, those of the statements for one: refused inside the model.
    pub files: Vec<PathBuf>,
    /// Files that hold the private key or its passphrase: refused inside the model, where they would be signed and
    /// published with it.
    pub secret_files: Vec<PathBuf>,
    /// Do everything but write.
    pub dry_run: bool,
    /// Sign links that lead to regular files inside the model by their content.
    pub danger_allow_symlinks: bool,
    /// Sign with a published test key.
    pub danger_allow_test_keys: bool,
    /// Threads that hash; `None`: as many as the process may use.
    pub jobs: Option<NonZeroUsize>,
}

impl Default for SignOptions {
    fn default() -> Self {
        Self {
            name: None,
            bundle: None,
            ignore_paths: Vec::new(),
            ignore_git_paths: true,
            method: Method::Files,
            hash: HashAlgorithm::Sha256,
            expect_digest: None,
            expect_key_id: None,
            certificates: Vec::new(),
            attestations: Vec::new(),
            provenance: ProvenanceMode::default(),
            jwks: None,
            identity_issuer: None,
            identity_provider: None,
            identity: None,
            dependencies: Vec::new(),
            byproducts: Vec::new(),
            verifier: Arc::new(IssuerKeys::default()),
            files: Vec::new(),
            secret_files: Vec::new(),
            dry_run: false,
            danger_allow_symlinks: false,
            danger_allow_test_keys: false,
            jobs: None,
        }
    }
}

/// A statement about the model to be signed along with it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an in-toto predicate has a type and a value")]
pub struct AttestationToSign {
    /// Its predicate type, a URI.
    pub predicate_type: String,
    /// Its predicate, a JSON object.
    pub predicate: String,
}

/// A model that was signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedArtifact {
    /// The signed model name. Free text: escape before printing.
    pub name: String,
    /// The manifest that was signed.
    pub manifest: Manifest,
    /// Where the bundle is, or would be after a dry run.
    pub bundle: PathBuf,
    /// Where the attestations are, if any were signed along.
    pub attestations: Option<PathBuf>,
    /// The provenance that was signed along.
    pub provenance: Option<SignedProvenance>,
    /// SHA-256 of the signed payload.
    pub payload_digest: Digest,
    /// Id of the key that signed.
    pub key_id: KeyId,
    /// Kind of the key that signed.
    pub key_kind: KeyKind,
    /// Its version, where its keeper counts them.
    pub key_version: Option<NonZeroU32>,
    /// Its scheme.
    pub scheme: Scheme,
    /// The server that keeps the key; `None` for a key at hand.
    pub server: Option<KeyPlace>,
    /// Number of files covered.
    pub files: u64,
    /// Bytes covered.
    pub bytes: u64,
    /// What is on disk and not covered.
    pub uncovered: Vec<Uncovered>,
    /// What the user should know: who cannot verify this form, ignored paths that match nothing.
    pub warnings: Vec<String>,
    /// Whether the bundle was written.
    pub written: bool,
}

/// Signs the model at `model` and writes the bundle.
///
/// # Errors
/// `input/*`, `output/*`, `key/*`, `usage/*`, `identity/*`, `policy/other-model` when the digest is not the expected one, and those of
/// the key's keeper. Nothing is written then, and what was there is untouched.
pub fn sign_model_artifact(
    model: &Path,
    key: &dyn SigningKey,
    options: &SignOptions,
    observer: &dyn Observer,
) -> Result<SignedArtifact> {
    let started_on = now()?;
    if let Some(signer) = key.at_hand() {
        check_signer(signer, options, Code::KeyMismatch)?;
    }
    check(options, key.at_hand().is_none())?;
    for attestation in &options.attestations {
        check_statement(&attestation.predicate_type, &attestation.predicate)?;
    }
    let root = Root::open(model)?;
    refuse_inside(
        &root,
        key.trust_files().iter().chain(options.jwks.iter()).chain(&options.files).map(PathBuf::as_path),
    )?;
    refuse_secrets_inside(&root, key, &options.secret_files)?;
    let name = model_name(&root, options)?;
    let paths = BundlePaths::of(&root, options.bundle.as_deref());
    check_output(&paths.bundle)?;
    let old_attestations = read_old_attestations(&paths.attestations)?;

    let mut serialize = SerializeOptions::default();
    serialize.method = options.method;
    serialize.hash = options.hash;
    serialize.ignore_git_paths = options.ignore_git_paths;
    serialize.ignore_paths.clone_from(&options.ignore_paths);
    serialize.own_files = own_files(&root, &paths);
    serialize.danger_allow_symlinks = options.danger_allow_symlinks;
    serialize.jobs = options.jobs;
    let serialized = serialize_model(&root, &serialize, observer)?;
    if let Some(expected) = options.expect_digest.filter(|expected| *expected != serialized.manifest.root()) {
        let found = serialized.manifest.root();
        return Err(Error::new(
            Code::PolicyOtherModel,
            format!("the model has the digest {found}, expected was {expected}"),
        )
        .with_hint("the model is not the one that was meant to be signed; nothing was signed"));
    }
    let mut warnings = warnings(&serialized, options);
    let SerializedModel { manifest, files, bytes, uncovered, .. } = serialized;

    let server = key.place();
    let draft = Draft { name, manifest, started_on };
    let Signed { statement, payload, provenance, bundles, key, mut notes } = open_and_sign(key, draft, options)?;
    // Nothing stops while a token is given back: who asked meanwhile gets no bundle.
    if observer.event(Event::Checking).is_break() {
        let error = Error::new(Code::UsageInterrupted, "stopped before the signature was written");
        return Err(with_remarks(error, &notes));
    }
    let mut bundles = bundles.into_iter();
    warnings.append(&mut notes);
    let bundle = bundles.next().unwrap_or_default();
    if bundle.len() > Bundle::MAX_BYTES {
        return Err(Error::new(Code::InputLimit, "the model has too many files for one signature"));
    }
    let (mut lines, dropped) = match &old_attestations {
        Some(text) => keep_attestations(text, &statement, &payload).map_err(|_| exists(&paths.attestations))?,
        None => (Vec::new(), Vec::new()),
    };
    warnings.extend(
        dropped.iter().map(|kind| format!("the attestation of type `{kind}` was for the old signature and is dropped")),
    );
    lines.extend(bundles.flat_map(|line| [line, b"\n".to_vec()].concat()));
    let count = lines.iter().filter(|&&byte| byte == b'\n').count();
    if count > Attestations::MAX_LINES || lines.len() > Attestations::MAX_BYTES {
        let message = format!("{count} attestations with {} bytes are more than verifiers read", lines.len());
        return Err(Error::new(Code::InputLimit, message));
    }
    if !options.dry_run {
        // Attestations first: a bundle whose attestations are missing is refused, the other way round nothing is lost.
        if !lines.is_empty() {
            write_replacing(&paths.attestations, &lines)?;
        } else if !dropped.is_empty() {
            remove(&paths.attestations)?;
        }
        write_replacing(&paths.bundle, &bundle)?;
    }
    Ok(SignedArtifact {
        name: statement.name().to_owned(),
        manifest: statement.manifest().clone(),
        bundle: paths.bundle,
        attestations: (!lines.is_empty()).then_some(paths.attestations),
        provenance,
        payload_digest: Digest::sha256(&payload),
        key_id: key.id,
        key_kind: key.kind,
        key_version: key.version,
        scheme: key.scheme,
        server,
        files,
        bytes,
        uncovered,
        warnings,
        written: !options.dry_run,
    })
}

/// What is to be signed.
struct Draft {
    name: String,
    manifest: Manifest,
    started_on: Timestamp,
}

/// What signing gave.
struct Signed {
    statement: ModelStatement,
    payload: Vec<u8>,
    provenance: Option<SignedProvenance>,
    bundles: Vec<Vec<u8>>,
    key: KeyUsed,
    notes: Vec<String>,
}

/// The key that signed.
pub(crate) struct KeyUsed {
    pub(crate) id: KeyId,
    pub(crate) kind: KeyKind,
    pub(crate) version: Option<NonZeroU32>,
    pub(crate) scheme: Scheme,
}

impl KeyUsed {
    pub(crate) fn of(signer: &dyn Signer) -> Self {
        let public = signer.public_key();
        Self { id: public.id(), kind: public.kind(), version: signer.key_version(), scheme: signer.scheme() }
    }
}

/// Opens the key, signs, and gives up what opening obtained before anything else happens.
fn open_and_sign(key: &dyn SigningKey, draft: Draft, options: &SignOptions) -> Result<Signed> {
    let at_hand = key.at_hand().is_some();
    let Opened { signer, login, vault } = key.open()?;
    let unexpected = if at_hand { Code::KeyMismatch } else { Code::VaultUnexpectedKey };
    let started_on = draft.started_on;
    let signed = check_signer(signer.as_ref(), options, unexpected)
        .and_then(|()| provenance(login.as_ref(), vault, options, started_on))
        .and_then(|provenance| sign_statements(signer.as_ref(), draft, provenance.as_ref(), options));
    let finished = signer.finish();
    match signed {
        Ok(mut signed) => {
            signed.notes.extend(finished);
            Ok(signed)
        }
        Err(error) => Err(with_remarks(error, &finished)),
    }
}

/// Signs the model's statement and everything that is bound to it, in one request.
fn sign_statements(
    signer: &dyn Signer,
    draft: Draft,
    provenance: Option<&Provenance>,
    options: &SignOptions,
) -> Result<Signed> {
    let of_job = match provenance {
        Some(provenance) => {
            let predicate = provenance.to_predicate()?;
            Some(AttestationToSign { predicate_type: PROVENANCE_TYPE.to_owned(), predicate })
        }
        None => None,
    };
    let attestations: Vec<&AttestationToSign> = of_job.iter().chain(&options.attestations).collect();
    let types = attestations.iter().map(|attestation| attestation.predicate_type.clone()).collect();
    let statement = ModelStatement::new(draft.name, types, draft.manifest);
    let payload = statement.to_payload();
    let mut encodings = vec![Pae::in_toto(&payload)];
    for attestation in attestations {
        let bound = attestation_payload(&statement, &payload, &attestation.predicate_type, &attestation.predicate)?;
        encodings.push(Pae::in_toto(&bound));
    }
    Ok(Signed {
        bundles: sign_all(signer, &encodings, &options.certificates)?,
        provenance: provenance.map(SignedProvenance::from),
        key: KeyUsed::of(signer),
        notes: scheme_note(signer.scheme()),
        statement,
        payload,
    })
}

fn check_signer(signer: &dyn Signer, options: &SignOptions, unexpected: Code) -> Result<()> {
    check_key(signer, options.expect_key_id, options.danger_allow_test_keys, unexpected)?;
    let key = signer.public_key();
    if let Some(leaf) = options.certificates.first()
        && leaf.public_key().ok().as_ref() != Some(key)
    {
        return Err(Error::new(Code::KeyMismatch, "the private key is not the one of the signing certificate")
            .with_hint("give the certificate of this key first, then its intermediates"));
    }
    if options.certificates.len() > Bundle::MAX_CERTIFICATES {
        return Err(Error::new(Code::UsageArguments, format!("more than {} certificates", Bundle::MAX_CERTIFICATES)));
    }
    Ok(())
}

/// Refuses a key that is not the expected one, or that anybody has.
pub(crate) fn check_key(
    signer: &dyn Signer,
    expected: Option<KeyId>,
    danger_allow_test_keys: bool,
    unexpected: Code,
) -> Result<()> {
    let key = signer.public_key();
    if key.is_published_test_key() && !danger_allow_test_keys {
        return Err(Error::new(Code::KeyTestKey, format!("the key {} is a published test key", key.id())));
    }
    match expected.filter(|expected| *expected != key.id()) {
        Some(expected) => Err(Error::new(unexpected, format!("the key is {}, expected was {expected}", key.id()))),
        None => Ok(()),
    }
}

/// Refuses secrets in files inside the model.
pub(crate) fn refuse_secrets_inside(root: &Root, key: &dyn SigningKey, more: &[PathBuf]) -> Result<()> {
    let of_key = key.secret_files();
    refuse_inside(root, more.iter().chain(&of_key).map(PathBuf::as_path)).map_err(|error| match error.code() {
        Code::UsageTrustInsideModel => {
            error.with_hint("keep keys outside the model: whoever gets the model would get the key too")
        }
        _ => error,
    })
}

fn model_name(root: &Root, options: &SignOptions) -> Result<String> {
    match (&options.name, root.name()) {
        (Some(name), _) => Ok(name.as_str().to_owned()),
        (None, Some(name)) => Ok(name.to_owned()),
        (None, None) => Err(Error::new(
            Code::InputName,
            format!("`{}` gives the model no name that can be signed", root.path().display()),
        )
        .with_hint("name the model with --name NAME")),
    }
}

/// Only a bundle may be replaced: anything else at that path is somebody's file.
fn check_output(path: &Path) -> Result<()> {
    check_directory(path)?;
    match std::fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_file() && is_bundle(path) => Ok(()),
        Ok(_) => Err(Error::new(
            Code::OutputExists,
            format!("`{}` exists and is not a signature, so it is not replaced", path.display()),
        )),
    }
}

fn is_bundle(path: &Path) -> bool {
    crate::io::read_bundle(path).is_ok()
}

/// Attestations of an earlier signature at the same place.
fn read_old_attestations(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::symlink_metadata(path) {
        Err(_) => Ok(None),
        Ok(metadata) if metadata.is_file() => {
            read_capped(path, &Cap { bytes: Attestations::MAX_BYTES, code: Code::OutputExists }).map(Some)
        }
        Ok(_) => Err(exists(path)),
    }
}

/// Signs every encoding in one request and believes no signature before it is verified with the signer's public key.
pub(crate) fn sign_all(signer: &dyn Signer, encodings: &[Pae], certificates: &[Certificate]) -> Result<Vec<Vec<u8>>> {
    let signatures = signer.sign(encodings)?;
    let key: &PublicKey = signer.public_key();
    if signatures.len() != encodings.len() {
        return Err(Error::new(Code::SignatureInvalid, "the signer returned another number of signatures"));
    }
    let bundle = |(pae, signature): (&Pae, Vec<u8>)| {
        key.verify(signer.scheme(), pae.as_bytes(), &signature)?;
        let bundle = if certificates.is_empty() {
            Bundle::with_key(pae, signature, key)
        } else {
            Bundle::with_certificates(pae, signature, certificates.to_vec())
        };
        Ok(bundle.to_json())
    };
    encodings.iter().zip(signatures).map(bundle).collect()
}

/// Who cannot verify this scheme.
pub(crate) fn scheme_note(scheme: Scheme) -> Vec<String> {
    if scheme == Scheme::Ecdsa {
        return Vec::new();
    }
    vec![format!(
        "the reference tool cannot verify {scheme} signatures, and verifiers must name the scheme of this key"
    )]
}

fn warnings(serialized: &SerializedModel, options: &SignOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    let sharded = matches!(options.method, Method::Shards { .. });
    if sharded || options.hash != HashAlgorithm::Sha256 {
        warnings.push(format!(
            "the reference tool's command line verifies files with sha256 only, not {} with {}",
            options.method.as_str(),
            options.hash
        ));
    }
    if sharded {
        let empty = serialized.uncovered.iter().filter(|uncovered| uncovered.kind == "file").count();
        if empty > 0 {
            warnings.push("shards cannot cover empty files".to_owned());
        }
    }
    for path in &serialized.unmatched_ignore_paths {
        warnings.push(format!("the path to ignore `{path}` matches nothing"));
    }
    for link in &serialized.followed_links {
        warnings.push(format!("the link `{link}` is signed by its content"));
    }
    warnings
}
