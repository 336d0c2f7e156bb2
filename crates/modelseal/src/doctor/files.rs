//! Policy, public keys and the bundle of a model.

use core::iter;
use core::ops::ControlFlow;
use std::path::{Path, PathBuf};

use modelseal_core::{
    Code, Error, Event, Expected, KeyRef, Material, Observer, Policy, Result, Timestamp, TrustedKey, TrustedKeys,
};
use modelseal_vault::Env;

use super::check::Check;
use super::{DoctorRequest, finding};
use crate::{
    LoadedPolicy, PolicyRequest, VerifyOptions, check_files_outside, inspect_bundle_file, load_policy,
    load_trusted_key, use_identity, verify_model_artifact,
};

/// The keys that a bundle may be signed with.
#[derive(Default)]
pub(super) struct Trusting {
    keys: Vec<TrustedKey>,
    policy: Option<LoadedPolicy>,
    /// Files that decide which key is trusted: refused inside the model.
    files: Vec<PathBuf>,
}

impl Trusting {
    pub(super) fn add(&mut self, keys: &[TrustedKey]) {
        self.keys.extend_from_slice(keys);
    }

    pub(super) fn rely_on(&mut self, files: Vec<PathBuf>) {
        self.files.extend(files);
    }
}

/// Examines what needs no server, in this order: key file, policy, bundle.
pub(super) fn examine(
    request: &DoctorRequest,
    env: &dyn Env,
    observer: &dyn Observer,
    trusting: &mut Trusting,
    checks: &mut Vec<Check>,
) -> Result<()> {
    if let Some(file @ KeyRef::File { .. }) = &request.key {
        match load_trusted_key(file) {
            Ok(keys) => {
                checks.push(Check::ok("key", format!("{file} holds {}", super::repo::count(keys.len(), "public key"))));
                trusting.add(&keys);
            }
            Err(error) => checks.push(finding("key", &error)?),
        }
    }
    let named = request.key.iter().chain(&request.policy_keys).filter_map(KeyRef::path);
    trusting.files.extend(named.map(Path::to_owned).chain(request.policy.clone()));
    policy(request, env, trusting, checks)?;
    bundle(request, observer, trusting, checks)
}

fn policy(request: &DoctorRequest, env: &dyn Env, trusting: &mut Trusting, checks: &mut Vec<Check>) -> Result<()> {
    let Some(path) = &request.policy else { return Ok(()) };
    let hooks = request.server.as_ref().map(|server| server.hooks.clone()).unwrap_or_default();
    let (now, shown) = (Timestamp::now(), path.to_string_lossy());
    let loaded = asked(request, path, env).and_then(|asked| load_policy(&asked, now, &hooks, env));
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            checks.push(finding("policy", &error)?.at(&shown, None));
            return Ok(());
        }
    };
    let keys = loaded.policy.trusted_keys().map_or(0, |keys| keys.keys().len() + keys.anchors().len());
    let name = loaded.policy.name().unwrap_or_default().to_owned();
    let what = format!("{name} loads and trusts {}", super::repo::count(keys, "key"));
    checks.push(Check::ok("policy", what).at(&shown, None));
    for lint in loaded.policy.lints(now) {
        let what = format!("{}: {}", lint.name, lint.message);
        checks.push(Check::warning("policy-lint", what).fix(&lint.hint).at(&shown, Some(lint.line)));
    }
    for note in &loaded.notes {
        checks.push(Check::warning("policy-server", note).at(&shown, None));
    }
    trusting.policy = Some(loaded);
    Ok(())
}

/// Which policy is asked for, and who must have signed it.
fn asked(request: &DoctorRequest, path: &Path, env: &dyn Env) -> Result<PolicyRequest> {
    let mut asked = PolicyRequest::new(path);
    asked.policy_keys.clone_from(&request.policy_keys);
    asked.min_serial = request.min_policy_serial;
    asked.danger_allow_test_keys = request.danger_allow_test_keys;
    if asked.needs_server() {
        let Some(server) = &request.server else {
            let message = "a policy key is on a server, and the server is left out";
            return Err(Error::new(Code::UsageArguments, message).with_hint("give --all, or a file of the policy key"));
        };
        asked.server = server.clone();
        use_identity(&mut asked.server, &request.identity, env)?;
    }
    Ok(asked)
}

fn bundle(
    request: &DoctorRequest,
    observer: &dyn Observer,
    trusting: &Trusting,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let Some(model) = request.model.as_ref().or(request.bundle.as_ref()) else { return Ok(()) };
    let path = request.bundle.as_ref().unwrap_or(model);
    let inside = inside(request, trusting, checks)?;
    let shown = path.to_string_lossy();
    let inspection = match inspect_bundle_file(path) {
        Ok(inspection) => inspection,
        Err(error) => {
            let error = match error.code() {
                Code::InputNotFound => Error::new(Code::ArtifactUnsigned, error.message())
                    .with_hint("sign the model: `modelseal sign MODEL --key KEY`"),
                _ => error,
            };
            checks.push(finding("bundle", &error)?.at(&shown, None));
            skip(checks, "there is no bundle that can be read");
            return Ok(());
        }
    };
    if let Err(error) = &inspection.statement {
        checks.push(finding("bundle", error)?.at(&shown, None));
    } else {
        checks.push(Check::ok("bundle", "it can be read").at(&shown, None));
    }
    let of_policy = trusting.policy.as_ref().and_then(|loaded| loaded.policy.trusted_keys().cloned());
    let trusted = match (of_policy, trusting.keys.is_empty()) {
        (Some(trusted), _) => trusted,
        (None, false) => match trust(&trusting.keys, request.danger_allow_test_keys) {
            Ok(trusted) => trusted,
            Err(error) => {
                checks.push(finding("bundle-key", &error)?);
                return Ok(());
            }
        },
        (None, true) => {
            skip(checks, "neither a key nor a policy that could judge it is at hand: give --key or --policy");
            return Ok(());
        }
    };
    let known = inspection.key_id.map(|id| trusted.keys().iter().any(|key| key.key().id() == id));
    checks.push(match (known, &inspection.material) {
        (Some(true), _) => Check::ok("bundle-key", "it names a key that is trusted"),
        (Some(false), Material::Key { .. }) => Check::problem("bundle-key", "it names a key that is not trusted")
            .why("another key signed it, or an older version that is no longer accepted")
            .fix("export the key that signed it (`modelseal keys export`), or sign again"),
        _ => Check::skipped("bundle-key", "which key it names cannot be told before it is verified"),
    });
    if inside {
        checks.push(Check::skipped("bundle-verified", "what decides lies inside the model"));
        return Ok(());
    }
    verified(request, &trusted, trusting, observer, checks)
}

/// Whether the model holds a file that would decide about it.
fn inside(request: &DoctorRequest, trusting: &Trusting, checks: &mut Vec<Check>) -> Result<bool> {
    let Some(model) = &request.model else { return Ok(false) };
    let of_policy = trusting.policy.iter().flat_map(|loaded| &loaded.sources);
    for file in trusting.files.iter().chain(of_policy) {
        match check_files_outside(model, iter::once(file.as_path())) {
            Err(error) if error.code() == Code::UsageTrustInsideModel => {
                let why = "whoever can write the model could exchange it, and the model would judge itself";
                checks.push(finding("trust-inside-model", &error)?.why(why));
                return Ok(true);
            }
            // What cannot be read is said where it is read.
            _ => {}
        }
    }
    Ok(false)
}

fn trust(keys: &[TrustedKey], danger_allow_test_keys: bool) -> Result<TrustedKeys> {
    let pin = modelseal_core::LeafPin::default();
    if danger_allow_test_keys {
        TrustedKeys::danger_allow_test_keys(keys.to_vec(), Vec::new(), pin)
    } else {
        TrustedKeys::new(keys.to_vec(), Vec::new(), pin)
    }
}

fn verified(
    request: &DoctorRequest,
    trusted: &TrustedKeys,
    trusting: &Trusting,
    observer: &dyn Observer,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let Some(model) = &request.model else {
        checks.push(Check::skipped("bundle-verified", "no model was named: give --model"));
        return Ok(());
    };
    let mut options = VerifyOptions::default();
    options.bundle.clone_from(&request.bundle);
    options.trust_files.clone_from(&trusting.files);
    let any = Policy::any_trusted_key();
    if let Some(loaded) = &trusting.policy {
        loaded.prepare(&mut options);
    }
    let policy = trusting.policy.as_ref().map_or(&any, |loaded| &loaded.policy);
    // Which model it shall be is asked by whoever loads it.
    let expected = Expected::danger_any_model();
    match verify_model_artifact(model, trusted, policy, &expected, &options, &Passing(observer)) {
        Ok(_) => checks.push(Check::ok("bundle-verified", "signature, files and policy hold; any name was accepted")),
        Err(error) => {
            let details: Vec<String> =
                error.findings().iter().take(20).map(|one| format!("{} {}", one.code(), one.name())).collect();
            checks.push(finding("bundle-verified", &error)?.details(details));
        }
    }
    Ok(())
}

fn skip(checks: &mut Vec<Check>, why: &str) {
    for id in ["bundle-key", "bundle-verified"] {
        checks.push(Check::skipped(id, why));
    }
}

/// Passes events on.
struct Passing<'a>(&'a dyn Observer);

impl Observer for Passing<'_> {
    fn event(&self, event: Event) -> ControlFlow<()> {
        self.0.event(event)
    }
}
