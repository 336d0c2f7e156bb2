//! A server that is configured, and a session on it.

use std::sync::{Mutex, PoisonError};

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{Env, SecretString};
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::connection::{Call, Connection, Health};
use crate::environment::Resolved;
use crate::refusal::Refusal;
use crate::token::{Token, TokenSummary};
use crate::{AuthMethod, Settings};

/// A server and what to log in with. Nothing was sent yet.
#[derive(Debug)]
pub struct Vault {
    pub(crate) connection: Connection,
}

impl Vault {
    /// Settings, then the environment, then defaults. Reads certificate files; sends nothing.
    ///
    /// # Errors
    /// `usage/environment`, `usage/arguments`, `vault/address`, `vault/plain-http`, `vault/no-credentials`, `input/*`.
    pub fn configure(settings: &Settings, env: &dyn Env) -> Result<Self> {
        Ok(Self { connection: Connection::new(Resolved::new(settings, env)?)? })
    }

    /// What was decided and which source won, one line each: for `-v`.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.connection.resolved.notices
    }

    /// The login method, and why it.
    #[must_use]
    pub fn method(&self) -> (AuthMethod, &str) {
        (AuthMethod::Token, "")
    }

    /// Asks `sys/health`, without a token.
    ///
    /// # Errors
    /// `vault/*`. A sealed server or a standby is no error: the answer says so.
    pub fn health(&self) -> Result<Health> {
        self.connection.health()
    }

    /// Obtains a token, as late as possible before its use.
    ///
    /// # Errors
    /// `vault/*`, `identity/*`.
    pub fn log_in(&self) -> Result<Session<'_>> {
        Err(Error::new(Code::VaultUnavailable, "to be built"))
    }
}

/// A token in use. Ending or dropping the session revokes it, unless the caller gave it or it is a batch token.
pub struct Session<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) token: Mutex<Option<Token>>,
}

impl core::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Session")
    }
}

impl Session<'_> {
    /// What is known of the token.
    #[must_use]
    pub fn token(&self) -> TokenSummary {
        unimplemented!("the auth helper builds this")
    }

    /// What the user should know already: a long life, an ignored variable.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Which of `paths` (with mount, without namespace) the token may use, and how.
    ///
    /// # Errors
    /// `vault/*`.
    pub fn capabilities(&self, paths: &[String]) -> Result<Vec<(String, Vec<String>)>> {
        let _ = paths;
        Err(Error::new(Code::VaultUnavailable, "to be built"))
    }

    /// Revokes the token; one attempt of at most 3 s, which the caller cannot stop. Returns what the user should know:
    /// a token that could not be revoked, and how long it lives. Calling it again does nothing.
    pub fn end(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes a call with the session's token, and counts it.
    pub(crate) fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Answer<T>, Refusal> {
        let secret = self.token_secret();
        self.vault.connection.ask(call.with_token(secret.as_ref()))
    }

    /// The token, to send it. `None`: an agent adds its own, or the session has ended.
    pub(crate) fn token_secret(&self) -> Option<SecretString> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().and_then(|token| token.secret.clone())
    }

    /// The namespace of mounts, or the one of a reference.
    pub(crate) fn namespace<'s>(&'s self, reference: Option<&'s VaultPath>) -> Option<&'s VaultPath> {
        reference.or(self.vault.connection.resolved.namespace.as_ref())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
