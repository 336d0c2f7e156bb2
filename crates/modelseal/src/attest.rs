//! Further statements about a model that is signed already: a scan, a review.

use std::path::{Path, PathBuf};

use modelseal_core::{
    Attestations, Bundle, Code, Digest, Error, Event, Expected, KeyId, LeafPin, Observer, Pae, Policy, Result, Root,
    SignedBy, Signer, TrustedKey, TrustedKeys, VerifiedArtifact, attestation_payload, parse_json,
};
use modelseal_vault::KeyPlace;
use serde_json::Value;

use crate::io::{Cap, check_directory, exists, read_bundle, read_capped, write_replacing};
use crate::paths::{BundlePaths, refuse_inside};
use crate::server_keys::with_remarks;
use crate::sign::{KeyUsed, check_key, refuse_secrets_inside, scheme_note, sign_all};
use crate::signing_key::{Opened, SigningKey};
use crate::verify::{VerifyOptions, verify_model_artifact};

/// Largest predicate, in bytes.
const MOST: usize = 16 * 1024 * 1024;
/// Longest predicate type, in bytes.
const LONGEST_TYPE: usize = 1024;

/// Beginnings of the predicate types that only the commands that check them make: signatures of models, ours, and
/// provenance by its present and former names.
const RESERVED: [&str; 4] = ["model_signing/", "modelseal/", "slsa.dev/provenance", "in-toto.io/provenance"];

/// Where evidence says when it was made.
const TIMES: [&str; 5] = ["/time", "/timestamp", "/finishedOn", "/scannedOn", "/runDetails/metadata/finishedOn"];

/// What is attested, and whose signature is demanded first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestOptions {
    /// The predicate type, a URI.
    pub predicate_type: String,
    /// The predicate, a JSON object.
    pub predicate: String,
    /// The model that is meant.
    pub expected: Expected,
    /// The keys that may have signed the model; `None`: those of the policy, without one the attesting key itself.
    pub trusted: Option<TrustedKeys>,
    /// The policy that the model must satisfy.
    pub policy: Policy,
    /// How the model is verified.
    pub verify: VerifyOptions,
    /// Sign only with this key.
    pub expect_key_id: Option<KeyId>,
    /// Files that the caller relies on, the predicate's for one: refused inside the model.
    pub files: Vec<PathBuf>,
    /// Files that hold the private key or its passphrase: refused inside the model, too.
    pub secret_files: Vec<PathBuf>,
    /// Do everything but write.
    pub dry_run: bool,
    /// Sign with a published test key, and trust it.
    pub danger_allow_test_keys: bool,
}

impl AttestOptions {
    /// A statement of this type about the model that is expected, which the attesting key itself must have signed.
    #[must_use]
    pub fn new(predicate_type: impl Into<String>, predicate: impl Into<String>, expected: Expected) -> Self {
        Self {
            predicate_type: predicate_type.into(),
            predicate: predicate.into(),
            expected,
            trusted: None,
            policy: Policy::any_trusted_key(),
            verify: VerifyOptions::default(),
            expect_key_id: None,
            files: Vec::new(),
            secret_files: Vec::new(),
            dry_run: false,
            danger_allow_test_keys: false,
        }
    }
}

/// A model that was attested.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestedArtifact {
    /// The model, as it was verified.
    pub model: VerifiedArtifact,
    /// The predicate type.
    pub predicate_type: String,
    /// SHA-256 of the statement.
    pub statement_digest: Digest,
    /// The file of the attestations.
    pub attestations: PathBuf,
    /// How many attestations it holds now, or would after a dry run.
    pub lines: usize,
    /// Id of the key that signed.
    pub key_id: KeyId,
    /// Kind of the key that signed.
    pub key_kind: modelseal_core::KeyKind,
    /// Its version, where its keeper counts them.
    pub key_version: Option<core::num::NonZeroU32>,
    /// Its scheme.
    pub scheme: modelseal_core::Scheme,
    /// The server that keeps the key; `None` for a key at hand.
    pub server: Option<KeyPlace>,
    /// Whether the very statement was there already, by this key: nothing was signed then.
    pub already_there: bool,
    /// Whether it was written.
    pub written: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Reads the predicate at `path`.
///
/// # Errors
/// `input/*`; `usage/arguments` when it is not a JSON object in one reading.
pub fn read_predicate(path: &Path) -> Result<String> {
    let bytes = read_capped(path, &Cap { bytes: MOST, code: Code::InputLimit })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(Code::UsageArguments, format!("the predicate `{}` is not text", path.display())))?;
    check_predicate(&text).map(|_| text)
}

/// Verifies the model at `model`, its files too, then signs one statement that is bound to its signature, and appends it
/// to the attestations beside that signature.
///
/// Without trusted keys and without a policy the attesting key itself must have signed the model. On a server its public
/// half is read in a session of its own first, since a token may not outlast the hashing of a large model.
///
/// # Errors
/// `usage/attestation-type`, `usage/*`, those of [`verify_model_artifact`], `input/limit` when there are too many
/// attestations, those of the key's keeper. Nothing is written then.
pub fn attest_model_artifact(
    model: &Path,
    key: &dyn SigningKey,
    options: &AttestOptions,
    observer: &dyn Observer,
) -> Result<AttestedArtifact> {
    let predicate = check_statement(&options.predicate_type, &options.predicate)?;
    if !options.verify.only.is_empty() {
        return Err(Error::new(Code::UsageArguments, "a model is attested as a whole"));
    }
    if let Some(signer) = key.at_hand() {
        check_signer(signer, options, Code::KeyMismatch)?;
    }
    let root = Root::open(model)?;
    let trust_files = key.trust_files();
    let relied_on = options.files.iter().chain(&trust_files).map(PathBuf::as_path).chain(options.policy.sources());
    refuse_inside(&root, relied_on)?;
    refuse_secrets_inside(&root, key, &options.secret_files)?;
    let paths = BundlePaths::of(&root, options.verify.bundle.as_deref());
    check_directory(&paths.attestations)?;

    let mut warnings = Vec::new();
    let trusted = match (&options.trusted, options.policy.trusted_keys()) {
        (Some(trusted), _) | (None, Some(trusted)) => trusted.clone(),
        (None, None) => own_key(key, options, &mut warnings)?,
    };
    let (policy, expected) = (&options.policy, &options.expected);
    let by_itself = options.trusted.is_none() && options.policy.trusted_keys().is_none();
    let verified = verify_model_artifact(model, &trusted, policy, expected, &options.verify, observer);
    let verified = verified.map_err(|error| match error.code() {
        Code::SignatureUnknownKey if by_itself => {
            error.with_hint("the attesting key did not sign the model: name the key that did with --verify-key KEY")
        }
        _ => error,
    })?;

    let bundle = read_bundle(&paths.bundle)?;
    if bundle.payload_digest() != verified.payload_digest() {
        return Err(Error::new(Code::InputChanged, "the signature was replaced while the model was verified"));
    }
    let statement = bundle.claimed_statement()?;
    let payload =
        attestation_payload(&statement, bundle.claimed_payload(), &options.predicate_type, &options.predicate)?;
    drop(bundle);
    let mut lines = Lines::read(&paths.attestations)?;

    let pae = Pae::in_toto(&payload);
    let signed = open_and_attest(key, &pae, &lines, options)?;
    warnings.extend(signed.notes);
    // Nothing stops while a token is given back: who asked meanwhile gets no attestation.
    if observer.event(Event::Checking).is_break() {
        let error = Error::new(Code::UsageInterrupted, "stopped before the attestation was written");
        return Err(with_remarks(error, &warnings));
    }
    let already_there = signed.line.is_none();
    if let Some(line) = signed.line {
        lines.push(&line)?;
        if !options.dry_run {
            write_replacing(&paths.attestations, &lines.text)?;
        }
    } else {
        warnings.push("this very statement by this key is there already: nothing was signed".to_owned());
    }
    if !has_time(&predicate) {
        warnings.push(
            "the predicate does not say when it was made: a policy that limits the age of evidence needs a time at \
             /time, /timestamp, /finishedOn or /scannedOn"
                .to_owned(),
        );
    }
    let KeyUsed { id, kind, version, scheme } = signed.key;
    Ok(AttestedArtifact {
        model: verified,
        predicate_type: options.predicate_type.clone(),
        statement_digest: Digest::sha256(&payload),
        attestations: paths.attestations,
        lines: lines.count,
        key_id: id,
        key_kind: kind,
        key_version: version,
        scheme,
        server: key.place(),
        already_there,
        written: !already_there && !options.dry_run,
        warnings,
    })
}

/// Whether this type and this predicate may be signed on request; the predicate, parsed.
///
/// # Errors
/// `usage/attestation-type`, `usage/arguments`, `input/limit`.
pub(crate) fn check_statement(predicate_type: &str, predicate: &str) -> Result<Value> {
    check_type(predicate_type)?;
    check_predicate(predicate)
}

fn check_type(predicate_type: &str) -> Result<()> {
    let refused = |why: &str| {
        Err(Error::new(Code::UsageAttestationType, format!("the predicate type `{predicate_type:.100}` {why}")))
    };
    let (scheme, rest) = predicate_type.split_once(':').unwrap_or(("", predicate_type));
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let graphic =
        predicate_type.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'));
    let place = rest.trim_start_matches('/').to_ascii_lowercase();
    if predicate_type.len() > LONGEST_TYPE || !is_scheme || place.is_empty() || !graphic {
        return refused("is not a URI");
    }
    if RESERVED.iter().any(|start| place.starts_with(start)) {
        return refused("is reserved for the command that checks it");
    }
    Ok(())
}

/// One level deeper than it is, as it will stand in the statement.
fn check_predicate(predicate: &str) -> Result<Value> {
    if predicate.len() > MOST {
        let message = format!("the predicate is larger than the limit of {MOST} bytes");
        return Err(Error::new(Code::InputLimit, message));
    }
    let unusable = |why: &str| {
        Error::new(Code::UsageArguments, format!("the predicate cannot be used: {why}"))
            .with_hint("give a file with one JSON object, without doubled keys")
    };
    let wrapped: Vec<Value> =
        parse_json(format!("[{predicate}]").as_bytes(), "JSON").map_err(|error| unusable(error.message()))?;
    match <[Value; 1]>::try_from(wrapped) {
        Ok([object @ Value::Object(_)]) => Ok(object),
        _ => Err(unusable("it is not a JSON object")),
    }
}

fn has_time(predicate: &Value) -> bool {
    TIMES.iter().any(|pointer| predicate.pointer(pointer).is_some_and(Value::is_string))
}

fn check_signer(signer: &dyn Signer, options: &AttestOptions, unexpected: Code) -> Result<()> {
    check_key(signer, options.expect_key_id, options.danger_allow_test_keys, unexpected)
}

/// The attesting key, as the one that must have signed the model.
fn own_key(key: &dyn SigningKey, options: &AttestOptions, warnings: &mut Vec<String>) -> Result<TrustedKeys> {
    let trusted = |signer: &dyn Signer| {
        let mut one = TrustedKey::new(signer.public_key().clone()).with_scheme(signer.scheme())?;
        if let Some(version) = signer.key_version() {
            one = one.with_version(version);
        }
        if options.danger_allow_test_keys {
            TrustedKeys::danger_allow_test_keys(vec![one], Vec::new(), LeafPin::default())
        } else {
            TrustedKeys::new(vec![one], Vec::new(), LeafPin::default())
        }
    };
    if let Some(signer) = key.at_hand() {
        return trusted(signer);
    }
    let Opened { signer, .. } = key.open()?;
    let found =
        check_signer(signer.as_ref(), options, Code::VaultUnexpectedKey).and_then(|()| trusted(signer.as_ref()));
    let finished = signer.finish();
    match found {
        Ok(trusted) => {
            warnings.extend(finished);
            Ok(trusted)
        }
        Err(error) => Err(with_remarks(error, &finished)),
    }
}

/// What attesting gave.
struct Attested {
    /// `None` when it was there already.
    line: Option<Vec<u8>>,
    key: KeyUsed,
    notes: Vec<String>,
}

fn open_and_attest(key: &dyn SigningKey, pae: &Pae, lines: &Lines, options: &AttestOptions) -> Result<Attested> {
    let unexpected = if key.at_hand().is_some() { Code::KeyMismatch } else { Code::VaultUnexpectedKey };
    let Opened { signer, .. } = key.open()?;
    let attest = || {
        check_signer(signer.as_ref(), options, unexpected)?;
        if lines.hold(pae, signer.as_ref())? {
            return Ok(None);
        }
        lines.check_room()?;
        Ok(sign_all(signer.as_ref(), core::slice::from_ref(pae), &[])?.into_iter().next())
    };
    let signed = attest();
    let finished = signer.finish();
    match signed {
        Ok(line) => {
            let mut notes = if line.is_some() { scheme_note(signer.scheme()) } else { Vec::new() };
            notes.extend(finished);
            Ok(Attested { line, key: KeyUsed::of(signer.as_ref()), notes })
        }
        Err(error) => Err(with_remarks(error, &finished)),
    }
}

/// The attestation file. Its lines were found to be attestations when the model was verified.
struct Lines {
    text: Vec<u8>,
    count: usize,
}

impl Lines {
    fn read(path: &Path) -> Result<Self> {
        let text = match path.symlink_metadata() {
            Err(_) => Vec::new(),
            Ok(metadata) if metadata.is_file() => {
                read_capped(path, &Cap { bytes: Attestations::MAX_BYTES, code: Code::FormatMalformed })?
            }
            Ok(_) => return Err(exists(path)),
        };
        let count = split(&text).count();
        Ok(Self { text, count })
    }

    /// Whether this statement is there, with a good signature of this key.
    fn hold(&self, pae: &Pae, signer: &dyn Signer) -> Result<bool> {
        for line in split(&self.text) {
            let bundle = Bundle::parse(line)?;
            let same = bundle.claimed_payload() == pae.payload();
            if same && signer.public_key().verify(signer.scheme(), pae.as_bytes(), bundle.signature()).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_room(&self) -> Result<()> {
        if self.count >= Attestations::MAX_LINES {
            let message = format!("there are {} attestations already, and no more are read", self.count);
            return Err(Error::new(Code::InputLimit, message));
        }
        Ok(())
    }

    fn push(&mut self, line: &[u8]) -> Result<()> {
        self.check_room()?;
        if !self.text.is_empty() && !self.text.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        self.count += 1;
        if self.text.len() > Attestations::MAX_BYTES {
            let message =
                format!("the attestations would be larger than the limit of {} bytes", Attestations::MAX_BYTES);
            return Err(Error::new(Code::InputLimit, message));
        }
        Ok(())
    }
}

fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

impl AttestedArtifact {
    /// Who signed the model.
    #[must_use]
    pub const fn signed_by(&self) -> &SignedBy {
        self.model.signed_by()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t04_types_that_decide_are_refused() {
        for reserved in [
            modelseal_core::PREDICATE_TYPE,
            modelseal_core::LEGACY_PREDICATE_TYPE,
            modelseal_core::PROVENANCE_TYPE,
            modelseal_core::POLICY_TYPE,
            modelseal_core::BUILD_TYPE,
            "https://slsa.dev/provenance/v0.1",
            "https://slsa.dev/provenance/v0.2",
            "https://slsa.dev/provenance",
            "https://slsa.dev/Provenance/v9",
            "http://slsa.dev/provenance/v1",
            "https://in-toto.io/Provenance/v0.1",
            "https://modelseal/anything",
            "https://model_signing/x",
            "https:slsa.dev/provenance/v1",
            "",
            "scan",
            "https://",
            "https://acme.example/a b",
            "https://acme.example/\n",
            "1https://acme.example/x",
        ] {
            let error = check_type(reserved).unwrap_err();
            assert_eq!(error.code(), Code::UsageAttestationType, "{reserved}");
        }
        let long = format!("https://acme.example/{}", "x".repeat(1024));
        assert_eq!(check_type(&long).unwrap_err().code(), Code::UsageAttestationType);
        for good in [
            "https://acme.example/scan/v1",
            "urn:acme:scan",
            "https://spdx.dev/Document",
            "https://slsa.dev/verification_summary/v1",
        ] {
            check_type(good).unwrap();
        }
    }

    #[test]
    fn predicates_are_objects_with_one_reading() {
        assert!(has_time(&check_predicate(r#"{"time":"2026-11-20T12:00:00Z"}"#).unwrap()));
        assert!(!has_time(&check_predicate(r#" {"time":1} "#).unwrap()));
        let deep = format!("{}1{}", "{\"a\":".repeat(32), "}".repeat(32));
        for bad in ["", "[]", "1", "null", "{}, {}", r#"{"a":1,"a":2}"#, "{", deep.as_str()] {
            assert_eq!(check_predicate(bad).unwrap_err().code(), Code::UsageArguments, "{bad:.40}");
        }
        assert_eq!(check_predicate(&" ".repeat(MOST + 1)).unwrap_err().code(), Code::InputLimit);
    }
}
