//! An OPA server that is asked.

mod answer;

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::time::Instant;

use modelseal_core::{Code, Error, Narrow, NarrowInput, NarrowStage, OpaStage, Result};
use modelseal_http::{
    Address, Client, ClientConfig, Env, Header, Hooks, HttpError, HttpErrorKind, Method, Proxy, Request, RequestRecord,
    Response, Roots, SecretSlice, SecretString, Sent, is_excluded_from_proxy,
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::io::{Cap, read_capped};

/// Most bytes of an answer.
const MAX_ANSWER: usize = 1024 * 1024;

/// Most bytes of the file of the token.
const MAX_TOKEN: usize = 64 * 1024;

/// Before the one retry.
const PAUSE: Duration = Duration::from_millis(100);

/// Where documents that a server holds are asked for.
const DOCUMENTS: &str = "/v1/data/";

/// The `[opa]` stage of a policy.
pub struct OpaNarrow {
    client: Client,
    timeout: Duration,
    token_file: Option<PathBuf>,
}

impl OpaNarrow {
    /// Checks the address; sends nothing. The proxy is that of `HTTPS_PROXY`, never for this machine itself.
    ///
    /// # Errors
    /// `policy/syntax`, `usage/environment`.
    pub fn new(stage: &OpaStage, hooks: &Hooks, env: &dyn Env) -> Result<Self> {
        let address = address(&stage.url)?;
        let mut config = ClientConfig::new(address.clone());
        config.proxy = proxy(&address, env)?;
        config.connect_timeout = stage.timeout;
        config.hooks = hooks.clone();
        if let Some(pem) = &stage.ca_pem {
            config.tls.roots = Roots::Only(vec![pem.as_bytes().to_vec()]);
        }
        let client = Client::new(config).map_err(|error| wrong(error.message()))?;
        Ok(Self { client, timeout: stage.timeout, token_file: stage.token_file.clone() })
    }

    /// Has a document of facts judged, as [`Policy::input`](modelseal_core::Policy::input) makes it: allows with `Ok`.
    ///
    /// # Errors
    /// `policy/opa-denied`; `policy/opa-unavailable` when there is no answer that counts; `usage/interrupted`.
    pub fn judge(&self, document: &Value) -> Result<()> {
        let token = self.token_file.as_deref().map(token).transpose()?;
        let deadline = Instant::now() + self.timeout;
        let answer = match self.ask(document, token.as_ref(), deadline) {
            Err(error) if is_unconnected(&error) && Instant::now() + PAUSE < deadline => {
                self.client.wait(PAUSE).and_then(|()| self.ask(document, token.as_ref(), deadline))
            }
            answer => answer,
        };
        answer::judge(&answer.map_err(|error| self.failed(&error))?).map_err(|error| error.at(self.client.address()))
    }

    fn ask(&self, document: &Value, token: Option<&SecretString>, deadline: Instant) -> Result<Response, HttpError> {
        let started = Instant::now();
        let mut request = Request::to_address(Method::Post);
        request.body = Some(SecretSlice::from(serde_json::json!({"input": document}).to_string().into_bytes()));
        request.headers.extend(token.map(|token| Header::secret("authorization", token.clone())));
        request.max_answer = MAX_ANSWER;
        request.deadline = deadline;
        let answer = self.client.send(request);
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let path = path(self.client.address());
        self.client.record(&RequestRecord::new(Method::Post, &path, status, started.elapsed(), None));
        answer
    }

    fn failed(&self, error: &HttpError) -> Error {
        match error.kind() {
            HttpErrorKind::Stopped => Error::new(Code::UsageInterrupted, "the caller asked to stop"),
            _ => unavailable(format!("the OPA server {}: {}", self.client.address(), error.message())),
        }
    }
}

impl Narrow for OpaNarrow {
    fn stage(&self) -> NarrowStage {
        NarrowStage::Opa
    }

    fn decide(&self, input: &NarrowInput<'_>) -> Result<()> {
        self.judge(input.document)
    }
}

impl fmt::Debug for OpaNarrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaNarrow({})", self.client.address())
    }
}

/// `https`, or `http` to this machine; a document below `/v1/data/`.
fn address(url: &str) -> Result<Address> {
    let address = Address::parse(url).map_err(|error| wrong(error.message()))?;
    if address.socket().is_some() || (!address.is_tls() && !address.is_local()) {
        return Err(wrong("its url is not https; http is for this machine only"));
    }
    // Compared as it was written: an address does not show a `/` at its end.
    if url.ends_with('/') {
        return Err(wrong("its url ends with `/`, where OPA redirects"));
    }
    let path = path(&address);
    let Some(document) = path.strip_prefix(DOCUMENTS) else {
        return Err(wrong(format!("its url is not that of a document below {DOCUMENTS}")));
    };
    if document.split('/').any(str::is_empty) {
        return Err(wrong("its url has an empty part"));
    }
    Ok(address)
}

fn path(address: &Address) -> String {
    let text = address.to_string();
    let path = address.origin().and_then(|origin| Some(text.strip_prefix(origin.as_str())?.to_owned()));
    path.unwrap_or_default()
}

fn proxy(address: &Address, env: &dyn Env) -> Result<Proxy> {
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

/// The value of the header, from a file that may have been replaced since the last question.
fn token(path: &Path) -> Result<SecretString> {
    let shown = path.display();
    let cap = Cap { bytes: MAX_TOKEN, code: Code::PolicyOpaUnavailable };
    let bytes = read_capped(path, &cap).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| unavailable(format!("the token for OPA: {}", error.message())))?;
    let text = core::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unavailable(format!("the token for OPA: `{shown}` does not hold one token on one line")));
    }
    let value = Zeroizing::new(format!("Bearer {text}"));
    Ok(SecretString::from(value.as_str()))
}

/// Whether no connection was made.
fn is_unconnected(error: &HttpError) -> bool {
    matches!(error.kind(), HttpErrorKind::Connection | HttpErrorKind::Dns) && error.sent() == Sent::No
}

fn unavailable(message: impl AsRef<str>) -> Error {
    Error::new(Code::PolicyOpaUnavailable, message)
}

fn wrong(why: impl fmt::Display) -> Error {
    Error::new(Code::PolicySyntax, format!("[opa] cannot be used: {why}"))
}

#[cfg(test)]
mod tests;
