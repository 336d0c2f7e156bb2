//! The signature that a policy must have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, KeyId, Policy, PolicyStatement, Result, Timestamp};
use modelseal_http::Env;
use modelseal_vault::Vault;

use super::{PolicyRequest, policy_signature_path};
use crate::io::{Cap, read_capped};
use crate::trust::TrustRequest;
use crate::with_remarks;

/// A signature of a policy that verified with one of the policy keys.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) statement: PolicyStatement,
    /// The files that it rests on.
    pub(super) sources: Vec<PathBuf>,
    /// What the user should know of a server that was asked for a key.
    pub(super) notes: Vec<String>,
    /// Every policy key, not only the one that signed.
    keys: BTreeSet<KeyId>,
}

impl Signature {
    /// Reads the policy keys and, with nothing but them, the signature.
    ///
    /// # Errors
    /// `policy/signature`, `key/*`, `input/*`, `vault/*`, `identity/*`.
    pub(super) fn read(request: &PolicyRequest, now: Timestamp, env: &dyn Env) -> Result<Self> {
        let mut trust = TrustRequest::default();
        trust.keys.clone_from(&request.policy_keys);
        trust.danger_allow_test_keys = request.danger_allow_test_keys;
        let files = trust.read_files()?;
        let path = policy_signature_path(&request.path);
        let cap = Cap { bytes: PolicyStatement::MAX_BYTES, code: Code::PolicySignature };
        let text = read_capped(&path, &cap).map_err(|error| match error.code() {
            Code::InputNotFound => {
                let message = format!("there is no signature of the policy at `{}`", path.display());
                Error::new(Code::PolicySignature, message)
            }
            _ => error,
        })?;
        let vault = request.needs_server().then(|| Vault::configure(&request.server, env)).transpose()?;
        let mut sources: Vec<PathBuf> = files.sources().map(Path::to_owned).chain([path]).collect();
        sources.extend(vault.as_ref().map(Vault::trust_files).unwrap_or_default());
        let trusted = files.load(vault.as_ref())?;
        let notes = [trusted.notes.clone(), trusted.end()].concat();
        let (statement, _) =
            PolicyStatement::verify(&text, &trusted.keys, now).map_err(|error| with_remarks(error, &notes))?;
        let keys = trusted.keys.keys().iter().map(|key| key.key().id()).collect();
        Ok(Self { statement, sources, notes, keys })
    }

    /// Whether the signature and the parsed policy say the same, and whoever signs the policy signs no models under it.
    ///
    /// # Errors
    /// `policy/signature`.
    pub(super) fn check(&self, policy: &Policy) -> Result<()> {
        refuse_own_keys(policy, &self.keys)?;
        let refused = |message: String| Err(Error::new(Code::PolicySignature, message));
        let (serial, valid_until) = demanded(policy)?;
        if serial != self.statement.serial() {
            let signed = self.statement.serial();
            return refused(format!("the policy has the serial {serial}, and its signature is for {signed}"));
        }
        if valid_until != self.statement.valid_until() {
            let signed = self.statement.valid_until();
            return refused(format!("the policy is valid until {valid_until}, and its signature says {signed}"));
        }
        Ok(())
    }
}

/// What a signed policy must say of itself.
///
/// # Errors
/// `policy/signature`.
pub(super) fn demanded(policy: &Policy) -> Result<(u64, Timestamp)> {
    match (policy.serial(), policy.valid_until()) {
        (Some(serial), Some(valid_until)) => Ok((serial, valid_until)),
        (serial, _) => {
            let what = if serial.is_none() { "serial" } else { "valid_until" };
            Err(Error::new(Code::PolicySignature, format!("a signed policy needs `{what}`, and this one has none"))
                .with_hint("write a serial, which only grows, and valid_until at the top of the policy"))
        }
    }
}

/// Refuses a policy that lists one of the keys that sign policies: whoever may sign a model could then sign a policy.
///
/// # Errors
/// `policy/signature`.
pub(super) fn refuse_own_keys(policy: &Policy, keys: &BTreeSet<KeyId>) -> Result<()> {
    let trusted = policy.trusted_keys().into_iter();
    let of_anchors =
        trusted.clone().flat_map(|trusted| trusted.anchors()).filter_map(|anchor| anchor.public_key().ok());
    let listed = trusted.flat_map(|trusted| trusted.keys()).map(|key| key.key().id());
    match listed.chain(of_anchors.map(|key| key.id())).find(|id| keys.contains(id)) {
        None => Ok(()),
        Some(id) => {
            let message = format!("the policy lists the key {id}, which is a policy key: it may not sign models, too");
            Err(Error::new(Code::PolicySignature, message)
                .with_hint("sign policies with a key of their own: whoever signs models could else sign a policy"))
        }
    }
}
