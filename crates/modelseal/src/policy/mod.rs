//! Policies on disk: loaded, with the second opinions that they ask for.

use std::path::PathBuf;
use std::sync::Arc;

use modelseal_core::{Code, Error, KeyRef, Narrow, Policy, Result, Timestamp};
use modelseal_http::{Env, Hooks};

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
}

impl PolicyRequest {
    /// The policy in this file, signed by nobody in particular.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), policy_keys: Vec::new(), min_serial: None, danger_allow_test_keys: false }
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
}

/// Reads a policy and everything that it refers to. Its signature, if one is asked for, is verified before anything is
/// believed, and everything is parsed from the verified bytes.
///
/// # Errors
/// `policy/*`, `key/*`, `input/*`.
pub fn load_policy(_request: &PolicyRequest, _now: Timestamp, _hooks: &Hooks, _env: &dyn Env) -> Result<LoadedPolicy> {
    Err(Error::new(Code::PolicyNotSupported, "policies are not loaded yet"))
}
