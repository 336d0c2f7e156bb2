//! Requests to the server: paths, headers, retries, and what failures mean.

use core::time::Duration;
use std::time::Instant;

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{Client, ExposeSecret as _, Header, Method, Request, SecretSlice, SecretString, Sent};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::environment::Resolved;
use crate::refusal::Refusal;

/// Whether a request may be sent again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As often as the time allows: sending it twice does no harm.
    Safe,
    /// Only when it surely was not sent.
    IfNotSent,
    /// Never.
    Never,
}

/// A request to the API.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Below `/v1/` and the namespace.
    pub(crate) path: &'a str,
    pub(crate) namespace: Option<&'a VaultPath>,
    pub(crate) token: Option<&'a SecretString>,
    pub(crate) body: Option<SecretSlice<u8>>,
    pub(crate) repeat: Repeat,
    /// Longest time with all repetitions; `None`: that of the settings.
    pub(crate) timeout: Option<Duration>,
    /// Whether the caller may stop it.
    pub(crate) stoppable: bool,
}

impl<'a> Call<'a> {
    /// Reads `path`.
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            method: Method::Get,
            path,
            namespace: None,
            token: None,
            body: None,
            repeat: Repeat::Safe,
            timeout: None,
            stoppable: true,
        }
    }

    /// Writes to `path`, or asks it something.
    pub(crate) fn post(path: &'a str, repeat: Repeat) -> Self {
        Self { method: Method::Post, repeat, ..Self::get(path) }
    }

    /// In this namespace.
    pub(crate) fn within(mut self, namespace: Option<&'a VaultPath>) -> Self {
        self.namespace = namespace;
        self
    }

    /// With this token.
    pub(crate) fn with_token(mut self, token: Option<&'a SecretString>) -> Self {
        self.token = token;
        self
    }

    /// With this JSON body. Its bytes are wiped afterwards.
    ///
    /// # Errors
    /// `vault/credentials` when it cannot be written as JSON.
    pub(crate) fn with_body(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(|_| Error::new(Code::VaultCredentials, "not to be sent"))?;
        self.body = Some(SecretSlice::from(bytes));
        Ok(self)
    }
}

/// What `sys/health` says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The version of the server.
    pub version: String,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Whether it was initialised.
    pub initialized: bool,
    /// Whether it is a standby node.
    pub standby: bool,
}

/// A server and how to reach it.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    pub(crate) resolved: Resolved,
}

impl Connection {
    /// # Errors
    /// `vault/address`, `vault/tls`, `vault/plain-http`.
    pub(crate) fn new(resolved: Resolved) -> Result<Self> {
        let client =
            Client::new(resolved.client.clone()).map_err(|error| Error::new(Code::VaultAddress, error.message()))?;
        Ok(Self { client, resolved })
    }

    /// Makes a call whose answer is JSON.
    pub(crate) fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Answer<T>, Refusal> {
        let response = self.call(call)?;
        Ok(Answer::read(&response)?)
    }

    /// Makes a call whose answer does not matter.
    pub(crate) fn tell(&self, call: Call<'_>) -> Result<(), Refusal> {
        self.call(call).map(drop)
    }

    fn call(&self, call: Call<'_>) -> Result<modelseal_http::Response, Refusal> {
        // Minimal, without retries and most meanings: the connection helper completes this.
        let path = match call.namespace {
            Some(namespace) => format!("v1/{namespace}/{}", call.path),
            None => format!("v1/{}", call.path),
        };
        let mut request = Request::new(call.method, &path);
        request.deadline = Instant::now() + call.timeout.unwrap_or(self.resolved.timeout);
        request.stoppable = call.stoppable;
        request.headers.push(Header::plain("x-vault-request", "true"));
        if let Some(token) = call.token {
            request.headers.push(Header::secret("x-vault-token", token.clone()));
        }
        request.body = call.body;
        match self.client.send(request) {
            Ok(response) if matches!(response.status, 200 | 204) => Ok(response),
            Ok(response) => {
                #[derive(serde::Deserialize)]
                struct Errors {
                    errors: Vec<String>,
                }
                let words = serde_json::from_slice::<Errors>(response.body.expose_secret())
                    .map(|body| body.errors)
                    .unwrap_or_default();
                let error = Error::new(
                    Code::VaultRefused,
                    format!("{} {}: status {}: {}", call.method.as_str(), call.path, response.status, words.join("; ")),
                );
                Err(Refusal { status: Some(response.status), words, sent: Sent::Maybe, error })
            }
            Err(error) => Err(Refusal {
                status: None,
                words: Vec::new(),
                sent: error.sent(),
                error: Error::new(Code::VaultUnreachable, error.message()),
            }),
        }
    }
}
