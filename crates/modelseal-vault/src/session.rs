//! A server that is configured, and a session on it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use modelseal_core::{Code, Error, Result, VaultPath, escape};
use modelseal_http::{Env, Sent};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::auth::{Granted, Login, Plan, Watch, lasting};
use crate::connection::{Call, Connection, Health, Repeat};
use crate::environment::Resolved;
use crate::refusal::Refusal;
use crate::token::{Token, TokenSummary};
use crate::{AuthMethod, Settings};

/// Longest time for a revocation: the job may have seconds left.
const REVOCATION: Duration = Duration::from_secs(3);

/// Most capabilities of one path; servers know nine.
const MOST_CAPABILITIES: usize = 32;

/// A server and what to log in with. Nothing was sent yet.
#[derive(Debug)]
pub struct Vault {
    pub(crate) connection: Connection,
    pub(crate) plan: Plan,
    watch: Watch,
}

impl Vault {
    /// Settings, then the environment, then defaults. Reads certificate files; sends nothing.
    ///
    /// # Errors
    /// `usage/environment`, `usage/arguments`, `vault/address`, `vault/plain-http`, `vault/no-credentials`,
    /// `vault/credentials`, `identity/missing`, `identity/malformed`, `input/*`.
    pub fn configure(settings: &Settings, env: &dyn Env) -> Result<Self> {
        let watch = Watch::new(settings.hooks.clone());
        let settings = Settings { hooks: watch.hooks(), ..settings.clone() };
        let resolved = Resolved::new(&settings, env)?;
        let plan = Plan::new(&settings, env, resolved.agent)?;
        Ok(Self { connection: Connection::new(resolved)?, plan, watch })
    }

    /// The role that settings or environment name, when the login is left to be found or is `jwt`, and nothing else is
    /// given to log in with: then the identity of the platform may do it. `BAO_TOKEN`, `VAULT_TOKEN` and an agent come
    /// after it, and do not count.
    ///
    /// # Errors
    /// `usage/environment`.
    pub fn role_without_credentials(settings: &Settings, env: &dyn Env) -> Result<Option<String>> {
        crate::auth::role_without_credentials(&settings.credentials, env)
    }

    /// For whom identity tokens for this server are, unless somebody says otherwise: scheme, host and port of its
    /// address. `None` for sockets and agents, which are not the server.
    ///
    /// # Errors
    /// As [`configure`](Self::configure).
    pub fn default_audience(settings: &Settings, env: &dyn Env) -> Result<Option<String>> {
        let resolved = Resolved::new(settings, env)?;
        Ok(resolved.client.address.origin().filter(|_| !resolved.agent))
    }

    /// What was decided and which source won, one line each: for `-v`.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.connection.resolved.notices
    }

    /// The login method, and why it: `because of --role and --identity-token-file`.
    #[must_use]
    pub fn method(&self) -> (AuthMethod, &str) {
        (self.plan.method, &self.plan.reason)
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
    /// The answer of a login is waited for, up to 3 s, even when the caller asks to stop: a token that nobody knows
    /// could not be revoked. A token that is refused here was revoked first, if it was obtained here.
    ///
    /// # Errors
    /// `vault/*`, `identity/*`, `usage/interrupted`.
    pub fn log_in(&self) -> Result<Session<'_>> {
        self.watch.check()?;
        let mut granted = self.plan.log_in(&self.connection, &self.watch)?;
        let usable = granted.refused.take().map_or(Ok(()), Err);
        let mut session = Session::new(self, granted);
        let judged = self.plan.limits.judge(&session.summary, self.plan.role.as_deref());
        match self.watch.check().and(usable).and(judged) {
            Ok(warnings) => {
                session.warnings.extend(warnings);
                Ok(session)
            }
            Err(error) => Err(session.refused(error)),
        }
    }
}

/// A token in use. Ending or dropping the session revokes it, unless the caller gave it or it is a batch token.
pub struct Session<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) token: Mutex<Option<Token>>,
    summary: TokenSummary,
    login: Login,
    warnings: Vec<String>,
    since: Instant,
    used: AtomicU64,
}

impl core::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Session")
    }
}

impl<'a> Session<'a> {
    fn new(vault: &'a Vault, Granted { token, warnings: said, request_id, identity, .. }: Granted) -> Self {
        let mut warnings = vault.plan.warnings.clone();
        warnings.extend(said.iter().map(|text| escape(text).into_owned()));
        let summary = token.summary.clone();
        let token = Mutex::new(Some(token));
        let mut login = vault.plan.record();
        (login.request_id, login.identity) = (request_id, identity);
        Self { vault, token, summary, login, warnings, since: Instant::now(), used: AtomicU64::new(0) }
    }

    /// What is known of the token, now. It stays known after the end.
    #[must_use]
    pub fn token(&self) -> TokenSummary {
        TokenSummary { ttl: self.life_left(), uses: self.uses_left(), ..self.summary.clone() }
    }

    /// How the token was come by. The identity token in it is wiped with the session.
    #[must_use]
    pub const fn login(&self) -> &Login {
        &self.login
    }

    /// What the user should know already: a long life, an ignored variable.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// For how many more requests the token is good, revocation included; `None`: for any number.
    #[must_use]
    pub fn uses_left(&self) -> Option<u64> {
        self.summary.uses.map(|uses| uses.saturating_sub(self.used.load(Ordering::Relaxed)))
    }

    /// Which of `paths` (with mount, without namespace) the token may use, and how.
    ///
    /// # Errors
    /// `vault/*`.
    pub fn capabilities(&self, paths: &[String]) -> Result<Vec<(String, Vec<String>)>> {
        #[derive(Serialize)]
        struct Body<'b> {
            paths: &'b [String],
        }
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let namespace = self.namespace(None);
        let call = Call::post("sys/capabilities-self", Repeat::Safe).within(namespace).with_body(&Body { paths })?;
        let answer = self.ask::<BTreeMap<String, Vec<String>>>(call)?;
        let mut known = answer.data.unwrap_or_default();
        let found = |path: &String| {
            let missing = || Error::new(Code::VaultAnswer, format!("the server says nothing about the path `{path}`"));
            let capabilities = known.remove(path).ok_or_else(missing)?;
            let brief = |capability: &String| self.vault.connection.discretion.brief(capability);
            Ok((path.clone(), capabilities.iter().take(MOST_CAPABILITIES).map(brief).collect()))
        };
        paths.iter().map(found).collect()
    }

    /// Revokes the token; one attempt of at most 3 s, which the caller cannot stop. Returns what the user should know:
    /// a token that could not be revoked, and how long it lives. Calling it again does nothing.
    pub fn end(&self) -> Vec<String> {
        let Some(token) = self.locked().take().filter(|token| token.summary.is_ours_to_revoke()) else {
            return Vec::new();
        };
        let namespace = self.vault.connection.resolved.auth_namespace.as_ref();
        let mut call = Call::post("auth/token/revoke-self", Repeat::Never).within(namespace);
        call = call.with_token(token.secret.as_ref());
        (call.timeout, call.stoppable) = (Some(REVOCATION), false);
        let used_up = self.uses_left() == Some(0);
        match self.vault.connection.tell(call) {
            Ok(()) => Vec::new(),
            // A token that is used up is gone, and so is its right to say so.
            Err(refusal) if used_up && matches!(refusal.status, Some(400 | 403)) => Vec::new(),
            Err(refusal) => vec![self.left_behind(&refusal)],
        }
    }

    /// Makes a call with the session's token, and counts it.
    pub(crate) fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Answer<T>, Refusal> {
        let refused = |message| {
            let error = Error::new(Code::VaultTokenInvalid, message);
            Refusal { status: None, words: Vec::new(), sent: Sent::No, lost: false, error }
        };
        let secret = match self.locked().as_ref() {
            Some(token) => token.secret.clone(),
            None => return Err(refused("the session has ended and its token is revoked")),
        };
        if self.uses_left() == Some(0) {
            return Err(refused("the token is used up: it was good for a limited number of requests"));
        }
        self.used.fetch_add(1, Ordering::Relaxed);
        self.vault.connection.ask(call.with_token(secret.as_ref()))
    }

    /// The namespace of mounts, or the one of a reference.
    pub(crate) fn namespace<'s>(&'s self, reference: Option<&'s VaultPath>) -> Option<&'s VaultPath> {
        reference.or(self.vault.connection.resolved.namespace.as_ref())
    }

    /// A thread that panicked with the lock left a whole token behind: it is still to be revoked.
    fn locked(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life_left(&self) -> Option<Duration> {
        self.summary.ttl.map(|ttl| ttl.saturating_sub(self.since.elapsed()))
    }

    /// Ends a session that must not be used any more, because of `error`.
    pub(crate) fn refused(&self, error: Error) -> Error {
        let left = self.end();
        if left.is_empty() {
            return error;
        }
        let message = format!("{}; {}", error.message(), left.join("; "));
        Error::new(error.code(), message).with_hint(error.hint())
    }

    fn left_behind(&self, refusal: &Refusal) -> String {
        let life = self.life_left().map_or_else(
            || "it never expires".to_owned(),
            |left| format!("it lives {} more", lasting(Duration::from_secs(left.as_secs()))),
        );
        let remedy = self.summary.accessor.as_ref().map_or_else(String::new, |accessor| {
            let namespace = self.vault.connection.resolved.auth_namespace.as_ref();
            let namespace = namespace.map_or_else(String::new, |namespace| format!("-namespace={namespace} "));
            format!("; an operator can revoke it: `vault token revoke {namespace}-accessor {accessor}`")
        });
        format!("the token could not be revoked, and {life}: {}{remedy}", refusal.error.message())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A second panic while the first one unwinds would end the process.
        let _ = catch_unwind(AssertUnwindSafe(|| self.end()));
    }
}
