//! Where logins are made: the calls that several methods share.

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{ExposeSecret as _, SecretString, Sent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Granted;
use super::source::{Kind, Source};
use super::watch::Watch;
use crate::answer::Answer;
use crate::connection::{Call, Connection, Repeat};
use crate::refusal::Refusal;
use crate::token::{Lookup, Token, TokenSummary, is_sendable};

/// The text by which servers say that a wrapping token was used, has expired or never was one. It is one of the two
/// texts that decide something, since nothing else in the answer does.
const NOT_VALID: &str = "wrapping token is not valid or does not exist";

/// Longest text of the server's in a message.
const MOST_CHARACTERS: usize = 300;

/// A connection to log in through.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) connection: &'a Connection,
    pub(super) watch: &'a Watch,
}

impl Desk<'_> {
    fn namespace(&self) -> Option<&VaultPath> {
        self.connection.resolved.auth_namespace.as_ref()
    }

    /// Reads a secret, which no text of the server then repeats.
    pub(super) fn read(&self, source: &Source) -> Result<SecretString> {
        let secret = source.read(&|| self.watch.is_stopped())?;
        // What else stands in a sink is not secret, and in texts of the server as well.
        if source.kind() != Kind::Sink {
            self.connection.discretion.learn(&secret);
        }
        Ok(secret)
    }

    /// A text of the server's, for a message.
    pub(super) fn shown(&self, text: &str) -> String {
        self.connection.discretion.hide(text).chars().take(MOST_CHARACTERS).collect()
    }

    /// Posts to `auth/MOUNT/login`, and waits for the answer although the caller may ask to stop.
    pub(super) fn log_in(
        &self,
        mount: &VaultPath,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<Granted, LoginFailure> {
        self.watch.check().map_err(LoginFailure::Other)?;
        let path = format!("auth/{mount}/login");
        let call = Call::post(&path, repeat).within(self.namespace()).patiently(self.watch);
        let call = call.with_body(body).map_err(LoginFailure::Other)?;
        let answer = self.connection.ask::<serde::de::IgnoredAny>(call).map_err(|refusal| match refusal.status {
            Some(400 | 403) => LoginFailure::Refused(refusal),
            _ if is_definite_no(&refusal) => LoginFailure::Other(refusal.error),
            _ => LoginFailure::Other(orphaned(&refusal.error)),
        })?;
        Granted::of_login(answer).map_err(LoginFailure::Other)
    }

    /// What a given token says of itself. When it may not, it cannot be judged, and only those who accept tokens
    /// without end accept it.
    pub(super) fn look_up(&self, token: SecretString, name: &str, danger_unlimited: bool) -> Result<Granted> {
        if !is_sendable(&token) {
            return Err(Error::new(Code::VaultCredentials, format!("{name} is not a token")));
        }
        let call = Call::get("auth/token/lookup-self").within(self.namespace()).with_token(Some(&token));
        let (summary, warnings) = match self.connection.ask::<Lookup>(call) {
            Ok(Answer { data: Some(lookup), warnings, .. }) => {
                (lookup.summary(&self.connection.discretion), warnings.unwrap_or_default())
            }
            Ok(_) => return Err(Error::new(Code::VaultAnswer, "the server says nothing about the token")),
            Err(refusal) if refusal.status == Some(403) && danger_unlimited => {
                let warning = format!("{name} may not look at itself: how long it lives is not known");
                (TokenSummary::unknown(), vec![warning])
            }
            Err(refusal) if refusal.status == Some(403) && refusal.error.code() != Code::VaultTokenInvalid => {
                let message = format!("{name} may not look at itself, so it cannot be judged");
                let hint = "it has expired or was revoked, or its policies do not let it read auth/token/lookup-self; \
                            to use it unseen give --danger-unlimited-token";
                return Err(refusal.named(Code::VaultPermission, &message).with_hint(hint));
            }
            Err(refusal) => return Err(refusal.error),
        };
        Ok(Granted::new(Token { secret: Some(token), summary }, warnings))
    }

    /// The path where a wrapping token was made. Does not use it up.
    ///
    /// # Errors
    /// `vault/wrapping-token`.
    pub(super) fn creation_path(&self, wrapping: &SecretString) -> Result<String> {
        #[derive(Serialize)]
        struct Body<'a> {
            token: &'a str,
        }
        #[derive(Deserialize)]
        struct Data {
            creation_path: String,
        }
        self.connection.discretion.learn(wrapping);
        let body = Body { token: wrapping.expose_secret() };
        let call = Call::post("sys/wrapping/lookup", Repeat::Safe).within(self.namespace()).with_body(&body)?;
        let answer = self.connection.ask::<Data>(call).map_err(|refusal| {
            if refusal.status == Some(400) || says_not_valid(&refusal) {
                refusal.named(Code::VaultWrappingToken, "the wrapping token is no longer there to be unwrapped")
            } else {
                refusal.error
            }
        })?;
        let data =
            answer.data.ok_or_else(|| Error::new(Code::VaultAnswer, "the server says nothing about the token"))?;
        Ok(data.creation_path)
    }

    /// Unwraps, once. `what` is what is lost when the answer is.
    ///
    /// # Errors
    /// `vault/wrapping-token`.
    pub(super) fn unwrap<T: DeserializeOwned>(&self, wrapping: &SecretString, what: &str) -> Result<Answer<T>> {
        if !is_sendable(wrapping) {
            return Err(Error::new(Code::VaultCredentials, "the wrapping token is not a token"));
        }
        self.watch.check()?;
        let call = Call::post("sys/wrapping/unwrap", Repeat::Never).within(self.namespace());
        let call = call.with_token(Some(wrapping)).patiently(self.watch);
        self.connection.ask::<T>(call).map_err(|refusal| match refusal.status {
            Some(200 | 204) => out_of_its_wrapping(&refusal.error, what),
            // It was there a moment ago: whoever was faster has the secret now.
            Some(400..=404) => {
                refusal.named(Code::VaultWrappingToken, "the wrapping token was there, and could not be unwrapped")
            }
            _ if says_not_valid(&refusal) => refusal.named(Code::VaultWrappingToken, "the wrapping token is used up"),
            _ => used_up(refusal, what),
        })
    }
}

/// A login that gave no token.
pub(super) enum LoginFailure {
    /// The server says no: 400 or 403.
    Refused(Refusal),
    /// Anything else.
    Other(Error),
}

impl LoginFailure {
    /// As `vault/login-refused`, with a better hint; anything else unchanged.
    pub(super) fn named(self, message: &str, hint: impl FnOnce(&Refusal) -> String) -> Error {
        match self {
            Self::Refused(refusal) => {
                let (hint, lost) = (hint(&refusal), refusal.lost);
                let error = refusal.named(Code::VaultLoginRefused, message).with_hint(hint);
                // The refusal is of the last attempt. An earlier one may have succeeded.
                if lost { orphaned(&error) } else { error }
            }
            Self::Other(error) => error,
        }
    }
}

/// Whether an answer was lost on the way, or before a gateway.
fn is_lost(refusal: &Refusal) -> bool {
    match refusal.status {
        None => refusal.sent == Sent::Maybe,
        Some(status) => matches!(status, 502 | 504),
    }
}

/// Whether the server surely gave no token.
fn is_definite_no(refusal: &Refusal) -> bool {
    let no = match refusal.status {
        None | Some(503) => refusal.sent == Sent::No,
        Some(status) => matches!(status, 400 | 403 | 429),
    };
    no && !refusal.lost
}

/// An error after which a token may live that nobody knows.
pub(super) fn orphaned(error: &Error) -> Error {
    let message =
        format!("{}; if the login succeeded its token is not known here and cannot be revoked", error.message());
    Error::new(error.code(), message).with_hint(error.hint())
}

/// The server says that it unwrapped, and what came is not what was wrapped.
pub(super) fn out_of_its_wrapping(error: &Error, what: &str) -> Error {
    let message = format!("{}; {what} is out of its wrapping, and did not arrive here", error.message());
    let hint = format!(
        "whatever stands between here and the server may have read {what}: have it destroyed and a new one issued, and \
         tell security"
    );
    Error::new(error.code(), message).with_hint(hint)
}

/// An error after which a secret that works once may have been used.
pub(super) fn used_up(refusal: Refusal, what: &str) -> Error {
    if !is_lost(&refusal) {
        return refusal.error;
    }
    let error = refusal.error;
    let message = format!("{}; {what} may be used up", error.message());
    let hint = format!("{what} may be used up: have a new one issued; {}", error.code().hint());
    Error::new(error.code(), message).with_hint(hint)
}

fn says_not_valid(refusal: &Refusal) -> bool {
    refusal.words.iter().any(|words| words.contains(NOT_VALID))
}
