//! Asking a source over HTTP.

use core::time::Duration;
use std::time::Instant;

use modelseal_core::{Code, Error, Result};
use modelseal_http::{
    Address, Client, ClientConfig, Delays, Env, ExposeSecret as _, Header, Hooks, HttpError, HttpErrorKind, Method,
    Proxy, Query, Request, RequestRecord, Response, SecretSlice, SecretString, is_excluded_from_proxy,
};
use serde_json::Value;

use crate::scrub::scrubbed;

/// Most bytes of an answer.
const MOST: usize = 64 * 1024;

/// Longest time for all attempts together.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Attempts besides the first.
const RETRIES: usize = 6;

/// An address with its query, checked when it is found.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: Address,
    query: Query,
    proxy: Proxy,
}

/// A request to a source.
pub(crate) struct Call<'a> {
    /// What the source is called in messages.
    pub(crate) name: &'a str,
    pub(crate) method: Method,
    pub(crate) target: &'a Target,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) headers: Vec<Header>,
    /// What must not come back in a message.
    pub(crate) secret: Option<&'a SecretString>,
    /// On the machine itself: plain HTTP, no proxy, and little patience.
    pub(crate) metadata: bool,
}

impl Target {
    /// Reads the URL in a variable: `https`, or `http` to this machine.
    ///
    /// # Errors
    /// `usage/environment`; the URL itself is not quoted.
    pub(crate) fn of_variable(name: &str, text: &str, env: &dyn Env) -> Result<Self> {
        let wrong =
            |why: &str| Error::new(Code::UsageEnvironment, format!("the variable {name} cannot be used: {why}"));
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let address = Address::parse(address).map_err(|error| wrong(error.message()))?;
        if address.socket().is_some() || (!address.is_tls() && !address.is_local()) {
            return Err(wrong("it is not an https URL"));
        }
        let query = Query::parse(query).map_err(|error| wrong(error.message()))?;
        let proxy = proxy(&address, env)?;
        Ok(Self { address, query, proxy })
    }

    /// The metadata server of the machine.
    ///
    /// # Errors
    /// `usage/arguments`.
    pub(crate) fn of_machine(text: &str) -> Result<Self> {
        let address = Address::parse(text).map_err(|error| Error::new(Code::UsageArguments, error.message()))?;
        Ok(Self { address, query: Query::default(), proxy: Proxy::None })
    }
}

/// The proxy that others use, too.
pub(crate) fn proxy(address: &Address, env: &dyn Env) -> Result<Proxy> {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, env.var(name)?.to_string_lossy().into_owned())))
    };
    let Some((name, url)) = first(["HTTPS_PROXY", "https_proxy"]).filter(|_| !address.is_local()) else {
        return Ok(Proxy::None);
    };
    if first(["NO_PROXY", "no_proxy"]).is_some_and(|(_, list)| is_excluded_from_proxy(&list, address)) {
        return Ok(Proxy::None);
    }
    Proxy::url(&url).map_err(|error| {
        Error::new(Code::UsageEnvironment, format!("the variable {name} cannot be used: {}", error.message()))
    })
}

impl Call<'_> {
    /// The body of the answer. Refused connections, 429 and 5xx are tried again; anything else is final.
    ///
    /// # Errors
    /// `identity/unavailable`, `identity/missing` for a refusal, `identity/malformed`, `usage/*`.
    pub(crate) fn send(&self, hooks: &Hooks) -> Result<SecretSlice<u8>> {
        let mut config = ClientConfig::new(self.target.address.clone());
        config.proxy = self.target.proxy.clone();
        config.danger_plain_http = self.metadata;
        config.hooks = hooks.clone();
        let (patience, attempt, retries) = match self.metadata {
            true => (Duration::from_secs(5), Duration::from_secs(1), 2),
            false => (PATIENCE, ATTEMPT, RETRIES),
        };
        config.connect_timeout = attempt;
        let client = Client::new(config).map_err(|error| self.failed(&error))?;
        let end = Instant::now() + patience;
        let mut delays = Delays::new(Duration::from_millis(200), retries);
        loop {
            let (error, asked) = match self.attempt(&client, end.min(Instant::now() + attempt)) {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer.body),
                Ok(answer) if matches!(answer.status, 429 | 500..) => (self.refused(&answer), answer.retry_after),
                Ok(answer) => return Err(self.refused(&answer)),
                Err(error) if is_passing(error.kind()) => (self.failed(&error), None),
                Err(error) => return Err(self.failed(&error)),
            };
            match delays.next(asked).filter(|delay| Instant::now() + *delay < end) {
                Some(delay) => client.wait(delay).map_err(|error| self.failed(&error))?,
                None => return Err(error),
            }
        }
    }

    /// The token in a field of the answer.
    ///
    /// # Errors
    /// As [`send`](Self::send); `identity/malformed` when the field is not there.
    pub(crate) fn field(&self, hooks: &Hooks, field: &str) -> Result<SecretString> {
        let body = self.send(hooks)?;
        let token = match serde_json::from_slice::<Value>(body.expose_secret()) {
            Ok(Value::Object(mut object)) => object.remove(field),
            _ => None,
        };
        match token {
            Some(Value::String(token)) if !token.is_empty() => Ok(SecretString::from(token)),
            _ => {
                let message = format!("the answer of {} has no token in `{field}`", self.name);
                Err(Error::new(Code::IdentityMalformed, message))
            }
        }
    }

    fn attempt(&self, client: &Client, deadline: Instant) -> Result<Response, HttpError> {
        let started = Instant::now();
        let mut request = Request::to_address(self.method);
        request.query = self.query.iter().fold(self.target.query.clone(), |all, (name, value)| all.with(name, value));
        request.headers.clone_from(&self.headers);
        request.max_answer = MOST;
        request.deadline = deadline;
        let answer = client.send(request);
        let status = answer.as_ref().ok().map(|answer| answer.status);
        client.record(&RequestRecord::new(self.method, &self.path(), status, started.elapsed(), None));
        answer
    }

    /// Host and path, for the log.
    fn path(&self) -> String {
        let text = self.target.address.to_string();
        text.split_once("://").map_or(text.clone(), |(_, rest)| rest.to_owned())
    }

    fn failed(&self, error: &HttpError) -> Error {
        let code = match error.kind() {
            HttpErrorKind::Stopped => return Error::new(Code::UsageInterrupted, "the caller asked to stop"),
            HttpErrorKind::Config | HttpErrorKind::PlainHttp => Code::UsageEnvironment,
            _ => Code::IdentityUnavailable,
        };
        Error::new(code, format!("{} gives no identity token: {}", self.name, error.message()))
    }

    fn refused(&self, answer: &Response) -> Error {
        let (name, status) = (self.name, answer.status);
        if (300..400).contains(&status) {
            let to = answer.location.as_deref().and_then(|to| Address::parse(to.split(['?', '#']).next()?).ok());
            let to = to.and_then(|to| to.origin()).map_or_else(String::new, |to| format!(" to {to}"));
            let message = format!("{name} gives no identity token: it redirects{to}, which is not followed");
            return Error::new(Code::IdentityUnavailable, message);
        }
        let secrets: Vec<&str> = self.secret.iter().map(|secret| secret.expose_secret()).collect();
        let words = scrubbed(answer.body.expose_secret(), &secrets);
        let words = if words.is_empty() { words } else { format!(": {words}") };
        let code = if matches!(status, 429 | 500..) { Code::IdentityUnavailable } else { Code::IdentityMissing };
        Error::new(code, format!("{name} gives no identity token: status {status}{words}"))
    }
}

/// Whether trying again may help.
const fn is_passing(kind: &HttpErrorKind) -> bool {
    matches!(kind, HttpErrorKind::Connection | HttpErrorKind::Dns | HttpErrorKind::Timeout)
}
