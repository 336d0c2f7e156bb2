//! Verifying a model on disk.

use core::ops::ControlFlow;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use modelseal_core::{
    Attestations, Bundle, Code, Decision, Error, Event, Expected, Facts, FileChecks, KeyId, Narrow, Observer, Pae,
    Policy, Result, Root, SignedManifest, Timestamp, TrustedKeys, Verdict, VerifiedArtifact,
};

use crate::DecisionLog;
use crate::io::{Cap, read_bundle, read_capped};
use crate::paths::{BundlePaths, inside, refuse_inside};

/// How a model is verified. The default weakens nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Where the bundle is; `None`: the default place.
    pub bundle: Option<PathBuf>,
    /// Further attestation files, besides the one beside the bundle.
    pub attestations: Vec<PathBuf>,
    /// Second opinions, asked after the policy allowed.
    pub narrows: Vec<Arc<dyn Narrow>>,
    /// Files that decide besides keys and certificates, such as the policy's: refused inside the model.
    pub trust_files: Vec<PathBuf>,
    /// Where every decision of a policy is written down.
    pub decision_log: Option<Arc<DecisionLog>>,
    /// Refuse an artifact without provenance by the key that signed it.
    pub require_provenance: bool,
    /// Accept only what this one of the trusted keys signed.
    pub expect_key_id: Option<KeyId>,
    /// Verify only these files of the model; others may be absent. Empty: all.
    pub only: Vec<String>,
    /// Accept and report `.git`, `.github`, `.gitignore`, `.gitattributes` at the top when they are not listed.
    pub ignore_git_paths: bool,
    /// Accept and report these paths, canonical and relative to the model, when they are not listed.
    pub danger_ignore_paths: Vec<String>,
    /// Accept and report files that are not signed.
    pub danger_ignore_unsigned_files: bool,
    /// Follow links that lead to regular files inside the model.
    pub danger_allow_symlinks: bool,
    /// Accept the form used before v1.0.
    pub danger_accept_legacy: bool,
    /// The verifier's clock, for certificates; `None`: the clock of this machine.
    pub danger_clock: Option<Timestamp>,
    /// Threads that hash; `None`: as many as the process may use.
    pub jobs: Option<NonZeroUsize>,
    /// Largest file that is read, in bytes.
    pub max_file_bytes: u64,
    /// Most bytes that are read in all.
    pub max_total_bytes: u64,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            bundle: None,
            attestations: Vec::new(),
            narrows: Vec::new(),
            trust_files: Vec::new(),
            decision_log: None,
            require_provenance: false,
            expect_key_id: None,
            only: Vec::new(),
            ignore_git_paths: true,
            danger_ignore_paths: Vec::new(),
            danger_ignore_unsigned_files: false,
            danger_allow_symlinks: false,
            danger_accept_legacy: false,
            danger_clock: None,
            jobs: None,
            max_file_bytes: FileChecks::MAX_FILE_BYTES,
            max_total_bytes: FileChecks::MAX_TOTAL_BYTES,
        }
    }
}

/// Refuses trusted keys and certificates from files inside the model, which it could exchange.
///
/// # Errors
/// `usage/trust-inside-model`; `input/*` when a path cannot be followed.
pub fn check_trust_outside(model: &Path, trusted: &TrustedKeys) -> Result<()> {
    check_files_outside(model, trusted.sources())
}

/// Refuses files inside the model, which it could exchange: those that a caller relies on, before they are relied on.
///
/// # Errors
/// `usage/trust-inside-model`; `input/*` when a path cannot be followed.
pub fn check_files_outside<'a>(model: &Path, files: impl Iterator<Item = &'a Path>) -> Result<()> {
    refuse_inside(&Root::open(model)?, files)
}

/// Verifies the model at `model`: signature by a trusted key, the expected artifact, every file, nothing extra.
///
/// # Errors
/// Every refusal; `Ok` means verified, and carries the evidence.
pub fn verify_model_artifact(
    model: &Path,
    trusted: &TrustedKeys,
    policy: &Policy,
    expected: &Expected,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<VerifiedArtifact> {
    verify(model, trusted, policy, expected, options, observer, None)
}

/// Somebody else who is asked about a signature that already verified, such as the server that keeps the key.
pub trait SecondOpinion: Sync {
    /// Confirms that the key `key` made `signature` over `encoding`.
    ///
    /// # Errors
    /// `signature/online-refused` for a no; anything else when nobody could be asked.
    fn confirm(&self, key: KeyId, encoding: &Pae, signature: &[u8]) -> Result<()>;
}

/// As [`verify_model_artifact`], and `opinion` must agree about the signature before a file is read.
///
/// # Errors
/// As [`verify_model_artifact`], and those of `opinion`.
pub fn verify_model_artifact_twice(
    model: &Path,
    trusted: &TrustedKeys,
    policy: &Policy,
    expected: &Expected,
    options: &VerifyOptions,
    observer: &dyn Observer,
    opinion: &dyn SecondOpinion,
) -> Result<VerifiedArtifact> {
    verify(model, trusted, policy, expected, options, observer, Some(opinion))
}

fn verify(
    model: &Path,
    trusted: &TrustedKeys,
    policy: &Policy,
    expected: &Expected,
    options: &VerifyOptions,
    observer: &dyn Observer,
    opinion: Option<&dyn SecondOpinion>,
) -> Result<VerifiedArtifact> {
    let now = options.danger_clock.map_or_else(clock, Ok)?;
    let result = Evidence::gather(model, trusted, policy, options, now, observer, opinion)
        .and_then(|evidence| evidence.verify(policy, expected, options, observer));
    match &options.decision_log {
        Some(log) => record(log, policy, now, result),
        None => result,
    }
}

/// Writes down what was decided. What nobody can read up later does not count as verified.
fn record(
    log: &DecisionLog,
    policy: &Policy,
    now: Timestamp,
    result: Result<VerifiedArtifact>,
) -> Result<VerifiedArtifact> {
    let decision = match &result {
        Ok(artifact) => artifact.decision().cloned(),
        Err(error) => denial(policy, error, now),
    };
    match decision.map_or(Ok(()), |decision| log.append(&decision)) {
        Ok(()) => result,
        Err(unwritten) => result.and(Err(unwritten)),
    }
}

/// The record of a refusal. Where the policy never came to decide, nothing is known but the reason.
fn denial(policy: &Policy, error: &Error, now: Timestamp) -> Option<Decision> {
    match error.decision() {
        Some(decision) => Some(decision.clone()),
        None => policy.undecided(error, now),
    }
}

/// A signature that verified, and what was found beside it.
pub(crate) struct Evidence {
    root: Root,
    paths: BundlePaths,
    pub(crate) signed: SignedManifest,
    pub(crate) attestations: Attestations,
    now: Timestamp,
}

impl Evidence {
    /// Reads and verifies everything but the files of the model.
    pub(crate) fn gather(
        model: &Path,
        trusted: &TrustedKeys,
        policy: &Policy,
        options: &VerifyOptions,
        now: Timestamp,
        observer: &dyn Observer,
        opinion: Option<&dyn SecondOpinion>,
    ) -> Result<Self> {
        if policy.trusted_keys().is_some() && options.danger_accept_legacy {
            let message = "under a policy the form from before v1.0 is not accepted: it does not say enough to decide";
            return Err(Error::new(Code::UsageArguments, message).with_hint("have the model signed again"));
        }
        let root = Root::open(model)?;
        refuse_inside(&root, trusted.sources().chain(policy.sources()))?;
        let of_options = options.trust_files.iter().map(PathBuf::as_path);
        refuse_inside(&root, of_options.chain(options.decision_log.iter().map(|log| log.path())))?;
        let paths = BundlePaths::of(&root, options.bundle.as_deref());
        let bundle = read_bundle(&paths.bundle)?;
        poll(observer)?;
        let signed = if options.danger_accept_legacy {
            bundle.danger_verify_legacy_signature(trusted, now)?
        } else {
            bundle.verify_signature(trusted, now)?
        };
        let signer = signed.signed_by().key_id();
        if let Some(expected) = options.expect_key_id.filter(|expected| *expected != signer) {
            let message = format!("the model was signed by the trusted key {signer}, expected was {expected}");
            return Err(Error::new(Code::SignatureUnknownKey, message)
                .with_hint("do not use the model unless its signer was to change; then expect the new key"));
        }
        if let Some(opinion) = opinion {
            ask(opinion, &bundle, &signed)?;
        }
        drop(bundle);
        poll(observer)?;
        let attestations = read_attestations(&root, &paths.attestations, &options.attestations, trusted, now)?;
        Ok(Self { root, paths, signed, attestations, now })
    }

    fn verify(
        self,
        policy: &Policy,
        expected: &Expected,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<VerifiedArtifact> {
        poll(observer)?;
        let Self { root, paths, signed, attestations, now } = self;
        let narrows: Vec<&dyn Narrow> = options.narrows.iter().map(|narrow| &**narrow).collect();
        let unproven = match options.require_provenance {
            true => unproven(&signed.facts(policy, &attestations)?),
            false => None,
        };
        let authorized = signed.authorize(policy, expected, &attestations, now, &narrows)?;
        if let Some(error) = unproven {
            return Err(denied(error, authorized.decision()));
        }
        let mut checks = FileChecks::default();
        checks.bundle = inside(&root, &paths.bundle);
        checks.attestations = inside(&root, &paths.attestations);
        checks.only.clone_from(&options.only);
        checks.ignore_git_paths = options.ignore_git_paths;
        checks.danger_ignore_paths.clone_from(&options.danger_ignore_paths);
        checks.danger_ignore_unsigned_files = options.danger_ignore_unsigned_files;
        checks.danger_allow_symlinks = options.danger_allow_symlinks;
        checks.danger_clock = options.danger_clock.is_some();
        checks.jobs = options.jobs;
        checks.max_file_bytes = options.max_file_bytes;
        checks.max_total_bytes = options.max_total_bytes;
        authorized.verify_files(&root, &checks, observer)
    }
}

/// Why the facts do not say which job signed, if they do not.
fn unproven(facts: &Facts) -> Option<Error> {
    let identity = &facts.identity;
    if identity.ambiguous {
        let message = "the key that signed the model signed more than one provenance about it";
        return Some(Error::new(Code::PolicyAmbiguousIdentity, message));
    }
    let missing = || {
        let message = "the key that signed the model signed no provenance of a verified identity along with it";
        Error::new(Code::PolicyProvenanceMissing, message)
    };
    identity.provider.is_none().then(missing)
}

/// A refusal of what the policy allowed, with the record of it.
fn denied(error: Error, decision: Option<&Decision>) -> Error {
    let Some(mut decision) = decision.cloned() else { return error };
    decision.decision = Verdict::Deny;
    decision.code = error.code().as_str();
    decision.valid_until = None;
    decision.rule = None;
    error.with_decision(decision)
}

fn ask(opinion: &dyn SecondOpinion, bundle: &Bundle, signed: &SignedManifest) -> Result<()> {
    let encoding = Pae::in_toto(bundle.claimed_payload());
    opinion.confirm(signed.signed_by().key_id(), &encoding, bundle.signature())
}

fn clock() -> Result<Timestamp> {
    let unreadable = |_| Error::new(Code::InputUnreadable, "the clock of this machine cannot be read");
    SystemTime::now().try_into().map_err(unreadable)
}

/// The signature of a large model takes a while to read, too.
fn poll(observer: &dyn Observer) -> Result<()> {
    match observer.event(Event::Checking) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(Code::UsageInterrupted, "stopped while the signature was checked")),
    }
}

/// The attestations beside the bundle, and those in the files that the caller names.
fn read_attestations(
    root: &Root,
    beside: &Path,
    named: &[PathBuf],
    trusted: &TrustedKeys,
    now: Timestamp,
) -> Result<Attestations> {
    let mut text = read_beside(root, beside)?;
    let attestations = check_attestations(beside, &text, trusted, now)?;
    let Some(last) = named.last() else { return Ok(attestations) };
    for path in named {
        let more = read_attestation_file(path)?;
        check_attestations(path, &more, trusted, now)?;
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend(more);
    }
    check_attestations(last, &text, trusted, now)
}

/// Inside the model only a regular file is one: the walk refuses a link of that name, and looks into a directory.
fn read_beside(root: &Root, path: &Path) -> Result<Vec<u8>> {
    if inside(root, path).is_some() && path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Ok(Vec::new());
    }
    match read_attestation_file(path) {
        Err(error) if error.code() == Code::InputNotFound => Ok(Vec::new()),
        read => read,
    }
}

pub(crate) fn read_attestation_file(path: &Path) -> Result<Vec<u8>> {
    read_capped(path, &Cap { bytes: Attestations::MAX_BYTES, code: Code::FormatMalformed })
}

pub(crate) fn check_attestations(
    path: &Path,
    text: &[u8],
    trusted: &TrustedKeys,
    now: Timestamp,
) -> Result<Attestations> {
    Attestations::verify(text, trusted, now).map_err(|error| {
        let message = format!("`{}`: {}", path.display(), error.message());
        Error::new(error.code(), message).with_hint("restore the attestation file that was published with the model")
    })
}
