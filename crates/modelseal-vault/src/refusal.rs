//! Why a request failed: status and words of the server, or the failure on the way, and the error code for it.

use modelseal_core::{Code, Error};
use modelseal_http::Sent;

/// A failed request, before the step that made it gives it a meaning of its own.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The status; `None` when there was no answer.
    pub(crate) status: Option<u16>,
    /// The server's own words: capped, not escaped, and untrusted. Only for messages, never to decide, except where
    /// `docs/vault.md` says so.
    pub(crate) words: Vec<String>,
    /// Whether the server may have acted.
    pub(crate) sent: Sent,
    /// What it means, unless the step knows better.
    pub(crate) error: Error,
}

impl Refusal {
    /// The same refusal with the code that the step gives it, the server's words kept in the message.
    pub(crate) fn named(self, code: Code, message: &str) -> Error {
        if self.words.is_empty() {
            Error::new(code, message)
        } else {
            Error::new(code, format!("{message}: {}", self.words.join("; ")))
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: None, words: Vec::new(), sent: Sent::Maybe, error }
    }
}
