//! Signing a policy.

use core::num::NonZeroU32;
use core::ops::ControlFlow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modelseal_core::{
    Bundle, Code, Digest, Error, Event, KeyId, KeyKind, Observer, POLICY_TYPE, Pae, Policy, PolicyStatement, Result,
    Scheme, Timestamp,
};
use modelseal_http::{Env, Hooks};
use modelseal_vault::KeyPlace;

use super::files::PolicyDirectory;
use super::signed::{demanded, refuse_own_keys};
use super::{PolicyRequest, check_age, narrows};
use crate::io::{Cap, check_directory, exists, read_capped, write_replacing};
use crate::keys::naming;
use crate::sign::{check_key, sign_all};
use crate::{SigningKey, with_remarks};

/// How a policy is signed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PolicySignOptions {
    /// Where the signature goes; `None`: beside the policy, where it is looked for.
    pub out: Option<PathBuf>,
    /// Sign only with this key.
    pub expect_key_id: Option<KeyId>,
    /// Sign with a published test key.
    pub danger_allow_test_keys: bool,
}

/// A policy that was signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedPolicy {
    /// Where the signature is.
    pub signature: PathBuf,
    /// Every file that it covers, relative to the policy's directory.
    pub files: Vec<(String, Digest)>,
    /// The policy's number.
    pub serial: u64,
    /// Until when it may be used.
    pub valid_until: Timestamp,
    /// Id of the key that signed.
    pub key_id: KeyId,
    /// Its kind.
    pub key_kind: KeyKind,
    /// Its version, where its keeper counts them.
    pub key_version: Option<NonZeroU32>,
    /// Its scheme.
    pub scheme: Scheme,
    /// The server that keeps the key.
    pub server: Option<KeyPlace>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Where the signature of a policy is looked for: its path plus `.sig`.
#[must_use]
pub fn policy_signature_path(policy: &Path) -> PathBuf {
    let mut path = policy.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

/// Signs the policy at `path` and every file that it reads, if it can be loaded, says `serial` and `valid_until`, and
/// does not list the key that signs it.
///
/// # Errors
/// `policy/*`, `key/*`, `input/*`, `output/*`, and those of the key's keeper. Nothing is written then.
pub fn sign_policy(
    path: &Path,
    key: &dyn SigningKey,
    options: &PolicySignOptions,
    now: Timestamp,
    hooks: &Hooks,
    env: &dyn Env,
    observer: &dyn Observer,
) -> Result<SignedPolicy> {
    let mut directory = PolicyDirectory::new(path, options.danger_allow_test_keys)?;
    let text = directory.policy()?;
    let name = directory.policy_name().to_owned();
    let policy = Policy::parse(&text, &name, &mut directory).map_err(|error| naming(path, &error))?;
    check_age(&policy, &PolicyRequest::new(path), now)?;
    let (serial, valid_until) = demanded(&policy)?;
    // What nobody could load is not signed.
    narrows(&policy, hooks, env).map_err(|error| naming(path, &error))?;
    let files = directory.digests();
    let payload = PolicyStatement::new(files.clone(), serial, valid_until)?.to_payload();
    let signature = options.out.clone().unwrap_or_else(|| policy_signature_path(path));
    check_output(&signature)?;
    let server = key.place();
    let Signed { bundle, key_id, key_kind, key_version, scheme, warnings } = sign(&policy, &payload, key, options)?;
    let written = match observer.event(Event::Checking) {
        ControlFlow::Continue(()) => write_replacing(&signature, &bundle),
        // Nothing stops while a token is given back: who asked meanwhile gets no signature.
        ControlFlow::Break(()) => Err(Error::new(Code::UsageInterrupted, "stopped before the signature was written")),
    };
    written.map_err(|error| with_remarks(error, &warnings))?;
    let files = files.into_iter().collect();
    Ok(SignedPolicy { signature, files, serial, valid_until, key_id, key_kind, key_version, scheme, server, warnings })
}

/// What signing gave.
struct Signed {
    bundle: Vec<u8>,
    key_id: KeyId,
    key_kind: KeyKind,
    key_version: Option<NonZeroU32>,
    scheme: Scheme,
    warnings: Vec<String>,
}

/// Opens the key, signs, and gives up what opening obtained before anything else happens.
fn sign(policy: &Policy, payload: &[u8], key: &dyn SigningKey, options: &PolicySignOptions) -> Result<Signed> {
    let unexpected = if key.at_hand().is_some() { Code::KeyMismatch } else { Code::VaultUnexpectedKey };
    let signer = key.open()?.signer;
    let public = signer.public_key();
    let signed = check_key(signer.as_ref(), options.expect_key_id, options.danger_allow_test_keys, unexpected)
        .and_then(|()| refuse_own_keys(policy, &BTreeSet::from([public.id()])))
        .and_then(|()| sign_all(signer.as_ref(), &[Pae::in_toto(payload)], &[]));
    let warnings = signer.finish();
    let bundle = signed.map_err(|error| with_remarks(error, &warnings))?.into_iter().next().unwrap_or_default();
    if bundle.len() > PolicyStatement::MAX_BYTES {
        let error = Error::new(Code::PolicySyntax, "the policy reads too many files for one signature");
        return Err(with_remarks(error, &warnings));
    }
    let (key_version, scheme) = (signer.key_version(), signer.scheme());
    Ok(Signed { bundle, key_id: public.id(), key_kind: public.kind(), key_version, scheme, warnings })
}

/// Only an earlier signature of a policy may be replaced: anything else at that path is somebody's file.
fn check_output(path: &Path) -> Result<()> {
    check_directory(path)?;
    match std::fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_file() && is_policy_signature(path) => Ok(()),
        Ok(_) => Err(exists(path)),
    }
}

fn is_policy_signature(path: &Path) -> bool {
    let cap = Cap { bytes: PolicyStatement::MAX_BYTES, code: Code::OutputExists };
    let bundle = read_capped(path, &cap).and_then(|text| Bundle::parse(&text));
    bundle.is_ok_and(|bundle| bundle.claimed_predicate_type().as_deref() == Some(POLICY_TYPE))
}
