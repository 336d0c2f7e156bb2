//! The AppRole method, with a secret id that is plain or wrapped.

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::Granted;
use super::desk::{Desk, LoginFailure, out_of_its_wrapping};
use super::source::Source;
use crate::connection::Repeat;
use crate::refusal::Refusal;

/// What a login needs.
#[derive(Debug)]
pub(super) struct AppRole {
    pub(super) mount: VaultPath,
    pub(super) role_id: String,
    pub(super) secret: Secret,
}

/// The secret id.
#[derive(Debug)]
pub(super) enum Secret {
    Plain(Source),
    /// Its wrapping token, and where that must have been made.
    Wrapped(Source, Made),
}

/// What is lost when it is.
const WHAT: &str = "the secret id";

/// Where a wrapping token must have been made.
#[derive(Debug)]
pub(super) enum Made {
    /// At the usual path of this role. Servers spell role names as they like, so their case does not count.
    For(String),
    /// At exactly this path.
    At(String),
}

#[derive(Serialize)]
struct Body<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Deserialize)]
struct Unwrapped {
    secret_id: SecretString,
}

impl AppRole {
    /// Gets the secret id, and logs in with it once.
    ///
    /// # Errors
    /// `vault/wrapping-token`, also for a login that is refused after the unwrapping; `vault/wrapping-path`,
    /// `vault/login-refused`, `vault/credentials`, others of `vault/*`.
    pub(super) fn log_in(&self, desk: Desk<'_>) -> Result<Granted> {
        let secret_id = match &self.secret {
            Secret::Plain(source) => desk.read(source)?,
            Secret::Wrapped(source, made) => self.unwrapped(desk, source, made)?,
        };
        let body = Body { role_id: &self.role_id, secret_id: secret_id.expose_secret() };
        let wrapped = matches!(self.secret, Secret::Wrapped(..));
        // A secret id may work once only.
        desk.log_in(&self.mount, &body, Repeat::IfNotSent).map_err(|failure| match failure {
            LoginFailure::Other(error) => may_be_used_up(&error, wrapped),
            LoginFailure::Refused(refusal) if wrapped => self.stolen(refusal),
            refused @ LoginFailure::Refused(_) => {
                let message = format!("the login at `{}` was refused", self.mount);
                refused.named(&message, |refusal| self.hint(refusal.status))
            }
        })
    }

    /// Looks where the wrapping token was made before it is used, so that a secret that somebody read and wrapped again
    /// is found.
    fn unwrapped(&self, desk: Desk<'_>, source: &Source, made: &Made) -> Result<SecretString> {
        let wrapping = desk.read(source)?;
        let path = desk.creation_path(&wrapping)?;
        if !self.is_expected(made, &path) {
            let expected = match made {
                Made::For(role) => format!("auth/{}/role/{role}/secret-id", self.mount),
                Made::At(path) => path.clone(),
            };
            let path = desk.shown(&path);
            let message = format!("the wrapping token was made at `{path}`, not at `{expected}`; it was not unwrapped");
            return Err(Error::new(Code::VaultWrappingPath, message));
        }
        let answer = desk.unwrap::<Unwrapped>(&wrapping, WHAT)?;
        let missing =
            || out_of_its_wrapping(&Error::new(Code::VaultAnswer, "the wrapping token held no secret id"), WHAT);
        let secret_id = answer.data.ok_or_else(missing)?.secret_id;
        if secret_id.expose_secret().is_empty() {
            return Err(missing());
        }
        desk.connection.discretion.learn(&secret_id);
        Ok(secret_id)
    }

    fn is_expected(&self, made: &Made, path: &str) -> bool {
        match made {
            Made::At(expected) => path == expected,
            Made::For(role) => path
                .strip_prefix("auth/")
                .and_then(|rest| rest.strip_prefix(self.mount.as_str()))
                .and_then(|rest| rest.strip_prefix("/role/"))
                .and_then(|rest| rest.strip_suffix("/secret-id"))
                .is_some_and(|found| found.eq_ignore_ascii_case(role)),
        }
    }

    /// A secret id that nobody has seen before works. One that was unwrapped a moment ago and does not is another one,
    /// or was used by somebody: on OpenBao anybody with a namespace of his own can have a wrapping token made there at
    /// the very path that is expected here.
    fn stolen(&self, refusal: Refusal) -> Error {
        let mount = &self.mount;
        let message = format!("the login at `{mount}` with the secret id that was unwrapped a moment ago was refused");
        let hint = format!(
            "a secret id that only its issuer has seen works: somebody may have unwrapped, used and replaced this one; \
             have it destroyed and a new one issued, look for its accessor in the audit log, and tell security; unless \
             --role-id is not that of the role, auth/{mount} is in another namespace (--auth-namespace), the secret id \
             is bound to other addresses, or it expired before its wrapping did"
        );
        refusal.named(Code::VaultWrappingToken, &message).with_hint(hint)
    }

    fn hint(&self, status: Option<u16>) -> String {
        let mount = &self.mount;
        if status == Some(403) {
            return format!(
                "check that approle is mounted at auth/{mount} in this namespace: --auth-path, --auth-namespace"
            );
        }
        "the role id is wrong, or the secret id is wrong, expired, used up or bound to other addresses: have a new one \
         issued"
            .to_owned()
    }
}

/// After an answer that was lost nobody can say whether the secret id still works.
fn may_be_used_up(error: &Error, wrapped: bool) -> Error {
    let lost = matches!(
        error.code(),
        Code::VaultUnreachable
            | Code::VaultTimeout
            | Code::VaultUnavailable
            | Code::VaultAnswer
            | Code::UsageInterrupted
    );
    if !lost && !wrapped {
        return error.clone();
    }
    let hint = format!("the secret id may be used up: have a new one issued; {}", error.code().hint());
    Error::new(error.code(), error.message()).with_hint(hint)
}
