//! A request, before it is sent.

use core::time::Duration;

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{Method, SecretSlice, SecretString};
use serde::Serialize;

use crate::auth::Watch;

/// Whether a request may be sent again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As often as the time allows: sending it twice does no harm.
    Safe,
    /// Only when it surely was not sent, or was refused before the server looked at it.
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
    /// An exchange that must not be given up half-way, though the caller may ask to stop; what lies between two
    /// attempts may.
    pub(crate) patience: Option<&'a Watch>,
    /// Most bytes of the answer.
    pub(crate) max_answer: usize,
}

/// Most answers have a few kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// A key of a thousand RSA versions has a megabyte.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

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
            patience: None,
            max_answer: MAX_ANSWER,
        }
    }

    /// Writes to `path`, or asks it something.
    pub(crate) fn post(path: &'a str, repeat: Repeat) -> Self {
        Self { method: Method::Post, repeat, ..Self::get(path) }
    }

    /// In this namespace. `root` is that of the server itself, as the `vault` and `bao` command lines have it.
    pub(crate) fn within(mut self, namespace: Option<&'a VaultPath>) -> Self {
        self.namespace = namespace.filter(|namespace| namespace.as_str() != "root");
        self
    }

    /// With the patience of a login, in each exchange.
    pub(crate) fn patiently(mut self, watch: &'a Watch) -> Self {
        self.patience = Some(watch);
        self
    }

    /// With this token.
    pub(crate) fn with_token(mut self, token: Option<&'a SecretString>) -> Self {
        self.token = token;
        self
    }

    /// With this JSON body. Its bytes are wiped afterwards. Optional fields must be left out when they are `None`
    /// (`skip_serializing_if`): servers take a null for a value of their own choice.
    ///
    /// # Errors
    /// `vault/credentials` when it cannot be written as JSON.
    pub(crate) fn with_body(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(|_| Error::new(Code::VaultCredentials, "not to be sent"))?;
        self.body = Some(SecretSlice::from(bytes));
        Ok(self)
    }

    /// With an answer of at most this many bytes, never more than 4 MiB.
    pub(crate) fn with_max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes.min(LARGEST_ANSWER);
        self
    }

    /// The path on the wire, below the address' prefix.
    pub(super) fn full_path(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("v1/{namespace}/{}", self.path),
            None => format!("v1/{}", self.path),
        }
    }
}
