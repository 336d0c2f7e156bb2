//! What logs in, the login, and the role that it meets.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_vault::{AuthMethod, Env, RoleFacts, SecretString, Session, Settings, Vault};
use serde_json::{Map, Value};

use super::check::{Check, quoted};
use super::{claims, finding, role};
use crate::{IdentityOptions, use_identity};

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 30;
/// What a token lives at least to be worth a login, in seconds.
const MARGIN: i64 = 10;

/// A login that can be tried.
pub(super) struct Login {
    vault: Vault,
    /// The word of the platform, when its identity logs in.
    platform: String,
    claims: Option<Map<String, Value>>,
    role: Option<(VaultPath, String)>,
}

/// What would log in; `None` when there is nothing, or nothing that can be used.
pub(super) fn prepare(
    settings: &Settings,
    identity: &IdentityOptions,
    env: &dyn Env,
    checks: &mut Vec<Check>,
) -> Result<Option<Login>> {
    let mut settings = settings.clone();
    let notices = match use_identity(&mut settings, identity, env) {
        Ok(notices) => notices,
        Err(error) if error.code() == Code::IdentityFork => {
            let why = "whoever opens a pull request could sign otherwise";
            checks.push(finding("identity-source", &error)?.why(why).fix("sign after the merge"));
            return Ok(None);
        }
        Err(error) => {
            let mut check = finding("identity-source", &error)?;
            if error.code() == Code::IdentityMissing {
                check = check.why("without it nothing proves which job this is");
            }
            checks.push(check);
            return Ok(None);
        }
    };
    let vault = match Vault::configure(&settings, env) {
        Ok(vault) => vault,
        Err(error) => {
            // What is wrong with the server itself is known already.
            let of_server = checks.iter().any(|check| check.code == Some(error.code()));
            checks.push(match of_server {
                true => Check::skipped("credentials", "an earlier step failed in the same way"),
                false => finding("credentials", &error)?.why("nobody can log in").details(&notices),
            });
            return Ok(None);
        }
    };
    let (method, reason) = vault.method();
    let platform = notices.iter().rev().find_map(|line| line.strip_prefix("identity: ")?.split_once(", "));
    let platform = platform.map(|(word, _)| word).filter(|word| !word.starts_with("not ")).unwrap_or_default();
    let platform = platform.to_owned();
    checks.push(Check::ok("credentials", format!("login by {method}, {reason}")).details(&notices));
    let named = vault.identity_login();
    let mut login = Login { vault, platform, claims: None, role: None };
    if let Some(named) = named {
        login.role = Some((named.mount, named.role));
        match login.vault.identity_claims() {
            Ok(found) => {
                let found = found.unwrap_or_default();
                examine_token(&found, named.audience.as_deref(), checks);
                login.claims = Some(found);
            }
            Err(error) => {
                checks.push(finding("identity-token", &error)?);
                return Ok(None);
            }
        }
    } else {
        checks.push(Check::skipped("identity-token", format!("the login method {method} needs none")));
        // A role that is named can be looked at all the same.
        let credentials = &settings.credentials;
        let mount = credentials.auth_path.clone().map_or_else(|| "jwt".parse(), Ok);
        let given = matches!(method, AuthMethod::Token | AuthMethod::Agent);
        login.role = credentials.role.clone().filter(|_| given).and_then(|role| Some((mount.ok()?, role)));
    }
    Ok(Some(login))
}

/// Audience and times, before anything is sent.
fn examine_token(claims: &Map<String, Value>, audience: Option<&str>, checks: &mut Vec<Check>) {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let issuer = claims.get("iss").and_then(Value::as_str).map_or("nobody".to_owned(), quoted);
    let shown: Vec<String> = audiences.iter().map(|one| quoted(one)).collect();
    let shown = if shown.is_empty() { "nobody".to_owned() } else { shown.join(", ") };
    let what = format!("issued by {issuer} for {shown}");
    checks.push(match audience {
        Some(wanted) if !audiences.contains(&wanted) => {
            let mut check = Check::problem(
                "identity-audience",
                format!("the token is for {shown}, not for {}", quoted(wanted)),
            )
            .why("the role takes tokens for its own audience only, and others are not sent")
            .fix(format!(
                "ask for the token with the audience {} (`id_tokens: … aud:` in GitLab), or give --audience as it is",
                quoted(wanted)
            ));
            check.code = Some(Code::IdentityAudience);
            check
        }
        _ => Check::ok("identity-token", what),
    });
    checks.push(times(claims, now()));
}

/// The token's own times, by this machine's clock.
fn times(claims: &Map<String, Value>, now: i64) -> Check {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|time| time as i64);
    let clock = jiff::Timestamp::from_second(now).map(|now| now.to_string()).unwrap_or_default();
    let skew = "this machine's clock is wrong, or the issuer's; set the clock (NTP)";
    let wrong = |what: String, fix: &str| {
        let mut check = Check::problem("identity-time", format!("{what}; this machine's clock says {clock}"));
        check.code = Some(Code::IdentityExpired);
        check.why("servers take a token between its `nbf` and its `exp` only").fix(fix)
    };
    let until = |time: i64| time.saturating_sub(now);
    match (time("iat"), time("nbf"), time("exp")) {
        (_, _, None) => Check::warning("identity-time", "the token has no end")
            .why("it is good for ever")
            .fix("set `exp` at the issuer"),
        (.., Some(exp)) if until(exp) <= 0 => wrong(
            format!("the token expired {} s ago", until(exp).unsigned_abs()),
            "ask for the token right before the login; where it cannot be renewed give the job a longer one",
        ),
        (_, Some(nbf), _) if until(nbf) > LEEWAY => {
            wrong(format!("the token is not valid for another {} s", until(nbf)), skew)
        }
        (Some(iat), ..) if until(iat) > LEEWAY => {
            wrong(format!("the token was issued {} s in the future", until(iat)), skew)
        }
        (.., Some(exp)) if until(exp) <= MARGIN => {
            Check::warning("identity-time", format!("the token ends in {} s", until(exp)))
                .why("a login takes a moment")
                .fix("ask for the token right before the login")
        }
        (.., Some(exp)) => Check::ok("identity-time", format!("valid for another {} s", until(exp))),
    }
}

impl Login {
    /// The files that say which server is believed.
    pub(super) fn trust_files(&self) -> Vec<PathBuf> {
        self.vault.trust_files()
    }

    /// Logs in; a refusal is explained as far as the role may be read.
    pub(super) fn log_in(&self, env: &dyn Env, checks: &mut Vec<Check>) -> Result<Option<Session<'_>>> {
        match self.vault.log_in() {
            Ok(session) => {
                let role =
                    self.role.as_ref().map_or_else(String::new, |(mount, role)| format!(" at {mount} as {role}"));
                checks.push(Check::ok("login", format!("the server takes it{role}")));
                Ok(Some(session))
            }
            Err(error) => {
                let id = match error.code() {
                    Code::VaultTokenInvalid | Code::VaultTokenTtl | Code::VaultTokenUnlimited => "token-refused",
                    Code::IdentityAudience | Code::IdentityExpired | Code::IdentityMalformed => "identity-refused",
                    _ => "login",
                };
                checks.push(finding(id, &error)?);
                self.examine_role(None, env, checks)?;
                Ok(None)
            }
        }
    }

    /// Reads the role, with the session's own token or with one of the environment, and judges it.
    pub(super) fn examine_role(
        &self,
        session: Option<&Session<'_>>,
        env: &dyn Env,
        checks: &mut Vec<Check>,
    ) -> Result<()> {
        let Some((mount, name)) = &self.role else {
            checks.push(Check::skipped("role", "no role takes part in this login"));
            return Ok(());
        };
        let path = format!("auth/{mount}/role/{name}");
        let mut read = session.filter(|session| has_uses(session)).map(|session| session.read_role(mount, name));
        let denied = |error: &Error| matches!(error.code(), Code::VaultPermission | Code::VaultTokenInvalid);
        if read.as_ref().is_none_or(|read| read.as_ref().is_err_and(denied))
            && let Some(token) = operators_token(env)
        {
            read = Some(self.vault.read_role(&token, mount, name));
        }
        let facts = match read {
            Some(Ok(Some(facts))) => facts,
            Some(Ok(None)) => {
                checks.push(Check::skipped("role", format!("{path} cannot be read: its name or its form is unusual")));
                return Ok(());
            }
            Some(Err(error)) if error.code() == Code::VaultRefused && error.message().contains("status 404") => {
                let fix = format!("check --role and --auth-path; `vault list auth/{mount}/role` shows what there is");
                checks.push(Check::problem("role", format!("{path} does not exist")).fix(fix));
                return Ok(());
            }
            Some(Err(error)) if !denied(&error) => {
                checks.push(finding("role", &error)?);
                return Ok(());
            }
            _ => {
                let why = "this login may not read its role, which is as it should be";
                let fix = "set VAULT_TOKEN to that of an operator who may, and run doctor again with the same flags";
                checks.push(Check::skipped("role", format!("{path} was not looked at")).why(why).fix(fix));
                return Ok(());
            }
        };
        self.judge(path, &facts, checks);
        Ok(())
    }

    fn judge(&self, path: String, facts: &RoleFacts, checks: &mut Vec<Check>) {
        let kubernetes = self.vault.method().0 == AuthMethod::Kubernetes;
        if let Some(claims) = self.claims.as_ref().filter(|_| !kubernetes) {
            checks.push(compared(&path, facts, claims));
        }
        let platform = match (self.platform.as_str(), &self.claims) {
            ("" | "file" | "env" | "command", Some(claims)) if claims.contains_key("repository_owner_id") => "github",
            (word, _) => word,
        };
        let role = role::Role { path: path.clone(), facts, platform };
        let found = if kubernetes { role::judge_kubernetes(&role) } else { role::judge(&role) };
        if found.is_empty() {
            checks.push(Check::ok("role", format!("{path} binds what it should, and its tokens are short")));
        }
        checks.extend(found);
    }
}

/// The role's conditions beside the token's claims.
fn compared(path: &str, facts: &RoleFacts, claims: &Map<String, Value>) -> Check {
    let all = claims::compare(facts, claims);
    let first = all.iter().position(|one| !one.fits);
    let lines: Vec<String> = all.iter().enumerate().map(|(at, one)| one.line(first == Some(at))).collect();
    let Some(first) = first.and_then(|at| all.get(at)) else {
        return Check::ok(
            "role-claims",
            format!("the token meets {} of {path}", super::repo::count(all.len(), "condition")),
        )
        .details(lines);
    };
    let what =
        format!("the token does not meet {path}: {} is {}, expected is {}", first.name, first.actual, first.expected);
    let fix = match first.field {
        "bound_audiences" => format!("ask for the token with --audience {}, or change bound_audiences", first.expected),
        field => format!("run the job that the role is for, or change {field} of {path}"),
    };
    Check::problem("role-claims", what).why("the server refuses the login of any other job").fix(fix).details(lines)
}

/// Whether a token can be asked once more, and still be revoked.
pub(super) fn has_uses(session: &Session<'_>) -> bool {
    session.uses_left().is_none_or(|left| left > 1)
}

/// The token of whoever runs this, which may see more than the job's.
fn operators_token(env: &dyn Env) -> Option<SecretString> {
    let usual = ["BAO_TOKEN", "VAULT_TOKEN"].into_iter();
    let mut set = usual.filter_map(|name| env.var(name)?.into_string().ok());
    set.find(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())).map(SecretString::from)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Status;

    #[test]
    fn times_say_by_how_much() {
        let at = |claims: Value| times(claims.as_object().unwrap(), 1_000_000);
        for (claims, status, part) in [
            (json!({"iat": 1_000_000, "nbf": 1_000_000, "exp": 1_000_300}), Status::Ok, "300 s"),
            (json!({"exp": 999_959}), Status::Problem, "expired 41 s ago"),
            (json!({"nbf": 1_000_041, "exp": 1_000_300}), Status::Problem, "another 41 s"),
            (json!({"iat": 1_000_041, "exp": 1_000_300}), Status::Problem, "41 s in the future"),
            (json!({"iat": 1_000_020, "nbf": 1_000_020, "exp": 1_000_300}), Status::Ok, "300 s"),
            (json!({"exp": 1_000_005}), Status::Warning, "5 s"),
            (json!({}), Status::Warning, "no end"),
            (json!({"exp": 1e300}), Status::Ok, "valid"),
        ] {
            let check = at(claims.clone());
            assert_eq!(check.status, status, "{claims}: {}", check.what);
            assert!(check.what.contains(part), "{claims}: {}", check.what);
        }
    }
}
