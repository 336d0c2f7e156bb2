//! Fetching the keys of an issuer.

use core::time::Duration;
use std::time::Instant;

use modelseal_core::{Code, Error, Result, parse_json};
use modelseal_http::{
    Address, Client, ClientConfig, Delays, Env, ExposeSecret as _, Header, Hooks, HttpError, HttpErrorKind, Method,
    Proxy, Query, Request, RequestRecord, Response,
};
use serde_json::{Map, Value};

use super::key_set;
use super::{Issuer, KeySource};
use crate::fetch::proxy;

/// Longest time for one document, all attempts together.
const PATIENCE: Duration = Duration::from_secs(5);

/// Attempts besides the first, for failures that pass.
const RETRIES: usize = 2;

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub(super) struct Download {
    issuer: String,
    document: Document,
    proxy: Proxy,
    /// Whether the document is the key set itself.
    direct: bool,
}

/// One address, `https` or on this machine.
#[derive(Clone, Debug)]
struct Document {
    address: Address,
    query: Query,
}

impl Download {
    /// Where the keys are; `None` when they need not be fetched.
    ///
    /// # Errors
    /// `identity/issuer` for an address that keys cannot be fetched from, `usage/environment`.
    pub(super) fn of(issuer: &Issuer, env: &dyn Env) -> Result<Option<Self>> {
        let (text, direct) = match &issuer.keys {
            KeySource::Pinned(_) => return Ok(None),
            KeySource::Address(address) => (address.clone(), true),
            KeySource::Discovery => {
                (format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/')), false)
            }
        };
        let what = if direct { "the address of the key set" } else { "the issuer" };
        let document = Document::read(&text).map_err(|why| {
            Error::new(Code::IdentityIssuer, format!("{what} cannot be used: {why}"))
                .with_hint("keys are fetched over https only; give those of any other issuer with --jwks FILE")
        })?;
        let proxy = proxy(&document.address, env)?;
        Ok(Some(Self { issuer: issuer.url.clone(), document, proxy, direct }))
    }

    /// The key set, as it is there now.
    ///
    /// # Errors
    /// `identity/keys-unavailable`, `identity/keys-malformed`, `usage/interrupted`, `usage/environment`.
    pub(super) fn key_set(&self, hooks: &Hooks) -> Result<Vec<u8>> {
        if self.direct {
            return self.get(&self.document, hooks);
        }
        let text = self.get(&self.document, hooks)?;
        self.get(&self.discovered(&text)?, hooks)
    }

    /// The address of the key set in a discovery document, which must be that of the issuer and stay at its host.
    fn discovered(&self, text: &[u8]) -> Result<Document> {
        let wrong = |why: String| {
            Error::new(Code::IdentityKeysMalformed, format!("the discovery document of `{}` {why}", self.issuer))
        };
        let Ok(object) = parse_json::<Map<String, Value>>(text, "") else {
            return Err(wrong("is not a JSON object with one reading".to_owned()));
        };
        let field = |name: &str| object.get(name).and_then(Value::as_str);
        if field("issuer") != Some(&self.issuer) {
            let found = field("issuer").map_or_else(|| "nobody".to_owned(), |found| format!("`{}`", super::cut(found)));
            return Err(wrong(format!("is one of {found}")));
        }
        let uri = field("jwks_uri").ok_or_else(|| wrong("has no `jwks_uri`".to_owned()))?;
        let keys = Document::read(uri).map_err(|why| wrong(format!("has a `jwks_uri` that cannot be used: {why}")))?;
        if keys.address.origin() != self.document.address.origin() {
            let elsewhere = keys.address.origin().unwrap_or_default();
            return Err(wrong(format!("has its keys at another host, {}", super::cut(&elsewhere)))
                .with_hint("name the address of the key set yourself if it is the right one"));
        }
        Ok(keys)
    }

    /// One document. Failures that pass are tried again, as long as there is time.
    fn get(&self, document: &Document, hooks: &Hooks) -> Result<Vec<u8>> {
        let mut config = ClientConfig::new(document.address.clone());
        config.proxy = self.proxy.clone();
        config.connect_timeout = PATIENCE;
        config.hooks = hooks.clone();
        let client = Client::new(config).map_err(|error| self.failed(&error))?;
        let end = Instant::now() + PATIENCE;
        let mut delays = Delays::new(Duration::from_millis(200), RETRIES);
        loop {
            let (error, asked) = match attempt(&client, document, end) {
                Ok(answer) if answer.status == 200 => return Ok(answer.body.expose_secret().to_vec()),
                Ok(answer) if matches!(answer.status, 429 | 500..) => (self.refused(&answer), answer.retry_after),
                Ok(answer) => return Err(self.refused(&answer)),
                Err(error) if matches!(error.kind(), HttpErrorKind::Connection | HttpErrorKind::Dns) => {
                    (self.failed(&error), None)
                }
                Err(error) => return Err(self.failed(&error)),
            };
            match delays.next(asked).filter(|delay| Instant::now() + *delay < end) {
                Some(delay) => client.wait(delay).map_err(|error| self.failed(&error))?,
                None => return Err(error),
            }
        }
    }

    fn failed(&self, error: &HttpError) -> Error {
        let code = match error.kind() {
            HttpErrorKind::Stopped => return Error::new(Code::UsageInterrupted, "the caller asked to stop"),
            HttpErrorKind::Config | HttpErrorKind::PlainHttp => Code::UsageEnvironment,
            HttpErrorKind::TooLarge => Code::IdentityKeysMalformed,
            _ => Code::IdentityKeysUnavailable,
        };
        Error::new(code, format!("the keys of `{}` cannot be fetched: {}", self.issuer, error.message()))
    }

    fn refused(&self, answer: &Response) -> Error {
        let why = match answer.status {
            300..400 => "it redirects, which is not followed".to_owned(),
            status => format!("status {status}"),
        };
        Error::new(Code::IdentityKeysUnavailable, format!("the keys of `{}` cannot be fetched: {why}", self.issuer))
    }
}

impl Document {
    fn read(text: &str) -> Result<Self, String> {
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let address = Address::parse(address).map_err(|error| error.message().to_owned())?;
        if address.socket().is_some() || (!address.is_tls() && !address.is_local()) {
            return Err("it is not an https URL".to_owned());
        }
        let query = Query::parse(query).map_err(|error| error.message().to_owned())?;
        Ok(Self { address, query })
    }
}

fn attempt(client: &Client, document: &Document, deadline: Instant) -> Result<Response, HttpError> {
    let started = Instant::now();
    let mut request = Request::to_address(Method::Get);
    request.query = document.query.clone();
    request.headers = vec![Header::plain("accept", "application/json")];
    request.max_answer = key_set::MOST;
    request.deadline = deadline;
    let answer = client.send(request);
    let status = answer.as_ref().ok().map(|answer| answer.status);
    let text = document.address.to_string();
    let path = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    client.record(&RequestRecord::new(Method::Get, path, status, started.elapsed(), None));
    answer
}
