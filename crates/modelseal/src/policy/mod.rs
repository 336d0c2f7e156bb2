//! Policies on disk: loaded, with the second opinions that they ask for.

mod draft;
mod examine;
mod files;
mod log;
mod sign;
mod signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelseal_core::{Code, Error, KeyRef, Narrow, Policy, PolicyCases, Result, Timestamp};
use modelseal_http::{Env, Hooks};
use modelseal_vault::Settings;

pub use draft::{POLICY_TEMPLATE, PolicyDraft, draft_policy};
pub use examine::{Examination, examine_model};
pub use log::DecisionLog;
pub use sign::{PolicySignOptions, SignedPolicy, policy_signature_path, sign_policy};

use self::files::PolicyDirectory;
use self::signed::Signature;
use crate::io::{Cap, read_capped};
use crate::keys::naming;
use crate::verify::VerifyOptions;
use crate::{OpaNarrow, RegoNarrow};

/// Which policy, and who must have signed it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyRequest {
    /// The file.
    pub path: PathBuf,
    /// Public keys of which one must have signed the policy; empty: a signature is not asked for.
    pub policy_keys: Vec<KeyRef>,
    /// Refuse a policy with a smaller number.
    pub min_serial: Option<u64>,
    /// Accept published test keys.
    pub danger_allow_test_keys: bool,
    /// The server of policy keys that are on one.
    pub server: Settings,
}

impl PolicyRequest {
    /// The policy in this file, signed by nobody in particular.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            policy_keys: Vec::new(),
            min_serial: None,
            danger_allow_test_keys: false,
            server: Settings::default(),
        }
    }

    /// Whether a server must be asked for a policy key.
    #[must_use]
    pub fn needs_server(&self) -> bool {
        self.policy_keys.iter().any(|key| matches!(key, KeyRef::Vault(_)))
    }
}

/// A policy that can be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Policy,
    /// The stages that it asks for.
    pub narrows: Vec<Arc<dyn Narrow>>,
    /// Every file that decided: refused inside a model.
    pub sources: Vec<PathBuf>,
    /// What the user should know of a server that was asked for a policy key.
    pub notes: Vec<String>,
}

impl LoadedPolicy {
    /// Adds to the terms of a verification what comes with the policy: its stages, and the files that no model may hold.
    pub fn prepare(&self, options: &mut VerifyOptions) {
        options.narrows.extend(self.narrows.iter().cloned());
        options.trust_files.extend(self.sources.iter().cloned());
    }
}

/// Reads a policy and everything that it refers to. Its signature, if one is asked for, is verified before anything is
/// believed, and everything is parsed from the verified bytes.
///
/// # Errors
/// `policy/*`, `key/*`, `input/*`; with policy keys on a server `vault/*` and `identity/*`.
pub fn load_policy(request: &PolicyRequest, now: Timestamp, hooks: &Hooks, env: &dyn Env) -> Result<LoadedPolicy> {
    let mut directory = PolicyDirectory::new(&request.path, request.danger_allow_test_keys)?;
    let name = directory.policy_name().to_owned();
    let text = directory.policy()?;
    let mut signature = None;
    if !request.policy_keys.is_empty() {
        let read = Signature::read(request, now, env)?;
        read.statement.check(&name, &text)?;
        directory.only(read.statement.clone());
        signature = Some(read);
    }
    let policy = Policy::parse(&text, &name, &mut directory).map_err(|error| naming(&request.path, &error))?;
    if let Some(signature) = &signature {
        signature.check(&policy)?;
    }
    check_age(&policy, request, now)?;
    let narrows = narrows(&policy, hooks, env).map_err(|error| naming(&request.path, &error))?;
    let mut sources = vec![request.path.clone()];
    sources.extend(signature.iter().flat_map(|signature| signature.sources.clone()));
    sources.extend(policy.sources().map(Path::to_owned));
    let notes = signature.map(|signature| signature.notes).unwrap_or_default();
    Ok(LoadedPolicy { policy, narrows, sources, notes })
}

/// Reads a file of cases that a policy is tried with.
///
/// # Errors
/// `policy/syntax`, `policy/unknown-field`, `input/*`.
pub fn load_policy_cases(path: &Path) -> Result<PolicyCases> {
    let text = read_capped(path, &Cap { bytes: Policy::MAX_BYTES, code: Code::PolicySyntax })?;
    PolicyCases::parse(&text).map_err(|error| naming(path, &error))
}

fn check_age(policy: &Policy, request: &PolicyRequest, now: Timestamp) -> Result<()> {
    let shown = request.path.display();
    if let Some(until) = policy.valid_until().filter(|until| *until <= now) {
        return Err(Error::new(
            Code::PolicyExpired,
            format!("`{shown}` was valid until {until}, and now it is {now:.0}"),
        ));
    }
    match (request.min_serial, policy.serial()) {
        (Some(least), Some(serial)) if serial < least => Err(Error::new(
            Code::PolicySerial,
            format!("`{shown}` has the serial {serial}, expected is at least {least}"),
        )),
        (Some(least), None) => {
            Err(Error::new(Code::PolicySerial, format!("`{shown}` has no serial, expected is at least {least}")))
        }
        _ => Ok(()),
    }
}

fn narrows(policy: &Policy, hooks: &Hooks, env: &dyn Env) -> Result<Vec<Arc<dyn Narrow>>> {
    let mut narrows: Vec<Arc<dyn Narrow>> = Vec::new();
    if let Some(stage) = policy.rego() {
        narrows.push(Arc::new(RegoNarrow::new(stage)?));
    }
    if let Some(stage) = policy.opa() {
        narrows.push(Arc::new(OpaNarrow::new(stage, hooks, env)?));
    }
    Ok(narrows)
}
