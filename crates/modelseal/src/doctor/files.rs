//! Policy, public keys and the bundle of a model.

use core::ops::ControlFlow;

use modelseal_core::{
    Code, Error, Event, Expected, KeyRef, Material, Observer, Policy, Result, Timestamp, TrustedKey, TrustedKeys,
};
use modelseal_vault::Env;

use super::check::Check;
use super::{DoctorRequest, finding};
use crate::{
    LoadedPolicy, PolicyRequest, VerifyOptions, inspect_bundle_file, load_policy, load_trusted_key,
    verify_model_artifact,
};

/// The keys that a bundle may be signed with.
#[derive(Default)]
pub(super) struct Trusting {
    keys: Vec<TrustedKey>,
    policy: Option<LoadedPolicy>,
}

impl Trusting {
    pub(super) fn add(&mut self, keys: &[TrustedKey]) {
        self.keys.extend_from_slice(keys);
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
    policy(request, env, trusting, checks)?;
    bundle(request, observer, trusting, checks)
}

fn policy(request: &DoctorRequest, env: &dyn Env, trusting: &mut Trusting, checks: &mut Vec<Check>) -> Result<()> {
    let Some(path) = &request.policy else { return Ok(()) };
    let mut asked = PolicyRequest::new(path.clone());
    asked.danger_allow_test_keys = request.danger_allow_test_keys;
    let hooks = request.server.as_ref().map(|server| server.hooks.clone()).unwrap_or_default();
    let (now, shown) = (Timestamp::now(), path.to_string_lossy());
    let loaded = match load_policy(&asked, now, &hooks, env) {
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
    trusting.policy = Some(loaded);
    Ok(())
}

fn bundle(
    request: &DoctorRequest,
    observer: &dyn Observer,
    trusting: &Trusting,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let Some(model) = request.model.as_ref().or(request.bundle.as_ref()) else { return Ok(()) };
    let path = request.bundle.as_ref().unwrap_or(model);
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
    verified(request, &trusted, trusting.policy.as_ref(), observer, checks)
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
    policy: Option<&LoadedPolicy>,
    observer: &dyn Observer,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let Some(model) = &request.model else {
        checks.push(Check::skipped("bundle-verified", "no model was named: give --model"));
        return Ok(());
    };
    let mut options = VerifyOptions::default();
    options.bundle.clone_from(&request.bundle);
    let any = Policy::any_trusted_key();
    if let Some(loaded) = policy {
        options.narrows.clone_from(&loaded.narrows);
    }
    let policy = policy.map_or(&any, |loaded| &loaded.policy);
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
