//! Everything that can be wrong between a job and its signature, checked in the order in which it happens.
//!
//! Nothing is changed and nothing is signed. A token that is obtained is revoked before the answer.

mod check;
mod claims;
mod files;
mod key;
mod login;
mod reach;
mod repo;
mod role;
mod token;

use std::path::PathBuf;

use modelseal_core::{Code, Error, KeyRef, Observer, Result};
use modelseal_vault::{Env, Settings};

pub use self::check::{Check, Status};
use self::files::Trusting;
use crate::IdentityOptions;

/// What is examined.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DoctorRequest {
    /// The server and the login, without the identity of the platform; `None`: they are not examined.
    pub server: Option<Settings>,
    /// Whose identity logs in.
    pub identity: IdentityOptions,
    /// The key: on the server, or the file of a public key.
    pub key: Option<KeyRef>,
    /// A policy file.
    pub policy: Option<PathBuf>,
    /// Public keys of which one must have signed the policy; empty: a signature is not asked for.
    pub policy_keys: Vec<KeyRef>,
    /// Refuse a policy with a smaller number.
    pub min_policy_serial: Option<u64>,
    /// A model with its bundle.
    pub model: Option<PathBuf>,
    /// Where the bundle is; `None`: the default place.
    pub bundle: Option<PathBuf>,
    /// A directory that is searched for stored secrets.
    pub repo: Option<PathBuf>,
    /// Trust published test keys.
    pub danger_allow_test_keys: bool,
}

/// All checks, in the order in which they were made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

/// Examines. What fails is in the report, and what could not be looked at because of it.
///
/// # Errors
/// `usage/interrupted` alone.
pub fn examine(request: &DoctorRequest, env: &dyn Env, observer: &dyn Observer) -> Result<Report> {
    let mut checks = Vec::new();
    let mut trusting = Trusting::default();
    let mut is_fork = false;
    if let Some(settings) = &request.server {
        is_fork = server(request, settings, env, &mut checks, &mut trusting)?;
    }
    if is_fork {
        // Whoever opened the pull request reads this.
        let why = "not examined for a pull request from a fork";
        for (asked, id) in [(request.policy.is_some(), "policy"), (request.model.is_some(), "bundle")] {
            checks.extend(asked.then(|| Check::skipped(id, why)));
        }
    } else {
        files::examine(request, env, observer, &mut trusting, &mut checks)?;
    }
    if let Some(directory) = &request.repo {
        repo::examine(directory, observer, &mut checks)?;
    }
    Ok(Report { checks })
}

/// Everything that the server takes part in; whether the job is one that is told nothing.
fn server(
    request: &DoctorRequest,
    settings: &Settings,
    env: &dyn Env,
    checks: &mut Vec<Check>,
    trusting: &mut Trusting,
) -> Result<bool> {
    let reached = reach::examine(settings, env, checks)?;
    let login = login::prepare(settings, &request.identity, env, checks)?;
    let Some(login) = login else {
        let is_fork = checks.iter().any(|check| check.code == Some(Code::IdentityFork));
        if !is_fork {
            skip_session(request, checks, "nothing is at hand that could log in");
        }
        return Ok(is_fork);
    };
    if !reached {
        skip_session(request, checks, "the server was not reached");
        return Ok(false);
    }
    let Some(session) = login.log_in(env, checks)? else {
        checks.push(Check::skipped("token", "the login failed"));
        skip_key(request, checks, "the login failed");
        return Ok(false);
    };
    let examined = token::examine(&session, checks)
        .and_then(|()| login.examine_role(Some(&session), env, checks))
        .and_then(|()| match &request.key {
            Some(KeyRef::Vault(reference)) => {
                trusting.rely_on(login.trust_files());
                key::examine(&session, reference, checks, trusting)
            }
            _ => {
                skip_key(request, checks, "no key on the server was named: give --key hashivault://MOUNT/KEY");
                Ok(())
            }
        });
    let obtained = session.token().obtained;
    let left = session.end();
    for line in &left {
        checks.push(Check::problem("revocation", line).why("whoever finds the token may use it until then"));
    }
    if obtained && left.is_empty() {
        let batch = session.token().kind == "batch";
        let what = if batch { "the token is a batch token, and ends by itself" } else { "the token is revoked" };
        checks.push(Check::ok("revocation", what));
    }
    examined.map(|()| false)
}

fn skip_session(request: &DoctorRequest, checks: &mut Vec<Check>, why: &str) {
    for id in ["login", "token", "role"] {
        checks.push(Check::skipped(id, why));
    }
    skip_key(request, checks, why);
}

fn skip_key(request: &DoctorRequest, checks: &mut Vec<Check>, why: &str) {
    if !matches!(request.key, Some(ref key) if key.path().is_some()) {
        checks.push(Check::skipped("permissions", why));
        checks.push(Check::skipped("key", why));
    }
}

/// A refusal as a finding; a stop ends everything.
fn finding(id: &'static str, error: &Error) -> Result<Check> {
    match error.code() {
        Code::UsageInterrupted => Err(error.clone()),
        _ => Ok(Check::refused(id, error)),
    }
}
